import type { KubernetesObject } from '../api/index.ts'
import type { Logger } from '../evidence/index.ts'
import type { NamespaceState } from '../rules/index.ts'
import type { Cluster, ObjectCache } from './cluster.ts'

const READ_TIMEOUT_MS = 200

/** Keeps the Namespaces at hand, since every decision about a namespaced object needs the labels of one. */
export class NamespaceSync {
  readonly #cluster: Cluster
  readonly #cache: ObjectCache
  readonly #logger: Logger

  constructor(cluster: Cluster, logger: Logger, onChange: () => void) {
    this.#cluster = cluster
    this.#logger = logger
    this.#cache = cluster.follow({ group: '', version: 'v1', resource: 'namespaces' }, onChange)
  }

  get hasSynced(): boolean {
    return this.#cache.hasSynced
  }

  /** The Namespace: from the cache at once, or by one short read where a watch event is late. */
  readonly of = (name: string): NamespaceState | Promise<NamespaceState> => {
    const object = this.#cache.get(name)
    return object === undefined ? this.#read(name) : { kind: 'found', object }
  }

  /** Those that are known. */
  list(): readonly KubernetesObject[] {
    return this.#cache.list()
  }

  stop(): void {
    this.#cache.stop()
  }

  async #read(name: string): Promise<NamespaceState> {
    try {
      const object = await this.#cluster.find({ group: '', version: 'v1', resource: 'namespaces', name }, READ_TIMEOUT_MS)
      return object === undefined ? { kind: 'unknown', reason: 'it does not exist' } : { kind: 'found', object }
    } catch (error) {
      this.#logger.warn('namespace could not be read', { namespace: name, error: error instanceof Error ? error.message : String(error) })
      return { kind: 'unknown', reason: 'it could not be read in time' }
    }
  }
}
