import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import { at, everywhere, listAt, pathOf, pod, policyOf, SCENE_MS, TEST_MS } from '../e2e/scene.ts'
import type { Operator } from '../support/operator.ts'
import { REPLICAS, type ReplicaName, ReplicaScene } from './replicas.ts'

const DENIES = policyOf('no-bad-pod', "object.metadata.name != 'bad'", { enforcement: everywhere('Deny') })
/** An instance shows what it has counted every five seconds. */
const SHOWN_MS = 6500
/** Counters come into a status once a minute. */
const WRITTEN_MS = 90_000
const LEASES = '/apis/coordination.k8s.io/v1/namespaces/bylaw-system/leases'

jest.setTimeout(TEST_MS)

let scene: ReplicaScene
const running = new Map<ReplicaName, Operator>()
let denied = 0
const seen: number[] = []

beforeAll(async () => {
  scene = await ReplicaScene.start()
  await Promise.all(REPLICAS.map(start))
  use()
  await scene.plane.createNamespace('busy')
  await scene.enforce(DENIES)
}, SCENE_MS)

afterAll(() => scene.stop())

async function start(name: ReplicaName): Promise<void> {
  running.set(name, await scene.startReplica(name))
}

const use = (): void => scene.balancer.use(...[...running.values()].map(({ admissionPort }) => admissionPort))

/** Asks of all that run, and counts what is denied by the policy. */
async function ask(times: number): Promise<void> {
  for (let index = 0; index < times; index += 1) {
    const { status, body } = await scene.plane.request('POST', '/api/v1/namespaces/busy/pods', { body: pod('busy', 'bad') })
    if (status === 403 && String(at(body, 'message')).includes('says no')) denied += 1
  }
  seen.push(await told())
}

const told = async (): Promise<number> => Number(at(await scene.read(pathOf(DENIES)), 'status', 'decisions', 'denied') ?? 0)

const leaderOf = async (): Promise<ReplicaName> => {
  const leader = await scene.leader()
  const found = REPLICAS.find((name) => name === leader)
  if (found === undefined) throw new Error(`nobody leads: \`${leader}\``)
  return found
}

const untilOtherLeads = async (old: ReplicaName): Promise<void> => scene.until('another leader', async () => !['', old].includes(await scene.leader()), TEST_MS)

test('a status tells how many instances there are, and that all have the policy', async () => {
  expect(at(await scene.read(pathOf(DENIES)), 'status', 'replicas')).toEqual({ ready: 3, atRevision: 3 })
})

test(
  'the sum of what all instances denied survives kills, restarts and changes of the leader, to the last one',
  async () => {
    await ask(60)
    await sleep(SHOWN_MS)
    const leader = await leaderOf()
    const [victim = leader] = REPLICAS.filter((name) => name !== leader)
    running.delete(victim)
    use()
    await scene.kill(victim)
    await ask(30)
    await start(victim)
    use()
    await ask(30)
    await sleep(SHOWN_MS)
    // The leader is killed: what it had counted and not yet written is in its Lease.
    running.delete(leader)
    use()
    await scene.kill(leader)
    await ask(30)
    await untilOtherLeads(leader)
    await start(leader)
    use()
    // The next one is drained at once: it leaves what it has counted since it last showed itself.
    await ask(30)
    const next = await leaderOf()
    running.delete(next)
    use()
    expect(await scene.drain(next)).toBe('ended with code 0')
    await untilOtherLeads(next)
    await ask(20)
    // A request that was about to go to one that was just killed gets no answer of Bylaw's.
    expect(denied).toBeGreaterThan(190)
    await scene.until('the sum', async () => (await told()) === denied, WRITTEN_MS)
    expect(seen.filter((sum) => sum > denied)).toEqual([])
    await sleep(SHOWN_MS)
    expect(await told()).toBe(denied)
  },
  4 * TEST_MS,
)

test('instances that come take the places of those that went', async () => {
  const leases = listAt(await scene.read(LEASES), 'items').map((lease) => String(at(lease, 'metadata', 'name')))
  expect(leases.sort()).toEqual(['bylaw', 'bylaw-replica-0', 'bylaw-replica-1', 'bylaw-replica-2'])
})

test('the last violations are of all instances, the newest first', async () => {
  const recent = listAt(await scene.read(pathOf(DENIES)), 'status', 'recentViolations').map((violation) => String(at(violation, 'time')))
  expect(recent).toHaveLength(10)
  expect(recent).toEqual([...recent].sort().reverse())
})

test('statuses were written by leaders alone, and seldom', () => {
  expect(scene.writes('policies', 'status').length).toBeLessThan(25)
})
