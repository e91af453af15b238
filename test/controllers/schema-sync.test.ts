import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { OperationalError, type Policy } from '../../src/api/index.ts'
import { type OpenApiReader, SchemaSync } from '../../src/controllers/index.ts'
import { makeLogger } from '../../src/evidence/index.ts'
import { on, policy } from '../doors/build.ts'
import { objectSchema, openApiDocument } from '../support/open-api.ts'

const DOCUMENT = openApiDocument('test.dev', 'v1', [
  { resource: 'widgets', kind: 'Widget', fields: { spec: objectSchema({ size: { type: 'integer' } }) } },
  { resource: 'gadgets', kind: 'Gadget', fields: { spec: objectSchema({ size: { type: 'integer' } }) } },
])

class FakeReader implements OpenApiReader {
  readonly asked: string[] = []
  index: ReadonlyMap<string, string> = new Map([
    ['api/v1', '/openapi/v3/api/v1?hash=A'],
    ['apis/test.dev/v1', '/openapi/v3/apis/test.dev/v1?hash=1'],
  ])
  failure: OperationalError | undefined
  document: unknown = DOCUMENT

  async openApiIndex(): Promise<ReadonlyMap<string, string>> {
    if (this.failure !== undefined) throw this.failure
    return this.index
  }

  async openApiDocument(address: string): Promise<unknown> {
    this.asked.push(address)
    return this.document
  }
}

const judging = (resource: string, expression = 'object.spec.sise == 1'): Policy =>
  policy(resource, { matchConstraints: on(resource, { group: 'test.dev' }), validations: [{ expression }] })

let reader: FakeReader
let policies: readonly Policy[]
let changes: number
let sync: SchemaSync

beforeEach(() => {
  jest.useFakeTimers()
  reader = new FakeReader()
  policies = [judging('widgets')]
  changes = 0
  sync = new SchemaSync({
    reader,
    policies: () => policies,
    servedVersions: () => ['v1'],
    logger: makeLogger('error'),
    onChange: () => {
      changes += 1
    },
  })
})

afterEach(() => {
  sync.stop()
  jest.useRealTimers()
})

const settle = async (): Promise<void> => {
  sync.request()
  await jest.advanceTimersByTimeAsync(1000)
}
const messages = (of: Policy): readonly string[] => sync.issuesOf(of).map(({ message }) => message)
const WIDGET = '`spec` has no field `sise` in Widget (did you mean `size`?)'

describe('the schemas of a cluster', () => {
  test('are read for the kinds that policies judge, and for no others', async () => {
    const [widgets] = policies
    if (widgets === undefined) throw new Error('no policy')
    expect(messages(widgets)).toEqual([])
    await settle()
    expect(messages(widgets)).toEqual([WIDGET])
    expect(messages(judging('gadgets'))).toEqual([])
    expect(reader.asked).toEqual(['/openapi/v3/apis/test.dev/v1?hash=1'])
    expect(changes).toBe(1)
  })

  test('are not asked for without a policy', async () => {
    policies = []
    reader.failure = new OperationalError('KubeUnavailable', 'away', { isRetryable: true })
    await settle()
    expect(changes).toBe(0)
  })

  test('are read once while their address stays', async () => {
    await settle()
    await settle()
    policies = [...policies, judging('widgets', 'object.spec.size == 1')]
    await settle()
    expect(reader.asked).toHaveLength(1)
    expect(changes).toBe(1)
  })

  test('are read again when their address or the kinds of interest change', async () => {
    await settle()
    reader.index = new Map([['apis/test.dev/v1', '/openapi/v3/apis/test.dev/v1?hash=2']])
    await settle()
    policies = [...policies, judging('gadgets')]
    await settle()
    expect(reader.asked.map((address) => address.at(-1))).toEqual(['1', '2', '2'])
    expect(messages(judging('gadgets'))).toEqual(['`spec` has no field `sise` in Gadget (did you mean `size`?)'])
  })

  test('are forgotten when no policy is interested any more', async () => {
    await settle()
    policies = []
    await settle()
    expect(messages(judging('widgets'))).toEqual([])
    expect(changes).toBe(2)
  })

  test('are looked at from time to time', async () => {
    await settle()
    reader.index = new Map([['apis/test.dev/v1', '/openapi/v3/apis/test.dev/v1?hash=2']])
    await jest.advanceTimersByTimeAsync(301_000)
    expect(reader.asked).toHaveLength(2)
  })

  test('are asked for again where the API server was away', async () => {
    reader.failure = new OperationalError('KubeUnavailable', 'away', { isRetryable: true })
    await settle()
    reader.failure = undefined
    await jest.advanceTimersByTimeAsync(1000)
    expect(reader.asked).toHaveLength(1)
  })

  test('are done without where they may not be read', async () => {
    reader.failure = new OperationalError('KubeForbidden', 'no', { isRetryable: true })
    await settle()
    await jest.advanceTimersByTimeAsync(10_000)
    reader.failure = undefined
    await jest.advanceTimersByTimeAsync(10_000)
    expect(reader.asked).toEqual([])
    await settle()
    expect(reader.asked).toHaveLength(1)
  })

  test('are done without where they make no sense', async () => {
    reader.document = { swagger: '2.0' }
    await settle()
    expect(messages(judging('widgets'))).toEqual([])
  })
})
