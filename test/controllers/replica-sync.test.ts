import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { type KubernetesObject, OperationalError } from '../../src/api/index.ts'
import { type Cluster, ReplicaSync } from '../../src/controllers/index.ts'
import { DecisionCounter, makeLogger } from '../../src/evidence/index.ts'
import { configMap, judge, policy, requestOf, ruleSet } from '../doors/build.ts'

const DENIED = judge(ruleSet([policy('never')]), requestOf(configMap()))
const SUBJECT = { namespace: 'shop', kind: 'ConfigMap', name: 'settings', isDryRun: false }
const conflict = (): OperationalError => new OperationalError('KubeConflict', 'conflict', { isRetryable: true })
const nothing = (): never => {
  throw new Error('not asked for here')
}

/** Leases as an API server keeps them. */
class World {
  readonly leases = new Map<string, KubernetesObject>()
  readonly #watchers: (() => void)[] = []
  #version = 0

  readonly cluster: Cluster = {
    follow: (_target, onChange) => {
      this.#watchers.push(onChange)
      const { leases } = this
      return { hasSynced: true, list: () => [...leases.values()], get: (name: string) => leases.get(name), stop: () => {} }
    },
    find: async ({ name }) => this.leases.get(name),
    create: async ({ name }, object) => {
      if (this.leases.has(name)) throw conflict()
      return this.#store(name, object)
    },
    replace: async ({ name }, object) => {
      if (this.leases.get(name)?.metadata.resourceVersion !== object.metadata.resourceVersion) throw conflict()
      return this.#store(name, object)
    },
    ...{ applyStatus: nothing, discover: nothing, mayAccess: nothing },
  }

  /** Writes as anybody could. */
  change(name: string, annotations: Readonly<Record<string, string>>): void {
    const lease = this.leases.get(name)
    if (lease !== undefined) this.#store(name, { ...lease, metadata: { ...lease.metadata, annotations: { ...lease.metadata.annotations, ...annotations } } })
  }

  #store(name: string, object: KubernetesObject): KubernetesObject {
    this.#version += 1
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(this.#version) } }
    this.leases.set(name, stored)
    for (const tell of this.#watchers) tell()
    return stored
  }
}

let world: World
const running: Instance[] = []

/** One instance, and what it counts. */
class Instance {
  readonly counter: DecisionCounter
  readonly sync: ReplicaSync
  revision = 'r1'
  changes = 0

  constructor(holder: string, instance: string) {
    this.counter = new DecisionCounter(instance)
    this.sync = new ReplicaSync({
      cluster: world.cluster,
      namespace: 'bylaw-system',
      name: 'bylaw',
      holder,
      instance,
      counter: this.counter,
      revision: () => this.revision,
      now: () => new Date(),
      logger: makeLogger('error'),
      onChange: () => {
        this.changes += 1
      },
    })
    this.sync.start()
    running.push(this)
  }

  deny(times: number): void {
    for (let index = 0; index < times; index += 1) this.counter.record(DENIED, SUBJECT)
  }

  /** Ends as a crash does. */
  async kill(): Promise<void> {
    const lease = world.cluster.find
    // Nothing that it still tries reaches anybody.
    Object.assign(world.cluster, { find: async () => undefined })
    await this.sync.stop()
    Object.assign(world.cluster, { find: lease })
  }

  /** What the others, and its own predecessors, have denied as far as it knows. */
  known(): readonly string[] {
    const reports = [...this.sync.inherited(), ...this.sync.peers().flatMap((peer) => peer.reports)]
    return reports.flatMap(({ policies }) => [...policies.values()].map(({ key, counts }) => `${key}:${counts[2]}`)).sort()
  }
}

const pass = (seconds: number): Promise<void> => jest.advanceTimersByTimeAsync(seconds * 1000)
const alive = ({ sync }: Instance): readonly string[] => sync.peers().flatMap(({ instance, isAlive }) => (isAlive ? instance : []))

beforeEach(() => {
  jest.useFakeTimers({ now: Date.parse('2026-06-01T12:00:00Z') })
  world = new World()
})

afterEach(async () => {
  for (const { sync } of running.splice(0)) await sync.stop()
  jest.useRealTimers()
})

describe('instances', () => {
  test('know of each other what they count, and which rule set they have', async () => {
    const [a, b] = [new Instance('pod-a', 'a'), new Instance('pod-b', 'b')]
    await pass(1)
    a.deny(3)
    await pass(6)
    expect(b.known()).toEqual(['a.1:3'])
    expect(b.sync.count('r1')).toEqual({ ready: 2, atRevision: 2 })
    const before = b.changes
    a.revision = 'r2'
    a.sync.request()
    await pass(1)
    expect(b.sync.count('r1')).toEqual({ ready: 2, atRevision: 1 })
    expect(b.changes).toBe(before + 1)
    a.revision = ''
    await pass(6)
    expect(b.sync.count('r1')).toEqual({ ready: 1, atRevision: 1 })
    expect([...world.leases.keys()].sort()).toEqual(['bylaw-replica-0', 'bylaw-replica-1'])
  })

  test('are gone fifteen seconds after their last sign of life, and what they counted is not', async () => {
    const [a, b] = [new Instance('pod-a', 'a'), new Instance('pod-b', 'b')]
    await pass(1)
    a.deny(2)
    await pass(6)
    await a.kill()
    await pass(10)
    expect(alive(b)).toEqual(['a'])
    await pass(10)
    expect(alive(b)).toEqual([])
    expect(b.known()).toEqual(['a.1:2'])
  })

  test('that end say so at once, with what they counted to the last', async () => {
    const [a, b] = [new Instance('pod-a', 'a'), new Instance('pod-b', 'b')]
    await pass(6)
    a.deny(5)
    await a.sync.stop()
    expect(alive(b)).toEqual([])
    expect(b.known()).toEqual(['a.1:5'])
  })

  test('are not taken for alive by one that comes long after their end', async () => {
    const a = new Instance('pod-a', 'a')
    await pass(6)
    await a.kill()
    await pass(20)
    const b = new Instance('pod-b', 'b')
    await pass(1)
    expect(alive(b)).toEqual([])
    expect(b.sync.count('r1')).toEqual({ ready: 1, atRevision: 1 })
  })
})

describe('the place of an instance', () => {
  test('is taken at once by the next one in the same Pod, which keeps what is in it for ten minutes', async () => {
    const a = new Instance('pod-a', 'a')
    await pass(1)
    a.deny(4)
    await pass(6)
    await a.kill()
    const again = new Instance('pod-a', 'b')
    again.deny(1)
    const other = new Instance('pod-b', 'c')
    await pass(6)
    expect([...world.leases.keys()].sort()).toEqual(['bylaw-replica-0', 'bylaw-replica-1'])
    expect(again.known()).toEqual(['a.1:4'])
    expect(other.known()).toEqual(['a.1:4', 'b.1:1'])
    await pass(601)
    expect(other.known()).toEqual(['b.1:1'])
  })

  test('is taken by another when its holder is gone, and not before', async () => {
    const a = new Instance('pod-a', 'a')
    await pass(1)
    a.deny(4)
    await pass(6)
    await a.kill()
    await pass(20)
    new Instance('pod-b', 'b')
    await pass(60)
    expect([...world.leases.keys()]).toEqual(['bylaw-replica-0', 'bylaw-replica-1'])
    const c = new Instance('pod-c', 'c')
    await pass(6)
    expect([...world.leases.keys()]).toEqual(['bylaw-replica-0', 'bylaw-replica-1'])
    expect(c.known()).toEqual(['a.1:4'])
  })

  test('that was taken from it is not fought for', async () => {
    const [a, twin] = [new Instance('pod-a', 'a'), new Instance('pod-a', 'twin')]
    a.deny(2)
    twin.deny(3)
    await pass(60)
    expect([...world.leases.values()].map(({ metadata }) => metadata.annotations?.['bylaw.dev/instance']).sort()).toEqual(['a', 'twin'])
    expect(a.known()).toContain('twin.1:3')
    expect(twin.known()).toContain('a.1:2')
  })

  test('may hold anything', async () => {
    const [a, b] = [new Instance('pod-a', 'a'), new Instance('pod-b', 'b')]
    await pass(1)
    world.change('bylaw-replica-0', { 'bylaw.dev/counters': '{"policies":[1,{"x":', 'bylaw.dev/violations': '{"a":1}' })
    world.change('bylaw-replica-1', { 'bylaw.dev/counters': 'null', 'bylaw.dev/violations': '[1,{"policy":"x"}]' })
    expect([a.known(), b.known()]).toEqual([[], []])
    expect(a.sync.peers()[0]?.violations).toEqual([])
    a.deny(1)
    await pass(6)
    expect(b.known()).toEqual(['a.1:1'])
  })
})
