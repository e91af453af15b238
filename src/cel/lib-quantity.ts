import { toInt } from './arithmetic.ts'
import { CelError, fail, noOverload } from './failure.ts'
import { costlyGlobal, global, type LibraryEntry, member, traversal } from './library-entry.ts'
import {
  addQuantities,
  compareQuantities,
  integerQuantity,
  parseQuantity,
  Quantity,
  quantityAsFloat,
  quantityAsInteger,
  subtractQuantities,
} from './quantity.ts'
import { compareSemver, Semver } from './semver.ts'
import { type CelValue, isInt, toDouble } from './values.ts'

function calculation(name: string, run: (a: Quantity, b: Quantity) => Quantity): LibraryEntry {
  return member(name, 2, (_budget, a, b) => {
    const operand = isInt(b) ? integerQuantity(BigInt(b)) : b
    return a instanceof Quantity && operand instanceof Quantity ? run(a, operand) : noOverload(name, a, b)
  })
}

// Quantities and versions share the names of their comparisons.
function comparison(name: string, judge: (ordering: number) => CelValue): LibraryEntry {
  return member(name, 2, (_budget, a, b) => {
    if (a instanceof Quantity && b instanceof Quantity) return judge(compareQuantities(a, b))
    if (a instanceof Semver && b instanceof Semver) return judge(compareSemver(a, b))
    return noOverload(name, a, b)
  })
}

/** Kubernetes' quantity library, and the comparisons it shares with versions. */
export const quantities: readonly LibraryEntry[] = [
  costlyGlobal('quantity', 1, (budget, text) => {
    if (typeof text !== 'string') return noOverload('quantity', text)
    budget.charge(traversal(text))
    return parseQuantity(text)
  }),
  costlyGlobal('isQuantity', 1, (budget, text) => {
    if (typeof text !== 'string') return noOverload('isQuantity', text)
    budget.charge(traversal(text))
    return !(parseQuantity(text) instanceof CelError)
  }),
  global('sign', 1, (_budget, value) => {
    if (!(value instanceof Quantity)) return noOverload('sign', value)
    const { unscaled } = value.$amount
    return unscaled < 0n ? -1 : Number(unscaled > 0n)
  }),
  member('isInteger', 1, (_budget, value) => (value instanceof Quantity ? quantityAsInteger(value) !== undefined : noOverload('isInteger', value))),
  member('asInteger', 1, (_budget, value) => {
    if (!(value instanceof Quantity)) return noOverload('asInteger', value)
    const integer = quantityAsInteger(value)
    return integer === undefined ? fail('Conversion', 'cannot convert value to integer') : toInt(integer)
  }),
  member('asApproximateFloat', 1, (_budget, value) => (value instanceof Quantity ? toDouble(quantityAsFloat(value)) : noOverload('asApproximateFloat', value))),
  calculation('add', addQuantities),
  calculation('sub', subtractQuantities),
  comparison('isGreaterThan', (ordering) => ordering > 0),
  comparison('isLessThan', (ordering) => ordering < 0),
  comparison('compareTo', (ordering) => ordering),
]
