import type { KubernetesObject } from '../../api/index.ts'

/** All objects of one resource in one version, of one namespace or of all. */
export interface Collection {
  readonly group: string
  readonly version: string
  readonly resource: string
  readonly namespace?: string
}

export interface PageRequest {
  readonly limit: number
  /** A longer page is given up with `KubeTooLarge`. */
  readonly limitBytes: number
  readonly next?: string
  readonly labelSelector?: string
}

export interface ObjectPage {
  readonly items: readonly KubernetesObject[]
  readonly resourceVersion: string
  readonly next: string | undefined
}

export type ObjectEvent =
  | { readonly kind: 'changed' | 'deleted'; readonly object: KubernetesObject; readonly resourceVersion: string }
  | { readonly kind: 'bookmark'; readonly resourceVersion: string }

/** Reads objects without keeping them. Every method throws an OperationalError where the API server does not do as asked. */
export interface ObjectSource {
  page(target: Collection, request: PageRequest): Promise<ObjectPage>
  /** Begins with a bookmark of the given state once the API server has accepted the watch. */
  watch(target: Collection, resourceVersion: string, seconds: number, signal: AbortSignal): AsyncIterable<ObjectEvent>
  /** Writes an object by server-side apply. */
  apply(path: string, manager: string, object: KubernetesObject): Promise<void>
  remove(path: string): Promise<void>
}
