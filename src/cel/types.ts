/** A type without parameters. */
export interface SimpleType {
  readonly kind: 'dyn' | 'error' | 'bool' | 'int' | 'uint' | 'double' | 'string' | 'bytes' | 'null' | 'timestamp' | 'duration'
}

export interface ListType {
  readonly kind: 'list'
  readonly element: CelType
}

export interface MapType {
  readonly kind: 'map'
  readonly key: CelType
  readonly value: CelType
}

/** `optional_type(of)`. */
export interface OptionalType {
  readonly kind: 'optional'
  readonly of: CelType
}

/** The type of a type: `int` as a value is of type `type(int)`. */
export interface TypeType {
  readonly kind: 'type'
  readonly of: CelType
}

/** A type with declared fields; only these may be selected. `isOpen` accepts any field, as `dyn`. */
export interface ObjectType {
  readonly kind: 'object'
  readonly name: string
  readonly fields: ReadonlyMap<string, CelType>
  readonly isOpen: boolean
}

/** A type with functions only, such as `kubernetes.Quantity`. */
export interface OpaqueType {
  readonly kind: 'opaque'
  readonly name: string
}

/** A type parameter of a function, or one the checker has yet to find. */
export interface ParameterType {
  readonly kind: 'parameter'
  readonly name: string
}

/** A type of the checker. */
export type CelType = SimpleType | ListType | MapType | OptionalType | TypeType | ObjectType | OpaqueType | ParameterType

export const DYN: CelType = { kind: 'dyn' }
/** The type of something already reported; it fits everywhere, so that one mistake is reported once. */
export const ERROR: CelType = { kind: 'error' }
export const BOOL: CelType = { kind: 'bool' }
export const INT: CelType = { kind: 'int' }
export const UINT: CelType = { kind: 'uint' }
export const DOUBLE: CelType = { kind: 'double' }
export const STRING: CelType = { kind: 'string' }
export const BYTES: CelType = { kind: 'bytes' }
export const NULL: CelType = { kind: 'null' }
export const TIMESTAMP: CelType = { kind: 'timestamp' }
export const DURATION: CelType = { kind: 'duration' }

export const listOf = (element: CelType): CelType => ({ kind: 'list', element })

export const mapOf = (key: CelType, value: CelType): CelType => ({ kind: 'map', key, value })

export const optionalOf = (of: CelType): CelType => ({ kind: 'optional', of })

export const typeOf = (of: CelType): CelType => ({ kind: 'type', of })

export const opaque = (name: string): CelType => ({ kind: 'opaque', name })

export const parameter = (name: string): CelType => ({ kind: 'parameter', name })

/** Declares a type with exactly these fields. */
export const objectOf = (name: string, fields: Readonly<Record<string, CelType>>): CelType => ({
  kind: 'object',
  name,
  fields: new Map(Object.entries(fields)),
  isOpen: false,
})

/** Whether two types are the same, including the names of type parameters. */
export function isSameType(a: CelType, b: CelType): boolean {
  if (a === b) return true
  switch (a.kind) {
    case 'list':
      return b.kind === 'list' && isSameType(a.element, b.element)
    case 'map':
      return b.kind === 'map' && isSameType(a.key, b.key) && isSameType(a.value, b.value)
    case 'optional':
      return b.kind === 'optional' && isSameType(a.of, b.of)
    case 'type':
      return b.kind === 'type' && isSameType(a.of, b.of)
    case 'object':
      return b.kind === 'object' && a.name === b.name
    case 'opaque':
      return b.kind === 'opaque' && a.name === b.name
    case 'parameter':
      return b.kind === 'parameter' && a.name === b.name
    default:
      return a.kind === b.kind
  }
}

/** Writes a type as Kubernetes does in its messages. */
export function formatType(type: CelType): string {
  switch (type.kind) {
    case 'list':
      return `list(${formatType(type.element)})`
    case 'map':
      return `map(${formatType(type.key)}, ${formatType(type.value)})`
    case 'optional':
      return `optional_type(${formatType(type.of)})`
    case 'type':
      return `type(${formatType(type.of)})`
    case 'object':
    case 'opaque':
    case 'parameter':
      return type.name
    default:
      return type.kind
  }
}
