import type { RuleOutcome } from './decision.ts'

/**
 * Whether the objects that an exception is for meet its rules now, so that it can go; `outcomes` are those of its rules on all these objects. Undefined
 * where that cannot be told: there is no such object, or some rule could not be evaluated and no other failed.
 */
export function wouldPassNow(outcomes: readonly RuleOutcome[]): boolean | undefined {
  const judged = outcomes.filter(({ result }) => result !== 'skip')
  if (judged.some(({ result }) => result === 'fail')) return false
  return judged.length === 0 || judged.some(({ result }) => result === 'error') ? undefined : true
}
