import { keyText } from './access.ts'
import type { BinaryOperator } from './ast.ts'
import { doubleText } from './lib-conversions.ts'
import { mapEntries } from './maps.ts'
import { durationText, timestampText } from './time.ts'
import { type CelValue, Duration, doubleOf, isDouble, isList, isMap, Opaque, Optional, Timestamp, TypeValue, Uint } from './values.ts'

/** A comparison that has a negation among its kin. */
export type Comparison = Exclude<BinaryOperator, '+' | '-' | '*' | '/' | '%' | 'in'>

const NEGATED: Readonly<Record<Comparison, Comparison>> = { '==': '!=', '!=': '==', '<': '>=', '>=': '<', '>': '<=', '<=': '>' }
const FLIPPED: Readonly<Record<Comparison, Comparison>> = { '==': '==', '!=': '!=', '<': '>', '>': '<', '<=': '>=', '>=': '<=' }

/** The comparison that holds where this one does not. */
export function negated(operator: Comparison): Comparison {
  return NEGATED[operator]
}

/** The comparison with its sides exchanged. */
export function flipped(operator: Comparison): Comparison {
  return FLIPPED[operator]
}

const ORDERING_WORDS: Readonly<Record<'<' | '<=' | '>' | '>=', string>> = { '<': 'less than', '<=': 'at most', '>': 'greater than', '>=': 'at least' }

/** What was asked of a value that was compared: `must be at least 2`. */
export function comparisonWords(operator: Comparison, operand: string, isPath: boolean): string {
  switch (operator) {
    case '==':
      return isPath ? `must equal ${operand}` : `must be ${operand}`
    case '!=':
      return isPath ? `must differ from ${operand}` : `must not be ${operand}`
    default:
      return `must be ${ORDERING_WORDS[operator]} ${operand}`
  }
}

/** What a size counts: singular and plural. */
export type Unit = readonly [singular: string, plural: string]

const UNITS: Readonly<Record<'list' | 'map' | 'text', Unit>> = { list: ['element', 'elements'], map: ['entry', 'entries'], text: ['character', 'characters'] }

/** What the size of a value counts. */
export function unitOf(value: CelValue): Unit {
  return isList(value) ? UNITS.list : isMap(value) ? UNITS.map : UNITS.text
}

/** What was asked of a value whose size was compared: `must have at most 3 elements`. */
export function sizeWords(operator: Comparison, count: CelValue, operand: string, unit: Unit): string {
  if ((operator === '==' && count === 0) || (operator === '<' && count === 1) || (operator === '<=' && count === 0)) return 'must be empty'
  if ((operator === '!=' && count === 0) || (operator === '>' && count === 0) || (operator === '>=' && count === 1)) return 'must not be empty'
  const counted = `${operand} ${count === 1 ? unit[0] : unit[1]}`
  switch (operator) {
    case '==':
      return `must have exactly ${counted}`
    case '!=':
      return `must not have exactly ${counted}`
    case '<':
      return `must have fewer than ${counted}`
    case '<=':
      return `must have at most ${counted}`
    case '>':
      return `must have more than ${counted}`
    case '>=':
      return `must have at least ${counted}`
  }
}

const MAX_SHOWN = 10
const MAX_TEXT = 200

/** A value of the policy as a sentence shows it. */
export function valueWords(value: CelValue): string {
  if (typeof value === 'string') return JSON.stringify(value.length > MAX_TEXT ? `${value.slice(0, MAX_TEXT)}…` : value)
  if (value === null || typeof value === 'boolean' || typeof value === 'bigint') return String(value)
  if (isDouble(value)) return doubleText(doubleOf(value))
  if (typeof value === 'number') return String(value)
  if (isList(value)) return `[${shown(value.map(valueWords))}]`
  if (isMap(value)) return `{${shown(mapEntries(value).map(([key, held]) => `${keyText(key)}: ${valueWords(held)}`))}}`
  if (value instanceof Uint) return String(value.$value)
  if (value instanceof Timestamp) return timestampText(value)
  if (value instanceof Duration) return durationText(value)
  if (value instanceof TypeValue) return value.$name
  if (value instanceof Optional) return value.$value === undefined ? 'nothing' : valueWords(value.$value)
  return value instanceof Opaque ? value.$text() : 'bytes'
}

function shown(texts: readonly string[]): string {
  return texts.length > MAX_SHOWN ? `${texts.slice(0, MAX_SHOWN).join(', ')}, …` : texts.join(', ')
}

/** The values one of which was asked for: `must be one of "a", "b"`. */
export function oneOfWords(values: readonly CelValue[], wanted: boolean): string {
  const [only] = values
  if (values.length === 0) return wanted ? 'must be one of none' : 'must not be one of none'
  if (values.length === 1 && only !== undefined) return comparisonWords(wanted ? '==' : '!=', valueWords(only), false)
  return `must ${wanted ? '' : 'not '}be one of ${shown(values.map(valueWords))}`
}

/** Joins requirements of which one has to be met: `must be "a" or "b"`. */
export function eitherWords(requirements: readonly string[]): string {
  const distinct = [...new Set(requirements)]
  const [first = '', ...others] = distinct
  if (others.length === 0) return first
  let shared = first.length
  for (const other of others) while (!other.startsWith(first.slice(0, shared))) shared--
  const start = first.lastIndexOf(' ', shared - 1) + 1
  return first.slice(0, start) + distinct.map((requirement) => requirement.slice(start)).join(' or ')
}

/** The requirement of a value that has to be there. */
export const NOT_SET = 'is not set'

/** The requirement of a value that must not be there. */
export const MUST_NOT_BE_SET = 'must not be set'
