import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { freePort } from '../controlplane/ports.ts'
import { startTied, type TiedProcess } from '../controlplane/tied-process.ts'
import { at, configMap, everywhere, listAt, on, pod, policyOf, SCENE_MS, Scene, TEST_MS } from '../e2e/scene.ts'
import { findPrometheus, promtool } from './prometheus.ts'
import { EXPRESSIONS, metricsIn, RULES_FILE } from './rules.ts'

const FETCH_MS = 300_000
const NO_BAD = policyOf('no-bad-pod', "object.metadata.name != 'bad'", { enforcement: everywhere('Deny') })
/** Nothing but its failure policy can judge it. */
const LIMITED = policyOf('limited', 'params.data.limit != ""', {
  enforcement: everywhere('Deny'),
  failurePolicy: 'Ignore',
  paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
  paramRef: { name: 'nowhere', namespace: 'default', parameterNotFoundAction: 'Deny' },
  ...on('', 'v1', ['configmaps'], ['CREATE']),
})

jest.setTimeout(TEST_MS)

let scene: Scene
let prometheus: TiedProcess | undefined
let url = ''
let isOver = false
let load: Promise<unknown> = Promise.resolve()

/** Prometheus' answer to a question about what it knows. */
async function ask(path: string, query: Readonly<Record<string, string>> = {}): Promise<unknown> {
  const response = await fetch(`${url}${path}?${new URLSearchParams(query)}`, { signal: AbortSignal.timeout(10_000) })
  return response.json()
}

const valuesOf = async (expr: string) => listAt(await ask('/api/v1/query', { query: expr }), 'data', 'result').map((result) => Number(at(result, 'value', 1)))
const firing = async () => listAt(await ask('/api/v1/alerts'), 'data', 'alerts').filter((alert) => at(alert, 'state') === 'firing')

beforeAll(async () => {
  const { prometheus: program } = await findPrometheus()
  scene = await Scene.start()
  await scene.plane.createNamespace('shop')
  await scene.enforce(NO_BAD, LIMITED)
  const port = await freePort()
  url = `http://127.0.0.1:${port}`
  const { dir, url: apiServer, caFile, adminKubeconfig } = scene.plane
  const token = await scene.plane.kubectl(['config', 'view', '--raw', '-o', 'jsonpath={.users[?(@.name=="admin")].user.token}'], {
    kubeconfig: adminKubeconfig,
  })
  const config = join(dir, 'prometheus.json')
  const target = (address: string) => [{ targets: [address] }]
  writeFileSync(
    config,
    JSON.stringify({
      global: { scrape_interval: '1s', evaluation_interval: '1s' },
      rule_files: [resolve(RULES_FILE)],
      scrape_configs: [
        { job_name: 'bylaw', static_configs: target(`127.0.0.1:${scene.bylaw.metricsPort}`) },
        {
          job_name: 'apiserver',
          scheme: 'https',
          authorization: { credentials: token.stdout },
          tls_config: { ca_file: caFile, insecure_skip_verify: true },
          static_configs: target(new URL(apiServer).host),
        },
      ],
    }),
  )
  const flags = ['--config.file', config, '--storage.tsdb.path', join(dir, 'tsdb'), '--web.listen-address', `127.0.0.1:${port}`, '--log.level', 'warn']
  prometheus = await startTied(program, flags, { logFile: join(dir, 'prometheus.log') })
  load = Promise.all(
    ['bad', 'good-1', 'good-2'].map(async (name) => {
      for (; !isOver; await sleep(20)) await scene.submit(pod('shop', name), { isDryRun: true }).catch(() => {})
    }),
  )
  await scene.until('Prometheus to have scraped both', async () => (await valuesOf('up == 1').catch(() => [])).length === 2)
}, SCENE_MS + FETCH_MS)

afterAll(async () => {
  isOver = true
  await load
  await prometheus?.stop(5000)
  await scene.stop()
})

describe('a real Prometheus', () => {
  test('takes the metrics of a running operator', async () => {
    expect(await promtool(['check', 'metrics'], await scene.bylaw.metrics())).toEqual({ isOk: true, text: '' })
    expect(await valuesOf('bylaw_ready')).toEqual([1])
    expect(await valuesOf('bylaw_build_info')).toEqual([1])
    await scene.until('decisions to be seen', async () => (await valuesOf('sum(bylaw_decisions_total{dry_run="true"}) > 20')).length === 1)
  })

  test('finds the metrics that the README names, and no other but those of every Node process', async () => {
    const shown = [...(await scene.bylaw.metrics()).matchAll(/^# TYPE (bylaw_\S+) /gm)]
      .map(([, name = '']) => name)
      .filter((name) => !/^bylaw_(?:process|nodejs)_/.test(name))
    const [, section = ''] = readFileSync('README.md', 'utf8').split('## Metrics and alerts\n')
    const [table = ''] = section.split('\n## ')
    const named = [...table.matchAll(/^\| `(bylaw_\w+)(?:\{[^}]*\})?` \|/gm)].map(([, name]) => name)
    expect(named).toEqual([...shown].sort())
  })

  test('evaluates every rule without an error', async () => {
    await scene.until('the rules to have been evaluated', async () => {
      const rules = listAt(await ask('/api/v1/rules'), 'data', 'groups').flatMap((group) => listAt(group, 'rules'))
      return rules.length === EXPRESSIONS.length && rules.every((rule) => at(rule, 'health') === 'ok')
    })
    for (const { name, expr } of EXPRESSIONS)
      expect({ name, answer: await ask('/api/v1/query', { query: expr }) }).toMatchObject({ name, answer: { status: 'success' } })
  })

  test('alerts of nothing while all is well', async () => {
    expect((await firing()).map((alert) => at(alert, 'labels', 'alertname'))).toEqual([])
  })

  test('alerts of a policy that cannot be evaluated', async () => {
    await scene.submit(configMap('shop', 'one'), { isDryRun: true })
    await scene.until('the alert', async () => (await firing()).some((alert) => at(alert, 'labels', 'alertname') === 'BylawRuleErrors'))
    const alert = (await firing()).find((one) => at(one, 'labels', 'alertname') === 'BylawRuleErrors')
    expect(at(alert, 'labels')).toMatchObject({ policy: 'limited', code: expect.stringMatching(/^Param/), severity: 'warning' })
  })

  test('alerts of an API server that gets no answer', async () => {
    await scene.killBylaw()
    await scene.until('the alert', async () => (await firing()).some((alert) => at(alert, 'labels', 'alertname') === 'BylawWebhookFailing'))
    await scene.submit(configMap('shop', 'two'), { isDryRun: true })
    await scene.until('the other alert', async () => (await firing()).some((alert) => at(alert, 'labels', 'alertname') === 'BylawFailedOpen'))
  })

  test('knows each metric that a rule names', async () => {
    const known = new Set(listAt(await ask('/api/v1/label/__name__/values'), 'data').map(String))
    const missing = [...new Set(EXPRESSIONS.flatMap(({ expr }) => metricsIn(expr)))].filter((name) => !known.has(name))
    expect(missing).toEqual([])
  })
})
