import { readdirSync, readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { type Policy, parseJson, parsePolicy, parseYamlDocuments } from '../../src/api/index.ts'
import { describeIssue, fieldIssues, type ResourceSchema, readOpenApi, type SchemaCatalogue, schemaCatalogue } from '../../src/rules/index.ts'
import { type Json, policy } from '../api/resources.ts'
import { at, isRecord, listAt, on, pathOf, policyOf, SCENE_MS, Scene, TEST_MS } from './scene.ts'

/** As the operator is: an account with nothing but what every account has. */
const ANYONE = 'system:serviceaccount:bylaw-system:bylaw-operator'

let scene: Scene
let catalogue: SchemaCatalogue

/** All schemas of the API server, as its answers have them. */
async function readCatalogue(): Promise<SchemaCatalogue> {
  const ask = async (path: string): Promise<unknown> => {
    const { status, body } = await scene.plane.request('GET', path, { as: ANYONE })
    if (status !== 200) throw new Error(`${path}: ${status}`)
    const json = typeof body === 'string' ? parseJson(body) : { ok: true as const, value: body }
    return json.ok ? json.value : undefined
  }
  const index = await ask('/openapi/v3')
  const resources: ResourceSchema[] = []
  const paths = at(index, 'paths')
  for (const item of Object.values(isRecord(paths) ? paths : {})) {
    const read = readOpenApi(await ask(String(at(item, 'serverRelativeURL'))))
    if (!read.ok) throw new Error(read.error)
    resources.push(...read.value)
  }
  return schemaCatalogue(resources)
}

const servedVersions = (group: string, resource: string): readonly string[] | undefined => {
  const versions = catalogue.versionsOf(group, resource)
  return versions.length === 0 ? undefined : versions
}

function parsed(value: unknown): Policy {
  const read = parsePolicy(value)
  if (!read.ok) throw new Error(JSON.stringify(read.error))
  return read.value
}

const issuesOf = (value: Json): readonly string[] => fieldIssues(parsed(value), catalogue, servedVersions).map(describeIssue)

function policiesIn(folder: string): readonly Policy[] {
  const files = readdirSync(folder).filter((file) => file.endsWith('.yaml'))
  return files.flatMap((file) => {
    const documents = parseYamlDocuments(readFileSync(`${folder}/${file}`, 'utf8'))
    if (!documents.ok) throw new Error(`${file}: ${documents.error}`)
    return documents.value.flatMap((document) => (at(document, 'kind') === 'Policy' ? [parsed(document)] : []))
  })
}

beforeAll(async () => {
  scene = await Scene.start()
  catalogue = await readCatalogue()
}, SCENE_MS)

afterAll(() => scene.stop())

test.each([
  ['config/policies', 10],
  ['config/samples', 5],
  ['config/context-samples', 2],
] as const)('no policy of %s reads a field that its kinds do not have', (folder, count) => {
  const policies = policiesIn(folder)
  expect(policies.length).toBeGreaterThanOrEqual(count)
  expect(policies.flatMap((each) => fieldIssues(each, catalogue, servedVersions).map(describeIssue))).toEqual([])
  // All their kinds are known, so that the check has looked.
  const unknown = policies.flatMap(({ spec }) =>
    spec.matchConstraints.resourceRules.flatMap(({ apiGroups, resources }) =>
      apiGroups.flatMap((group) => resources.filter((resource) => group !== '*' && !resource.includes('*') && servedVersions(group, resource) === undefined)),
    ),
  )
  expect(unknown).toEqual([])
})

describe('a misspelt field of', () => {
  const KINDS: Readonly<Record<string, readonly [group: string, version: string, resource: string]>> = {
    Pod: ['', 'v1', 'pods'],
    Deployment: ['apps', 'v1', 'deployments'],
    CronJob: ['batch', 'v1', 'cronjobs'],
    Service: ['', 'v1', 'services'],
    Ingress: ['networking.k8s.io', 'v1', 'ingresses'],
    NetworkPolicy: ['networking.k8s.io', 'v1', 'networkpolicies'],
    RoleBinding: ['rbac.authorization.k8s.io', 'v1', 'rolebindings'],
    ClusterRole: ['rbac.authorization.k8s.io', 'v1', 'clusterroles'],
    CustomResourceDefinition: ['apiextensions.k8s.io', 'v1', 'customresourcedefinitions'],
    PolicyException: ['bylaw.dev', 'v1', 'policyexceptions'],
    HorizontalPodAutoscaler: ['autoscaling', 'v2', 'horizontalpodautoscalers'],
    Scale: ['apps', 'v1', 'deployments/scale'],
  }

  test.each<[kind: string, expression: string, message: string]>([
    ['Pod', 'has(object.spec.hostNetwrok)', '`spec` has no field `hostNetwrok` in Pod (did you mean `hostNetwork`?)'],
    ['Pod', 'object.spec.?securityContxt.?runAsNonRoot.orValue(false)', '`spec` has no field `securityContxt` in Pod (did you mean `securityContext`?)'],
    [
      'Pod',
      'object.spec.containers.all(c, c.?securityContext.?priviledged.orValue(false))',
      '`spec.containers[].securityContext` has no field `priviledged` in Pod (did you mean `privileged`?)',
    ],
    [
      'Pod',
      "object.spec.containers.all(c, c.imagePullpolicy == 'Always')",
      '`spec.containers[]` has no field `imagePullpolicy` in Pod (did you mean `imagePullPolicy`?)',
    ],
    ['Pod', 'object.spec.containers.all(c, c.resource.limits.memory != "")', '`spec.containers[]` has no field `resource` in Pod (did you mean `resources`?)'],
    ['Pod', "object.metadata.label['team'] != ''", '`metadata` has no field `label` in Pod (did you mean `labels`?)'],
    ['Pod', 'object.spec.volumes.exists(v, has(v.hostpath))', '`spec.volumes[]` has no field `hostpath` in Pod (did you mean `hostPath`?)'],
    ['Deployment', 'object.spec.replica >= 2', '`spec` has no field `replica` in Deployment (did you mean `replicas`?)'],
    [
      'Deployment',
      'object.spec.template.spec.container.size() > 0',
      '`spec.template.spec` has no field `container` in Deployment (did you mean `containers`?)',
    ],
    ['Deployment', "object.spec.containers[0].image != ''", '`spec` has no field `containers` in Deployment'],
    [
      'CronJob',
      'object.spec.jobTemplate.spec.template.spec.hostPid',
      '`spec.jobTemplate.spec.template.spec` has no field `hostPid` in CronJob (did you mean `hostPID`?)',
    ],
    ['Service', "object.spec.typ != 'LoadBalancer'", '`spec` has no field `typ` in Service (did you mean `type`?)'],
    ['Service', 'object.spec.ports.all(p, p.nodeport == 0)', '`spec.ports[]` has no field `nodeport` in Service (did you mean `nodePort`?)'],
    ['Service', "'external' in object.spec", '`spec` has no field `external` in Service'],
    ['Ingress', 'object.spec.rules.all(r, r.http.path.size() > 0)', '`spec.rules[].http` has no field `path` in Ingress (did you mean `paths`?)'],
    ['Ingress', 'object.spec.?tsl.hasValue()', '`spec` has no field `tsl` in Ingress (did you mean `tls`?)'],
    [
      'Ingress',
      "object.spec.rules.all(r, r.http.paths.all(p, p.backend.serviceName != ''))",
      '`spec.rules[].http.paths[].backend` has no field `serviceName` in Ingress',
    ],
    ['NetworkPolicy', 'has(object.spec.egres)', '`spec` has no field `egres` in NetworkPolicy (did you mean `egress`?)'],
    ['RoleBinding', "object.roleref.name != 'admin'", 'the object has no field `roleref` in RoleBinding (did you mean `roleRef`?)'],
    ['RoleBinding', "object.subjects.all(s, s.knd != 'User')", '`subjects[]` has no field `knd` in RoleBinding (did you mean `kind`?)'],
    ['ClusterRole', "object.rules.all(r, !('*' in r.verb))", '`rules[]` has no field `verb` in ClusterRole (did you mean `verbs`?)'],
    [
      'CustomResourceDefinition',
      "object.spec.versions.all(v, v.storge || v.name != '')",
      '`spec.versions[]` has no field `storge` in CustomResourceDefinition (did you mean `storage`?)',
    ],
    ['CustomResourceDefinition', "object.spec.name.kind != ''", '`spec` has no field `name` in CustomResourceDefinition (did you mean `names`?)'],
    ['PolicyException', "object.spec.expireAt != ''", '`spec` has no field `expireAt` in PolicyException (did you mean `expiresAt`?)'],
    ['HorizontalPodAutoscaler', 'object.spec.maxReplica > 10', '`spec` has no field `maxReplica` in HorizontalPodAutoscaler (did you mean `maxReplicas`?)'],
    ['Scale', 'object.spec.replcas > 10', '`spec` has no field `replcas` in Scale (did you mean `replicas`?)'],
  ])('%s: %s', (kind, expression, message) => {
    const [group, version, resource] = KINDS[kind] ?? ['', '', '']
    const matchConstraints = { resourceRules: [{ apiGroups: [group], apiVersions: [version], resources: [resource], operations: ['CREATE', 'UPDATE'] }] }
    const [told = '', ...rest] = issuesOf(policy({ matchConstraints, validations: [{ name: 'a', expression, message: 'no' }] }))
    expect(told.split('\n')[0]).toBe(`spec.validations[0].expression: ${message}`)
    expect(rest).toEqual([])
  })
})

describe('the operator', () => {
  const name = 'schema-typo'
  const typo = policyOf(name, 'has(object.spec.hostNetwrok)', on('', 'v1', ['pods'], ['CREATE']))
  const WARNING = '`spec` has no field `hostNetwrok` in Pod (did you mean `hostNetwork`?)'
  const warnings = async (): Promise<readonly unknown[]> => listAt((await scene.plane.request('GET', pathOf(typo))).body, 'status', 'expressionWarnings')

  test(
    'tells of a misspelt field in the status, and at the next apply',
    async () => {
      await scene.put(typo)
      await scene.until('the warning', async () => (await warnings()).length > 0)
      expect(await warnings()).toEqual([{ fieldRef: 'spec.validations[0].expression', warning: WARNING }])
      const again = await scene.plane.kubectl(['apply', '--server-side', '--force-conflicts', '-f', '-'], {
        input: JSON.stringify({ ...typo, spec: { ...(isRecord(typo['spec']) ? typo['spec'] : {}), title: 'Another title' } }),
      })
      expect(again.stderr).toContain(`Warning: spec.validations[0].expression: ${WARNING}`)
      expect(again.code).toBe(0)
    },
    TEST_MS,
  )

  test(
    'takes the warning back when the field is mended',
    async () => {
      const mended = policyOf(name, 'has(object.spec.hostNetwork)', on('', 'v1', ['pods'], ['CREATE']))
      const { body } = await scene.plane.request('GET', pathOf(typo))
      await scene.put({ ...mended, metadata: { name, resourceVersion: at(body, 'metadata', 'resourceVersion') } }, { method: 'PUT' })
      await scene.until('no warning', async () => (await warnings()).length === 0)
      await scene.submit(mended, { method: 'DELETE' })
    },
    TEST_MS,
  )

  test(
    'judges custom resources by their definition, and by a changed one',
    async () => {
      const definition = (field: string): Json => ({
        apiVersion: 'apiextensions.k8s.io/v1',
        kind: 'CustomResourceDefinition',
        metadata: { name: 'gauges.schema.test' },
        spec: {
          group: 'schema.test',
          scope: 'Namespaced',
          names: { kind: 'Gauge', plural: 'gauges', singular: 'gauge' },
          versions: [
            {
              name: 'v1',
              served: true,
              storage: true,
              schema: { openAPIV3Schema: { type: 'object', properties: { spec: { type: 'object', properties: { [field]: { type: 'string' } } } } } },
            },
          ],
        },
      })
      const input = JSON.stringify(definition('colour'))
      expect((await scene.plane.kubectl(['apply', '-f', '-'], { input })).code).toBe(0)
      const gauges = policyOf('schema-gauges', "object.spec.color != ''", on('schema.test', 'v1', ['gauges'], ['CREATE']))
      const told = async (): Promise<readonly unknown[]> => listAt((await scene.plane.request('GET', pathOf(gauges))).body, 'status', 'expressionWarnings')
      await scene.put(gauges)
      await scene.until('the warning', async () => (await told()).length > 0)
      expect(await told()).toEqual([{ fieldRef: 'spec.validations[0].expression', warning: '`spec` has no field `color` in Gauge (did you mean `colour`?)' }])
      await scene.submit(gauges, { method: 'DELETE' })
      await scene.plane.kubectl(['delete', 'crd', 'gauges.schema.test'])
    },
    TEST_MS,
  )
})
