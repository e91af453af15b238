import { addNumbers } from './arithmetic.ts'
import type { CostBudget } from './cost.ts'
import { contains, equals } from './equality.ts'
import { CelError, EvaluationStopped, fail, noOverload } from './failure.ts'
import { traversalSize } from './lib-strings.ts'
import { costlyGlobal, costlyMember, type LibraryEntry } from './library-entry.ts'
import { compare } from './ordering.ts'
import { type CelValue, Duration, isBytes, isInt, isList, kindOf, typeName } from './values.ts'

/** What making a list costs. */
export const LIST_COST = 10
const MAX_RANGE = 1_000_000
const MAX_FLATTEN = 100

/** What Kubernetes charges for comparing a list's elements with one another. */
export function selfComparisonCost(list: readonly CelValue[]): number {
  const [first] = list
  const factor = typeof first === 'string' || (first !== undefined && isBytes(first)) ? 2.1 : 2
  return 1 + Math.floor(list.length * list.length * factor)
}

/** Sorts a list by its keys. */
export function sortByKeys(budget: CostBudget, list: readonly CelValue[], keys: readonly CelValue[]): CelValue {
  budget.charge(1 + Math.floor((list.length * Math.ceil(Math.log2(list.length + 1))) / 10))
  const [first] = keys
  if (first === undefined) return list
  const kind = kindOf(first)
  if (compare(first, first) === undefined) return fail('NoSuchOverload', 'list elements must be comparable')
  if (keys.some((key) => kindOf(key) !== kind)) return fail('NoSuchOverload', 'list elements must have the same type')
  const order = keys.map((_, position) => position)
  order.sort((a, b) => compare(keys[a] ?? null, keys[b] ?? null) || a - b)
  return order.map((position) => list[position] ?? null)
}

/** Stops where Kubernetes does, which charges some functions as if they had been given a list: not even `||` absorbs that. */
export function abortUnlessList(value: CelValue): void {
  if (isList(value)) return
  const found = value instanceof CelError ? '*types.Err' : typeName(value)
  throw new EvaluationStopped('EvaluationFailed', `internal error: interface conversion: ${found} is not traits.Lister: missing method Add`)
}

function distinct(budget: CostBudget, list: CelValue): CelValue {
  abortUnlessList(list)
  if (!isList(list)) return noOverload('distinct', list)
  budget.charge(LIST_COST + selfComparisonCost(list))
  const kept: CelValue[] = []
  for (const element of list) if (!contains(budget, kept, element)) kept.push(element)
  return kept
}

function flatten(budget: CostBudget, list: CelValue, depth: CelValue): CelValue {
  // The same with the depth, where that is in error.
  if (depth instanceof CelError) throw new EvaluationStopped('EvaluationFailed', 'internal error: interface conversion: ref.Val is *types.Err, not types.Int')
  if (!isList(list) || !isInt(depth)) return noOverload('flatten', list, depth)
  if (depth < 0) return fail('InvalidArgument', 'level must be non-negative')
  budget.charge(LIST_COST + 1)
  const levels = Math.min(Number(depth), MAX_FLATTEN)
  budget.charge(list.length * levels)
  const flat: CelValue[] = []
  const walk = (elements: readonly CelValue[], level: number): void => {
    budget.charge(Math.floor(elements.length / 10))
    for (const element of elements) {
      if (isList(element) && level > 0) walk(element, level - 1)
      else flat.push(element)
    }
  }
  walk(list, levels)
  return flat
}

function slice(budget: CostBudget, list: CelValue, from: CelValue, to: CelValue): CelValue {
  if (!isList(list) || !isInt(from) || !isInt(to)) return noOverload('slice', list, from, to)
  const start = Number(from)
  const end = Number(to)
  const refuse = (reason: string): CelError => fail('OutOfRange', `cannot slice(${from}, ${to}), ${reason}`)
  budget.charge(LIST_COST + 1 + Math.max(0, Math.min(end, list.length) - Math.max(0, start)))
  if (start < 0 || end < 0) return refuse('negative indexes not supported')
  if (start > end) return refuse('start index must be less than or equal to end index')
  return end > list.length ? refuse(`list is length ${list.length}`) : list.slice(start, end)
}

function range(budget: CostBudget, count: CelValue): CelValue {
  if (!isInt(count)) return noOverload('lists.range', count)
  if (count < 0) return fail('InvalidArgument', `lists.range: size must be non-negative, got ${count}`)
  if (count > MAX_RANGE) return fail('InvalidArgument', `lists.range: size ${count} exceeds maximum allowed (${MAX_RANGE})`)
  budget.charge(LIST_COST + 1 + Number(count))
  return Array.from({ length: Number(count) }, (_, position) => position)
}

function isSorted(budget: CostBudget, list: CelValue): CelValue {
  if (!isList(list)) return noOverload('isSorted', list)
  budget.charge(traversalSize(list))
  let previous: CelValue | undefined
  for (const element of list) {
    if (compare(element, element) === undefined) return noOverload('isSorted', list)
    // Kubernetes passes over neighbours of different types.
    if (previous !== undefined && (compare(previous, element) ?? 0) > 0) return false
    previous = element
  }
  return true
}

function sum(budget: CostBudget, list: CelValue): CelValue {
  if (!isList(list)) return noOverload('sum', list)
  budget.charge(traversalSize(list))
  let total: CelValue | undefined
  for (const element of list) {
    const kind = kindOf(element)
    const isSummable = kind === 'int' || kind === 'uint' || kind === 'double' || element instanceof Duration
    if (!isSummable) return noOverload('sum', list)
    total = total === undefined ? element : addNumbers(total, element)
    if (total instanceof CelError) return total
  }
  return total ?? 0
}

// Neighbours that cannot be compared are passed over, as in Kubernetes: `[dyn(1), dyn('a')].max()` is 1.
function extreme(budget: CostBudget, name: 'min' | 'max', list: CelValue): CelValue {
  if (!isList(list)) return noOverload(name, list)
  budget.charge(traversalSize(list))
  const replaces = name === 'min' ? 1 : -1
  let best: CelValue | undefined
  for (const element of list) {
    if (compare(element, element) === undefined) return noOverload(name, list)
    if (best === undefined || compare(best, element) === replaces) best = element
  }
  return best ?? fail('InvalidArgument', `${name} called on empty list`)
}

function includes(budget: CostBudget, list: CelValue, value: CelValue): CelValue {
  if (list instanceof CelError) return list
  if (value instanceof CelError) return value
  budget.charge(traversalSize(list))
  // The element stands on the left, where `in` has it on the right: for quantities that matters.
  return isList(list) ? list.some((element) => equals(budget, element, value) === true) : equals(budget, list, value) === true
}

type SetOperation = (budget: CostBudget, a: readonly CelValue[], b: readonly CelValue[]) => boolean

function setFunction(name: string, factor: number, run: SetOperation): LibraryEntry {
  return costlyGlobal(name, 2, (budget, a, b) => {
    if (!isList(a) || !isList(b)) return noOverload(name, a, b)
    budget.charge(1 + a.length * b.length * factor)
    return run(budget, a, b)
  })
}

const isSubset: SetOperation = (budget, small, large) => small.every((element) => contains(budget, large, element))

/** The lists library, version 3, Kubernetes' lists library, and sets. */
export const lists: readonly LibraryEntry[] = [
  costlyMember('distinct', 1, distinct),
  costlyMember('flatten', 1, (budget, list) => flatten(budget, list, 1)),
  costlyMember('flatten', 2, flatten),
  costlyMember('slice', 3, slice),
  costlyMember('reverse', 1, (budget, list) => {
    if (!isList(list)) return noOverload('reverse', list)
    budget.charge(LIST_COST + 1 + list.length)
    return list.toReversed()
  }),
  costlyMember('sort', 1, (budget, list) => (isList(list) ? sortByKeys(budget, list, list) : noOverload('sort', list))),
  costlyGlobal('lists.range', 1, range),
  costlyMember('isSorted', 1, isSorted),
  costlyMember('sum', 1, sum),
  costlyMember('min', 1, (budget, list) => extreme(budget, 'min', list)),
  costlyMember('max', 1, (budget, list) => extreme(budget, 'max', list)),
  costlyMember('includes', 2, includes),
  setFunction('sets.contains', 1, (budget, all, some) => isSubset(budget, some, all)),
  setFunction('sets.intersects', 1, (budget, a, b) => a.some((element) => contains(budget, b, element))),
  setFunction('sets.equivalent', 2, (budget, a, b) => isSubset(budget, a, b) && isSubset(budget, b, a)),
]
