import { isRecord, type KubernetesObject, OperationalError, type UserInfo } from '../api/index.ts'
import { type KubeClient, resourcePath } from './client.ts'
import type { ResourceCache, WatchingOperator, WatchTarget } from './watching-operator.ts'

interface Address {
  readonly group: string
  readonly version: string
  readonly resource: string
  readonly namespace?: string
  readonly name: string
}

interface DiscoveredResource {
  readonly group: string
  readonly versions: readonly string[]
  readonly resource: string
  readonly kind: string
  readonly isNamespaced: boolean
  /** Whether its objects can be listed and watched. */
  readonly isListable: boolean
}

const DISCOVERY = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList'
const STATUS_MANAGER = 'bylaw-status'
const ACCESS_TIMEOUT_MS = 1000
/** The largest document of Kubernetes itself has 1.6 MB. */
const OPEN_API_LIMIT_BYTES = 16 * 1024 * 1024

const recordsOf = (value: unknown): readonly Readonly<Record<string, unknown>>[] => (Array.isArray(value) ? value.filter(isRecord) : [])
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')

/** What the controllers ask of a cluster, over one client and one watching operator. */
export class KubeCluster {
  readonly #client: KubeClient
  readonly #operator: WatchingOperator
  readonly #onRestart: (target: WatchTarget, reason: string) => void

  constructor(client: KubeClient, operator: WatchingOperator, onRestart: (target: WatchTarget, reason: string) => void) {
    this.#client = client
    this.#operator = operator
    this.#onRestart = onRestart
  }

  follow(target: WatchTarget, onChange: (changed?: KubernetesObject) => void): ResourceCache {
    return this.#operator.follow(target, { onChange, onRestart: (reason) => this.#onRestart(target, reason) })
  }

  find(address: Address, timeoutMs?: number): Promise<KubernetesObject | undefined> {
    return this.#client.find(resourcePath(address), timeoutMs)
  }

  create(address: Address, object: KubernetesObject): Promise<KubernetesObject> {
    return this.#client.sendForObject({ method: 'POST', path: resourcePath({ ...address, name: undefined }), body: object })
  }

  replace(address: Address, object: KubernetesObject): Promise<KubernetesObject> {
    return this.#client.sendForObject({ method: 'PUT', path: resourcePath(address), body: object })
  }

  async applyStatus(address: Address, kind: string, status: unknown): Promise<void> {
    const { group, version, name, namespace } = address
    await this.#client.send({
      method: 'PATCH',
      path: `${resourcePath({ ...address, subResource: 'status' })}?fieldManager=${STATUS_MANAGER}&force=true`,
      contentType: 'application/apply-patch+yaml',
      body: {
        apiVersion: group === '' ? version : `${group}/${version}`,
        kind,
        metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
        status,
      },
    })
  }

  /** All resource types, by aggregated discovery. */
  async discover(): Promise<readonly DiscoveredResource[]> {
    const answers = await Promise.all(['/api', '/apis'].map((path) => this.#client.send({ method: 'GET', path, accept: `${DISCOVERY},application/json` })))
    const groups = answers.flatMap((answer) => recordsOf(isRecord(answer) ? answer['items'] : undefined))
    if (groups.length === 0) throw new OperationalError('KubeUnavailable', 'the API server lists no resources', { isRetryable: true })
    return groups.flatMap(readGroup)
  }

  /** The addresses of the cluster's OpenAPI v3 documents, by group and version. */
  async openApiIndex(): Promise<ReadonlyMap<string, string>> {
    const answer = await this.#client.send({ method: 'GET', path: '/openapi/v3', limitBytes: OPEN_API_LIMIT_BYTES })
    const paths = isRecord(answer) && isRecord(answer['paths']) ? answer['paths'] : {}
    return new Map(
      Object.entries(paths).flatMap(([name, item]): [string, string][] => {
        const address = isRecord(item) ? textOf(item['serverRelativeURL']) : ''
        // An address elsewhere would carry the operator's credentials there.
        return address.startsWith('/openapi/v3/') ? [[name, address]] : []
      }),
    )
  }

  openApiDocument(address: string): Promise<unknown> {
    return this.#client.send({ method: 'GET', path: address, limitBytes: OPEN_API_LIMIT_BYTES })
  }

  /** Whom a bearer token belongs to; undefined where it is nobody's. */
  async authenticate(token: string): Promise<UserInfo | undefined> {
    const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token } }
    const path = '/apis/authentication.k8s.io/v1/tokenreviews'
    const answer = await this.#client.send({ method: 'POST', path, body, timeoutMs: ACCESS_TIMEOUT_MS })
    const status = isRecord(answer) && isRecord(answer['status']) ? answer['status'] : {}
    const user = status['user']
    if (status['authenticated'] !== true || !isRecord(user)) return undefined
    const groups: readonly unknown[] = Array.isArray(user['groups']) ? user['groups'] : []
    const uid = textOf(user['uid'])
    return { username: textOf(user['username']), groups: groups.map(textOf), ...(uid === '' ? {} : { uid }), ...readExtra(user['extra']) }
  }

  /** Asks whether a user may do something; the question is about the cluster scope unless it names a namespace. No answer within a second is no. */
  async mayAccess(user: UserInfo, question: Omit<Address, 'version'> & { readonly verb: string }): Promise<boolean> {
    const { username, uid, groups, extra } = user
    const body = {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SubjectAccessReview',
      spec: { user: username, groups, ...(uid === undefined ? {} : { uid }), ...(extra === undefined ? {} : { extra }), resourceAttributes: question },
    }
    try {
      const path = '/apis/authorization.k8s.io/v1/subjectaccessreviews'
      const answer = await this.#client.send({ method: 'POST', path, body, timeoutMs: ACCESS_TIMEOUT_MS })
      const status = isRecord(answer) ? answer['status'] : undefined
      return isRecord(status) && status['allowed'] === true && status['denied'] !== true
    } catch (error) {
      if (error instanceof OperationalError) return false
      throw error
    }
  }
}

function readExtra(value: unknown): Pick<UserInfo, 'extra'> {
  if (!isRecord(value)) return {}
  const lists = Object.entries(value).map(([key, list]): [string, readonly string[]] => [key, Array.isArray(list) ? list.map(textOf) : []])
  return { extra: Object.fromEntries(lists) }
}

function readGroup(group: Readonly<Record<string, unknown>>): DiscoveredResource[] {
  const name = isRecord(group['metadata']) ? textOf(group['metadata']['name']) : ''
  const found = new Map<string, { versions: string[]; kind: string; isNamespaced: boolean; isListable: boolean }>()
  for (const version of recordsOf(group['versions'])) {
    for (const item of recordsOf(version['resources'])) {
      const resource = textOf(item['resource'])
      const kind = isRecord(item['responseKind']) ? textOf(item['responseKind']['kind']) : ''
      const known = found.get(resource)
      const verbs: readonly unknown[] = Array.isArray(item['verbs']) ? item['verbs'] : []
      const isListable = verbs.includes('list') && verbs.includes('watch')
      if (known === undefined) found.set(resource, { versions: [textOf(version['version'])], kind, isNamespaced: item['scope'] === 'Namespaced', isListable })
      else known.versions.push(textOf(version['version']))
    }
  }
  return [...found].map(([resource, facts]) => ({ group: name, resource, ...facts }))
}
