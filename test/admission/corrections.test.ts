import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { RuleSet } from '../../src/rules/index.ts'
import type { Json } from '../api/resources.ts'
import { reviewOf } from '../doors/build.ts'
import { type OpenDoor, openDoor, post, readResponse } from '../doors/https-door.ts'
import { writeJson } from '../doors/world.ts'
import { correctingPolicy, ruleSetOf } from '../mutations/ours.ts'

const PATH = '/mutate/ignore/equivalent'
const expression = "[JSONPatch{op: 'copy', from: '/data/big', path: '/data/copy'}, JSONPatch{op: 'add', path: '/data/x', value: 'é'}]"
const mutations = [{ patchType: 'JSONPatch', jsonPatch: { expression } }]
const everything = { resourceRules: [{ apiGroups: ['bylaw.dev'], apiVersions: ['v1'], resources: ['*'], operations: ['*'] }] }
const rules = ruleSetOf([correctingPolicy('p', 'ConfigMap', mutations), correctingPolicy('own', 'ConfigMap', mutations, { matchConstraints: everything })])
const configMap = (data: Json): Json => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'settings', namespace: 'shop' }, data })

let door: OpenDoor
let inForce: RuleSet | undefined = rules

beforeAll(async () => {
  door = await openDoor({ ruleSet: () => inForce })
})

afterAll(() => door.close())

const send = (path: string, object: Json | null, changes: Json = {}) => post(door, path, writeJson(reviewOf(object, changes)))

describe('the mutating path', () => {
  test('answers with a patch that keeps every digit, and with what was corrected', async () => {
    const { patch = '', ...rest } = readResponse(await send(PATH, configMap({ big: 9007199254740993n })))
    expect(Buffer.from(patch, 'base64').toString('utf8')).toBe(
      '[{"op":"add","path":"/data/copy","value":9007199254740993},{"op":"add","path":"/data/x","value":"é"}]',
    )
    expect(rest).toEqual({
      uid: 'uid-1',
      allowed: true,
      auditAnnotations: { correction: 'test-1' },
      warnings: ['p: corrected /data/copy, /data/x'],
      patchType: 'JSONPatch',
    })
  })

  test('has no decision to count', async () => {
    await send(PATH, configMap({ big: 1 }))
    expect(door.decisions).toEqual([])
  })

  test.each<[string, Json | null, Json]>([
    ['a deletion', null, { operation: 'DELETE', oldObject: configMap({ big: 1 }) }],
    ['an update that the mutation is not for', configMap({ big: 2 }), { operation: 'UPDATE', oldObject: configMap({ big: 1 }) }],
    ['a subresource', configMap({ big: 1 }), { subResource: 'status' }],
    ['a resource of Bylaw itself', configMap({ big: 1 }), { resource: { group: 'bylaw.dev', version: 'v1', resource: 'policyexceptions' } }],
    ['a resource without policies', configMap({ big: 1 }), { resource: { group: '', version: 'v1', resource: 'services' } }],
  ])('says nothing of %s', async (_what, object, changes) => {
    expect(readResponse(await send(PATH, object, changes))).toEqual({ uid: 'uid-1', allowed: true })
  })

  test('lets pass what cannot be corrected, and says why', async () => {
    const { allowed, warnings, patch } = readResponse(await send(PATH, { ...configMap({}), data: null }))
    expect({ allowed, patch }).toEqual({ allowed: true, patch: undefined })
    expect(warnings).toEqual(['p: could not correct this object: mutation `mutation-1`: JSON patch: there is no `big` on the way to the path'])
  })

  test('lets pass before the policies are loaded where its entry fails open, and refuses where it fails closed', async () => {
    inForce = undefined
    const open = readResponse(await send(PATH, configMap({ big: 1 })))
    const closed = await send('/mutate/fail/equivalent', configMap({ big: 1 }))
    inForce = rules
    expect({ allowed: open.allowed, warnings: open.warnings }).toEqual({
      allowed: true,
      warnings: ['bylaw did not judge this request: the policies are not loaded yet'],
    })
    expect(closed.status).toBe(503)
  })

  test('is not there for other lanes', async () => {
    expect((await send('/mutate/ignore/sideways', configMap({ big: 1 }))).status).toBe(404)
  })
})
