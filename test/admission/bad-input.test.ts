import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import type { RuleSet } from '../../src/rules/index.ts'
import { configMap, policy, reviewOf, ruleSet } from '../doors/build.ts'
import { type HttpAnswer, type OpenDoor, openDoor, post, readResponse } from '../doors/https-door.ts'

const FAIL = '/validate/fail/equivalent'
const IGNORE = '/validate/ignore/equivalent'
const GUARDS = ['/guard/definitions', '/guard/resources', '/guard/environment']
const MAX_BODY_BYTES = 2 * 1024 * 1024

const RULES = ruleSet([
  policy('config-maps', { validations: [{ name: 'a', expression: "'a' in object.data", message: 'data.a is missing' }] }),
  policy('deep', { severity: 'low', validations: [{ name: 'changed', expression: 'object == oldObject || object != oldObject', message: 'never' }] }),
  policy('labels', {
    severity: 'low',
    validations: [{ name: 'few', expression: 'object.metadata.?labels.orValue({}).size() < 3', message: 'too many labels' }],
  }),
])

let inForce: RuleSet | undefined = RULES
let door: OpenDoor

beforeAll(async () => {
  door = await openDoor({ ruleSet: () => inForce, maxBodyBytes: MAX_BODY_BYTES })
})
afterAll(() => door.close())
beforeEach(() => {
  inForce = RULES
})

const send = (body: unknown, path = FAIL, headers: Readonly<Record<string, string>> = {}): Promise<HttpAnswer> =>
  post(door, path, typeof body === 'string' ? body : JSON.stringify(body), headers)

/** Whether the door still judges as it should. */
async function expectToServe(): Promise<void> {
  const response = readResponse(await send(reviewOf(configMap())))
  expect(response.status?.code).toBe(403)
  expect(readResponse(await send(reviewOf(configMap({ a: 'b' })))).allowed).toBe(true)
}

describe('a body that is no AdmissionReview', () => {
  const deep = (open: string, close: string, depth: number): string => open.repeat(depth) + close.repeat(depth)
  const whole = JSON.stringify(reviewOf(configMap()))
  test.each<[string, string, string]>([
    ['nothing', '', 'not valid JSON'],
    ['truncated JSON', whole.slice(0, -20), 'not valid JSON'],
    ['two documents', whole + whole, 'not valid JSON at position 468'],
    ['YAML', 'kind: AdmissionReview', 'not valid JSON'],
    ['a text', '"AdmissionReview"', 'expected an AdmissionReview'],
    ['null', 'null', 'expected an AdmissionReview'],
    ['a list', '[]', 'expected an AdmissionReview'],
    ['an object without anything', '{}', 'apiVersion: expected `admission.k8s.io/v1`'],
    ['the version before', JSON.stringify({ ...reviewOf(configMap()), apiVersion: 'admission.k8s.io/v1beta1' }), 'apiVersion: expected `admission.k8s.io/v1`'],
    ['another kind', JSON.stringify({ ...reviewOf(configMap()), kind: 'Review' }), 'kind: expected `AdmissionReview`'],
    ['no request', JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview' }), 'request: missing'],
    ['lists nested 100,000 deep', deep('[', ']', 100_000), 'expected an AdmissionReview'],
    ['lists nested 100,000 deep around a long number', `${'['.repeat(100_000)}12345678901234567890${']'.repeat(100_000)}`, 'nested too deeply'],
    ['a byte order mark and text', '\uFEFFhello', 'not valid JSON'],
  ])('%s', async (_, body, message) => {
    expect(await send(body)).toEqual({ status: 400, text: `${message}\n` })
    expect(await send(body, IGNORE)).toEqual({ status: 400, text: `${message}\n` })
    await expectToServe()
  })
})

describe('objects that are hostile', () => {
  const nested = (depth: number, leaf: string): string => `${'{"a":'.repeat(depth)}${leaf}${'}'.repeat(depth)}`
  const withData = (data: string, changes: object = {}): string => JSON.stringify(reviewOf(configMap({ a: 'DEEP' }), { ...changes })).replaceAll('"DEEP"', data)

  test.each([
    ['created', {}],
    ['updated', { operation: 'UPDATE', oldObject: configMap({ a: 'DEEP' }) }],
  ])('data nested 100,000 deep, %s', async (_, changes) => {
    const response = readResponse(await send(withData(nested(100_000, '1'), changes)))
    expect([true, false]).toContain(response.allowed)
    await expectToServe()
  })

  test('data nested 100,000 deep around a long number', async () => {
    expect(await send(withData(nested(100_000, '12345678901234567890')))).toEqual({ status: 400, text: 'nested too deeply\n' })
    await expectToServe()
  })

  test('labels called like what every JavaScript object has', async () => {
    const names = ['constructor', '__proto__', 'toString', 'hasOwnProperty', 'valueOf']
    const labels = Object.fromEntries(names.map((name) => [name, 'x']))
    const plain = configMap({ a: 'b' }, { labels: { a: 'x', b: 'x' } })
    expect(readResponse(await send(reviewOf(plain))).warnings).toBe(undefined)
    const response = readResponse(await send(reviewOf(configMap({ a: 'b' }, { labels }))))
    expect(response.allowed).toBe(true)
    expect(response.warnings).toEqual([
      'labels/few (low): too many labels: metadata.labels (an object of 5 fields) must have fewer than 3 entries; owner platform (#platform)',
    ])
  })

  test.each(['__proto__', 'constructor', 'prototype'])('a request with %s in every object', async (key) => {
    const body = JSON.stringify(reviewOf(configMap({ a: 'b' }))).replaceAll('{"', `{"${key}":{"allowed":true,"namespace":7},"`)
    const response = readResponse(await send(body))
    expect(response).toEqual({ uid: 'uid-1', allowed: true, auditAnnotations: response.auditAnnotations })
    await expectToServe()
  })

  test('a body that is not UTF-8', async () => {
    const body = Buffer.concat([
      Buffer.from(JSON.stringify(reviewOf(configMap({ a: 'b' }))).replace('"alice"', '"al')),
      Buffer.from([0xff, 0xfe]),
      Buffer.from('"'),
    ])
    expect((await post(door, FAIL, body)).status).toBe(400)
    await expectToServe()
  })

  test('kinds that nobody knows are allowed at the cost of a look-up', async () => {
    const object = { apiVersion: 'unheard.of/v9', kind: 'Thing', metadata: { name: 'x' } }
    const response = readResponse(
      await send(
        reviewOf(object, { resource: { group: 'unheard.of', version: 'v9', resource: 'things' }, kind: { group: 'unheard.of', version: 'v9', kind: 'Thing' } }),
      ),
    )
    expect(response).toEqual({ uid: 'uid-1', allowed: true, auditAnnotations: response.auditAnnotations })
  })
})

describe('fields of odd types', () => {
  const ODD: readonly unknown[] = [null, 0, -1, true, '', 'text', [], [null], {}, { a: 1 }, 1e308]
  const PATHS = [
    'uid',
    'kind',
    'kind.group',
    'kind.version',
    'kind.kind',
    'resource',
    'resource.group',
    'resource.version',
    'resource.resource',
    'requestKind',
    'requestResource',
    'subResource',
    'requestSubResource',
    'name',
    'namespace',
    'operation',
    'userInfo',
    'userInfo.username',
    'userInfo.uid',
    'userInfo.groups',
    'userInfo.extra',
    'object',
    'object.apiVersion',
    'object.kind',
    'object.metadata',
    'object.metadata.name',
    'object.metadata.generateName',
    'object.metadata.namespace',
    'object.metadata.labels',
    'object.metadata.annotations',
    'object.metadata.finalizers',
    'object.metadata.ownerReferences',
    'object.metadata.creationTimestamp',
    'object.metadata.deletionTimestamp',
    'object.metadata.managedFields',
    'object.data',
    'oldObject',
    'oldObject.metadata',
    'oldObject.metadata.labels',
    'dryRun',
    'options',
  ] as const

  function withField(review: object, path: string, value: unknown): object {
    const copy = structuredClone(review)
    const keys = ['request', ...path.split('.')]
    let place: unknown = copy
    for (const key of keys.slice(0, -1)) place = typeof place === 'object' && place !== null ? Reflect.get(place, key) : undefined
    if (typeof place === 'object' && place !== null) Reflect.set(place, keys.at(-1) ?? '', value)
    return copy
  }

  test.each(PATHS)('%s', async (path) => {
    const before = door.undecided.length
    const update = reviewOf(configMap({ a: 'b' }), { operation: 'UPDATE', oldObject: configMap({ a: 'c' }) })
    for (const value of ODD) {
      for (const to of [FAIL, ...GUARDS]) {
        const { status, text } = await send(withField(update, path, value), to)
        if (status !== 200) expect({ path, value, status, isNamed: text.startsWith('request.') }).toEqual({ path, value, status: 400, isNamed: true })
        else expect(text).not.toContain('internal error')
      }
    }
    expect(door.undecided.slice(before).filter((reason) => reason !== 'badRequest')).toEqual([])
    await expectToServe()
  })

  test('a creation time of null, which the API server sends, is no mistake', async () => {
    expect(readResponse(await send(reviewOf(configMap({ a: 'b' }, { creationTimestamp: null })))).allowed).toBe(true)
  })

  test('options of CONNECT have no metadata', async () => {
    const options = { apiVersion: 'v1', kind: 'PodExecOptions', command: ['sh'] }
    const pods = { operation: 'CONNECT', subResource: 'exec', resource: { group: '', version: 'v1', resource: 'pods' } }
    expect(readResponse(await send(reviewOf(options, pods))).allowed).toBe(true)
  })
})

describe('before the rule set is loaded', () => {
  beforeEach(() => {
    inForce = undefined
  })

  test('an entry that fails closed gets an error, which refuses', async () => {
    const before = door.undecided.length
    expect(await send(reviewOf(configMap()))).toEqual({ status: 503, text: 'the policies are not loaded yet\n' })
    expect(door.undecided.slice(before)).toEqual(['notReady'])
  })

  test('an entry that fails open lets pass, and says so', async () => {
    expect(readResponse(await send(reviewOf(configMap()), IGNORE))).toEqual({
      uid: 'uid-1',
      allowed: true,
      warnings: ['bylaw did not judge this request: the policies are not loaded yet'],
      auditAnnotations: { decision: 'none', effect: 'notReady' },
    })
  })

  test('what cannot be read is not let pass either', async () => {
    expect((await send('{}', IGNORE)).status).toBe(400)
  })
})

describe('a defect of ours', () => {
  let broken: OpenDoor

  beforeAll(async () => {
    const params = (): never => {
      throw new TypeError('defect')
    }
    const rules = ruleSet([policy('params', { paramKind: { apiVersion: 'v1', kind: 'ConfigMap' }, paramRef: { name: 'a', parameterNotFoundAction: 'Deny' } })])
    broken = await openDoor({
      ruleSet: () => rules,
      review: { params, namespaceOf: (name) => (name === 'late' ? Promise.reject(new Error('defect')) : { kind: 'clusterScoped' }) },
    })
  })
  afterAll(() => broken.close())

  const sendBroken = (path: string, changes: object = {}) => post(broken, path, JSON.stringify(reviewOf(configMap(), { ...changes })))

  test('refuses where it fails closed, with the id of the decision', async () => {
    expect(await sendBroken(FAIL)).toEqual({ status: 500, text: 'internal error (TypeError) in decision test-1\n' })
  })

  test('lets pass where it fails open, and says so', async () => {
    expect(readResponse(await sendBroken(IGNORE))).toEqual({
      uid: 'uid-1',
      allowed: true,
      warnings: ['bylaw did not judge this request: internal error (TypeError) in decision test-1'],
      auditAnnotations: { decision: 'none', effect: 'internalError' },
    })
  })

  test('a look-up of the namespace that fails is answered as well', async () => {
    expect(await sendBroken(FAIL, { namespace: 'late' })).toEqual({ status: 500, text: 'internal error\n' })
  })
})
