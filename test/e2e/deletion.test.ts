import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import type { Json } from '../api/resources.ts'
import { installDefinitions } from '../support/operator.ts'
import { at, isRecord, listAt, pod, policyOf, SCENE_MS, Scene, TEST_MS } from './scene.ts'

const DEFINITIONS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'
const OURS = `${DEFINITIONS}/policies.bylaw.dev`
const LEASE = '/apis/coordination.k8s.io/v1/namespaces/bylaw-system/leases/bylaw'
const POLICIES = '/apis/bylaw.dev/v1/policies'
const MERGE = 'application/merge-patch+json'

const QUIET_MS = 1500
const CONFIRMED_MS = 10_000
const COUNT = 12
const many: readonly Json[] = Array.from({ length: COUNT }, (_, index) => policyOf(`never-${index}`, "object.metadata.name == ''"))
const rest = policyOf('rest', 'true')

let scene: Scene

beforeAll(async () => {
  scene = await Scene.start()
  await scene.plane.createNamespace('kept')
}, SCENE_MS)

afterAll(() => scene.stop())

const isRefused = async (): Promise<boolean> => (await scene.submit(pod('kept', 'any'), { isDryRun: true })).status === 403
const confirm = () => scene.plane.request('PATCH', LEASE, { body: { metadata: { annotations: { 'bylaw.dev/confirm-shrink': 'yes' } } }, contentType: MERGE })

describe('a definition of Bylaw', () => {
  test('cannot be deleted, by itself or with all others, and the refusal says how it can', async () => {
    for (const path of [OURS, `${DEFINITIONS}`]) {
      const { status, body } = await scene.plane.request('DELETE', path)
      expect({ status, message: at(body, 'message') }).toEqual({
        status: 403,
        message: expect.stringMatching(
          /^admission webhook "bylaw-guard-definitions\.validate\.bylaw\.dev" denied the request: deleting `[a-z]+\.bylaw\.dev` would delete every object of its kind, and with them what they enforce\nto delete it all the same: kubectl annotate crd [a-z]+\.bylaw\.dev bylaw\.dev\/allow-deletion=true$/,
        ),
      })
    }
    expect((await scene.plane.request('GET', OURS)).status).toBe(200)
  })

  test('of someone else can be deleted', async () => {
    const theirs = {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: 'things.example.com' },
      spec: {
        group: 'example.com',
        scope: 'Cluster',
        names: { plural: 'things', kind: 'Thing' },
        versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }],
      },
    }
    expect((await scene.plane.request('POST', DEFINITIONS, { body: theirs })).status).toBe(201)
    expect((await scene.plane.request('DELETE', `${DEFINITIONS}/things.example.com`)).status).toBe(200)
  })
})

describe('policies that are gone from view', () => {
  async function serve(served: boolean): Promise<void> {
    const { body } = await scene.plane.request('GET', OURS)
    const versions = listAt(body, 'spec', 'versions').map((version) => (isRecord(version) ? { ...version, served } : version))
    expect((await scene.plane.request('PATCH', OURS, { body: { spec: { versions } }, contentType: MERGE })).status).toBe(200)
    await scene.until('the definition to follow', async () => (await scene.plane.request('GET', POLICIES)).status === (served ? 200 : 404))
  }

  test(
    'because the API server does not serve them for a while stay in force: that is an outage, not an empty list',
    async () => {
      const [few = rest] = many
      await scene.enforce(few)
      const before = await scene.metric('bylaw_watch_restarts_total')
      await serve(false)
      await scene.until('the watch to have failed twice', async () => (await scene.metric('bylaw_watch_restarts_total')) >= before + 2)
      expect(await isRefused()).toBe(true)
      await serve(true)
      await scene.enforce(rest)
      expect(await isRefused()).toBe(true)
      await scene.withdraw(few, rest)
      expect(await isRefused()).toBe(false)
    },
    TEST_MS,
  )
})

describe('more than half of ten or more policies, deleted at once,', () => {
  beforeEach(() => scene.enforce(...many, rest), TEST_MS)

  const deleteAll = () => scene.plane.request('DELETE', `${POLICIES}?fieldSelector=metadata.name!=rest`)

  test(
    'stay in force until the shrink is confirmed on the Lease',
    async () => {
      expect((await deleteAll()).status).toBe(200)
      expect(await scene.waitForCondition(rest, 'Enforced', 'Unknown')).toEqual({
        reason: 'SuspiciousShrink',
        message: 'more than half of the policies went away within a minute; the rule set before that stays in force until it is confirmed',
      })
      // The confirmation has to count by itself, not with the next event that happens to come.
      await sleep(QUIET_MS)
      expect(await isRefused()).toBe(true)
      expect((await confirm()).status).toBe(200)
      await scene.until('the confirmation to count', async () => !(await isRefused()), CONFIRMED_MS)
      await scene.waitForCondition(rest, 'Enforced', 'True')
      expect(at((await scene.plane.request('GET', LEASE)).body, 'metadata', 'annotations', 'bylaw.dev/confirm-shrink')).toBeUndefined()
    },
    TEST_MS,
  )

  test(
    'and a confirmation counts once and not in advance: the next shrink is held again, until the policies are back',
    async () => {
      expect((await confirm()).status).toBe(200)
      expect((await deleteAll()).status).toBe(200)
      await scene.waitForCondition(rest, 'Enforced', 'Unknown')
      await sleep(QUIET_MS)
      expect(await isRefused()).toBe(true)
      await scene.enforce(...many)
      await scene.waitForCondition(rest, 'Enforced', 'True')
    },
    TEST_MS,
  )

  test(
    'with their definition, once it is annotated, are held as well',
    async () => {
      expect(
        (await scene.plane.request('PATCH', OURS, { body: { metadata: { annotations: { 'bylaw.dev/allow-deletion': 'true' } } }, contentType: MERGE })).status,
      ).toBe(200)
      expect((await scene.plane.request('DELETE', OURS)).status).toBe(200)
      await scene.until('the definition to be gone', async () => (await scene.plane.request('GET', OURS)).status === 404)
      expect(await isRefused()).toBe(true)
      await installDefinitions(scene.plane)
      await scene.apply(rest)
      await scene.waitForCondition(rest, 'Enforced', 'Unknown')
      expect(await isRefused()).toBe(true)
      expect((await confirm()).status).toBe(200)
      await scene.until('the confirmation to count', async () => !(await isRefused()))
    },
    TEST_MS,
  )
})
