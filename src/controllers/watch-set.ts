import type { ObjectCache } from './cluster.ts'

/** How long the first rule set waits for objects that cannot be read. */
const PATIENCE_MS = 3000

/** Something that is watched because a policy asks for it. */
export interface Watched {
  readonly cache: ObjectCache
}

/** Watches that are open as long as they are wanted, one for each key. */
export class WatchSet<T extends Watched> {
  readonly #open = new Map<string, T & { readonly sinceMs: number }>()

  /** Opens what is wanted and not open, where `open` can, and closes all else. */
  want(wanted: ReadonlyMap<string, () => T | undefined>): void {
    for (const [key, open] of wanted) {
      if (this.#open.has(key)) continue
      const opened = open()
      if (opened !== undefined) this.#open.set(key, { ...opened, sinceMs: Date.now() })
    }
    for (const [key, { cache }] of this.#open) {
      if (wanted.has(key)) continue
      cache.stop()
      this.#open.delete(key)
    }
  }

  get(key: string): T | undefined {
    return this.#open.get(key)
  }

  /** Whether all have been read, or have had their time. */
  isReady(): boolean {
    return [...this.#open.values()].every(({ cache, sinceMs }) => cache.hasSynced || Date.now() - sinceMs > PATIENCE_MS)
  }
}
