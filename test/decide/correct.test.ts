import { describe, expect, test } from '@jest/globals'
import { isKubernetesObject, parsePolicyException } from '../../src/api/index.ts'
import { type Correction, type CorrectionOutcome, correct, decide } from '../../src/decide/index.ts'
import { toCorrectionRecord, toCorrectionWarnings, toDecisionRecord, toDenialMessage, toWarnings } from '../../src/evidence/index.ts'
import { assembleRuleSet, compileException, sealStamp, specDigestOf } from '../../src/rules/index.ts'
import type { Json } from '../api/resources.ts'
import { type Attempt, correctingPolicy, correctWith, inputFor, ruleSetOf } from '../mutations/ours.ts'

const configMap = (data: Json, metadata: Json = {}): Json => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'a', namespace: 'shop', ...metadata },
  data,
})
const pod = (spec: Json, metadata: Json = {}): Json => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'x', namespace: 'shop', ...metadata }, spec })
const set = (path: string, value: string, more: Json = {}): Json => ({
  name: 'set',
  patchType: 'JSONPatch',
  jsonPatch: { expression: `[JSONPatch{op: 'add', path: '${path}', value: ${value}}]` },
  ...more,
})
const onConfigMaps = (name: string, mutation: Json, spec: Json = {}): Json => correctingPolicy(name, 'ConfigMap', [mutation], spec)

function line(outcome: CorrectionOutcome): string {
  switch (outcome.kind) {
    case 'corrected':
      return `${outcome.policy.name} corrected ${outcome.paths.join(' ')}${outcome.diverges ? ' diverges' : ''}`
    case 'notCorrected':
      return `${outcome.policy.name} not: ${outcome.reason}`
    case 'conflict':
      return `${outcome.policy.name} against ${outcome.by.name} at ${outcome.path}`
  }
}
const told = ({ outcomes }: Correction): readonly string[] => outcomes.map(line)

describe('a correction', () => {
  const both = (operations: readonly string[]): Json => onConfigMaps('p', set('/data/x', "'1'", { operations }))
  test.each<[string, Json, Attempt, readonly string[]]>([
    ['is made at creation', both(['CREATE']), { object: configMap({}) }, ['p corrected /data/x']],
    ['says nothing where nothing is wrong', both(['CREATE']), { object: configMap({ x: '1' }) }, []],
    ['is not made at operations that the mutation does not name', both(['CREATE']), { object: configMap({ x: '2' }), oldObject: configMap({ x: '1' }) }, []],
    [
      'is made at an update of what it is about',
      both(['UPDATE']),
      { object: configMap({ x: '2' }), oldObject: configMap({ x: '1' }) },
      ['p corrected /data/x'],
    ],
    ['is not made at an update of something else', both(['UPDATE']), { object: configMap({ x: '2', y: '1' }), oldObject: configMap({ x: '2' }) }, []],
    [
      'is not made of what is going away',
      both(['UPDATE']),
      {
        object: configMap({ x: '2' }, { deletionTimestamp: '2026-01-01T00:00:00Z' }),
        oldObject: configMap({ x: '1' }, { deletionTimestamp: '2026-01-01T00:00:00Z' }),
      },
      [],
    ],
    [
      'is not made below level Correct',
      onConfigMaps('p', set('/data/x', "'1'"), { enforcement: { environments: [{ name: 'prod', level: 'Deny' }] } }),
      { object: configMap({}) },
      [],
    ],
    [
      'is not made by a policy for the scan alone',
      onConfigMaps('p', set('/data/x', "'1'"), { evaluation: { admission: false } }),
      { object: configMap({}) },
      [],
    ],
    [
      'is made where the environment is not known and some environment has level Correct',
      onConfigMaps('p', set('/data/x', "'1'"), { enforcement: { environments: [{ name: 'dev', level: 'Correct' }] } }),
      { object: configMap({}), namespaceLabels: { 'bylaw.dev/environment': 'nowhere' } },
      ['p corrected /data/x'],
    ],
    [
      'is not made where a match condition is false',
      onConfigMaps('p', set('/data/x', "'1'"), { matchConditions: [{ name: 'never', expression: 'false' }] }),
      { object: configMap({}) },
      [],
    ],
    [
      'is not made where a match condition fails, and that is told',
      onConfigMaps('p', set('/data/x', "'1'"), { matchConditions: [{ name: 'broken', expression: "object.data.no == ''" }] }),
      { object: configMap({}) },
      ['p not: match condition `broken`: no such key: no'],
    ],
    [
      'that its expression cannot make is told',
      onConfigMaps('p', set('/data/x', 'object.data.no')),
      { object: configMap({}) },
      ['p not: mutation `set`: no such key: no'],
    ],
    [
      'of a path that is put together is refused when it turns out to be the name',
      onConfigMaps('p', { ...set('/', "'1'"), jsonPatch: { expression: "[JSONPatch{op: 'add', path: object.data.path, value: 'other'}]" } }),
      { object: configMap({ path: '/metadata/name' }) },
      ['p not: `/metadata/name` may not be corrected'],
    ],
    [
      'of what cannot change is told at an update that touches it',
      correctingPolicy('p', 'Pod', [
        {
          patchType: 'JSONPatch',
          operations: ['UPDATE'],
          jsonPatch: { expression: "[JSONPatch{op: 'add', path: '/' + 'spec' + '/' + object.metadata.name, value: 1}]" },
        },
      ]),
      { object: pod({ x: 2 }), oldObject: pod({ x: 3 }) },
      ['p not: `/spec/x` of `pods` cannot be changed on UPDATE'],
    ],
    [
      'of the image of a container is made at an update that sets it',
      correctingPolicy('p', 'Pod', [
        {
          patchType: 'ApplyConfiguration',
          operations: ['UPDATE'],
          applyConfiguration: {
            expression: "Object{spec: Object.spec{containers: object.spec.containers.map(c, Object.spec.containers{name: c.name, image: 'mirror/a:2'})}}",
          },
        },
      ]),
      { object: pod({ containers: [{ name: 'a', image: 'a:2' }] }), oldObject: pod({ containers: [{ name: 'a', image: 'a:1' }] }) },
      ['p corrected /spec/containers/0/image'],
    ],
    [
      'of what cannot change is not told at an update of something else',
      correctingPolicy('p', 'Pod', [
        {
          patchType: 'JSONPatch',
          operations: ['UPDATE'],
          jsonPatch: { expression: "[JSONPatch{op: 'add', path: '/' + 'spec' + '/' + object.metadata.name, value: 1}]" },
        },
      ]),
      { object: pod({ x: 2 }, { labels: { a: 'b' } }), oldObject: pod({ x: 2 }) },
      [],
    ],
    [
      'that would go on and on is told',
      onConfigMaps('p', set('/data/x', "object.data.x + '!'")),
      { object: configMap({ x: '1' }) },
      ['p corrected /data/x diverges'],
    ],
    [
      'that a match condition keeps from being made again does not diverge',
      onConfigMaps('p', set('/data/x', "object.data.x + '!'"), { matchConditions: [{ name: 'once', expression: "!object.data.x.endsWith('!')" }] }),
      { object: configMap({ x: '1' }) },
      ['p corrected /data/x'],
    ],
  ])('%s', (_name, policy, attempt, expected) => {
    expect(told(correctWith([policy], attempt))).toEqual(expected)
  })

  test('is the smallest patch that makes the corrected object', () => {
    const { patch } = correctWith([onConfigMaps('p', set('/data', "{'x': '1', 'y': '2'}"))], { object: configMap({ x: '1' }) })
    expect(patch).toEqual([{ op: 'add', path: '/data/y', value: '2' }])
  })

  test('by two policies that disagree names both, and the later name has the last word', () => {
    // The more severe one comes first elsewhere.
    const policies = [onConfigMaps('b', set('/data/x', "'b'"), { severity: 'critical' }), onConfigMaps('a', set('/data/x', "'a'"))]
    const correction = correctWith(policies, { object: configMap({}) })
    expect(told(correction)).toEqual(['a corrected /data/x', 'b corrected /data/x', 'a against b at /data/x'])
    expect(correction.patch).toEqual([{ op: 'add', path: '/data/x', value: 'b' }])
    expect(toCorrectionWarnings(correction)).toContain('a and b disagree about /data/x: b has the last word')
  })

  test('by two policies that agree is no conflict', () => {
    const policies = [onConfigMaps('b', set('/data/x', "'1'")), onConfigMaps('a', set('/data/x', "'1'"))]
    expect(told(correctWith(policies, { object: configMap({}) }))).toEqual(['a corrected /data/x'])
  })

  test('is written down with digests in place of objects', () => {
    const object = configMap({ secret: 'hush' })
    const correction = correctWith([onConfigMaps('p', set('/data/x', 'object.data.secret'))], { object })
    const record = toCorrectionRecord(correction, 'c-1', isKubernetesObject(object) ? object : null)
    expect(record).toMatchObject({
      schemaVersion: 1,
      id: 'c-1',
      environment: 'prod',
      paths: ['/data/x'],
      outcomes: [{ kind: 'corrected', policy: 'p', paths: ['/data/x'] }],
    })
    expect(record.before).not.toBe(record.after)
    expect(JSON.stringify(record)).not.toContain('hush')
  })

  test('is the same for equal input, and leaves its input as it was', () => {
    const policies = [onConfigMaps('p', set('/data/x', "'1'"))]
    const object = configMap({ y: '1' })
    expect(correctWith(policies, { object })).toEqual(correctWith(policies, { object: configMap({ y: '1' }) }))
    expect(object).toEqual(configMap({ y: '1' }))
  })
})

describe('an exception', () => {
  const KEY = 'key'
  function rulesWith(rules: readonly string[]) {
    const value = {
      apiVersion: 'bylaw.dev/v1',
      kind: 'PolicyException',
      metadata: { name: 'e', namespace: 'shop' },
      spec: {
        policies: [{ name: 'p', rules }],
        match: { resources: [{ kinds: ['ConfigMap'], names: ['a*'] }] },
        reason: 'old',
        owner: { team: 'shop', contact: '#shop' },
        expiresAt: '2026-06-02T00:00:00Z',
      },
    }
    const parsed = parsePolicyException(value)
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.error))
    const exception = parsed.value
    const stamp = {
      approver: 'bob',
      approvedAt: '2026-06-01T00:00:00Z',
      specDigest: specDigestOf(exception),
      namespace: 'shop',
      name: 'e',
      via: 'approve',
    } as const
    const object = { ...value, metadata: { ...value.metadata, annotations: { 'bylaw.dev/approval': sealStamp(stamp, KEY) } } }
    const { compiled } = compileException(exception, object, { approvalKey: KEY, ownNamespace: 'bylaw-system' })
    const policy = onConfigMaps('p', set('/data/x', "'1'"), { validations: [{ name: 'has', expression: "'x' in object.data" }] })
    const { policies, profile } = ruleSetOf([policy])
    return assembleRuleSet({ policies, profile, exceptions: [compiled] })
  }

  test.each<[string, readonly string[], number]>([
    ['from all of a policy waives its corrections', ['*'], 0],
    ['from every rule of a policy does too', ['has'], 0],
    ['from a mutation waives that mutation', ['set'], 0],
    ['from another rule does not', ['other'], 1],
  ])('%s', (_name, rules, expected) => {
    expect(correct(rulesWith(rules), inputFor({ object: configMap({}) })).outcomes.length).toBe(expected)
  })

  test('reaches an object whose name is yet to be made by what the name will begin with', () => {
    const object = { ...configMap({}), metadata: { generateName: 'a-', namespace: 'shop' } }
    expect(correct(rulesWith(['*']), inputFor({ object })).outcomes).toEqual([])
    const other = { ...configMap({}), metadata: { generateName: 'b-', namespace: 'shop' } }
    expect(correct(rulesWith(['*']), inputFor({ object: other })).outcomes.length).toBe(1)
  })
})

describe('the suggested fix', () => {
  const rule = { validations: [{ name: 'has', expression: "'x' in object.data", message: 'x is missing' }] }
  const decisionOf = (policy: Json, attempt: Attempt) => decide(ruleSetOf([policy]), inputFor(attempt))

  test('is told to whoever is refused, short in the message and whole in the record', () => {
    const long = 'y'.repeat(300)
    const decision = decisionOf(onConfigMaps('p', set('/data/x', `'${long}'`), { ...rule, enforcement: { environments: [{ name: 'prod', level: 'Deny' }] } }), {
      object: configMap({}),
    })
    const line = toDenialMessage(decision, 'd')
      .split('\n')
      .find((text) => text.includes('suggested patch: '))
    expect(line?.trim().length).toBe('suggested patch: '.length + 200)
    expect(toDecisionRecord(decision).outcomes[0]?.suggestion).toEqual({ patch: [{ op: 'add', path: '/data/x', value: long }] })
  })

  test('shows no value of the object that may not be shown', () => {
    const decision = decisionOf(
      onConfigMaps('p', set('/data/x', 'object.data.y'), { ...rule, enforcement: { environments: [{ name: 'prod', level: 'Warn' }] } }),
      {
        object: configMap({ y: 'hush-hush' }),
      },
    )
    const record = JSON.stringify(toDecisionRecord(decision))
    expect(record).toContain('/data/x')
    expect(record).not.toContain('hush-hush')
  })

  test('is left out where it would not help', () => {
    const decision = decisionOf(onConfigMaps('p', set('/data/z', "'1'"), { ...rule, enforcement: { environments: [{ name: 'prod', level: 'Deny' }] } }), {
      object: configMap({}),
    })
    expect(toDenialMessage(decision, 'd')).not.toContain('suggested patch')
  })

  test('gives way to the reason where a policy at level Correct could not correct', () => {
    const decision = decisionOf(onConfigMaps('p', set('/data/x', 'object.data.no'), rule), { object: configMap({}) })
    expect(decision.effect).toBe('deny')
    expect(toDenialMessage(decision, 'd')).toContain('could not be corrected: mutation `set`: no such key: no')
  })
})

describe('a pod template at level Correct', () => {
  const mutation = { name: 'm', patchType: 'ApplyConfiguration', applyConfiguration: { expression: 'Object{spec: Object.spec{hostNetwork: false}}' } }
  const policy = (more: Json = {}): Json =>
    correctingPolicy('p', 'Pod', [{ ...mutation, ...more }], {
      validations: [{ name: 'own', expression: 'object.spec.?hostNetwork.orValue(true) == false', message: 'no' }],
    })
  const deployment = (spec: Json, metadata: Json = {}): Json => ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'shop', ...metadata },
    spec: { template: { metadata: { labels: { app: 'web' } }, spec } },
  })

  test('is judged as its Pods will be, stays as it is, and whoever wrote it is told', () => {
    const attempt = { object: deployment({ hostNetwork: true }) }
    const decision = decide(ruleSetOf([policy()]), inputFor(attempt))
    expect(decision.outcomes.map(({ result }) => result)).toEqual(['pass'])
    expect(toWarnings(decision)).toEqual([
      'p: corrects the Pods when they are made, not this template; suggested patch: replace /spec/template/spec/hostNetwork false',
    ])
    expect(correctWith([policy()], attempt).patch).toEqual([])
  })

  test('is told of at an update only where the template changed', () => {
    const attempt = { object: deployment({ hostNetwork: true }, { labels: { a: 'b' } }), oldObject: deployment({ hostNetwork: true }) }
    const decision = decide(ruleSetOf([policy()]), inputFor(attempt))
    expect({ effect: decision.effect, warnings: toWarnings(decision) }).toEqual({ effect: 'allow', warnings: [] })
  })

  test('that a controller writes is told of at its owner alone', () => {
    const metadata = { ownerReferences: [{ apiVersion: 'apps/v1', kind: 'Deployment', name: 'web', uid: 'u', controller: true }] }
    const input = inputFor({ object: { ...deployment({}, metadata), kind: 'ReplicaSet' } })
    const by = (username: string) => decide(ruleSetOf([policy()]), { ...input, request: { ...input.request, userInfo: { username, groups: [] } } })
    expect(toWarnings(by('system:serviceaccount:kube-system:deployment-controller'))).toEqual([])
    expect(toWarnings(by('alice')).length).toBe(1)
  })

  test('is written where the mutation asks for that', () => {
    const { patch } = correctWith([policy({ templates: 'Apply' })], { object: deployment({}) })
    expect(patch).toEqual([{ op: 'add', path: '/spec/template/spec/hostNetwork', value: false }])
  })

  test('that its mutations cannot correct is judged as it is', () => {
    const broken = policy({ applyConfiguration: { expression: 'Object{spec: Object.spec{hostNetwork: object.spec.no}}' } })
    const decision = decide(ruleSetOf([broken]), inputFor({ object: deployment({}) }))
    expect(decision.effect).toBe('deny')
    expect(toDenialMessage(decision, 'd')).toContain('could not be corrected: mutation `m`: no such key: no')
  })
})
