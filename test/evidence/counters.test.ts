import { describe, expect, test } from '@jest/globals'
import { DecisionCounter } from '../../src/evidence/index.ts'
import { configMap, judge, namespaceObject, policy, requestOf, ruleSet } from '../doors/build.ts'

const HAS_A = policy('has-a', {
  validations: [
    { name: 'a', expression: "'a' in object.data", message: 'data.a is missing' },
    { name: 'number', expression: "!('n' in object.data) || int(object.data.n) > 0" },
  ],
})
const ELSEWHERE = policy('elsewhere', { matchConditions: [{ name: 'never', expression: 'false' }] })
const RULES = ruleSet([HAS_A, ELSEWHERE])
const staging = { kind: 'found', object: namespaceObject('shop', { 'bylaw.dev/environment': 'staging' }) } as const
const unreadable = { kind: 'unknown', reason: 'no answer' } as const
const DENIED = judge(RULES, requestOf(configMap()))
const WARNED = judge(RULES, requestOf(configMap()), { namespace: staging })
const ALLOWED = judge(RULES, requestOf(configMap({ a: 'x' })))
const ERROR = judge(RULES, requestOf(configMap({ a: 'x', n: 'y' })), { namespace: unreadable })
const SUBJECT = { namespace: 'shop', kind: 'ConfigMap', name: 'settings', isDryRun: false }

describe('the counters of a policy', () => {
  test('tell how its decisions ended', () => {
    const counter = new DecisionCounter()
    for (const decision of [DENIED, WARNED, ALLOWED, ERROR, DENIED]) counter.record(decision, SUBJECT)
    expect(counter.countersOf('has-a').counts).toEqual({ allowed: 1, warned: 1, denied: 3, corrected: 0, waived: 0, errors: 1 })
  })

  test('leave out dry runs, and policies that did not apply', () => {
    const counter = new DecisionCounter()
    counter.record(DENIED, { ...SUBJECT, isDryRun: true })
    counter.record(DENIED, SUBJECT)
    const none = { allowed: 0, warned: 0, denied: 0, corrected: 0, waived: 0, errors: 0 }
    expect(counter.countersOf('elsewhere')).toEqual({ counts: none, recent: [] })
    expect(counter.countersOf('unheard-of')).toEqual({ counts: none, recent: [] })
    expect(counter.countersOf('has-a').counts.denied).toBe(1)
  })

  test('keep the last ten violations, the newest first', () => {
    const counter = new DecisionCounter()
    for (let index = 1; index <= 12; index++) counter.record(index === 12 ? WARNED : DENIED, { ...SUBJECT, name: `s${index}` })
    const { recent } = counter.countersOf('has-a')
    expect(recent.map(({ name }) => name)).toEqual(['s12', 's11', 's10', 's9', 's8', 's7', 's6', 's5', 's4', 's3'])
    expect(recent[0]).toEqual({
      time: '2026-06-01T12:00:00.000Z',
      namespace: 'shop',
      kind: 'ConfigMap',
      name: 's12',
      rule: 'a',
      effect: 'warn',
      message: 'data.a is not set',
    })
  })

  test('cut a message at 256 letters', () => {
    const counter = new DecisionCounter()
    const long = ruleSet([policy('long', { validations: [{ name: 'a', expression: 'false', message: '🦊'.repeat(256) }] })])
    counter.record(judge(long, requestOf(configMap())), SUBJECT)
    expect([...(counter.countersOf('long').recent[0]?.message ?? '')].length).toBe(256)
  })

  test('are forgotten with their policy', () => {
    const counter = new DecisionCounter()
    counter.record(DENIED, SUBJECT)
    counter.keepOnly(new Set(['elsewhere']), new Set())
    expect(counter.countersOf('has-a').counts.denied).toBe(0)
  })
})
