import { keyText } from './access.ts'
import { CelError } from './failure.ts'
import { base64 } from './json.ts'
import { doubleText } from './lib-conversions.ts'
import { mapEntries } from './maps.ts'
import { durationText, timestampText } from './time.ts'
import { type CelValue, Duration, doubleOf, isBytes, isDouble, isInt, isList, isMap, Opaque, Optional, Timestamp, TypeValue, Uint } from './values.ts'

const MAX_DEPTH = 1_000

/**
 * Writes a value as the line protocol does: null, bool, string, list and maps with string keys are themselves,
 * all else an object with one key that starts with `$`, such as `{"$int": "1"}`.
 */
export function taggedValue(value: CelValue, depth = 0): unknown {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value
  if (isInt(value)) return { $int: String(value) }
  if (isDouble(value)) return { $double: doubleText(doubleOf(value)) }
  if (depth > MAX_DEPTH) return { $opaque: ['too deep', ''] }
  if (isList(value)) return value.map((element) => taggedValue(element, depth + 1))
  if (isMap(value)) return taggedMap(value, depth)
  if (value instanceof Uint) return { $uint: String(value.$value) }
  if (isBytes(value)) return { $bytes: base64(value) }
  if (value instanceof Timestamp) return { $timestamp: timestampText(value, 0) }
  if (value instanceof Duration) return { $duration: durationText(value) }
  if (value instanceof Optional) return { $optional: value.$value === undefined ? [] : [taggedValue(value.$value, depth + 1)] }
  if (value instanceof TypeValue) return { $type: value.$name }
  if (value instanceof Opaque) return { $opaque: [value.$type, value.$text()] }
  return { $opaque: ['error', value instanceof CelError ? value.$message : ''] }
}

function taggedMap(map: CelValue, depth: number): unknown {
  const pairs = mapEntries(map).map(([key, value]) => [key, taggedValue(value, depth + 1)] as const)
  if (pairs.some(([key]) => typeof key !== 'string' || key.startsWith('$'))) return { $map: pairs.map(([key, value]) => [taggedValue(key, depth + 1), value]) }
  const plain: Record<string, unknown> = Object.create(null)
  for (const [key, value] of pairs) plain[keyText(key)] = value
  return plain
}
