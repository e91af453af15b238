import { describe, expect, test } from '@jest/globals'
import type { RuleOutcome } from '../../src/decide/index.ts'
import { assembleRuleSet, compileGlob, compilePolicy } from '../../src/rules/index.ts'
import { configMap, judge, on, policy, profile, requestOf } from '../doors/build.ts'
import { type ExceptionOptions, exceptionOf } from './exceptions.ts'

type Json = Readonly<Record<string, unknown>>

const APPROVED = { approvedAt: '2026-06-01T00:00:00Z' }

const rulesWith = (exceptions: readonly ExceptionOptions[], spec: Json = {}) =>
  assembleRuleSet({
    policies: [compilePolicy(policy('p', { matchConstraints: on('*', { operations: ['*'] }), podTemplates: 'Ignore', ...spec }))],
    profile: profile({}),
    exceptions: exceptions.map((options) => exceptionOf({ ...APPROVED, ...options })),
  })

/** The exception that waives, or why none does. */
function verdict(outcome: RuleOutcome | undefined): string {
  if (outcome?.result !== 'fail' && outcome?.result !== 'error') return outcome?.result ?? 'nothing'
  return outcome.waivedBy ?? outcome.exceptionNotes.join('; ').replace('exception `shop/e` does not count: ', '')
}

const resources = (kinds: readonly string[], names: readonly string[]): Json => ({ resources: [{ kinds, names }] })

describe('a pattern', () => {
  test.each<[string, string, boolean]>([
    ['a', 'a', true],
    ['a', 'ab', false],
    ['a*', 'a', true],
    ['a*', 'abc', true],
    ['*c', 'abc', true],
    ['a*a', 'a', false],
    ['a*a', 'aa', true],
    ['a*b*c', 'a-b-c', true],
    ['a*b*c', 'a-c-b', false],
    ['*ab*ab*', 'ab', false],
    ['**', '', true],
    ['a.c', 'abc', false],
    ['registry.example/*:1', 'registry.example/team/app:1', true],
  ])('%s on %s', (pattern, text, fits) => {
    expect(compileGlob(pattern)(text)).toBe(fits)
  })

  test('takes no time that grows faster than the text', () => {
    const fits = compileGlob(`${'*a'.repeat(100)}b`)
    const startMs = performance.now()
    expect(fits('a'.repeat(100_000))).toBe(false)
    expect(performance.now() - startMs).toBeLessThan(1000)
  })
})

describe('the object', () => {
  const of = (match: Json, object: Json = configMap(), changes: Json = {}): string =>
    verdict(judge(rulesWith([{ match }]), requestOf(object, changes)).outcomes[0])

  test.each<[string, Json, string]>([
    ['is of the kind and the name', resources(['Secret', 'ConfigMap'], ['other', 'sett*']), 'shop/e'],
    ['is of another kind', resources(['Secret'], ['settings']), 'it is for other kinds or names'],
    ['has another name', resources(['ConfigMap'], ['setting']), 'it is for other kinds or names'],
    [
      'has the kind of one and the name of another entry',
      {
        resources: [
          { kinds: ['Secret'], names: ['settings'] },
          { kinds: ['ConfigMap'], names: ['x'] },
        ],
      },
      'it is for other kinds or names',
    ],
    ['has other labels', { ...resources(['ConfigMap'], ['*']), objectSelector: { matchLabels: { app: 'x' } } }, 'it is for objects with other labels'],
    ['has no images, where the exception is for some', { ...resources(['ConfigMap'], ['settings']), images: ['*'] }, 'it is for other images'],
    [
      'meets the condition',
      {
        ...resources(['ConfigMap'], ['settings']),
        conditions: [{ name: 'c', expression: "object.metadata.name == 'settings' && request.operation == 'CREATE'" }],
      },
      'shop/e',
    ],
    [
      'does not meet the condition',
      { ...resources(['ConfigMap'], ['settings']), conditions: [{ name: 'c', expression: 'false' }] },
      'its condition `c` is false',
    ],
    [
      'is for nobody where the condition does not compile',
      { ...resources(['ConfigMap'], ['settings']), conditions: [{ name: 'c', expression: 'nonsense' }] },
      'its condition `c` does not compile',
    ],
  ])('%s', (_name, match, wanted) => {
    expect(of(match)).toBe(wanted)
  })

  test('has the labels', () => {
    const match = { ...resources(['ConfigMap'], ['*']), objectSelector: { matchLabels: { app: 'x' } } }
    expect(of(match, configMap({}, { labels: { app: 'x' } }))).toBe('shop/e')
  })

  test('that is deleted goes by what is stored', () => {
    const match = { ...resources(['ConfigMap'], ['*']), objectSelector: { matchLabels: { app: 'x' } } }
    const rules = rulesWith([{ match }])
    const deletion = requestOf(null, { operation: 'DELETE', oldObject: configMap({}, { labels: { app: 'x' } }) })
    expect(verdict(judge(rules, deletion).outcomes[0])).toBe('shop/e')
  })

  test('with images has none but those', () => {
    const pod = (...images: readonly string[]): Json => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'web', namespace: 'shop' },
      spec: { containers: images.slice(0, 1).map((image) => ({ image })), initContainers: images.slice(1).map((image) => ({ image })) },
    })
    const match = { ...resources(['Pod'], ['web']), images: ['vendor/*', 'other/a:1'] }
    const changes = { resource: { group: '', version: 'v1', resource: 'pods' }, name: 'web' }
    expect(of(match, pod('vendor/a:1', 'other/a:1'), changes)).toBe('shop/e')
    expect(of(match, pod('vendor/a:1', 'evil/a:1'), changes)).toBe('it is for other images')
  })
})

describe('an exception', () => {
  const request = requestOf(configMap())

  test('is for the policy and the rules that it names', () => {
    expect(verdict(judge(rulesWith([{ policies: [{ name: 'p', rules: ['never'] }] }]), request).outcomes[0])).toBe('shop/e')
    expect(verdict(judge(rulesWith([{ policies: [{ name: 'p', rules: ['other'] }] }]), request).outcomes[0])).toBe('')
    expect(verdict(judge(rulesWith([{ policies: [{ name: 'q', rules: ['*'] }] }]), request).outcomes[0])).toBe('')
  })

  test.each<[string, ExceptionOptions, string]>([
    ['of another namespace is not told of', { namespace: 'else' }, ''],
    ["of Bylaw's own namespace reaches where it says", { namespace: 'bylaw-system', match: { namespaces: ['shop'] } }, 'bylaw-system/e'],
    ["of Bylaw's own namespace reaches everywhere by `*`", { namespace: 'bylaw-system', match: { namespaces: ['*'] } }, 'bylaw-system/e'],
    ["of Bylaw's own namespace does not reach elsewhere", { namespace: 'bylaw-system', match: { namespaces: ['else'] } }, ''],
    ["of Bylaw's own namespace reaches nothing without saying where", { namespace: 'bylaw-system' }, ''],
    ['that would reach out of its namespace counts nowhere', { match: { namespaces: ['*'] } }, ''],
    ['that expired and is pending is told as expired', { approvedAt: undefined, expiresAt: '2026-06-01T11:00:00Z' }, 'it expired at 2026-06-01T11:00:00Z'],
    ['that another key approved is pending', { key: 'other' }, 'it is pending, its approval is not from Bylaw, or not for it'],
  ])('%s', (_name, options, wanted) => {
    expect(verdict(judge(rulesWith([options]), request).outcomes[0])).toBe(wanted)
  })

  test('reaches a cluster-scoped object from Bylaw’s own namespace only', () => {
    const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'settings' } }
    const of = (options: ExceptionOptions): string => verdict(judge(rulesWith([options]), requestOf(object, { namespace: '' })).outcomes[0])
    expect(of({ namespace: 'bylaw-system', match: { namespaces: ['*'] } })).toBe('bylaw-system/e')
    expect(of({})).toBe('')
  })

  test('does nothing where the policy allows none', () => {
    expect(verdict(judge(rulesWith([{}], { exceptions: { allowed: false } }), request).outcomes[0])).toBe('the policy allows no exceptions')
  })

  test('that nobody approved costs nothing: its conditions are not evaluated', () => {
    const costly = `[${'1,'.repeat(200)}1].all(a, [${'1,'.repeat(200)}1].all(b, [${'1,'.repeat(200)}1].all(c, a + b + c > 0)))`
    const conditions = Array.from({ length: 10 }, (_, index) => ({ name: `c${index}`, expression: costly }))
    const validations = ['a', 'b'].map((name) => ({ name, expression: "object.data.x == 'y'" }))
    const outcomesWith = (options: ExceptionOptions) =>
      judge(rulesWith([{ ...options, match: { ...resources(['ConfigMap'], ['settings']), conditions } }], { validations }), requestOf(configMap({ x: 'z' })))
        .outcomes
    expect(outcomesWith({ approvedAt: undefined }).map(verdict)).toEqual(Array.from({ length: 2 }, () => 'it is pending, nobody has approved it'))
    // One that is approved may spend its own allowance, never that of the rules.
    expect(outcomesWith({}).map(({ result }) => result)).toEqual(['fail', 'fail'])
  })

  test('among several is told with the others, three at most, and the first that counts waives', () => {
    const named = (name: string, options: ExceptionOptions = {}): ExceptionOptions => ({ name, approvedAt: undefined, ...options })
    const [outcome] = judge(rulesWith(['a', 'b', 'c', 'd'].map((name) => named(name))), request).outcomes
    expect(outcome?.result === 'fail' ? outcome.exceptionNotes.length : 0).toBe(3)
    expect(verdict(judge(rulesWith([named('a'), named('b', APPROVED), named('c', APPROVED)]), request).outcomes[0])).toBe('shop/b')
  })
})

describe('an exception for a workload', () => {
  const account = (name: string): string => `system:serviceaccount:kube-system:${name}`
  const made = (owner: Json, by: string, labels: Json = {}) =>
    requestOf(
      {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'importer-x2k', namespace: 'shop', labels, ownerReferences: [{ uid: 'u', controller: true, ...owner }] },
        spec: { containers: [] },
      },
      { resource: { group: '', version: 'v1', resource: 'pods' }, name: 'importer-x2k', userInfo: { username: by, groups: [] } },
    )
  const everything = { matchConstraints: { resourceRules: [{ apiGroups: ['*'], apiVersions: ['v1'], resources: ['*'], operations: ['CREATE'] }] } }
  const of = (kind: string, name: string, request: ReturnType<typeof made>): string =>
    verdict(judge(rulesWith([{ match: resources([kind], [name]) }], everything), request).outcomes[0])
  const replicaSet = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'importer-7c9' }
  const job = { apiVersion: 'batch/v1', kind: 'Job', name: 'nightly-2900' }

  test.each<[string, string, string, ReturnType<typeof made>, string]>([
    ['reaches a Pod of its ReplicaSet', 'ReplicaSet', 'importer-7c9', made(replicaSet, account('replicaset-controller')), 'shop/e'],
    [
      'reaches a Pod of a Deployment, two steps away',
      'Deployment',
      'importer',
      made(replicaSet, account('replicaset-controller'), { 'pod-template-hash': '7c9' }),
      'shop/e',
    ],
    [
      'does not guess a Deployment without the hash',
      'Deployment',
      'importer',
      made(replicaSet, account('replicaset-controller')),
      'it is for other kinds or names',
    ],
    [
      'does not guess a Deployment by another hash',
      'Deployment',
      'importer',
      made(replicaSet, account('replicaset-controller'), { 'pod-template-hash': '7c8' }),
      'it is for other kinds or names',
    ],
    ['reaches a Pod of a CronJob', 'CronJob', 'nightly', made(job, account('job-controller')), 'shop/e'],
    ['does not reach what only claims an owner', 'ReplicaSet', 'importer-7c9', made(replicaSet, 'mallory'), 'it is for other kinds or names'],
    [
      'does not reach what another controller made',
      'ReplicaSet',
      'importer-7c9',
      made(replicaSet, account('job-controller')),
      'it is for other kinds or names',
    ],
  ])('%s', (_name, kind, name, request, wanted) => {
    expect(of(kind, name, request)).toBe(wanted)
  })
})

describe('the clock', () => {
  const at = (now: string, options: ExceptionOptions, spec: Json = {}): string =>
    verdict(judge(rulesWith([options], spec), requestOf(configMap()), { now: new Date(now) }).outcomes[0])

  test.each<[string, string, ExceptionOptions, Json, string]>([
    ['a millisecond before the end', '2026-06-01T11:59:59.999Z', { expiresAt: '2026-06-01T12:00:00Z' }, {}, 'shop/e'],
    ['at the end', '2026-06-01T12:00:00.000Z', { expiresAt: '2026-06-01T12:00:00Z' }, {}, 'it expired at 2026-06-01T12:00:00Z'],
    ['before the end in another time zone', '2026-06-01T11:59:59.999Z', { expiresAt: '2026-06-01T14:00:00+02:00' }, {}, 'shop/e'],
    ['at the end in another time zone', '2026-06-01T12:00:00Z', { expiresAt: '2026-06-01T14:00:00+02:00' }, {}, 'it expired at 2026-06-01T12:00:00Z'],
    ['before what the policy allows', '2026-06-01T00:59:59.999Z', {}, { exceptions: { maxDuration: '1h' } }, 'shop/e'],
    ['at what the policy allows', '2026-06-01T01:00:00Z', {}, { exceptions: { maxDuration: '1h' } }, 'it expired at 2026-06-01T01:00:00Z'],
    ['years after', '2036-06-01T01:00:00Z', {}, {}, 'it expired at 2026-06-02T00:00:00Z'],
  ])('%s', (_name, now, options, spec, wanted) => {
    expect(at(now, options, spec)).toBe(wanted)
  })
})
