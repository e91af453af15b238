import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { evaluateLine } from '../../src/cel/index.ts'
import type { Json } from '../api/resources.ts'
import { TENANT_NAMESPACE } from '../controlplane/users.ts'
import { at, isRecord, policyOf, Scene } from '../e2e/scene.ts'
import { askOracle, buildOracle } from '../oracle/oracle.ts'
import { expressionsOf, scriptOf } from './health.ts'
import { askJudge, findArgo, findFlux } from './parts.ts'
import { WORLD_MS } from './world.ts'

const GOOD = policyOf('good', "object.metadata.name != 'bad'")
const BROKEN = policyOf('broken', 'object.spec.containers.all(c, c.image.')
const PROFILE: Json = { apiVersion: 'bylaw.dev/v1', kind: 'EnforcementProfile', metadata: { name: 'default' } }
const soon = (ms: number): string => new Date(Date.now() + ms).toISOString()
const exception = (name: string, spec: Json = {}): Json => ({
  apiVersion: 'bylaw.dev/v1',
  kind: 'PolicyException',
  metadata: { name, namespace: TENANT_NAMESPACE },
  spec: {
    policies: [{ name: 'good', rules: ['*'] }],
    match: { resources: [{ kinds: ['Pod'], names: ['old-*'] }] },
    reason: 'it is old',
    owner: { team: 'shop', contact: '#shop' },
    expiresAt: soon(3_600_000),
    ...spec,
  },
})
const BAD_EXCEPTION = exception('invalid', { match: { resources: [{ kinds: ['Pod'], names: ['old-*'] }], namespaces: ['*'] } })

/** What each object is to be for Flux and for Argo CD, by the status that Bylaw wrote. */
const EXPECTED: readonly (readonly [name: string, object: Json, settled: (status: unknown) => boolean, flux: string, argo: string])[] = [
  ['a policy in force', GOOD, (status) => JSON.stringify(status).includes('"reason":"Enforced"'), 'Current', 'Healthy'],
  ['a policy that does not compile', BROKEN, (status) => JSON.stringify(status).includes('"reason":"InvalidExpression"'), 'Failed', 'Degraded'],
  ['a profile in force', PROFILE, (status) => JSON.stringify(status).includes('"reason":"InForce"'), 'Current', 'Healthy'],
  ['a pending exception', exception('pending'), (status) => at(status, 'phase') === 'Pending', 'InProgress', 'Suspended'],
  ['an active exception', exception('active'), (status) => at(status, 'phase') === 'Active', 'Current', 'Healthy'],
  ['an expired exception', exception('expired', { expiresAt: soon(-1000) }), (status) => at(status, 'phase') === 'Expired', 'Current', 'Healthy'],
  ['an invalid exception', BAD_EXCEPTION, (status) => at(status, 'phase') === 'Invalid', 'Failed', 'Degraded'],
]

let scene: Scene
let stored: readonly Json[]

beforeAll(async () => {
  await Promise.all([findArgo(), findFlux(), buildOracle()])
  scene = await Scene.start()
  await scene.enforce(GOOD)
  const profile = { defaultEnvironment: 'prod', environments: [{ name: 'prod', levels: { critical: 'Deny', high: 'Deny', medium: 'Warn', low: 'Warn' } }] }
  await scene.apply({ ...PROFILE, spec: profile })
  for (const name of ['pending', 'active', 'expired']) {
    const found = EXPECTED.find(([, object]) => at(object, 'metadata', 'name') === name)
    if (found !== undefined) await scene.put(found[1])
  }
  // What nobody may write while Bylaw is there is stored while it is away.
  await scene.killBylaw()
  await scene.put(BROKEN)
  await scene.put(BAD_EXCEPTION)
  await scene.startBylaw()
  const { body } = await scene.plane.request('GET', `/apis/bylaw.dev/v1/namespaces/${TENANT_NAMESPACE}/policyexceptions/active`)
  const { approve, exceptionClient } = await import('./approve.ts')
  void body
  void approve
  void exceptionClient
}, WORLD_MS)

afterAll(() => scene.stop())

describe('health', () => {
  test('x', () => {
    void [stored, evaluateLine, askOracle, join, expressionsOf, scriptOf, askJudge, isRecord, expect]
  })
})
