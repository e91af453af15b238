import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Json } from '../api/resources.ts'
import { type Answer, everywhere, pathOf, policyOf, SCENE_MS, Scene, TEST_MS } from './scene.ts'

const TARGET = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' }
const METRIC = { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 90 } } }

const autoscaler = (version: string, name: string, spec: Json): Json => ({
  apiVersion: `autoscaling/${version}`,
  kind: 'HorizontalPodAutoscaler',
  metadata: { name, namespace: 'scaling' },
  spec: { scaleTargetRef: TARGET, maxReplicas: 3, ...spec },
})

/** The same autoscaler, as a client of each version writes it. */
const SUBMITTED = {
  v1: autoscaler('v1', 'web', { targetCPUUtilizationPercentage: 90 }),
  v2: autoscaler('v2', 'web', { metrics: [METRIC] }),
} as const

const rulesOf = (apiVersions: readonly string[], matchPolicy = 'Equivalent'): Json => ({
  matchPolicy,
  resourceRules: [{ apiGroups: ['autoscaling'], apiVersions, resources: ['horizontalpodautoscalers'], operations: ['CREATE', 'UPDATE'] }],
})

const IN_V1 = '!has(object.spec.targetCPUUtilizationPercentage) || object.spec.targetCPUUtilizationPercentage <= 80'
const IN_V2 = '!has(object.spec.metrics) || object.spec.metrics.all(m, !has(m.resource) || m.resource.target.averageUtilization <= 80)'

/** Each expression passes whatever is not of its version, as a careful author's does: a wrong version would switch it off without a word. */
const POLICIES = {
  'cpu-v1': { expression: IN_V1, matchConstraints: rulesOf(['v1']) },
  'cpu-v2': { expression: IN_V2, matchConstraints: rulesOf(['v2']) },
  'cpu-any': { expression: `(${IN_V1}) && (${IN_V2})`, matchConstraints: rulesOf(['*']) },
  'cpu-exact': { expression: IN_V2, matchConstraints: rulesOf(['v2'], 'Exact') },
} as const
type Name = keyof typeof POLICIES
const NAMES: readonly Name[] = ['cpu-v1', 'cpu-v2', 'cpu-any', 'cpu-exact']

const ADMISSION = 'admissionregistration.k8s.io/v1'
const ours = (name: Name, level: string): Json =>
  policyOf(name, POLICIES[name].expression, { matchConstraints: POLICIES[name].matchConstraints, enforcement: everywhere(level) })

function native(name: Name): readonly Json[] {
  const { expression, matchConstraints } = POLICIES[name]
  return [
    {
      apiVersion: ADMISSION,
      kind: 'ValidatingAdmissionPolicy',
      metadata: { name },
      spec: { failurePolicy: 'Fail', matchConstraints, validations: [{ expression }] },
    },
    { apiVersion: ADMISSION, kind: 'ValidatingAdmissionPolicyBinding', metadata: { name }, spec: { policyName: name, validationActions: ['Warn'] } },
  ]
}

const namesIn = ({ warnings }: Answer, pattern: RegExp): readonly string[] => warnings.flatMap((warning) => pattern.exec(warning)?.[1] ?? []).sort()
const ofNative = (answer: Answer): readonly string[] => namesIn(answer, /^Validation failed for ValidatingAdmissionPolicy '([^']+)'/)
const ofOurs = (answer: Answer): readonly string[] => namesIn(answer, /^([a-z0-9-]+)\/rule \(high\): /)

let scene: Scene

beforeAll(async () => {
  scene = await Scene.start()
  await scene.plane.createNamespace('scaling')
}, SCENE_MS)

afterAll(() => scene.stop())

/** Puts policies into force in both ways, and nothing else. */
async function inForce(names: readonly Name[]): Promise<void> {
  const absent = NAMES.filter((name) => !names.includes(name))
  await scene.withdraw(...absent.map((name) => ours(name, 'Warn')))
  for (const name of absent) for (const object of native(name)) await scene.submit(object, { method: 'DELETE' })
  for (const name of names) await scene.apply(...native(name))
  await scene.enforce(...names.map((name) => ours(name, 'Warn')))
}

describe("a policy judges an object in the version that it was written for, as the API server's own policies do", () => {
  test.each<readonly [names: readonly Name[], asV1: readonly Name[], asV2: readonly Name[]]>([
    [['cpu-v1'], ['cpu-v1'], ['cpu-v1']],
    [['cpu-v2'], ['cpu-v2'], ['cpu-v2']],
    [
      ['cpu-v1', 'cpu-v2'],
      ['cpu-v1', 'cpu-v2'],
      ['cpu-v1', 'cpu-v2'],
    ],
    [['cpu-any'], ['cpu-any'], ['cpu-any']],
    [['cpu-exact'], [], ['cpu-exact']],
    [NAMES, ['cpu-any', 'cpu-v1', 'cpu-v2'], ['cpu-any', 'cpu-exact', 'cpu-v1', 'cpu-v2']],
  ])(
    '%j: a v1 request fails %j, a v2 request fails %j',
    async (names, asV1, asV2) => {
      await inForce(names)
      const submit = (version: keyof typeof SUBMITTED) => scene.submit(SUBMITTED[version], { isDryRun: true })
      await scene.until(
        'the native policies',
        async () => ofNative(await submit('v2')).join() === asV2.join() && ofNative(await submit('v1')).join() === asV1.join(),
      )
      const answers = { v1: await submit('v1'), v2: await submit('v2') }
      expect({ v1: ofOurs(answers.v1), v2: ofOurs(answers.v2) }).toEqual({ v1: asV1, v2: asV2 })
    },
    TEST_MS,
  )
})

describe('two policies on two versions of one resource', () => {
  beforeAll(async () => {
    for (const name of NAMES) for (const object of native(name)) await scene.submit(object, { method: 'DELETE' })
    await scene.withdraw(...NAMES.map((name) => ours(name, 'Deny')))
    await scene.enforce(ours('cpu-v1', 'Deny'), ours('cpu-v2', 'Deny'))
  }, TEST_MS)

  test.each(['v1', 'v2'] as const)('refuse a request in %s', async (version) => {
    expect(await scene.submit(SUBMITTED[version])).toMatchObject({
      status: 403,
      message: expect.stringMatching(/cpu-v[12]\/rule \(high\): Title of cpu-v[12]\n/),
    })
  })

  test('have an entry each, which names one version', async () => {
    const { body } = await scene.plane.request('GET', pathOf({ apiVersion: ADMISSION, kind: 'ValidatingWebhookConfiguration', metadata: { name: 'bylaw' } }))
    const versions = [...JSON.stringify(body).matchAll(/"apiGroups":\["autoscaling"\],"apiVersions":(\["[^\]]+\])/g)].map(([, found]) => found)
    expect([...new Set(versions)].sort()).toEqual(['["v1"]', '["v2"]'])
  })

  test(
    'never judge an object in the version of the other one',
    async () => {
      const need = (version: string, field: string): Json =>
        policyOf(`need-${version}`, `has(object.spec.${field})`, { matchConstraints: rulesOf([version]), enforcement: everywhere('Deny') })
      const both = [need('v1', 'targetCPUUtilizationPercentage'), need('v2', 'metrics')]
      await scene.withdraw(ours('cpu-v1', 'Deny'), ours('cpu-v2', 'Deny'))
      await scene.enforce(...both)
      for (const object of Object.values(SUBMITTED)) expect(await scene.submit(object, { isDryRun: true })).toEqual({ status: 201, message: '', warnings: [] })
      const byMemory = autoscaler('v2', 'memory', { metrics: [{ ...METRIC, resource: { ...METRIC.resource, name: 'memory' } }] })
      expect((await scene.submit(byMemory, { isDryRun: true })).message).toContain('need-v1/rule (high): ')
      await scene.withdraw(...both)
    },
    TEST_MS,
  )
})
