import { toInt, toUint } from './arithmetic.ts'
import { CelError, fail, noOverload } from './failure.ts'
import { costlyGlobal, global, type LibraryEntry, member, traversal } from './library-entry.ts'
import { mapSize } from './maps.ts'
import { codePointCount } from './text.ts'
import { durationText, parseDuration, parseTimestamp, timestampText, toTimestamp } from './time.ts'
import { type CelValue, Duration, doubleOf, isBytes, isDouble, isInt, isList, isMap, Opaque, Timestamp, TypeValue, toDouble, typeName, Uint } from './values.ts'

function conversionError(value: CelValue, target: string): CelError {
  return value instanceof CelError ? value : fail('Conversion', `type conversion error from '${typeName(value)}' to '${target}'`)
}

const TRUE_WORDS: ReadonlySet<CelValue> = new Set(['1', 't', 'T', 'true', 'TRUE', 'True'])
const FALSE_WORDS: ReadonlySet<CelValue> = new Set(['0', 'f', 'F', 'false', 'FALSE', 'False'])

function convertToBool(value: CelValue): CelValue {
  if (typeof value === 'boolean') return value
  if (TRUE_WORDS.has(value)) return true
  if (FALSE_WORDS.has(value)) return false
  return typeof value === 'string' ? conversionError(value, 'bool') : noOverload('bool', value)
}

const TWO_TO_63 = 2 ** 63
const TWO_TO_64 = 2 ** 64

function convertToInt(value: CelValue): CelValue {
  if (isInt(value)) return value
  if (isDouble(value)) {
    const double = doubleOf(value)
    return double > -TWO_TO_63 && double < TWO_TO_63 ? toInt(BigInt(Math.trunc(double))) : fail('Overflow', 'integer overflow')
  }
  if (value instanceof Uint) return toInt(value.$value)
  if (value instanceof Timestamp) return value.$seconds
  if (value instanceof Duration) return toInt(value.$nanos)
  if (typeof value !== 'string') return noOverload('int', value)
  if (!/^[+-]?[0-9]{1,40}$/.test(value)) return conversionError(value, 'int')
  const made = toInt(BigInt(value.startsWith('+') ? value.slice(1) : value))
  return made instanceof CelError ? conversionError(value, 'int') : made
}

function convertToUint(value: CelValue): CelValue {
  if (value instanceof Uint) return value
  if (isInt(value)) return toUint(BigInt(value))
  if (isDouble(value)) {
    const double = doubleOf(value)
    return double > -1 && double < TWO_TO_64 && double >= 0 ? toUint(BigInt(Math.trunc(double))) : fail('Overflow', 'unsigned integer overflow')
  }
  if (typeof value !== 'string') return noOverload('uint', value)
  if (!/^[0-9]{1,40}$/.test(value)) return conversionError(value, 'uint')
  const made = toUint(BigInt(value))
  return made instanceof CelError ? conversionError(value, 'uint') : made
}

const DECIMAL = /^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$/
const INFINITE = /^([+-]?)inf(?:inity)?$/i
const HEXADECIMAL = /^([+-]?)0[xX]([0-9a-fA-F]*)\.?([0-9a-fA-F]*)[pP]([+-]?[0-9]{1,5})$/

/** Reads a double as Go does: decimal, hexadecimal with a binary exponent, infinities, NaN, and `_` between digits. */
function parseDouble(text: string): number | undefined {
  // Go's parser allows an underscore only with a base prefix, but CEL strips those between digits first.
  const plain = /^[+-]?[0-9]/.test(text) ? text.replace(/(?<=[0-9a-fA-FxX])_(?=[0-9a-fA-F])/g, '') : text
  if (DECIMAL.test(plain)) {
    const value = Number(plain)
    return Number.isFinite(value) ? value : undefined
  }
  const infinite = INFINITE.exec(plain)
  if (infinite !== null) return infinite[1] === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
  if (/^nan$/i.test(plain)) return Number.NaN
  const hexadecimal = HEXADECIMAL.exec(plain)
  if (hexadecimal === null || plain.length > 64) return undefined
  const [, sign, whole = '', fraction = '', exponent] = hexadecimal
  if (whole === '' && fraction === '') return undefined
  const value = Number(BigInt(`0x${whole}${fraction}`)) * 2 ** (Number(exponent) - 4 * fraction.length)
  if (!Number.isFinite(value)) return undefined
  return sign === '-' ? -value : value
}

function convertToDouble(value: CelValue): CelValue {
  if (isDouble(value)) return value
  if (isInt(value)) return toDouble(Number(value))
  if (value instanceof Uint) return toDouble(Number(value.$value))
  if (typeof value !== 'string') return noOverload('double', value)
  const parsed = value.length > 400 ? undefined : parseDouble(value)
  return parsed === undefined ? conversionError(value, 'double') : toDouble(parsed)
}

/** Writes a double as Go's `%g` does: the shortest digits, with an exponent below 1e-4 and from 1e6 up. */
export function doubleText(value: number): string {
  if (Number.isNaN(value)) return 'NaN'
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf'
  if (Object.is(value, -0)) return '-0'
  const [mantissa = '', exponentText] = value.toExponential().split('e')
  const exponent = Number(exponentText)
  if (exponent >= -4 && exponent < 6) return String(value)
  return `${mantissa}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const encoder = new TextEncoder()

/** Reads bytes as UTF-8, or a conversion error. */
function decodeBytes(bytes: Uint8Array): string | CelError {
  try {
    return decoder.decode(bytes)
  } catch {
    return fail('Conversion', 'invalid UTF-8 in bytes, cannot convert to string')
  }
}

/** `string(value)`. */
export function convertToString(value: CelValue): CelValue {
  if (typeof value === 'string') return value
  if (typeof value === 'boolean') return String(value)
  if (isInt(value)) return String(value)
  if (isDouble(value)) return doubleText(doubleOf(value))
  if (value instanceof Uint) return String(value.$value)
  if (isBytes(value)) return decodeBytes(value)
  if (value instanceof Timestamp) return timestampText(value)
  if (value instanceof Duration) return durationText(value)
  if (value instanceof Opaque && (value.$type === 'net.IP' || value.$type === 'net.CIDR')) return value.$text()
  return noOverload('string', value)
}

function convertToTimestamp(value: CelValue): CelValue {
  if (value instanceof Timestamp) return value
  if (typeof value === 'string') return parseTimestamp(value)
  return isInt(value) ? toTimestamp(Number(value), 0) : noOverload('timestamp', value)
}

function convertToDuration(value: CelValue): CelValue {
  if (value instanceof Duration) return value
  if (typeof value === 'string') return parseDuration(value)
  return noOverload('duration', value)
}

/** `size(value)`. */
export function sizeOf(value: CelValue): CelValue {
  if (typeof value === 'string') return codePointCount(value)
  if (isList(value) || isBytes(value)) return value.length
  return isMap(value) ? mapSize(value) : noOverload('size', value)
}

const types = new Map<string, TypeValue>()

/** The type value of a name; one object per name. */
export function typeValue(name: string): TypeValue {
  const known = types.get(name)
  if (known !== undefined) return known
  const made = new TypeValue(name)
  types.set(name, made)
  return made
}

/** Conversions between types, `dyn`, `type` and `size`. */
export const conversions: readonly LibraryEntry[] = [
  global('bool', 1, (_budget, value) => convertToBool(value)),
  global('int', 1, (_budget, value) => convertToInt(value)),
  global('uint', 1, (_budget, value) => convertToUint(value)),
  global('double', 1, (_budget, value) => convertToDouble(value)),
  costlyGlobal('string', 1, (budget, value) => {
    budget.charge(isBytes(value) ? Math.ceil(value.length / 10) : 1)
    return convertToString(value)
  }),
  costlyGlobal('bytes', 1, (budget, value) => {
    budget.charge(typeof value === 'string' ? traversal(value) : 1)
    if (isBytes(value)) return value
    return typeof value === 'string' ? encoder.encode(value) : noOverload('bytes', value)
  }),
  global('timestamp', 1, (_budget, value) => convertToTimestamp(value)),
  global('duration', 1, (_budget, value) => convertToDuration(value)),
  global('dyn', 1, (_budget, value) => value),
  global('type', 1, (_budget, value) => (value instanceof CelError ? value : typeValue(typeName(value)))),
  global('size', 1, (_budget, value) => sizeOf(value)),
  member('size', 1, (_budget, value) => sizeOf(value)),
]

/** Conversions of a constant that Kubernetes does when it compiles, so that a wrong one is a compile error. */
export const FOLDED_CONVERSIONS: ReadonlySet<string> = new Set(['bool', 'bytes', 'double', 'duration', 'dyn', 'int', 'string', 'timestamp', 'type', 'uint'])
