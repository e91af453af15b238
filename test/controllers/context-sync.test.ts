import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import type { ContextDeclaration, KubernetesObject, Policy } from '../../src/api/index.ts'
import { type CacheProblem, type Cluster, CONTEXT_LIMITS, ContextSync, type FollowTarget, type ObjectCache } from '../../src/controllers/index.ts'
import { policy } from '../doors/build.ts'

type Json = Readonly<Record<string, unknown>>

class FakeCache implements ObjectCache {
  readonly target: FollowTarget
  readonly #onChange: (changed?: KubernetesObject) => void
  readonly #objects = new Map<string, KubernetesObject>()
  hasSynced = false
  isStopped = false
  lists = 0
  problem: CacheProblem | undefined
  resourceVersion = ''

  constructor(target: FollowTarget, onChange: (changed?: KubernetesObject) => void) {
    this.target = target
    this.#onChange = onChange
  }

  list(namespace?: string): readonly KubernetesObject[] {
    this.lists += 1
    return [...this.#objects.values()].filter(({ metadata }) => namespace === undefined || metadata.namespace === namespace)
  }

  get(): undefined {}

  stop(): void {
    this.isStopped = true
  }

  sync(...objects: readonly KubernetesObject[]): void {
    for (const object of objects) this.put(object)
    this.hasSynced = true
    this.#onChange()
  }

  put(object: KubernetesObject): void {
    this.#objects.set(`${object.metadata.namespace}/${object.metadata.name}`, object)
    this.resourceVersion = object.metadata.resourceVersion ?? this.resourceVersion
    this.#onChange(object)
  }

  fail(code: CacheProblem['code'], message: string): void {
    this.problem = { code, message, sinceMs: Date.now() }
    this.#onChange()
  }
}

const nothing = (): never => {
  throw new Error('not asked for here')
}

const RESOURCES = [
  { group: '', versions: ['v1'], resource: 'configmaps', kind: 'ConfigMap', isNamespaced: true },
  { group: '', versions: ['v1'], resource: 'secrets', kind: 'Sekret', isNamespaced: true },
  { group: '', versions: ['v1'], resource: 'nodes', kind: 'Node', isNamespaced: false },
  { group: 'policy', versions: ['v1'], resource: 'poddisruptionbudgets', kind: 'PodDisruptionBudget', isNamespaced: true },
]

let caches: FakeCache[]
let changes: number
let sync: ContextSync

beforeEach(() => {
  jest.useFakeTimers()
  caches = []
  changes = 0
  const cluster: Cluster = {
    follow: (target, onChange) => {
      const cache = new FakeCache(target, onChange)
      caches.push(cache)
      return cache
    },
    ...{ find: nothing, create: nothing, replace: nothing, applyStatus: nothing, discover: nothing, mayAccess: nothing },
  }
  sync = new ContextSync(
    cluster,
    (group, _version, kind) => RESOURCES.find((resource) => resource.group === group && resource.kind === kind),
    () => {
      changes += 1
    },
  )
})

afterEach(() => {
  jest.useRealTimers()
})

const MAPS = { name: 'maps', apiVersion: 'v1', kind: 'ConfigMap' }
const reading = (...context: readonly Json[]): Policy => policy('p', { context })
const declared = (subject: Policy): ContextDeclaration => subject.spec.context[0] ?? nothing()
const cache = (index = 0): FakeCache => caches[index] ?? nothing()
const map = (name: string, namespace = 'shop', labels: Readonly<Record<string, string>> = {}): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace, labels },
})
/** Follows one declaration whose cache has read all. */
function synced(declaration: Json, ...objects: readonly KubernetesObject[]): ContextDeclaration {
  const subject = reading(declaration)
  sync.follow([subject])
  cache().sync(...objects)
  return declared(subject)
}
const namesOf = (declaration: ContextDeclaration, namespace = 'shop'): readonly string[] | string => {
  const state = sync.read(declaration, namespace)
  return state.kind === 'found' ? state.objects.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`) : state.reason
}

describe('what is watched', () => {
  test('is each kind once, and each namespace that a policy names', () => {
    sync.follow([
      reading(MAPS, { ...MAPS, name: 'here', namespace: 'Request' }, { ...MAPS, name: 'some', selector: { matchLabels: { a: 'b' } } }),
      reading(MAPS, { ...MAPS, name: 'named', namespace: 'policy' }, { name: 'nodes', apiVersion: 'v1', kind: 'Node' }),
    ])
    const maps = { group: '', version: 'v1', resource: 'configmaps', limits: CONTEXT_LIMITS }
    expect(caches.map(({ target }) => target)).toEqual([maps, { ...maps, namespace: 'policy' }, { ...maps, resource: 'nodes' }])
  })

  test('is no longer watched when no policy reads it, and stays open while one does', () => {
    sync.follow([reading(MAPS), reading({ name: 'nodes', apiVersion: 'v1', kind: 'Node' })])
    sync.follow([reading({ ...MAPS, name: 'other' })])
    expect(caches.map(({ isStopped }) => isStopped)).toEqual([false, true])
  })

  test('is never a Secret, by whichever name', () => {
    const subject = reading({ name: 'x', apiVersion: 'v1', kind: 'Sekret' })
    sync.follow([subject])
    expect(caches).toEqual([])
    expect(namesOf(declared(subject))).toBe('the cluster has no Sekret in v1')
  })
})

describe('what is read', () => {
  test('comes by namespace and name, from all namespaces or the one of the request', () => {
    const objects = [map('b'), map('a'), map('c', 'other'), map('z', 'alpha')]
    expect(namesOf(synced(MAPS, ...objects))).toEqual(['alpha/z', 'other/c', 'shop/a', 'shop/b'])
    const here = reading({ ...MAPS, namespace: 'Request' })
    expect(namesOf(declared(here), 'shop')).toEqual(['shop/a', 'shop/b'])
    expect(namesOf(declared(here), 'empty')).toEqual([])
    expect(namesOf(declared(here), '')).toBe('a cluster-scoped request has no namespace to look in')
  })

  test('is narrowed by labels and by names', () => {
    const objects = [map('a', 'shop', { team: 'x' }), map('b', 'shop', { team: 'y' }), map('c', 'shop', { team: 'x' })]
    expect(namesOf(synced({ ...MAPS, selector: { matchLabels: { team: 'x' } }, names: ['b', 'c', 'd'] }, ...objects))).toEqual(['shop/c'])
  })

  test('is put in order again only where something changed', () => {
    const everywhere = synced(MAPS, map('a'), map('c', 'other'))
    const here = declared(reading({ ...MAPS, namespace: 'Request', selector: { matchExpressions: [{ key: 'x', operator: 'DoesNotExist' }] } }))
    const read = () => [sync.read(everywhere, 'shop'), sync.read(here, 'shop'), sync.read(here, 'other')]
    const before = read()
    expect(read()).toEqual(before)
    expect(cache().lists).toBe(3)
    cache().put({ ...map('b'), metadata: { ...map('b').metadata, resourceVersion: '9' } })
    expect([namesOf(everywhere), namesOf(here, 'shop'), namesOf(here, 'other')]).toEqual([['other/c', 'shop/a', 'shop/b'], ['shop/a', 'shop/b'], ['other/c']])
    expect(cache().lists).toBe(5)
    expect(sync.read(everywhere, '')).toMatchObject({ resourceVersion: '9' })
  })

  test('tells who listens of what becomes known, not of each object', () => {
    synced(MAPS, map('a'))
    const known = changes
    cache().put(map('b'))
    expect(changes).toBe(known)
    cache().fail('Forbidden', 'no')
    expect(changes).toBe(known + 1)
  })
})

describe('what is not known', () => {
  const GRANT = 'a ClusterRole with the label bylaw.dev/aggregate-to-reader=true and the verbs get, list and watch grants it'

  test.each<[string, Json, (cache: FakeCache) => void, string]>([
    ['has not been read', MAPS, () => {}, 'they have not been read yet'],
    ['could not be reached', MAPS, (it) => it.fail('Unreachable', 'ECONNREFUSED'), 'they have not been read yet: the API server could not be read'],
    ['may not be listed', MAPS, (it) => it.fail('Forbidden', '403'), `Bylaw may not list and watch configmaps: ${GRANT}`],
    [
      'may not be listed in its group',
      { name: 'b', apiVersion: 'policy/v1', kind: 'PodDisruptionBudget' },
      (it) => it.fail('Forbidden', '403'),
      `Bylaw may not list and watch poddisruptionbudgets.policy: ${GRANT}`,
    ],
    ['is too much', MAPS, (it) => it.fail('OutOfBounds', 'there are more than 10000'), 'there are more than 10000, and no more configmaps are kept'],
    [
      'lies in no namespace',
      { name: 'n', apiVersion: 'v1', kind: 'Node', namespace: 'x' },
      (it) => it.sync(),
      'objects of this kind lie in no namespace: leave out `namespace`',
    ],
  ])('is no empty list where it %s', (_name, declaration, act, reason) => {
    const subject = reading(declaration)
    sync.follow([subject])
    act(cache())
    expect(sync.read(declared(subject), 'shop')).toEqual({ kind: 'unknown', reason })
    expect(sync.problemsOf(subject)).toEqual([`context \`${String(declaration['name'])}\` cannot be gathered: ${reason}`])
  })

  test('is a kind that the cluster does not have, until it has', () => {
    const subject = reading({ name: 'w', apiVersion: 'test.dev/v1', kind: 'Widget' })
    sync.follow([subject])
    expect(sync.read(declared(subject), 'shop')).toEqual({ kind: 'unknown', reason: 'the cluster has no Widget in test.dev/v1' })
    RESOURCES.push({ group: 'test.dev', versions: ['v1'], resource: 'widgets', kind: 'Widget', isNamespaced: true })
    sync.follow([subject])
    cache().sync()
    expect(namesOf(declared(subject))).toEqual([])
    RESOURCES.pop()
  })

  test('is what was known before, for as long as the watch is only broken', () => {
    const maps = synced(MAPS, map('a'))
    cache().fail('Unreachable', 'ECONNREFUSED')
    jest.advanceTimersByTime(3_600_000)
    expect(namesOf(maps)).toEqual(['shop/a'])
  })

  test('is nothing any more half a minute after the right was taken away', () => {
    const maps = synced(MAPS, map('a'))
    cache().fail('Forbidden', '403')
    jest.advanceTimersByTime(29_000)
    expect(namesOf(maps)).toEqual(['shop/a'])
    jest.advanceTimersByTime(1_000)
    expect(namesOf(maps)).toMatch(/^Bylaw may not list and watch configmaps/)
  })

  test('is waited for at the start for three seconds, not for ever', () => {
    sync.follow([reading(MAPS)])
    expect(sync.isReady()).toBe(false)
    jest.advanceTimersByTime(3_001)
    expect(sync.isReady()).toBe(true)
  })
})
