import { describe, expect, test } from '@jest/globals'
import type { Atom } from '../../../src/cel/index.ts'
import { CostBudget, compileExpression, DYN } from '../../../src/cel/index.ts'
import { generatePairs } from '../../oracle/generator.ts'
import { randomObject } from '../../oracle/objects.ts'
import { Random } from '../../oracle/random.ts'
import { explained, withVariables } from './programs.ts'

/** A test of a value that fails, and what is asked of the value. */
interface Failure {
  readonly test: (x: string) => string
  readonly value: unknown
  readonly requirement: string
}

const FAILURES: readonly Failure[] = [
  { test: (x) => `${x} == 5`, value: 3, requirement: 'must be 5' },
  { test: (x) => `${x} != 3`, value: 3, requirement: 'must not be 3' },
  { test: (x) => `${x} < 2`, value: 3, requirement: 'must be less than 2' },
  { test: (x) => `${x} <= 2`, value: 3, requirement: 'must be at most 2' },
  { test: (x) => `${x} > 7`, value: 3, requirement: 'must be greater than 7' },
  { test: (x) => `7 <= ${x}`, value: 3, requirement: 'must be at least 7' },
  { test: (x) => `!(${x} >= 2)`, value: 3, requirement: 'must be less than 2' },
  { test: (x) => `${x} == 'b'`, value: 'a', requirement: 'must be "b"' },
  { test: (x) => `'b' == ${x}`, value: 'a', requirement: 'must be "b"' },
  { test: (x) => `${x} in ['b', 'c']`, value: 'a', requirement: 'must be one of "b", "c"' },
  { test: (x) => `!(${x} in ['a', 'c'])`, value: 'a', requirement: 'must not be one of "a", "c"' },
  { test: (x) => `${x}.startsWith('b')`, value: 'a', requirement: 'must start with "b"' },
  { test: (x) => `!${x}.startsWith('a')`, value: 'abc', requirement: 'must not start with "a"' },
  { test: (x) => `${x}.endsWith('b')`, value: 'a', requirement: 'must end with "b"' },
  { test: (x) => `${x}.contains(':')`, value: 'a', requirement: 'must contain ":"' },
  { test: (x) => `${x}.matches('^[0-9]+$')`, value: 'a', requirement: 'must match "^[0-9]+$"' },
  { test: (x) => `size(${x}) >= 3`, value: 'a', requirement: 'must have at least 3 characters' },
  { test: (x) => `${x}.size() == 1`, value: 'ab', requirement: 'must have exactly 1 character' },
  { test: (x) => `${x}`, value: false, requirement: 'must be true' },
  { test: (x) => `!${x}`, value: true, requirement: 'must not be true' },
  { test: (x) => `${x} == false`, value: true, requirement: 'must be false' },
  { test: (x) => `${x} != null`, value: null, requirement: 'must not be null' },
  { test: (x) => `quantity(${x}).isLessThan(quantity('1Gi'))`, value: '2Gi', requirement: 'must be less than 1Gi' },
  { test: (x) => `semver(${x}).compareTo(semver('2.0.0')) >= 0`, value: '1.9.0', requirement: 'must be at least 2.0.0' },
  { test: (x) => `isIP(${x})`, value: 'a', requirement: 'must be an IP address' },
]

/** A way an expression gets at a value, and the value's path. */
interface Approach {
  readonly name: string
  readonly expression: (test: (x: string) => string) => string
  readonly object: (value: unknown) => unknown
  readonly segments: readonly (string | number)[]
  readonly path: string
}

const listed = (value: unknown): unknown => ({ spec: { items: [{ name: 'first', v: value }] } })

const APPROACHES: readonly Approach[] = [
  { name: 'a field', expression: (test) => test('object.spec.v'), object: (v) => ({ spec: { v } }), segments: ['spec', 'v'], path: 'spec.v' },
  { name: 'a key', expression: (test) => test("object.spec['a/b']"), object: (v) => ({ spec: { 'a/b': v } }), segments: ['spec', 'a/b'], path: 'spec["a/b"]' },
  {
    name: 'an optional',
    expression: (test) => test('object.?spec.?v.orValue(null)'),
    object: (v) => ({ spec: { v } }),
    segments: ['spec', 'v'],
    path: 'spec.v',
  },
  {
    name: 'each element',
    expression: (test) => `object.spec.items.all(i, ${test('i.v')})`,
    object: listed,
    segments: ['spec', 'items', 0, 'v'],
    path: 'spec.items[0].v',
  },
  {
    name: 'elements of two lists',
    expression: (test) => `(object.?spec.?others.orValue([]) + object.spec.items).all(i, ${test('i.v')})`,
    object: listed,
    segments: ['spec', 'items', 0, 'v'],
    path: 'spec.items[0].v',
  },
  {
    name: 'mapped values',
    expression: (test) => `object.spec.items.map(i, i.v).all(x, ${test('x')})`,
    object: listed,
    segments: ['spec', 'items', 0, 'v'],
    path: 'spec.items[0].v',
  },
  {
    name: 'what a filter leaves',
    expression: (test) => `object.spec.items.filter(i, i.name == 'first').all(i, ${test('i.v')})`,
    object: listed,
    segments: ['spec', 'items', 0, 'v'],
    path: 'spec.items[0].v',
  },
  {
    name: 'a variable',
    expression: (test) => `variables.containers.all(i, ${test('i.v')})`,
    object: listed,
    segments: ['spec', 'items', 0, 'v'],
    path: 'spec.items[0].v',
  },
]

describe('each failing test by each approach names the path, the value and what is asked', () => {
  const table = FAILURES.flatMap((failure) => APPROACHES.map((approach) => ({ failure, approach, name: approach.expression(failure.test) })))
  test('there are two hundred of them', () => {
    expect(table.length).toBe(200)
  })

  test.each(table)('$name', ({ failure, approach }) => {
    const bindings = withVariables({ object: approach.object(failure.value) }, { containers: 'object.spec.items' })
    const { atoms, complete } = explained(approach.expression(failure.test), bindings)
    expect(complete).toBe(true)
    expect(atoms).toEqual([
      {
        root: 'object',
        segments: approach.segments,
        path: approach.path,
        keyedPath: approach.path.replace('[0]', '[name=first]'),
        present: true,
        value: failure.value,
        requirement: failure.requirement,
      } satisfies Atom,
    ])
  })
})

/** Follows a path through plain data. */
function follow(data: unknown, segments: readonly (string | number)[]): { readonly found: boolean; readonly value: unknown } {
  let value = data
  for (const segment of segments) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, segment)) return { found: false, value: undefined }
    value = Reflect.get(value, segment)
  }
  return { found: true, value }
}

describe('whatever the expression and the object', () => {
  test('an explanation never throws, and the path it names is there or its absence is the reason', () => {
    const random = new Random(77)
    let explainedCount = 0
    for (const { expression } of generatePairs(random, 6_000)) {
      const object: unknown = JSON.parse(randomObject(random))
      const program = compileExpression(expression, { variables: new Map([['object', DYN]]) })
      if (!program.ok) continue
      const { atoms } = program.value.explain({ object }, new CostBudget())
      for (const atom of atoms) {
        const { found, value } = follow(object, atom.segments)
        expect({ expression, path: atom.path, present: atom.present }).toEqual({ expression, path: atom.path, present: found })
        if (found) expect(atom.value).toBe(value)
        expect(atom.requirement).toMatch(/^(?:must |is not set$)/)
        expect(atom.keyedPath).not.toBe('')
        explainedCount++
      }
      if (program.value.evaluate({ object }, new CostBudget()).ok && atoms.length > 0) {
        expect(program.value.evaluate({ object }, new CostBudget())).not.toEqual({ ok: true, value: true })
      }
    }
    expect(explainedCount).toBeGreaterThan(2_000)
  }, 60_000)
})
