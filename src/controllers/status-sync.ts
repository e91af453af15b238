import {
  type Condition,
  isEqualJson,
  type KubernetesObject,
  OperationalError,
  type Policy,
  type PolicyStatus,
  readEnforcementProfileStatus,
  readPolicyExceptionStatus,
  readPolicyStatus,
} from '../api/index.ts'
import type { DecisionCounter, DecisionCounts, Logger, PolicyCounters, RecentViolation, WaiverCount } from '../evidence/index.ts'
import type { CompileIssue, EnforcedPolicy, RuleSet, RuleSetStore } from '../rules/index.ts'
import type { Cluster } from './cluster.ts'
import type { EventWriter } from './event-writer.ts'
import { type ExceptionUseReader, endFor } from './exception-counts.ts'
import { Loop } from './loop.ts'
import { differsOnlyInCounters, toExceptionStatus, toPolicyStatus, toProfileStatus } from './policy-status.ts'
import type { ExceptionState, PolicyState, PolicySync } from './policy-sync.ts'
import type { ScanState } from './scan/index.ts'

export interface StatusSyncOptions {
  readonly cluster: Cluster
  readonly policies: PolicySync
  readonly store: RuleSetStore
  readonly counter: DecisionCounter
  readonly isRegistered: (policy: EnforcedPolicy) => boolean
  /** What the schemas of its kinds tell of a policy. */
  readonly fieldIssues: (policy: Policy) => readonly CompileIssue[]
  /** What a policy declares as context and cannot be gathered, with the reason. */
  readonly contextProblems: (policy: Policy) => readonly string[]
  /** What is known of the use of exceptions; nothing is, where nobody looks at all objects. */
  readonly exceptionUse?: ExceptionUseReader
  /** What is known of existing objects; undefined where nothing is yet. */
  readonly scan: () => ScanState | 'stopped' | undefined
  /** Whether this replica is the one that writes. */
  readonly isLeader: () => boolean
  readonly events: EventWriter
  readonly now: () => Date
  readonly logger: Logger
}

const GROUP = 'bylaw.dev'
const VERSION = 'v1'
const SETTLE_MS = 100
const SWEEP_MS = 15_000
const COUNTERS_EVERY_MS = 60_000
const WRITES_PER_SECOND = 5
/** What has just begun, or is as its author wants it, is not worth an Event. */
const SILENT_REASONS: ReadonlySet<string> = new Set(['RegistrationPending', 'NotExpired', 'Pending', 'Scanning', 'NotScanned', 'NeedsRequest'])
const RECENT = 10

const sum = (a: DecisionCounts, b: DecisionCounts): DecisionCounts => ({
  allowed: a.allowed + b.allowed,
  warned: a.warned + b.warned,
  denied: a.denied + b.denied,
  corrected: a.corrected + b.corrected,
  waived: a.waived + b.waived,
  errors: a.errors + b.errors,
})

const NOTHING: DecisionCounts = { allowed: 0, warned: 0, denied: 0, corrected: 0, waived: 0, errors: 0 }

interface Base {
  readonly uid: string
  readonly counters: PolicyCounters
}

function toCounters(status: PolicyStatus | undefined): PolicyCounters {
  const recent = (status?.recentViolations ?? []).map((violation): RecentViolation => ({ namespace: '', ...violation }))
  return { counts: status?.decisions ?? NOTHING, recent }
}

/** Writes status back: at once where something changed that a person reads, counters at most once a minute a policy, five writes a second in all, nothing where nothing changed. */
export class StatusSync {
  readonly #options: StatusSyncOptions
  readonly #loop: Loop
  readonly #timer: NodeJS.Timeout
  #endTimer: NodeJS.Timeout | undefined
  readonly #writtenMs = new Map<string, number>()
  /** What earlier instances counted, as it stood when this one first saw the policy. */
  readonly #bases = new Map<string, Base>()
  readonly #waiverBases = new Map<string, { readonly uid: string; readonly count: number; readonly lastTime: string | undefined }>()

  constructor(options: StatusSyncOptions) {
    this.#options = options
    this.#loop = new Loop('status', () => this.#run(), options.logger, SETTLE_MS)
    this.#timer = setInterval(() => this.#loop.request(), SWEEP_MS)
    this.#timer.unref()
  }

  request(): void {
    this.#loop.request()
  }

  stop(): void {
    clearInterval(this.#timer)
    clearTimeout(this.#endTimer)
    this.#loop.stop()
  }

  async #run(): Promise<void> {
    const ruleSet = this.#options.store.snapshot()
    if (ruleSet === undefined || !this.#options.isLeader()) return
    for (const state of this.#options.policies.states()) await this.#writePolicy(state)
    for (const state of this.#options.policies.exceptions()) await this.#writeException(state)
    await this.#writeProfiles()
    this.#waitForEnd(ruleSet)
    this.#options.counter.keepOnly(new Set(ruleSet.policies.map(({ identity }) => identity.name)))
  }

  /** Comes back when the next exception ends: that is a matter of the clock, not of an event. */
  #waitForEnd(ruleSet: RuleSet): void {
    const nowMs = this.#options.now().getTime()
    const exceptions = this.#options.policies.exceptions().flatMap(({ compiled }) => compiled ?? [])
    const ends = exceptions.flatMap((exception) => ruleSet.policies.map((policy) => endFor(exception, policy)))
    const nextMs = Math.min(...ends.filter((endMs) => endMs > nowMs)) - nowMs
    clearTimeout(this.#endTimer)
    if (nextMs < SWEEP_MS) this.#endTimer = setTimeout(() => this.#loop.request(), nextMs)
  }

  #countersOf(state: PolicyState, stored: PolicyStatus | undefined): PolicyCounters {
    const { name = '', uid = '' } = state.object.metadata
    let base = this.#bases.get(name)
    if (base?.uid !== uid) {
      base = { uid, counters: toCounters(stored) }
      this.#bases.set(name, base)
    }
    const own = this.#options.counter.countersOf(name)
    return { counts: sum(base.counters.counts, own.counts), recent: [...own.recent, ...base.counters.recent].slice(0, RECENT) }
  }

  async #writePolicy(state: PolicyState): Promise<void> {
    const { policies, store, isRegistered, fieldIssues, contextProblems, scan, now } = this.#options
    const { name = '' } = state.object.metadata
    const ruleSet = store.snapshot()
    const current = policies.current(name)
    if (ruleSet === undefined || current === undefined || current.metadata.generation !== state.object.metadata.generation) return
    const stored = readPolicyStatus(current['status'])
    const counters = this.#countersOf(state, stored)
    const exceptions = policies.exceptions()
    const useOf = this.#options.exceptionUse ?? (() => undefined)
    const exceptionUse = { useOf, lastTimeOf: (id: string) => this.#waiversBy(id).lastTime }
    const wanted = toPolicyStatus(state, stored, {
      ruleSet,
      isRegistered,
      isHeld: policies.isHeld,
      fieldIssues,
      contextProblems,
      counters,
      exceptions,
      exceptionUse,
      scan: scan(),
      now: now(),
    })
    if (stored !== undefined && isEqualJson(stored, wanted)) return
    if (stored !== undefined && differsOnlyInCounters(stored, wanted)) {
      const waitMs = COUNTERS_EVERY_MS - (now().getTime() - (this.#writtenMs.get(name) ?? 0))
      if (waitMs > 0) return
    }
    await this.#write('policies', 'Policy', current, wanted)
    this.#writtenMs.set(name, now().getTime())
    this.#tell(current, stored?.conditions ?? [], wanted.conditions ?? [])
  }

  #tell(object: KubernetesObject, before: readonly Condition[], after: readonly Condition[]): void {
    for (const { type, status, reason, message } of after) {
      if (before.find((condition) => condition.type === type)?.status === status) continue
      // A policy that has just been made is not worth a word until it is in force.
      if (status !== 'True' && SILENT_REASONS.has(reason)) continue
      const [firstLine = ''] = message.split('\n')
      this.#options.events.write({
        regarding: object,
        type: status === 'True' && type !== 'Expired' ? 'Normal' : 'Warning',
        reason,
        action: type,
        note: `${type} is ${status}: ${firstLine}`,
      })
    }
  }

  async #writeException(state: ExceptionState): Promise<void> {
    const { policies, store, now } = this.#options
    const { name = '', namespace = '', uid = '', generation } = state.object.metadata
    const ruleSet = store.snapshot()
    const current = policies.currentException(name, namespace)
    if (ruleSet === undefined || current === undefined || current.metadata.generation !== generation) return
    const stored = readPolicyExceptionStatus(current['status'])
    const id = `${namespace}/${name}`
    if (this.#waiverBases.get(id)?.uid !== uid) this.#waiverBases.set(id, { uid, count: stored?.waived?.count ?? 0, lastTime: stored?.waived?.lastTime })
    const wanted = toExceptionStatus(state, stored, { ruleSet, waivers: this.#waiversBy(id), now: now(), use: this.#options.exceptionUse?.(id) })
    if (isEqualJson(stored, wanted)) return
    const isCountersOnly = stored !== undefined && isEqualJson({ ...stored, waived: undefined }, { ...wanted, waived: undefined })
    if (isCountersOnly && now().getTime() - (this.#writtenMs.get(id) ?? 0) < COUNTERS_EVERY_MS) return
    await this.#write('policyexceptions', 'PolicyException', current, wanted)
    this.#writtenMs.set(id, now().getTime())
    this.#tell(current, stored?.conditions ?? [], wanted.conditions ?? [])
  }

  #waiversBy(exception: string): WaiverCount {
    const base = this.#waiverBases.get(exception)
    const own = this.#options.counter.waiversBy(exception)
    return { count: (base?.count ?? 0) + own.count, lastTime: own.lastTime ?? base?.lastTime }
  }

  async #writeProfiles(): Promise<void> {
    const { objects, mistakes } = this.#options.policies.profileState()
    for (const object of objects) {
      const stored = readEnforcementProfileStatus(object['status'])
      const wanted = toProfileStatus(object, mistakes, stored, this.#options.now())
      if (!isEqualJson(stored, wanted)) await this.#write('enforcementprofiles', 'EnforcementProfile', object, wanted)
    }
  }

  async #write(resource: string, kind: string, { metadata }: KubernetesObject, status: unknown): Promise<void> {
    const { name = '', namespace } = metadata
    const address = { group: GROUP, version: VERSION, resource, name, ...(namespace === undefined ? {} : { namespace }) }
    try {
      await this.#options.cluster.applyStatus(address, kind, status)
    } catch (error) {
      // Applying to an object that has just gone would make it anew, if that were allowed: 404 and 409 both mean that it went.
      if (!(error instanceof OperationalError && (error.code === 'KubeNotFound' || error.code === 'KubeConflict'))) throw error
    }
    await new Promise((resolve) => setTimeout(resolve, 1000 / WRITES_PER_SECOND))
  }
}
