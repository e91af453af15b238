import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Json } from '../api/resources.ts'
import { at, configMap, deployment, everywhere, isRecord, policyOf } from '../e2e/scene.ts'
import { approve } from './approve.ts'
import { STORY_MS, SYNC_MS, WORLD_MS, World } from './world.ts'

const noLatest = (name: string): Json => policyOf(name, "object.spec.containers.all(c, !c.image.endsWith(':latest'))", { enforcement: everywhere('Deny') })
const HOW = (name: string): string =>
  `nobody has approved it; whoever holds the verb except on policies.bylaw.dev no-latest approves it by: bylaw approve ${name} -n shop`
/** After which Argo CD compares everything anew. */
const RESYNC_MS = 5000
const ENDS_AFTER_MS = 20_000

const exception = (namespace: string, name: string, spec: Json = {}, annotations: Json = {}): Json => ({
  apiVersion: 'bylaw.dev/v1',
  kind: 'PolicyException',
  metadata: { name, namespace, annotations },
  spec: {
    policies: [{ name: 'no-latest', rules: ['*'] }],
    match: { resources: [{ kinds: ['Deployment', 'Pod'], names: [`${name}*`] }] },
    reason: 'the vendor has no tags',
    owner: { team: 'shop', contact: '#shop' },
    expiresAt: new Date(Date.now() + 3_600_000).toISOString(),
    ...spec,
  },
})
const wave = (number: number): Json => ({ 'argocd.argoproj.io/sync-wave': String(number) })
/** A Deployment without Pods, which Argo CD takes for healthy, of a later wave. */
function workload(name: string): Json {
  const { spec, ...rest } = deployment('shop', name, { containers: [{ name: 'app', image: 'registry.example/app:latest' }] })
  return { ...rest, metadata: { name, namespace: 'shop', annotations: wave(1) }, spec: { ...(isRecord(spec) ? spec : {}), replicas: 0 } }
}

let world: World
const figures: string[] = []
const seconds = (startMs: number): string => `${((Date.now() - startMs) / 1000).toFixed(1)} s`
const healthOf = async (app: string, name: string): Promise<unknown> =>
  (await world.argo.state(app)).resources.find((resource) => resource.name === name)?.health

beforeAll(async () => {
  world = await World.start({
    'policies/no-latest.yaml': noLatest('no-latest'),
    'exceptions/vendor.yaml': exception('platform-addons', 'vendor'),
    'teams/shop/settings.yaml': configMap('shop', 'settings', { version: '1' }),
  })
  await world.plane.createNamespace('platform-addons')
  await world.begin('shop')
}, WORLD_MS)

afterAll(async () => {
  process.stdout.write(`${figures.map((line) => `gitops: ${line}\n`).join('')}`)
  await world.stop()
}, WORLD_MS)

describe('a pending exception', () => {
  test(
    'is Suspended and tells who approves it; the workload of the wave after it waits for that, and so does the next commit',
    async () => {
      const [asked, waiting] = [exception('shop', 'old', {}, wave(0)), workload('old-importer')]
      await world.commit('ask for an exception', { 'teams/shop/exception.yaml': asked, 'teams/shop/old.yaml': waiting })
      await world.argo.refresh('shop')
      const told = 'waiting for healthy state of bylaw.dev/PolicyException/old'
      await world.argo.until('shop', 'Suspended', ({ health, message }) => health === 'Suspended' && message === told, SYNC_MS)
      expect(await healthOf('shop', 'old')).toEqual({ status: 'Suspended', message: HOW('old') })
      const next = await world.commit('go on', { 'teams/shop/settings.yaml': configMap('shop', 'settings', { version: '2' }) })
      await world.argo.refresh('shop')
      await sleep(2 * RESYNC_MS)
      expect(await world.argo.state('shop')).toMatchObject({ health: 'Suspended', phase: 'Running' })
      expect(at(await world.read(configMap('shop', 'settings')), 'data')).toEqual({ version: '1' })
      expect(await world.read(waiting)).toBeUndefined()

      const startMs = Date.now()
      expect(await approve(world.plane, 'old', 'shop')).toContain('shop/old: approved')
      await world.argo.untilSynced('shop', next, 'Healthy', SYNC_MS)
      figures.push(`approved: Synced and Healthy, and the next commit too, after ${seconds(startMs)}`)
      expect(await healthOf('shop', 'old')).toEqual({ status: 'Healthy', message: expect.stringMatching(/^approved by `approver` at /) })
      expect(await world.read(waiting)).toBeDefined()
      expect(at(await world.read(configMap('shop', 'settings')), 'data')).toEqual({ version: '2' })
    },
    STORY_MS,
  )

  test(
    'keeps its approval through syncs, and loses it by a hand edit, though that is put back',
    async () => {
      const asked = exception('shop', 'old')
      await world.plane.request('PATCH', '/apis/argoproj.io/v1alpha1/namespaces/argocd/applications/shop', {
        body: { operation: { sync: { syncStrategy: { hook: {} } } } },
        contentType: 'application/merge-patch+json',
      })
      await sleep(RESYNC_MS)
      expect(await world.argo.state('shop')).toMatchObject({ sync: 'Synced', health: 'Healthy' })
      await world.patch(asked, { spec: { reason: 'edited' } })
      await world.argo.until('shop', 'Suspended', ({ health, sync }) => health === 'Suspended' && sync === 'Synced', SYNC_MS)
      expect(at(await world.read(asked), 'spec', 'reason')).toBe('the vendor has no tags')
      await approve(world.plane, 'old', 'shop')
      await world.argo.until('shop', 'Healthy', ({ health, sync }) => health === 'Healthy' && sync === 'Synced', SYNC_MS)
    },
    STORY_MS,
  )
})

describe('where what Argo CD writes counts as approved', () => {
  test(
    'an exception is Active without a person, and Healthy when it has expired, so that later syncs go on',
    async () => {
      const ending = exception('platform-addons', 'ending', { expiresAt: new Date(Date.now() + ENDS_AFTER_MS).toISOString() })
      await world.sync('bylaw-exceptions', 'except for a moment', { 'exceptions/ending.yaml': ending })
      expect(await healthOf('bylaw-exceptions', 'vendor')).toEqual({
        status: 'Healthy',
        message: expect.stringMatching(/^approved by `system:serviceaccount:argocd:argocd-application-controller` at /),
      })
      await world.argo.until(
        'bylaw-exceptions',
        'its end',
        ({ resources }) => resources.some(({ name, health }) => name === 'ending' && health?.message?.startsWith('expired, waives nothing any more') === true),
        SYNC_MS,
      )
      expect(await healthOf('bylaw-exceptions', 'ending')).toMatchObject({ status: 'Healthy' })
      await world.sync('bylaw-exceptions', 'remove it', { 'exceptions/ending.yaml': undefined })
      expect(await world.read(ending)).toBeUndefined()
    },
    STORY_MS,
  )

  test(
    'an exception that came before its policy stays pending until a person approves it',
    async () => {
      const early = exception('platform-addons', 'early', { policies: [{ name: 'later', rules: ['*'] }] })
      await world.sync('bylaw-exceptions', 'except from a policy to come', { 'exceptions/early.yaml': early }, 'Suspended')
      expect(await healthOf('bylaw-exceptions', 'early')).toMatchObject({ status: 'Suspended', message: expect.stringContaining('there is no policy `later`') })
      await world.sync('bylaw-policies', 'add the policy', { 'policies/later.yaml': noLatest('later') })
      await sleep(2 * RESYNC_MS)
      expect(await healthOf('bylaw-exceptions', 'early')).toMatchObject({ status: 'Suspended' })
      await approve(world.plane, 'early', 'platform-addons')
      await world.argo.until('bylaw-exceptions', 'Healthy', ({ health }) => health === 'Healthy', SYNC_MS)
    },
    STORY_MS,
  )
})
