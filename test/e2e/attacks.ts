import type { Json } from '../api/resources.ts'
import { TENANT_NAMESPACE, type User } from '../controlplane/users.ts'
import { type Answer, at, configMap, deployment, everywhere, isRecord, on, pathOf, pod, policyOf, Scene, type Submission } from './scene.ts'

const TENANT = `system:serviceaccount:${TENANT_NAMESPACE}:owner`
/** The annotation with the stamp of an approval. */
export const APPROVAL = 'bylaw.dev/approval'
/** The label that puts a namespace into an environment. */
export const LABEL = 'bylaw.dev/environment'
const MERGE = 'application/merge-patch+json'
const STRATEGIC = 'application/strategic-merge-patch+json'
const POD_RULE = 'object.spec.?securityContext.?runAsNonRoot.orValue(false) == true'
const POLICIES: readonly Json[] = [
  policyOf('no-root', POD_RULE),
  policyOf('our-images', "(object.spec.containers + object.spec.?ephemeralContainers.orValue([])).all(c, c.image.startsWith('registry.example/'))"),
  policyOf('small', "object.spec.containers.all(c, !has(c.resources.limits) || quantity(c.resources.limits.cpu).isLessThan(quantity('4')))"),
  policyOf('few-replicas', 'object.spec.replicas <= 3', {
    ...on('apps', 'v1', ['deployments', 'deployments/scale'], ['CREATE', 'UPDATE']),
    podTemplates: 'Ignore',
  }),
  policyOf('no-eviction', "object.metadata.name != 'guarded'", on('', 'v1', ['pods/eviction'], ['CREATE'])),
  policyOf('our-team', "object.metadata.?labels[?'team'].orValue('ours') == 'ours'", {
    ...on('', 'v1', ['pods', 'pods/status', 'pods/binding'], ['CREATE', 'UPDATE']),
    podTemplates: 'Ignore',
  }),
  policyOf('keep', "oldObject.metadata.name != 'keep'", { ...on('', 'v1', ['configmaps'], ['DELETE']), enforcement: everywhere('Deny') }),
]
const PEOPLE: readonly User[] = [
  {
    name: 'security',
    grants: [
      { apiGroups: ['bylaw.dev'], resources: ['policyexceptions'], verbs: ['*'] },
      { apiGroups: ['bylaw.dev'], resources: ['policies'], verbs: ['except'] },
    ],
  },
  // A platform that lets people make namespaces lets the tenant do so too.
  { name: 'self-service', grants: [{ apiGroups: [''], resources: ['namespaces'], verbs: ['create', 'delete'] }] },
]

/** A Pod that no policy objects to. */
export const good = (name: string, spec: Json = {}): Json =>
  pod(TENANT_NAMESPACE, name, { securityContext: { runAsNonRoot: true }, nodeName: 'node-1', ...spec })
/** A Pod that `no-root` refuses. */
export const bad = (name: string, metadata: Json = {}): Json => pod(TENANT_NAMESPACE, name, {}, metadata)
const workload = (apiVersion: string, kind: string, name: string): Json => ({ ...deployment(TENANT_NAMESPACE, name), apiVersion, kind })
const cronJob = (): Json => {
  const { spec } = deployment(TENANT_NAMESPACE, 'cron')
  const template = at(spec, 'template')
  const podSpec = at(template, 'spec')
  const own = { metadata: at(template, 'metadata'), spec: { ...(isRecord(podSpec) ? podSpec : {}), restartPolicy: 'Never' } }
  return {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    metadata: { name: 'cron', namespace: TENANT_NAMESPACE },
    spec: { schedule: '0 0 * * *', jobTemplate: { spec: { template: own } } },
  }
}
const OLD = deployment(TENANT_NAMESPACE, 'from-before')

const limits = (cpu: string): Json => ({
  spec: { containers: [{ name: 'app', image: 'registry.example/app:1', resources: { limits: { cpu, memory: '1Gi' }, requests: { cpu, memory: '1Gi' } } }] },
})
const claimed = (): Json =>
  bad('claimed', {
    ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'rs', uid: '00000000-0000-0000-0000-000000000001', controller: true }],
  })
const CONTROLLER = 'system:serviceaccount:kube-system:replicaset-controller'

/** A control plane with a tenant who owns a namespace, and policies that he wants to get around. */
export class TenantScene {
  readonly scene: Scene

  private constructor(scene: Scene) {
    this.scene = scene
  }

  static async start(): Promise<TenantScene> {
    const scene = await Scene.start({ users: PEOPLE })
    const tenant = new TenantScene(scene)
    await scene.plane.createNamespace('elsewhere')
    await scene.put({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'node-1' }, status: { capacity: { cpu: '64', memory: '64Gi', pods: '100' } } })
    await tenant.#grantEverything()
    await scene.put(OLD)
    await scene.enforce(...POLICIES)
    for (const name of ['target', 'guarded']) await scene.put(good(name))
    await scene.put(good('resized', Object(limits('1')['spec'])))
    await scene.put(good('unbound', { nodeName: undefined }))
    for (const name of ['keep', 'other']) await scene.put(configMap(TENANT_NAMESPACE, name))
    await scene.put(deployment(TENANT_NAMESPACE, 'scaled', { securityContext: { runAsNonRoot: true } }))
    return tenant
  }

  /** What the tenant's own RBAC is: everything in his namespace, and namespaces of his own. */
  async #grantEverything(): Promise<void> {
    const { scene } = this
    const api = 'rbac.authorization.k8s.io'
    const subjects = [{ kind: 'ServiceAccount', name: 'owner', namespace: TENANT_NAMESPACE }]
    const metadata = { name: 'owner', namespace: TENANT_NAMESPACE }
    await scene.put({ apiVersion: 'v1', kind: 'ServiceAccount', metadata })
    await scene.put({ apiVersion: `${api}/v1`, kind: 'Role', metadata, rules: [{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }] })
    await scene.put({ apiVersion: `${api}/v1`, kind: 'RoleBinding', metadata, roleRef: { apiGroup: api, kind: 'Role', name: 'owner' }, subjects })
    const roleRef = { apiGroup: api, kind: 'ClusterRole', name: 'controlplane:self-service' }
    await scene.put({ apiVersion: `${api}/v1`, kind: 'ClusterRoleBinding', metadata: { name: 'owner-makes-namespaces' }, roleRef, subjects })
  }

  /** Submits an object as the tenant. */
  submit(object: Json, more: Submission = {}): Promise<Answer> {
    return this.scene.submit(object, { as: TENANT, ...more })
  }

  /** A request of the tenant that is no plain submission. */
  async send(method: string, path: string, body?: Json, contentType = MERGE): Promise<Answer> {
    const {
      status,
      body: answer,
      warnings,
    } = await this.scene.plane.request(method, path, {
      as: TENANT,
      ...(body === undefined ? {} : { body }),
      ...(method === 'PATCH' ? { contentType } : {}),
    })
    return { status, message: status < 400 ? '' : String(at(answer, 'message')), warnings }
  }

  patch(target: Json, subResource: string, body: Json, contentType = STRATEGIC): Promise<Answer> {
    return this.send('PATCH', `${pathOf(target)}/${subResource}`, body, contentType)
  }

  /** A Pod that `no-root` refuses, tried without being made. */
  attempt(name: string): Promise<Answer> {
    return this.submit(bad(name), { isDryRun: true })
  }
}

type Attack = (tenant: TenantScene) => Promise<Answer>

/** A time from now. */
export const inMs = (ms: number): string => new Date(Date.now() + ms).toISOString()

/** An exception for Pods named after it. */
export function exception(name: string, spec: Json = {}, metadata: Json = {}): Json {
  return {
    apiVersion: 'bylaw.dev/v1',
    kind: 'PolicyException',
    metadata: { name, namespace: TENANT_NAMESPACE, ...metadata },
    spec: {
      policies: [{ name: 'no-root', rules: ['*'] }],
      match: { resources: [{ kinds: ['Pod'], names: [`${name}-*`] }] },
      reason: 'the vendor needs it',
      owner: { team: 'shop', contact: '#shop' },
      expiresAt: inMs(3_600_000),
      ...spec,
    },
  }
}

/** Attacks that a policy refuses: each is answered with 403 and counted as a denial of that policy. */
export const HIDING: Readonly<Record<string, readonly [policy: string, attack: Attack]>> = {
  'a Pod, plainly': ['no-root', (tenant) => tenant.submit(bad('plain'))],
  'a Pod whose name is made by `generateName`': [
    'no-root',
    (tenant) => tenant.submit({ ...bad('x'), metadata: { generateName: 'x-', namespace: TENANT_NAMESPACE } }),
  ],
  'the template of a Deployment': ['no-root', (tenant) => tenant.submit(deployment(TENANT_NAMESPACE, 'hidden'))],
  'the template of a StatefulSet': ['no-root', (tenant) => tenant.submit(workload('apps/v1', 'StatefulSet', 'hidden'))],
  'the template of a DaemonSet': ['no-root', (tenant) => tenant.submit(workload('apps/v1', 'DaemonSet', 'hidden'))],
  'the template of a ReplicaSet': ['no-root', (tenant) => tenant.submit(workload('apps/v1', 'ReplicaSet', 'hidden'))],
  'the template of a CronJob': ['no-root', (tenant) => tenant.submit(cronJob())],
  'a workload of no replicas, to be scaled later': [
    'no-root',
    (tenant) => tenant.submit({ ...deployment(TENANT_NAMESPACE, 'none'), spec: { ...Object(at(deployment(TENANT_NAMESPACE, 'none'), 'spec')), replicas: 0 } }),
  ],
  'a claimed owner: an ownerReference to a ReplicaSet': ['no-root', (tenant) => tenant.submit(claimed())],
  'an image that is changed afterwards': [
    'our-images',
    (tenant) => tenant.send('PATCH', pathOf(good('target')), { spec: { containers: [{ name: 'app', image: 'elsewhere/x' }] } }, STRATEGIC),
  ],
  'an image that is applied afterwards': [
    'our-images',
    (tenant) =>
      tenant.send(
        'PATCH',
        `${pathOf(good('target'))}?fieldManager=me&force=true`,
        { ...good('target', { nodeName: undefined }), spec: { containers: [{ name: 'app', image: 'elsewhere/x' }] } },
        'application/apply-patch+yaml',
      ),
  ],
  'an ephemeral container': [
    'our-images',
    (tenant) => tenant.patch(good('target'), 'ephemeralcontainers', { spec: { ephemeralContainers: [{ name: 'd', image: 'elsewhere/shell' }] } }),
  ],
  'a resize': ['small', (tenant) => tenant.patch(good('resized'), 'resize', limits('8'))],
  'a scale': ['few-replicas', (tenant) => tenant.patch(deployment(TENANT_NAMESPACE, 'scaled'), 'scale', { spec: { replicas: 9 } }, MERGE)],
  'an eviction': [
    'no-eviction',
    (tenant) =>
      tenant.send('POST', `${pathOf(good('guarded'))}/eviction`, {
        apiVersion: 'policy/v1',
        kind: 'Eviction',
        metadata: { name: 'guarded', namespace: TENANT_NAMESPACE },
      }),
  ],
  'the labels of a binding': [
    'our-team',
    (tenant) =>
      tenant.send('POST', `${pathOf(good('unbound'))}/binding`, {
        apiVersion: 'v1',
        kind: 'Binding',
        metadata: { name: 'unbound', namespace: TENANT_NAMESPACE, labels: { team: 'theirs' } },
        target: { kind: 'Node', name: 'node-1' },
      }),
  ],
  'the labels of a status': ['our-team', (tenant) => tenant.patch(good('target'), 'status', { metadata: { labels: { team: 'theirs' } } })],
  'a deletion of a collection': ['keep', (tenant) => tenant.send('DELETE', `/api/v1/namespaces/${TENANT_NAMESPACE}/configmaps`)],
  'a change together with a change of finalizers': [
    'our-team',
    (tenant) => tenant.send('PATCH', pathOf(good('target')), { metadata: { finalizers: ['example.com/x'], labels: { team: 'theirs' } } }),
  ],
  'what was there before, made worse': [
    'our-images',
    (tenant) => tenant.send('PATCH', pathOf(OLD), { spec: { template: { spec: { containers: [{ name: 'app', image: 'elsewhere/x' }] } } } }),
  ],
  'what was there before, deleted and made again': [
    'no-root',
    async (tenant) => {
      await tenant.send('DELETE', pathOf(OLD))
      await tenant.scene.until('it to be gone', async () => (await tenant.scene.plane.request('GET', pathOf(OLD))).status === 404)
      return tenant.submit(OLD)
    },
  ],
}

const NAMESPACE: Json = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: TENANT_NAMESPACE } }
const labelled = async (tenant: TenantScene, value: string): Promise<Json> => {
  const stored = await tenant.scene.read(NAMESPACE)
  const metadata = at(stored, 'metadata')
  const labels = at(metadata, 'labels')
  return {
    ...(isRecord(stored) ? stored : {}),
    metadata: { ...(isRecord(metadata) ? metadata : {}), managedFields: undefined, labels: { ...(isRecord(labels) ? labels : {}), [LABEL]: value } },
  }
}
const toDev: Json = { metadata: { labels: { [LABEL]: 'dev' } } }
/** What whoever moves a namespace reads. */
export const ASSIGN = 'needs the verb `assign` on `environments.bylaw.dev`'
const FORBIDDEN = 'is forbidden: User'
/** The path of the exceptions of a namespace. */
export const exceptionPath = (namespace: string): string => `/apis/bylaw.dev/v1/namespaces/${namespace}/policyexceptions`

/** Attacks that a guard or the API server's own authorization refuses, with what the tenant reads. */
export const REACHING: Readonly<Record<string, readonly [says: string, attack: Attack]>> = {
  'lowers the environment by a patch of the namespace': [ASSIGN, (tenant) => tenant.send('PATCH', pathOf(NAMESPACE), toDev)],
  'lowers it by a JSON patch': [
    ASSIGN,
    (tenant) =>
      tenant.send(
        'PATCH',
        pathOf(NAMESPACE),
        Object([{ op: 'add', path: `/metadata/labels/${LABEL.replace('/', '~1')}`, value: 'dev' }]),
        'application/json-patch+json',
      ),
  ],
  'lowers it by an apply': [
    ASSIGN,
    (tenant) =>
      tenant.send(
        'PATCH',
        `${pathOf(NAMESPACE)}?fieldManager=me&force=true`,
        { ...NAMESPACE, metadata: { name: TENANT_NAMESPACE, labels: { [LABEL]: 'dev' } } },
        'application/apply-patch+yaml',
      ),
  ],
  'lowers it by a replacement': [ASSIGN, async (tenant) => tenant.send('PUT', pathOf(NAMESPACE), await labelled(tenant, 'dev'))],
  'lowers it through the status': [ASSIGN, (tenant) => tenant.send('PATCH', `${pathOf(NAMESPACE)}/status`, toDev)],
  'lowers it through the finalization': [ASSIGN, async (tenant) => tenant.send('PUT', `${pathOf(NAMESPACE)}/finalize`, await labelled(tenant, 'dev'))],
  'lowers it by another namespace, made anew with the label': [
    ASSIGN,
    (tenant) => tenant.submit({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'anew', labels: { [LABEL]: 'dev' } } }),
  ],
  'lowers it by a name that is none': [ASSIGN, (tenant) => tenant.send('PATCH', pathOf(NAMESPACE), { metadata: { labels: { [LABEL]: 'nowhere' } } })],
  'writes an exception that reaches other namespaces': [
    'spec.match.namespaces: allowed in `bylaw-system` only',
    (tenant) => tenant.submit(exception('reach', { match: { resources: [{ kinds: ['Pod'], names: ['*-1'] }], namespaces: ['*'] } })),
  ],
  'writes an exception into Bylaw’s own namespace': [
    FORBIDDEN,
    (tenant) => tenant.send('POST', exceptionPath('bylaw-system'), exception('own', {}, { namespace: 'bylaw-system' })),
  ],
  'writes an exception into another namespace': [
    FORBIDDEN,
    (tenant) => tenant.send('POST', exceptionPath('elsewhere'), exception('there', {}, { namespace: 'elsewhere' })),
  ],
  'claims to be a controller': [
    FORBIDDEN.replace('is forbidden: User', 'cannot impersonate'),
    async (tenant) =>
      toAnswer(
        await tenant.scene.plane.kubectl(['create', '-f', '-', '--validate=false', '--as', CONTROLLER], { as: 'tenant', input: JSON.stringify(claimed()) }),
      ),
  ],
  'changes a policy': [FORBIDDEN, (tenant) => tenant.send('PATCH', '/apis/bylaw.dev/v1/policies/no-root', { spec: { severity: 'low' } })],
  'deletes a policy': [FORBIDDEN, (tenant) => tenant.send('DELETE', '/apis/bylaw.dev/v1/policies/no-root')],
  'sets the status of a policy by hand': [
    FORBIDDEN,
    (tenant) => tenant.send('PATCH', '/apis/bylaw.dev/v1/policies/no-root/status', { status: { summary: { levels: 'none' } } }),
  ],
  'writes a profile': [
    FORBIDDEN,
    (tenant) =>
      tenant.send('POST', '/apis/bylaw.dev/v1/enforcementprofiles', {
        apiVersion: 'bylaw.dev/v1',
        kind: 'EnforcementProfile',
        metadata: { name: 'default' },
        spec: {},
      }),
  ],
  'deletes the registration': [FORBIDDEN, (tenant) => tenant.send('DELETE', '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/bylaw')],
  'changes the mutating registration': [
    FORBIDDEN,
    (tenant) => tenant.send('PATCH', '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/bylaw', { webhooks: [] }),
  ],
  'deletes the definition of policies': [
    FORBIDDEN,
    (tenant) => tenant.send('DELETE', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/policies.bylaw.dev'),
  ],
  'reads the key of the stamps': [FORBIDDEN, (tenant) => tenant.send('GET', '/api/v1/namespaces/bylaw-system/secrets')],
  'breaks the glass': [FORBIDDEN, (tenant) => tenant.submit(configMap('bylaw-system', 'bylaw-break-glass', { reason: 'x', owner: 'x', until: inMs(60_000) }))],
  'takes the lease of the leader': [FORBIDDEN, (tenant) => tenant.send('DELETE', '/apis/coordination.k8s.io/v1/namespaces/bylaw-system/leases/bylaw')],
}

function toAnswer({ code, stderr }: { readonly code: number; readonly stderr: string }): Answer {
  return { status: code === 0 ? 200 : 403, message: stderr, warnings: [] }
}
