import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import { at, ENFORCED_MS, everywhere, on, policyOf, SCENE_MS, TEST_MS } from '../e2e/scene.ts'
import type { Operator } from '../support/operator.ts'
import { metricOf, ReplicaScene } from './replicas.ts'

const DRIFT = 'bylaw_registration_drift_total'
const DENIES = policyOf('no-bad-pod', "object.metadata.name != 'bad'", { enforcement: everywhere('Deny') })

jest.setTimeout(TEST_MS)

let scene: ReplicaScene
let first: Operator
let second: Operator

beforeAll(async () => {
  scene = await ReplicaScene.start()
  ;[first, second] = await Promise.all([scene.startReplica('replica-a'), scene.startReplica('replica-b')])
  scene.balancer.use(first.admissionPort, second.admissionPort)
  await scene.plane.createNamespace('busy')
  await scene.enforce(DENIES)
}, SCENE_MS)

afterAll(() => scene.stop())

test('two replicas that start at once make one set of keys', async () => {
  expect(scene.writes('secrets')).toHaveLength(1)
  expect((await scene.bundle()).match(/BEGIN CERTIFICATE/g)).toHaveLength(1)
})

test(
  'while policies come and change, one of them writes, without repairing what the other wrote, and both answer',
  async () => {
    const leader = await scene.leader()
    const before = scene.writes('validatingwebhookconfigurations').length
    const load = scene.startLoad('busy')
    const changes = 12
    for (let index = 0; index < changes; index++) {
      const level = (['Observe', 'Warn', 'Deny'] as const)[index % 3] ?? 'Observe'
      await scene.enforce(
        policyOf(`side-${index % 4}`, "object.metadata.name != 'nobody'", { enforcement: everywhere(level), ...on('', 'v1', ['configmaps'], ['CREATE']) }),
      )
    }
    const { count, failures } = await load.stop()
    expect(failures).toEqual([])
    expect(count).toBeGreaterThan(100)
    const registrations = scene.writes('validatingwebhookconfigurations')
    expect(registrations.filter((write) => !write.startsWith(leader))).toEqual([])
    expect(scene.writes('policies', 'status').filter((write) => !write.startsWith(leader))).toEqual([])
    expect(registrations.length - before).toBeLessThanOrEqual(changes)
    expect([await metricOf(first, DRIFT), await metricOf(second, DRIFT)]).toEqual([0, 0])
    for (const operator of [first, second]) expect(await operator.metrics()).toMatch(/bylaw_decisions_total\{effect="deny",dry_run="true"\} [1-9]/)
  },
  TEST_MS,
)

test(
  'in quiet times nothing is written but the Lease',
  async () => {
    await sleep(1000)
    const before = ['validatingwebhookconfigurations', 'secrets', 'policies'].map((resource) => scene.writes(resource).length)
    const leases = scene.writes('leases').length
    await sleep(5000)
    expect(['validatingwebhookconfigurations', 'secrets', 'policies'].map((resource) => scene.writes(resource).length)).toEqual(before)
    expect(scene.writes('leases').length).toBeGreaterThan(leases)
  },
  TEST_MS,
)

test(
  'a rollout fails no request: a third one starts, and the leader is drained under load',
  async () => {
    const load = scene.startLoad('busy')
    const third = await scene.startReplica('replica-c')
    const leader = await scene.leader()
    const [old, other] = leader === 'replica-a' ? (['replica-a', second] as const) : (['replica-b', first] as const)
    // The endpoint is taken out of the Service, and the hook before the end gives the connections that stand some time.
    scene.balancer.use(other.admissionPort, third.admissionPort)
    await sleep(1000)
    expect(await scene.drain(old)).toBe('ended with code 0')
    await scene.until('another leader', async () => !['', old].includes(await scene.leader()), ENFORCED_MS)
    expect(await scene.enforce(policyOf('after-rollout', 'true'))).toBeLessThan(ENFORCED_MS)
    const { count, failures } = await load.stop()
    expect(failures).toEqual([])
    expect(count).toBeGreaterThan(100)
  },
  TEST_MS,
)

test(
  'when the leader is killed, another leads as soon as the Lease has run out',
  async () => {
    const killed = await scene.leader()
    const name = (['replica-a', 'replica-b', 'replica-c'] as const).find((replica) => replica === killed)
    if (name === undefined) throw new Error(`\`${killed}\` is no replica`)
    await scene.kill(name)
    await scene.until('another leader', async () => (await scene.leader()) !== killed, TEST_MS)
    await scene.enforce(policyOf('after-crash', 'true'))
    const lease = await scene.read('/apis/coordination.k8s.io/v1/namespaces/bylaw-system/leases/bylaw')
    expect(at(lease, 'spec', 'leaseTransitions')).toBe(2)
  },
  2 * TEST_MS,
)
