import { describe, expect, test } from '@jest/globals'
import type { Decision, Mitigation } from '../../src/decide/index.ts'
import { configMap, judge, on, policy, requestOf, ruleSet } from '../doors/build.ts'

type Json = Readonly<Record<string, unknown>>

const mitigationOf = ({ outcomes }: Decision): Mitigation | 'none' => {
  const [outcome] = outcomes
  return outcome?.result === 'fail' || outcome?.result === 'error' ? (outcome.mitigation ?? 'none') : 'none'
}
const rules = (spec: Json = {}) => ruleSet([policy('p', { matchConstraints: on('configmaps', { operations: ['*'] }), ...spec })])
const meta = (metadata: Json, more: Json = {}): Json => ({ ...configMap({ a: 'b' }, metadata), ...more })
const GOING = { deletionTimestamp: '2026-01-01T00:00:00Z' }

describe('an update', () => {
  test.each<[string, Json, Json, Mitigation | 'none']>([
    ['of an object that is going away', meta(GOING), meta({ ...GOING, labels: { a: 'b' } }, { data: {} }), 'protected'],
    ['that sets a deletion time itself', meta({}), meta(GOING, { data: {} }), 'none'],
    ['of finalizers alone', meta({ finalizers: ['a'] }), meta({}), 'protected'],
    ['of owners alone', meta({}), meta({ ownerReferences: [{ apiVersion: 'v1', kind: 'X', name: 'x' }] }), 'protected'],
    [
      'of managed fields, version and generation alone',
      meta({ generation: 1, resourceVersion: '1' }),
      meta({ generation: 2, resourceVersion: '2', managedFields: [{}] }),
      'protected',
    ],
    ['of nothing at all', meta({}), meta({}), 'protected'],
    ['of finalizers and a label', meta({ finalizers: ['a'] }), meta({ labels: { a: 'b' } }), 'none'],
    ['of finalizers and an annotation', meta({ finalizers: ['a'] }), meta({ annotations: { a: 'b' } }), 'none'],
    ['of the status alone', meta({}), meta({}, { status: { a: 1 } }), 'existing'],
    ['of finalizers and the status', meta({ finalizers: ['a'] }), meta({}, { status: { a: 1 } }), 'existing'],
    ['of the data', meta({}), meta({}, { data: { c: 'd' } }), 'none'],
    ['of a label', meta({}), meta({ labels: { a: 'b' } }), 'none'],
    ['that only sorts keys anew', meta({}, { data: { a: '1', b: '2' } }), meta({}, { data: { b: '2', a: '1' } }), 'protected'],
    ['of a field outside of spec', meta({}), meta({}, { immutable: true }), 'none'],
  ])('%s', (_, oldObject, object, expected) => {
    expect(mitigationOf(judge(rules(), requestOf(object, { operation: 'UPDATE', oldObject })))).toBe(expected)
  })

  test('of the status is not let pass where the policy enforces', () => {
    const strict = rules({ enforcement: { existingViolations: 'Enforce' } })
    expect(mitigationOf(judge(strict, requestOf(meta({}, { status: { a: 1 } }), { operation: 'UPDATE', oldObject: meta({}) })))).toBe('none')
  })

  test('is never denied for an error either', () => {
    const broken = rules({ validations: [{ name: 'a', expression: 'int(object.data.a) > 0' }] })
    expect(mitigationOf(judge(broken, requestOf(meta(GOING, { data: { a: 'c' } }), { operation: 'UPDATE', oldObject: meta(GOING) })))).toBe('protected')
    expect(mitigationOf(judge(broken, requestOf(meta({}, { status: {} }), { operation: 'UPDATE', oldObject: meta({}) })))).toBe('none')
  })

  test('is not excused where the level does not deny: there is nothing to excuse', () => {
    const mild = rules({ severity: 'medium' })
    const decision = judge(mild, requestOf(meta(GOING), { operation: 'UPDATE', oldObject: meta(GOING) }))
    expect([decision.effect, mitigationOf(decision)]).toEqual(['warn', 'none'])
  })
})

describe('a deletion', () => {
  const by = (username: string) =>
    mitigationOf(judge(rules(), requestOf(null, { operation: 'DELETE', oldObject: meta({}), userInfo: { username, groups: [] } })))
  test.each<[string, Mitigation | 'none']>([
    ['system:serviceaccount:kube-system:generic-garbage-collector', 'protected'],
    ['system:serviceaccount:kube-system:namespace-controller', 'protected'],
    ['system:kube-controller-manager', 'protected'],
    ['system:serviceaccount:kube-system:deployment-controller', 'none'],
    ['system:serviceaccount:shop:namespace-controller', 'none'],
    ['system:serviceaccount:kube-system:generic-garbage-collector2', 'none'],
    ['alice', 'none'],
  ])('by %s', (username, expected) => {
    expect(by(username)).toBe(expected)
  })
})

describe('an object with an owner', () => {
  const account = (name: string): string => `system:serviceaccount:kube-system:${name}`
  const owner = (apiVersion: string, kind: string, controller = true): Json => ({ apiVersion, kind, name: 'o', uid: 'u', controller })
  const pod = (ownerReferences: readonly Json[]): Json => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'shop', ownerReferences },
    spec: { containers: [] },
  })
  const covering = ruleSet([policy('p', { matchConstraints: on('pods') })])
  const made = (username: string, owners: readonly Json[], set = covering, operation = 'CREATE') =>
    mitigationOf(
      judge(
        set,
        requestOf(pod(owners), {
          operation,
          oldObject: operation === 'UPDATE' ? pod([]) : null,
          resource: { group: '', version: 'v1', resource: 'pods' },
          userInfo: { username, groups: [] },
        }),
      ),
    )

  test.each<[string, string, readonly Json[], Mitigation | 'none']>([
    ['ReplicaSet', account('replicaset-controller'), [owner('apps/v1', 'ReplicaSet')], 'descended'],
    ['StatefulSet', account('statefulset-controller'), [owner('apps/v1', 'StatefulSet')], 'descended'],
    ['DaemonSet', account('daemon-set-controller'), [owner('apps/v1', 'DaemonSet')], 'descended'],
    ['Job', account('job-controller'), [owner('batch/v1', 'Job')], 'descended'],
    ['ReplicationController', account('replication-controller'), [owner('v1', 'ReplicationController')], 'descended'],
    ['any of them, where one account runs all controllers', 'system:kube-controller-manager', [owner('batch/v1', 'Job')], 'descended'],
    ['the second reference, if it is the controller', account('job-controller'), [owner('v1', 'ConfigMap', false), owner('batch/v1', 'Job')], 'descended'],
    ['a kind of the same name in another group', account('job-controller'), [owner('example.com/v1', 'Job')], 'none'],
    ["another controller's kind", account('job-controller'), [owner('apps/v1', 'ReplicaSet')], 'none'],
    ['another kind of the same group', account('replicaset-controller'), [owner('apps/v1', 'StatefulSet')], 'none'],
    ['nobody', account('job-controller'), [], 'none'],
    ['an owner that does not control', account('job-controller'), [owner('batch/v1', 'Job', false)], 'none'],
    ['what a person claims', 'alice', [owner('batch/v1', 'Job')], 'none'],
    ['what an account of the same name elsewhere claims', 'system:serviceaccount:shop:job-controller', [owner('batch/v1', 'Job')], 'none'],
  ])('of %s', (_, username, owners, expected) => {
    expect(made(username, owners)).toBe(expected)
  })

  test('is new where the policy does not judge the owner', () => {
    const alone = ruleSet([policy('p', { matchConstraints: on('pods'), podTemplates: 'Ignore' })])
    expect(made(account('job-controller'), [owner('batch/v1', 'Job')], alone)).toBe('none')
  })

  test('is descended at its creation only', () => {
    expect(made(account('job-controller'), [owner('batch/v1', 'Job')], covering, 'UPDATE')).not.toBe('descended')
  })
})
