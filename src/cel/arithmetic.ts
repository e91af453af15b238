import type { CostBudget } from './cost.ts'
import { type CelError, fail, noOverload } from './failure.ts'
import { addToTimestamp, timestampDifference, toDuration } from './time.ts'
import { type CelValue, Duration, doubleOf, isBytes, isDouble, isInt, isList, Timestamp, toDouble, Uint } from './values.ts'

const MAX_INT = 9223372036854775807n
const MIN_INT = -9223372036854775808n
const MAX_UINT = 18446744073709551615n
const isSafe = Number.isSafeInteger

/** Makes an int, or an overflow error. */
export function toInt(value: bigint): CelValue {
  if (value >= -9007199254740991n && value <= 9007199254740991n) return Number(value)
  return value >= MIN_INT && value <= MAX_INT ? value : fail('Overflow', 'integer overflow')
}

/** Makes a uint, or an overflow error. */
export function toUint(value: bigint): CelValue {
  return value >= 0n && value <= MAX_UINT ? new Uint(value) : fail('Overflow', 'unsigned integer overflow')
}

/** `a + b`. */
export function add(budget: CostBudget, a: CelValue, b: CelValue): CelValue {
  if (typeof a === 'number' && typeof b === 'number' && isSafe(a) && isSafe(b)) {
    const sum = a + b
    budget.charge(1)
    return isSafe(sum) ? sum : toInt(BigInt(a) + BigInt(b))
  }
  if (typeof a === 'string' && typeof b === 'string') {
    budget.charge(Math.ceil((a.length + b.length) / 10))
    return a + b
  }
  if (isList(a) && isList(b)) {
    // Kubernetes keeps both halves and charges 1; here the elements are copied.
    budget.charge(1 + Math.floor((a.length + b.length) / 10))
    if (b.length === 0) return a
    return a.length === 0 ? b : a.concat(b)
  }
  if (isBytes(a) && isBytes(b)) {
    budget.charge(Math.ceil((a.length + b.length) / 10))
    const joined = new Uint8Array(a.length + b.length)
    joined.set(a)
    joined.set(b, a.length)
    return joined
  }
  budget.charge(1)
  return addNumbers(a, b)
}

/** `a + b` of numbers, durations and timestamps. */
export function addNumbers(a: CelValue, b: CelValue): CelValue {
  if (isInt(a) && isInt(b)) return toInt(BigInt(a) + BigInt(b))
  if (isDouble(a) && isDouble(b)) return toDouble(doubleOf(a) + doubleOf(b))
  if (a instanceof Uint && b instanceof Uint) return toUint(a.$value + b.$value)
  if (a instanceof Timestamp && b instanceof Duration) return addToTimestamp(a, b.$nanos)
  if (a instanceof Duration && b instanceof Timestamp) return addToTimestamp(b, a.$nanos)
  if (a instanceof Duration && b instanceof Duration) return toDuration(a.$nanos + b.$nanos)
  return noOverload('_+_', a, b)
}

/** `a - b`. */
export function subtract(a: CelValue, b: CelValue): CelValue {
  if (isInt(a) && isInt(b)) {
    if (typeof a === 'number' && typeof b === 'number') {
      const difference = a - b
      if (isSafe(difference)) return difference
    }
    return toInt(BigInt(a) - BigInt(b))
  }
  if (isDouble(a) && isDouble(b)) return toDouble(doubleOf(a) - doubleOf(b))
  if (a instanceof Uint && b instanceof Uint) return toUint(a.$value - b.$value)
  if (a instanceof Timestamp && b instanceof Duration) return addToTimestamp(a, -b.$nanos)
  if (a instanceof Timestamp && b instanceof Timestamp) return timestampDifference(a, b)
  if (a instanceof Duration && b instanceof Duration) return toDuration(a.$nanos - b.$nanos)
  return noOverload('_-_', a, b)
}

/** `a * b`. */
export function multiply(a: CelValue, b: CelValue): CelValue {
  if (isInt(a) && isInt(b)) {
    if (typeof a === 'number' && typeof b === 'number') {
      const product = a * b
      // Adding 0 turns -0 into 0: an int has no negative zero.
      if (isSafe(product)) return product + 0
    }
    return toInt(BigInt(a) * BigInt(b))
  }
  if (isDouble(a) && isDouble(b)) return toDouble(doubleOf(a) * doubleOf(b))
  if (a instanceof Uint && b instanceof Uint) return toUint(a.$value * b.$value)
  return noOverload('_*_', a, b)
}

const byZero = (): CelError => fail('DivisionByZero', 'division by zero')
const modulusByZero = (): CelError => fail('DivisionByZero', 'modulus by zero')

/** `a / b`. */
export function divide(a: CelValue, b: CelValue): CelValue {
  if (isInt(a) && isInt(b)) {
    if (b === 0) return byZero()
    return typeof a === 'number' && typeof b === 'number' ? Math.trunc(a / b) + 0 : toInt(BigInt(a) / BigInt(b))
  }
  if (isDouble(a) && isDouble(b)) return toDouble(doubleOf(a) / doubleOf(b))
  if (a instanceof Uint && b instanceof Uint) return b.$value === 0n ? byZero() : toUint(a.$value / b.$value)
  return noOverload('_/_', a, b)
}

/** `a % b`. */
export function modulo(a: CelValue, b: CelValue): CelValue {
  if (isInt(a) && isInt(b)) {
    if (b === 0) return modulusByZero()
    if (a === MIN_INT && b === -1) return fail('Overflow', 'integer overflow')
    return typeof a === 'number' && typeof b === 'number' ? (a % b) + 0 : toInt(BigInt(a) % BigInt(b))
  }
  if (a instanceof Uint && b instanceof Uint) return b.$value === 0n ? modulusByZero() : toUint(a.$value % b.$value)
  return noOverload('_%_', a, b)
}

/** `-a`. */
export function negate(a: CelValue): CelValue {
  if (isInt(a)) return typeof a === 'number' ? 0 - a : toInt(-a)
  if (isDouble(a)) return toDouble(-doubleOf(a))
  return noOverload('-_', a)
}
