import { isRecord, type KubernetesObject, OperationalError } from '../api/index.ts'
import type { Logger } from '../evidence/index.ts'
import type { Cluster, ObjectAddress } from './cluster.ts'
import { Loop } from './loop.ts'

const RENEW_MS = 10_000
const DURATION_SECONDS = 30
const CONFIRM_SHRINK = 'bylaw.dev/confirm-shrink'

const micro = (date: Date): string => date.toISOString().replace('Z', '000Z')

/** Keeps the instance's Lease alive: the place where people see who runs, and where they confirm what Bylaw would not do by itself. */
export class LeaseSync {
  readonly #cluster: Cluster
  readonly #address: ObjectAddress
  readonly #holder: string
  readonly #now: () => Date
  readonly #loop: Loop
  #timer: NodeJS.Timeout | undefined

  constructor(options: {
    readonly cluster: Cluster
    readonly namespace: string
    readonly name: string
    readonly holder: string
    readonly now: () => Date
    readonly logger: Logger
  }) {
    this.#cluster = options.cluster
    this.#address = { group: 'coordination.k8s.io', version: 'v1', resource: 'leases', namespace: options.namespace, name: options.name }
    this.#holder = options.holder
    this.#now = options.now
    this.#loop = new Loop('lease', () => this.#renew(), options.logger)
  }

  start(): void {
    this.#loop.request()
    this.#timer = setInterval(() => this.#loop.request(), RENEW_MS)
    this.#timer.unref()
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#loop.stop()
  }

  /** Whether somebody has confirmed that policies were meant to go; a confirmation counts once. */
  async takeConfirmation(): Promise<boolean> {
    const lease = await this.#cluster.find(this.#address)
    if (lease?.metadata.annotations?.[CONFIRM_SHRINK] === undefined) return false
    const { [CONFIRM_SHRINK]: _confirmed, ...annotations } = lease.metadata.annotations
    await this.#cluster.replace(this.#address, { ...lease, metadata: { ...lease.metadata, annotations } })
    return true
  }

  async #renew(): Promise<void> {
    const now = micro(this.#now())
    const lease = await this.#cluster.find(this.#address)
    try {
      if (lease === undefined) await this.#cluster.create(this.#address, this.#make(now))
      else await this.#cluster.replace(this.#address, { ...lease, spec: this.#spec(lease, now) })
    } catch (error) {
      if (!(error instanceof OperationalError && error.code === 'KubeConflict')) throw error
    }
  }

  #spec(lease: KubernetesObject, now: string): Readonly<Record<string, unknown>> {
    const before = isRecord(lease['spec']) ? lease['spec'] : {}
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
