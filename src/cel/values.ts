import type { CelError } from './failure.ts'

/** A CEL list: a JSON array, or one an expression made. */
export type CelList = readonly CelValue[]

/** A CEL map whose keys are strings: a JSON object, or one an expression made. Only own properties count. */
export interface CelRecord {
  readonly [key: string]: CelValue | undefined
}

/**
 * Any value an expression can meet, over plain JSON without conversion: a `number` that is a safe integer is an int, any other `number`
 * a double; a `bigint` is an int beyond the safe ones, and `Double` a double that happens to be a safe integer (`2.0`).
 */
export type CelValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | CelList
  | CelRecord
  | CelMap
  | Double
  | Uint
  | Timestamp
  | Duration
  | TypeValue
  | Optional
  | Opaque
  | CelError

/** The kinds of values; `error` is one too, since errors travel as values. */
export type Kind =
  | 'null'
  | 'bool'
  | 'int'
  | 'uint'
  | 'double'
  | 'string'
  | 'bytes'
  | 'list'
  | 'map'
  | 'timestamp'
  | 'duration'
  | 'type'
  | 'optional'
  | 'opaque'
  | 'error'

/** Base of the values JSON has no notation for. Their fields start with `$`, which no field name in an expression can. */
export abstract class Boxed {
  abstract get $kind(): Kind
}

/** A double whose value is a safe integer. */
export class Double extends Boxed {
  readonly $value: number
  constructor(value: number) {
    super()
    this.$value = value
  }
  get $kind(): Kind {
    return 'double'
  }
}

/** An unsigned integer below 2^64. */
export class Uint extends Boxed {
  readonly $value: bigint
  constructor(value: bigint) {
    super()
    this.$value = value
  }
  get $kind(): Kind {
    return 'uint'
  }
}

/** A point in time: whole seconds since 1970 and nanoseconds, with the offset it was written with (seconds east of UTC). */
export class Timestamp extends Boxed {
  readonly $seconds: number
  readonly $nanos: number
  readonly $offset: number
  constructor(seconds: number, nanos: number, offset = 0) {
    super()
    this.$seconds = seconds
    this.$nanos = nanos
    this.$offset = offset
  }
  get $kind(): Kind {
    return 'timestamp'
  }
}

/** A span of time in nanoseconds. */
export class Duration extends Boxed {
  readonly $nanos: bigint
  constructor(nanos: bigint) {
    super()
    this.$nanos = nanos
  }
  get $kind(): Kind {
    return 'duration'
  }
}

/** A type as a value: what `type(x)` gives and what the name `int` stands for. */
export class TypeValue extends Boxed {
  readonly $name: string
  constructor(name: string) {
    super()
    this.$name = name
  }
  get $kind(): Kind {
    return 'type'
  }
}

/** A value that may be absent. */
export class Optional extends Boxed {
  readonly $value: CelValue | undefined
  constructor(value: CelValue | undefined) {
    super()
    this.$value = value
  }
  get $kind(): Kind {
    return 'optional'
  }
}

/** The absent optional. */
export const NONE = new Optional(undefined)

/** A map with at least one key that is no string. Entries stand under the exact form of their key, see `mapGet`. */
export class CelMap extends Boxed {
  readonly $entries: ReadonlyMap<unknown, readonly [key: CelValue, value: CelValue]>
  constructor(entries: ReadonlyMap<unknown, readonly [key: CelValue, value: CelValue]>) {
    super()
    this.$entries = entries
  }
  get $kind(): Kind {
    return 'map'
  }
}

/** Base of the types of Kubernetes' libraries, such as quantities. */
export abstract class Opaque extends Boxed {
  get $kind(): Kind {
    return 'opaque'
  }
  /** The name of the type, as `type(x)` shows it. */
  abstract get $type(): string
  /** Whether the two are equal, or the error that they cannot be compared. */
  abstract $equals(other: Opaque): boolean | CelError
  /** The value as Kubernetes writes it. */
  abstract $text(): string
}

/** What kind of value it is. INVARIANT: total over anything JavaScript can hold; an object of a foreign class is a map of its own fields. */
export function kindOf(value: CelValue): Kind {
  switch (typeof value) {
    case 'string':
      return 'string'
    case 'number':
      return Number.isSafeInteger(value) ? 'int' : 'double'
    case 'boolean':
      return 'bool'
    case 'bigint':
      return 'int'
    default:
      if (value === null) return 'null'
      if (Array.isArray(value)) return 'list'
      if (value instanceof Boxed) return value.$kind
      return value instanceof Uint8Array ? 'bytes' : 'map'
  }
}

const TYPE_NAMES: Readonly<Record<Exclude<Kind, 'opaque'>, string>> = {
  null: 'null_type',
  bool: 'bool',
  int: 'int',
  uint: 'uint',
  double: 'double',
  string: 'string',
  bytes: 'bytes',
  list: 'list',
  map: 'map',
  timestamp: 'google.protobuf.Timestamp',
  duration: 'google.protobuf.Duration',
  type: 'type',
  optional: 'optional_type',
  error: 'error',
}

/** The name of a value's type, as `type(x)` shows it. */
export function typeName(value: CelValue): string {
  if (value instanceof Opaque) return value.$type
  const kind = kindOf(value)
  return kind === 'opaque' ? 'opaque' : TYPE_NAMES[kind]
}

/** Whether a value is a list. */
export function isList(value: CelValue): value is CelList {
  return Array.isArray(value)
}

/** Whether the value is a map with string keys only, such as every JSON object. */
export function isRecord(value: CelValue): value is CelRecord {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Boxed) && !(value instanceof Uint8Array)
}

/** Whether a value is a map, with keys of whatever type. */
export function isMap(value: CelValue): value is CelRecord | CelMap {
  return isRecord(value) || value instanceof CelMap
}

/** Whether a value is bytes. */
export function isBytes(value: CelValue): value is Uint8Array {
  return value instanceof Uint8Array
}

/** Whether a value is an int. */
export function isInt(value: CelValue): value is number | bigint {
  return typeof value === 'number' ? Number.isSafeInteger(value) : typeof value === 'bigint'
}

/** Whether a value is a double. */
export function isDouble(value: CelValue): value is number | Double {
  return typeof value === 'number' ? !Number.isSafeInteger(value) : value instanceof Double
}

/** The double as a JavaScript number. */
export function doubleOf(value: number | Double): number {
  return typeof value === 'number' ? value : value.$value
}

/** Makes a double, boxed where the bare number would be taken for an int. */
export function toDouble(value: number): CelValue {
  return Number.isSafeInteger(value) ? new Double(value) : value
}

/** Whether `value` can be handed to an expression: anything but `undefined`, functions and symbols. */
export function isCelValue(value: unknown): value is CelValue {
  return value !== undefined && typeof value !== 'function' && typeof value !== 'symbol'
}

/** Whether a field may be read off the value as a property. INVARIANT: callers read only names for which `isPlainName` holds. */
export function hasFields(value: unknown): value is CelRecord {
  return typeof value === 'object' && value !== null
}

/** Whether a value is certainly a map as JSON has it, without asking what else it could be: a field it lacks is no field at all. */
export function isJsonObject(value: CelValue): value is CelRecord {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
}

const PROTOTYPES: readonly object[] = [
  Object.prototype,
  Array.prototype,
  Uint8Array.prototype,
  Object.getPrototypeOf(Uint8Array.prototype),
  Map.prototype,
  Set.prototype,
  Date.prototype,
  RegExp.prototype,
  Error.prototype,
  Promise.prototype,
  Function.prototype,
]
const INHERITED: ReadonlySet<string> = new Set(PROTOTYPES.flatMap((prototype) => Object.getOwnPropertyNames(prototype)))

/** Whether no value inherits a property of this name, so that reading it gives an own property or nothing. */
export function isPlainName(name: string): boolean {
  return !INHERITED.has(name) && !name.startsWith('$') && !/^[0-9]/.test(name)
}
