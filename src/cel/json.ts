import { err, ok, type Result } from '../api/index.ts'
import { keyText } from './access.ts'
import { CelError } from './failure.ts'
import { doubleText } from './lib-conversions.ts'
import { mapEntries } from './maps.ts'
import { durationText, timestampText } from './time.ts'
import { type CelValue, Duration, doubleOf, isBytes, isDouble, isList, isMap, Opaque, Optional, Timestamp, TypeValue, Uint } from './values.ts'

const MAX_DEPTH = 100
/** An object may be nested deeper than anyone wants to read. */
const MAX_EXACT_DEPTH = 1000

/** A value as plain JSON data, for messages and records: types JSON lacks become texts, an absent optional null. */
export function toJson(value: CelValue): unknown {
  return convert(value, 0, { bigint: String, maxDepth: MAX_DEPTH, tooDeep: () => '…' })
}

class TooDeep extends Error {}

function refuseDepth(): never {
  throw new TooDeep()
}

/** A value as plain JSON data, for objects: as `toJson`, but whole numbers keep all their digits as bigints, and nothing is left out. */
export function toExactJson(value: CelValue): Result<unknown, string> {
  try {
    return ok(convert(value, 0, { bigint: (integer) => integer, maxDepth: MAX_EXACT_DEPTH, tooDeep: refuseDepth }))
  } catch (cause) {
    if (cause instanceof TooDeep) return err('a value is nested too deeply')
    throw cause
  }
}

interface Form {
  readonly bigint: (integer: bigint) => unknown
  readonly maxDepth: number
  readonly tooDeep: () => unknown
}

function convert(value: CelValue, depth: number, form: Form): unknown {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value
  if (typeof value === 'bigint') return form.bigint(value)
  if (isDouble(value)) return Number.isFinite(doubleOf(value)) ? doubleOf(value) : doubleText(doubleOf(value))
  if (typeof value === 'number') return value
  if (depth > form.maxDepth) return form.tooDeep()
  if (isList(value)) return value.map((element) => convert(element, depth + 1, form))
  if (isMap(value)) return convertMap(value, depth, form)
  if (isBytes(value)) return base64(value)
  if (value instanceof Uint) return value.$value <= 9007199254740991n ? Number(value.$value) : form.bigint(value.$value)
  if (value instanceof Timestamp) return timestampText(value)
  if (value instanceof Duration) return durationText(value)
  if (value instanceof TypeValue) return value.$name
  if (value instanceof Optional) return value.$value === undefined ? null : convert(value.$value, depth + 1, form)
  if (value instanceof Opaque) return value.$text()
  return value instanceof CelError ? `error: ${value.$message}` : null
}

function convertMap(map: CelValue, depth: number, form: Form): unknown {
  const plain: Record<string, unknown> = Object.create(null)
  for (const [key, value] of mapEntries(map)) plain[keyText(key)] = convert(value, depth + 1, form)
  return plain
}

/** Bytes in standard base64. */
export function base64(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''))
}
