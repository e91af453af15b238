import { isRecord, type KubernetesObject, OperationalError } from '../api/index.ts'
import {
  type CounterReport,
  type DecisionCounter,
  isEmptyReport,
  type Logger,
  type RecentViolation,
  readJsonText,
  readReport,
  readViolation,
  toReportJson,
} from '../evidence/index.ts'
import type { Cluster, ObjectAddress, ObjectCache } from './cluster.ts'
import { Loop } from './loop.ts'

/** How often an instance shows that it lives, and what it has counted. */
const RENEW_MS = 5_000
const DURATION_SECONDS = 15
/** An instance that has not been heard of for so long by its own clock is gone, however wrong that clock is. */
const FREE_MS = 45_000
/** What an instance that is gone has counted is kept for so long: by then the leader has added it. */
const INHERITED_MS = 10 * 60_000
const MAX_INHERITED = 8
const MAX_VIOLATIONS = 100
/** The API server takes 256 KiB of annotations. */
const MAX_COUNTERS_CHARACTERS = 160_000
const MAX_VIOLATIONS_CHARACTERS = 60_000
const LAST_WRITE_TIMEOUT_MS = 2_000
const GROUP = 'coordination.k8s.io'
const LABEL = 'bylaw.dev/replica-of'
const ANNOTATION = {
  instance: 'bylaw.dev/instance',
  ruleSet: 'bylaw.dev/rule-set',
  counters: 'bylaw.dev/counters',
  violations: 'bylaw.dev/violations',
} as const

const micro = (date: Date): string => date.toISOString().replace('Z', '000Z')

/** What another instance tells of itself. */
export interface Replica {
  readonly instance: string
  readonly isAlive: boolean
  /** Revision of its rule set; empty while it is not ready. */
  readonly revision: string
  /** What it has counted, and what those did before that had its place. */
  readonly reports: readonly CounterReport[]
  readonly violations: readonly (readonly [policy: string, violation: RecentViolation])[]
}

export interface ReplicaSyncOptions {
  readonly cluster: Cluster
  readonly namespace: string
  /** Name of this Bylaw; the Leases of its instances are `<name>-replica-<n>`. */
  readonly name: string
  /** Name of the Pod. */
  readonly holder: string
  /** Tells this process from any other. */
  readonly instance: string
  readonly counter: DecisionCounter
  /** Revision of the rule set by which this instance answers; empty while it is not ready. */
  readonly revision: () => string
  readonly now: () => Date
  readonly logger: Logger
  /** Called when instances come, go or take up another rule set. */
  readonly onChange: () => void
}

interface Inherited {
  readonly endedAt: string
  readonly report: CounterReport
}

const specOf = (lease: KubernetesObject): Readonly<Record<string, unknown>> => (isRecord(lease['spec']) ? lease['spec'] : {})
const annotationOf = ({ metadata }: KubernetesObject, name: string): string => metadata.annotations?.[name] ?? ''
const renewedMs = (lease: KubernetesObject): number => Date.parse(String(specOf(lease)['renewTime'])) || 0

/** What is in a Lease: the report of its instance, then those of its predecessors. */
function readCounters(lease: KubernetesObject): { readonly own: CounterReport; readonly inherited: readonly Inherited[] } {
  const value = readJsonText(annotationOf(lease, ANNOTATION.counters))
  const earlier = isRecord(value) && Array.isArray(value['earlier']) ? value['earlier'].filter(isRecord) : []
  return { own: readReport(value), inherited: earlier.map((item) => ({ endedAt: String(item['endedAt']), report: readReport(item) })) }
}

function readViolations(lease: KubernetesObject): Replica['violations'] {
  const value = readJsonText(annotationOf(lease, ANNOTATION.violations))
  return (Array.isArray(value) ? value : []).flatMap((item: unknown) => {
    const violation = readViolation(item)
    return violation !== undefined && isRecord(item) && typeof item['policy'] === 'string' ? [[item['policy'], violation] as const] : []
  })
}

/**
 * Shows the other instances what this one has counted and which rule set it has in force, and reads the same of them: each holds a
 * Lease of its own, whose place another takes, with what is in it, when its holder is gone. So nothing has to be reached but the API
 * server, and an instance that is killed loses no more than it counted since it last showed itself.
 */
export class ReplicaSync {
  readonly #options: ReplicaSyncOptions
  readonly #loop: Loop
  readonly #cache: ObjectCache
  readonly #seen = new Map<string, { readonly sign: string; readonly sinceMs: number }>()
  /** Our Lease as it was stored last. */
  #own: KubernetesObject | undefined
  #inherited: readonly Inherited[] = []
  /** Whether our Lease was taken from us: then we take nobody's for our own predecessor's. */
  #wasOusted = false
  #texts = { changes: -1, counters: '', violations: '' }
  #told = ''

  constructor(options: ReplicaSyncOptions) {
    const { cluster, namespace, name, logger } = options
    this.#options = options
    this.#loop = new Loop('replicas', () => this.#run(), logger)
    const target = { group: GROUP, version: 'v1', resource: 'leases', namespace, labelSelector: `${LABEL}=${name}` }
    this.#cache = cluster.follow(target, () => {
      if (this.#own === undefined) this.#loop.request()
      this.#observe()
    })
  }

  start(): void {
    this.#loop.request()
    this.#loop.every(RENEW_MS)
  }

  /** Asks for a run, as the rule set in force is another one. */
  request(): void {
    this.#loop.request()
  }

  /** Leaves what was counted for those who come after. */
  async stop(): Promise<void> {
    this.#loop.stop()
    this.#cache.stop()
    const own = this.#own
    if (own === undefined) return
    this.#own = undefined
    try {
      const lease = await this.#options.cluster.find(this.#address(own), LAST_WRITE_TIMEOUT_MS)
      if (lease !== undefined && this.#isOurs(lease)) await this.#options.cluster.replace(this.#address(own), this.#renewed(lease, ''))
    } catch (error) {
      if (!(error instanceof OperationalError)) throw error
    }
  }

  /** The other instances, those that are gone included as long as they have left something. */
  peers(): readonly Replica[] {
    return this.#others().map((lease) => {
      const { own, inherited } = readCounters(lease)
      return {
        instance: annotationOf(lease, ANNOTATION.instance),
        isAlive: this.#isAlive(lease),
        revision: annotationOf(lease, ANNOTATION.ruleSet),
        reports: [own, ...inherited.map(({ report }) => report)],
        violations: readViolations(lease),
      }
    })
  }

  /** What the predecessors of this instance left. */
  inherited(): readonly CounterReport[] {
    return this.#inherited.map(({ report }) => report)
  }

  /** How many instances are ready, this one included, and how many of them have the rule set in force. */
  count(revision: string): { readonly ready: number; readonly atRevision: number } {
    const revisions = [this.#options.revision(), ...this.#others().flatMap((lease) => (this.#isAlive(lease) ? annotationOf(lease, ANNOTATION.ruleSet) : []))]
    const ready = revisions.filter((one) => one !== '')
    return { ready: ready.length, atRevision: ready.filter((one) => one === revision).length }
  }

  #others(): readonly KubernetesObject[] {
    return this.#cache.list().filter(({ metadata }) => metadata.name !== this.#own?.metadata.name)
  }

  #isAlive(lease: KubernetesObject): boolean {
    const { sinceMs = 0 } = this.#seen.get(lease.metadata.name ?? '') ?? {}
    return specOf(lease)['holderIdentity'] !== '' && this.#options.now().getTime() - sinceMs < DURATION_SECONDS * 1000
  }

  /** Takes note of signs of life, by our own clock. */
  #observe(): void {
    const nowMs = this.#options.now().getTime()
    for (const lease of this.#cache.list()) {
      const { name = '' } = lease.metadata
      const sign = `${annotationOf(lease, ANNOTATION.instance)} ${String(specOf(lease)['renewTime'])}`
      const known = this.#seen.get(name)
      // One that is seen for the first time may have been there for long.
      if (known?.sign !== sign) this.#seen.set(name, { sign, sinceMs: known === undefined ? Math.min(nowMs, renewedMs(lease)) : nowMs })
    }
    const told = this.#others()
      .map((lease) => `${lease.metadata.name} ${this.#isAlive(lease)} ${annotationOf(lease, ANNOTATION.instance)} ${annotationOf(lease, ANNOTATION.ruleSet)}`)
      .join('\n')
    if (told === this.#told) return
    this.#told = told
    this.#options.onChange()
  }

  async #run(): Promise<void> {
    if (!this.#cache.hasSynced) return
    this.#observe()
    if (this.#own === undefined) await this.#claim()
    else await this.#renew(this.#own)
  }

  async #renew(own: KubernetesObject): Promise<void> {
    const { cluster, holder } = this.#options
    try {
      this.#own = await cluster.replace(this.#address(own), this.#renewed(own, holder))
    } catch (error) {
      if (!(error instanceof OperationalError && (error.code === 'KubeConflict' || error.code === 'KubeNotFound'))) throw error
      const stored = await cluster.find(this.#address(own))
      if (stored !== undefined && this.#isOurs(stored)) this.#own = stored
      else {
        // Whoever took our place has what we had counted till then, and keeps it for ten minutes; we go on with the same counts in another.
        this.#own = undefined
        this.#inherited = []
        this.#wasOusted = true
      }
      this.#loop.request()
    }
  }

  /** Takes the place of the predecessor in our Pod, else one that is free, else a new one. */
  async #claim(): Promise<void> {
    const { cluster, holder, namespace, name } = this.#options
    const leases = this.#cache.list()
    const nowMs = this.#options.now().getTime()
    const isFree = (lease: KubernetesObject): boolean => specOf(lease)['holderIdentity'] === '' || nowMs - renewedMs(lease) > FREE_MS
    const predecessor = this.#wasOusted ? undefined : leases.find((lease) => specOf(lease)['holderIdentity'] === holder)
    const place = predecessor ?? leases.find(isFree)
    try {
      if (place !== undefined) {
        const { own, inherited } = readCounters(place)
        const endedAt = this.#options.now().toISOString()
        this.#inherited = [...(isEmptyReport(own) ? [] : [{ endedAt, report: own }]), ...inherited].slice(0, MAX_INHERITED)
        this.#texts = { ...this.#texts, changes: -1 }
        this.#own = await cluster.replace(this.#address(place), this.#renewed(place, holder))
        return
      }
      const taken = new Set(leases.map(({ metadata }) => metadata.name))
      let index = 0
      while (taken.has(`${name}-replica-${index}`)) index += 1
      const metadata = { name: `${name}-replica-${index}`, namespace, labels: { [LABEL]: name } }
      const fresh: KubernetesObject = { apiVersion: `${GROUP}/v1`, kind: 'Lease', metadata, spec: { leaseDurationSeconds: DURATION_SECONDS } }
      this.#own = await cluster.create(this.#address(fresh), this.#renewed(fresh, holder))
    } catch (error) {
      // Somebody else was there first: the watch will tell.
      if (!(error instanceof OperationalError && error.code === 'KubeConflict')) throw error
      this.#loop.request(RENEW_MS / 10)
    }
  }

  #isOurs = (lease: KubernetesObject): boolean => annotationOf(lease, ANNOTATION.instance) === this.#options.instance

  #address({ metadata }: KubernetesObject): ObjectAddress {
    return { group: GROUP, version: 'v1', resource: 'leases', namespace: this.#options.namespace, name: metadata.name ?? '' }
  }

  #renewed(lease: KubernetesObject, holderIdentity: string): KubernetesObject {
    const { instance, revision, now } = this.#options
    const { counters, violations } = this.#texted()
    const annotations = {
      ...lease.metadata.annotations,
      [ANNOTATION.instance]: instance,
      [ANNOTATION.ruleSet]: holderIdentity === '' ? '' : revision(),
      [ANNOTATION.counters]: counters,
      [ANNOTATION.violations]: violations,
    }
    return { ...lease, metadata: { ...lease.metadata, annotations }, spec: { ...specOf(lease), holderIdentity, renewTime: micro(now()) } }
  }

  #texted(): { readonly counters: string; readonly violations: string } {
    const { counter, now, logger } = this.#options
    const oldest = now().getTime() - INHERITED_MS
    const kept = this.#inherited.filter(({ endedAt }) => Date.parse(endedAt) > oldest)
    if (counter.changes === this.#texts.changes && kept.length === this.#inherited.length) return this.#texts
    this.#inherited = kept
    const earlier = kept.map(({ endedAt, report }) => ({ endedAt, ...toReportJson(report) }))
    let counters = JSON.stringify({ ...toReportJson(counter.report()), ...(earlier.length === 0 ? {} : { earlier }) })
    if (counters.length > MAX_COUNTERS_CHARACTERS) {
      logger.warn('what was counted is too much to be shown to the other instances', { characters: counters.length })
      counters = this.#texts.counters
    }
    const violations = JSON.stringify(counter.newest(MAX_VIOLATIONS).map(([policy, violation]) => ({ policy, ...violation })))
    this.#texts = { changes: counter.changes, counters, violations: violations.length > MAX_VIOLATIONS_CHARACTERS ? '[]' : violations }
    return this.#texts
  }
}
