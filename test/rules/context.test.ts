import { describe, expect, test } from '@jest/globals'
import { compilePolicy, describeIssue } from '../../src/rules/index.ts'
import { policy } from '../doors/build.ts'

type Json = Readonly<Record<string, unknown>>

const MAPS = { name: 'maps', apiVersion: 'v1', kind: 'ConfigMap' }
const issuesOf = (spec: Json): readonly string[] => compilePolicy(policy('p', { context: [MAPS], ...spec })).issues.map((issue) => describeIssue(issue))

describe('what a policy declares as context', () => {
  const READS = 'size(context.maps) > 0'

  test.each<[string, Json]>([
    ['a validation', { validations: [{ expression: READS }] }],
    ['a message', { validations: [{ expression: 'true', messageExpression: 'string(context.maps[0].metadata.name)' }] }],
    ['a match condition', { matchConditions: [{ name: 'a', expression: READS }] }],
    ['a variable', { variables: [{ name: 'a', expression: 'context.maps' }], validations: [{ expression: 'variables.a.all(m, m.data.x == "1")' }] }],
    ['a mutation', { mutations: [{ patchType: 'JSONPatch', jsonPatch: { expression: `${READS} ? [] : [JSONPatch{op: "add", path: "/data", value: {}}]` } }] }],
    ['an optional step', { validations: [{ expression: 'context.?maps.orValue([]).size() > 0' }] }],
    ['a macro whose variable hides the name', { validations: [{ expression: `${READS} && [{"maps": 1}].all(context, context.maps == 1)` }] }],
  ])('may be read by %s', (_name, spec) => {
    expect(issuesOf(spec)).toEqual([])
  })

  test('is a list of objects whose fields are not known', () => {
    expect(issuesOf({ validations: [{ expression: 'context.maps.metadata.name == "a"' }] })).toEqual([
      'spec.validations[0].expression: a value of type list(dyn) has no fields\n | context.maps.metadata.name == "a"\n | .............^',
    ])
  })

  test('is told where no expression reads it', () => {
    expect(compilePolicy(policy('p', { context: [{ ...MAPS, name: 'used' }, MAPS], validations: [{ expression: 'size(context.used) > 0' }] })).issues).toEqual([
      { code: 'UnusedContext', severity: 'warning', policy: 'p', path: 'spec.context[1]', message: 'no expression reads `context.maps`' },
    ])
  })
})

describe('what a policy does not declare', () => {
  test('is told with what it does', () => {
    expect(issuesOf({ validations: [{ expression: 'size(context.map) > 0' }] })).toEqual([
      'spec.validations[0].expression: `context` has no `map` (did you mean `maps`?)\n | size(context.map) > 0\n | .............^',
    ])
  })

  test('is told with the field that would declare it', () => {
    expect(issuesOf({ context: [], validations: [{ expression: 'size(context.maps) > 0' }] })).toEqual([
      'spec.validations[0].expression: `context` is not declared (declare it in `spec.context`)\n | size(context.maps) > 0\n | .....^',
    ])
  })
})
