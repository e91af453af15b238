import type { CostBudget } from './cost.ts'
import { compareNumbers, isNumber } from './equality.ts'
import { type CelError, fail, noOverload } from './failure.ts'
import { type CelValue, Duration, isBytes, Timestamp } from './values.ts'

/** -1, 0 or 1; NaN where a double is NaN; `undefined` where the two cannot be ordered. */
export function compare(a: CelValue, b: CelValue): number | undefined {
  if (isNumber(a)) return isNumber(b) ? compareNumbers(a, b) : undefined
  if (typeof a === 'string') return typeof b === 'string' ? compareStrings(a, b) : undefined
  if (typeof a === 'boolean') return typeof b === 'boolean' ? Number(a) - Number(b) : undefined
  if (a instanceof Timestamp && b instanceof Timestamp) return Math.sign(a.$seconds - b.$seconds) || Math.sign(a.$nanos - b.$nanos)
  if (a instanceof Duration && b instanceof Duration) return a.$nanos < b.$nanos ? -1 : Number(a.$nanos > b.$nanos)
  return isBytes(a) && isBytes(b) ? compareBytes(a, b) : undefined
}

/** Orders strings by code point; JavaScript's own order goes by UTF-16 unit and puts U+FFFF before an emoji's surrogates wrongly. */
export function compareStrings(a: string, b: string): number {
  if (a === b) return 0
  const shorter = Math.min(a.length, b.length)
  for (let index = 0; index < shorter; index++) {
    const x = a.charCodeAt(index)
    const y = b.charCodeAt(index)
    if (x !== y) return rank(x) < rank(y) ? -1 : 1
  }
  return a.length < b.length ? -1 : 1
}

// Surrogates stand for code points above all others.
const rank = (unit: number): number => (unit >= 0xd800 && unit < 0xe000 ? unit + 0x10000 : unit)

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shorter = Math.min(a.length, b.length)
  for (let index = 0; index < shorter; index++) {
    const difference = (a[index] ?? 0) - (b[index] ?? 0)
    if (difference !== 0) return Math.sign(difference)
  }
  return Math.sign(a.length - b.length)
}

/** The four ordering operators. */
export type OrderingOperator = '<' | '<=' | '>' | '>='

/** Whether an ordering of -1, 0 or 1 satisfies the operator. */
export function satisfies(operator: OrderingOperator, ordering: number): boolean {
  switch (operator) {
    case '<':
      return ordering < 0
    case '<=':
      return ordering <= 0
    case '>':
      return ordering > 0
    case '>=':
      return ordering >= 0
  }
}

/** `a < b` and its kin. */
export function ordered(budget: CostBudget, operator: OrderingOperator, a: CelValue, b: CelValue): boolean | CelError {
  budget.charge(typeof a === 'string' && typeof b === 'string' ? Math.ceil(Math.min(a.length, b.length) / 10) : 1)
  return judgeOrder(operator, a, b)
}

/** The same without a charge. */
export function judgeOrder(operator: OrderingOperator, a: CelValue, b: CelValue): boolean | CelError {
  const ordering = compare(a, b)
  if (ordering === undefined) return noOverload(`_${operator}_`, a, b)
  if (Number.isNaN(ordering)) return fail('InvalidArgument', 'NaN values cannot be ordered')
  return satisfies(operator, ordering)
}
