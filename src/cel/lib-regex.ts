import type { CostBudget } from './cost.ts'
import { CelError, noOverload } from './failure.ts'
import { costlyGlobal, costlyMember, type LibraryEntry } from './library-entry.ts'
import { compileRegex, find, findAll, matches } from './regex.ts'
import { type CelValue, isInt } from './values.ts'

function matchesPattern(budget: CostBudget, text: CelValue, pattern: CelValue): CelValue {
  if (typeof text !== 'string' || typeof pattern !== 'string') return noOverload('matches', text, pattern)
  budget.charge(pattern.length)
  const regex = compileRegex(pattern)
  return regex instanceof CelError ? regex : matches(budget, text, regex)
}

function findPattern(budget: CostBudget, text: CelValue, pattern: CelValue): CelValue {
  if (typeof text !== 'string' || typeof pattern !== 'string') return noOverload('find', text, pattern)
  budget.charge(pattern.length)
  const regex = compileRegex(pattern)
  return regex instanceof CelError ? regex : find(budget, text, regex)
}

function findAllPattern(budget: CostBudget, text: CelValue, pattern: CelValue, limit: CelValue): CelValue {
  if (typeof text !== 'string' || typeof pattern !== 'string' || !isInt(limit)) return noOverload('findAll', text, pattern, limit)
  budget.charge(pattern.length)
  const regex = compileRegex(pattern)
  return regex instanceof CelError ? regex : findAll(budget, text, regex, Number(limit))
}

/** Functions over regular expressions computed at run time; constant ones are compiled with the expression. */
export const regexes: readonly LibraryEntry[] = [
  costlyMember('matches', 2, matchesPattern),
  costlyGlobal('matches', 2, matchesPattern),
  costlyMember('find', 2, findPattern),
  costlyMember('findAll', 2, (budget, text, pattern) => findAllPattern(budget, text, pattern, -1)),
  costlyMember('findAll', 3, findAllPattern),
]
