import { afterEach, beforeEach, expect, jest, test } from '@jest/globals'
import { isEqualJson, type KubernetesObject, OperationalError } from '../../src/api/index.ts'
import { type Cluster, computeWebhooks, RegistrationSync } from '../../src/controllers/index.ts'
import { makeLogger } from '../../src/evidence/index.ts'
import type { RuleSet } from '../../src/rules/index.ts'
import { policy, ruleSet } from '../doors/build.ts'
import { chooser } from '../doors/random.ts'

const ROUNDS = 250
const LEVELS = ['Warn', 'Deny'] as const
const { one, chance } = chooser(7)

beforeEach(() => {
  jest.useFakeTimers()
})
afterEach(() => {
  jest.useRealTimers()
})

const wantedFor = (rules: RuleSet) =>
  computeWebhooks(rules, {
    instance: '',
    protectedNamespaces: ['kube-system'],
    timeoutSeconds: 5,
    clientConfig: (path) => ({ path }),
    facts: { servedVersions: () => ['v1'], isNamespaced: () => true },
  })

/** A policy that is raised, lowered, or as it was. */
const randomRules = (): RuleSet =>
  ruleSet(
    ['a'].map((name) =>
      policy(name, {
        enforcement: { environments: [{ name: 'prod', level: one(LEVELS) }] },
      }),
    ),
  )

/** An API server that now and then fails, before or after it did what it was asked. */
class UnsteadyServer {
  stored: KubernetesObject | undefined
  onLook = (): void => undefined

  find(): KubernetesObject | undefined {
    this.onLook()
    this.#mayFail()
    return this.stored
  }

  put(object: KubernetesObject): KubernetesObject {
    this.onLook()
    this.#mayFail()
    this.stored = structuredClone(object)
    this.onLook()
    this.#mayFail()
    return object
  }

  #mayFail(): void {
    if (chance(0.2)) throw new OperationalError('KubeUnavailable', 'not now', { isRetryable: true })
  }
}

test('a change of levels is told as enforced only once the entries that were read back are as it needs them: narrowed before, raised after', async () => {
  const server = new UnsteadyServer()
  const nothing = (): never => {
    throw new Error('not asked for here')
  }
  const cluster: Cluster = {
    follow: () => ({ hasSynced: true, list: () => [], get: () => undefined, stop: () => undefined }),
    find: async ({ resource }) => (resource === 'clusterroles' ? undefined : server.find()),
    create: async (_address, object) => server.put(object),
    replace: async (_address, object) => server.put(object),
    applyStatus: nothing,
    discover: nothing,
    mayAccess: nothing,
  }
  const sync = new RegistrationSync({
    ...{ cluster, type: 'Validating', name: 'bylaw', webhooks: wantedFor, ownerName: 'bylaw', isLeader: () => true, refresh: async () => undefined },
    ...{ now: () => new Date(), onDrift: () => undefined, onTrust: () => undefined, onRegistered: () => undefined },
    logger: makeLogger('error'),
  })
  let current: RuleSet | undefined
  let told = 0
  let untold = 0
  let tooEarly = 0
  const isAsNeeded = (): boolean => current !== undefined && isEqualJson(server.stored?.['webhooks'], wantedFor(current))
  const look = (): void => {
    for (const enforced of current?.policies ?? []) {
      if (!sync.isRegistered(enforced)) untold += 1
      else {
        told += 1
        if (!isAsNeeded()) tooEarly += 1
      }
    }
  }
  server.onLook = look
  for (let round = 0; round < ROUNDS; round++) {
    current = randomRules()
    sync.update(current)
    await jest.advanceTimersByTimeAsync(one([0, 10, 25, 200, 3000]))
    look()
    // In the end it comes to be as it has to be, whatever failed on the way.
    if (!chance(0.5)) continue
    await jest.advanceTimersByTimeAsync(600_000)
    expect(isAsNeeded()).toBe(true)
    expect(current.policies.every((enforced) => sync.isRegistered(enforced))).toBe(true)
  }
  sync.stop()
  expect(tooEarly).toBe(0)
  expect(told).toBeGreaterThan(100)
  expect(untold).toBeGreaterThan(100)
}, 60_000)
