import { type ParamKind, type ParamRef, type Policy, parseApiVersion, printSelector } from '../api/index.ts'
import { type ParamReader, type ParamState, selectParams } from '../decide/index.ts'
import type { Cluster, DiscoveredResource } from './cluster.ts'
import { type Watched, WatchSet } from './watch-set.ts'

interface Followed extends Watched {
  readonly isNamespaced: boolean
}

/** Watches the objects that policies name or select as their parameters, and no others. */
export class ParamSync {
  readonly #cluster: Cluster
  readonly #findResource: (group: string, version: string, kind: string) => DiscoveredResource | undefined
  readonly #onChange: () => void
  readonly #followed = new WatchSet<Followed>()

  constructor(cluster: Cluster, findResource: (group: string, version: string, kind: string) => DiscoveredResource | undefined, onChange: () => void) {
    this.#cluster = cluster
    this.#findResource = findResource
    this.#onChange = onChange
  }

  /** Watches what these policies name, and nothing else any more. */
  follow(policies: readonly Policy[]): void {
    const wanted = policies.flatMap(({ spec: { paramKind, paramRef } }): [string, () => Followed | undefined][] =>
      paramKind === undefined || paramRef === undefined ? [] : [[keyOf(paramKind, paramRef), () => this.#open(paramKind, paramRef)]],
    )
    this.#followed.want(new Map(wanted))
  }

  /** Whether all parameters have been read, or have had their time. */
  isReady(): boolean {
    return this.#followed.isReady()
  }

  /** Stands for the parameters of a policy as they are now: another text where any of them has changed. */
  versionOf({ spec: { paramKind, paramRef } }: Policy): string {
    if (paramKind === undefined || paramRef === undefined) return ''
    const followed = this.#followed.get(keyOf(paramKind, paramRef))
    if (followed?.cache.hasSynced !== true) return 'unread'
    const versions = followed.cache.list().map(({ metadata: { namespace = '', name = '', resourceVersion = '' } }) => `${namespace}/${name}@${resourceVersion}`)
    return versions.sort().join(' ')
  }

  /** Reads a parameter from the caches. */
  readonly read: ParamReader = (paramKind, paramRef, requestNamespace): ParamState => {
    const followed = this.#followed.get(keyOf(paramKind, paramRef))
    if (followed === undefined) return { kind: 'unknown', reason: `the cluster has no ${paramKind.kind} in \`${paramKind.apiVersion}\`` }
    if (!followed.cache.hasSynced) return { kind: 'unknown', reason: 'it has not been read yet' }
    const namespace = followed.isNamespaced ? (paramRef.namespace ?? requestNamespace) : undefined
    if (followed.isNamespaced && namespace === '') return { kind: 'unknown', reason: 'a cluster-scoped request has no namespace to look it up in' }
    if (paramRef.name === undefined) return selectParams(followed.cache.list(), paramRef, namespace)
    const object = followed.cache.get(paramRef.name, namespace)
    return object === undefined ? { kind: 'missing' } : { kind: 'found', object }
  }

  #open({ apiVersion, kind }: ParamKind, { name, namespace, selector }: ParamRef): Followed | undefined {
    const { group, version } = parseApiVersion(apiVersion)
    const resource = this.#findResource(group, version, kind)
    if (resource === undefined) return undefined
    const scope = resource.isNamespaced && namespace !== undefined ? { namespace } : {}
    const which = name === undefined ? { labelSelector: printSelector(selector ?? {}) } : { name }
    const cache = this.#cluster.follow({ group, version, resource: resource.resource, ...scope, ...which }, () => this.#onChange())
    return { cache, isNamespaced: resource.isNamespaced }
  }
}

const keyOf = ({ apiVersion, kind }: ParamKind, { name = '', namespace = '', selector }: ParamRef): string =>
  [apiVersion, kind, namespace, name, selector === undefined ? '' : `{${printSelector(selector)}}`].join('|')
