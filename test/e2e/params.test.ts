import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Json } from '../api/resources.ts'
import { TENANT_NAMESPACE } from '../controlplane/users.ts'
import { type Answer, configMap, everywhere, on, policyOf, SCENE_MS, Scene, TEST_MS } from './scene.ts'

const LIMITS = 'limits'
const POLICY = policyOf('priority', 'object.value <= int(params.data.most)', {
  ...on('scheduling.k8s.io', 'v1', ['priorityclasses'], ['CREATE']),
  paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
  paramRef: { selector: { matchLabels: { limit: 'yes' } }, namespace: LIMITS, parameterNotFoundAction: 'Deny' },
  enforcement: everywhere('Deny'),
})

let scene: Scene

beforeAll(async () => {
  scene = await Scene.start()
  await scene.plane.createNamespace(LIMITS)
}, SCENE_MS)

afterAll(() => scene.stop())

const limit = (name: string, most: string, labels: Json = { limit: 'yes' }, namespace = LIMITS): Json => ({
  ...configMap(namespace, name, { most }),
  metadata: { name, namespace, labels },
})
const attempt = (value: number): Promise<Answer> =>
  scene.submit({ apiVersion: 'scheduling.k8s.io/v1', kind: 'PriorityClass', metadata: { name: 'some' }, value }, { isDryRun: true })
const untilRefused = (value: number, text: string): Promise<void> =>
  scene.until(`${value} to be refused with ${text}`, async () => (await attempt(value)).message.includes(text))
const untilAdmitted = (value: number): Promise<void> => scene.until(`${value} to be admitted`, async () => (await attempt(value)).status === 201)

describe('parameters that are chosen by labels', () => {
  test(
    'are missing where none has them, and each of them counts from then on',
    async () => {
      await scene.put(limit('other', '0', { limit: 'no' }))
      await scene.put(limit('elsewhere', '0', undefined, TENANT_NAMESPACE))
      await scene.enforce(POLICY)
      await untilRefused(1, 'there is no ConfigMap that `paramRef.selector` matches')
      await scene.put(limit('large', '10'))
      await untilAdmitted(5)
      await scene.put(limit('small', '3'))
      await untilRefused(5, `priority/rule (high, parameter ${LIMITS}/small): Title of priority`)
      const { message } = await attempt(20)
      expect(message).toContain('2 rules refuse this request')
      expect(message).toContain(`parameter ${LIMITS}/large`)
    },
    TEST_MS,
  )

  test(
    'no longer count without the labels',
    async () => {
      const bare = { ...limit('small', '3'), metadata: { name: 'small', namespace: LIMITS, labels: { limit: 'no' } } }
      await scene.put(bare, { method: 'PATCH' })
      await untilAdmitted(5)
      await scene.put(limit('large', '4'), { method: 'PATCH' })
      await untilRefused(5, `parameter ${LIMITS}/large`)
      await scene.submit(limit('large', '4'), { method: 'DELETE' })
      await untilRefused(1, 'there is no ConfigMap')
    },
    TEST_MS,
  )

  test(
    'are compiled without a word that they would not be supported',
    async () => {
      const { reason } = await scene.waitForCondition(POLICY, 'Compiled', 'True')
      expect(reason).toBe('Compiled')
    },
    TEST_MS,
  )
})
