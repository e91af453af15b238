import { describe, expect, test } from '@jest/globals'
import { OperationalError } from '../../src/api/index.ts'
import { Account, listInPages, OutOfBounds } from '../../src/kube/bounded-list.ts'
import { TooLong } from '../../src/kube/client.ts'

type Json = Readonly<Record<string, unknown>>

const MEBIBYTE = 1024 * 1024
const configMap = (name: string, data: Json = {}, metadata: Json = {}) => ({ metadata: { name, namespace: 'shop', ...metadata }, data })
const FEW = { objects: 2, bytes: MEBIBYTE }

describe('an account of objects', () => {
  test('takes off what no policy has a use for, and nothing else', () => {
    const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': '{}', team: 'a' }
    const object = configMap('a', { x: '1' }, { managedFields: [{ manager: 'kubectl' }], annotations, labels: { managedFields: 'kept' } })
    new Account(FEW).put(object)
    expect(object).toEqual({ metadata: { name: 'a', namespace: 'shop', annotations: { team: 'a' }, labels: { managedFields: 'kept' } }, data: { x: '1' } })
  })

  test('is full with one object more than it may have, and no longer when one is gone', () => {
    const account = new Account(FEW)
    const third = configMap('c')
    for (const object of [configMap('a'), configMap('b'), configMap('a', { changed: 'yes' })]) account.put(object)
    expect(account.excess).toBeUndefined()
    account.put(third)
    expect(account.excess).toBe('there are more than 2')
    account.remove(third)
    expect(account.excess).toBeUndefined()
  })

  test('is full with more bytes than it may have, of what is kept', () => {
    const account = new Account(FEW)
    const half = 'x'.repeat(MEBIBYTE / 2)
    account.put(configMap('a', { half }, { managedFields: [half] }))
    account.put(configMap('a', { half }))
    expect(account.excess).toBeUndefined()
    account.put(configMap('b', { half }))
    expect(account.excess).toBe('they take more than 1 MiB')
    account.put(configMap('b'))
    expect(account.excess).toBeUndefined()
  })
})

/** A server that gives these pages, and notes what it was asked for. */
function serverOf(...pages: readonly (Json | Error)[]) {
  const asked: string[] = []
  const send = async ({ path }: { readonly path: string }): Promise<unknown> => {
    const page = pages[asked.length]
    asked.push(path)
    if (page instanceof Error) throw page
    return page
  }
  return { asked, send }
}

describe('a list in pages', () => {
  test('is put together in one', async () => {
    const metadata = { resourceVersion: '7' }
    const server = serverOf(
      { kind: 'ConfigMapList', metadata: { ...metadata, continue: 'to/ken' }, items: [configMap('a')] },
      { metadata, items: [configMap('b')] },
    )
    expect(await listInPages(server, '/api/v1/configmaps', new Account(FEW))).toEqual({ metadata, items: [configMap('a'), configMap('b')] })
    expect(server.asked).toEqual(['/api/v1/configmaps?limit=250', '/api/v1/configmaps?limit=250&continue=to%2Fken'])
  })

  test('is given up where there is too much, without reading on', async () => {
    const items = ['a', 'b', 'c'].map((name) => configMap(name))
    const server = serverOf({ metadata: { continue: 'more' }, items }, { items: [] })
    await expect(listInPages(server, '/p', new Account(FEW))).rejects.toThrow(new OutOfBounds('there are more than 2'))
    expect(server.asked.length).toBe(1)
  })

  test('is too much where a page is', async () => {
    const long = new OperationalError('KubeUnavailable', 'GET /p', { isRetryable: true, cause: new TooLong('the answer is longer') })
    await expect(listInPages(serverOf(long), '/p', new Account(FEW))).rejects.toThrow(new OutOfBounds('250 of them take more than 64 MiB'))
  })

  test('fails as the server fails', async () => {
    const failure = new OperationalError('KubeForbidden', 'GET /p: 403', { isRetryable: true })
    await expect(listInPages(serverOf(failure), '/p', new Account(FEW))).rejects.toBe(failure)
  })
})
