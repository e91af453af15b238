import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { isKubernetesObject, type KubernetesObject } from '../../src/api/index.ts'
import { type Cluster, ContextSync, type FollowTarget, type ObjectCache, ParamSync, PolicySync, ShrinkGuard } from '../../src/controllers/index.ts'
import { makeLogger } from '../../src/evidence/index.ts'
import { ANNOTATIONS, BREAK_GLASS, type RuleSet, RuleSetStore, sealBreakGlass } from '../../src/rules/index.ts'
import { exception, type Json, policy } from '../api/resources.ts'

const KEY = 'key'
const OWN = 'bylaw-system'

class FakeCache implements ObjectCache {
  readonly #onChange: () => void
  hasSynced = false
  isStopped = false
  objects: readonly KubernetesObject[] = []

  constructor(onChange: () => void) {
    this.#onChange = onChange
  }

  list(): readonly KubernetesObject[] {
    return this.objects
  }

  get(name: string, namespace?: string): KubernetesObject | undefined {
    return this.objects.find(({ metadata }) => metadata.name === name && metadata.namespace === namespace)
  }

  stop(): void {
    this.isStopped = true
  }

  /** The first list, or what came after it. */
  sync(...objects: readonly Json[]): void {
    this.objects = objects.filter(isKubernetesObject)
    this.hasSynced = true
    this.#onChange()
  }
}

const nothing = (): never => {
  throw new Error('not asked for here')
}

let caches: Map<string, FakeCache>
let store: RuleSetStore
let sync: PolicySync

beforeEach(() => {
  jest.useFakeTimers()
  caches = new Map()
  store = new RuleSetStore()
  const cluster: Cluster = {
    follow: ({ resource }: FollowTarget, onChange) => {
      const cache = new FakeCache(onChange)
      caches.set(resource, cache)
      return cache
    },
    ...{ find: nothing, create: nothing, replace: nothing, applyStatus: nothing, discover: nothing, mayAccess: nothing },
  }
  const logger = makeLogger('error')
  const configMaps = { group: '', versions: ['v1'], resource: 'configmaps', kind: 'ConfigMap', isNamespaced: true }
  sync = new PolicySync({
    cluster,
    store,
    params: new ParamSync(
      cluster,
      () => ({ ...configMaps, resource: 'parameters' }),
      () => sync.request(),
    ),
    contexts: new ContextSync(
      cluster,
      () => ({ ...configMaps, resource: 'context' }),
      () => sync.request(),
    ),
    shrinkGuard: new ShrinkGuard({ now: Date.now, confirmation: async () => '', logger }),
    servedVersions: () => undefined,
    policySelector: undefined,
    workloadControllers: [],
    approvalKey: () => KEY,
    ownNamespace: OWN,
    logger,
    onRuleSet: () => {},
  })
})

afterEach(() => {
  sync.stop()
  jest.useRealTimers()
})

const cache = (resource: string): FakeCache => caches.get(resource) ?? nothing()
const inForceAfter = async (ms: number): Promise<RuleSet | undefined> => {
  await jest.advanceTimersByTimeAsync(ms)
  return store.snapshot()
}
const syncPolicies = (...policies: readonly Json[]): void => {
  cache('policies').sync(...policies)
  cache('enforcementprofiles').sync()
}
const glass = (until: string): Json => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: {
    name: BREAK_GLASS.name,
    namespace: OWN,
    annotations: { [BREAK_GLASS.annotation]: sealBreakGlass({ account: 'boss', reason: 'r', owner: 'o', until }, KEY) },
  },
  data: { reason: 'r', owner: 'o', until },
})

describe('the first rule set', () => {
  test('waits for the exceptions, so that nothing is refused that is waived', async () => {
    syncPolicies(policy())
    expect(await inForceAfter(1000)).toBeUndefined()
    cache('policyexceptions').sync(exception())
    cache('configmaps').sync()
    const ruleSet = await inForceAfter(100)
    expect(ruleSet?.exceptionsTo('run-as-non-root').length).toBe(1)
  })

  test('does not wait for ever for what cannot be read: neither for exceptions nor for parameters', async () => {
    syncPolicies(
      policy({ paramKind: { apiVersion: 'v1', kind: 'ConfigMap' }, paramRef: { name: 'limits', namespace: 'policy', parameterNotFoundAction: 'Deny' } }),
    )
    expect(await inForceAfter(2500)).toBeUndefined()
    expect((await inForceAfter(1500))?.policies.length).toBe(1)
  })
})

test('what the set in force declares is read as long as it is in force, also while a suspicious shrink is held', async () => {
  const paramKind = { apiVersion: 'v1', kind: 'ConfigMap' }
  const reading = {
    paramKind,
    paramRef: { name: 'limits', namespace: 'policy', parameterNotFoundAction: 'Deny' },
    context: [{ name: 'maps', ...paramKind }],
  }
  const all = Array.from({ length: 12 }, (_, index) => policy(index === 0 ? reading : {}, { name: `p${index}` }))
  syncPolicies(...all)
  for (const resource of ['policyexceptions', 'configmaps']) cache(resource).sync()
  await inForceAfter(100)
  for (const resource of ['parameters', 'context']) cache(resource).sync()
  await inForceAfter(100)
  const stopped = () => ['parameters', 'context'].map((resource) => cache(resource).isStopped)
  cache('policies').sync(...all.slice(11))
  expect([(await inForceAfter(100))?.policies.length, stopped()]).toEqual([12, [false, false]])
  cache('policies').sync(...all.slice(1))
  expect([(await inForceAfter(100))?.policies.length, stopped()]).toEqual([11, [true, true]])
})

describe('an exception', () => {
  test('whose approval is not sealed stays pending', async () => {
    syncPolicies(policy())
    cache('configmaps').sync()
    cache('policyexceptions').sync(exception({}, { annotations: { [ANNOTATIONS.approval]: '{"mac":"00"}' } }))
    const [compiled] = (await inForceAfter(100))?.exceptionsTo('run-as-non-root') ?? []
    expect(compiled?.approval).toEqual({ kind: 'pending', reason: 'its approval is not from Bylaw, or not for it' })
  })
})

describe('break-glass', () => {
  const until = '2026-06-01T14:00:00Z'
  const wanted = { account: 'boss', reason: 'r', owner: 'o', until }

  test('comes into the rule set with its seal, and goes with its object', async () => {
    syncPolicies(policy())
    cache('policyexceptions').sync()
    cache('configmaps').sync()
    const before = await inForceAfter(100)
    cache('configmaps').sync(glass(until))
    const broken = await inForceAfter(100)
    expect([broken?.breakGlass, broken?.revision === before?.revision]).toEqual([wanted, false])
    cache('configmaps').sync()
    const again = await inForceAfter(100)
    expect([again?.breakGlass, again?.revision]).toEqual([undefined, before?.revision])
  })

  test('counts while a suspicious shrink keeps an older set', async () => {
    syncPolicies(...Array.from({ length: 12 }, (_, index) => policy({}, { name: `p${index}` })))
    cache('policyexceptions').sync()
    cache('configmaps').sync()
    await inForceAfter(100)
    cache('policies').sync(policy())
    expect((await inForceAfter(100))?.policies.length).toBe(12)
    cache('configmaps').sync(glass(until))
    const held = await inForceAfter(100)
    expect([held?.policies.length, held?.breakGlass]).toEqual([12, wanted])
  })
})
