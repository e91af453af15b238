import { keyText } from './access.ts'
import { CelError } from './failure.ts'
import { doubleText } from './lib-conversions.ts'
import { mapEntries } from './maps.ts'
import { durationText, timestampText } from './time.ts'
import { type CelValue, Duration, doubleOf, isBytes, isDouble, isList, isMap, Opaque, Optional, Timestamp, TypeValue, Uint } from './values.ts'

const MAX_DEPTH = 100

/** A value as plain JSON data, for messages and records: types JSON lacks become texts, an absent optional null. */
export function toJson(value: CelValue): unknown {
  return convert(value, 0)
}

function convert(value: CelValue, depth: number): unknown {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value
  if (typeof value === 'bigint') return value.toString()
  if (isDouble(value)) return Number.isFinite(doubleOf(value)) ? doubleOf(value) : doubleText(doubleOf(value))
  if (typeof value === 'number') return value
  if (depth > MAX_DEPTH) return '…'
  if (isList(value)) return value.map((element) => convert(element, depth + 1))
  if (isMap(value)) return convertMap(value, depth)
  if (isBytes(value)) return base64(value)
  if (value instanceof Uint) return value.$value <= 9007199254740991n ? Number(value.$value) : value.$value.toString()
  if (value instanceof Timestamp) return timestampText(value)
  if (value instanceof Duration) return durationText(value)
  if (value instanceof TypeValue) return value.$name
  if (value instanceof Optional) return value.$value === undefined ? null : convert(value.$value, depth + 1)
  if (value instanceof Opaque) return value.$text()
  return value instanceof CelError ? `error: ${value.$message}` : null
}

function convertMap(map: CelValue, depth: number): unknown {
  const plain: Record<string, unknown> = Object.create(null)
  for (const [key, value] of mapEntries(map)) plain[keyText(key)] = convert(value, depth + 1)
  return plain
}

/** Bytes in standard base64. */
export function base64(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''))
}
