import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { rowsOf } from '../e2e/reports.ts'
import { collectionOf, everywhere, pod, policyOf, SCENE_MS } from '../e2e/scene.ts'
import { metricOf, REPLICAS, ReplicaScene } from './replicas.ts'

const [A, B] = REPLICAS
const POLICY = policyOf('no-root', 'object.spec.?securityContext.?runAsNonRoot.orValue(false) == true', { enforcement: everywhere('Observe') })
const rowOf = (name: string): string => `warn no-root/rule Pod/${name} prod=Observe`
const TEST_MS = 180_000
/** A Lease that nobody renews ends after 15 seconds; then everything is read anew. */
const TAKEOVER_MS = 60_000

let scene: ReplicaScene

beforeAll(async () => {
  scene = await ReplicaScene.start()
  await scene.plane.createNamespace('shop')
}, SCENE_MS)

afterAll(() => scene.stop())

const put = async (name: string): Promise<void> => {
  const object = pod('shop', name)
  expect((await scene.plane.request('POST', collectionOf(object), { body: object })).status).toBe(201)
}

const writers = (): ReadonlySet<string> => new Set(scene.writes('policyreports').map((line) => line.split(' ')[0] ?? ''))

test(
  'one replica of several writes reports, and another takes over from one that is killed',
  async () => {
    await put('first')
    const a = await scene.startReplica(A)
    scene.balancer.use(a.admissionPort)
    await scene.enforce(POLICY)
    const b = await scene.startReplica(B)
    scene.balancer.use(b.admissionPort)
    await scene.until('the row', async () => (await rowsOf(scene.plane, 'shop')).length === 1)
    await put('second')
    await scene.until('the second row', async () => (await rowsOf(scene.plane, 'shop')).length === 2)
    expect({ a: await metricOf(a, 'bylaw_scan_running'), b: await metricOf(b, 'bylaw_scan_running') }).toEqual({ a: 1, b: 0 })
    expect(writers()).toEqual(new Set([A]))

    const written = scene.writes('policyreports').length
    await scene.kill(A)
    await put('third')
    await scene.until('the third row', async () => (await rowsOf(scene.plane, 'shop')).length === 3, TAKEOVER_MS)
    expect(await rowsOf(scene.plane, 'shop')).toEqual([rowOf('first'), rowOf('second'), rowOf('third')].sort())
    expect(await metricOf(b, 'bylaw_scan_running')).toBe(1)
    await sleep(3000)
    // The second one found what the first had written, and added one row.
    expect(scene.writes('policyreports').slice(written)).toEqual([`${B} patch`])
  },
  TEST_MS,
)
