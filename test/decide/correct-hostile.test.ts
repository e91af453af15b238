import { describe, expect, test } from '@jest/globals'
import { correct } from '../../src/decide/index.ts'
import type { Json } from '../api/resources.ts'
import { MUTATION_CASES } from '../mutations/cases.ts'
import { correctingPolicy, correctWith, inputFor, ruleSetOf, toMutation } from '../mutations/ours.ts'
import { Random } from '../oracle/random.ts'

const LONGEST_MS = 2000

function nested(depth: number): unknown {
  let value: unknown = 1
  for (let level = 0; level < depth; level++) value = level % 2 === 0 ? { a: value } : [value]
  return value
}

const widget = (spec: unknown): Json => ({ apiVersion: 'example.com/v1', kind: 'Widget', metadata: { name: 'w', namespace: 'shop' }, spec })
const patch = (expression: string): Json => ({ patchType: 'JSONPatch', operations: ['CREATE', 'UPDATE'], jsonPatch: { expression } })
const onWidgets = (expression: string): Json => correctingPolicy('p', 'Widget', [patch(expression)])

describe('a hostile object', () => {
  test.each<[string, string, unknown]>([
    ['nested deeper than the stack', "[JSONPatch{op: 'add', path: '/spec/copy', value: object.spec.deep}]", { deep: nested(5000) }],
    ['nested deeply and moved', "[JSONPatch{op: 'move', from: '/spec/deep', path: '/spec/moved'}]", { deep: nested(3000) }],
    ['nested deeply and copied', "[JSONPatch{op: 'copy', from: '/spec/deep', path: '/spec/copied'}]", { deep: nested(3000) }],
    [
      'of very many keys',
      "object.spec.map(k, JSONPatch{op: 'add', path: '/spec/' + jsonpatch.escapeKey(k), value: 2})",
      Object.fromEntries(Array.from({ length: 4000 }, (_, index) => [`k${index}`, 1])),
    ],
    [
      'of a very long list',
      "object.spec.list.map(k, JSONPatch{op: 'add', path: '/spec/list/0', value: k})",
      { list: Array.from({ length: 4000 }, (_, index) => index) },
    ],
    [
      'copied into itself again and again',
      `[${Array.from({ length: 30 }, (_, index) => `JSONPatch{op: 'copy', from: '/spec', path: '/spec/c${index}'}`).join(', ')}]`,
      { a: 1 },
    ],
  ])('%s neither throws nor takes long', (_what, expression, spec) => {
    const startMs = performance.now()
    const { outcomes } = correctWith([onWidgets(expression)], { object: widget(spec) })
    expect(outcomes.length).toBeLessThanOrEqual(1)
    expect(performance.now() - startMs).toBeLessThan(LONGEST_MS)
  })

  test('nested deeply is compared with what it was at an update', () => {
    const object = widget({ deep: nested(3000), x: 1 })
    const { patch: made } = correctWith([onWidgets("[JSONPatch{op: 'add', path: '/spec/x', value: 3}]")], {
      object,
      oldObject: widget({ deep: nested(3000), x: 2 }),
    })
    expect(made).toEqual([{ op: 'replace', path: '/spec/x', value: 3 }])
  })

  test('keeps the digits of its numbers and the keys that JavaScript gave away', () => {
    const spec: unknown = JSON.parse('{"__proto__": 1, "constructor": {"a": 2}}')
    const big = 9007199254740993n
    const object = widget({ ...Object(spec), spec, big })
    const { object: corrected } = correctWith(
      [onWidgets("[JSONPatch{op: 'copy', from: '/spec/spec', path: '/spec/copied'}, JSONPatch{op: 'add', path: '/spec/twice', value: object.spec.big}]")],
      { object, schemas: () => undefined },
    )
    expect(corrected?.['spec']).toMatchObject({ big, twice: big })
    expect(JSON.stringify(corrected, (_key, value: unknown) => (typeof value === 'bigint' ? 0 : value))).toContain(
      '"copied":{"__proto__":1,"constructor":{"a":2}}',
    )
  })
})

test('any mutation of any object is an outcome, never an exception', () => {
  const random = new Random(5)
  const junk = (depth: number): unknown => {
    const kind = random.next()
    if (depth > 4 || kind < 0.3) return random.pick([null, 0, -1, 1.5, 'app', '', true, 8080])
    if (kind < 0.6) return Array.from({ length: random.below(4) }, () => junk(depth + 1))
    return Object.fromEntries(
      Array.from({ length: random.below(5) }, () => [
        random.pick(['name', 'containers', 'env', 'ports', 'labels', 'securityContext', 'image', 'resources']),
        junk(depth + 1),
      ]),
    )
  }
  const rules = [...new Set(MUTATION_CASES.filter(({ object }) => object['kind'] === 'Pod').map(({ mutation }) => mutation))].map((mutation) =>
    ruleSetOf([correctingPolicy('p', 'Pod', [toMutation(mutation)])]),
  )
  for (let run = 0; run < 20; run++) {
    const object = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'x', namespace: 'shop' }, spec: junk(0), status: junk(2) }
    const input = inputFor({ object })
    for (const ruleSet of rules) expect(correct(ruleSet, input).outcomes.length).toBeLessThanOrEqual(1)
  }
})
