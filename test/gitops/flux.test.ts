import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { evaluateLine } from '../../src/cel/index.ts'
import type { Json } from '../api/resources.ts'
import { TENANT_NAMESPACE } from '../controlplane/users.ts'
import { at, isRecord, pathOf, policyOf, Scene } from '../e2e/scene.ts'
import { askOracle, buildOracle } from '../oracle/oracle.ts'
import { approve } from './approve.ts'
import { expressionsOf, scriptOf } from './health.ts'
import { askJudge, findArgo, findFlux } from './parts.ts'
import { WORLD_MS } from './world.ts'

const GOOD = policyOf('good', "object.metadata.name != 'bad'")
const BROKEN = policyOf('broken', 'object.spec.containers.all(c, c.image.')
const PROFILE: Json = {
  apiVersion: 'bylaw.dev/v1',
  kind: 'EnforcementProfile',
  metadata: { name: 'default' },
  spec: { defaultEnvironment: 'prod', environments: [{ name: 'prod', levels: { critical: 'Deny', high: 'Deny', medium: 'Warn', low: 'Warn' } }] },
}
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
/** The objects with what shows that Bylaw has written its status, and what each is to be for Flux and for Argo CD. */
const EXPECTED: readonly (readonly [name: string, object: Json, mark: string, flux: string, argo: string])[] = [
  ['a policy in force', GOOD, '"reason":"Enforced"', 'Current', 'Healthy'],
  ['a policy that does not compile', BROKEN, '"reason":"InvalidExpression"', 'Failed', 'Degraded'],
  ['a profile in force', PROFILE, '"reason":"InForce"', 'Current', 'Healthy'],
  ['a pending exception', exception('pending'), '"phase":"Pending"', 'InProgress', 'Suspended'],
  ['an active exception', exception('active'), '"phase":"Active"', 'Current', 'Healthy'],
  ['an expired exception', exception('expired', { expiresAt: soon(-1000) }), '"phase":"Expired"', 'Current', 'Healthy'],
  [
    'an invalid exception',
    exception('invalid', { match: { resources: [{ kinds: ['Pod'], names: ['old-*'] }], namespaces: ['*'] } }),
    '"phase":"Invalid"',
    'Failed',
    'Degraded',
  ],
]
const NAMES = EXPECTED.map(([name]) => name)
/** What the guards let nobody write: it is stored while Bylaw is away. */
const REFUSED = ['a policy that does not compile', 'an invalid exception']

let scene: Scene
let stored: readonly Json[]

beforeAll(async () => {
  await Promise.all([findArgo(), findFlux(), buildOracle()])
  scene = await Scene.start()
  await scene.enforce(GOOD)
  for (const [name, object] of EXPECTED) if (!REFUSED.includes(name) && object !== GOOD) await scene.put(object)
  await approve(scene.plane, 'active', TENANT_NAMESPACE)
  await scene.killBylaw()
  for (const [name, object] of EXPECTED) if (REFUSED.includes(name)) await scene.put(object)
  await scene.startBylaw()
  const read = async (object: Json, mark: string): Promise<Json> => {
    let found: unknown
    await scene.until(`${pathOf(object)} to have ${mark}`, async () => {
      found = await scene.read(object)
      return JSON.stringify(at(found, 'status') ?? null).includes(mark)
    })
    return isRecord(found) ? found : {}
  }
  stored = await Promise.all(EXPECTED.map(([, object, mark]) => read(object, mark)))
}, WORLD_MS)

afterAll(() => scene.stop())

const kindOf = (object: Json): string => String(object['kind'])
const told = (verdicts: readonly unknown[]): readonly (readonly [string | undefined, unknown])[] =>
  verdicts.map((verdict, index) => [NAMES[index], at(verdict, 'status')])

describe('the statuses that Bylaw writes', () => {
  test('are what Flux understands', async () => {
    const questions = stored.map((object) => ({ object, expressions: expressionsOf(kindOf(object)) }))
    expect(told(await askJudge(join(await findFlux(), 'flux-judge'), questions))).toEqual(EXPECTED.map(([name, , , flux]) => [name, flux]))
  })

  test('are what Argo CD understands', async () => {
    const questions = stored.map((object) => ({ object, script: scriptOf(kindOf(object)) }))
    expect(told(await askJudge(join(await findArgo(), 'argo-judge'), questions))).toEqual(EXPECTED.map(([name, , , , argo]) => [name, argo]))
  })

  test('give by each of Flux’s expressions what Kubernetes’ and Bylaw’s own evaluators say', async () => {
    const lines = stored.flatMap((object, index) =>
      Object.entries(expressionsOf(kindOf(object))).map(([name, expression]) => {
        const { status, metadata } = object
        return JSON.stringify({ id: `${NAMES[index]}: ${name}`, expression, variables: { status, metadata } })
      }),
    )
    const judged = (answer: string): unknown => {
      const { id, value, error, compileError }: Record<string, unknown> = JSON.parse(answer)
      return { id, value, error, compileError }
    }
    const kubernetes = (await askOracle(await buildOracle(), lines)).map(judged)
    expect(lines.map(evaluateLine).map(judged)).toEqual(kubernetes)
    const holds = kubernetes.filter((answer) => at(answer, 'value') === true).map((answer) => at(answer, 'id'))
    const expression: Readonly<Record<string, string>> = { Current: 'current', Failed: 'failed', InProgress: 'inProgress' }
    expect(holds).toEqual(EXPECTED.map(([name, , , flux]) => `${name}: ${expression[flux]}`))
  })
})
