import { describe, expect, test } from '@jest/globals'
import { compilePolicy, conflictIssues } from '../../src/rules/index.ts'
import { on, policy, ruleSet } from '../doors/build.ts'

interface Wanted {
  readonly resource?: string
  readonly group?: string
  readonly operations?: readonly string[]
}

function issuesOf(patchType: string, expression: string, { resource = 'pods', group = '', operations = ['CREATE'] }: Wanted = {}): readonly string[] {
  const member = patchType === 'JSONPatch' ? { jsonPatch: { expression } } : { applyConfiguration: { expression } }
  const parsed = policy('p', { matchConstraints: on(resource, { group }), mutations: [{ name: 'm', patchType, operations, ...member }] })
  return compilePolicy(parsed).issues.map(({ code, severity, path, message }) => `${severity} ${code} ${path}: ${message}`)
}
const patchIssues = (expression: string, wanted?: Wanted) => issuesOf('JSONPatch', expression, wanted)
const applyIssues = (expression: string, wanted?: Wanted) => issuesOf('ApplyConfiguration', expression, wanted)
const step = (path: string, op = 'add') => `[JSONPatch{op: '${op}', path: ${path}, value: 'x'}]`

const ON_UPDATE = { operations: ['CREATE', 'UPDATE'] }
const forbidden = (message: string, member = 'jsonPatch') => [`error ForbiddenCorrection spec.mutations[0].${member}.expression: ${message}`]

describe('a mutation', () => {
  test.each<[string, readonly string[]]>([
    ['the name', patchIssues(step("'/metadata/name'"))],
    ['the namespace', patchIssues(step("'/metadata/namespace'", 'remove'))],
    ['an owner', patchIssues(step("'/metadata/ownerReferences/0/name'"))],
    ['owners at a place that is put together', patchIssues(step("'/metadata/ownerReferences/' + '0' + '/' + object.metadata.name"))],
    ['the status', patchIssues(step("'/status/phase'"))],
    ['the uid', patchIssues(step("'/metadata/uid'"))],
    ['the resource version', patchIssues(step("'/metadata/resourceVersion'"))],
    ['a name to be generated', patchIssues(step("'/metadata/generateName'"))],
    ['the time of creation', patchIssues(step("'/metadata/creationTimestamp'"))],
    ['where a move comes from', patchIssues("[JSONPatch{op: 'move', from: '/metadata/ownerReferences', path: '/metadata/annotations'}]")],
    ['what is copied onto the name', patchIssues("[JSONPatch{op: 'copy', from: '/metadata/labels/a', path: '/metadata/name'}]")],
    ['all metadata', patchIssues(step("'/metadata'"))],
    ['the kind', patchIssues(step("'/kind'"))],
  ])('may not write %s', (_what, issues) => {
    expect(issues.map((issue) => issue.replace(/`[^`]*`/, '…'))).toEqual(forbidden('… may not be corrected'))
  })

  test.each<[string, readonly string[], readonly string[]]>([
    [
      'the name by a configuration',
      applyIssues("Object{metadata: Object.metadata{name: 'x'}}"),
      forbidden('`/metadata/name` may not be corrected', 'applyConfiguration'),
    ],
    [
      'the status by a configuration',
      applyIssues("Object{status: Object.status{phase: 'x'}}"),
      forbidden('`/status/phase` may not be corrected', 'applyConfiguration'),
    ],
    ['the spec of a Pod on UPDATE', patchIssues(step("'/spec/hostname'"), ON_UPDATE), forbidden('`/spec/hostname` of `pods` cannot be changed on UPDATE')],
    [
      'the containers of a Pod on UPDATE by a configuration',
      applyIssues(
        "Object{spec: Object.spec{containers: object.spec.containers.map(c, Object.spec.containers{name: c.name, tty: true, image: 'x'})}}",
        ON_UPDATE,
      ),
      forbidden('`/spec/containers/tty` of `pods` cannot be changed on UPDATE', 'applyConfiguration'),
    ],
    [
      'the template of a Job on UPDATE',
      patchIssues(step("'/spec/template/spec/hostname'"), { ...ON_UPDATE, resource: 'jobs', group: 'batch' }),
      forbidden('`/spec/template/spec/hostname` of `jobs` cannot be changed on UPDATE'),
    ],
    [
      'the type of a Secret on UPDATE',
      patchIssues(step("'/type'"), { ...ON_UPDATE, resource: 'secrets' }),
      forbidden('`/type` of `secrets` cannot be changed on UPDATE'),
    ],
    [
      'the service name of a StatefulSet on UPDATE',
      patchIssues(step("'/spec/serviceName'"), { ...ON_UPDATE, resource: 'statefulsets', group: 'apps' }),
      forbidden('`/spec/serviceName` of `statefulsets` cannot be changed on UPDATE'),
    ],
    [
      'the access modes of a claim on UPDATE',
      patchIssues(step("'/spec/accessModes'"), { ...ON_UPDATE, resource: 'persistentvolumeclaims' }),
      forbidden('`/spec/accessModes` of `persistentvolumeclaims` cannot be changed on UPDATE'),
    ],
  ])('may not write %s', (_what, issues, expected) => {
    expect(issues).toEqual(expected)
  })

  test.each<[string, readonly string[]]>([
    ['labels of a Pod on UPDATE', patchIssues(step("'/metadata/labels/' + jsonpatch.escapeKey('a/b')"), ON_UPDATE)],
    [
      'the image of a container of a Pod on UPDATE',
      applyIssues("Object{spec: Object.spec{containers: object.spec.containers.map(c, Object.spec.containers{name: c.name, image: 'x'})}}", ON_UPDATE),
    ],
    ['an image at a place that is put together', patchIssues(step("'/spec/containers/' + string(0) + '/image'"), ON_UPDATE)],
    ['the spec of a Pod on CREATE', applyIssues('Object{spec: Object.spec{hostNetwork: false}}')],
    ['the template of a Deployment on UPDATE', patchIssues(step("'/spec/template/spec/hostname'"), { ...ON_UPDATE, resource: 'deployments', group: 'apps' })],
    ['the size of a claim on UPDATE', patchIssues(step("'/spec/resources/requests/storage'"), { ...ON_UPDATE, resource: 'persistentvolumeclaims' })],
    ['after a test of the name', patchIssues("[JSONPatch{op: 'test', path: '/metadata/name', value: 'x'}]")],
    ['at a place that only the object tells', patchIssues(step('object.data.path'))],
  ])('may write %s', (_what, issues) => {
    expect(issues).toEqual([])
  })

  test.each<[string, readonly string[]]>([
    ['of another type', applyIssues("[JSONPatch{op: 'add', path: '/a', value: 1}]")],
    ['that does not parse', patchIssues('[')],
    ['with a field that a step does not have', patchIssues("[JSONPatch{op: 'add', where: '/a'}]")],
  ])('%s is an issue', (_what, issues) => {
    expect(issues.length).toBe(1)
    expect(issues[0]).toContain('error InvalidExpression spec.mutations[0].')
  })

  test('that may not be applied is kept, and cannot be evaluated', () => {
    const { mutations } = compilePolicy(policy('p', { mutations: [{ name: 'm', patchType: 'JSONPatch', jsonPatch: { expression: step("'/status'") } }] }))
    expect(mutations.map(({ name, expression }) => [name, expression.ok])).toEqual([['m', false]])
  })
})

test('the words of mutations mean nothing in a rule', () => {
  const { issues } = compilePolicy(policy('p', { validations: [{ name: 'r', expression: 'Object{a: 1} == object' }] }))
  expect(issues.map(({ message }) => message)).toEqual(['`Object` is known in mutations only'])
})

describe('two policies that correct the same objects', () => {
  const patch = (path: string, value: string) => ({
    patchType: 'JSONPatch',
    jsonPatch: { expression: `[JSONPatch{op: 'add', path: '${path}', value: ${value}}]` },
  })
  const configuration = (value: string) => ({
    patchType: 'ApplyConfiguration',
    applyConfiguration: { expression: `Object{spec: Object.spec{priority: ${value}}}` },
  })
  const correcting = (name: string, mutation: object, spec: object = {}) =>
    policy(name, { matchConstraints: on('pods'), mutations: [mutation], enforcement: { environments: [{ name: 'prod', level: 'Correct' }] }, ...spec })
  function warnings(a: object, b: object, spec: object = {}): readonly string[] {
    const rules = ruleSet([correcting('a', a), correcting('b', b, spec)])
    return rules.policies
      .flatMap((one) => conflictIssues(one, rules))
      .map(({ severity, path, policy: name, message }) => `${severity} ${name} ${path}: ${message}`)
  }

  test('are both warned where they set one place to different values', () => {
    expect(warnings(patch('/spec/priority', '1'), configuration('2'))).toEqual([
      'warning a spec.mutations: policy `b` sets `/spec/priority` to another value; `b` has the last word',
      'warning b spec.mutations: policy `a` sets `/spec/priority` to another value; `b` has the last word',
    ])
  })

  test.each<[string, readonly string[]]>([
    ['they agree', warnings(patch('/spec/priority', '1'), configuration('1'))],
    ['they set different places', warnings(patch('/spec/priority', '1'), patch('/spec/hostname', "'x'"))],
    ['the value depends on the object', warnings(patch('/spec/priority', '1'), patch('/spec/priority', 'object.spec.priority'))],
    ['the place is in a list', warnings(patch('/spec/containers/0/image', "'x'"), patch('/spec/containers/0/image', "'y'"))],
    ['one has a condition', warnings(patch('/spec/priority', '1'), configuration('2'), { matchConditions: [{ name: 'c', expression: 'true' }] })],
    ['they are for different resources', warnings(patch('/spec/priority', '1'), configuration('2'), { matchConstraints: on('services') })],
    [
      'they do not correct in one environment',
      warnings(patch('/spec/priority', '1'), configuration('2'), { enforcement: { environments: [{ name: 'dev', level: 'Correct' }] } }),
    ],
  ])('are not where %s', (_why, told) => {
    expect(told).toEqual([])
  })
})
