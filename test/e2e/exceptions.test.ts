import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Json } from '../api/resources.ts'
import { TENANT_NAMESPACE, type User } from '../controlplane/users.ts'
import { runApprove } from '../support/approve.ts'
import { type Answer, at, listAt, pod, policyOf, SCENE_MS, Scene, TEST_MS } from './scene.ts'

const POLICY = policyOf('no-root', 'object.spec.?securityContext.?runAsNonRoot.orValue(false) == true')
const OTHER = policyOf('no-latest', "object.spec.containers.all(c, !c.image.endsWith(':latest'))")
const EXCEPTIONS = { apiGroups: ['bylaw.dev'], resources: ['policyexceptions'], verbs: ['get', 'list', 'patch', 'create', 'update', 'delete'] }
const PEOPLE: readonly User[] = [
  { name: 'security', grants: [EXCEPTIONS, { apiGroups: ['bylaw.dev'], resources: ['policies'], verbs: ['except'] }] },
  { name: 'delegate', grants: [EXCEPTIONS, { apiGroups: ['bylaw.dev'], resources: ['policies'], verbs: ['except'], resourceNames: ['no-root'] }] },
]

let scene: Scene

beforeAll(async () => {
  scene = await Scene.start({ users: PEOPLE })
  await scene.plane.createNamespace('elsewhere')
  await scene.enforce(POLICY, OTHER)
}, SCENE_MS)

afterAll(() => scene.stop())

const inOneHour = (): string => new Date(Date.now() + 3_600_000).toISOString()

function exception(name: string, spec: Json = {}, metadata: Json = {}): Json {
  return {
    apiVersion: 'bylaw.dev/v1',
    kind: 'PolicyException',
    metadata: { name, namespace: TENANT_NAMESPACE, ...metadata },
    spec: {
      policies: [{ name: 'no-root', rules: ['*'] }],
      match: { resources: [{ kinds: ['Pod', 'Deployment'], names: [`${name}-*`] }] },
      reason: 'the vendor needs it',
      owner: { team: 'shop', contact: '#shop' },
      expiresAt: inOneHour(),
      ...spec,
    },
  }
}

/** A Pod that `no-root` refuses, tried without being made. */
const attempt = (name: string, namespace = TENANT_NAMESPACE): Promise<Answer> => scene.submit(pod(namespace, name), { isDryRun: true })

/** `bylaw approve`, as a process of its own. */
const approve = (user: string, ...args: readonly string[]) => runApprove(scene.plane.kubeconfigFor(user), args)

const annotate = (name: string, annotations: Json, as: string): Promise<Answer> =>
  scene.submit({ apiVersion: 'bylaw.dev/v1', kind: 'PolicyException', metadata: { name, namespace: TENANT_NAMESPACE, annotations } }, { method: 'PATCH', as })

async function untilPhase(object: Json, phase: string): Promise<void> {
  await scene.until(`phase ${phase}`, async () => at(await scene.read(object), 'status', 'phase') === phase)
}

const untilAdmitted = (name: string): Promise<void> => scene.until(`${name} to be admitted`, async () => (await attempt(name)).status === 201)

describe('an exception', () => {
  test(
    'waives nothing while it is pending, and whoever is refused reads so',
    async () => {
      const asked = exception('pending')
      const made = await scene.submit(asked, { as: 'tenant' })
      expect({ status: made.status, warning: made.warnings[0]?.slice(0, 27) }).toEqual({ status: 201, warning: 'the exception is pending: i' })
      await untilPhase(asked, 'Pending')
      const { status, message } = await attempt('pending-1')
      expect(status).toBe(403)
      expect(message).toContain(`exception \`${TENANT_NAMESPACE}/pending\` does not count: it is pending, nobody has approved it`)
    },
    TEST_MS,
  )

  test(
    'waives from its approval on, for the objects that it is for',
    async () => {
      const asked = exception('approved')
      await scene.put(asked, { as: 'tenant' })
      const approved = await approve('security', 'approved', '-n', TENANT_NAMESPACE)
      expect({ code: approved.code, start: approved.text.slice(0, 30) }).toEqual({
        code: 0,
        start: `${TENANT_NAMESPACE}/approved: approved: no-root (*) until`.slice(0, 30),
      })
      await untilPhase(asked, 'Active')
      await untilAdmitted('approved-1')
      await scene.until('the policy to count it', async () => Number(at(await scene.read(POLICY), 'status', 'exceptions', 'active')) > 0)
      // Whether nobody uses one is not known, since nobody has looked at all objects.
      expect(at(await scene.read(POLICY), 'status', 'exceptions', 'unused')).toBeUndefined()
      expect((await attempt('else-1')).message).toContain('does not count: it is for other kinds or names')
      expect((await attempt('approved-1', 'elsewhere')).status).toBe(403)
    },
    TEST_MS,
  )

  test(
    'is pending again when its spec changes, and keeps its approval when only metadata do',
    async () => {
      const asked = exception('changing')
      await scene.put(asked, { as: 'tenant' })
      await approve('security', 'changing', '-n', TENANT_NAMESPACE)
      await untilAdmitted('changing-1')
      // A replacement without annotations strips the stamp in the request; the stored one is carried over.
      const stored = await scene.read(asked)
      const bare = {
        ...asked,
        metadata: { name: 'changing', namespace: TENANT_NAMESPACE, resourceVersion: at(stored, 'metadata', 'resourceVersion'), labels: { a: 'b' } },
      }
      await scene.put(bare, { method: 'PUT', as: 'tenant' })
      expect((await attempt('changing-1')).status).toBe(201)
      const wider = { resources: [{ kinds: ['Pod'], names: ['changing-*', 'anything-*'] }] }
      await scene.put(exception('changing', { match: wider }), { method: 'PATCH', as: 'tenant' })
      await scene.until('the approval to be gone', async () => (await attempt('changing-1')).status === 403)
      expect((await attempt('anything-1')).message).toContain('it is pending')
    },
    TEST_MS,
  )

  test(
    'ends by the clock',
    async () => {
      const asked = exception('ending', { expiresAt: new Date(Date.now() + 15_000).toISOString() })
      await scene.put(asked, { as: 'tenant' })
      await approve('security', 'ending', '-n', TENANT_NAMESPACE)
      await untilAdmitted('ending-1')
      await scene.until('its end', async () => (await attempt('ending-1')).status === 403)
      expect((await attempt('ending-1')).message).toContain('does not count: it expired at ')
      await untilPhase(asked, 'Expired')
      expect(at(await scene.read(asked), 'status', 'summary', 'state')).toMatch(/^ended at 20/)
      await scene.until('Events on its approval and its end', async () => {
        const { body } = await scene.plane.request('GET', `/apis/events.k8s.io/v1/namespaces/${TENANT_NAMESPACE}/events`)
        const told = listAt(body, 'items').filter((event) => at(event, 'regarding', 'name') === 'ending')
        return ['Approved Normal', 'Expired Warning'].every((wanted) => told.some((event) => `${at(event, 'reason')} ${at(event, 'type')}` === wanted))
      })
    },
    TEST_MS,
  )

  test(
    'of Bylaw’s own namespace reaches where it says, approved by whoever may approve',
    async () => {
      const match = { resources: [{ kinds: ['Pod'], names: ['global-*'] }], namespaces: ['elsewhere'] }
      await scene.put(exception('global', { match }, { namespace: 'bylaw-system' }))
      await scene.until('it to reach', async () => (await attempt('global-1', 'elsewhere')).status === 201)
      expect((await attempt('global-1')).status).toBe(403)
    },
    TEST_MS,
  )

  test(
    'reaches what descends from the workload that it names',
    async () => {
      await scene.put(exception('importer', { match: { resources: [{ kinds: ['Deployment'], names: ['importer-*'] }] } }), { as: 'tenant' })
      await approve('security', 'importer', '-n', TENANT_NAMESPACE)
      const replicaSet = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'importer-eu-7c9', uid: 'x', controller: true }
      const made = pod(TENANT_NAMESPACE, 'importer-eu-7c9-x2k', {}, { labels: { 'pod-template-hash': '7c9' }, ownerReferences: [replicaSet] })
      const controller = 'system:serviceaccount:kube-system:replicaset-controller'
      await scene.put({
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'ClusterRoleBinding',
        metadata: { name: 'rs' },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
        subjects: [{ kind: 'ServiceAccount', name: 'replicaset-controller', namespace: 'kube-system' }],
      })
      await scene.until('it to reach the Pod', async () => {
        const { status, warnings } = await scene.submit(made, { as: controller, isDryRun: true })
        return status === 201 && warnings.length === 0
      })
    },
    TEST_MS,
  )
})

describe('whoever may approve', () => {
  test(
    'approves the spec as it stands, and no other',
    async () => {
      await scene.put(exception('digest'), { as: 'tenant' })
      const { status, message } = await annotate('digest', { 'bylaw.dev/approve': '00' }, 'security')
      expect({ status, isTold: message.includes('the spec is not the one that was approved') }).toEqual({ status: 403, isTold: true })
    },
    TEST_MS,
  )

  test(
    'for one policy only is told for which others not',
    async () => {
      await scene.put(
        exception('both', {
          policies: [
            { name: 'no-root', rules: ['*'] },
            { name: 'no-latest', rules: ['*'] },
          ],
        }),
        { as: 'tenant' },
      )
      const { code, text } = await approve('delegate', 'both', '-n', TENANT_NAMESPACE)
      expect({ code, isTold: text.includes('`no-latest`') && !text.includes('`no-root`,') }).toEqual({ code: 1, isTold: true })
    },
    TEST_MS,
  )

  test(
    'says with --dry-run what would be approved, and approves nothing',
    async () => {
      const asked = exception('dry')
      await scene.put(asked, { as: 'tenant' })
      const { code, text } = await approve('security', 'dry', '-n', TENANT_NAMESPACE, '--dry-run')
      expect({ code, isTold: text.includes('would be approved') }).toEqual({ code: 0, isTold: true })
      expect((await attempt('dry-1')).status).toBe(403)
    },
    TEST_MS,
  )
})
