import { X509Certificate } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test } from '@jest/globals'
import { type KubernetesObject, OperationalError } from '../../src/api/index.ts'
import { CertificateSync, type Cluster, type KeyPair } from '../../src/controllers/index.ts'
import { makeLogger } from '../../src/evidence/index.ts'

const DAY_MS = 24 * 60 * 60 * 1000
const HOUR_MS = 60 * 60 * 1000

/** A cluster of one Secret, with the API server's rule that a write must know the last one. */
class OneSecret implements Cluster {
  object: KubernetesObject | undefined
  writes = 0
  #version = 0

  follow(): ReturnType<Cluster['follow']> {
    return { hasSynced: true, list: () => [], get: () => undefined, stop: () => {} }
  }

  async find(): Promise<KubernetesObject | undefined> {
    return this.object
  }

  async create(_address: unknown, object: KubernetesObject): Promise<KubernetesObject> {
    if (this.object !== undefined) throw new OperationalError('KubeConflict', 'exists', { isRetryable: true })
    return this.#store(object)
  }

  async replace(_address: unknown, object: KubernetesObject): Promise<KubernetesObject> {
    if (object.metadata.resourceVersion !== String(this.#version)) throw new OperationalError('KubeConflict', 'changed', { isRetryable: true })
    return this.#store(object)
  }

  async applyStatus(): Promise<void> {}

  async discover(): Promise<readonly never[]> {
    return []
  }

  async mayAccess(): Promise<boolean> {
    return false
  }

  #store(object: KubernetesObject): KubernetesObject {
    this.#version += 1
    this.writes += 1
    this.object = { ...object, metadata: { ...object.metadata, resourceVersion: String(this.#version) } }
    return this.object
  }
}

const running: CertificateSync[] = []
afterEach(() => {
  for (const sync of running.splice(0)) sync.stop()
})

/** Time that only goes on when it is told to, and a registration that is written when it is told to. */
class World {
  readonly secret = new OneSecret()
  nowMs = Date.parse('2027-01-01T00:00:00Z')
  trusted = { bundle: '', sinceMs: 0 }

  async replica() {
    const served: KeyPair[] = []
    const sync = new CertificateSync({
      cluster: this.secret,
      namespace: 'bylaw-system',
      name: 'bylaw-keys',
      hosts: ['bylaw.bylaw-system.svc'],
      now: () => new Date(this.nowMs),
      logger: makeLogger('error'),
      trustedForMs: (authority) => (this.trusted.bundle.includes(authority.trim()) ? this.nowMs - this.trusted.sinceMs : undefined),
      onServing: (pair) => served.push(pair),
      onBundle: () => {},
    })
    running.push(sync)
    served.push(await sync.start())
    return { sync, issuer: () => new X509Certificate(served.at(-1)?.cert ?? '').issuer }
  }

  register({ sync }: { readonly sync: CertificateSync }): void {
    this.trusted = { bundle: sync.bundle, sinceMs: this.nowMs }
  }
}

/** Lets a replica do what is due. */
async function run({ sync }: { readonly sync: CertificateSync }): Promise<void> {
  sync.request()
  // Keys are made meanwhile, on a machine that may be busy.
  await sleep(500)
}

const count = (bundle: string): number => bundle.split('BEGIN CERTIFICATE').length - 1

test('an authority is followed by another before it ends, and no step is taken before the one before is done', async () => {
  const world = new World()
  const replica = await world.replica()
  world.register(replica)
  const first = replica.issuer()
  const steps: (readonly [what: string, trusted: number, isFirst: boolean])[] = []
  const note = async (what: string): Promise<void> => {
    await run(replica)
    steps.push([what, count(replica.sync.bundle), replica.issuer() === first])
  }
  await note('at once')
  world.nowMs += 304 * DAY_MS
  await note('61 days before its end')
  world.nowMs += 2 * DAY_MS
  await note('59 days before its end')
  world.nowMs += 31 * DAY_MS
  await note('28 days before its end, not registered')
  world.register(replica)
  await note('just registered')
  world.nowMs += 11_000
  await note('registered for a while')
  world.nowMs += HOUR_MS / 2
  await note('half an hour later')
  world.nowMs += HOUR_MS
  await note('more than an hour later')
  expect(steps).toEqual([
    ['at once', 1, true],
    ['61 days before its end', 1, true],
    ['59 days before its end', 2, true],
    ['28 days before its end, not registered', 2, true],
    ['just registered', 2, true],
    ['registered for a while', 2, false],
    ['half an hour later', 2, false],
    ['more than an hour later', 1, false],
  ])
})

test('an authority that ended while nobody ran is followed as soon as the next one is trusted', async () => {
  const world = new World()
  const before = await world.replica()
  before.sync.stop()
  world.nowMs += 400 * DAY_MS
  const after = await world.replica()
  const first = after.issuer()
  world.register(after)
  world.nowMs += 11_000
  await run(after)
  expect(after.issuer()).not.toBe(first)
})

test('replicas that start at once have the same keys', async () => {
  const world = new World()
  const [a, b] = await Promise.all([world.replica(), world.replica()])
  expect(a.sync.bundle).toBe(b.sync.bundle)
  expect(a.sync.digestKey).toBe(b.sync.digestKey)
  expect(world.secret.writes).toBe(1)
})

test('a replica that learns of a rotation later serves the next authority when it sees it trusted', async () => {
  const world = new World()
  const [a, b] = await Promise.all([world.replica(), world.replica()])
  world.nowMs += DAY_MS
  const ask = { ...world.secret.object?.metadata, annotations: { 'bylaw.dev/rotate': 'now' } }
  if (world.secret.object !== undefined) world.secret.object = { ...world.secret.object, metadata: ask }
  await run(a)
  world.register(a)
  world.nowMs += 11_000
  await run(a)
  expect(a.issuer()).not.toBe(b.issuer())
  const { trusted } = world
  world.trusted = { bundle: '', sinceMs: 0 }
  await run(b)
  expect(a.issuer()).not.toBe(b.issuer())
  world.trusted = trusted
  await run(b)
  expect(a.issuer()).toBe(b.issuer())
  expect(world.secret.object?.metadata.annotations).toEqual({ 'bylaw.dev/rotated-at': new Date(world.nowMs).toISOString() })
})

test.each<readonly [string, (secret: OneSecret) => void]>([
  [
    'is lost',
    (secret) => {
      secret.object = undefined
    },
  ],
  [
    'holds nothing',
    (secret) => {
      if (secret.object !== undefined) secret.object = { ...secret.object, data: {} }
    },
  ],
  [
    'holds no certificate',
    (secret) => {
      if (secret.object !== undefined) secret.object = { ...secret.object, data: { ...Object(secret.object['data']), 'ca.crt': 'bm9uZQ==' } }
    },
  ],
])('a Secret that %s is written again as it was', async (_, damage) => {
  const world = new World()
  const replica = await world.replica()
  const before = world.secret.object?.['data']
  damage(world.secret)
  await run(replica)
  expect(world.secret.object?.['data']).toEqual(before)
})

test('in quiet times nothing is written', async () => {
  const world = new World()
  const replica = await world.replica()
  world.register(replica)
  for (let index = 0; index < 3; index++) await run(replica)
  expect(world.secret.writes).toBe(1)
})
