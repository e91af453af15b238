import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { readHeads, readSegments, verifyLog } from '../../src/evidence/index.ts'
import type { Json } from '../api/resources.ts'
import { at, configMap, deployment, everywhere, isRecord, listAt, on, pod, policyOf, SCENE_MS, Scene, TEST_MS } from './scene.ts'

/** `BYLAW_STRESS=full` kills as often as it is claimed to hold; otherwise the same is done with less of it. */
const FULL = process.env['BYLAW_STRESS'] === 'full'
const MIXED = 500
const KILLS = FULL ? 10 : 2
const KILLED_REQUESTS = FULL ? 5000 : 600
const CLIENTS = 20
const STRESS_MS = FULL ? 900_000 : 4 * TEST_MS
const NAMESPACES = ['ev-prod', 'ev-staging', 'ev-dev']

const NO_BAD = policyOf('no-bad', "!('bad' in object.?data.orValue({}))", on('', 'v1', ['configmaps'], ['CREATE', 'UPDATE']))
const NON_ROOT = policyOf('non-root', 'object.spec.containers.all(c, c.?securityContext.?runAsNonRoot.orValue(false))')
const KEEP = policyOf('keep', "!has(oldObject.metadata.labels) || !('keep' in oldObject.metadata.labels)", on('', 'v1', ['configmaps', 'secrets'], ['DELETE']))
const LABELLED = policyOf('labelled', "has(object.metadata.labels) && 'team' in object.metadata.labels", {
  ...on('rbac.authorization.k8s.io', 'v1', ['clusterroles'], ['CREATE']),
  enforcement: everywhere('Deny'),
})

let scene: Scene
let folder: string

beforeAll(async () => {
  scene = await Scene.start({}, (plane) => {
    folder = join(plane.dir, 'evidence')
    mkdirSync(folder)
    return { flags: ['--evidence-dir', folder] }
  })
  await scene.plane.createNamespace('ev-prod')
  await scene.plane.createNamespace('ev-staging', { 'bylaw.dev/environment': 'staging' })
  await scene.plane.createNamespace('ev-dev', { 'bylaw.dev/environment': 'dev' })
  await scene.enforce(NO_BAD, NON_ROOT, KEEP, LABELLED)
}, SCENE_MS)

afterAll(() => scene.stop())

/** All lines of the log. */
function logLines(): readonly Json[] {
  const files = readdirSync(folder).sort()
  return files.flatMap((file) =>
    readFileSync(join(folder, file), 'utf8')
      .split('\n')
      .slice(0, -1)
      .map((line): Json => JSON.parse(line)),
  )
}

const decisions = (): readonly Json[] => logLines().filter(({ kind }) => kind === 'decision')

/** What the API server's own log says was decided: effect by decision. */
function auditedDecisions(): ReadonlyMap<string, string> {
  const audited = new Map<string, string>()
  for (const { annotations = {} } of scene.plane.auditEvents()) {
    for (const [key, decision] of Object.entries(annotations)) {
      if (key.endsWith('.bylaw.dev/decision') && decision !== 'none') audited.set(decision, annotations[key.replace(/decision$/, 'effect')] ?? '')
    }
  }
  return audited
}

const effects = (records: readonly Json[]): ReadonlyMap<string, string> => new Map(records.map(({ id, effect }) => [String(id), String(effect)]))

/** The ends of the chains, as they are anchored. */
async function anchoredHeads() {
  const { body } = await scene.plane.request('GET', '/api/v1/namespaces/bylaw-system/configmaps/bylaw-evidence-heads')
  return readHeads(isRecord(body) ? body['data'] : undefined)
}

async function verify() {
  return verifyLog({ segments: await readSegments(folder), heads: await anchoredHeads() })
}

/** One of the many things that people do. */
async function actOnce(index: number): Promise<void> {
  const namespace = NAMESPACES[index % 3] ?? ''
  const name = `thing-${index}`
  const as = ['admin', 'requester', 'dev', 'alice', 'system:serviceaccount:ev-prod:builder'][index % 5] ?? 'admin'
  const isDryRun = index % 7 === 0
  const data: Json = index % 2 === 0 ? { fine: 'yes' } : { bad: 'yes' }
  switch (index % 8) {
    case 0:
    case 1:
    case 2:
      await scene.submit(configMap(namespace, name, data), { as, isDryRun })
      return
    case 3:
      await scene.submit(pod(namespace, name, index % 3 === 0 ? {} : { containers: [{ name: 'a', image: 'a', securityContext: { runAsNonRoot: true } }] }), {
        as,
        isDryRun,
      })
      return
    case 4:
      await scene.submit(deployment(namespace, name), { as, isDryRun })
      return
    case 5: {
      await scene.submit({ ...configMap(namespace, '', data), metadata: { namespace, generateName: 'made-' } }, { as, isDryRun })
      return
    }
    case 6: {
      const kept = { ...configMap(namespace, name, {}), metadata: { namespace, name, labels: { keep: 'yes' } } }
      await scene.submit(kept)
      await scene.submit(kept, { method: 'PATCH', as, isDryRun })
      await scene.submit(kept, { method: 'DELETE', as, isDryRun })
      return
    }
    default:
      await scene.submit(
        {
          apiVersion: 'rbac.authorization.k8s.io/v1',
          kind: 'ClusterRole',
          metadata: { name, ...(index % 2 === 0 ? {} : { labels: { team: 'a' } }) },
          rules: [],
        },
        { isDryRun },
      )
  }
}

async function inParallel(count: number, clients: number, act: (index: number) => Promise<void>): Promise<void> {
  let next = 0
  const client = async (): Promise<void> => {
    while (next < count) await act(next++)
  }
  await Promise.all(Array.from({ length: clients }, client))
}

describe('the decision log', () => {
  test(
    `has a record of each of ${MIXED} mixed requests, with the verdict that the API server heard`,
    async () => {
      await inParallel(MIXED, 10, actOnce)
      await scene.until('the audit log', () => auditedDecisions().size >= effects(decisions()).size)
      const recorded = effects(decisions())
      expect(recorded).toEqual(auditedDecisions())
      expect(recorded.size).toBeGreaterThan(MIXED / 2)
      expect(new Set(recorded.values())).toEqual(new Set(['allow', 'warn', 'deny']))
      const users = new Set(decisions().map((record) => at(record, 'request', 'user', 'name')))
      expect([...users]).toEqual(expect.arrayContaining(['admin', 'requester', 'dev']))
    },
    STRESS_MS,
  )

  test(
    'has dry runs, which are not counted',
    async () => {
      const before = await scene.metric('bylaw_policy_decisions_total', { policy: 'no-bad', effect: 'deny' })
      await scene.submit(configMap('ev-prod', 'rehearsal', { bad: 'yes' }), { isDryRun: true })
      const record = decisions().find((candidate) => at(candidate, 'request', 'name') === 'rehearsal')
      expect({ effect: record?.['effect'], dryRun: at(record, 'request', 'dryRun') }).toEqual({ effect: 'deny', dryRun: true })
      expect(await scene.metric('bylaw_policy_decisions_total', { policy: 'no-bad', effect: 'deny' })).toBe(before)
    },
    TEST_MS,
  )

  test(
    'tells who did what, what was decided and what that depended on',
    async () => {
      await scene.submit(configMap('ev-prod', 'told', { bad: 'yes' }), { as: 'requester' })
      const record = decisions().find((candidate) => at(candidate, 'request', 'name') === 'told')
      expect(record).toMatchObject({
        kind: 'decision',
        schemaVersion: 1,
        effect: 'deny',
        environment: 'prod',
        request: {
          operation: 'CREATE',
          group: '',
          version: 'v1',
          resource: 'configmaps',
          kind: 'ConfigMap',
          namespace: 'ev-prod',
          name: 'told',
          user: { name: 'requester' },
          dryRun: false,
        },
        policies: [{ policy: 'no-bad', level: 'Deny', outcomes: [{ rule: 'rule', result: 'fail', effect: 'deny', message: 'no-bad says no' }] }],
        dependsOn: { ruleSet: expect.stringMatching(/^[0-9a-f]{16}$/), namespaceResourceVersion: expect.stringMatching(/^\d+$/) },
        failureClass: 'fail',
        lane: 'equivalent',
      })
      const ruleSet = logLines().findLast(({ kind }) => kind === 'ruleSet')
      expect(listAt(ruleSet, 'policies').map((policy) => at(policy, 'policy'))).toEqual(['keep', 'labelled', 'no-bad', 'non-root'])
    },
    TEST_MS,
  )

  test(
    'is verified, with its end anchored in the cluster',
    async () => {
      await scene.until('an anchor', async () => (await anchoredHeads()).length > 0)
      const { problems, findings, chains } = await verify()
      expect(findings.map(({ code }) => code)).toEqual(['OpenEnd'])
      expect(problems).toBe(0)
      expect(chains.map(({ decisions: count }) => count)).toEqual([decisions().length])
    },
    TEST_MS,
  )

  test(
    `loses nothing that was answered when the process is killed ${KILLS} times amid ${KILLED_REQUESTS} requests`,
    async () => {
      let sent = 0
      let isOver = false
      const load = inParallel(KILLED_REQUESTS, CLIENTS, async (index) => {
        sent += 1
        await scene.submit(configMap(NAMESPACES[index % 3] ?? '', `killed-${index}`, index % 2 === 0 ? {} : { bad: 'yes' }), { isDryRun: true })
      }).finally(() => {
        isOver = true
      })
      for (let kill = 1; kill <= KILLS; kill++) {
        await scene.until('requests', () => isOver || sent >= (kill * KILLED_REQUESTS) / (KILLS + 1))
        await scene.killBylaw()
        await scene.startBylaw()
      }
      await load
      await scene.until('the audit log', () => auditedDecisions().size > 0)
      const recorded = effects(decisions())
      const audited = auditedDecisions()
      expect([...audited].filter(([id, effect]) => recorded.get(id) !== effect)).toEqual([])
      const { problems, chains } = await verify()
      expect(problems).toBe(0)
      expect(chains).toHaveLength(KILLS + 1)
    },
    STRESS_MS,
  )

  test(
    'ends with a signed end when the operator is asked to stop',
    async () => {
      expect(await scene.bylaw.stop()).toContain('code 0')
      const last = logLines().at(-1)
      expect(last?.['kind']).toBe('end')
      const heads = await anchoredHeads()
      expect(heads.find(({ seq, hash }) => seq === last?.['seq'] && hash.length === 64)?.isEnded).toBe(true)
      expect((await verify()).problems).toBe(0)
      await scene.startBylaw()
    },
    TEST_MS,
  )
})
