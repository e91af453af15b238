import type { ContextDeclaration, KubernetesObject } from '../api/index.ts'
import { byNamespaceAndName, narrowContext } from '../decide/index.ts'
import type { ObjectCache } from './cluster.ts'

/** Objects in order, with what declarations made of them: equal as long as nothing changed. */
interface Snapshot {
  readonly objects: readonly KubernetesObject[]
  readonly narrowed: WeakMap<ContextDeclaration, readonly KubernetesObject[]>
}

const EVERYWHERE = ''

/** The objects of a cache in order, all or by namespace. What did not change since it was asked for is not put in order again. */
export class OrderedObjects {
  readonly #cache: ObjectCache
  readonly #snapshots = new Map<string, Snapshot>()

  constructor(cache: ObjectCache) {
    this.#cache = cache
  }

  /** Takes note of a change: of one object, or of anything. */
  forget(changed: KubernetesObject | undefined): void {
    if (changed === undefined) this.#snapshots.clear()
    this.#snapshots.delete(changed?.metadata.namespace ?? EVERYWHERE)
    this.#snapshots.delete(EVERYWHERE)
  }

  /** What a declaration means, in a namespace or everywhere. */
  select(declaration: ContextDeclaration, namespace: string | undefined): readonly KubernetesObject[] {
    const { objects, narrowed } = this.#snapshot(namespace ?? EVERYWHERE)
    const known = narrowed.get(declaration) ?? narrowContext(objects, declaration)
    narrowed.set(declaration, known)
    return known
  }

  #snapshot(namespace: string): Snapshot {
    const known = this.#snapshots.get(namespace)
    if (known !== undefined) return known
    const objects = this.#cache.list(namespace === EVERYWHERE ? undefined : namespace).toSorted(byNamespaceAndName)
    const snapshot: Snapshot = { objects, narrowed: new WeakMap() }
    // Namespaces come and go: of those without objects nothing is kept.
    if (objects.length > 0) this.#snapshots.set(namespace, snapshot)
    return snapshot
  }
}
