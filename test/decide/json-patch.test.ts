import { describe, expect, test } from '@jest/globals'
import { diffJson } from '../../src/decide/json-diff.ts'
import { applyPatch, type PatchStep } from '../../src/decide/json-patch.ts'
import { Random } from '../oracle/random.ts'

const RUNS = 3000

const step = (op: string, path: string, more: Partial<PatchStep> = {}): PatchStep => ({ op, path, from: '', value: undefined, ...more })

function patched(document: unknown, steps: readonly PatchStep[]): unknown {
  const result = applyPatch(document, steps)
  if (!result.ok) return `error: ${result.error}`
  return result.value.kind === 'testFailed' ? 'test failed' : JSON.parse(JSON.stringify(result.value.document))
}

describe('applying a JSON patch', () => {
  const document = { a: { b: [1, 2, 3] }, 'x/y': 1, 'm~n': 2 }
  test.each<[string, readonly PatchStep[], unknown]>([
    ['adds a key', [step('add', '/c', { value: 1 })], { ...document, c: 1 }],
    ['adds before an index', [step('add', '/a/b/1', { value: 9 })], { ...document, a: { b: [1, 9, 2, 3] } }],
    ['adds at the end', [step('add', '/a/b/-', { value: 9 })], { ...document, a: { b: [1, 2, 3, 9] } }],
    ['counts from behind', [step('replace', '/a/b/-1', { value: 9 })], { ...document, a: { b: [1, 2, 9] } }],
    ['takes a missing value for null', [step('add', '/c')], { ...document, c: null }],
    ['reads escaped keys', [step('replace', '/x~1y', { value: 5 }), step('remove', '/m~0n')], { a: document.a, 'x/y': 5 }],
    ['moves', [step('move', '/c', { from: '/a/b' })], { a: {}, c: [1, 2, 3], 'x/y': 1, 'm~n': 2 }],
    ['copies', [step('copy', '/c', { from: '/a/b/0' })], { ...document, c: 1 }],
    ['goes on after a test that holds', [step('test', '/a/b/0', { value: 1 }), step('remove', '/a')], { 'x/y': 1, 'm~n': 2 }],
    ['stops at a test that does not', [step('remove', '/a'), step('test', '/x~1y', { value: 2 })], 'test failed'],
    ['has an error for a missing parent', [step('add', '/no/c', { value: 1 })], 'error: there is no `no` on the way to the path'],
    ['has an error for removing what is not there', [step('remove', '/no')], 'error: there is no `no` to remove'],
    ['has an error for an index beyond the end', [step('add', '/a/b/4', { value: 1 })], 'error: index `4` is not in a list of 3'],
    ['has an error for an unknown operation', [step('merge', '/a')], 'error: `merge` is no operation of a JSON patch'],
    ['has an error for what is no pointer', [step('add', 'a', { value: 1 })], 'error: `a` is no JSON pointer'],
    ['has an error for the document as a whole', [step('replace', '', { value: 1 })], 'error: the document as a whole cannot be changed'],
  ])('%s', (_name, steps, expected) => {
    const before = JSON.stringify(document)
    expect(patched(document, steps)).toEqual(expected)
    expect(JSON.stringify(document)).toBe(before)
  })

  test('ends where copies of copies would fill the memory', () => {
    const steps = Array.from({ length: 40 }, (_, index) => step('copy', `/a/c${index}`, { from: '/a' }))
    expect(patched({ a: { b: 1 } }, steps)).toBe('error: the patch copies too much')
    expect(
      patched(
        {},
        Array.from({ length: 5000 }, () => step('add', '/a', { value: 1 })),
      ),
    ).toBe('error: the patch has 5000 steps, of which there may be 4096')
  })

  test('keeps a copy apart from what it was copied from', () => {
    const steps = [step('add', '/a/x', { value: 1 }), step('copy', '/b', { from: '/a' }), step('add', '/b/y', { value: 2 }), step('add', '/a/z', { value: 3 })]
    expect(patched({ a: {} }, steps)).toEqual({ a: { x: 1, z: 3 }, b: { x: 1, y: 2 } })
  })

  test('takes a key named like a part of JavaScript for a key', () => {
    const result = applyPatch({}, [step('add', '/__proto__', { value: 1 }), step('add', '/constructor', { value: 2 })])
    expect(result.ok && result.value.kind === 'patched' && JSON.stringify(result.value.document)).toBe('{"__proto__":1,"constructor":2}')
  })
})

describe('the difference of two documents', () => {
  test.each<[string, unknown, unknown, readonly unknown[]]>([
    ['is empty for equal ones, whatever the order of keys', { a: 1, b: [1] }, { b: [1], a: 1 }, []],
    ['names the deepest place', { a: { b: 1, c: 2 } }, { a: { b: 1, c: 3 } }, [{ op: 'replace', path: '/a/c', value: 3 }]],
    [
      'removes and adds keys',
      { a: 1 },
      { b: 2 },
      [
        { op: 'remove', path: '/a' },
        { op: 'add', path: '/b', value: 2 },
      ],
    ],
    ['escapes keys', { 'a/b': 1 }, { 'a/b': 2 }, [{ op: 'replace', path: '/a~1b', value: 2 }]],
    ['adds an element where it is new', [1, 3], [1, 2, 3], [{ op: 'add', path: '/1', value: 2 }]],
    [
      'removes elements from behind',
      [1, 2, 3, 4],
      [1, 4],
      [
        { op: 'remove', path: '/2' },
        { op: 'remove', path: '/1' },
      ],
    ],
    ['changes an element in place', [{ a: 1 }], [{ a: 2 }], [{ op: 'replace', path: '/0/a', value: 2 }]],
    ['replaces what has another type', { a: [] }, { a: {} }, [{ op: 'replace', path: '/a', value: {} }]],
  ])('%s', (_name, before, after, expected) => {
    expect(diffJson(before, after)).toEqual(expected)
  })

  test(`makes the second of the first, ${RUNS} random times`, () => {
    const random = new Random(11)
    const value = (depth: number): unknown => {
      const kind = random.next()
      if (depth > 3 || kind < 0.4) return random.pick([0, 1, 'a', 'b', true, null])
      if (kind < 0.7) return Array.from({ length: random.below(5) }, () => value(depth + 1))
      return Object.fromEntries(Array.from({ length: random.below(4) }, () => [random.pick(['a', 'b', 'c/d', 'e~f']), value(depth + 1)]))
    }
    for (let run = 0; run < RUNS; run++) {
      const before = { root: value(0) }
      const after = { root: value(0) }
      const steps = diffJson(before, after).map((operation) => ({ from: '', value: undefined, ...operation }))
      expect(patched(before, steps)).toEqual(after)
    }
  })
})
