import type { Random } from '../oracle/random.ts'
import { ABSENT, isRecord, type Json, withValue } from './json.ts'
import { COMMON_VALUES, KINDS, type Kind } from './objects.ts'

/** One request to the API server, a dry run. */
export interface Submission {
  readonly method: 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly path: string
  readonly body?: unknown
  readonly contentType?: string
  readonly as: string
}

/** An object that both control planes have from the start. */
export interface StoredObject {
  readonly collection: string
  readonly object: Json
}

/** The namespaces of the objects, with their labels. */
export const NAMESPACES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  alpha: { env: 'prod', team: 'x' },
  beta: { env: 'dev', team: 'x' },
  gamma: {},
}

/** Has a parameter of the policies, and no objects. */
export const POLICY_NAMESPACE = 'policy'

const CONFIG = { apiVersion: 'v1', kind: 'ConfigMap' }

/** What the parameters of the policies are. */
export const PARAMETERS: readonly StoredObject[] = [
  { collection: `/api/v1/namespaces/${POLICY_NAMESPACE}/configmaps`, object: { ...CONFIG, metadata: { name: 'limits' }, data: { replicas: '5' } } },
  { collection: '/api/v1/namespaces/alpha/configmaps', object: { ...CONFIG, metadata: { name: 'limits' }, data: { replicas: '4' } } },
  { collection: '/api/v1/namespaces/gamma/configmaps', object: { ...CONFIG, metadata: { name: 'limits' }, data: { replicas: 'many' } } },
  ...[
    { namespace: POLICY_NAMESPACE, name: 'small', limit: 'replicas', data: { replicas: '4' } },
    { namespace: POLICY_NAMESPACE, name: 'large', limit: 'replicas', data: { replicas: '6' } },
    { namespace: POLICY_NAMESPACE, name: 'tiered', limit: 'replicas', data: { replicas: '2', tier: 'db' } },
    { namespace: POLICY_NAMESPACE, name: 'unused', limit: 'unused', data: { replicas: '0' } },
    { namespace: 'beta', name: 'own', limit: 'other', data: { replicas: '2' } },
  ].map(({ namespace, name, limit, data }) => ({
    collection: `/api/v1/namespaces/${namespace}/configmaps`,
    object: { ...CONFIG, metadata: { name, labels: { limit } }, data },
  })),
  { collection: '/apis/example.com/v1/limits', object: { apiVersion: 'example.com/v1', kind: 'Limit', metadata: { name: 'budgets' }, spec: { most: 3 } } },
]

const MERGE = 'application/merge-patch+json'
const STRATEGIC = 'application/strategic-merge-patch+json'

const baseOf = (apiVersion: string): string => (apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`)
const collectionOf = ({ apiVersion, resource, isNamespaced }: Kind, namespace: string): string =>
  `${baseOf(apiVersion)}${isNamespaced ? `/namespaces/${namespace}` : ''}/${resource}`

function toObject({ apiVersion, kind, base }: Kind, name: string, namespace: string | undefined): Json {
  const labels = { team: 'web', ...labelsOf(base) }
  const involved = kind === 'Event' && namespace !== undefined ? { involvedObject: { namespace } } : {}
  return { ...base, ...involved, apiVersion, kind, metadata: { name, labels } }
}

function labelsOf(base: Json): Json {
  const { metadata } = base
  return isRecord(metadata) && isRecord(metadata['labels']) ? metadata['labels'] : {}
}

/** Objects that are good, ones that break rules already, and ones that are going away. */
const STORED_METADATA: Readonly<Record<string, Json>> = {
  stored: {},
  'stored-locked': { labels: { protected: 'true', keep: 'true', team: 'web' }, annotations: { lock: 'a' } },
  'stored-bad': { labels: { quarantine: 'yes' } },
  'stored-leaving': { labels: { quarantine: 'yes' }, finalizers: ['example.com/wait'] },
}

const storedKinds = KINDS.filter(
  ({ isCreatedOnly, kind, apiVersion }) =>
    isCreatedOnly !== true && kind !== 'Namespace' && apiVersion !== 'autoscaling/v1' && apiVersion !== 'example.com/v1beta1',
)
/** Some kinds have more to them than others. */
const weighted = (kinds: readonly Kind[]): readonly Kind[] =>
  kinds.flatMap((kind) => (['Pod', 'Deployment', 'StatefulSet', 'ConfigMap', 'PriorityClass'].includes(kind.kind) ? [kind, kind, kind, kind] : [kind]))
const createdKinds = weighted(KINDS)
const changedKinds = weighted(KINDS.filter(({ isCreatedOnly, kind }) => isCreatedOnly !== true && kind !== 'Namespace'))

/** Every object that is stored before there is a policy. */
export function storedObjects(): readonly StoredObject[] {
  return storedKinds.flatMap((kind) =>
    (kind.isNamespaced ? Object.keys(NAMESPACES) : ['']).flatMap((namespace) =>
      Object.entries(STORED_METADATA).map(([name, metadata]) => {
        const object = toObject(kind, name, namespace)
        return {
          collection: collectionOf(kind, namespace),
          object: { ...object, metadata: { ...(isRecord(object['metadata']) ? object['metadata'] : {}), ...metadata } },
        }
      }),
    ),
  )
}

/** Paths of the stored objects that are deleted at once, and stay because something waits for them. */
export const leavingPaths = (): readonly string[] =>
  storedObjects().flatMap(({ collection, object }) => (nameOf(object) === 'stored-leaving' ? [`${collection}/stored-leaving`] : []))

function nameOf({ metadata }: Json): unknown {
  return isRecord(metadata) ? metadata['name'] : undefined
}

const dryRun = (path: string): string => `${path}${path.includes('?') ? '&' : '?'}dryRun=All`

class SubmissionGenerator {
  readonly #random: Random

  constructor(random: Random) {
    this.#random = random
  }

  #user(): string {
    return this.#random.chance(0.15) ? 'alice' : 'admin'
  }

  #namespace(): string {
    return this.#random.pick(Object.keys(NAMESPACES))
  }

  #storedName(): string {
    const random = this.#random
    return random.chance(0.55) ? 'stored' : random.pick(Object.keys(STORED_METADATA))
  }

  #changed(kind: Kind, object: Json): unknown {
    const random = this.#random
    let changed: unknown = object
    const own = kind.values
    for (let left = random.below(4); left > 0; left -= 1) {
      const [path, values] = random.pick(own.length > 0 && random.chance(0.75) ? own : COMMON_VALUES)
      changed = withValue(changed, path, random.pick(values))
    }
    return changed
  }

  next(): Submission {
    const choice = this.#random.next()
    if (choice < 0.5) return this.#create()
    if (choice < 0.75) return this.#update()
    if (choice < 0.8) return this.#touch()
    return choice < 0.9 ? this.#remove() : this.#subResource()
  }

  #create(): Submission {
    const random = this.#random
    const kind = random.pick(createdKinds)
    const namespace = this.#namespace()
    const name = random.pick(['new', 'new', 'new', 'tmp-new', 'a-rather-long-name'])
    const changed = this.#changed(kind, toObject(kind, name, namespace))
    const body = random.chance(0.1) ? withValue(withValue(changed, ['metadata', 'name'], ABSENT), ['metadata', 'generateName'], 'made-') : changed
    return { method: 'POST', path: dryRun(collectionOf(kind, namespace)), body, as: this.#user() }
  }

  #update(): Submission {
    const kind = this.#random.pick(changedKinds)
    const namespace = this.#namespace()
    const name = this.#storedName()
    const body = this.#changed(kind, toObject(kind, name, namespace))
    const path = dryRun(`${collectionOf(kind, namespace)}/${name}`)
    if (kind.isPatched === true || this.#random.chance(0.3)) return { method: 'PATCH', path, body, contentType: MERGE, as: this.#user() }
    return { method: 'PUT', path, body, as: this.#user() }
  }

  /** An update that leaves all that a rule may judge as it is, or next to it. */
  #touch(): Submission {
    const random = this.#random
    const body = random.pick<Json>([{}, { metadata: { finalizers: ['example.com/wait', 'example.com/other'] } }, { metadata: { labels: { touched: 'yes' } } }])
    const path = dryRun(`${collectionOf(random.pick(changedKinds), this.#namespace())}/${random.pick(Object.keys(STORED_METADATA))}`)
    return { method: 'PATCH', path, body, contentType: MERGE, as: this.#user() }
  }

  #remove(): Submission {
    const random = this.#random
    const path = `${collectionOf(random.pick(changedKinds), this.#namespace())}/${this.#storedName()}`
    const as = random.chance(0.1) ? 'system:serviceaccount:kube-system:namespace-controller' : this.#user()
    if (random.chance(0.1)) return { method: 'DELETE', path: dryRun(`/api/v1/namespaces/${this.#namespace()}`), as }
    if (random.chance(0.2)) {
      const selector = random.pick(['protected=true', 'quarantine=yes', 'team=web'])
      return { method: 'DELETE', path: dryRun(`${collectionOf(random.pick(changedKinds), this.#namespace())}?labelSelector=${selector}`), as }
    }
    return { method: 'DELETE', path: dryRun(path), as }
  }

  #subResource(): Submission {
    const random = this.#random
    const namespace = this.#namespace()
    const name = this.#storedName()
    const core = `/api/v1/namespaces/${namespace}`
    const pod = `${core}/pods/${name}`
    const as = this.#user()
    const patch = (path: string, body: Json, contentType = MERGE): Submission => ({ method: 'PATCH', path: dryRun(path), body, contentType, as })
    const post = (path: string, body?: Json): Submission => ({ method: 'POST', path, as, ...(body === undefined ? {} : { body }) })
    const scaled = random.pick([
      `/apis/apps/v1/namespaces/${namespace}/deployments`,
      `/apis/apps/v1/namespaces/${namespace}/statefulsets`,
      `/apis/example.com/v1/namespaces/${namespace}/widgets`,
      '/apis/example.com/v1/gadgets',
    ])
    return random.pick<() => Submission>([
      () => post(`${pod}/exec?command=${random.pick(['ls', 'rm', 'sh'])}&stdin=${random.chance(0.5)}&tty=${random.chance(0.5)}&stdout=true`),
      () => post(`${pod}/${random.pick(['attach?stdout=true', 'portforward?ports=80'])}`),
      () => ({ method: 'DELETE', path: `${random.pick([pod, `${core}/services/${name}`])}/proxy/`, as }),
      () =>
        post(dryRun(`${pod}/eviction`), {
          apiVersion: 'policy/v1',
          kind: 'Eviction',
          metadata: { name, namespace },
          ...(random.chance(0.5) ? { deleteOptions: { dryRun: ['All'] } } : {}),
        }),
      () =>
        post(dryRun(`${pod}/binding`), {
          apiVersion: 'v1',
          kind: 'Binding',
          metadata: { name, namespace },
          target: { apiVersion: 'v1', kind: 'Node', name: random.pick(['gpu', 'other']) },
        }),
      () =>
        post(dryRun(`${core}/serviceaccounts/stored/token`), {
          apiVersion: 'authentication.k8s.io/v1',
          kind: 'TokenRequest',
          spec: {
            audiences: random.pick([['https://a.example.com'], ['a'], ['https://a.example.com', 'b']]),
            expirationSeconds: random.pick([600, 3600, 3601]),
          },
        }),
      () => patch(`${pod}/status`, { status: { phase: random.pick(['Failed', 'Running', 'Pending']) } }),
      () =>
        patch(
          `${pod}/ephemeralcontainers`,
          { spec: { ephemeralContainers: random.pick([[], [{ name: 'd', image: 'busybox' }], [{ name: 'd', image: 'registry.example.com/debug:1' }]]) } },
          STRATEGIC,
        ),
      () => {
        const memory = random.pick(['2Gi', '1Gi', '512Mi', '1024Mi'])
        const resources = { limits: { memory }, requests: { memory } }
        return patch(`${pod}/resize`, { spec: { containers: [{ name: 'main', resources }] } }, STRATEGIC)
      },
      () => patch(`${scaled}/${name}/scale`, { spec: { replicas: random.pick([1, 5, 20, 21, 100]) } }),
      () => patch(`/apis/example.com/v1/namespaces/${namespace}/widgets/${name}/status`, { status: { replicas: random.pick([0, 3, 4]) } }),
      () =>
        post(
          dryRun('/apis/certificates.k8s.io/v1/certificatesigningrequests'),
          certificateRequest('new', random.pick(['example.com/a', 'kubernetes.io/kube-apiserver-client']), random.pick([3600, 86_400])),
        ),
      () =>
        patch('/apis/certificates.k8s.io/v1/certificatesigningrequests/stored/approval', {
          status: { conditions: [{ type: 'Approved', status: 'True', reason: random.pick(['Reviewed', 'Automatic']), message: 'm' }] },
        }),
    ])()
  }
}

/** A PKCS#10 request for `CN=compare`. */
const CERTIFICATE_REQUEST = [
  'LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KTUlITE1IUUNBUUF3RWpFUU1BNEdBMVVFQXd3SFkyOXRjR0Z5WlRCWk1CTUdCeXFHU000OUFn',
  'RUdDQ3FHU000OQpBd0VIQTBJQUJHbHEwR1RFS3hqMFZFVHJneE9URjNuYjc2YWRVVHJtMU5Hc3YrU2RVcXRPWWRpMzZuZFkxaUdMCjdrSHc3cGVOTG5zaEh5',
  'WllNY0w4Z0gyZ0o0WnM3UWlnQURBS0JnZ3Foa2pPUFFRREFnTkhBREJFQWlCcHFYaGkKdWpLdG5NdUZGTjEyUG5lbzlPTm1GK0l1VkhRZ2lWS3VkUk8wL2dJ',
  'Z0ZrREpzaWJrRXcvQ3lZcmZqRTl2TTZnQwphdFFzQ25DQzVZR0E1UGJCSVFjPQotLS0tLUVORCBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0K',
].join('')

/** A request for a certificate. */
export function certificateRequest(name: string, signerName: string, expirationSeconds: number): Json {
  return {
    apiVersion: 'certificates.k8s.io/v1',
    kind: 'CertificateSigningRequest',
    metadata: { name },
    spec: { signerName, expirationSeconds, usages: ['client auth'], request: CERTIFICATE_REQUEST },
  }
}

/** Generated requests, most of them creations and updates. */
export function generateSubmissions(random: Random, count: number): readonly Submission[] {
  const generator = new SubmissionGenerator(random)
  return Array.from({ length: count }, () => generator.next())
}

/** Collections of objects that every control plane makes for itself. */
export const REAL_COLLECTIONS: readonly string[] = [
  ...['clusterroles', 'clusterrolebindings'].map((resource) => `/apis/rbac.authorization.k8s.io/v1/${resource}`),
  ...['roles', 'rolebindings'].map((resource) => `/apis/rbac.authorization.k8s.io/v1/namespaces/kube-system/${resource}`),
  ...['flowschemas', 'prioritylevelconfigurations'].map((resource) => `/apis/flowcontrol.apiserver.k8s.io/v1/${resource}`),
  '/apis/scheduling.k8s.io/v1/priorityclasses',
  '/api/v1/namespaces',
  '/api/v1/namespaces/kube-system/configmaps',
]

/** What is done to an object that is there already: a deletion, a label more, and a copy of it. */
export function submissionsOf(collection: string, object: Json): readonly Submission[] {
  const { metadata } = object
  if (!isRecord(metadata)) return []
  const path = dryRun(`${collection}/${String(metadata['name'])}`)
  const { uid: _uid, resourceVersion: _version, creationTimestamp: _created, managedFields: _managed, ...kept } = metadata
  const labels = { ...(isRecord(metadata['labels']) ? metadata['labels'] : {}), quarantine: 'yes' }
  return [
    { method: 'DELETE', path, as: 'admin' },
    { method: 'PATCH', path, body: { metadata: { labels: { touched: 'yes' } } }, contentType: MERGE, as: 'alice' },
    {
      method: 'POST',
      path: dryRun(collection),
      body: { ...object, metadata: { ...kept, labels, name: `copy-${String(metadata['name']).replaceAll(':', '-')}` } },
      as: 'admin',
    },
  ]
}
