import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import type { KubernetesObject } from '../../src/api/index.ts'
import { makeLogger } from '../../src/evidence/index.ts'
import { KubeClient, loadKubeConfig, WatchingOperator } from '../../src/kube/index.ts'
import { poll } from '../controlplane/cluster.ts'
import { type ControlPlane, startControlPlane } from '../controlplane/control-plane.ts'
import { SCENE_MS, TEST_MS } from './scene.ts'

jest.setTimeout(TEST_MS)

let plane: ControlPlane
let watching: WatchingOperator
const reasons: string[] = []

beforeAll(async () => {
  plane = await startControlPlane()
  const config = loadKubeConfig({ file: plane.adminKubeconfig })
  watching = new WatchingOperator(config, new KubeClient(config), makeLogger('error'))
}, SCENE_MS)

afterAll(async () => {
  watching.stop()
  await plane.stop()
})

const create = async (namespace: string, name: string, data: Readonly<Record<string, string>> = {}): Promise<void> => {
  const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace }, data }
  const { status } = await plane.request('POST', `/api/v1/namespaces/${namespace}/configmaps`, { body })
  expect(status).toBe(201)
}

/** Follows the ConfigMaps of a namespace within limits; notes what it is told. */
function follow(namespace: string, limits: { readonly objects: number; readonly bytes: number }) {
  const changed: (KubernetesObject | undefined)[] = []
  const handlers = { onChange: (object?: KubernetesObject) => void changed.push(object), onRestart: (reason: string) => void reasons.push(reason) }
  const cache = watching.follow({ group: '', version: 'v1', resource: 'configmaps', namespace, limits }, handlers)
  return { cache, changed }
}

const until = (what: string, holds: () => boolean): Promise<unknown> =>
  poll(
    async () => (holds() ? true : undefined),
    20_000,
    () => `waited for ${what}: ${JSON.stringify(reasons)}`,
  )

test('objects within the limits are kept, over pages, without what no policy has a use for', async () => {
  await plane.createNamespace('within')
  for (let index = 0; index < 260; index += 1) await create('within', `c${index}`, { a: 'b' })
  await plane.kubectl(['apply', '-n', 'within', '-f', '-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'applied' } }) })
  const { cache } = follow('within', { objects: 300, bytes: 1_000_000 })
  await until('the list', () => cache.hasSynced)
  expect(cache.list().length).toBe(261)
  expect(cache.problem).toBeUndefined()
  const applied = cache.get('applied', 'within')
  expect([applied?.kind, applied?.metadata['managedFields'], applied?.metadata.annotations]).toEqual(['ConfigMap', undefined, {}])
  await create('within', 'late')
  await until('the object', () => cache.get('late', 'within') !== undefined)
  expect(cache.get('late', 'within')?.metadata['managedFields']).toBeUndefined()
  expect(cache.list('within').length).toBe(262)
})

test('one object more than the limit, and nothing is known any more', async () => {
  await plane.createNamespace('more')
  for (const name of ['a', 'b', 'c']) await create('more', name)
  const { cache, changed } = follow('more', { objects: 3, bytes: 1_000_000 })
  await until('the list', () => cache.hasSynced)
  await create('more', 'd')
  await until('the excess', () => !cache.hasSynced)
  expect([cache.problem?.code, cache.problem?.message, cache.list()]).toEqual(['OutOfBounds', 'there are more than 3', []])
  expect(changed.at(-1)).toBeUndefined()
})

test('a list that is too large is given up', async () => {
  await plane.createNamespace('large')
  for (const name of ['a', 'b']) await create('large', name, { text: 'x'.repeat(700_000) })
  const { cache } = follow('large', { objects: 10, bytes: 1024 * 1024 })
  await until('the problem', () => cache.problem !== undefined)
  expect([cache.hasSynced, cache.problem?.code, cache.problem?.message]).toEqual([false, 'OutOfBounds', 'they take more than 1 MiB'])
  expect(cache.list()).toEqual([])
})

test('an API server that comes back is followed again, and what was known stays known meanwhile', async () => {
  await plane.createNamespace('away')
  await create('away', 'a')
  const { cache } = follow('away', { objects: 10, bytes: 1_000_000 })
  await until('the list', () => cache.hasSynced)
  await plane.restartApiServer()
  expect(cache.list().length).toBe(1)
  await create('away', 'b')
  await until('the object', () => cache.get('b', 'away') !== undefined)
  await until('all to be well', () => cache.problem === undefined)
  expect(cache.hasSynced).toBe(true)
})
