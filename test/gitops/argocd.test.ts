import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Json } from '../api/resources.ts'
import { poll } from '../controlplane/cluster.ts'
import { at, pathOf, policyOf } from '../e2e/scene.ts'
import { APPS, STORY_MS, SYNC_MS, WORLD_MS, World } from './world.ts'

const NO_LATEST = policyOf('no-latest', "object.spec.containers.all(c, !c.image.endsWith(':latest'))")
const NO_HOST_NETWORK = policyOf('no-host-network', 'object.spec.?hostNetwork.orValue(false) == false')
const PROFILE: Json = { apiVersion: 'bylaw.dev/v1', kind: 'EnforcementProfile', metadata: { name: 'default' } }
const BROKEN = policyOf('broken', 'object.spec.containers.all(c, c.image.')
const STATUS_WRITES = 1000
/** Argo CD also compares when it has finished something, which may be late on a busy machine. */
const FEW = 10
/** After which Argo CD compares everything anew. */
const RESYNC_MS = 5000

const soon = (): string => new Date(Date.now() + 3_600_000).toISOString()
const exception = (namespace: string, name: string, spec: Json = {}): Json => ({
  apiVersion: 'bylaw.dev/v1',
  kind: 'PolicyException',
  metadata: { name, namespace },
  spec: {
    policies: [{ name: 'no-latest', rules: ['*'] }],
    match: { resources: [{ kinds: ['Deployment', 'Pod'], names: [`${name}*`] }] },
    reason: 'the vendor has no tags',
    owner: { team: 'shop', contact: '#shop' },
    expiresAt: soon(),
    ...spec,
  },
})
/** In the namespace where what Argo CD writes is approved. */
const AUTOMATIC = exception('platform-addons', 'vendor')

let world: World
const seconds = (startMs: number): string => `${((Date.now() - startMs) / 1000).toFixed(1)} s`
const figures: string[] = []
const healthOf = async (app: string, name: string): Promise<unknown> =>
  (await world.argo.state(app)).resources.find((resource) => resource.name === name)?.health

beforeAll(async () => {
  world = await World.start({ 'policies/no-latest.yaml': NO_LATEST, 'policies/no-host-network.yaml': NO_HOST_NETWORK, 'exceptions/vendor.yaml': AUTOMATIC })
  await world.plane.createNamespace('platform-addons')
}, WORLD_MS)

afterAll(async () => {
  process.stdout.write(`${figures.map((line) => `gitops: ${line}\n`).join('')}`)
  await world.stop()
}, WORLD_MS)

describe('an empty cluster', () => {
  test(
    'has Bylaw, its profile, policies and exceptions by one Application, each wave after the one before is healthy',
    async () => {
      const startMs = Date.now()
      await world.install()
      await world.untilDefined()
      await world.argo.until('bylaw', 'the profile to be waited for', ({ message }) => message.includes('bylaw-profile'), SYNC_MS)
      expect((await world.argo.state('bylaw-profile')).resources.map(({ health }) => health)).toEqual([
        { status: 'Progressing', message: 'waiting for Bylaw to read the profile' },
      ])
      await world.startBylaw()
      for (const app of ['bylaw', ...APPS]) {
        await world.argo.untilHealthy(app, SYNC_MS)
      }
      figures.push(`installed in waves after ${seconds(startMs)}`)
      expect(await healthOf('bylaw-policies', 'no-latest')).toEqual({ status: 'Healthy', message: 'in force: dev=Observe staging=Warn prod=Deny' })
      expect(at(await world.read(AUTOMATIC), 'status', 'phase')).toBe('Active')
    },
    STORY_MS,
  )
})

describe('what Bylaw writes itself', () => {
  test(
    'is no drift: neither its Secret, Lease and registrations nor the rest of its installation',
    async () => {
      const operator = await world.argo.state('bylaw-operator')
      expect(operator.resources.filter(({ status }) => status !== 'Synced')).toEqual([])
      expect(operator.resources.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['Deployment', 'ClusterRole', 'ConfigMap', 'Service']))
      expect(operator.syncs).toBe(1)
    },
    STORY_MS,
  )

  test(
    'is no drift: a thousand writes of statuses begin no sync, and hardly a comparison',
    async () => {
      const apps = ['bylaw-policies', 'bylaw-profile', 'bylaw-exceptions']
      const begun = async (): Promise<readonly number[]> => Promise.all(apps.map((app) => world.argo.syncsBegun(app)))
      const compared = (): number => apps.reduce((sum, app) => sum + world.argo.comparisonsByChange(app), 0)
      const [begunBefore, comparedBefore] = [await begun(), compared()]
      expect(Math.min(...begunBefore, comparedBefore)).toBeGreaterThan(0)
      const targets = [NO_LATEST, NO_HOST_NETWORK, AUTOMATIC, PROFILE]
      const seen = new Set<string>()
      const startMs = Date.now()
      for (let n = 0; n < STATUS_WRITES; n += 1) {
        const target = targets[n % targets.length] ?? PROFILE
        const decisions = { allowed: n, warned: 0, denied: n, corrected: 0, waived: 0, errors: 0 }
        const summary = { levels: `text ${n}`, policies: `text ${n}`, environments: `text ${n}` }
        await world.patch(target, { status: { decisions, waived: { count: n }, summary } }, '/status')
        if (n % 50 === 0) for (const app of apps) seen.add((await world.argo.state(app)).sync)
      }
      const ms = Date.now() - startMs
      // Another two comparisons by the clock.
      await sleep(2 * RESYNC_MS)
      for (const app of apps) seen.add((await world.argo.state(app)).sync)
      figures.push(`${STATUS_WRITES} writes of statuses in ${ms} ms: ${compared() - comparedBefore} comparisons because of them`)
      expect([...seen]).toEqual(['Synced'])
      expect(await begun()).toEqual(begunBefore)
      expect(compared() - comparedBefore).toBeLessThan(FEW)
    },
    STORY_MS,
  )
})

describe('a hand edit', () => {
  test.each([
    ['of a policy', 'bylaw-policies', NO_LATEST, { spec: { title: 'edited' } }],
    ['of the profile', 'bylaw-profile', PROFILE, { spec: { namespaceLabel: 'example.com/edited' } }],
    ['of an exception', 'bylaw-exceptions', AUTOMATIC, { spec: { reason: 'edited' } }],
  ])(
    'is put back: %s',
    async (_name, app, object, edit) => {
      const specBefore = at(await world.read(object), 'spec')
      const startMs = Date.now()
      await world.patch(object, edit)
      await poll(
        async () => (isDeepStrictEqual(at(await world.read(object), 'spec'), specBefore) ? true : undefined),
        SYNC_MS,
        () => 'the edit stays',
      )
      figures.push(`hand edit ${_name} put back after ${seconds(startMs)}`)
      await world.argo.untilHealthy(app, SYNC_MS)
    },
    STORY_MS,
  )

  test(
    'that deletes a policy is put back',
    async () => {
      const startMs = Date.now()
      await world.plane.request('DELETE', pathOf(NO_LATEST))
      await poll(
        async () => ((await world.read(NO_LATEST)) === undefined ? undefined : true),
        SYNC_MS,
        () => 'the policy stays away',
      )
      figures.push(`deleted policy put back after ${seconds(startMs)}`)
      await world.argo.untilHealthy('bylaw-policies', SYNC_MS)
    },
    STORY_MS,
  )
})

describe('an invalid policy in Git', () => {
  const FILE = { 'policies/broken.yaml': BROKEN }
  const REASON = 'spec.validations[0].expression'

  test(
    'is refused by Bylaw, and the sync says why; the policies of before stay in force',
    async () => {
      const revision = await world.commit('break a policy', FILE)
      await world.argo.refresh('bylaw-policies')
      const failed = await world.argo.until('bylaw-policies', 'a failed sync', ({ message }) => message.includes(REASON), SYNC_MS)
      const result = failed.results.find(({ name }) => name === 'broken')
      expect(result?.status).toBe('SyncFailed')
      expect(result?.message).toContain('admission webhook "bylaw-guard-resources.validate.bylaw.dev" denied the request: the policy has 1 mistake')
      expect(result?.message).toContain(REASON)
      expect(failed.sync).toBe('OutOfSync')
      figures.push(`an invalid policy in Git reads: ${JSON.stringify(result?.message)}`)
      await world.argo.untilSynced('bylaw-policies', await world.git.revert(revision), 'Healthy', SYNC_MS)
    },
    STORY_MS,
  )

  test(
    'that was stored while Bylaw was away is Degraded, with its mistake; reverting the commit mends it',
    async () => {
      await world.killBylaw()
      const revision = await world.commit('break a policy while nobody looks', FILE)
      await world.argo.refresh('bylaw-policies')
      await world.argo.until('bylaw-policies', 'it to be stored', ({ health }) => health === 'Progressing', SYNC_MS)
      expect(await healthOf('bylaw-policies', 'broken')).toEqual({ status: 'Progressing', message: 'waiting for Bylaw to read the policy' })
      await world.startBylaw()
      await world.argo.until('bylaw-policies', 'Degraded', ({ health, sync }) => health === 'Degraded' && sync === 'Synced', SYNC_MS)
      expect(await healthOf('bylaw-policies', 'broken')).toEqual({ status: 'Degraded', message: expect.stringContaining(REASON) })
      expect(await healthOf('bylaw-policies', 'no-latest')).toMatchObject({ status: 'Healthy' })
      await world.argo.untilSynced('bylaw-policies', await world.git.revert(revision), 'Healthy', SYNC_MS)
      expect(await world.read(BROKEN)).toBeUndefined()
    },
    STORY_MS,
  )
})
