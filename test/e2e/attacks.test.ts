import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { parsePolicyException } from '../../src/api/index.ts'
import { specDigestOf } from '../../src/rules/index.ts'
import type { Json } from '../api/resources.ts'
import { TENANT_NAMESPACE } from '../controlplane/users.ts'
import { runApprove } from '../support/approve.ts'
import { APPROVAL, ASSIGN, bad, exception, exceptionPath, good, HIDING, inMs, LABEL, REACHING, TenantScene } from './attacks.ts'
import { type Answer, at, listAt, pathOf, pod, SCENE_MS, type Scene, TEST_MS } from './scene.ts'

let tenant: TenantScene
let scene: Scene

beforeAll(async () => {
  tenant = await TenantScene.start()
  scene = tenant.scene
}, SCENE_MS)

afterAll(() => scene.stop())

const denials = (policy: string): Promise<number> => scene.metric('bylaw_policy_decisions_total', { policy, effect: 'deny' })

describe('a tenant hides what a policy refuses in', () => {
  test.each(Object.entries(HIDING))(
    '%s: refused, and counted',
    async (_name, [policy, attack]) => {
      const before = await denials(policy)
      const { status, message } = await attack(tenant)
      expect({ status, isTold: message.includes(`${policy} says no`) }).toEqual({ status: 403, isTold: true })
      // Of a collection each object is a decision.
      expect(await denials(policy)).toBeGreaterThan(before)
    },
    TEST_MS,
  )

  test('an object that is going away: it passes, since nothing else lets it go, with a warning that is counted', async () => {
    const going = { ...good('going'), metadata: { name: 'going', namespace: TENANT_NAMESPACE, finalizers: ['example.com/hold'] } }
    await scene.put(going)
    await tenant.send('DELETE', `${pathOf(going)}?gracePeriodSeconds=0`)
    const before = await scene.metric('bylaw_policy_decisions_total', { policy: 'our-team', effect: 'warn' })
    const { status, warnings } = await tenant.send('PATCH', pathOf(going), { metadata: { labels: { team: 'theirs' } } })
    expect({ status, warning: warnings[0] }).toEqual({ status: 200, warning: expect.stringContaining('never denied') })
    expect(await scene.metric('bylaw_policy_decisions_total', { policy: 'our-team', effect: 'warn' })).toBe(before + 1)
    await tenant.send('PATCH', pathOf(going), { metadata: { finalizers: null } })
  })
})

describe('a tenant reaches for what is not his, and', () => {
  test.each(Object.entries(REACHING))(
    '%s: refused, and nothing has changed',
    async (_name, [says, attack]) => {
      const { status, message } = await attack(tenant)
      expect({ status, message }).toEqual({ status: 403, message: expect.stringContaining(says) })
      expect((await tenant.submit(bad('still-refused'), { isDryRun: true })).status).toBe(403)
    },
    TEST_MS,
  )

  test('deletes his namespace and makes it anew with the label: the new one is refused too', async () => {
    const own = (labels: Json): Json => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'his-own', labels } })
    expect((await tenant.submit(own({}))).status).toBe(201)
    expect((await tenant.submit(own({}), { method: 'DELETE' })).status).toBe(200)
    await scene.plane.request('PUT', '/api/v1/namespaces/his-own/finalize', { body: { ...own({}), spec: { finalizers: [] } } })
    await scene.until(
      'it to be gone',
      async () => (await scene.read(own({}))) !== undefined && (await scene.plane.request('GET', pathOf(own({})))).status === 404,
    )
    expect(await tenant.submit(own({ [LABEL]: 'dev' }))).toMatchObject({ status: 403, message: expect.stringContaining(ASSIGN) })
  })
})

const approve = (user: string, name: string) => runApprove(scene.plane.kubeconfigFor(user), [name, '-n', TENANT_NAMESPACE])
const approvalOf = async (object: Json): Promise<unknown> => at(await scene.read(object), 'metadata', 'annotations', APPROVAL)
const change = (name: string, body: Json): Promise<Answer> => tenant.send('PATCH', `${exceptionPath(TENANT_NAMESPACE)}/${name}`, body)
const phaseOf = async (object: Json): Promise<unknown> => at(await scene.read(object), 'status', 'phase')
const untilPhase = (object: Json, phase: string): Promise<void> => scene.until(`phase ${phase}`, async () => (await phaseOf(object)) === phase)

async function approved(name: string, spec: Json = {}): Promise<Json> {
  const made = exception(name, spec)
  expect((await tenant.submit(made)).status).toBe(201)
  expect(await approve('security', name)).toMatchObject({ code: 0 })
  await scene.until('it to waive', async () => (await tenant.attempt(`${name}-1`)).status === 201)
  return made
}

/** Whoever is refused reads why the exception does not count. */
async function expectNoEffect(name: string, why: string): Promise<void> {
  await scene.until('the exception to be known', async () => (await tenant.attempt(`${name}-1`)).message.includes(`exception \`${TENANT_NAMESPACE}/${name}\``))
  expect(await tenant.attempt(`${name}-1`)).toMatchObject({ status: 403, message: expect.stringContaining(why) })
}

const forgedEvents = async (name: string): Promise<number> =>
  listAt((await scene.plane.request('GET', `/apis/events.k8s.io/v1/namespaces/${TENANT_NAMESPACE}/events`)).body, 'items').filter(
    (event) => at(event, 'reason') === 'ForgedApproval' && at(event, 'regarding', 'name') === name,
  ).length

const PENDING = 'it is pending, nobody has approved it'
const FOREIGN = 'it is pending, its approval is not from Bylaw, or not for it'

describe('a tenant wants an exception that nobody gave him, and', () => {
  test.each<readonly [string, () => Promise<void>]>([
    [
      'approves his own by `bylaw approve`: refused',
      async () => {
        const own = exception('own')
        expect((await tenant.submit(own)).status).toBe(201)
        const { code, text } = await approve('tenant', 'own')
        expect({ code, text }).toEqual({ code: 1, text: expect.stringContaining('needs the verb `except` on `policies.bylaw.dev` `no-root`') })
        await expectNoEffect('own', PENDING)
        await untilPhase(own, 'Pending')
      },
    ],
    [
      'approves his own by the annotation, with the right digest: refused',
      async () => {
        const own = exception('digest')
        await tenant.submit(own)
        const parsed = parsePolicyException(own)
        const digest = parsed.ok ? specDigestOf(parsed.value) : ''
        expect(await change('digest', { metadata: { annotations: { 'bylaw.dev/approve': digest } } })).toMatchObject({
          status: 403,
          message: expect.stringContaining('needs the verb `except`'),
        })
        await expectNoEffect('digest', PENDING)
      },
    ],
    [
      'approves it as it is made, under a name that is made for it: refused or pending',
      async () => {
        const made = exception('generated', {}, { name: undefined, generateName: 'generated-', annotations: { 'bylaw.dev/approve': '00' } })
        const { status, warnings } = await tenant.send('POST', exceptionPath(TENANT_NAMESPACE), made)
        expect({ status, warning: warnings[0] }).toEqual({
          status: 201,
          warning: expect.stringContaining('the exception is pending: an exception without a name cannot be approved'),
        })
        expect((await tenant.attempt('generated-1')).status).toBe(403)
      },
    ],
    [
      'forges a stamp: it is taken off, and an Event says whose it was',
      async () => {
        const forged = exception('forged', {}, { annotations: { [APPROVAL]: '{"approver":"boss","approvedAt":"2026-01-01T00:00:00Z","mac":"00"}' } })
        expect((await tenant.submit(forged)).status).toBe(201)
        expect(await approvalOf(forged)).toBeUndefined()
        await expectNoEffect('forged', PENDING)
        await scene.until('an Event', async () => (await forgedEvents('forged')) > 0)
      },
    ],
    [
      'copies the stamp of another exception: it is taken off, and an Event says so',
      async () => {
        const stamp = await approvalOf(await approved('good'))
        expect(typeof stamp).toBe('string')
        const copied = exception('copied', {}, { annotations: { [APPROVAL]: stamp } })
        await tenant.submit(copied)
        expect(await approvalOf(copied)).toBeUndefined()
        await expectNoEffect('copied', PENDING)
        await scene.until('an Event', async () => (await forgedEvents('copied')) > 0)
      },
    ],
    [
      'strips the stamp of an approved one: it stays',
      async () => {
        const stripped = await approved('stripped')
        expect((await change('stripped', { metadata: { annotations: null } })).status).toBe(200)
        expect(typeof (await approvalOf(stripped))).toBe('string')
        const bare = {
          ...stripped,
          metadata: { name: 'stripped', namespace: TENANT_NAMESPACE, resourceVersion: at(await scene.read(stripped), 'metadata', 'resourceVersion') },
        }
        expect((await tenant.submit(bare, { method: 'PUT' })).status).toBe(200)
        expect((await tenant.attempt('stripped-1')).status).toBe(201)
      },
    ],
    [
      'replays the stamp of one that was revoked by deletion: it is taken off',
      async () => {
        const revoked = await approved('revoked')
        const stamp = await approvalOf(revoked)
        await scene.submit(revoked, { method: 'DELETE' })
        const again = { ...revoked, metadata: { name: 'revoked', namespace: TENANT_NAMESPACE, annotations: { [APPROVAL]: stamp } } }
        await tenant.submit(again)
        expect(await approvalOf(again)).toBeUndefined()
        await expectNoEffect('revoked', PENDING)
      },
    ],
    [
      'replays and forges stamps while Bylaw is away: they are there, and count for nothing',
      async () => {
        const revoked = await approved('replayed')
        const stamp = await approvalOf(revoked)
        await scene.submit(revoked, { method: 'DELETE' })
        await scene.killBylaw()
        await tenant.submit({ ...revoked, metadata: { name: 'replayed', namespace: TENANT_NAMESPACE, annotations: { [APPROVAL]: stamp } } })
        await tenant.submit(exception('absent', {}, { annotations: { [APPROVAL]: '{"approver":"boss","approvedAt":"2026-01-01T00:00:00Z","mac":"00"}' } }))
        await scene.startBylaw()
        await expectNoEffect('replayed', FOREIGN)
        await expectNoEffect('absent', FOREIGN)
        await untilPhase(revoked, 'Pending')
      },
    ],
    [
      'widens what was approved: it is pending again, for what was approved too',
      async () => {
        const widened = await approved('widened')
        const match = { resources: [{ kinds: ['Pod'], names: ['widened-*', 'anything-*'] }] }
        expect((await change('widened', { spec: { match } })).status).toBe(200)
        await scene.until('the approval to be gone', async () => (await tenant.attempt('widened-1')).status === 403)
        expect(await tenant.attempt('anything-1')).toMatchObject({ status: 403, message: expect.stringContaining('it is pending') })
        await untilPhase(widened, 'Pending')
      },
    ],
    [
      'outlives the end: it is over by the clock, and a later end is pending',
      async () => {
        const ending = await approved('ending', { expiresAt: inMs(20_000) })
        await scene.until('its end', async () => (await tenant.attempt('ending-1')).status === 403)
        expect((await tenant.attempt('ending-1')).message).toContain('does not count: it expired at ')
        expect((await change('ending', { spec: { expiresAt: inMs(3_600_000) } })).status).toBe(200)
        await scene.until('it to be pending', async () => (await tenant.attempt('ending-1')).message.includes('it is pending'))
        await untilPhase(ending, 'Pending')
      },
    ],
    [
      'has one approved for ever: it ends when the policy says, and the approver is told',
      async () => {
        const far = exception('far', { expiresAt: '2126-01-01T00:00:00Z' })
        await tenant.submit(far)
        const { code, text } = await approve('security', 'far')
        expect({ code, text }).toEqual({ code: 0, text: expect.stringContaining('after 720h') })
        await untilPhase(far, 'Active')
        const ends = listAt(await scene.read(far), 'status', 'conditions').find((condition) => at(condition, 'type') === 'Expired')
        const endMs = Date.parse(String(at(ends, 'message')).replace('ends at ', ''))
        expect(Math.abs(endMs - Date.now() - 720 * 3_600_000)).toBeLessThan(120_000)
      },
    ],
    [
      'uses one of another namespace: it is for that one alone',
      async () => {
        const theirs = exception('theirs', {}, { namespace: 'elsewhere' })
        await scene.put(theirs, { as: 'security' })
        expect(await runApprove(scene.plane.kubeconfigFor('security'), ['theirs', '-n', 'elsewhere'])).toMatchObject({ code: 0 })
        await scene.until('it to waive there', async () => (await scene.submit(pod('elsewhere', 'theirs-1'), { isDryRun: true })).status === 201)
        expect((await tenant.attempt('theirs-1')).status).toBe(403)
      },
    ],
    [
      'sets its status by hand: it counts for nothing, and is put right',
      async () => {
        const asked = exception('by-hand')
        await tenant.submit(asked)
        await untilPhase(asked, 'Pending')
        expect((await tenant.submit({ ...asked, status: { phase: 'Active' } }, { method: 'PATCH', subResource: 'status' })).status).toBe(200)
        await expectNoEffect('by-hand', PENDING)
        await untilPhase(asked, 'Pending')
      },
    ],
    [
      'brings a stamp along through the status: it stays out',
      async () => {
        const asked = exception('through')
        await tenant.submit(asked)
        const stamp = await approvalOf(exception('good'))
        const sneaked = { ...asked, metadata: { name: 'through', namespace: TENANT_NAMESPACE, annotations: { [APPROVAL]: stamp } }, status: {} }
        await tenant.submit(sneaked, { method: 'PATCH', subResource: 'status' })
        expect(await approvalOf(asked)).toBeUndefined()
        await expectNoEffect('through', PENDING)
      },
    ],
  ])(
    '%s',
    async (_name, attack) => {
      await attack()
    },
    2 * TEST_MS,
  )
})
