import { describe, expect, test } from '@jest/globals'
import type { KubernetesObject } from '../../src/api/index.ts'
import { toExceptionStatus } from '../../src/controllers/policy-status.ts'
import { assembleRuleSet, compilePolicy } from '../../src/rules/index.ts'
import { type ExceptionOptions, exceptionOf } from '../decide/exceptions.ts'
import { policy, profile } from '../doors/build.ts'

type Json = Readonly<Record<string, unknown>>

const APPROVED = { approvedAt: '2026-06-01T00:00:00Z' }
const object: KubernetesObject = { apiVersion: 'bylaw.dev/v1', kind: 'PolicyException', metadata: { name: 'e', namespace: 'shop', generation: 3 } }

function statusOf(options: ExceptionOptions, now: string, policies: Readonly<Record<string, Json>> = { p: {} }) {
  const compiled = Object.entries(policies).map(([name, spec]) => compilePolicy(policy(name, spec)))
  return toExceptionStatus({ object, compiled: exceptionOf(options), issues: [] }, undefined, {
    ruleSet: assembleRuleSet({ policies: compiled, profile: profile({}) }),
    waivers: { count: 0, lastTime: undefined },
    now: new Date(now),
  })
}

const told = (options: ExceptionOptions, now: string, policies?: Readonly<Record<string, Json>>) => {
  const { phase, conditions } = statusOf(options, now, policies)
  return { phase, messages: conditions?.map(({ message }) => message) }
}

describe('the phase of an exception', () => {
  test.each<[string, ExceptionOptions, string, string]>([
    ['is Pending without an approval', {}, '2026-06-01T12:00:00Z', 'Pending'],
    ['is Active with one', APPROVED, '2026-06-01T12:00:00Z', 'Active'],
    ['is Active a millisecond before the end', APPROVED, '2026-06-01T23:59:59.999Z', 'Active'],
    ['is Expired at the end', APPROVED, '2026-06-02T00:00:00Z', 'Expired'],
    ['is Expired at the end without an approval too', {}, '2026-06-02T00:00:00Z', 'Expired'],
    ['is Pending with an approval of another key', { ...APPROVED, key: 'other' }, '2026-06-01T12:00:00Z', 'Pending'],
    ['is Pending after a change', { ...APPROVED, changedTo: { reason: 'x' } }, '2026-06-01T12:00:00Z', 'Pending'],
  ])('%s', (_name, options, now, phase) => {
    expect(statusOf(options, now).phase).toBe(phase)
  })

  test('ends with the policy that allows the longest', () => {
    const policies = [
      { name: 'p', rules: ['*'] },
      { name: 'q', rules: ['*'] },
    ]
    const spec = (maxDuration: string): Json => ({ exceptions: { maxDuration } })
    expect(statusOf({ ...APPROVED, policies }, '2026-06-01T01:00:00Z', { p: spec('1h'), q: spec('2h') }).phase).toBe('Active')
    expect(statusOf({ ...APPROVED, policies }, '2026-06-01T02:00:00Z', { p: spec('1h'), q: spec('2h') }).phase).toBe('Expired')
  })

  test('is Invalid with what is wrong', () => {
    const issue = { code: 'InvalidField', severity: 'error', policy: 'e', path: 'spec.match', message: 'is wrong' } as const
    const { phase, conditions } = toExceptionStatus({ object, compiled: undefined, issues: [issue] }, undefined, {
      ruleSet: assembleRuleSet({ policies: [], profile: profile({}) }),
      waivers: { count: 0, lastTime: undefined },
      now: new Date('2026-06-01T12:00:00Z'),
    })
    expect({ phase, messages: conditions?.map(({ message }) => message) }).toEqual({ phase: 'Invalid', messages: ['spec.match: is wrong'] })
  })
})

test('the status tells who approved it, when it ends and what is missing', () => {
  expect(told(APPROVED, '2026-06-01T12:00:00Z')).toEqual({
    phase: 'Active',
    messages: ['approved by `boss` at 2026-06-01T00:00:00Z', 'ends at 2026-06-02T00:00:00.000Z'],
  })
  expect(told(APPROVED, '2026-06-01T12:00:00Z', {})).toEqual({
    phase: 'Active',
    messages: ['approved by `boss` at 2026-06-01T00:00:00Z\nthere is no policy `p`', 'ends at 2026-06-02T00:00:00.000Z'],
  })
  expect(told({}, '2026-06-01T12:00:00Z')).toEqual({ phase: 'Pending', messages: ['nobody has approved it', 'ends at 2026-06-02T00:00:00.000Z'] })
})

test('the status counts what was waived, and keeps the time of a transition', () => {
  const ruleSet = assembleRuleSet({ policies: [compilePolicy(policy('p'))], profile: profile({}) })
  const state = { object, compiled: exceptionOf(APPROVED), issues: [] }
  const first = toExceptionStatus(state, undefined, { ruleSet, waivers: { count: 0, lastTime: undefined }, now: new Date('2026-06-01T12:00:00Z') })
  const waivers = { count: 2, lastTime: '2026-06-01T13:00:00.000Z' }
  const second = toExceptionStatus(state, first, { ruleSet, waivers, now: new Date('2026-06-01T14:00:00Z') })
  expect(second.waived).toEqual(waivers)
  expect(second.conditions?.map(({ lastTransitionTime }) => lastTransitionTime)).toEqual(['2026-06-01T12:00:00Z', '2026-06-01T12:00:00Z'])
  expect(second.observedGeneration).toBe(3)
})
