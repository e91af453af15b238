import { describe, expect, test } from '@jest/globals'
import type { ContextDeclaration, KubernetesObject } from '../../src/api/index.ts'
import { type ContextReader, correct, type Decision, type EvaluationInput } from '../../src/decide/index.ts'
import { configMap, judge, namespaceObject, policy, requestOf, ruleSet } from '../doors/build.ts'
import { DIGEST_KEY, NOW } from '../doors/world.ts'

type Json = Readonly<Record<string, unknown>>

const MAPS = { name: 'maps', apiVersion: 'v1', kind: 'ConfigMap' }
const other = (data: Json, name = 'other'): KubernetesObject => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'tools' }, data })
const reasonFor = ({ name }: ContextDeclaration): string => `${name} is not there`

/** A reader that notes what it is asked, and knows of nothing else than these. */
function readerOf(known: Readonly<Record<string, readonly KubernetesObject[]>>) {
  const asked: string[] = []
  const read: ContextReader = (declaration, requestNamespace) => {
    asked.push(`${declaration.name} in ${requestNamespace}`)
    const objects = known[declaration.name]
    return objects === undefined ? { kind: 'unknown', reason: reasonFor(declaration) } : { kind: 'found', objects, resourceVersion: '42' }
  }
  return { asked, read }
}

const rulesOf = (expression: string, spec: Json = {}) =>
  ruleSet([policy('p', { severity: 'critical', context: [MAPS, { ...MAPS, name: 'more' }], validations: [{ name: 'r', expression }], ...spec })])
const judged = (expression: string, contexts: ContextReader, spec: Json = {}, data: Json = { a: '1' }): Decision =>
  judge(rulesOf(expression, spec), requestOf(configMap(data)), { contexts })
const told = ({ outcomes }: Decision) => outcomes.map((outcome) => (outcome.result === 'error' ? `${outcome.code}: ${outcome.message}` : outcome.result))

describe('context', () => {
  test('is gathered when an expression reads it, once for all of a policy, and the decision tells', () => {
    const { asked, read } = readerOf({ maps: [other({ a: '1' })], more: [] })
    const variables = [{ name: 'size', expression: 'size(context.maps)' }]
    const decision = judged('variables.size == 1 && size(context.maps) == 1', read, { variables })
    expect(told(decision)).toEqual(['pass'])
    expect(asked).toEqual(['maps in shop'])
    expect(decision.dependsOn.contexts).toEqual([{ policy: 'p', name: 'maps', kind: 'ConfigMap', namespace: '', count: 1, resourceVersion: '42' }])
  })

  test.each<[string, string, readonly string[]]>([
    ['read by a rule', 'size(context.maps) == 0', ['ContextUnknown: context `maps` could not be gathered: maps is not there']],
    ['read through a variable', 'variables.maps.all(m, false)', ['ContextUnknown: context `maps` could not be gathered: maps is not there']],
    ['asked for', 'has(context.maps)', ['ContextUnknown: context `maps` could not be gathered: maps is not there']],
    ['optional', 'context.?maps.orValue([]).size() == 0', ['ContextUnknown: context `maps` could not be gathered: maps is not there']],
    ['chosen', 'size(context.maps) == 0 ? true : true', ['ContextUnknown: context `maps` could not be gathered: maps is not there']],
    ['not needed for yes', "size(context.maps) == 0 || object.data.a == '1'", ['pass']],
    ['not needed for no', "size(context.maps) == 0 && object.data.a == '2'", ['fail']],
  ])('that is not known and %s is never empty', (_name, expression, outcomes) => {
    const variables = [{ name: 'maps', expression: 'context.maps' }]
    expect(told(judged(expression, readerOf({}).read, { variables }))).toEqual(outcomes)
  })

  test('that a door does not gather is not known', () => {
    const decision = judge(rulesOf('size(context.maps) == 0'), requestOf(configMap({})))
    expect(told(decision)).toEqual(['ContextUnknown: context `maps` could not be gathered: nothing is gathered here'])
    expect(decision.effect).toBe('deny')
  })

  test('that is not known and decides whether a policy applies is an error of all its rules', () => {
    const spec = { matchConditions: [{ name: 'some', expression: 'size(context.maps) > 0' }] }
    expect(told(judged('true', readerOf({}).read, spec))).toEqual([
      'ContextUnknown: match condition `some`: context `maps` could not be gathered: maps is not there',
    ])
  })
})

describe('values of context', () => {
  const findings = (decision: Decision) =>
    decision.outcomes.flatMap((outcome) => (outcome.result === 'fail' ? outcome.violation.findings.map(({ sentence }) => sentence) : []))

  test('are told as those of the object are: by name of the object, and no text that is on no list', () => {
    const { read } = readerOf({ maps: [other({ password: 'hunter2' }), other({ password: 'hunter3' }, 'third')] })
    expect(findings(judged('!context.maps.exists(m, m.data.password == object.data.a)', read, {}, { a: 'hunter3' }))).toEqual([
      'context.maps["tools/third"].data.password (a string of 7 characters, digest 2063e2) must differ from data.a',
    ])
  })

  test('are not told as keys that the object lacks', () => {
    const { read } = readerOf({ maps: [other({ password: 'hunter2' })] })
    expect(findings(judged("object.data[?context.maps[0].data.password].orValue('') == 'x'", read))).toEqual(['data has no key "…", must be "x"'])
    const error = told(judged('object.data[context.maps[0].data.password] == "x"', read)).join()
    expect(error).not.toContain('hunter2')
  })
})

test('the old object is judged with the same context, and what another object is to blame for is worse unless nothing changed', () => {
  const { asked, read } = readerOf({ maps: [other({ a: '1' })] })
  const rules = rulesOf('!context.maps.exists(m, m.data.a == object.data.a)')
  const update = (before: Json, after: Json, metadata: Json = {}) =>
    judge(rules, requestOf({ ...configMap(after, metadata), status: 1 }, { operation: 'UPDATE', oldObject: configMap(before) }), { contexts: read }).effect
  expect(update({ a: '1' }, { a: '1' })).toBe('warn')
  expect(asked).toEqual(['maps in shop'])
  expect(update({ a: '2' }, { a: '1' })).toBe('deny')
  expect(update({ a: '1' }, { a: '1' }, { labels: { x: 'y' } })).toBe('deny')
})

test('a correction that needs what is not known changes nothing, and says why', () => {
  const rules = rulesOf('true', {
    mutations: [{ name: 'm', patchType: 'JSONPatch', jsonPatch: { expression: "[JSONPatch{op: 'add', path: '/data/x', value: context.maps[0].data.a}]" } }],
    enforcement: { environments: [{ name: 'prod', level: 'Correct' }] },
  })
  const correctedWith = (contexts: ContextReader) => {
    const request = requestOf(configMap({ a: '1' }))
    const namespace = { kind: 'found', object: namespaceObject('shop') } as const
    const input: EvaluationInput = { request, lane: 'offline', namespace, params: () => ({ kind: 'missing' }), contexts, now: NOW, digestKey: DIGEST_KEY }
    const { patch, outcomes } = correct(rules, input)
    return { patch, reasons: outcomes.flatMap((outcome) => (outcome.kind === 'notCorrected' ? [outcome.reason] : [])) }
  }
  expect(correctedWith(readerOf({ maps: [other({ a: '7' })] }).read)).toEqual({ patch: [{ op: 'add', path: '/data/x', value: '7' }], reasons: [] })
  expect(correctedWith(readerOf({}).read)).toEqual({ patch: [], reasons: ['mutation `m`: context `maps` could not be gathered: maps is not there'] })
})
