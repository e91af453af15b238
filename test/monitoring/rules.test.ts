import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { Metrics } from '../../src/evidence/index.ts'
import { policy, ruleSet } from '../doors/build.ts'
import { ALERT_CASES, type AlertCase, type Samples } from './alert-cases.ts'
import { findPrometheus, promtool } from './prometheus.ts'
import { ALERTS, RULES_FILE } from './rules.ts'

/** Fetching Prometheus once takes as long as the network does. */
const FETCH_MS = 300_000

jest.setTimeout(FETCH_MS)

const folder = mkdtempSync(join(tmpdir(), 'bylaw-rules-'))

/** What promtool said of each case; one run for all, since starting it takes longest. */
let said = ''

beforeAll(async () => {
  await findPrometheus()
  for (const one of ALERT_CASES) writeFileSync(fileOf(one.alert), JSON.stringify(toPromtool(one)))
  said = (await promtool(['test', 'rules', ...ALERT_CASES.map(({ alert }) => fileOf(alert))])).text
}, FETCH_MS)

afterAll(() => rmSync(folder, { recursive: true, force: true }))

const fileOf = (alert: string): string => join(folder, `${alert}.json`)

const toSeries = (samples: Samples) => Object.entries(samples).map(([series, values]) => ({ series, values }))

/** The two tests of an alert as promtool reads them. */
function toPromtool({ alert: alertname, atMinutes, fires, labels, texts, isQuiet }: AlertCase) {
  const alert = ALERTS.find((one) => one.alert === alertname)
  const eval_time = `${atMinutes}m`
  const expected = { exp_labels: { ...alert?.labels, ...labels }, exp_annotations: { ...alert?.annotations, ...texts } }
  const of = (samples: Samples, exp_alerts: readonly unknown[]) => ({
    interval: '1m',
    input_series: toSeries(samples),
    alert_rule_test: [{ eval_time, alertname, exp_alerts }],
  })
  return { rule_files: [resolve(RULES_FILE)], evaluation_interval: '1m', tests: [of(fires, [expected]), of(isQuiet, [])] }
}

describe('the rules', () => {
  test('are what Prometheus takes', async () => {
    expect(await promtool(['check', 'rules', RULES_FILE])).toMatchObject({ isOk: true, text: expect.stringContaining('SUCCESS') })
  })

  test('have a case for each alert', () => {
    expect(ALERT_CASES.map(({ alert }) => alert)).toEqual(ALERTS.map(({ alert }) => alert))
  })

  test.each(ALERT_CASES)('$alert fires when it should, and not otherwise', ({ alert }) => {
    const [, ofThis = ''] = said.split(`Unit Testing:  ${fileOf(alert)}\n`)
    expect(ofThis.split('Unit Testing:')[0]?.trim()).toBe('SUCCESS')
  })

  test('that fail a case are seen', async () => {
    const [first] = ALERT_CASES
    const file = fileOf('wrong')
    writeFileSync(file, JSON.stringify(first === undefined ? {} : toPromtool({ ...first, isQuiet: first.fires })))
    expect(await promtool(['test', 'rules', file])).toMatchObject({ isOk: false, text: expect.stringContaining('FAILED') })
  })

  test('have a section of the runbook for each alert, and nothing else is in it', () => {
    const runbook = readFileSync('manifests/monitoring/README.md', 'utf8')
    expect([...runbook.matchAll(/^### (\w+)$/gm)].map(([, name]) => name)).toEqual(ALERTS.map(({ alert }) => alert))
    for (const { alert, annotations } of ALERTS) expect(annotations.runbook).toBe(`manifests/monitoring/README.md#${alert.toLowerCase()}`)
  })
})

describe('the exposition', () => {
  test('is what Prometheus takes, before the first rule set and after', async () => {
    const metrics = new Metrics()
    expect(await promtool(['check', 'metrics'], (await metrics.expose()).text)).toEqual({ isOk: true, text: '' })
    metrics.recordRuleSet(ruleSet([policy('one')]))
    metrics.cluster.recordBuild({ version: '1', node: 'v1', celDialect: '1.34' })
    expect(await promtool(['check', 'metrics'], (await metrics.expose()).text)).toEqual({ isOk: true, text: '' })
  })

  test('with a gauge that is named like a counter is refused', async () => {
    expect(await promtool(['check', 'metrics'], '# HELP x_total x\n# TYPE x_total gauge\nx_total 1\n')).toMatchObject({ isOk: false })
  })
})
