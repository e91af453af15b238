import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Json } from '../api/resources.ts'
import { at, configMap, deployment, everywhere, listAt, on, pod, policyOf, SCENE_MS, Scene, TEST_MS } from './scene.ts'

const ALWAYS = "object.metadata.name != ''"
const LABEL = 'bylaw.dev/environment'
const OF_BYLAW = /^bylaw-.*\.validate\.bylaw\.dev\//

let scene: Scene

beforeAll(async () => {
  scene = await Scene.start({ users: [{ name: 'kubelet', groups: ['system:nodes'], grants: [{ apiGroups: [''], resources: ['nodes'], verbs: ['create'] }] }] })
  for (const environment of ['dev', 'staging', 'prod']) await scene.plane.createNamespace(`in-${environment}`, { [LABEL]: environment })
  await scene.plane.createNamespace('in-default')
  await scene.plane.createNamespace('in-unknown', { [LABEL]: 'porduction' })
}, SCENE_MS)

afterAll(() => scene.stop())

const PODS = policyOf('pods', ALWAYS)
const IGNORED = policyOf('ignored', ALWAYS, { ...on('', 'v1', ['secrets'], ['CREATE']), failurePolicy: 'Ignore', enforcement: everywhere('Deny') })
const WARNED = policyOf('warned', ALWAYS, { ...on('', 'v1', ['services'], ['CREATE']), enforcement: everywhere('Warn') })
/** Stricter in dev than in the default environment. */
const ODD = policyOf('odd', ALWAYS, {
  ...on('', 'v1', ['podtemplates'], ['CREATE']),
  enforcement: {
    environments: [
      { name: 'dev', level: 'Deny' },
      { name: 'staging', level: 'Warn' },
      { name: 'prod', level: 'Warn' },
    ],
  },
})
const podTemplate = (namespace: string): Json => ({
  apiVersion: 'v1',
  kind: 'PodTemplate',
  metadata: { name: 'template', namespace },
  template: { spec: { containers: [{ name: 'app', image: 'x' }] } },
})
const secret = (namespace: string): Json => ({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'secret', namespace } })
const service = (namespace: string): Json => ({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'service', namespace }, spec: { ports: [{ port: 80 }] } })

describe('what reaches Bylaw', () => {
  test(
    'a write of a ConfigMap does not, while there are policies on Pods only',
    async () => {
      await scene.enforce(PODS)
      const reviews = () => scene.metric('bylaw_review_duration_seconds_count')
      const before = await reviews()
      for (const namespace of ['in-dev', 'in-staging', 'in-prod', 'in-unknown']) await scene.put(configMap(namespace, 'untouched'))
      expect(await reviews()).toBe(before)
      await scene.put(pod('in-prod', 'touched'))
      expect(await reviews()).toBe(before + 1)
      const event = (name: string) => scene.plane.waitForAuditEvent(({ verb, objectRef }) => verb === 'create' && objectRef?.name === name)
      expect(Object.keys((await event('untouched')).annotations ?? {}).filter((key) => OF_BYLAW.test(key))).toEqual([])
      expect(
        Object.keys((await event('touched')).annotations ?? {})
          .filter((key) => OF_BYLAW.test(key))
          .sort(),
      ).toEqual(['decision', 'effect', 'ruleSet'].map((key) => `bylaw-prod-fail.validate.bylaw.dev/${key}`))
    },
    TEST_MS,
  )
})

describe('while Bylaw is dead', () => {
  beforeAll(async () => {
    await scene.enforce(PODS, IGNORED, WARNED, ODD)
    await scene.killBylaw()
  }, TEST_MS)

  test.each<readonly [string, Json, status: number]>([
    ['a policy that observes blocks nothing', pod('in-dev', 'observed'), 201],
    ['nor in a template', deployment('in-dev', 'observed'), 201],
    ['a policy that warns blocks nothing', pod('in-staging', 'warned'), 201],
    ['nor in a template that it warns of', deployment('in-staging', 'warned'), 201],
    ['nor one that warns everywhere', service('in-prod'), 201],
    ['a policy that denies blocks where it denies', pod('in-prod', 'denied'), 500],
    ['and the templates there', deployment('in-prod', 'denied'), 500],
    ['and in a namespace without a label, which is in prod', pod('in-default', 'denied'), 500],
    ['and in a namespace whose label means nothing', pod('in-unknown', 'denied'), 500],
    ['and nothing that it is not about', configMap('in-prod', 'free'), 201],
    ['nor in the namespaces that a cluster lives on', pod('kube-system', 'vital'), 201],
    ['a policy that is strictest in dev blocks there', podTemplate('in-dev'), 500],
    ['and where the environment is not known', podTemplate('in-unknown'), 500],
    ['but not in staging', podTemplate('in-staging'), 201],
    ['a policy with `failurePolicy: Ignore` blocks nothing', secret('in-prod'), 201],
  ])('%s', async (_, object, status) => {
    expect((await scene.submit(object)).status).toBe(status)
  })

  test(
    'and after it is back everything is judged again',
    async () => {
      await scene.startBylaw()
      expect(await scene.submit(pod('in-prod', 'back'))).toEqual({ status: 201, message: '', warnings: [] })
      expect(await scene.metric('bylaw_decisions_total', { effect: 'allow', dry_run: 'false' })).toBeGreaterThan(0)
    },
    TEST_MS,
  )
})

describe('an API server that is started again while Bylaw is dead, and a policy denies on everything', () => {
  const EVERYTHING = policyOf('everything', 'true', { ...on('*', '*', ['*'], ['*']), enforcement: everywhere('Deny'), podTemplates: 'Ignore' })
  const ROLE = '/apis/rbac.authorization.k8s.io/v1/clusterroles/system:basic-user'

  beforeAll(async () => {
    await scene.enforce(EVERYTHING)
    expect((await scene.plane.request('DELETE', ROLE)).status).toBe(200)
    await scene.killBylaw()
  }, TEST_MS)

  test(
    'becomes ready, and mends its own roles',
    async () => {
      const clusterRole = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name: 'blocked' }, rules: [] }
      expect((await scene.submit(clusterRole)).status).toBe(500)
      await scene.plane.restartApiServer()
      await scene.until('the role', async () => (await scene.plane.request('GET', ROLE)).status === 200)
      expect((await scene.submit(clusterRole)).status).toBe(500)
    },
    3 * TEST_MS,
  )

  const node = (name: string): Json => ({ apiVersion: 'v1', kind: 'Node', metadata: { name } })
  const EVENT = { apiVersion: 'v1', kind: 'Event', metadata: { name: 'a', namespace: 'in-prod' }, involvedObject: { namespace: 'in-prod' } }

  test.each<readonly [string, Json, as: string, status: number]>([
    ['passes: a lease', { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name: 'a', namespace: 'in-prod' } }, 'admin', 201],
    ['passes: an event', EVENT, 'admin', 201],
    ['passes: a node that adds itself', node('self'), 'kubelet', 201],
    ['passes: an object of Bylaw', policyOf('repair', 'true'), 'admin', 201],
    ['does not: a node that someone adds', node('other'), 'admin', 500],
  ])('what is needed to come back %s', async (_, object, as, status) => {
    expect((await scene.submit(object, { as, isDryRun: true })).status).toBe(status)
  })

  test(
    'everything is judged again when Bylaw is back, what was left out too',
    async () => {
      await scene.startBylaw()
      const lease: Json = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name: 'b', namespace: 'in-prod' } }
      const event = async (name: string) => scene.plane.waitForAuditEvent(({ verb, objectRef }) => verb === 'create' && objectRef?.name === name)
      await scene.put(lease)
      expect(Object.keys((await event('b')).annotations ?? {})).toContain('bylaw-prod-left-out-any.validate.bylaw.dev/decision')
      expect(listAt(await scene.entries()).map((entry) => at(entry, 'name'))).toContain('bylaw-prod-left-out-any.validate.bylaw.dev')
    },
    TEST_MS,
  )
})
