import type { Logger } from '../evidence/index.ts'
import type { RuleSet } from '../rules/index.ts'

/** Below this size a rule set may shrink as it likes. */
const SMALLEST_WATCHED = 10
const WINDOW_MS = 60_000

export interface ShrinkGuardOptions {
  readonly now: () => number
  /** The last confirmation by a person that policies were meant to go; another text for each, empty without one. */
  readonly confirmation: () => Promise<string>
  readonly logger: Logger
}

/**
 * Holds a rule set back that lost more than half of its policies within a minute: deleting a definition removes every policy
 * without a request for any of them, and an empty set would correctly allow everything.
 */
export class ShrinkGuard {
  readonly #options: ShrinkGuardOptions
  /** Sizes that were in force, with the time until which they were. */
  #peaks: { readonly size: number; readonly atMs: number }[] = []
  #isHolding = false
  /** The confirmation that was there when the holding began: it is of another shrink. */
  #earlier = ''

  constructor(options: ShrinkGuardOptions) {
    this.#options = options
  }

  /** Whether a set of `size` policies may come into force after the previous one. */
  async mayReplace(previous: RuleSet | undefined, size: number): Promise<boolean> {
    const nowMs = this.#options.now()
    const inForce = previous?.policies.length ?? 0
    this.#peaks = [...this.#peaks.filter(({ atMs }) => nowMs - atMs <= WINDOW_MS), { size: inForce, atMs: nowMs }]
    const peak = Math.max(...this.#peaks.map((entry) => entry.size))
    // While holding, the size in force is still the old one, so the peak stays until the policies are back or confirmed gone.
    if (peak < SMALLEST_WATCHED || size * 2 >= peak) return this.#release()
    const confirmation = await this.#options.confirmation()
    if (!this.#isHolding) {
      this.#earlier = confirmation
      this.#options.logger.error('suspicious shrink: the last rule set stays in force until it is confirmed', { before: peak, after: size })
    } else if (confirmation !== '' && confirmation !== this.#earlier) {
      this.#peaks = []
      return this.#release()
    }
    this.#isHolding = true
    return false
  }

  #release(): true {
    this.#isHolding = false
    return true
  }
}
