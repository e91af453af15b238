import { toInt } from './arithmetic.ts'
import type { CostBudget } from './cost.ts'
import { CelError, noOverload } from './failure.ts'
import { costlyGlobal, type LibraryEntry, member, traversal } from './library-entry.ts'
import { parseSemver, Semver } from './semver.ts'
import type { CelValue } from './values.ts'

function readSemver(budget: CostBudget, name: string, text: CelValue, isLenient: CelValue): Semver | CelError {
  if (typeof text !== 'string' || typeof isLenient !== 'boolean') return noOverload(name, text, isLenient)
  budget.charge(traversal(text))
  return parseSemver(text, isLenient)
}

function isSemver(budget: CostBudget, text: CelValue, isLenient: CelValue): CelValue {
  if (typeof text !== 'string' || typeof isLenient !== 'boolean') return noOverload('isSemver', text, isLenient)
  return !(readSemver(budget, 'isSemver', text, isLenient) instanceof CelError)
}

function part(name: string, position: 0 | 1 | 2): LibraryEntry {
  // Kubernetes makes an int64 of the uint64, so the largest numbers come out negative.
  return member(name, 1, (_budget, version) => (version instanceof Semver ? toInt(BigInt.asIntN(64, version.$numbers[position])) : noOverload(name, version)))
}

/** Kubernetes' semver library; comparisons are with those of quantities. */
export const semvers: readonly LibraryEntry[] = [
  costlyGlobal('semver', 1, (budget, text) => readSemver(budget, 'semver', text, false)),
  costlyGlobal('semver', 2, (budget, text, isLenient) => readSemver(budget, 'semver', text, isLenient)),
  costlyGlobal('isSemver', 1, (budget, text) => isSemver(budget, text, false)),
  costlyGlobal('isSemver', 2, isSemver),
  part('major', 0),
  part('minor', 1),
  part('patch', 2),
]
