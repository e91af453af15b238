import type { CostBudget } from './cost.ts'
import { CelError, fail, noOverload } from './failure.ts'
import { costlyGlobal, costlyMember, global, type LibraryEntry, member } from './library-entry.ts'
import { mapSize } from './maps.ts'
import { type CelValue, Duration, doubleOf, isBytes, isDouble, isList, isMap, NONE, Optional, Timestamp, Uint } from './values.ts'

// Go's zero time is the first instant of the year 1.
const ZERO_TIME_SECONDS = -62135596800

function isZeroValue(value: CelValue): boolean {
  if (value === null || value === false || value === 0 || value === '') return true
  if (isDouble(value)) return doubleOf(value) === 0
  if (value instanceof Uint) return value.$value === 0n
  if (isList(value) || isBytes(value)) return value.length === 0
  if (isMap(value)) return mapSize(value) === 0
  if (value instanceof Duration) return value.$nanos === 0n
  return value instanceof Timestamp && value.$seconds === ZERO_TIME_SECONDS && value.$nanos === 0
}

function ofNonZero(value: CelValue): CelValue {
  if (value instanceof CelError) return value
  return isZeroValue(value) ? NONE : new Optional(value)
}

function unwrap(budget: CostBudget, list: CelValue): CelValue {
  if (!isList(list)) return noOverload('optional.unwrap', list)
  budget.charge(1 + Math.floor(list.length / 10))
  const present: CelValue[] = []
  for (const element of list) {
    if (!(element instanceof Optional)) return noOverload('optional.unwrap', element)
    if (element.$value !== undefined) present.push(element.$value)
  }
  return present
}

/** The optional type, and `first` and `last` of a list. `orValue` and `or` evaluate their argument only if needed and belong to the compiler. */
export const optionals: readonly LibraryEntry[] = [
  global('optional.none', 0, () => NONE),
  global('optional.of', 1, (_budget, value) => (value instanceof CelError ? value : new Optional(value))),
  global('optional.ofNonZeroValue', 1, (_budget, value) => ofNonZero(value)),
  costlyGlobal('optional.unwrap', 1, unwrap),
  costlyMember('unwrapOpt', 1, unwrap),
  member('hasValue', 1, (_budget, value) => (value instanceof Optional ? value.$value !== undefined : noOverload('hasValue', value))),
  member('value', 1, (_budget, value) => {
    if (!(value instanceof Optional)) return noOverload('value', value)
    return value.$value ?? (value.$value === null ? null : fail('InvalidArgument', 'optional.none() dereference'))
  }),
  member('first', 1, (_budget, list) => (isList(list) ? atPosition(list, 0) : noOverload('first', list))),
  member('last', 1, (_budget, list) => (isList(list) ? atPosition(list, list.length - 1) : noOverload('last', list))),
]

function atPosition(list: readonly CelValue[], position: number): CelValue {
  const element = list[position]
  return element === undefined ? NONE : new Optional(element)
}
