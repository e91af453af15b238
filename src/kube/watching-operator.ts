import { createRequire } from 'node:module'
import type { OperatorLogger } from '@dot-i/k8s-operator'
import { CoreV1Api, type KubernetesListObject, ListWatch, type KubernetesObject as LooseObject, Watch } from '@kubernetes/client-node'
import { isKubernetesObject, isRecord, type KubernetesObject, OperationalError } from '../api/index.ts'
import { Account, listInPages, OutOfBounds, type WatchLimits } from './bounded-list.ts'
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
  /** Where there are some, more than that is not kept, and of each object only what a policy may have a use for; of all objects only, not of some by name or labels. */
  readonly limits?: WatchLimits
}

/** Why the objects of a resource cannot be had, or can be had no longer. */
export interface WatchProblem {
  readonly code: 'Forbidden' | 'OutOfBounds' | 'Unreachable'
  readonly message: string
  /** Since when, milliseconds since the epoch. */
  readonly sinceMs: number
}

/** The objects of one watched resource, kept up to date. */
export interface ResourceCache {
  /** False until the first complete list. */
  readonly hasSynced: boolean
  /** Time of the last sign of life of the watch, milliseconds since the epoch. */
  readonly lastSeenMs: number
  /** What stands against it since it was seen last; undefined while all is well. */
  readonly problem: WatchProblem | undefined
  /** That of the last change; empty where nothing was listed. */
  readonly resourceVersion: string
  /** All, or those of one namespace. */
  list(namespace?: string): readonly KubernetesObject[]
  get(name: string, namespace?: string): KubernetesObject | undefined
  stop(): void
}

export interface WatchHandlers {
  /** Something was added, changed or deleted, the first list is complete, or nothing is known any more: then there is no object. */
  readonly onChange: (changed?: KubernetesObject) => void
  readonly onRestart: (reason: string) => void
}

const FIRST_DELAY_MS = 200
const LONGEST_DELAY_MS = 15_000
/** How often it is tried whether a resource that was too large fits again. */
const OUT_OF_BOUNDS_DELAY_MS = 300_000

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
  readonly #open: () => ListWatch<LooseObject>
  readonly #limits: WatchLimits | undefined
  readonly #handlers: WatchHandlers
  readonly #forget: () => void
  #watch: ListWatch<LooseObject>
  #account: Account | undefined
  #timer: NodeJS.Timeout | undefined
  #delayMs = FIRST_DELAY_MS
  #failures = 0
  #isStopped = false
  #hasListed = false
  hasSynced = false
  lastSeenMs = 0
  problem: WatchProblem | undefined

  constructor(config: ConstructorParameters<typeof Watch>[0], client: KubeClient, target: WatchTarget, handlers: WatchHandlers, forget: () => void) {
    const path = resourcePath({ ...target, name: undefined })
    const fieldSelector = target.name === undefined ? undefined : `metadata.name=${target.name}`
    const { labelSelector } = target
    const parts = [...(fieldSelector === undefined ? [] : [`fieldSelector=${encodeURIComponent(fieldSelector)}`])]
    if (labelSelector !== undefined) parts.push(`labelSelector=${encodeURIComponent(labelSelector)}`)
    const query = parts.length === 0 ? '' : `?${parts.join('&')}`
    const { limits } = target
    const list = async (): Promise<KubernetesListObject<LooseObject>> => {
      const account = limits === undefined ? undefined : new Account(limits)
      const value = account === undefined ? await client.send({ method: 'GET', path: `${path}${query}` }) : await listInPages(client, path, account)
      this.#account = account
      this.#hasListed = true
      return toList(value)
    }
    // The library waits ever longer between clean closes of a quiet watch, up to half a minute in which nothing is seen.
    const delayFn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, FIRST_DELAY_MS))
    this.#limits = limits
    this.#handlers = handlers
    this.#forget = forget
    this.#open = () => {
      const watch = new ListWatch<LooseObject>(path, new Watch(config), list, false, labelSelector, fieldSelector, { delayFn })
      // What an abandoned watch still says is about nothing any more.
      const isCurrent = (): boolean => watch === this.#watch
      for (const verb of ['add', 'update', 'delete'] as const) watch.on(verb, (object) => (isCurrent() ? this.#take(verb, object) : undefined))
      watch.on('connect', () => (isCurrent() ? this.#seen() : undefined))
      watch.on('error', (error: unknown) => (isCurrent() ? this.#restartLater(error) : undefined))
      return watch
    }
    this.#watch = this.#open()
  }

  get resourceVersion(): string {
    return this.#watch.latestResourceVersion()
  }

  start(): void {
    const watch = this.#watch
    const failures = this.#failures
    watch.start().then(
      () => {
        if (this.#isStopped || watch !== this.#watch) return
        // The library tells a failure on the way by the event, not by the promise.
        const isWell = failures === this.#failures
        const wasWell = this.problem === undefined
        if (isWell) this.problem = undefined
        if (this.#hasListed && !this.hasSynced && (isWell || this.#limits === undefined)) {
          this.hasSynced = true
          this.#changed()
        } else if (isWell && !wasWell) this.#handlers.onChange()
      },
      (error: unknown) => (watch === this.#watch ? this.#restartLater(error) : undefined),
    )
  }

  list(namespace?: string): readonly KubernetesObject[] {
    const objects: readonly unknown[] = this.#watch.list(namespace)
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

  #seen(): void {
    this.lastSeenMs = Date.now()
  }

  #take(verb: 'add' | 'update' | 'delete', object: LooseObject): void {
    if (verb === 'delete') this.#account?.remove(object)
    else this.#account?.put(object)
    const excess = this.#account?.excess
    if (excess !== undefined) this.#restartLater(new OutOfBounds(excess))
    else this.#changed(isKubernetesObject(object) ? object : undefined)
  }

  #changed(object?: KubernetesObject): void {
    this.#delayMs = FIRST_DELAY_MS
    this.#seen()
    this.#handlers.onChange(object)
  }

  /** Lets go of everything: what is known in part is not known. */
  #drop(): void {
    void this.#watch.stop()
    this.#watch = this.#open()
    this.#account = undefined
    this.#hasListed = false
    this.hasSynced = false
  }

  #restartLater(error: unknown): void {
    if (this.#isStopped) return
    this.#failures += 1
    const message = error instanceof Error ? error.message : String(error)
    const code = codeOf(error)
    this.problem = { code, message, sinceMs: this.problem?.code === code ? this.problem.sinceMs : Date.now() }
    if (code === 'OutOfBounds') this.#drop()
    this.#handlers.onRestart(message)
    if (this.#limits !== undefined) this.#handlers.onChange()
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.start(), code === 'OutOfBounds' ? OUT_OF_BOUNDS_DELAY_MS : this.#delayMs)
    this.#delayMs = Math.min(this.#delayMs * 2, LONGEST_DELAY_MS)
  }
}

function codeOf(error: unknown): WatchProblem['code'] {
  if (error instanceof OutOfBounds) return 'OutOfBounds'
  const isForbidden = error instanceof OperationalError ? error.code === 'KubeForbidden' : isRecord(error) && error['statusCode'] === 403
  return isForbidden ? 'Forbidden' : 'Unreachable'
}

/** The items of a list come without the list's own kind: it is put back, as a watch would give it. */
function toList(value: unknown): KubernetesListObject<LooseObject> {
  const { apiVersion = 'v1', kind = 'List', metadata = {}, items = [] } = isRecord(value) ? value : {}
  const itemKind = String(kind).replace(/List$/, '')
  const objects = (Array.isArray(items) ? items : []).filter(isRecord).map((item) => ({ apiVersion: String(apiVersion), kind: itemKind, ...item }))
  return { apiVersion: String(apiVersion), kind: String(kind), metadata: isRecord(metadata) ? metadata : {}, items: objects }
}
