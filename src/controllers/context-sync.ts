import { type ContextDeclaration, type Policy, parseApiVersion } from '../api/index.ts'
import { type ContextReader, type ContextState, IN_NO_NAMESPACE, NO_NAMESPACE, namespaceOfContext } from '../decide/index.ts'
import type { Cluster, DiscoveredResource, ObjectCache } from './cluster.ts'
import { OrderedObjects } from './ordered-objects.ts'
import { type Watched, WatchSet } from './watch-set.ts'

/** What is kept at most of one kind (of one namespace, where policies name that), as objects and as bytes of their JSON. */
export const CONTEXT_LIMITS = { objects: 10_000, bytes: 32 * 1024 * 1024 } as const

/** How long the last known objects count after the right to watch them was taken away. */
const FORBIDDEN_PATIENCE_MS = 30_000
const READER_LABEL = 'bylaw.dev/aggregate-to-reader=true'

interface Followed extends Watched {
  readonly resource: DiscoveredResource
  readonly ordered: OrderedObjects
}

type FindResource = (group: string, version: string, kind: string) => DiscoveredResource | undefined

/** Watches the kinds that policies declare as their context, and no others; each once, however many policies read it. */
export class ContextSync {
  readonly #cluster: Cluster
  readonly #findResource: FindResource
  readonly #onChange: () => void
  readonly #followed = new WatchSet<Followed>()

  /** `onChange` is called where context becomes known or unknown, not for each object. */
  constructor(cluster: Cluster, findResource: FindResource, onChange: () => void) {
    this.#cluster = cluster
    this.#findResource = findResource
    this.#onChange = onChange
  }

  /** Watches what these policies declare, and nothing else any more. */
  follow(policies: readonly Policy[]): void {
    const declared = policies.flatMap(({ spec }) => spec.context)
    this.#followed.want(new Map(declared.map((declaration): [string, () => Followed | undefined] => [keyOf(declaration), () => this.#open(declaration)])))
  }

  /** Whether all context has been read, or has had its time. */
  isReady(): boolean {
    return this.#followed.isReady()
  }

  /** Reads context from the caches. */
  readonly read: ContextReader = (declaration, requestNamespace): ContextState => {
    const reason = this.#objection(declaration)
    if (reason !== undefined) return { kind: 'unknown', reason }
    const namespace = namespaceOfContext(declaration, requestNamespace)
    if (namespace === '') return { kind: 'unknown', reason: NO_NAMESPACE }
    const followed = this.#followed.get(keyOf(declaration))
    if (followed === undefined) return { kind: 'unknown', reason: NOT_READ }
    return { kind: 'found', objects: followed.ordered.select(declaration, namespace), resourceVersion: followed.cache.resourceVersion ?? '' }
  }

  /** What a policy declares and cannot be gathered at present, each with the reason. */
  problemsOf({ spec }: Policy): readonly string[] {
    return spec.context.flatMap((declaration) => {
      const reason = this.#objection(declaration)
      return reason === undefined ? [] : [`context \`${declaration.name}\` cannot be gathered: ${reason}`]
    })
  }

  /** Stands for the context of a policy as it is now: another text where any of it may have changed. */
  versionOf({ spec }: Policy): string {
    return spec.context.map((declaration) => this.#objection(declaration) ?? this.#followed.get(keyOf(declaration))?.cache.resourceVersion ?? '').join(' ')
  }

  /** Why a declaration cannot be gathered, whatever the request. */
  #objection(declaration: ContextDeclaration): string | undefined {
    const { apiVersion, kind, namespace } = declaration
    const followed = this.#followed.get(keyOf(declaration))
    if (followed === undefined) return `the cluster has no ${kind} in ${apiVersion}`
    const { cache, resource } = followed
    const name = resource.group === '' ? resource.resource : `${resource.resource}.${resource.group}`
    if (namespace !== undefined && !resource.isNamespaced) return IN_NO_NAMESPACE
    const { problem, hasSynced } = cache
    switch (problem?.code) {
      case 'Forbidden':
        if (hasSynced && Date.now() - problem.sinceMs < FORBIDDEN_PATIENCE_MS) return undefined
        return `Bylaw may not list and watch ${name}: a ClusterRole with the label ${READER_LABEL} and the verbs get, list and watch grants it`
      case 'OutOfBounds':
        return `${problem.message}, and no more ${name} are kept`
      default:
        return hasSynced ? undefined : problem === undefined ? NOT_READ : `${NOT_READ}: the API server could not be read`
    }
  }

  #open(declaration: ContextDeclaration): Followed | undefined {
    const { group, version } = parseApiVersion(declaration.apiVersion)
    const resource = this.#findResource(group, version, declaration.kind)
    // The schema refuses Secrets; one that got past it is not read either.
    if (resource === undefined || (group === '' && resource.resource === 'secrets')) return undefined
    const fixed = fixedNamespace(declaration)
    const scope = resource.isNamespaced && fixed !== '' ? { namespace: fixed } : {}
    let told = ''
    const cache: ObjectCache = this.#cluster.follow({ group, version, resource: resource.resource, ...scope, limits: CONTEXT_LIMITS }, (changed) => {
      ordered.forget(changed)
      const state = `${cache.hasSynced} ${cache.problem?.code ?? ''}`
      if (state === told) return
      told = state
      this.#onChange()
    })
    const ordered = new OrderedObjects(cache)
    return { cache, resource, ordered }
  }
}

const NOT_READ = 'they have not been read yet'

/** The one namespace that a declaration names itself; empty where it names none. */
const fixedNamespace = (declaration: ContextDeclaration): string => namespaceOfContext(declaration, '') ?? ''

const keyOf = (declaration: ContextDeclaration): string => [declaration.apiVersion, declaration.kind, fixedNamespace(declaration)].join('|')
