import type { CostBudget } from './cost.ts'
import { contains as listContains } from './equality.ts'
import { CelError, fail, noOverload } from './failure.ts'
import { costlyGlobal, costlyMember, type LibraryEntry, traversal } from './library-entry.ts'
import { mapEntries } from './maps.ts'
import { codePointCount, isBasicPlane, sliceCodePoints, unitPosition } from './text.ts'
import { type CelValue, isInt, isList, isMap } from './values.ts'

const outOfRange = (position: number | bigint): CelError => fail('OutOfRange', `index out of range: ${position}`)

function charAt(text: CelValue, at: CelValue): CelValue {
  if (typeof text !== 'string' || !isInt(at)) return noOverload('charAt', text, at)
  const position = Number(at)
  if (position < 0 || position > codePointCount(text)) return outOfRange(at)
  return sliceCodePoints(text, position, position + 1)
}

function substring(text: CelValue, from: CelValue, to: CelValue | undefined): CelValue {
  if (typeof text !== 'string' || !isInt(from) || !(to === undefined || isInt(to))) return noOverload('substring', text, from, to ?? null)
  const size = codePointCount(text)
  const start = Number(from)
  const end = to === undefined ? size : Number(to)
  if (to !== undefined && start > end) return fail('OutOfRange', `invalid substring range. start: ${from}, end: ${to}`)
  if (start < 0 || start > size) return outOfRange(from)
  if (end < 0 || end > size) return outOfRange(to ?? end)
  return sliceCodePoints(text, start, end)
}

/** `text.indexOf(part, offset)`: past the end nothing is found, except the empty string, which is found at the end. */
function indexOf(text: string, part: string, offset: number): CelValue {
  const size = codePointCount(text)
  if (part === '') return Math.min(offset, size)
  if (offset >= size) return -1
  if (isBasicPlane(text)) return text.indexOf(part, offset)
  const found = text.indexOf(part, unitPosition(text, offset))
  return found < 0 ? -1 : codePointCount(text.slice(0, found))
}

function lastIndexOf(text: string, part: string, offset: number | undefined): CelValue {
  const size = codePointCount(text)
  if (part === '') return Math.min(offset ?? size, size)
  if (offset === undefined && codePointCount(part) > size) return -1
  const from = offset ?? size - 1
  if (from < 0 || from >= size) return -1
  if (isBasicPlane(text)) return text.lastIndexOf(part, from)
  const found = text.lastIndexOf(part, unitPosition(text, from))
  return found < 0 ? -1 : codePointCount(text.slice(0, found))
}

// `indexOf` and `lastIndexOf` exist on strings and on lists.
function search(budget: CostBudget, name: 'indexOf' | 'lastIndexOf', target: CelValue, wanted: CelValue, offset: CelValue | undefined): CelValue {
  if (isList(target)) {
    if (offset !== undefined) return noOverload(name, target, wanted, offset)
    if (wanted instanceof CelError) return wanted
    budget.charge(traversalSize(target))
    const matches = (element: CelValue): boolean => listContains(budget, [element], wanted)
    return name === 'indexOf' ? target.findIndex(matches) : target.findLastIndex(matches)
  }
  if (typeof target !== 'string' || typeof wanted !== 'string' || !(offset === undefined || isInt(offset)))
    return noOverload(name, target, wanted, offset ?? null)
  budget.charge(Math.floor(target.length / 10))
  if (offset !== undefined && offset < 0) return outOfRange(offset)
  const from = offset === undefined ? undefined : Number(offset)
  return name === 'indexOf' ? indexOf(target, wanted, from ?? 0) : lastIndexOf(target, wanted, from)
}

const MAX_DEPTH = 100

/** What walking a value costs: a tenth of a text, 1 for a scalar, and for lists and maps what all in them costs. */
export function traversalSize(value: CelValue, depth = 0): number {
  if (typeof value === 'string') return Math.floor(value.length / 10)
  if (typeof value !== 'object' || value === null || depth > MAX_DEPTH) return 1
  if (isList(value)) return value.reduce<number>((sum, element) => sum + traversalSize(element, depth + 1), 0)
  if (!isMap(value)) return 1
  return mapEntries(value).reduce((sum, [key, held]) => sum + traversalSize(key, depth + 1) + traversalSize(held, depth + 1), 0)
}

// Go's white space, which lacks U+180E and U+FEFF.
const SPACE = '[\\t-\\r \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]+'
const LEADING_SPACE = new RegExp(`^${SPACE}`)

function trim(text: string): string {
  const spaces = new RegExp(SPACE)
  let end = text.length
  // From the end by hand: a regular expression anchored there would try every run of spaces.
  while (end > 0 && spaces.test(text.charAt(end - 1))) end--
  return text.slice(0, end).replace(LEADING_SPACE, '')
}

function replace(budget: CostBudget, text: CelValue, old: CelValue, replacement: CelValue, count: CelValue): CelValue {
  if (typeof text !== 'string' || typeof old !== 'string' || typeof replacement !== 'string' || !isInt(count))
    return noOverload('replace', text, old, replacement, count)
  budget.charge(traversal(text, 2))
  const limit = Number(count)
  if (limit === 0) return text
  if (old !== '' && !text.includes(old)) return text
  // What the result grows to is known before it is made.
  const occurrences = old === '' ? codePointCount(text) + 1 : countOf(text, old)
  const times = limit < 0 ? occurrences : Math.min(limit, occurrences)
  budget.charge(Math.floor(Math.max(0, times * (replacement.length - old.length)) / 10))
  if (old === '') return insertBetween(Array.from(text), times, replacement)
  const parts = text.split(old)
  if (times === occurrences) return parts.join(replacement)
  return parts.slice(0, times + 1).join(replacement) + old + parts.slice(times + 1).join(old)
}

// Puts the replacement before each of the first characters, and after the last if there is one more to put.
function insertBetween(chars: readonly string[], times: number, replacement: string): string {
  const head = chars.slice(0, times).map((char) => replacement + char)
  return head.join('') + (times > chars.length ? replacement : chars.slice(times).join(''))
}

function countOf(text: string, part: string): number {
  let count = 0
  for (let at = text.indexOf(part); at >= 0; at = text.indexOf(part, at + part.length)) count++
  return count
}

function split(budget: CostBudget, text: CelValue, separator: CelValue, count: CelValue): CelValue {
  if (typeof text !== 'string' || typeof separator !== 'string' || !isInt(count)) return noOverload('split', text, separator, count)
  budget.charge(traversal(text, 2))
  const limit = Number(count)
  if (limit === 0) return []
  const parts = separator === '' ? Array.from(text) : partsOf(text, separator)
  if (limit < 0 || parts.length <= limit) return parts
  return [...parts.slice(0, limit - 1), parts.slice(limit - 1).join(separator)]
}

// As `text.split`, which is slower on the few parts that most texts have.
function partsOf(text: string, separator: string): string[] {
  const parts: string[] = []
  let start = 0
  for (let at = text.indexOf(separator); at >= 0; at = text.indexOf(separator, start)) {
    parts.push(text.slice(start, at))
    start = at + separator.length
  }
  parts.push(text.slice(start))
  return parts
}

function join(budget: CostBudget, list: CelValue, separator: CelValue): CelValue {
  if (!isList(list) || typeof separator !== 'string') return noOverload('join', list, separator)
  const texts: string[] = []
  let size = 0
  for (const element of list) {
    if (typeof element !== 'string') return element instanceof CelError ? element : fail('NoSuchOverload', 'no such overload: join(list, string)')
    texts.push(element)
    size += element.length
  }
  budget.charge(Math.ceil((size + separator.length * Math.max(0, texts.length - 1)) / 5))
  return texts.join(separator)
}

const QUOTED: Readonly<Record<string, string>> = {
  '\x07': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '\\': '\\\\',
  '"': '\\"',
}

function quote(text: string): string {
  return `"${Array.from(text.toWellFormed(), (char) => QUOTED[char] ?? char).join('')}"`
}

function costlyText(name: string, change: (text: string) => string): LibraryEntry {
  return costlyMember(name, 1, (budget, text) => {
    if (typeof text !== 'string') return noOverload(name, text)
    budget.charge(traversal(text))
    return change(text)
  })
}

/** `text.startsWith(part)`. */
export function startsWith(budget: CostBudget, text: CelValue, part: CelValue): CelValue {
  if (typeof text !== 'string' || typeof part !== 'string') return noOverload('startsWith', text, part)
  budget.charge(traversal(part))
  return text.startsWith(part)
}

/** `text.endsWith(part)`. */
export function endsWith(budget: CostBudget, text: CelValue, part: CelValue): CelValue {
  if (typeof text !== 'string' || typeof part !== 'string') return noOverload('endsWith', text, part)
  budget.charge(traversal(part))
  return text.endsWith(part)
}

/** `text.contains(part)`. */
function containsText(budget: CostBudget, text: CelValue, part: CelValue): CelValue {
  if (typeof text !== 'string' || typeof part !== 'string') return noOverload('contains', text, part)
  budget.charge(traversal(text) * traversal(part))
  return text.includes(part)
}

/** CEL's own string functions and those of the strings library, version 2, with Kubernetes' `indexOf` on lists. */
export const strings: readonly LibraryEntry[] = [
  costlyMember('startsWith', 2, startsWith),
  costlyMember('endsWith', 2, endsWith),
  costlyMember('contains', 2, containsText),
  costlyMember('charAt', 2, (budget, text, at) => {
    budget.charge(1 + (typeof text === 'string' ? Math.floor(text.length / 100) : 0))
    return charAt(text, at)
  }),
  costlyMember('substring', 2, (budget, text, from) => {
    budget.charge(typeof text === 'string' ? traversal(text) : 1)
    return substring(text, from, undefined)
  }),
  costlyMember('substring', 3, (budget, text, from, to) => {
    budget.charge(typeof text === 'string' ? traversal(text) : 1)
    return substring(text, from, to)
  }),
  costlyMember('indexOf', 2, (budget, text, part) => search(budget, 'indexOf', text, part, undefined)),
  costlyMember('indexOf', 3, (budget, text, part, offset) => search(budget, 'indexOf', text, part, offset)),
  costlyMember('lastIndexOf', 2, (budget, text, part) => search(budget, 'lastIndexOf', text, part, undefined)),
  costlyMember('lastIndexOf', 3, (budget, text, part, offset) => search(budget, 'lastIndexOf', text, part, offset)),
  costlyText('lowerAscii', (text) => (/[A-Z]/.test(text) ? text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase()) : text)),
  costlyText('upperAscii', (text) => (/[a-z]/.test(text) ? text.replace(/[a-z]+/g, (letters) => letters.toUpperCase()) : text)),
  costlyText('trim', trim),
  costlyMember('replace', 3, (budget, text, old, replacement) => replace(budget, text, old, replacement, -1)),
  costlyMember('replace', 4, replace),
  costlyMember('split', 2, (budget, text, separator) => split(budget, text, separator, -1)),
  costlyMember('split', 3, split),
  costlyMember('join', 1, (budget, list) => join(budget, list, '')),
  costlyMember('join', 2, join),
  costlyGlobal('strings.quote', 1, (budget, text) => {
    if (typeof text !== 'string') return noOverload('strings.quote', text)
    budget.charge(traversal(text))
    return quote(text)
  }),
  costlyGlobal('jsonpatch.escapeKey', 1, (budget, key) => {
    if (typeof key !== 'string') return noOverload('jsonpatch.escapeKey', key)
    budget.charge(traversal(key))
    return key.replaceAll('~', '~0').replaceAll('/', '~1')
  }),
]
