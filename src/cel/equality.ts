import type { CostBudget } from './cost.ts'
import { CelError, EvaluationStopped, noOverload } from './failure.ts'
import { mapEntries, mapGet, mapSize } from './maps.ts'
import {
  type CelRecord,
  type CelValue,
  Double,
  Duration,
  isBytes,
  isDouble,
  isList,
  isMap,
  isRecord,
  kindOf,
  Opaque,
  Optional,
  Timestamp,
  TypeValue,
  Uint,
} from './values.ts'

const MAX_DEPTH = 1_000

/** Whether two values are equal, or the first operand that is an error. Values of different types are unequal; numbers compare by value. */
export function equals(budget: CostBudget, a: CelValue, b: CelValue): boolean | CelError {
  if (a instanceof CelError) return a
  if (b instanceof CelError) return b
  return equalValues(budget, a, b, 0)
}

function equalValues(budget: CostBudget, a: CelValue, b: CelValue, depth: number): boolean | CelError {
  // NaN is the one value that differs from itself; an authorizer is compared with nothing, not even itself.
  if (a === b) return a instanceof Opaque ? a.$equals(a) : typeof a !== 'number' || !Number.isNaN(a)
  if (typeof a === 'string' || typeof a === 'boolean' || a === null) return false
  if (isNumber(a)) return isNumber(b) && compareNumbers(a, b) === 0
  // Not an error value: inside a list or map one would count as equal.
  if (depth > MAX_DEPTH) throw new EvaluationStopped('EvaluationFailed', 'comparison nests too deeply')
  if (isList(a)) return isList(b) && equalLists(budget, a, b, depth)
  if (isMap(a)) return isMap(b) && equalMaps(budget, a, b, depth)
  if (isBytes(a)) return isBytes(b) && equalBytes(budget, a, b)
  if (a instanceof Timestamp) return b instanceof Timestamp && a.$seconds === b.$seconds && a.$nanos === b.$nanos
  if (a instanceof Duration) return b instanceof Duration && a.$nanos === b.$nanos
  if (a instanceof TypeValue) return b instanceof TypeValue && a.$name === b.$name
  // Values of Kubernetes' libraries refuse to be compared with anything but their like and null.
  if (a instanceof Opaque) return b === null ? false : b instanceof Opaque ? a.$equals(b) : noOverload('_==_', a, b)
  if (!(a instanceof Optional && b instanceof Optional)) return false
  if (a.$value === undefined || b.$value === undefined) return a.$value === b.$value
  // Null is no exception here, as it is where no optional is around.
  if (a.$value instanceof Opaque && b.$value === null) return noOverload('_==_', a.$value, b.$value)
  return equalValues(budget, a.$value, b.$value, depth + 1)
}

function equalLists(budget: CostBudget, a: readonly CelValue[], b: readonly CelValue[], depth: number): boolean {
  if (a.length !== b.length) return false
  if (depth > 0) budget.charge(Math.ceil(a.length / 10))
  for (let index = 0; index < a.length; index++) {
    // An element in error counts as equal, in Kubernetes too.
    if (equalValues(budget, a[index] ?? null, b[index] ?? null, depth + 1) === false) return false
  }
  return true
}

function equalMaps(budget: CostBudget, a: CelValue, b: CelValue, depth: number): boolean {
  if (isRecord(a) && isRecord(b)) return equalRecords(budget, a, b, depth)
  const size = mapSize(a)
  if (size !== mapSize(b)) return false
  if (depth > 0) budget.charge(Math.ceil(size / 10))
  for (const [key, value] of mapEntries(a)) {
    const other = mapGet(b, key)
    if (other === undefined) return false
    if (equalValues(budget, value, other, depth + 1) === false) return false
  }
  return true
}

function equalRecords(budget: CostBudget, a: CelRecord, b: CelRecord, depth: number): boolean {
  const keys = Object.keys(a)
  if (keys.length !== Object.keys(b).length) return false
  if (depth > 0) budget.charge(Math.ceil(keys.length / 10))
  for (const key of keys) {
    if (!Object.hasOwn(b, key) || equalValues(budget, a[key] ?? null, b[key] ?? null, depth + 1) === false) return false
  }
  return true
}

function equalBytes(budget: CostBudget, a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  budget.charge(Math.floor(a.length / 10))
  return a.every((byte, index) => byte === b[index])
}

/** Any of the three kinds of number. */
export type CelNumber = number | bigint | Double | Uint

/** Whether a value is an int, a uint or a double. */
export function isNumber(value: CelValue): value is CelNumber {
  return typeof value === 'number' || typeof value === 'bigint' || value instanceof Double || value instanceof Uint
}

/**
 * -1, 0 or 1, or NaN where one of them is NaN. Between int and uint exact, against a double through doubles,
 * so that the largest int equals the double 2^63: cel-go does the same.
 */
export function compareNumbers(a: CelNumber, b: CelNumber): number {
  const x = typeof a === 'object' ? a.$value : a
  const y = typeof b === 'object' ? b.$value : b
  if (typeof x === typeof y) return order(x, y)
  return isDouble(a) || isDouble(b) ? order(Number(x), Number(y)) : order(BigInt(x), BigInt(y))
}

function order(x: number | bigint, y: number | bigint): number {
  if (x < y) return -1
  if (x > y) return 1
  return x === y ? 0 : Number.NaN
}

/** Whether a list holds a value equal to `value`; elements in error are unequal. */
export function contains(budget: CostBudget, list: readonly CelValue[], value: CelValue): boolean {
  if (typeof value === 'string') return list.includes(value)
  return list.some((element) => equals(budget, value, element) === true)
}

/** What comparing costs in Kubernetes' units: a tenth of the smaller size. */
export function comparisonCost(a: CelValue, b: CelValue): number {
  return Math.ceil(Math.min(sizeForCost(a), sizeForCost(b)) / 10)
}

/** The size Kubernetes reckons with; 1 for anything without a size. */
function sizeForCost(value: CelValue): number {
  if (typeof value === 'string') return value.length
  if (typeof value !== 'object' || value === null) return 1
  if (isList(value) || isBytes(value)) return value.length
  if (isMap(value)) return mapSize(value)
  if (value instanceof Optional && value.$value !== undefined && !(value.$value instanceof Optional)) return sizeForCost(value.$value)
  return kindOf(value) === 'opaque' ? opaqueSize(value) : 1
}

function opaqueSize(value: CelValue): number {
  if (!(value instanceof Opaque)) return 1
  // An address has the size of its bytes.
  if (value.$type === 'net.IP') return value.$text().includes(':') ? 16 : 4
  return value.$type === 'net.CIDR' ? (value.$text().includes(':') ? 16 : 4) : 1
}
