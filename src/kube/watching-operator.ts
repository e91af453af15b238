import { createRequire } from 'node:module'
import type { OperatorLogger } from '@dot-i/k8s-operator'
import { CoreV1Api, type KubernetesListObject, ListWatch, type KubernetesObject as LooseObject, Watch } from '@kubernetes/client-node'
import { isKubernetesObject, isRecord, type KubernetesObject } from '../api/index.ts'
import { type KubeClient, resourcePath } from './client.ts'
import type { PooledKubeConfig } from './kube-config.ts'

// Loaded by `require`: an import would be evaluated before the ES module that this CommonJS package requires in turn.
const { default: Operator }: typeof import('@dot-i/k8s-operator') = createRequire(import.meta.url)('@dot-i/k8s-operator')

/** What is to be watched: all objects of a resource, those of one namespace, or those with one name or with some labels. */
export interface WatchTarget {
  readonly group: string
  readonly version: string
  readonly resource: string
  readonly namespace?: string
  readonly name?: string
  readonly labelSelector?: string
}

/** The objects of one watched resource, kept up to date. */
export interface ResourceCache {
  /** False until the first complete list. */
  readonly hasSynced: boolean
  /** Time of the last sign of life of the watch, milliseconds since the epoch. */
  readonly lastSeenMs: number
  list(): readonly KubernetesObject[]
  get(name: string, namespace?: string): KubernetesObject | undefined
  stop(): void
}

export interface WatchHandlers {
  /** Something was added, changed or deleted, or the first list is complete. */
  readonly onChange: () => void
  readonly onRestart: (reason: string) => void
}

const FIRST_DELAY_MS = 200
const LONGEST_DELAY_MS = 15_000

/**
 * The operator base class, with a watch that survives what the base does not: a dropped connection, an idle half minute,
 * and `stop` would each end the process there. A failed list, 404 included, keeps the objects that were known.
 */
export class WatchingOperator extends Operator {
  readonly #client: KubeClient
  readonly #caches = new Set<WatchedResource>()

  constructor(config: PooledKubeConfig, client: KubeClient, logger: OperatorLogger) {
    super(logger)
    this.kubeConfig = config
    this.k8sApi = config.makeApiClient(CoreV1Api)
    this.#client = client
  }

  /** Nothing is watched at the start: `follow` adds what is wanted. */
  protected override async init(): Promise<void> {}

  /** Watches a resource from now on. */
  follow(target: WatchTarget, handlers: WatchHandlers): ResourceCache {
    const cache = new WatchedResource(this.kubeConfig, this.#client, target, handlers, () => this.#caches.delete(cache))
    this.#caches.add(cache)
    cache.start()
    return cache
  }

  override stop(): void {
    for (const cache of [...this.#caches]) cache.stop()
    super.stop()
  }
}

class WatchedResource implements ResourceCache {
  readonly #watch: ListWatch<LooseObject>
  readonly #handlers: WatchHandlers
  readonly #forget: () => void
  #timer: NodeJS.Timeout | undefined
  #delayMs = FIRST_DELAY_MS
  #isStopped = false
  #hasListed = false
  hasSynced = false
  lastSeenMs = 0

  constructor(config: ConstructorParameters<typeof Watch>[0], client: KubeClient, target: WatchTarget, handlers: WatchHandlers, forget: () => void) {
    const path = resourcePath({ ...target, name: undefined })
    const fieldSelector = target.name === undefined ? undefined : `metadata.name=${target.name}`
    const { labelSelector } = target
    const parts = [...(fieldSelector === undefined ? [] : [`fieldSelector=${encodeURIComponent(fieldSelector)}`])]
    if (labelSelector !== undefined) parts.push(`labelSelector=${encodeURIComponent(labelSelector)}`)
    const query = parts.length === 0 ? '' : `?${parts.join('&')}`
    const list = async (): Promise<KubernetesListObject<LooseObject>> => {
      const value = await client.send({ method: 'GET', path: `${path}${query}` })
      this.#hasListed = true
      return toList(value)
    }
    // The library waits ever longer between clean closes of a quiet watch, up to half a minute in which nothing is seen.
    const delayFn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, FIRST_DELAY_MS))
    this.#watch = new ListWatch(path, new Watch(config), list, false, labelSelector, fieldSelector, { delayFn })
    this.#handlers = handlers
    this.#forget = forget
    for (const verb of ['add', 'update', 'delete'] as const) this.#watch.on(verb, () => this.#changed())
    this.#watch.on('connect', () => {
      this.lastSeenMs = Date.now()
    })
    this.#watch.on('error', (error: unknown) => this.#restartLater(error))
  }

  start(): void {
    this.#watch.start().then(
      () => {
        if (!this.#hasListed || this.hasSynced || this.#isStopped) return
        this.hasSynced = true
        this.#changed()
      },
      (error: unknown) => this.#restartLater(error),
    )
  }

  list(): readonly KubernetesObject[] {
    const objects: readonly unknown[] = this.#watch.list()
    return objects.filter(isKubernetesObject)
  }

  get(name: string, namespace?: string): KubernetesObject | undefined {
    const found: unknown = this.#watch.get(name, namespace)
    return isKubernetesObject(found) ? found : undefined
  }

  stop(): void {
    this.#isStopped = true
    clearTimeout(this.#timer)
    void this.#watch.stop()
    this.#forget()
  }

  #changed(): void {
    this.#delayMs = FIRST_DELAY_MS
    this.lastSeenMs = Date.now()
    this.#handlers.onChange()
  }

  #restartLater(error: unknown): void {
    if (this.#isStopped) return
    this.#handlers.onRestart(error instanceof Error ? error.message : String(error))
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.start(), this.#delayMs)
    this.#delayMs = Math.min(this.#delayMs * 2, LONGEST_DELAY_MS)
  }
}

/** The items of a list come without the list's own kind: it is put back, as a watch would give it. */
function toList(value: unknown): KubernetesListObject<LooseObject> {
  const { apiVersion = 'v1', kind = 'List', metadata = {}, items = [] } = isRecord(value) ? value : {}
  const itemKind = String(kind).replace(/List$/, '')
  const objects = (Array.isArray(items) ? items : []).filter(isRecord).map((item) => ({ apiVersion: String(apiVersion), kind: itemKind, ...item }))
  return { apiVersion: String(apiVersion), kind: String(kind), metadata: isRecord(metadata) ? metadata : {}, items: objects }
}
