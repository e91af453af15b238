import type { RuleSet } from './rule-set.ts'

/** Holds the rule set in force: readers take a snapshot, the policy controller replaces it whole. */
export class RuleSetStore {
  #current: RuleSet | undefined

  /** The set in force; undefined until the first load, which must never look like "no policy applies". */
  snapshot(): RuleSet | undefined {
    return this.#current
  }

  replace(next: RuleSet): void {
    this.#current = next
  }
}
