import { isRecord, type KubernetesObject, OperationalError } from '../api/index.ts'
import type { Logger } from '../evidence/index.ts'
import type { Cluster, ObjectAddress } from './cluster.ts'
import { Loop } from './loop.ts'

/** How often the leader renews the Lease, and the others look at it. */
const RENEW_MS = 3_000
const DURATION_SECONDS = 15
const RELEASE_TIMEOUT_MS = 2_000
const CONFIRM_SHRINK = 'bylaw.dev/confirm-shrink'
const CONFIRMED_SHRINK = 'bylaw.dev/shrink-confirmed'

const micro = (date: Date): string => date.toISOString().replace('Z', '000Z')

/**
 * Holds the instance's Lease, or waits for it: whoever has it leads. It is also where people see who runs, and where they confirm what
 * Bylaw would not do by itself. A Lease that nobody has renewed for its whole duration, by our own clock, is free.
 */
export class LeaseSync {
  readonly #cluster: Cluster
  readonly #address: ObjectAddress
  readonly #holder: string
  readonly #now: () => Date
  readonly #loop: Loop
  readonly #logger: Logger
  readonly #onLeading: () => void
  #isStopped = false
  /** Time of our last renewal; undefined while somebody else holds the Lease. */
  #renewedMs: number | undefined
  /** The last sign of life of another holder, and when we first saw it. */
  #other: { readonly sign: string; readonly sinceMs: number } = { sign: '', sinceMs: 0 }

  constructor(options: {
    readonly cluster: Cluster
    readonly namespace: string
    readonly name: string
    readonly holder: string
    readonly now: () => Date
    readonly logger: Logger
    /** Called when this replica begins to lead. */
    readonly onLeading: () => void
  }) {
    this.#cluster = options.cluster
    this.#address = { group: 'coordination.k8s.io', version: 'v1', resource: 'leases', namespace: options.namespace, name: options.name }
    this.#holder = options.holder
    this.#now = options.now
    this.#logger = options.logger
    this.#onLeading = options.onLeading
    this.#loop = new Loop('lease', () => this.#renew(), options.logger)
  }

  /** Resolves when it is known whether this replica leads, or that it cannot be known now. */
  async start(): Promise<void> {
    try {
      await this.#renew()
    } catch (error) {
      if (!(error instanceof OperationalError)) throw error
      this.#loop.request()
    }
    this.#loop.every(RENEW_MS)
  }

  /** Whether this replica is the one that writes what all of them share. */
  get isLeader(): boolean {
    return this.#renewedMs !== undefined && this.#now().getTime() - this.#renewedMs < DURATION_SECONDS * 1000
  }

  /** Gives the Lease up, so that another replica need not wait for its end. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#loop.stop()
    if (!this.isLeader) return
    this.#renewedMs = undefined
    try {
      const lease = await this.#cluster.find(this.#address, RELEASE_TIMEOUT_MS)
      const spec = lease === undefined ? {} : this.#specOf(lease)
      if (lease === undefined || spec['holderIdentity'] !== this.#holder) return
      await this.#cluster.replace(this.#address, { ...lease, spec: { ...spec, holderIdentity: '' } })
    } catch (error) {
      if (!(error instanceof OperationalError)) throw error
    }
  }

  /** The last confirmation by a person that policies were meant to go; empty without one. Whoever sees it first dates it, so that all instances see it and none sees it twice. */
  async confirmation(): Promise<string> {
    const lease = await this.#cluster.find(this.#address)
    const { [CONFIRM_SHRINK]: asked, ...annotations } = lease?.metadata.annotations ?? {}
    if (lease === undefined || asked === undefined) return annotations[CONFIRMED_SHRINK] ?? ''
    const date = this.#now().toISOString()
    await this.#cluster.replace(this.#address, { ...lease, metadata: { ...lease.metadata, annotations: { ...annotations, [CONFIRMED_SHRINK]: date } } })
    return date
  }

  async #renew(): Promise<void> {
    const now = this.#now()
    const lease = await this.#cluster.find(this.#address)
    if (lease !== undefined && this.#isHeldByAnother(lease, now)) {
      this.#renewedMs = undefined
      return
    }
    try {
      if (lease === undefined) await this.#cluster.create(this.#address, this.#make(micro(now)))
      else await this.#cluster.replace(this.#address, { ...lease, spec: this.#spec(lease, micro(now)) })
    } catch (error) {
      if (error instanceof OperationalError && error.code === 'KubeConflict') return
      throw error
    }
    const wasLeader = this.isLeader
    if (this.#isStopped) return
    this.#renewedMs = now.getTime()
    if (wasLeader) return
    this.#logger.info('this replica leads', { holder: this.#holder })
    this.#onLeading()
  }

  #isHeldByAnother(lease: KubernetesObject, now: Date): boolean {
    const { holderIdentity, renewTime } = this.#specOf(lease)
    if (typeof holderIdentity !== 'string' || holderIdentity === '' || holderIdentity === this.#holder) return false
    const sign = `${holderIdentity} ${String(renewTime)}`
    if (this.#other.sign !== sign) this.#other = { sign, sinceMs: now.getTime() }
    return now.getTime() - this.#other.sinceMs < DURATION_SECONDS * 1000
  }

  #specOf(lease: KubernetesObject): Readonly<Record<string, unknown>> {
    return isRecord(lease['spec']) ? lease['spec'] : {}
  }

  #spec(lease: KubernetesObject, now: string): Readonly<Record<string, unknown>> {
    const before = this.#specOf(lease)
    const isOurs = before['holderIdentity'] === this.#holder
    const transitions = typeof before['leaseTransitions'] === 'number' ? before['leaseTransitions'] : 0
    return {
      ...before,
      holderIdentity: this.#holder,
      leaseDurationSeconds: DURATION_SECONDS,
      renewTime: now,
      ...(isOurs ? {} : { acquireTime: now, leaseTransitions: transitions + 1 }),
    }
  }

  #make(now: string): KubernetesObject {
    const { name, namespace } = this.#address
    return {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
      spec: { holderIdentity: this.#holder, leaseDurationSeconds: DURATION_SECONDS, acquireTime: now, renewTime: now, leaseTransitions: 0 },
    }
  }
}
