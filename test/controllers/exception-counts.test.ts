import { describe, expect, test } from '@jest/globals'
import { countExceptions, type ExceptionUse, unusedSince, useByScan } from '../../src/controllers/exception-counts.ts'
import { toExceptionStatus } from '../../src/controllers/policy-status.ts'
import type { ScanState } from '../../src/evidence/index.ts'
import { assembleRuleSet, compilePolicy } from '../../src/rules/index.ts'
import { type ExceptionOptions, exceptionOf } from '../decide/exceptions.ts'
import { policy, profile } from '../doors/build.ts'

type Json = Readonly<Record<string, unknown>>

const NOW = new Date('2026-06-01T12:00:00Z')
const OBJECT = { apiVersion: 'bylaw.dev/v1', kind: 'PolicyException', metadata: { name: 'e', namespace: 'shop' } } as const
const APPROVED = { approvedAt: '2026-05-31T00:00:00Z', expiresAt: '2026-06-20T00:00:00Z' }
const OLD = { approvedAt: '2026-04-01T00:00:00Z', expiresAt: '2026-12-01T00:00:00Z' }
const LONG = { exceptions: { maxDuration: '8760h' } }
const IDLE: ExceptionUse = { waivesNow: false, wouldPassNow: true }
const BUSY: ExceptionUse = { waivesNow: true, wouldPassNow: false }

interface Counted {
  readonly spec?: Json
  readonly use?: Readonly<Record<string, ExceptionUse>>
  readonly lastTime?: string
}

function counts(exceptions: readonly ExceptionOptions[], { spec = {}, use = {}, lastTime }: Counted = {}) {
  const states = exceptions.map((options) => ({ object: OBJECT, compiled: exceptionOf(options), issues: [] }))
  return countExceptions(compilePolicy(policy('p', spec)), states, { now: NOW, useOf: ({ id }) => use[id], lastTimeOf: () => lastTime })
}

describe('the exceptions to a policy', () => {
  test.each<[string, readonly ExceptionOptions[], Counted, ReturnType<typeof counts>]>([
    ['are none where there are none', [], {}, { active: 0, expiringSoon: 0, unused: 0 }],
    ['count where they are approved', [APPROVED], {}, { active: 1, expiringSoon: 0 }],
    ['do not count while they are pending', [{}], {}, { active: 0, expiringSoon: 0, unused: 0 }],
    ['do not count once they ended', [{ ...APPROVED, expiresAt: '2026-06-01T12:00:00Z' }], {}, { active: 0, expiringSoon: 0, unused: 0 }],
    ['end soon a millisecond within a week', [{ ...APPROVED, expiresAt: '2026-06-08T11:59:59.999Z' }], {}, { active: 1, expiringSoon: 1 }],
    ['do not end soon at a week', [{ ...APPROVED, expiresAt: '2026-06-08T12:00:00Z' }], {}, { active: 1, expiringSoon: 0 }],
    ['end when the policy says, where that is earlier', [APPROVED], { spec: { exceptions: { maxDuration: '48h' } } }, { active: 1, expiringSoon: 1 }],
    ['do not count where the policy allows none', [APPROVED], { spec: { exceptions: { allowed: false } } }, { active: 0, expiringSoon: 0, unused: 0 }],
    ['of other policies do not count', [{ ...APPROVED, policies: [{ name: 'q', rules: ['*'] }] }], {}, { active: 0, expiringSoon: 0, unused: 0 }],
    ['are unused a month after the approval', [OLD], { spec: LONG, use: { 'shop/e': IDLE } }, { active: 1, expiringSoon: 0, unused: 1 }],
    [
      'are not unused where they waived something within a month',
      [OLD],
      { spec: LONG, use: { 'shop/e': IDLE }, lastTime: '2026-05-20T00:00:00Z' },
      { active: 1, expiringSoon: 0, unused: 0 },
    ],
    ['are not unused where an object needs them', [OLD], { spec: LONG, use: { 'shop/e': BUSY } }, { active: 1, expiringSoon: 0, unused: 0 }],
    [
      'are not told as unused where the use of one of them is not known',
      [OLD, { ...OLD, name: 'other' }],
      { spec: LONG, use: { 'shop/e': IDLE } },
      { active: 2, expiringSoon: 0 },
    ],
  ])('%s', (_name, exceptions, counted, expected) => {
    expect(counts(exceptions, counted)).toEqual(expected)
  })
})

describe('the use of an exception', () => {
  test('is not known until every object has been seen', () => {
    expect(unusedSince(exceptionOf(APPROVED), undefined, undefined)).toBeUndefined()
    expect(unusedSince(exceptionOf(APPROVED), IDLE, undefined)).toBe('2026-05-31T00:00:00Z')
    expect(unusedSince(exceptionOf(APPROVED), IDLE, '2026-06-01T00:00:00Z')).toBe('2026-06-01T00:00:00Z')
    expect(unusedSince(exceptionOf(APPROVED), BUSY, undefined)).toBeUndefined()
    expect(unusedSince(exceptionOf({}), IDLE, undefined)).toBeUndefined()
  })

  test('is what a complete scan of its policies says', () => {
    const scanned = (status: 'True' | 'Unknown', waived: number): ScanState => ({
      revision: 'r',
      policies: { p: { scanned: { status, reason: 'Scanned', message: '' }, violations: undefined, errors: 0, byLevel: [] } },
      waived: { 'shop/e': waived },
      figures: {
        ...{ isComplete: true, objects: 1, kinds: [], kindsWithoutPolicy: 0, judgedTotal: 1, pairsTotal: 1, judgingSeconds: 0 },
        ...{ reportsWritten: 0, reportsFailed: 0, reports: 0, firstScanSeconds: 0, lastCompleteMs: 0 },
      },
    })
    const active = exceptionOf(APPROVED)
    expect(useByScan(active, scanned('True', 0), NOW)).toEqual(IDLE)
    expect(useByScan(active, scanned('True', 2), NOW)).toEqual(BUSY)
    expect(useByScan(active, scanned('Unknown', 0), NOW)).toBeUndefined()
    expect(useByScan(active, undefined, NOW)).toBeUndefined()
    expect(useByScan(active, 'stopped', NOW)).toBeUndefined()
    expect(useByScan(exceptionOf({}), scanned('True', 0), NOW)).toBeUndefined()
    expect(useByScan(exceptionOf({ ...APPROVED, policies: [{ name: 'q', rules: ['*'] }] }), scanned('True', 0), NOW)).toBeUndefined()
    expect(useByScan(active, scanned('True', 0), new Date('2026-05-31T00:04:59Z'))).toBeUndefined()
  })

  test('stands in its status, with where it stands', () => {
    const ruleSet = assembleRuleSet({ policies: [compilePolicy(policy('p'))], profile: profile({}) })
    const statusOf = (options: ExceptionOptions, use?: ExceptionUse) => {
      const status = toExceptionStatus({ object: OBJECT, compiled: exceptionOf(options), issues: [] }, undefined, {
        ruleSet,
        waivers: { count: 0, lastTime: undefined },
        now: NOW,
        use,
      })
      return { unusedSince: status.unusedSince, wouldPassNow: status.wouldPassNow, state: status.summary?.state }
    }
    const state = 'active until 2026-06-20T00:00:00.000Z'
    expect(statusOf(APPROVED)).toEqual({ unusedSince: undefined, wouldPassNow: undefined, state })
    expect(statusOf(APPROVED, IDLE)).toEqual({ unusedSince: '2026-05-31T00:00:00Z', wouldPassNow: true, state })
    expect(statusOf(APPROVED, BUSY)).toEqual({ unusedSince: undefined, wouldPassNow: false, state })
    expect(statusOf({}).state).toBe('pending: nobody has approved it')
    expect(statusOf({ ...APPROVED, expiresAt: '2026-06-01T00:00:00Z' }, IDLE)).toEqual({
      unusedSince: undefined,
      wouldPassNow: undefined,
      state: 'ended at 2026-06-01T00:00:00.000Z',
    })
  })
})
