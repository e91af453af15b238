import { describe, expect, test } from '@jest/globals'
import { type Correction, decide } from '../../src/decide/index.ts'
import { DecisionCounter, Metrics, toCorrectionWarnings } from '../../src/evidence/index.ts'
import { correctingPolicy, correctWith, inputFor, ruleSetOf } from '../mutations/ours.ts'

const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', namespace: 'shop' }, data: { y: '1' } }
const setting = (...keys: readonly string[]) => ({
  patchType: 'JSONPatch',
  jsonPatch: { expression: `[${keys.map((key) => `JSONPatch{op: 'add', path: '/data/${key}', value: '1'}`).join(', ')}]` },
})
const validations = [{ name: 'has', expression: "'x' in object.data" }]
const policies = [
  correctingPolicy('works', 'ConfigMap', [setting('x')], { validations }),
  correctingPolicy('fails', 'ConfigMap', [{ patchType: 'JSONPatch', jsonPatch: { expression: "[JSONPatch{op: 'remove', path: '/data/no'}]" } }]),
]
const correction: Correction = correctWith(policies, { object })

describe('a correction', () => {
  test('is counted for the policies that corrected, and only outside dry runs', () => {
    const counter = new DecisionCounter()
    counter.recordCorrection(correction, { isDryRun: true })
    counter.recordCorrection(correction, { isDryRun: false })
    expect([counter.countersOf('works').counts.corrected, counter.countersOf('fails').counts.corrected]).toEqual([1, 0])
  })

  test('is not counted a second time by the decision that follows', () => {
    const counter = new DecisionCounter()
    counter.recordCorrection(correction, { isDryRun: false })
    const input = inputFor({ object })
    const decision = decide(ruleSetOf(policies), { ...input, request: { ...input.request, object: correction.object } })
    counter.record(decision, { namespace: 'shop', kind: 'ConfigMap', name: 'a', isDryRun: false })
    expect(counter.countersOf('works').counts).toMatchObject({ corrected: 1, allowed: 1, denied: 0 })
  })

  test('shows in the metrics by policy, environment and what became of it', async () => {
    const metrics = new Metrics()
    metrics.recordRuleSet(ruleSetOf(policies))
    metrics.recordCorrection(correction, { dryRun: false })
    metrics.recordCorrection(correction, { dryRun: true })
    const { text } = await metrics.expose()
    expect(text).toContain('bylaw_corrections_total{policy="works",environment="prod",outcome="corrected"} 1')
    expect(text).toContain('bylaw_corrections_total{policy="fails",environment="prod",outcome="notCorrected"} 1')
    expect(text).toContain('bylaw_corrections_total{policy="works",environment="staging",outcome="conflict"} 0')
  })

  test('is told by policy, its places shortened, in one line each', () => {
    expect(toCorrectionWarnings(correction)).toEqual([
      'fails: could not correct this object: mutation `mutation-1`: JSON patch: there is no `no` to remove',
      'works: corrected /data/x',
    ])
    const wide = correctWith([correctingPolicy('wide', 'ConfigMap', [setting('a', 'b', 'c', 'd', 'e')])], { object })
    expect(toCorrectionWarnings(wide)).toEqual(['wide: corrected /data/a, /data/b, /data/c and 2 more places'])
  })

  test('by very many policies is told within the limits of the API server', () => {
    const many = Array.from({ length: 30 }, (_, index) => correctingPolicy(`p-${index}`, 'ConfigMap', [setting(`k${index}`)]))
    const warnings = toCorrectionWarnings(correctWith(many, { object }))
    expect(warnings.length).toBe(12)
    expect(warnings.every((warning) => [...warning].length <= 240)).toBe(true)
    expect(warnings.at(-1)).toBe('and 19 more warnings of other rules')
  })
})
