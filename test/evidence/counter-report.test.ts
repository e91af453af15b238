import { describe, expect, test } from '@jest/globals'
import { addIncreases, type CountedSeries, type CountedSum, DecisionCounter, fromVector, readReport, toReportJson, toVector } from '../../src/evidence/index.ts'
import { configMap, judge, policy, requestOf, ruleSet } from '../doors/build.ts'

const NOTHING: CountedSum = { counts: [], counted: [] }
const series = (key: string, ...counts: readonly number[]): CountedSeries => ({ key, counts })

describe('sums of what instances count', () => {
  test.each<[string, CountedSum, readonly CountedSeries[], CountedSum]>([
    ['begin with the first report', NOTHING, [series('a.1', 3, 1)], { counts: [3, 1], counted: ['a.1 3 1'] }],
    ['grow by what is new', { counts: [3, 1], counted: ['a.1 3 1'] }, [series('a.1', 5, 1)], { counts: [5, 1], counted: ['a.1 5 1'] }],
    ['keep what was there before anybody told', { counts: [7, 0], counted: [] }, [series('a.1', 5, 1)], { counts: [12, 1], counted: ['a.1 5 1'] }],
    ['are over all instances', NOTHING, [series('a.1', 3), series('b.1', 4)], { counts: [7], counted: ['a.1 3', 'b.1 4'] }],
    ['count the two lives of an instance apart', { counts: [3], counted: ['a.1 3'] }, [series('b.1', 2)], { counts: [5], counted: ['a.1 3', 'b.1 2'] }],
    [
      'are not doubled by a report that comes twice',
      { counts: [3], counted: ['a.1 3'] },
      [series('a.1', 3), series('a.1', 3)],
      { counts: [3], counted: ['a.1 3'] },
    ],
    ['do not go down by an old report', { counts: [3], counted: ['a.1 3'] }, [series('a.1', 2)], { counts: [3], counted: ['a.1 3'] }],
    ['tell of nobody who has counted nothing', NOTHING, [series('a.1', 0, 0)], { counts: [0, 0], counted: [] }],
    ['are not upset by a text of somebody else', { counts: [1], counted: ['x', '', 'a.1 -5 z'] }, [series('a.1', 2)], { counts: [3], counted: ['a.1 2'] }],
  ])('%s', (_, stored, current, sum) => {
    expect(addIncreases(stored, current, false)).toEqual(sum)
  })

  test('forget instances that are gone, once that is certain', () => {
    const stored = { counts: [5], counted: ['a.1 3', 'b.1 2'] }
    expect(addIncreases(stored, [series('b.1', 2)], false).counted).toEqual(['a.1 3', 'b.1 2'])
    expect(addIncreases(stored, [series('b.1', 2)], true)).toEqual({ counts: [5], counted: ['b.1 2'] })
  })

  test('are right whoever writes them, in whatever order, from whatever state it knew', () => {
    let seed = 7
    const random = (below: number): number => {
      seed = (seed * 1103515245 + 12345) % 2147483648
      return seed % below
    }
    for (let round = 0; round < 200; round += 1) {
      const instances = new Map<string, number>()
      let stored: CountedSum = NOTHING
      let truth = 0
      const earlier: CountedSum[] = []
      for (let step = 0; step < 30; step += 1) {
        const key = `${'abc'[random(3)] ?? ''}.${1 + random(2)}`
        const more = random(4)
        instances.set(key, (instances.get(key) ?? 0) + more)
        truth += more
        earlier.push(stored)
        // A leader that was late has read an older state, and another still sees only some of the reports.
        const base = random(4) === 0 ? (earlier[random(earlier.length)] ?? stored) : stored
        const reports = [...instances].filter(() => random(3) > 0).map(([name, count]) => series(name, count))
        stored = addIncreases(base, reports, false)
        expect(stored.counts[0] ?? 0).toBeLessThanOrEqual(truth)
      }
      const all = [...instances].map(([name, count]) => series(name, count))
      expect(addIncreases(stored, all, false).counts).toEqual([truth])
    }
  })
})

describe('a report', () => {
  const RULES = ruleSet([policy('has-a', { validations: [{ name: 'a', expression: "'a' in object.data", message: 'data.a is missing' }] }), policy('other')])
  const SUBJECT = { namespace: 'shop', kind: 'ConfigMap', name: 'settings', isDryRun: false }

  test('is read as it was written, and has what was counted alone', () => {
    const counter = new DecisionCounter('i')
    counter.countersOf('idle')
    counter.record(judge(RULES, requestOf(configMap({ a: 'x' }))), SUBJECT)
    const report = counter.report()
    expect(report.policies).toEqual(
      new Map([
        ['has-a', { key: 'i.2', counts: [1, 0, 0, 0, 0, 0] }],
        ['other', { key: 'i.3', counts: [0, 0, 1, 0, 0, 0] }],
      ]),
    )
    expect(readReport(JSON.parse(JSON.stringify(toReportJson(report))))).toEqual(report)
  })

  test('begins anew, under another key, with a policy that went and came back', () => {
    const counter = new DecisionCounter('i')
    const decision = judge(RULES, requestOf(configMap()))
    counter.record(decision, SUBJECT)
    counter.keepOnly(new Set(['other']), new Set())
    counter.record(decision, SUBJECT)
    expect(counter.report().policies.get('has-a')).toEqual({ key: 'i.3', counts: [0, 0, 1, 0, 0, 0] })
    expect(counter.report().policies.get('other')).toEqual({ key: 'i.2', counts: [0, 0, 2, 0, 0, 0] })
  })

  test.each([undefined, null, 3, 'x', [], { policies: [] }, { policies: { p: 'x', q: [], r: [1, 2] }, waivers: 7 }])(
    'that is no report (%j) is an empty one',
    (value) => {
      expect(readReport(value)).toEqual({ policies: new Map(), waivers: new Map() })
    },
  )

  test('carries counts in one order', () => {
    const counts = { allowed: 1, warned: 2, denied: 3, corrected: 4, waived: 5, errors: 6 }
    expect(toVector(counts)).toEqual([1, 2, 3, 4, 5, 6])
    expect(fromVector(toVector(counts))).toEqual(counts)
  })
})
