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
import {
  addIncreases,
  type CounterReport,
  type DecisionCounter,
  fromVector,
  type Logger,
  type RecentViolation,
  type ScanState,
  toVector,
} from '../evidence/index.ts'
import type { CompiledException, CompileIssue, EnforcedPolicy, RuleSet, RuleSetStore } from '../rules/index.ts'
import type { Cluster } from './cluster.ts'
import type { EventWriter } from './event-writer.ts'
import { endsOf, useByScan } from './exception-counts.ts'
import { levelStateOf } from './level-state.ts'
import { Loop } from './loop.ts'
import { differsOnlyInCounters, type SummedCounters, toExceptionStatus, toPolicyStatus, toProfileStatus } from './policy-status.ts'
import type { ExceptionState, PolicyState, PolicySync } from './policy-sync.ts'
import type { ReplicaSync } from './replica-sync.ts'

export interface StatusSyncOptions {
  readonly cluster: Cluster
  readonly policies: PolicySync
  readonly store: RuleSetStore
  readonly counter: DecisionCounter
  /** What the other instances count, and how far they are. */
  readonly replicas: Pick<ReplicaSync, 'peers' | 'inherited' | 'count'>
  readonly isRegistered: (policy: EnforcedPolicy) => boolean
  /** What the schemas of its kinds tell of a policy. */
  readonly fieldIssues: (policy: Policy) => readonly CompileIssue[]
  /** What a policy declares as context and cannot be gathered, with the reason. */
  readonly contextProblems: (policy: Policy) => readonly string[]
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
const RECENT = 10

/** What has just begun, passes by itself, or is as its author wants it, is not worth an Event. */
const QUIET_REASONS: ReadonlySet<string> = new Set([
  'RegistrationPending',
  'InstancesPending',
  'NotExpired',
  'Pending',
  'Scanning',
  'NotScanned',
  'NeedsRequest',
])
/** A leader of so long has seen every instance that there is. */
const SETTLED_MS = 60_000

/** What all instances have counted, as it is at one moment. */
interface Counted {
  readonly reports: readonly CounterReport[]
  readonly violations: ReadonlyMap<string, readonly RecentViolation[]>
  /** Whether what no report tells of is known to be gone. */
  readonly isComplete: boolean
}

/** The newest violations out of several lists that may tell of the same. */
function newestOf(...lists: readonly (readonly RecentViolation[])[]): readonly RecentViolation[] {
  const byContent = new Map(
    lists.flat().map((violation) => [[violation.time, violation.rule, violation.kind, violation.namespace, violation.name].join('\n'), violation]),
  )
  return [...byContent.values()].sort((a, b) => (a.time < b.time ? 1 : a.time > b.time ? -1 : 0)).slice(0, RECENT)
}

/** Writes status back: at once where something changed that a person reads, counters at most once a minute a policy, five writes a second in all, nothing where nothing changed. */
export class StatusSync {
  readonly #options: StatusSyncOptions
  readonly #loop: Loop
  #endTimer: NodeJS.Timeout | undefined
  readonly #writtenMs = new Map<string, number>()
  /** What each policy was when all instances that were ready had it in force. */
  #everywhere: ReadonlyMap<string, string> = new Map()
  #leadingSinceMs: number | undefined

  constructor(options: StatusSyncOptions) {
    this.#options = options
    this.#loop = new Loop('status', () => this.#run(), options.logger, SETTLE_MS)
    this.#loop.every(SWEEP_MS)
  }

  request(): void {
    this.#loop.request()
  }

  stop(): void {
    clearTimeout(this.#endTimer)
    this.#loop.stop()
  }

  async #run(): Promise<void> {
    const ruleSet = this.#options.store.snapshot()
    if (ruleSet === undefined) return
    this.#confirm(ruleSet)
    this.#forgetOthers()
    if (!this.#options.isLeader()) {
      this.#leadingSinceMs = undefined
      return
    }
    this.#leadingSinceMs ??= this.#options.now().getTime()
    const counted = this.#count()
    for (const state of this.#options.policies.states()) await this.#writePolicy(state, counted)
    for (const state of this.#options.policies.exceptions()) await this.#writeException(state, counted)
    await this.#writeProfiles()
    this.#waitForEnd(ruleSet)
  }

  /** Comes back when the next exception ends: that is a matter of the clock, not of an event. */
  #waitForEnd(ruleSet: RuleSet): void {
    const nowMs = this.#options.now().getTime()
    const ends = this.#options.policies.exceptions().flatMap(({ compiled }) => (compiled === undefined ? [] : endsOf(compiled, ruleSet)))
    const nextMs = Math.min(...ends.filter((endMs) => endMs > nowMs)) - nowMs
    clearTimeout(this.#endTimer)
    if (nextMs < SWEEP_MS) this.#endTimer = setTimeout(() => this.#loop.request(), nextMs)
  }

  /** Takes note of what all instances have in force; what they had once, they have until it changes. */
  #confirm({ revision, policies }: RuleSet): void {
    const { ready, atRevision } = this.#options.replicas.count(revision)
    if (ready === atRevision) this.#everywhere = new Map(policies.map((policy) => [policy.identity.name, levelStateOf(policy)]))
  }

  /** Drops what was counted of policies and exceptions that are gone. */
  #forgetOthers(): void {
    const { counter, policies } = this.#options
    const exceptions = policies.exceptions().map(({ object: { metadata } }) => `${metadata.namespace ?? ''}/${metadata.name ?? ''}`)
    counter.keepOnly(new Set(policies.states().map(({ object }) => object.metadata.name ?? '')), new Set(exceptions))
  }

  #count(): Counted {
    const { counter, replicas, now } = this.#options
    const peers = replicas.peers()
    const violations = new Map<string, RecentViolation[]>()
    for (const [policy, violation] of peers.flatMap((peer) => peer.violations)) violations.set(policy, [...(violations.get(policy) ?? []), violation])
    return {
      reports: [counter.report(), ...replicas.inherited(), ...peers.flatMap(({ reports }) => reports)],
      violations,
      isComplete: now().getTime() - (this.#leadingSinceMs ?? 0) > SETTLED_MS,
    }
  }

  #countersOf(name: string, stored: PolicyStatus | undefined, { reports, violations, isComplete }: Counted): SummedCounters {
    const before = { counts: stored?.decisions === undefined ? [] : toVector(stored.decisions), counted: stored?.counted ?? [] }
    const { counts, counted } = addIncreases(
      before,
      reports.flatMap(({ policies }) => policies.get(name) ?? []),
      isComplete,
    )
    const earlier = (stored?.recentViolations ?? []).map((violation): RecentViolation => ({ namespace: '', ...violation }))
    return { counts: fromVector(counts), counted, recent: newestOf(this.#options.counter.countersOf(name).recent, violations.get(name) ?? [], earlier) }
  }

  async #writePolicy(state: PolicyState, counted: Counted): Promise<void> {
    const { policies, store, isRegistered, fieldIssues, contextProblems, scan, replicas, now } = this.#options
    const { name = '' } = state.object.metadata
    const ruleSet = store.snapshot()
    const current = policies.current(name)
    if (ruleSet === undefined || current === undefined || current.metadata.generation !== state.object.metadata.generation) return
    const stored = readPolicyStatus(current['status'])
    const counters = this.#countersOf(name, stored, counted)
    const isEverywhere = (policy: EnforcedPolicy): boolean => this.#everywhere.get(policy.identity.name) === levelStateOf(policy)
    const context = {
      ruleSet,
      isRegistered,
      isEverywhere,
      replicas: replicas.count(ruleSet.revision),
      isHeld: policies.isHeld,
      fieldIssues,
      contextProblems,
      counters,
      exceptions: policies.exceptions(),
      exceptionUse: { useOf: (exception: CompiledException) => useByScan(exception, scan(), now()), lastTimeOf: (id: string) => this.#waivedLast(id, counted) },
      scan: scan(),
      now: now(),
    }
    const wanted = toPolicyStatus(state, stored, context)
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
      if (status !== 'True' && QUIET_REASONS.has(reason)) continue
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

  /** When an exception waived something last, as far as any instance knows. */
  #waivedLast(id: string, { reports }: Counted): string | undefined {
    const [namespace = '', name = ''] = id.split('/')
    const stored = readPolicyExceptionStatus(this.#options.policies.currentException(name, namespace)?.['status'])
    const times = [stored?.waived?.lastTime, ...reports.flatMap(({ waivers }) => waivers.get(id) ?? []).map((one) => one.lastTime)]
    return times
      .filter((time) => time !== undefined)
      .sort()
      .at(-1)
  }

  async #writeException(state: ExceptionState, counted: Counted): Promise<void> {
    const { policies, store, scan, now } = this.#options
    const { name = '', namespace = '', generation } = state.object.metadata
    const ruleSet = store.snapshot()
    const current = policies.currentException(name, namespace)
    if (ruleSet === undefined || current === undefined || current.metadata.generation !== generation) return
    const stored = readPolicyExceptionStatus(current['status'])
    const id = `${namespace}/${name}`
    const series = counted.reports.flatMap(({ waivers: byException }) => byException.get(id) ?? [])
    const sum = addIncreases({ counts: [stored?.waived?.count ?? 0], counted: stored?.counted ?? [] }, series, counted.isComplete)
    const waivers = { count: sum.counts[0] ?? 0, lastTime: this.#waivedLast(id, counted), counted: sum.counted }
    const wanted = toExceptionStatus(state, stored, { ruleSet, waivers, now: now(), use: state.compiled && useByScan(state.compiled, scan(), now()) })
    if (isEqualJson(stored, wanted)) return
    const isCountersOnly =
      stored !== undefined && isEqualJson({ ...stored, waived: undefined, counted: undefined }, { ...wanted, waived: undefined, counted: undefined })
    if (isCountersOnly && now().getTime() - (this.#writtenMs.get(id) ?? 0) < COUNTERS_EVERY_MS) return
    await this.#write('policyexceptions', 'PolicyException', current, wanted)
    this.#writtenMs.set(id, now().getTime())
    this.#tell(current, stored?.conditions ?? [], wanted.conditions ?? [])
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
