import { describe, expect, test } from '@jest/globals'
import { CostBudget, compileExpression, DYN, Lazy, parseExactJson, toJson } from '../../../src/cel/index.ts'
import { compiled, outcome } from './programs.ts'

describe('a program', () => {
  test('says which variables it reads', () => {
    expect([...compiled('variables.images.size() > 0 && object.x == 1 && [1].all(object, object == 1)').variables].sort()).toEqual([
      'object',
      'variables.images',
    ])
  })

  test('gives every mistake in an expression, with its place', () => {
    const result = compileExpression("objekt.x == 1 && object.name.startWith('a') && duration('1d') > duration('1h')", {
      variables: new Map([['object', DYN]]),
    })
    expect(result.ok ? [] : result.error.map((issue) => [issue.code, issue.column])).toEqual([
      ['UndeclaredReference', 1],
      ['UndeclaredReference', expect.any(Number)],
      ['InvalidArgument', expect.any(Number)],
    ])
  })

  test('can be evaluated again and again, and inside itself', () => {
    const program = compiled('object.x + 1')
    const budget = new CostBudget()
    expect([1, 2, 3].map((x) => program.evaluate({ object: { x } }, budget))).toEqual([2, 3, 4].map((value) => ({ ok: true, value })))
    const outer = compiled('variables.limit + 1')
    expect(outer.evaluate({ 'variables.limit': new Lazy(() => outer.evaluate({ 'variables.limit': 1 }, budget)) }, budget)).toEqual({ ok: true, value: 3 })
  })

  test('a variable that is not bound is an error where it is read, and not before', () => {
    expect(outcome('object.x == 1', {})).toBe('EvaluationFailed: no such attribute(s): object')
    expect(outcome('true || object.x == 1', {})).toBe(true)
  })
})

describe('a lazy variable', () => {
  test('is computed when it is first read, and once', () => {
    let computed = 0
    const lazy = new Lazy(() => {
      computed++
      return { ok: true, value: 5 }
    })
    const budget = new CostBudget()
    expect(compiled('true || variables.limit == 1').evaluate({ 'variables.limit': lazy }, budget)).toEqual({ ok: true, value: true })
    expect(computed).toBe(0)
    expect(compiled('variables.limit == 5 && [1, 2].all(x, variables.limit > x)').evaluate({ 'variables.limit': lazy }, budget)).toEqual({
      ok: true,
      value: true,
    })
    expect(compiled('variables.limit').evaluate({ 'variables.limit': lazy }, budget)).toEqual({ ok: true, value: 5 })
    expect(computed).toBe(1)
  })

  test('in error is an error value, which `||` absorbs', () => {
    const lazy = new Lazy(() => ({ ok: false, error: { code: 'EvaluationFailed', message: 'no such key: x' } }))
    const bindings = { 'variables.limit': lazy, object: { a: 1 } }
    expect(outcome('variables.limit > 1', bindings)).toBe('EvaluationFailed: no such key: x')
    expect(outcome('variables.limit > 1 || object.a == 1', bindings)).toBe(true)
  })

  test('that ran out of budget stops the expression that reads it', () => {
    const lazy = new Lazy(() => ({ ok: false, error: { code: 'CostExceeded', message: 'too much' } }))
    expect(outcome('variables.limit > 1 || true', { 'variables.limit': lazy })).toBe('CostExceeded: too much')
  })

  test('that reads itself is an error', () => {
    const budget = new CostBudget()
    const program = compiled('variables.limit + 1')
    const bindings: Record<string, unknown> = {}
    bindings['variables.limit'] = new Lazy(() => program.evaluate(bindings, budget))
    expect(program.evaluate(bindings, budget)).toEqual({ ok: false, error: { code: 'EvaluationFailed', message: 'a variable depends on itself' } })
  })

  test('that throws is an error value', () => {
    const lazy = new Lazy(() => {
      throw new Error('broken')
    })
    expect(outcome('variables.limit', { 'variables.limit': lazy })).toBe('EvaluationFailed: broken')
  })

  test('costs the policy, not the expression that reads it', () => {
    const budget = new CostBudget({ perExpression: 60 })
    const list = compiled('[1, 2, 3, 4, 5, 6, 7, 8].all(x, x > 0)')
    const lazy = new Lazy(() => list.evaluate({}, budget))
    expect(compiled('variables.limit && [1, 2, 3, 4, 5, 6, 7, 8].all(x, x > 0)').evaluate({ 'variables.limit': lazy }, budget)).toEqual({
      ok: true,
      value: true,
    })
    expect(budget.spent).toBeGreaterThan(60)
  })
})

describe('values and JSON', () => {
  test.each<readonly [string, unknown]>([
    ['[1, 2]', [1, 2]],
    ["{'a': [dyn(null), dyn(true)]}", { a: [null, true] }],
    ['9223372036854775807', '9223372036854775807'],
    ['1.0', 1],
    ['1.0 / 0.0', '+Inf'],
    ['5u', 5],
    ["b'abc'", 'YWJj'],
    ["duration('90s')", '90s'],
    ["timestamp('2024-02-29T12:00:00Z')", '2024-02-29T12:00:00Z'],
    ['type(1)', 'int'],
    ['optional.of(1)', 1],
    ['optional.none()', null],
    ["quantity('1Gi')", '1Gi'],
    ['{1: 2}', { 1: 2 }],
  ])('%s', (expression, json) => {
    expect(JSON.parse(JSON.stringify(outcome(expression, {})))).toEqual(json)
  })

  test('a value nested without end is cut, not followed', () => {
    const cyclic: { a?: unknown } = {}
    cyclic.a = cyclic
    const result = compiled('object').evaluate({ object: cyclic }, new CostBudget())
    expect(JSON.stringify(result.ok ? toJson(result.value) : null)).toContain('…')
  })

  test('numbers are read as Kubernetes reads them', () => {
    const read = parseExactJson('{"a":1,"b":1.0,"c":9007199254740993,"d":1e2,"e":-0,"f":0.1,"g":18446744073709551616}')
    expect(read.ok).toBe(true)
    const object = read.ok ? read.value : null
    expect(outcome('[type(object.a), type(object.b), type(object.c), type(object.d), type(object.e), type(object.f), type(object.g)]', { object })).toEqual([
      'int',
      'double',
      'int',
      'double',
      'int',
      'double',
      'double',
    ])
    expect(outcome('object.c == 9007199254740993 && object.c != 9007199254740992', { object })).toBe(true)
  })
})
