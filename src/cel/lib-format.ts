import type { CostBudget } from './cost.ts'
import { CelError, fail, noOverload } from './failure.ts'
import { convertToString } from './lib-conversions.ts'
import { costlyMember, type LibraryEntry, traversal } from './library-entry.ts'
import { mapEntries, mapSize } from './maps.ts'
import { exponentText, fixedText, groupThousands } from './numerals.ts'
import { compareStrings } from './ordering.ts'
import { goQuote } from './text.ts'
import { type CelValue, Duration, doubleOf, isBytes, isDouble, isInt, isList, isMap, kindOf, Timestamp, TypeValue, typeName, Uint } from './values.ts'

const MAX_DEPTH = 100
const MAX_PRECISION = 1_000
// Kubernetes charges the pattern alone; what is put into it has to cost something too.
const TEXT_PER_UNIT = 32

// Texts and errors are kept apart by class: a formatted text is a string, anything else an error.
type Formatted = string | CelError

const wrong = (clause: string, allowed: string, value: CelValue): CelError =>
  fail('InvalidArgument', `error during formatting: ${clause} clause can only be used on ${allowed}, was given ${typeName(value)}`)

const STRING_TYPES = 'strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps'

function stringClause(budget: CostBudget, value: CelValue, depth: number): Formatted {
  if (value instanceof CelError) return value
  if (value === null) return 'null'
  if (isList(value)) return listText(budget, value, depth)
  if (isMap(value)) return mapText(budget, value, depth)
  const kind = kindOf(value)
  if (kind === 'optional' || kind === 'opaque') return wrong('string', STRING_TYPES, value)
  const text = value instanceof TypeValue ? value.$name : convertToString(value)
  if (typeof text === 'string') {
    budget.charge(Math.floor(text.length / TEXT_PER_UNIT))
    return text
  }
  const message = text instanceof CelError ? text.$message : ''
  return fail('InvalidArgument', `error during formatting: could not convert argument ${goQuote(message)} to string`)
}

// A value inside another costs by itself: a long list of small ones is as much work as one large one.
function sizeCost(size: number, depth: number): number {
  return depth === 0 ? Math.floor(size / 10) : 2 + size
}

function listText(budget: CostBudget, list: readonly CelValue[], depth: number): Formatted {
  if (depth > MAX_DEPTH) return fail('InvalidArgument', 'error during formatting: value nests too deeply')
  budget.charge(sizeCost(list.length, depth))
  const texts: string[] = []
  for (const element of list) {
    const text = elementText(budget, element, depth + 1)
    if (typeof text !== 'string') return text
    texts.push(text)
  }
  return `[${texts.join(', ')}]`
}

function mapText(budget: CostBudget, map: CelValue, depth: number): Formatted {
  if (depth > MAX_DEPTH) return fail('InvalidArgument', 'error during formatting: value nests too deeply')
  budget.charge(sizeCost(mapSize(map), depth))
  const pairs: (readonly [string, string])[] = []
  for (const [key, element] of mapEntries(map)) {
    if (!(typeof key === 'string' || typeof key === 'boolean' || isInt(key) || key instanceof Uint)) {
      return fail('InvalidArgument', `error during formatting: no formatting function for map key of type ${typeName(key)}`)
    }
    const value = elementText(budget, element, depth + 1)
    if (typeof value !== 'string') return value
    pairs.push([typeof key === 'string' ? goQuote(key) : key instanceof Uint ? String(key.$value) : String(key), value])
  }
  pairs.sort(([a], [b]) => compareStrings(a, b))
  return `{${pairs.map(([key, value]) => `${key}:${value}`).join(', ')}}`
}

// Inside a list or map, strings are quoted and doubles have six digits, so that the text reads as CEL.
function elementText(budget: CostBudget, value: CelValue, depth: number): Formatted {
  if (isDouble(value)) {
    const double = doubleOf(value)
    return Number.isFinite(double) ? fixedText(double, 6) : goQuote(Number.isNaN(double) ? 'NaN' : double > 0 ? '+Inf' : '-Inf')
  }
  const kind = kindOf(value)
  if (kind === 'optional' || kind === 'opaque') return fail('InvalidArgument', `error during formatting: no formatting function for ${typeName(value)}`)
  const text = stringClause(budget, value, depth)
  if (typeof text !== 'string') return text
  if (typeof value === 'string') return goQuote(text)
  if (value instanceof Timestamp) return `timestamp(${goQuote(text)})`
  if (value instanceof Duration) return `duration(${goQuote(text)})`
  return isBytes(value) ? `b${goQuote(text)}` : text
}

function integerOf(value: CelValue): bigint | undefined {
  if (isInt(value)) return BigInt(value)
  return value instanceof Uint ? value.$value : undefined
}

function fixedClause(value: CelValue, precision: number): Formatted {
  const double = doubleArgument(value)
  if (double === undefined) return wrong('fixed-point', 'doubles', value)
  if (!Number.isFinite(double)) return infinityText(double)
  // Adding 0 turns -0 into 0, which is how Kubernetes prints it here.
  return groupThousands(fixedText(double + 0, precision))
}

// Kubernetes' version of the library takes the precision for the least width here.
function scientificClause(value: CelValue, width: number): Formatted {
  const double = doubleArgument(value)
  if (double === undefined) return wrong('scientific', 'doubles', value)
  return (Number.isFinite(double) ? exponentText(double) : infinityText(double)).padStart(width)
}

function doubleArgument(value: CelValue): number | undefined {
  if (isDouble(value)) return doubleOf(value)
  if (value === 'NaN') return Number.NaN
  if (value === 'Infinity') return Number.POSITIVE_INFINITY
  return value === '-Infinity' ? Number.NEGATIVE_INFINITY : undefined
}

function infinityText(double: number): string {
  return Number.isNaN(double) ? 'NaN' : double > 0 ? '∞' : '-∞'
}

function binaryClause(value: CelValue): Formatted {
  if (typeof value === 'boolean') return value ? '1' : '0'
  return integerOf(value)?.toString(2) ?? wrong('binary', 'integers and bools', value)
}

const encoder = new TextEncoder()
const hexOf = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')

function hexClause(budget: CostBudget, value: CelValue): Formatted {
  if (typeof value === 'string') {
    budget.charge(Math.floor(value.length / TEXT_PER_UNIT))
    return hexOf(encoder.encode(value))
  }
  if (isBytes(value)) {
    budget.charge(Math.floor(value.length / TEXT_PER_UNIT))
    return hexOf(value)
  }
  return integerOf(value)?.toString(16) ?? wrong('hex', 'integers, byte buffers, and strings', value)
}

function clause(budget: CostBudget, verb: string, precision: number, value: CelValue): Formatted {
  if (value instanceof CelError) return value
  switch (verb) {
    case 's':
      return stringClause(budget, value, 0)
    case 'd':
      return integerOf(value)?.toString() ?? wrong('decimal', 'integers', value)
    case 'f':
      return fixedClause(value, precision)
    case 'e':
      return scientificClause(value, precision)
    case 'b':
      return binaryClause(value)
    case 'o':
      return integerOf(value)?.toString(8) ?? wrong('octal', 'integers', value)
    case 'x':
      return hexClause(budget, value)
    case 'X': {
      const text = hexClause(budget, value)
      return typeof text === 'string' ? text.toUpperCase() : text
    }
    default:
      return fail('InvalidArgument', `could not parse formatting clause: unrecognized formatting clause "${verb}"`)
  }
}

const CLAUSE = /%(?:(%)|(?:\.([0-9]+))?([^.])|(\.[0-9]*)|$)/gsu

function format(budget: CostBudget, pattern: CelValue, values: CelValue): CelValue {
  if (typeof pattern !== 'string' || !isList(values)) return noOverload('format', pattern, values)
  budget.charge(traversal(pattern))
  let text = ''
  let end = 0
  let used = 0
  for (const match of pattern.matchAll(CLAUSE)) {
    text += pattern.slice(end, match.index)
    end = match.index + match[0].length
    if (match[1] !== undefined) {
      text += '%'
      continue
    }
    const value = values[used]
    if (value === undefined) return fail('InvalidArgument', `index ${used} out of range`)
    used++
    if (match[4] !== undefined) return fail('InvalidArgument', 'could not parse formatting clause: error while parsing precision')
    if (match[3] === undefined) return fail('InvalidArgument', 'unexpected end of string')
    const precision = Number(match[2] ?? 6)
    if (precision > MAX_PRECISION)
      return fail('InvalidArgument', `could not parse formatting clause: error while parsing precision: precision ${precision} exceeds ${MAX_PRECISION}`)
    const formatted = clause(budget, match[3], precision, value)
    if (typeof formatted !== 'string') return formatted
    text += formatted
  }
  return text + pattern.slice(end)
}

/** `text.format(list)`, version 2 of the strings library. */
export const formats: readonly LibraryEntry[] = [costlyMember('format', 2, format)]
