import { describe, expect, test } from '@jest/globals'
import { describeIssue, fieldIssues, meetsNeed, readOpenApi, type SchemaCatalogue, schemaCatalogue, schemaNeeds } from '../../src/rules/index.ts'
import { on, policy } from '../doors/build.ts'
import { objectSchema, openApiDocument } from '../support/open-api.ts'

type Json = Readonly<Record<string, unknown>>

const TEXT = { type: 'string' }
const NUMBER = { type: 'integer' }
const template = objectSchema({ spec: objectSchema({ nodeName: TEXT }) })

function catalogueOf(...documents: readonly unknown[]): SchemaCatalogue {
  return schemaCatalogue(
    documents.flatMap((document) => {
      const read = readOpenApi(document)
      if (!read.ok) throw new Error(read.error)
      return read.value
    }),
  )
}

const APPS = openApiDocument('apps', 'v1', [
  { resource: 'deployments', kind: 'Deployment', fields: { spec: objectSchema({ replicas: NUMBER, template }) }, subResources: ['status'] },
  { resource: 'daemonsets', kind: 'DaemonSet', fields: { spec: objectSchema({ minReadySeconds: NUMBER, template }) } },
])
const CORE = openApiDocument('', 'v1', [{ resource: 'configmaps', kind: 'ConfigMap', fields: { data: { type: 'object', additionalProperties: TEXT } } }])
const WIDGETS = ['v1', 'v2'].map((version) =>
  openApiDocument('test.dev', version, [{ resource: 'widgets', kind: 'Widget', fields: { spec: objectSchema({ size: NUMBER, [`only${version}`]: TEXT }) } }]),
)
const CATALOGUE = catalogueOf(APPS, CORE, ...WIDGETS)

const servedVersions = (group: string, resource: string): readonly string[] | undefined => {
  const versions = CATALOGUE.versionsOf(group, resource)
  return versions.length === 0 ? undefined : versions
}

const apps = (...resources: readonly string[]): Json => ({
  resourceRules: resources.map((resource) => ({ apiGroups: ['apps'], apiVersions: ['v1'], resources: [resource], operations: ['CREATE'] })),
})
const DEPLOYMENTS = apps('deployments')
const BOTH = apps('deployments', 'daemonsets')

const told = (spec: Json): readonly string[] =>
  fieldIssues(policy('p', { matchConstraints: DEPLOYMENTS, ...spec }), CATALOGUE, servedVersions).map(({ path, message }) => `${path}: ${message}`)
const oneCheck = (expression: string, spec: Json = {}): readonly string[] => told({ validations: [{ expression }], ...spec })

describe('a misspelt field is told in every expression of a policy', () => {
  const WRONG = 'object.spec.replica'
  const MESSAGE = '`spec` has no field `replica` in Deployment (did you mean `replicas`?)'

  test.each<[string, Json, string]>([
    ['match condition', { matchConditions: [{ name: 'a', expression: `${WRONG} > 1` }] }, 'spec.matchConditions[0].expression'],
    ['variable', { variables: [{ name: 'a', expression: WRONG }] }, 'spec.variables[0].expression'],
    ['validation', { validations: [{ expression: `${WRONG} > 1` }] }, 'spec.validations[0].expression'],
    ['message', { validations: [{ expression: 'false', messageExpression: `string(${WRONG})` }] }, 'spec.validations[0].messageExpression'],
    ['audit annotation', { auditAnnotations: [{ key: 'a', valueExpression: `string(${WRONG})` }] }, 'spec.auditAnnotations[0].valueExpression'],
  ])('%s', (_name, spec, path) => {
    expect(told(spec)).toEqual([`${path}: ${MESSAGE}`])
  })

  test('through a variable', () => {
    const spec = { variables: [{ name: 'pod', expression: 'object.spec.template.spec' }], validations: [{ expression: "variables.pod.nodName == ''" }] }
    expect(told(spec)).toEqual(['spec.validations[0].expression: `spec.template.spec` has no field `nodName` in Deployment (did you mean `nodeName`?)'])
  })

  test('of the old object, of parameters and of a subresource', () => {
    const paramKind = { apiVersion: 'v1', kind: 'ConfigMap' }
    const paramRef = { name: 'limits', namespace: 'shop', parameterNotFoundAction: 'Deny' }
    expect(oneCheck('oldObject.spec.replica == 1')).toEqual([
      'spec.validations[0].expression: `oldObject.spec` has no field `replica` in Deployment (did you mean `replicas`?)',
    ])
    expect(oneCheck("params.date.max == '1'", { paramKind, paramRef })).toEqual([
      'spec.validations[0].expression: `params` has no field `date` in ConfigMap (did you mean `data`?)',
    ])
    expect(oneCheck(`${WRONG} == 1`, { matchConstraints: apps('deployments/status') })).toEqual([`spec.validations[0].expression: ${MESSAGE}`])
  })

  test('of context, once for all kinds', () => {
    const spec = { context: [{ name: 'maps', apiVersion: 'v1', kind: 'ConfigMap' }], matchConstraints: BOTH }
    expect(oneCheck("context.maps.exists(m, m.date.max == '1')", spec)).toEqual([
      'spec.validations[0].expression: `context.maps[]` has no field `date` in ConfigMap (did you mean `data`?)',
    ])
    expect(oneCheck("context.maps.filter(m, m.metadata.name == 'a').all(m, m.data.max == '1')", spec)).toEqual([])
  })

  test('with its place', () => {
    const [issue] = fieldIssues(
      policy('p', { matchConstraints: DEPLOYMENTS, validations: [{ expression: 'object.spec.replica > 1' }] }),
      CATALOGUE,
      servedVersions,
    )
    expect(issue).toMatchObject({ code: 'UnknownField', severity: 'warning', policy: 'p' })
    expect(issue === undefined ? '' : describeIssue(issue)).toBe(
      [`spec.validations[0].expression: ${MESSAGE}`, ' | object.spec.replica > 1', ' | ............^'].join('\n'),
    )
  })
})

describe('of several kinds', () => {
  test.each<[string, string, readonly string[]]>([
    [
      'a field that none has is told, tested or not',
      'has(object.spec.replicaz)',
      ['`spec` has no field `replicaz` in Deployment (did you mean `replicas`?)', '`spec` has no field `replicaz` in DaemonSet'],
    ],
    [
      'a field that all lack alike is told once',
      'object.spec.template.spec.nodName == ""',
      ['`spec.template.spec` has no field `nodName` in Deployment, DaemonSet (did you mean `nodeName`?)'],
    ],
    ['a field that only some have is told where it is relied on', 'object.spec.replicas > 1', ['`spec` has no field `replicas` in DaemonSet']],
    ['a field that only some have may be asked for', 'has(object.spec.replicas) && object.spec.replicas > 1', []],
    ['a field that only some have may be optional', 'object.spec.?replicas.orValue(1) > 1', []],
    ['a field that only some have may be behind an optional', 'object.?spec.replicas.orValue(1) > 1', []],
    ['a field that only some have may follow a look at the kind', "object.kind == 'DaemonSet' || object.spec.replicas > 1", []],
  ])('%s', (_name, expression, messages) => {
    expect(oneCheck(expression, { matchConstraints: BOTH })).toEqual(messages.map((message) => `spec.validations[0].expression: ${message}`))
  })

  test('versions are told apart', () => {
    const matchConstraints = { ...on('widgets', { group: 'test.dev', version: '*' }) }
    expect(oneCheck("object.spec.onlyv1 == ''", { matchConstraints })).toEqual([
      'spec.validations[0].expression: `spec` has no field `onlyv1` in Widget of test.dev/v2 (did you mean `onlyv2`?)',
    ])
    expect(oneCheck('object.spec.sise == 1', { matchConstraints })).toEqual([
      'spec.validations[0].expression: `spec` has no field `sise` in Widget of test.dev/v1, Widget of test.dev/v2 (did you mean `size`?)',
    ])
  })
})

describe('nothing is told', () => {
  test.each<[string, Json]>([
    ['of every kind', { resourceRules: [{ apiGroups: ['*'], apiVersions: ['*'], resources: ['*'], operations: ['CREATE'] }] }],
    ['of every resource of a group', { resourceRules: [{ apiGroups: ['apps'], apiVersions: ['v1'], resources: ['*'], operations: ['CREATE'] }] }],
    ['of a kind whose schema is not known', apps('statefulsets')],
    ['of fields that are asked for where some kinds are not known', apps('deployments', '*')],
  ])('%s', (_name, matchConstraints) => {
    expect(oneCheck('has(object.spec.nope)', { matchConstraints })).toEqual([])
  })

  test('of an expression that does not parse', () => {
    expect(oneCheck('object.spec.replica >')).toEqual([])
  })
})

test('a policy needs the schemas of what it names, of its parameters and of its context', () => {
  const spec = {
    matchConstraints: apps('deployments', 'deployments/scale', '*'),
    paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
    context: [{ name: 'c', apiVersion: 'test.dev/v1', kind: 'Widget' }],
  }
  const needs = schemaNeeds(policy('p', { ...spec, paramRef: { name: 'a', namespace: 'b', parameterNotFoundAction: 'Deny' } }), servedVersions)
  expect(needs).toEqual([
    { group: 'apps', version: 'v1', resource: 'deployments' },
    { group: 'apps', version: 'v1', resource: 'deployments/scale' },
    { group: '', version: 'v1', kind: 'ConfigMap' },
    { group: 'test.dev', version: 'v1', kind: 'Widget' },
  ])
  const resource = { group: 'apps', version: 'v1', resource: 'deployments', kind: 'Deployment' }
  expect(needs.map((need) => meetsNeed(need, resource))).toEqual([true, false, false, false])
  expect(needs.map((need) => meetsNeed(need, { group: '', version: 'v1', resource: 'configmaps', kind: 'ConfigMap' }))).toEqual([false, false, true, false])
})

describe('an OpenAPI document', () => {
  test('gives what is wanted and keeps only what that refers to', () => {
    const read = readOpenApi(APPS, ({ resource }) => resource === 'deployments')
    expect(read.ok ? read.value.map(({ group, version, resource, object }) => [group, version, resource, object.kind]) : read.error).toEqual([
      ['apps', 'v1', 'deployments', 'Deployment'],
    ])
    const [found] = read.ok ? read.value : []
    expect(found?.object.lookup('#/components/schemas/test.ObjectMeta')).toEqual({
      type: 'object',
      properties: { name: TEXT, namespace: TEXT, labels: { type: 'object', additionalProperties: TEXT } },
    })
    expect(found?.object.lookup('#/components/schemas/test.v1.DaemonSet')).toBeUndefined()
  })

  test.each<[string, unknown]>([
    ['nothing', null],
    ['a list of documents', { paths: {} }],
    ['an older version', { openapi: '2.0', swagger: '2.0' }],
  ])('%s is none', (_name, document) => {
    expect(readOpenApi(document)).toEqual({ ok: false, error: 'not an OpenAPI v3 document' })
  })

  test.each<[string, unknown]>([
    ['without paths', { openapi: '3.0.0' }],
    ['with paths that are none', { openapi: '3.0.0', paths: { '/api/v1/pods': 3, '/': {}, '/apis/a/b/c/d/e/f': { post: {} } } }],
    [
      'with kinds that are none',
      { openapi: '3.0.0', paths: { '/api/v1/pods': { post: { 'x-kubernetes-group-version-kind': [] } } }, components: { schemas: [] } },
    ],
  ])('%s has no resources', (_name, document) => {
    expect(readOpenApi(document)).toEqual({ ok: true, value: [] })
  })

  test('may be as deep as it likes', () => {
    let schema: Json = objectSchema({ a: TEXT })
    for (let depth = 0; depth < 5000; depth += 1) schema = objectSchema({ a: schema })
    const read = readOpenApi(openApiDocument('', 'v1', [{ resource: 'deeps', kind: 'Deep', fields: { spec: schema } }]))
    expect(read.ok && read.value.length).toBe(1)
  })
})

describe('a misspelt field that a mutation writes is told', () => {
  const jsonPatch = (path: string): Json => ({
    mutations: [{ name: 'm', patchType: 'JSONPatch', jsonPatch: { expression: `[JSONPatch{op: 'add', path: ${path}, value: 1}]` } }],
  })
  const apply = (expression: string): Json => ({ mutations: [{ name: 'm', patchType: 'ApplyConfiguration', applyConfiguration: { expression } }] })
  const PATCH = 'spec.mutations[0].jsonPatch.expression'
  const APPLY = 'spec.mutations[0].applyConfiguration.expression'

  test.each<[string, Json, readonly string[]]>([
    ['a field of a JSON patch', jsonPatch("'/spec/replica'"), [`${PATCH}: \`spec\` has no field \`replica\` in Deployment (did you mean \`replicas\`?)`]],
    [
      'a field on the way',
      jsonPatch("'/spec/templat/spec/nodeName'"),
      [`${PATCH}: \`spec\` has no field \`templat\` in Deployment (did you mean \`template\`?)`],
    ],
    ['a field below a number', jsonPatch("'/spec/replicas/x'"), [`${PATCH}: \`spec.replicas\` is of type integer and has no field \`x\` in Deployment`]],
    [
      'a field of a configuration',
      apply('Object{spec: Object.spec{replica: 1}}'),
      [`${APPLY}: \`spec\` has no field \`replica\` in Deployment (did you mean \`replicas\`?)`],
    ],
    [
      'a field that it reads',
      apply('Object{spec: Object.spec{replicas: object.spec.replica}}'),
      [`${APPLY}: \`spec\` has no field \`replica\` in Deployment (did you mean \`replicas\`?)`],
    ],
    ['not a field that is there', jsonPatch("'/spec/template/spec/nodeName'"), []],
    ['not a label', jsonPatch("'/metadata/labels/a~1b'"), []],
    ['not a place that only the object tells', jsonPatch("'/spec/' + object.metadata.name"), []],
  ])('%s', (_name, spec, expected) => {
    expect(told(spec)).toEqual(expected)
  })
})
