import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Json } from '../api/resources.ts'
import { configMap, on, policyOf, SCENE_MS, Scene, TEST_MS } from './scene.ts'

const POLICIES = 20
const RULES = 40
const SEVERITIES = ['low', 'medium', 'high', 'critical'] as const

/** Two rules that always fail, with texts longer than a warning may be and of more lines than one. */
const wordy = (index: number): Json =>
  policyOf(`wordy-${String(index).padStart(2, '0')}`, 'true', {
    ...on('', 'v1', ['configmaps'], ['CREATE']),
    severity: SEVERITIES[index % 4],
    enforcement: {
      environments: [
        { name: 'staging', level: 'Warn' },
        { name: 'prod', level: 'Deny' },
      ],
    },
    validations: [0, 1].map((rule) => ({
      name: `rule-${rule}`,
      expression: 'object.metadata.name != object.metadata.name',
      messageExpression: `'first line\\n\\tsecond „line“ of ' + object.metadata.name + '${' and so on'.repeat(30)}'`,
    })),
  })

let scene: Scene

beforeAll(async () => {
  scene = await Scene.start()
  await scene.plane.createNamespace('wordy')
  await scene.plane.createNamespace('wordy-staging', { 'bylaw.dev/environment': 'staging' })
  await scene.enforce(...Array.from({ length: POLICIES }, (_, index) => wordy(index)))
}, SCENE_MS)

afterAll(() => scene.stop())

const apply = (object: Json) => scene.plane.kubectl(['create', '-f', '-'], { input: JSON.stringify(object) })
const CONTROL = /\p{Cc}/u

describe(`a request that breaks ${RULES} rules`, () => {
  test(
    'is refused with a text of at most 8 kB, which says what it leaves out',
    async () => {
      const { status, message } = await scene.submit(configMap('wordy', 'much'))
      expect(status).toBe(403)
      const [, own = ''] = message.split('denied the request: ')
      expect(Buffer.byteLength(own)).toBeLessThanOrEqual(8192)
      expect(Buffer.byteLength(own)).toBeGreaterThan(7000)
      const blocks = [...own.matchAll(/^wordy-\d\d\/rule-[01] \((\w+)\): Title of wordy-\d\d$/gm)].map(([, severity]) => severity)
      const [, omitted] = /\n\nand (\d+) more rules: the text would be longer than an answer may be$/.exec(own) ?? []
      expect(own).toMatch(/^40 rules refuse this request \(decision [0-9a-z-]+\)\n/)
      expect(blocks.length + Number(omitted)).toBe(RULES)
      expect(blocks.slice(0, 10)).toEqual(Array.from({ length: 10 }, () => 'critical'))
    },
    TEST_MS,
  )

  test(
    'is refused in full through kubectl',
    async () => {
      const { message } = await scene.submit(configMap('wordy', 'much'))
      const { code, stderr } = await apply(configMap('wordy', 'much'))
      const withoutId = (text: string): string => text.replace(/decision [0-9a-z-]+/, 'decision ID')
      expect(code).toBe(1)
      expect(withoutId(stderr)).toBe(`Error from server (Forbidden): error when creating "STDIN": ${withoutId(message)}\n`)
    },
    TEST_MS,
  )

  test(
    'gets twelve warnings where it is only warned, each whole and of one line, and the last says how many more',
    async () => {
      const { status, warnings } = await scene.submit(configMap('wordy-staging', 'much'))
      expect({ status, count: warnings.length }).toEqual({ status: 201, count: 12 })
      expect(warnings.filter((warning) => [...warning].length > 240 || CONTROL.test(warning))).toEqual([])
      expect(
        warnings
          .slice(0, 11)
          .filter((warning) => !/^wordy-\d\d\/rule-[01] \(\w+\): first line +second „line“ of much .*; owner platform \(#platform\)$/.test(warning)),
      ).toEqual([])
      expect(warnings.slice(0, 10).filter((warning) => !warning.includes('(critical)'))).toEqual([])
      expect(warnings.at(-1)).toBe('and 29 more warnings of other rules')
    },
    TEST_MS,
  )

  test(
    'shows every one of them in kubectl',
    async () => {
      const { warnings } = await scene.submit(configMap('wordy-staging', 'shown'), { isDryRun: true })
      const { code, stderr } = await apply(configMap('wordy-staging', 'shown'))
      expect(code).toBe(0)
      expect(stderr.trimEnd().split('\n')).toEqual(warnings.map((warning) => `Warning: ${warning}`))
    },
    TEST_MS,
  )
})
