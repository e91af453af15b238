import { randomBytes } from 'node:crypto'
import { isRecord } from '../api/index.ts'
import type { Correction, Decision, RuleOutcome } from '../decide/index.ts'
import type { CountedSeries, CounterReport } from './counter-report.ts'

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

/** The order in which counts are reported. */
const ORDER = ['allowed', 'warned', 'denied', 'corrected', 'waived', 'errors'] as const

/** Counts as reports and sums have them. */
export const toVector = (counts: DecisionCounts): readonly number[] => ORDER.map((name) => counts[name])

/** Counts out of a report or a sum. */
export const fromVector = ([allowed = 0, warned = 0, denied = 0, corrected = 0, waived = 0, errors = 0]: readonly number[]): DecisionCounts => ({
  allowed,
  warned,
  denied,
  corrected,
  waived,
  errors,
})

const EFFECTS = ['allow', 'warn', 'deny'] as const

/** Reads a violation that another instance wrote, or gives undefined. */
export function readViolation(value: unknown): RecentViolation | undefined {
  if (!isRecord(value)) return undefined
  const { time, namespace, kind, name, rule, message } = value
  const effect = EFFECTS.find((one) => one === value['effect'])
  if (typeof time !== 'string' || typeof namespace !== 'string' || typeof kind !== 'string' || typeof name !== 'string') return undefined
  if (typeof rule !== 'string' || typeof message !== 'string' || effect === undefined) return undefined
  return { time, namespace, kind, name, rule, effect, message }
}

interface Mutable {
  readonly key: string
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
  readonly #waivers = new Map<string, WaiverCount & { readonly key: string }>()
  readonly #instance: string
  #begun = 0
  #changes = 0

  /** `instance` tells this process from any other, its predecessor in the same Pod included. */
  constructor(instance = randomBytes(4).toString('hex')) {
    this.#instance = instance
  }

  /** Grows whenever something was counted. */
  get changes(): number {
    return this.#changes
  }

  record(decision: Decision, { namespace, kind, name, isDryRun }: DecisionSubject): void {
    if (isDryRun) return
    this.#changes += 1
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
    this.#changes += 1
    for (const { kind, policy } of outcomes) if (kind === 'corrected') this.#of(policy.name).counts.corrected += 1
  }

  /** How often an exception (`namespace/name`) waived something, and when last. */
  waiversBy(exception: string): WaiverCount {
    const { count = 0, lastTime } = this.#waivers.get(exception) ?? {}
    return { count, lastTime }
  }

  #countWaiver(exception: string, time: Date): void {
    const { key = this.#nextKey(), count = 0 } = this.#waivers.get(exception) ?? {}
    this.#waivers.set(exception, { key, count: count + 1, lastTime: time.toISOString() })
  }

  /** The counters of a policy; zeros for one that has not been asked yet. */
  countersOf(policy: string): PolicyCounters {
    const { counts, recent } = this.#of(policy)
    return { counts: { ...counts }, recent: [...recent] }
  }

  /** Everything that was counted since the start. */
  report(): CounterReport {
    const policies = [...this.#byPolicy].map(([name, { key, counts }]): [string, CountedSeries] => [name, { key, counts: toVector(counts) }])
    return {
      policies: new Map(policies.filter(([, { counts }]) => counts.some((count) => count > 0))),
      waivers: new Map(
        [...this.#waivers].map(([name, { key, count, lastTime }]) => [name, { key, counts: [count], ...(lastTime === undefined ? {} : { lastTime }) }]),
      ),
    }
  }

  /** The newest violations over all policies, each with its policy. */
  newest(limit: number): readonly (readonly [policy: string, violation: RecentViolation])[] {
    const all = [...this.#byPolicy].flatMap(([policy, { recent }]) => recent.map((violation) => [policy, violation] as const))
    return all.sort(([, a], [, b]) => (a.time < b.time ? 1 : a.time > b.time ? -1 : 0)).slice(0, limit)
  }

  /** Forgets policies and exceptions that are gone. */
  keepOnly(policies: ReadonlySet<string>, exceptions: ReadonlySet<string>): void {
    for (const name of this.#byPolicy.keys()) if (!policies.has(name)) this.#byPolicy.delete(name)
    for (const name of this.#waivers.keys()) if (!exceptions.has(name)) this.#waivers.delete(name)
  }

  #nextKey(): string {
    this.#begun += 1
    return `${this.#instance}.${this.#begun}`
  }

  #of(policy: string): Mutable {
    const known = this.#byPolicy.get(policy)
    if (known !== undefined) return known
    const fresh: Mutable = { key: this.#nextKey(), counts: { allowed: 0, warned: 0, denied: 0, corrected: 0, waived: 0, errors: 0 }, recent: [] }
    this.#byPolicy.set(policy, fresh)
    return fresh
  }
}
