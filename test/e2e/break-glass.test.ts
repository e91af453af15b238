import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Json } from '../api/resources.ts'
import { TENANT_NAMESPACE, type User } from '../controlplane/users.ts'
import { type Answer, at, configMap, everywhere, listAt, pod, policyOf, SCENE_MS, Scene, TEST_MS } from './scene.ts'

const OWN = 'bylaw-system'
const POLICY = policyOf('no-host-network', 'object.spec.?hostNetwork.orValue(false) != true', { enforcement: everywhere('Deny') })
const PEOPLE: readonly User[] = [
  {
    name: 'on-call',
    grants: [
      { apiGroups: [''], resources: ['configmaps'], verbs: ['*'] },
      { apiGroups: ['bylaw.dev'], resources: ['policies'], verbs: ['break-glass'] },
    ],
  },
  // May write there, and everything else there too, but not this.
  { name: 'housekeeper', grants: [{ apiGroups: [''], resources: ['configmaps'], verbs: ['*'] }] },
]

let scene: Scene

beforeAll(async () => {
  scene = await Scene.start({ users: PEOPLE })
  await scene.enforce(POLICY)
}, SCENE_MS)

afterAll(() => scene.stop())

const inMs = (ms: number): string => new Date(Date.now() + ms).toISOString()
const glass = (until: string, data: Json = {}): Json => configMap(OWN, 'bylaw-break-glass', { reason: 'restore', owner: '#on-call', until, ...data })
const attempt = (): Promise<Answer> => scene.submit(pod(TENANT_NAMESPACE, 'host', { hostNetwork: true }), { isDryRun: true })
const untilStatus = (status: number): Promise<void> => scene.until(`status ${status}`, async () => (await attempt()).status === status)

describe('breaking the glass', () => {
  test(
    'is refused without the verb, a reason or a near end',
    async () => {
      const { status, message } = await scene.submit(glass(inMs(5 * 3_600_000), { reason: '' }), { as: 'housekeeper' })
      expect(status).toBe(403)
      expect(message).toContain('data.reason: required')
      expect((await scene.submit(glass(inMs(60_000)), { as: 'housekeeper' })).message).toContain(
        'it needs the verb `break-glass` on `policies.bylaw.dev`, which `housekeeper` does not have',
      )
      expect((await scene.submit(glass(inMs(5 * 3_600_000)), { as: 'on-call' })).message).toContain('is more than 4 hours away')
    },
    TEST_MS,
  )

  test(
    'turns refusals into warnings, loudly, until its end by the clock',
    async () => {
      expect((await attempt()).status).toBe(403)
      const made = await scene.submit(glass(inMs(8000)), { as: 'on-call' })
      expect({ status: made.status, warning: made.warnings[0]?.slice(0, 29) }).toEqual({ status: 201, warning: 'no policy refuses anything un' })
      await untilStatus(201)
      const { warnings } = await attempt()
      expect(warnings[0]).toMatch(/^break-glass by on-call until .*, nothing is refused: restore; owner #on-call$/)
      expect(warnings[1]).toContain('no-host-network')
      expect(await scene.metric('bylaw_break_glass_active')).toBe(1)
      await scene.until('an Event', async () => {
        const { body } = await scene.plane.request('GET', `/apis/events.k8s.io/v1/namespaces/${OWN}/events`)
        return listAt(body, 'items').some((event) => at(event, 'reason') === 'BreakGlass' && at(event, 'type') === 'Warning')
      })
      await untilStatus(403)
      expect(await scene.metric('bylaw_break_glass_active')).toBe(0)
      await scene.submit(glass(''), { method: 'DELETE', as: 'on-call' })
    },
    TEST_MS,
  )

  test(
    'ends when the object is deleted',
    async () => {
      await scene.put(glass(inMs(600_000)), { as: 'on-call' })
      await untilStatus(201)
      expect((await scene.submit(glass(''), { method: 'DELETE', as: 'housekeeper' })).status).toBe(200)
      await untilStatus(403)
    },
    TEST_MS,
  )

  test(
    'does not happen by what was written while Bylaw was away',
    async () => {
      await scene.killBylaw()
      const seal = JSON.stringify({ kind: 'BreakGlass', account: 'admin', reason: 'restore', owner: '#on-call', until: inMs(600_000), mac: '00' })
      const object = glass(inMs(600_000))
      await scene.put(
        { ...object, metadata: { name: 'bylaw-break-glass', namespace: OWN, annotations: { 'bylaw.dev/break-glass': seal } } },
        { as: 'housekeeper' },
      )
      await scene.startBylaw()
      expect((await attempt()).status).toBe(403)
      expect(await scene.metric('bylaw_break_glass_active')).toBe(0)
    },
    TEST_MS,
  )
})
