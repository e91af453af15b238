import { describe, expect, test } from '@jest/globals'
import {
  digestOf,
  type Finding,
  partition,
  REPORT_LIMITS,
  type ReportContent,
  type ReportResult,
  resultOf,
  toReports,
  withTimes,
} from '../../src/evidence/index.ts'

const NAMING = { prefix: 'bylaw', labels: { 'app.kubernetes.io/managed-by': 'bylaw' } }

const finding = (changes: Partial<Finding> = {}): Finding => ({
  policy: 'no-root',
  rule: 'run-as-non-root',
  param: '',
  outcome: 'fail',
  level: 'Deny',
  environment: 'prod',
  severity: 'high',
  category: '',
  controls: '',
  revision: '0123',
  message: 'containers must not run as root',
  path: 'spec',
  code: '',
  waivedBy: '',
  ...changes,
})

const subject = (index: number) => ({ apiVersion: 'v1', kind: 'Pod', name: `pod-${index}`, namespace: 'shop', uid: `uid-${index}` })

const content = (count: number, changes: Partial<ReportContent> = {}, of: Partial<Finding> = {}): ReportContent => ({
  namespace: 'shop',
  passes: 7,
  rows: Array.from({ length: count }, (_, index) => ({ subject: subject(index), finding: finding(of) })),
  omitted: {},
  notEvaluated: [],
  ...changes,
})

describe('how a report calls what came of a rule', () => {
  test.each<[string, Partial<Finding>, ReportResult]>([
    ['a violation that would be refused', { level: 'Deny' }, 'fail'],
    ['a violation that would be corrected or refused', { level: 'Correct' }, 'fail'],
    ['a violation that is told', { level: 'Warn' }, 'warn'],
    ['a violation that is observed', { level: 'Observe' }, 'warn'],
    ['a rule that could not be evaluated', { outcome: 'error' }, 'error'],
    ['a violation that an exception waives', { outcome: 'waived' }, 'skip'],
  ])('%s', (_, changes, result) => {
    expect(resultOf(finding(changes))).toBe(result)
  })
})

describe('reports of a namespace', () => {
  test('count what passed in the first of them, and each its own rows', () => {
    const reports = toReports(content(600), 0, NAMING)
    const summaries = reports.map(({ object }) => object['summary'])
    expect(reports.map(({ name }) => name)).toEqual(reports.map((_, index) => `bylaw-${index}`))
    expect(summaries.map((summary) => (summary instanceof Object && 'pass' in summary ? summary.pass : undefined))).toEqual(
      reports.map((_, index) => (index === 0 ? 7 : 0)),
    )
    const fails = summaries.map((summary) => (summary instanceof Object && 'fail' in summary ? Number(summary.fail) : 0))
    expect(fails.reduce((sum, count) => sum + count, 0)).toBe(600)
  })

  test('stay within their bounds, also where rows are long', () => {
    for (const report of toReports(content(2000, {}, { message: 'x'.repeat(400), path: 'p'.repeat(200), controls: 'c'.repeat(2000) }), 0, NAMING)) {
      const results = report.object['results']
      expect(Array.isArray(results) ? results.length : 0).toBeLessThanOrEqual(REPORT_LIMITS.rows)
      expect(JSON.stringify(withTimes(report.object, undefined, new Date(0))).length).toBeLessThanOrEqual(REPORT_LIMITS.bytes)
    }
  })

  test('are equal for equal contents in another order', () => {
    const rows = content(300).rows
    const digests = (own: ReportContent['rows']): unknown => toReports(content(0, { rows: own }), 0, NAMING).map(({ digest }) => digest)
    expect(digests(rows.toReversed())).toEqual(digests(rows))
  })

  test('keep their number until half of it would do twice over', () => {
    const count = (rows: number, before: number): number => toReports(content(rows), before, NAMING).length
    const grown = count(400, 1)
    expect({ grown, same: count(200, grown), fewer: count(20, grown), none: count(0, 8) }).toEqual({ grown: 2, same: 2, fewer: 1, none: 1 })
  })

  test('change one report where one row goes', () => {
    const all = content(1000)
    const before = toReports(all, 0, NAMING)
    const after = toReports({ ...all, rows: all.rows.slice(1) }, before.length, NAMING)
    expect(after.filter(({ digest }, index) => digest.whole !== before[index]?.digest.whole)).toHaveLength(1)
  })

  test('say of which policies not everything was judged', () => {
    const [report] = toReports(content(0, { notEvaluated: ['a', 'b'] }), 0, NAMING)
    expect(report?.object.metadata.annotations).toEqual({ 'bylaw.dev/complete': 'false', 'bylaw.dev/not-evaluated': 'a,b' })
  })

  test('count violations that have no row', () => {
    const [report] = toReports(content(1, { omitted: { fail: 10 } }), 0, NAMING)
    expect(report?.object['summary']).toEqual({ pass: 7, fail: 11, warn: 0, error: 0, skip: 0 })
  })

  test('tell counts from rows in their digests', () => {
    const [a] = toReports(content(3), 0, NAMING)
    const [b] = toReports(content(3, { passes: 8 }), 0, NAMING)
    expect({ rows: a?.digest.rows === b?.digest.rows, whole: a?.digest.whole === b?.digest.whole }).toEqual({ rows: true, whole: false })
  })
})

describe('the time of a row', () => {
  const [draft] = toReports(content(2), 0, NAMING)
  const stored = withTimes(draft?.object ?? { apiVersion: '', kind: '', metadata: {} }, undefined, new Date(1000))

  test('is that of the same row before, and else the present', () => {
    const [next] = toReports(content(3), 0, NAMING)
    const object = withTimes(next?.object ?? stored, stored, new Date(5000))
    const results = object['results']
    const seconds = Array.isArray(results) ? results.map((row: { readonly timestamp: { readonly seconds: number } }) => row.timestamp.seconds) : []
    expect(seconds).toEqual([1, 1, 5])
  })

  test('does not count where reports are compared', () => {
    expect(digestOf(withTimes(draft?.object ?? stored, undefined, new Date(9000)))).toEqual(digestOf(stored))
  })
})

describe('partitions', () => {
  test('hold every row once, whatever the number before', () => {
    const rows = Array.from({ length: 3000 }, (_, index) => ({ key: `key ${index}`, bytes: 300 }))
    for (const before of [0, 1, 3, 16, 64]) {
      const partitions = partition(rows, before)
      expect(partitions.flat().length).toBe(rows.length)
      expect(new Set(partitions.flat()).size).toBe(rows.length)
      expect(Math.log2(partitions.length) % 1).toBe(0)
    }
  })
})
