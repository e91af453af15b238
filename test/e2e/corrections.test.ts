import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Json } from '../api/resources.ts'
import { TENANT_NAMESPACE } from '../controlplane/users.ts'
import { at, deployment, everywhere, listAt, pod, policyOf, SCENE_MS, Scene, TEST_MS } from './scene.ts'

const SAFE = "object.spec.?automountServiceAccountToken.orValue(true) == false && object.metadata.?labels[?'team'].orValue('') != ''"
const MUTATIONS: readonly Json[] = [
  {
    name: 'no-token',
    patchType: 'ApplyConfiguration',
    applyConfiguration: { expression: 'Object{spec: Object.spec{automountServiceAccountToken: false}}' },
  },
  {
    name: 'team',
    patchType: 'JSONPatch',
    jsonPatch: {
      expression:
        "has(object.metadata.labels) ? [JSONPatch{op: 'add', path: '/metadata/labels/team', value: 'none'}] : [JSONPatch{op: 'add', path: '/metadata/labels', value: {'team': 'none'}}]",
    },
  },
]
const levels = {
  environments: [
    { name: 'dev', level: 'Warn' },
    { name: 'staging', level: 'Deny' },
    { name: 'prod', level: 'Correct' },
  ],
}
const CORRECTING = policyOf('no-token', SAFE, { mutations: MUTATIONS, enforcement: levels })
/** Corrects too little: what it corrects still violates it. */
const TOO_LITTLE = policyOf('too-little', "!object.spec.containers.exists(c, c.image.endsWith(':bad'))", {
  enforcement: everywhere('Correct'),
  mutations: [{ name: 'mark', patchType: 'JSONPatch', jsonPatch: { expression: "[JSONPatch{op: 'add', path: '/spec/hostname', value: 'marked'}]" } }],
  matchConditions: [{ name: 'bad', expression: "object.spec.containers.exists(c, c.image.endsWith(':bad'))" }],
})
/** Without a rule that would catch what was not corrected. */
const ONLY_MUTATIONS: Json = {
  ...policyOf('only-mutations', 'true'),
  spec: {
    title: 'ConfigMaps carry a note',
    owner: { team: 'platform', contact: '#platform' },
    severity: 'high',
    remediation: 'add the annotation',
    matchConstraints: { resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'], operations: ['CREATE', 'UPDATE'] }] },
    matchConditions: [{ name: 'own', expression: "object.metadata.name.startsWith('noted')" }],
    mutations: [
      {
        name: 'note',
        operations: ['CREATE', 'UPDATE'],
        patchType: 'ApplyConfiguration',
        applyConfiguration: { expression: "Object{data: {'note': string(object.data.size())}}" },
      },
    ],
    enforcement: everywhere('Correct'),
  },
}

let scene: Scene

beforeAll(async () => {
  scene = await Scene.start({ controllerManager: true })
  await scene.plane.createNamespace('staging-one', { 'bylaw.dev/environment': 'staging' })
  await scene.plane.createNamespace('dev-one', { 'bylaw.dev/environment': 'dev' })
}, SCENE_MS)

afterAll(() => scene.stop())

const isCorrected = (stored: unknown): boolean =>
  at(stored, 'spec', 'automountServiceAccountToken') === false && at(stored, 'metadata', 'labels', 'team') === 'none'

describe('a policy at level Correct', () => {
  test(
    'leaves Pods alone that were there before, so that they can be labelled and annotated',
    async () => {
      const old = pod(TENANT_NAMESPACE, 'from-before')
      await scene.put(old)
      await scene.enforce(CORRECTING, TOO_LITTLE, ONLY_MUTATIONS)
      const labelled = await scene.submit({ ...old, metadata: { name: 'from-before', namespace: TENANT_NAMESPACE, labels: { a: 'b' } } }, { method: 'PATCH' })
      expect({ status: labelled.status, message: labelled.message }).toEqual({ status: 200, message: '' })
      expect(at(await scene.read(old), 'spec', 'automountServiceAccountToken')).toBeUndefined()
    },
    TEST_MS,
  )

  test(
    'corrects a Pod, admits it, and tells by which policy what was corrected',
    async () => {
      const made = pod(TENANT_NAMESPACE, 'corrected')
      const answer = await scene.submit(made)
      expect(answer).toEqual({
        status: 201,
        message: '',
        warnings: ['no-token: corrected /metadata/labels, /spec/automountServiceAccountToken'],
      })
      expect(isCorrected(await scene.read(made))).toBe(true)
    },
    TEST_MS,
  )

  test(
    'counts a correction once, and not in a dry run',
    async () => {
      const labels = { policy: 'no-token', outcome: 'corrected' }
      const before = await scene.metric('bylaw_corrections_total', labels)
      await scene.submit(pod(TENANT_NAMESPACE, 'dry'), { isDryRun: true })
      await scene.put(pod(TENANT_NAMESPACE, 'counted'))
      await scene.until('the count', async () => (await scene.metric('bylaw_corrections_total', labels)) === before + 1)
    },
    TEST_MS,
  )

  test(
    'leaves a Pod alone that is as it should be',
    async () => {
      const good = pod(TENANT_NAMESPACE, 'good', { automountServiceAccountToken: false }, { labels: { team: 'shop' } })
      const { status, warnings } = await scene.submit(good)
      expect({ status, told: warnings.filter((warning) => warning.includes('/metadata/labels,')) }).toEqual({ status: 201, told: [] })
    },
    TEST_MS,
  )

  test(
    'judges a Deployment as its Pods will be, leaves it as it is, and suggests the patch',
    async () => {
      const made = deployment(TENANT_NAMESPACE, 'leaf')
      const { status, warnings } = await scene.submit(made)
      expect({ status, warnings }).toEqual({
        status: 201,
        warnings: [
          'no-token: corrects the Pods when they are made, not this template; suggested patch: add /spec/template/metadata/labels/team "none"; add /spec/template/spec/automountServiceAccountToken false',
        ],
      })
      expect(at(await scene.read(made), 'spec', 'template', 'spec', 'automountServiceAccountToken')).toBeUndefined()
      if (scene.plane.hasControllerManager) {
        const pods = async (): Promise<readonly unknown[]> =>
          listAt((await scene.plane.request('GET', `/api/v1/namespaces/${TENANT_NAMESPACE}/pods?labelSelector=app=leaf`)).body, 'items')
        await scene.until('the Pod of the Deployment', async () => (await pods()).length > 0)
        expect((await pods()).map(isCorrected)).toEqual([true])
      }
      const scaled = await scene.submit({ ...made, metadata: { name: 'leaf', namespace: TENANT_NAMESPACE }, spec: { replicas: 2 } }, { method: 'PATCH' })
      expect(scaled).toEqual({ status: 200, message: '', warnings: [] })
    },
    TEST_MS,
  )

  test(
    'refuses what still violates it once corrected',
    async () => {
      const { status, message } = await scene.submit(pod(TENANT_NAMESPACE, 'still-bad', { containers: [{ name: 'app', image: 'registry.example/app:bad' }] }))
      expect(status).toBe(403)
      expect(message).toContain('too-little/rule (high): Title of too-little')
    },
    TEST_MS,
  )

  test(
    'writes what has no rule, at updates only where they touch it',
    async () => {
      const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'noted', namespace: TENANT_NAMESPACE }, data: { a: '1' } }
      await scene.put(object)
      expect(at(await scene.read(object), 'data')).toEqual({ a: '1', note: '1' })
      await scene.put({ ...object, data: { a: '2' } }, { method: 'PATCH' })
      expect(at(await scene.read(object), 'data')).toEqual({ a: '2', note: '1' })
      await scene.put({ ...object, data: { note: 'mine' } }, { method: 'PATCH' })
      expect(at(await scene.read(object), 'data')).toEqual({ a: '2', note: '2' })
    },
    TEST_MS,
  )

  test(
    'has a mutating entry that fails closed only where no rule stands behind it',
    async () => {
      const { body } = await scene.plane.request('GET', '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/bylaw')
      const entries = listAt(body, 'webhooks').map((entry) => {
        const resources = listAt(entry, 'rules').flatMap((rule) => listAt(rule, 'resources'))
        return [String(at(entry, 'name')).replace('.mutate.bylaw.dev', ''), at(entry, 'failurePolicy'), resources.sort().join(' ')].join(' ')
      })
      expect(entries).toContain('bylaw-prod-fail Fail configmaps')
      expect(entries).toContain('bylaw-prod-ignore Ignore pods')
      expect(entries).toContain('bylaw-dev-ignore Ignore pods')
    },
    TEST_MS,
  )
})

describe('a mutation with `templates: Apply`', () => {
  test(
    'writes the template of a workload when it is made',
    async () => {
      const writing = policyOf('writes-templates', 'object.spec.?activeDeadlineSeconds.orValue(0) == 600', {
        enforcement: everywhere('Correct'),
        matchConditions: [{ name: 'meant', expression: "object.metadata.?labels[?'app'].orValue('') == 'written'" }],
        mutations: [
          {
            name: 'deadline',
            operations: ['CREATE'],
            templates: 'Apply',
            patchType: 'ApplyConfiguration',
            applyConfiguration: { expression: 'Object{spec: Object.spec{terminationGracePeriodSeconds: 5, activeDeadlineSeconds: 600}}' },
          },
        ],
      })
      await scene.enforce(writing)
      const made = { ...deployment(TENANT_NAMESPACE, 'written'), apiVersion: 'batch/v1', kind: 'Job' }
      const job = {
        ...made,
        spec: {
          template: {
            metadata: { labels: { app: 'written' } },
            spec: { restartPolicy: 'Never', containers: [{ name: 'app', image: 'registry.example/app:1' }] },
          },
        },
      }
      const { status, warnings } = await scene.submit(job)
      expect({ status, told: warnings.filter((warning) => warning.startsWith('writes-templates')) }).toEqual({
        status: 201,
        told: ['writes-templates: corrected /spec/template/spec/terminationGracePeriodSeconds, /spec/template/spec/activeDeadlineSeconds'],
      })
      expect(at(await scene.read(job), 'spec', 'template', 'spec', 'activeDeadlineSeconds')).toBe(600)
      const labelled = await scene.submit({ ...job, metadata: { name: 'written', namespace: TENANT_NAMESPACE, labels: { a: 'b' } } }, { method: 'PATCH' })
      expect(labelled.status).toBe(200)
    },
    TEST_MS,
  )
})

describe('below level Correct', () => {
  test(
    'nothing is corrected, and whoever is refused reads the patch that would help',
    async () => {
      const { status, message } = await scene.submit(pod('staging-one', 'suggested'))
      expect(status).toBe(403)
      expect(message).toContain('suggested patch: add /metadata/labels {"team":"none"}; add /spec/automountServiceAccountToken false')
    },
    TEST_MS,
  )

  test(
    'a warning leaves the object as it came',
    async () => {
      const made = pod('dev-one', 'warned')
      const { status, warnings } = await scene.submit(made)
      expect({ status, start: warnings[0]?.slice(0, 15) }).toEqual({ status: 201, start: 'no-token/rule (' })
      expect(at(await scene.read(made), 'spec', 'automountServiceAccountToken')).toBeUndefined()
    },
    TEST_MS,
  )
})

test(
  'a mutation that would write what no correction may write is refused when it is applied',
  async () => {
    const mutate = (expression: string, operations: readonly string[] = ['CREATE']): Json =>
      policyOf('refused', 'true', { mutations: [{ name: 'wrong', operations, patchType: 'ApplyConfiguration', applyConfiguration: { expression } }] })
    const name = await scene.submit(mutate("Object{metadata: Object.metadata{name: 'other'}}"))
    expect(name.message).toContain('spec.mutations[0].applyConfiguration.expression: `/metadata/name` may not be corrected')
    const update = await scene.submit(mutate('Object{spec: Object.spec{hostNetwork: false}}', ['UPDATE']))
    expect(update.message).toContain('`/spec/hostNetwork` of `pods` cannot be changed on UPDATE')
  },
  TEST_MS,
)
