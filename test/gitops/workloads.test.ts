import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Json } from '../api/resources.ts'
import { poll } from '../controlplane/cluster.ts'
import { at, deployment, isRecord, listAt, on, policyOf } from '../e2e/scene.ts'
import type { ApplicationState } from './argo-cd.ts'
import { type Change, STORY_MS, SYNC_MS, WORLD_MS, World } from './world.ts'

/** After which Argo CD compares everything anew. */
const RESYNC_MS = 5000

const noLatest = (level: string): Json =>
  policyOf('no-latest', "object.spec.containers.all(c, !c.image.endsWith(':latest'))", { enforcement: { environments: [{ name: 'prod', level }] } })
/** Corrects Pods that mount a token; `templates` says what becomes of the workloads that they come from. */
const noToken = (name: string, templates: string): Json =>
  policyOf(name, 'object.spec.?automountServiceAccountToken.orValue(true) == false', {
    matchConditions: [{ name: 'own', expression: `object.metadata.?labels[?'app'].orValue('').startsWith('${name}')` }],
    enforcement: { environments: [{ name: 'prod', level: 'Correct' }] },
    mutations: [
      {
        name: 'unmount',
        templates,
        patchType: 'ApplyConfiguration',
        applyConfiguration: { expression: 'Object{spec: Object.spec{automountServiceAccountToken: false}}' },
      },
    ],
  })
/** Corrects Deployments themselves, at every update. */
const ALWAYS = policyOf('always', 'object.spec.?revisionHistoryLimit.orValue(10) <= 3', {
  ...on('apps', 'v1', ['deployments'], ['CREATE', 'UPDATE']),
  matchConditions: [{ name: 'own', expression: "object.metadata.name == 'always'" }],
  enforcement: { environments: [{ name: 'prod', level: 'Correct' }] },
  mutations: [
    {
      name: 'limit',
      operations: ['CREATE', 'UPDATE'],
      patchType: 'ApplyConfiguration',
      applyConfiguration: { expression: 'Object{spec: Object.spec{revisionHistoryLimit: 3}}' },
    },
  ],
})
const workload = (name: string, podSpec: Json = {}): Json => deployment('shop', name, podSpec)
const LATEST = { containers: [{ name: 'app', image: 'registry.example/app:latest' }] }

let world: World
const figures: string[] = []
const until = (what: string, holds: () => Promise<boolean>): Promise<true> =>
  poll(
    async () => ((await holds()) ? true : undefined),
    SYNC_MS,
    () => `waited ${SYNC_MS} ms for ${what}`,
  )
const seconds = (startMs: number): string => `${((Date.now() - startMs) / 1000).toFixed(1)} s`

beforeAll(async () => {
  world = await World.start({
    'policies/no-latest.yaml': noLatest('Warn'),
    'policies/leaf.yaml': noToken('leaf', 'Virtual'),
    'policies/template.yaml': noToken('template', 'Apply'),
    'policies/always.yaml': ALWAYS,
    'exceptions/none.yaml': { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'no-exceptions-yet', namespace: 'bylaw-system' } },
    'teams/shop/quiet.yaml': workload('quiet'),
  })
  await world.begin('shop')
}, WORLD_MS)

afterAll(async () => {
  process.stdout.write(`${figures.map((line) => `gitops: ${line}\n`).join('')}`)
  await world.stop()
}, WORLD_MS)

/** The Deployments and Pods of the team, by name, with what they say of the token. */
async function tokens(kind: 'deployments' | 'pods'): Promise<Readonly<Record<string, unknown>>> {
  const { body } = await world.plane.request('GET', kind === 'pods' ? '/api/v1/namespaces/shop/pods' : '/apis/apps/v1/namespaces/shop/deployments')
  const path = kind === 'pods' ? ['spec', 'automountServiceAccountToken'] : ['spec', 'template', 'spec', 'automountServiceAccountToken']
  const app = (item: unknown): string => String(at(item, 'metadata', 'labels', 'app') ?? at(item, 'metadata', 'name'))
  return Object.fromEntries(listAt(body, 'items').map((item) => [app(item), at(item, ...path)]))
}

/** Lets Argo CD compare everything anew some times; how an Application was synced meanwhile, and how many syncs began. */
async function watch(name: string, times: number): Promise<{ readonly seen: readonly string[]; readonly begun: number }> {
  const before = await world.argo.syncsBegun(name)
  const seen = new Set<string>()
  for (const endMs = Date.now() + times * RESYNC_MS; Date.now() < endMs; await sleep(200)) seen.add((await world.argo.state(name)).sync)
  return { seen: [...seen], begun: (await world.argo.syncsBegun(name)) - before }
}

const untilSynced = (name: string, revision: string): Promise<ApplicationState> => {
  const isWanted = (state: ApplicationState): boolean => state.sync === 'Synced' && state.revision === revision && state.phase === 'Succeeded'
  return world.argo.until(name, `Synced at ${revision.slice(0, 8)}`, isWanted, SYNC_MS)
}

/** Commits, and waits until the team's Application is synced at that; its Pods never run, so that it stays Progressing. */
async function sync(name: string, subject: string, change: Change): Promise<ApplicationState> {
  const revision = await world.commit(subject, change)
  await world.argo.refresh(name)
  return untilSynced(name, revision)
}

describe('a corrected workload', () => {
  test(
    'is no drift where its Pods are corrected, nor where a field is that Git does not set',
    async () => {
      await sync('shop', 'add workloads', { 'teams/shop/leaf.yaml': workload('leaf'), 'teams/shop/template.yaml': workload('template') })
      const quiet = { seen: ['Synced'], begun: 0 }
      expect(await watch('shop', 3)).toEqual(quiet)
      expect(await tokens('deployments')).toEqual({ quiet: undefined, leaf: undefined, template: false })
      await until('Pods', async () => Object.keys(await tokens('pods')).length === 3)
      expect(await tokens('pods')).toEqual({ quiet: undefined, leaf: false, template: false })
      await world.annotate('shop', { 'argocd.argoproj.io/compare-options': 'ServerSideDiff=true' })
      expect(await watch('shop', 3)).toEqual(quiet)
      await world.annotate('shop', { 'argocd.argoproj.io/compare-options': null })
    },
    STORY_MS,
  )

  test(
    'has the template of Git where that says something else, after one more sync, and corrected Pods all the same',
    async () => {
      const before = await world.argo.syncsBegun('shop')
      await sync('shop', 'ask for a token', { 'teams/shop/contrary.yaml': workload('template-contrary', { automountServiceAccountToken: true }) })
      await until('Git to win', async () => (await tokens('deployments'))['template-contrary'] === true)
      await world.argo.until('shop', 'Synced', (state) => state.sync === 'Synced' && state.phase === 'Succeeded', SYNC_MS)
      figures.push(`a template corrected against Git: ${(await world.argo.syncsBegun('shop')) - before - 1} more syncs`)
      expect(await watch('shop', 3)).toEqual({ seen: ['Synced'], begun: 0 })
      await until('its Pod', async () => (await tokens('pods'))['template-contrary'] === false)
    },
    STORY_MS,
  )

  test(
    'stays OutOfSync where a policy writes at every update what Git says otherwise: that is what not to do',
    async () => {
      const { spec, ...rest } = workload('always')
      await world.commit('keep ten revisions', { 'teams/shop/always.yaml': { ...rest, spec: { ...(isRecord(spec) ? spec : {}), revisionHistoryLimit: 10 } } })
      await world.argo.refresh('shop')
      await world.argo.until('shop', 'drift', ({ resources }) => resources.some(({ name, status }) => name === 'always' && status === 'OutOfSync'), SYNC_MS)
      const { seen, begun } = await watch('shop', 4)
      expect(seen).toContain('OutOfSync')
      expect(begun).toBeGreaterThan(0)
      figures.push(`a field corrected against Git at every update: ${begun} syncs in ${(4 * RESYNC_MS) / 1000} s, and still OutOfSync`)
      await sync('shop', 'keep as many as there may be', { 'teams/shop/always.yaml': undefined })
    },
    STORY_MS,
  )
})

describe('a denied workload', () => {
  test(
    'shows in Argo CD what Bylaw says, and is admitted when the commit is reverted that raised the level',
    async () => {
      const raised = await world.commit('deny what only warned', { 'policies/no-latest.yaml': noLatest('Deny') })
      await world.argo.untilSynced('bylaw-policies', raised, 'Healthy', SYNC_MS)
      await world.commit('deploy the newest', { 'teams/shop/web.yaml': workload('web', LATEST) })
      await world.argo.refresh('shop')
      const denied = await world.argo.until('shop', 'a refusal', ({ results }) => results.some(({ status }) => status === 'SyncFailed'), SYNC_MS)
      const { message = '' } = denied.results.find(({ name }) => name === 'web') ?? {}
      expect(message.replace(/\(decision \S+\)/, '(decision …)').split('\n')).toEqual([
        'admission webhook "bylaw-prod-fail.validate.bylaw.dev" denied the request: 1 rule refuses this request (decision …)',
        '',
        'no-latest/rule (high): Title of no-latest',
        '  no-latest says no',
        '  - spec.template.spec.containers[0].image ("registry.example/app:latest") must not end with ":latest"',
        '  fix: mend no-latest',
        '  owner: platform (#platform)',
      ])
      expect(await world.read(workload('web'))).toBeUndefined()
      await world.argo.until('shop', 'the whole sync to say so', (state) => state.message.includes('no-latest says no'), SYNC_MS)
      const startMs = Date.now()
      const lowered = await world.git.revert(raised)
      await world.argo.untilSynced('bylaw-policies', lowered, 'Healthy', SYNC_MS)
      figures.push(`rolled back: the policy is in force as before after ${seconds(startMs)}`)
      await world.argo.refresh('shop')
      await untilSynced('shop', lowered)
      figures.push(`rolled back: the denied workload is there after ${seconds(startMs)}`)
      expect(await world.read(workload('web'))).toBeDefined()
    },
    STORY_MS,
  )
})
