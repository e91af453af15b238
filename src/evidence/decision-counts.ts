import type { Correction, Decision, RuleOutcome } from '../decide/index.ts'

/** How often a policy came to which end, since this instance started. */
export interface DecisionCounts {
  readonly allowed: number
  readonly warned: number
  readonly denied: number
  readonly corrected: number
  readonly waived: number
  readonly errors: number
}

/** One violation that a request had, as it is shown in the status of its policy. */
export interface RecentViolation {
  readonly time: string
  readonly namespace: string
  readonly kind: string
  readonly name: string
  readonly rule: string
  readonly effect: 'allow' | 'warn' | 'deny'
  readonly message: string
}

/** How often an exception waived something. */
export interface WaiverCount {
  readonly count: number
  readonly lastTime: string | undefined
}

/** Where a decision was made about. */
export interface DecisionSubject {
  readonly namespace: string
  readonly kind: string
  readonly name: string
  readonly isDryRun: boolean
}

export interface PolicyCounters {
  readonly counts: DecisionCounts
  readonly recent: readonly RecentViolation[]
}

const MAX_RECENT = 10
const MAX_MESSAGE_CHARACTERS = 256

interface Mutable {
  counts: { -readonly [K in keyof DecisionCounts]: DecisionCounts[K] }
  recent: RecentViolation[]
}

function strongestEffect(outcomes: readonly RuleOutcome[]): 'allowed' | 'warned' | 'denied' {
  if (outcomes.some(({ effect }) => effect === 'deny')) return 'denied'
  return outcomes.some(({ effect }) => effect === 'warn') ? 'warned' : 'allowed'
}

/** Counts decisions by policy, for its status. Dry runs are never counted; a request counts once for each policy that judged it. */
export class DecisionCounter {
  readonly #byPolicy = new Map<string, Mutable>()
  readonly #waivers = new Map<string, WaiverCount>()

  record(decision: Decision, { namespace, kind, name, isDryRun }: DecisionSubject): void {
    if (isDryRun) return
    const byPolicy = Map.groupBy(decision.outcomes, ({ rule }) => rule.policy.name)
    for (const [policy, outcomes] of byPolicy) {
      const judged = outcomes.filter(({ result }) => result !== 'skip')
      if (judged.length === 0) continue
      const counters = this.#of(policy)
      counters.counts[strongestEffect(judged)] += 1
      if (judged.some(({ result }) => result === 'error')) counters.counts.errors += 1
      const waivers = new Set(judged.flatMap((outcome) => (outcome.result === 'fail' || outcome.result === 'error' ? (outcome.waivedBy ?? []) : [])))
      if (waivers.size > 0) counters.counts.waived += 1
      for (const exception of waivers) this.#countWaiver(exception, decision.dependsOn.decidedAt)
      for (const outcome of judged) {
        if (outcome.result !== 'fail') continue
        const [finding] = outcome.violation.findings
        const message = [...(finding?.sentence ?? outcome.violation.message)].slice(0, MAX_MESSAGE_CHARACTERS).join('')
        const time = decision.dependsOn.decidedAt.toISOString()
        counters.recent.unshift({ time, namespace, kind, name, rule: outcome.rule.name, effect: outcome.effect, message })
        if (counters.recent.length > MAX_RECENT) counters.recent.pop()
      }
    }
  }

  /** Counts the policies that corrected an object; only the mutating call knows of it, so a decision never counts it. */
  recordCorrection({ outcomes }: Correction, { isDryRun }: Pick<DecisionSubject, 'isDryRun'>): void {
    if (isDryRun) return
    for (const { kind, policy } of outcomes) if (kind === 'corrected') this.#of(policy.name).counts.corrected += 1
  }

  /** How often an exception (`namespace/name`) waived something, and when last. */
  waiversBy(exception: string): WaiverCount {
    return this.#waivers.get(exception) ?? { count: 0, lastTime: undefined }
  }

  #countWaiver(exception: string, time: Date): void {
    this.#waivers.set(exception, { count: this.waiversBy(exception).count + 1, lastTime: time.toISOString() })
  }

  /** The counters of a policy; zeros for one that has not been asked yet. */
  countersOf(policy: string): PolicyCounters {
    const { counts, recent } = this.#of(policy)
    return { counts: { ...counts }, recent: [...recent] }
  }

  /** Forgets policies that are gone. */
  keepOnly(policies: ReadonlySet<string>): void {
    for (const name of this.#byPolicy.keys()) if (!policies.has(name)) this.#byPolicy.delete(name)
  }

  #of(policy: string): Mutable {
    const known = this.#byPolicy.get(policy)
    if (known !== undefined) return known
    const fresh: Mutable = { counts: { allowed: 0, warned: 0, denied: 0, corrected: 0, waived: 0, errors: 0 }, recent: [] }
    this.#byPolicy.set(policy, fresh)
    return fresh
  }
}
