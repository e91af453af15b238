import type { KubernetesObject, UserInfo } from '../api/index.ts'

/** The address of one object. */
export interface ObjectAddress {
  readonly group: string
  readonly version: string
  readonly resource: string
  readonly namespace?: string
  readonly name: string
}

/** What is watched: a resource, one namespace of it, or the objects of one name or with some labels. */
export interface FollowTarget {
  readonly group: string
  readonly version: string
  readonly resource: string
  readonly namespace?: string
  readonly name?: string
  /** As the API server takes it in a query. */
  readonly labelSelector?: string
  /** More than that is not kept: then nothing is; what no policy has a use for is taken off the objects. */
  readonly limits?: { readonly objects: number; readonly bytes: number }
}

/** Why the objects of a resource cannot be had, or can be had no longer. */
export interface CacheProblem {
  readonly code: 'Forbidden' | 'OutOfBounds' | 'Unreachable'
  readonly message: string
  /** Since when, milliseconds since the epoch. */
  readonly sinceMs: number
}

/** The objects of a watched resource, kept up to date. */
export interface ObjectCache {
  /** False until the first complete list. */
  readonly hasSynced: boolean
  /** What stands against it at present. */
  readonly problem?: CacheProblem | undefined
  /** That of the last change. */
  readonly resourceVersion?: string
  /** All, or those of one namespace. */
  list(namespace?: string): readonly KubernetesObject[]
  get(name: string, namespace?: string): KubernetesObject | undefined
  stop(): void
}

/** One resource type as the API server lists it. */
export interface DiscoveredResource {
  readonly group: string
  /** Preferred version first. */
  readonly versions: readonly string[]
  readonly resource: string
  readonly kind: string
  readonly isNamespaced: boolean
  /** Whether its objects can be listed and watched; where that is not known, it is tried. */
  readonly isListable?: boolean
}

/** The cluster as the controllers need it. Every method throws an OperationalError where the API server does not do as asked. */
export interface Cluster {
  /** `onChange` is told which object changed, or nothing where it is something else: the first list is there, or all is lost. */
  follow(target: FollowTarget, onChange: (changed?: KubernetesObject) => void): ObjectCache
  find(address: ObjectAddress, timeoutMs?: number): Promise<KubernetesObject | undefined>
  create(address: ObjectAddress, object: KubernetesObject): Promise<KubernetesObject>
  /** Writes over the object whose `resourceVersion` the given one carries. */
  replace(address: ObjectAddress, object: KubernetesObject): Promise<KubernetesObject>
  /** Applies a status by server-side apply; fields that are not given any more are removed. */
  applyStatus(address: ObjectAddress, kind: string, status: unknown): Promise<void>
  discover(): Promise<readonly DiscoveredResource[]>
  mayAccess(user: UserInfo, question: AccessAttributes): Promise<boolean>
}

export interface AccessAttributes {
  readonly group: string
  readonly resource: string
  readonly verb: string
  readonly name: string
  readonly namespace?: string
}

/** The schemas of a cluster's kinds. Every method throws an OperationalError where the API server does not do as asked. */
export interface OpenApiReader {
  /** Where the OpenAPI v3 document of each group and version is, by names such as `api/v1` and `apis/apps/v1`; what is there changes only with its address. */
  openApiIndex(): Promise<ReadonlyMap<string, string>>
  openApiDocument(address: string): Promise<unknown>
}
