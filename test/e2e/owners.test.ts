import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Json } from '../api/resources.ts'
import { at, configMap, deployment, everywhere, isRecord, listAt, on, pathOf, pod, policyOf, SCENE_MS, Scene, TEST_MS } from './scene.ts'

const CONTROLLER = (name: string): string => `system:serviceaccount:kube-system:${name}-controller`
const UID = '00000000-0000-0000-0000-000000000001'

const ownedBy = (apiVersion: string, kind: string, name: string): Json => ({ ownerReferences: [{ apiVersion, kind, name, uid: UID, controller: true }] })
const ownedPod = (kind = 'ReplicaSet', apiVersion = 'apps/v1'): Json => pod('old', 'web-7c9-x2k', {}, ownedBy(apiVersion, kind, 'web-7c9'))
const ownedReplicaSet = (): Json => {
  const { metadata, spec, ...rest } = deployment('old', 'web-7c9')
  return { ...rest, kind: 'ReplicaSet', metadata: { ...(isRecord(metadata) ? metadata : {}), ...ownedBy('apps/v1', 'Deployment', 'web') }, spec }
}

const RULE = 'object.spec.containers.all(c, has(c.securityContext) && c.securityContext.?runAsNonRoot.orValue(false))'
const strict = (existingViolations: 'Allow' | 'Enforce', spec: Json = {}): Json =>
  policyOf('non-root', RULE, { enforcement: { ...everywhere('Deny'), existingViolations }, ...spec })

let scene: Scene

beforeAll(async () => {
  scene = await Scene.start({ controllerManager: true })
  await scene.plane.createNamespace('old')
  await scene.put(deployment('old', 'older'))
  await scene.until('what the Deployment makes', async () => !scene.plane.hasControllerManager || (await pods()).length === 1)
  await scene.enforce(strict('Allow'))
}, SCENE_MS)

afterAll(() => scene.stop())

const pods = async (): Promise<readonly string[]> =>
  listAt((await scene.plane.request('GET', '/api/v1/namespaces/old/pods?labelSelector=app=older')).body, 'items')
    .filter((item) => at(item, 'metadata', 'deletionTimestamp') === undefined)
    .map((item) => String(at(item, 'metadata', 'name')))

const submit = async (object: Json, as: string): Promise<string> => {
  const before = await scene.metric('bylaw_decisions_total', { effect: 'warn' })
  const { status } = await scene.submit(object, { as, isDryRun: true })
  const warned = (await scene.metric('bylaw_decisions_total', { effect: 'warn' })) - before
  return status === 201 ? (warned === 1 ? 'warned' : 'allowed') : String(status)
}

describe('an object that a workload controller makes is judged at its owner', () => {
  test.each<readonly [string, Json, as: string, outcome: string]>([
    ['a ReplicaSet by the Deployment controller', ownedReplicaSet(), CONTROLLER('deployment'), 'warned'],
    ['a Pod by the ReplicaSet controller', ownedPod(), CONTROLLER('replicaset'), 'warned'],
    ['a Pod by the StatefulSet controller', ownedPod('StatefulSet'), CONTROLLER('statefulset'), 'warned'],
    ['a Pod by the DaemonSet controller', ownedPod('DaemonSet'), CONTROLLER('daemon-set'), 'warned'],
    ['a Pod by the Job controller', ownedPod('Job', 'batch/v1'), CONTROLLER('job'), 'warned'],
    ['a Pod by the ReplicationController controller', ownedPod('ReplicationController', 'v1'), CONTROLLER('replication'), 'warned'],
    ['a Pod with an owner that someone else wrote', ownedPod(), 'dev', '403'],
    ['a Pod with an owner that an administrator wrote', ownedPod(), 'admin', '403'],
    ['a Pod without an owner by a controller', pod('old', 'stray'), CONTROLLER('replicaset'), '403'],
    ['a Pod of a ReplicaSet by the controller of another kind', ownedPod(), CONTROLLER('job'), '403'],
    ['a Pod of a kind that no controller makes Pods for', ownedPod('Rollout', 'argoproj.io/v1alpha1'), CONTROLLER('replicaset'), '403'],
  ])(
    '%s',
    async (_, object, as, outcome) => {
      expect(await submit(object, as)).toBe(outcome)
    },
    TEST_MS,
  )

  test('and says nothing twice: the controller gets no warning', async () => {
    expect(await scene.submit(ownedPod(), { as: CONTROLLER('replicaset'), isDryRun: true })).toEqual({ status: 201, message: '', warnings: [] })
  })

  test(
    'unless existing violations are enforced, or the policy does not judge the owner',
    async () => {
      await scene.enforce(strict('Enforce'))
      expect(await submit(ownedPod(), CONTROLLER('replicaset'))).toBe('403')
      await scene.enforce(strict('Allow', { podTemplates: 'Ignore' }))
      await scene.until('templates to be ignored', async () => (await submit(ownedPod(), CONTROLLER('replicaset'))) === '403')
      await scene.enforce(strict('Allow', { podTemplates: 'Include' }))
      await scene.until('templates to be judged', async () => (await submit(ownedPod(), CONTROLLER('replicaset'))) === 'warned')
    },
    TEST_MS,
  )
})

describe('a Deployment that is older than the policy', () => {
  const scale = (replicas: number) => scene.plane.kubectl(['scale', 'deployment/older', '-n', 'old', `--replicas=${replicas}`])

  test('can be labelled and scaled, with a warning, and not copied', async () => {
    const answer = await scene.plane.request('PATCH', pathOf(deployment('old', 'older')), {
      body: { metadata: { labels: { seen: 'yes' } } },
      contentType: 'application/merge-patch+json',
    })
    expect({ status: answer.status, warnings: answer.warnings }).toEqual({
      status: 200,
      warnings: [expect.stringContaining('[not refused: the violation was there before and did not get worse]')],
    })
    expect((await scene.submit(deployment('old', 'newer'))).status).toBe(403)
  })

  test(
    'gets its Pods back after they were lost, and more when it is scaled',
    async () => {
      // Without a controller manager nobody makes Pods; what its accounts may do is tested above.
      const expected = scene.plane.hasControllerManager ? [1, 2] : [0, 0]
      const before = await pods()
      await scene.plane.request('DELETE', '/api/v1/namespaces/old/pods?labelSelector=app=older&gracePeriodSeconds=0')
      await scene.until('a new Pod', async () => (await pods()).filter((name) => !before.includes(name)).length === expected[0])
      expect(await scale(2)).toMatchObject({ code: 0 })
      await scene.until('a second Pod', async () => (await pods()).length === expected[1])
    },
    TEST_MS,
  )
})

describe('a namespace in which nothing may be deleted', () => {
  test(
    'can be deleted all the same',
    async () => {
      const nothing = policyOf('no-deletion', 'false', {
        ...on('', 'v1', ['configmaps', 'serviceaccounts', 'secrets', 'pods'], ['DELETE']),
        enforcement: everywhere('Deny'),
      })
      await scene.plane.createNamespace('leaving')
      await scene.put(configMap('leaving', 'content'))
      await scene.enforce(nothing)
      expect((await scene.submit(configMap('leaving', 'content'), { method: 'DELETE' })).status).toBe(403)
      const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'leaving' } }
      expect((await scene.submit(namespace, { method: 'DELETE' })).status).toBe(200)
      const state = async () => {
        const { status, body } = await scene.plane.request('GET', pathOf(namespace))
        return status === 404 ? 'gone' : String(at(body, 'status', 'phase'))
      }
      await scene.until('the namespace to go', async () => (await state()) === (scene.plane.hasControllerManager ? 'gone' : 'Terminating'), TEST_MS)
    },
    2 * TEST_MS,
  )
})
