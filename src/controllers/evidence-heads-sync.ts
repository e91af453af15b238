import { isRecord, type KubernetesObject, OperationalError } from '../api/index.ts'
import { type ChainHead, isSameHead, type Logger, withHead } from '../evidence/index.ts'
import type { Cluster, ObjectAddress } from './cluster.ts'

/** How often the end of the log is anchored while it grows. */
const ANCHOR_MS = 10_000
const ATTEMPTS = 5
const TIMEOUT_MS = 3000

export interface EvidenceHeadsOptions {
  readonly cluster: Cluster
  readonly namespace: string
  /** Name of the ConfigMap. */
  readonly name: string
  readonly head: () => ChainHead | undefined
  readonly publicKey: string
  readonly now: () => Date
  readonly logger: Logger
  readonly onAnchored: (time: Date) => void
}

const textsOf = (value: unknown): Readonly<Record<string, string>> =>
  isRecord(value) ? Object.fromEntries(Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string')) : {}

/** Keeps the end of this process's log in a ConfigMap that all replicas share, so that a tail that is cut off is seen. */
export class EvidenceHeadsSync {
  readonly #options: EvidenceHeadsOptions
  readonly #address: ObjectAddress
  #anchored: ChainHead | undefined
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> | undefined

  constructor(options: EvidenceHeadsOptions) {
    this.#options = options
    this.#address = { group: '', version: 'v1', resource: 'configmaps', namespace: options.namespace, name: options.name }
  }

  start(): void {
    this.#timer = setInterval(() => void this.anchor(), ANCHOR_MS)
    this.#timer.unref()
    void this.anchor()
  }

  /** Anchors what is written by now, and stops. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#running
    await this.anchor()
  }

  /** Anchors what is written by now, where that is not known yet; a failure is told and tried again later. */
  anchor(): Promise<void> {
    this.#running ??= this.#anchor().finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  async #anchor(): Promise<void> {
    const { head: headOf, now, logger, onAnchored } = this.#options
    const head = headOf()
    if (head === undefined || isSameHead(this.#anchored, head)) return
    try {
      await this.#store(head)
      this.#anchored = head
      onAnchored(now())
    } catch (error) {
      if (!(error instanceof OperationalError)) throw error
      logger.warn('the end of the decision log was not anchored', { reason: error.message })
    }
  }

  async #store(head: ChainHead): Promise<void> {
    const { cluster, publicKey } = this.#options
    for (let attempt = 0; ; attempt++) {
      try {
        const object = await cluster.find(this.#address, TIMEOUT_MS)
        const data = withHead(textsOf(object?.['data']), head, publicKey)
        if (object === undefined) await cluster.create(this.#address, this.#toObject(data))
        else await cluster.replace(this.#address, { ...object, data })
        return
      } catch (error) {
        // Another replica has written in between.
        if (attempt === ATTEMPTS || !(error instanceof OperationalError && error.code === 'KubeConflict')) throw error
      }
    }
  }

  #toObject(data: Readonly<Record<string, string>>): KubernetesObject {
    const { namespace, name } = this.#options
    return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace, labels: { 'app.kubernetes.io/managed-by': 'bylaw' } }, data }
  }
}
