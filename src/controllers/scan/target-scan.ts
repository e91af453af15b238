import { setTimeout as sleep } from 'node:timers/promises'
import { type KubernetesObject, OperationalError } from '../../api/index.ts'
import type { Logger } from '../../evidence/index.ts'
import type { Pacer } from './pacer.ts'
import type { ScanTarget } from './plan.ts'
import type { Collection, ObjectSource } from './ports.ts'
import type { ScanStore } from './store.ts'

export interface TargetScanOptions {
  readonly source: ObjectSource
  readonly store: ScanStore
  readonly pacer: Pacer
  readonly pageSize: number
  readonly logger: Logger
  /** Judges an object and puts what came of it into the store; the number of the walk goes there too. */
  readonly judge: (target: ScanTarget, object: KubernetesObject, epoch: number, walk: number) => Promise<void>
  /** Called where what is known of the target, or of its objects, may have changed. */
  readonly onProgress: () => void
}

/** How far a target is known. */
export interface TargetState {
  readonly kind: 'unread' | 'known' | 'failing'
  /** Why it is not. */
  readonly reason: 'Scanning' | 'Forbidden' | 'ListFailed'
  readonly message: string
  /** When everything was known last, milliseconds; 0 for never. */
  readonly knownMs: number
}

const PAGE_LIMIT_BYTES = 16 * 1024 * 1024
/** Watches are opened anew about once a minute: rights are asked for only then. */
const WATCH_SECONDS = 60
const FIRST_RETRY_MS = 500
const LONGEST_RETRY_MS = 15_000
/** A failure is told once it has lasted that long: restarts of the API server are over by then. */
const PATIENCE_MS = 20_000
const MOST_RESTARTS = 5

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** Keeps the entries of one target true: one walk over all objects, then what a watch tells. */
export class TargetScan {
  #target: ScanTarget
  readonly #options: TargetScanOptions
  #watching = new AbortController()
  #isStopped = false
  /** What has to be walked before the next watch. */
  #wantsAll = true
  #wantsNamespaces = new Set<string>()
  #resourceVersion = ''
  #epoch = 0
  #walk = 0
  #knownMs = 0
  #hasSettled = false
  #failure: { readonly sinceMs: number; readonly isForbidden: boolean; readonly message: string } | undefined
  #wake: AbortController | undefined

  constructor(target: ScanTarget, options: TargetScanOptions) {
    this.#target = target
    this.#options = options
  }

  start(): void {
    void this.#run()
  }

  stop(): void {
    this.#isStopped = true
    this.#watching.abort()
    this.#wake?.abort()
  }

  get target(): ScanTarget {
    return this.#target
  }

  /** Whether a first reading is over, however it ended. */
  get hasSettled(): boolean {
    return this.#hasSettled
  }

  /** Whether everything has been judged by the present rules. */
  get isUpToDate(): boolean {
    return this.#failure === undefined && !this.#wantsAll && this.#wantsNamespaces.size === 0
  }

  /** Has objects judged again: those of some namespaces, or all of them. */
  judgeAgain(target: ScanTarget, namespaces: ReadonlySet<string> | undefined): void {
    this.#target = target
    this.#epoch += 1
    if (namespaces === undefined) this.#wantsAll = true
    else for (const namespace of namespaces) this.#wantsNamespaces.add(namespace)
    this.#watching.abort()
  }

  /** Takes over rules under which every object would be judged as it was. */
  replaceTarget(target: ScanTarget): void {
    this.#target = target
  }

  /** Lists everything once more; what has not changed is not judged again. */
  listAgain(): void {
    this.#wantsAll = true
    this.#watching.abort()
  }

  state(): TargetState {
    const failure = this.#failure
    const base = { knownMs: this.#knownMs }
    if (failure !== undefined && (failure.isForbidden || Date.now() - failure.sinceMs > PATIENCE_MS)) {
      return { ...base, kind: 'failing', reason: failure.isForbidden ? 'Forbidden' : 'ListFailed', message: failure.message }
    }
    if (this.#knownMs === 0) return { ...base, kind: 'unread', reason: 'Scanning', message: 'the first list is under way' }
    return { ...base, kind: 'known', reason: 'Scanning', message: '' }
  }

  async #run(): Promise<void> {
    let retryMs = FIRST_RETRY_MS
    while (!this.#isStopped) {
      try {
        if (await this.#catchUp()) this.#succeeded()
        await this.#follow()
        retryMs = FIRST_RETRY_MS
      } catch (error) {
        if (this.#isStopped) return
        if (error instanceof OperationalError && error.code === 'KubeExpired') {
          this.#wantsAll = true
          continue
        }
        this.#failed(error)
        await this.#pause(retryMs)
        retryMs = Math.min(retryMs * 2, LONGEST_RETRY_MS)
      }
    }
  }

  #succeeded(): void {
    this.#knownMs = Date.now()
    if (this.#failure !== undefined) this.#options.logger.info('resource is scanned again', { resource: this.#target.key })
    this.#failure = undefined
    this.#hasSettled = true
    this.#options.onProgress()
  }

  #failed(error: unknown): void {
    const isForbidden = error instanceof OperationalError && error.code === 'KubeForbidden'
    const message = messageOf(error)
    if (this.#failure?.isForbidden !== isForbidden) this.#options.logger.warn('resource cannot be scanned', { resource: this.#target.key, error: message })
    this.#failure = { sinceMs: this.#failure?.sinceMs ?? Date.now(), isForbidden, message }
    if (isForbidden || Date.now() - this.#failure.sinceMs > PATIENCE_MS) this.#hasSettled = true
    this.#options.onProgress()
  }

  async #pause(ms: number): Promise<void> {
    this.#wake = new AbortController()
    await sleep(ms * (0.75 + Math.random() / 2), undefined, { signal: this.#wake.signal, ref: false }).catch(() => {})
  }

  /** Walks what is wanted, and tells whether there was anything. The watch that follows begins before a walk over namespaces, so that nothing is missed, and tells some changes twice. */
  async #catchUp(): Promise<boolean> {
    this.#watching = new AbortController()
    const isWanted = this.#wantsAll || this.#wantsNamespaces.size > 0
    if (this.#wantsAll) {
      this.#wantsAll = false
      this.#wantsNamespaces = new Set()
      try {
        this.#resourceVersion = await this.#walkAll(undefined)
      } catch (error) {
        this.#wantsAll = true
        throw error
      }
    }
    for (const namespace of [...this.#wantsNamespaces]) {
      this.#wantsNamespaces.delete(namespace)
      try {
        await this.#walkAll(namespace)
      } catch (error) {
        this.#wantsNamespaces.add(namespace)
        throw error
      }
    }
    return isWanted
  }

  async #walkAll(namespace: string | undefined): Promise<string> {
    for (let restarts = 0; ; restarts++) {
      try {
        return await this.#walkOnce(namespace)
      } catch (error) {
        // The place in the list is too old: what has been judged on the way is known by its version, and is not judged again.
        if (!(error instanceof OperationalError && error.code === 'KubeExpired' && restarts < MOST_RESTARTS)) throw error
      }
    }
  }

  async #walkOnce(namespace: string | undefined): Promise<string> {
    const { source, store, pacer, pageSize } = this.#options
    const collection: Collection = { ...this.#target, ...(namespace === undefined ? {} : { namespace }) }
    this.#walk += 1
    let limit = pageSize
    let next: string | undefined
    for (;;) {
      const page = await pacer.turn(async () => {
        for (;;) {
          try {
            const read = await source.page(collection, { limit, limitBytes: PAGE_LIMIT_BYTES, ...(next === undefined ? {} : { next }) })
            for (const object of read.items) await this.#meet(object)
            return { next: read.next, resourceVersion: read.resourceVersion }
          } catch (error) {
            if (!(error instanceof OperationalError && error.code === 'KubeTooLarge' && limit > 1)) throw error
            limit = Math.max(1, Math.floor(limit / 4))
          }
        }
      })
      if (this.#isStopped) return ''
      next = page.next
      if (next !== undefined) continue
      store.sweep(this.#target.key, this.#walk, namespace)
      return page.resourceVersion
    }
  }

  async #meet(object: KubernetesObject): Promise<void> {
    const known = this.#options.store.get(this.#target.key, object.metadata.uid ?? '')
    if (known?.epoch === this.#epoch && known.resourceVersion === object.metadata.resourceVersion) known.seen = this.#walk
    else await this.#options.judge(this.#target, object, this.#epoch, this.#walk)
  }

  async #follow(): Promise<void> {
    const { source, store, onProgress, judge } = this.#options
    const { signal } = this.#watching
    try {
      const seconds = WATCH_SECONDS * (0.75 + Math.random() / 2)
      for await (const event of source.watch(this.#target, this.#resourceVersion, Math.round(seconds), signal)) {
        if (signal.aborted) break
        this.#resourceVersion = event.resourceVersion
        this.#knownMs = Date.now()
        if (this.#failure !== undefined) this.#succeeded()
        if (event.kind === 'bookmark') continue
        if (event.kind === 'deleted') store.remove(this.#target.key, event.object.metadata.uid ?? '')
        else await judge(this.#target, event.object, this.#epoch, this.#walk)
        onProgress()
      }
    } catch (error) {
      // Somebody wants a walk.
      if (!signal.aborted) throw error
    }
  }
}
