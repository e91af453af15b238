import { describe, expect, test } from '@jest/globals'
import { CostBudget, compileExpression, DYN, parseExactJson, toJson } from '../../../src/cel/index.ts'
import { compiled } from './programs.ts'

const TEN = '[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]'

function nested(depth: number): string {
  let expression = 'true'
  for (let level = depth; level > 0; level--) expression = `${TEN}.all(v${level}, ${expression})`
  return expression
}

function repeated(start: string, times: number, grow: (expression: string, level: number) => string): string {
  let expression = start
  for (let level = 0; level < times; level++) expression = grow(expression, level)
  return expression
}

function deepJson(depth: number, open = '{"a":', close = '}'): unknown {
  return JSON.parse(`${open.repeat(depth)}1${close.repeat(depth)}`)
}

const records = Array.from({ length: 20_000 }, (_, position) => ({ name: `n${position}`, port: position, labels: { a: 'x' } }))
const numbers = Array.from({ length: 100_000 }, (_, position) => position)
const longText = 'ab'.repeat(500_000)
const spaces = ' '.repeat(1_000_000)
const emoji = '😀'.repeat(200_000)

const objects: Readonly<Record<string, unknown>> = {
  plain: { list: records, text: longText, spaces, emoji, numbers, one: 1 },
  deepMap: { a: deepJson(100_000), b: deepJson(100_000) },
  deepList: { a: deepJson(100_000, '[', ']'), b: deepJson(100_000, '[', ']') },
  prototype: JSON.parse(
    '{"__proto__":{"admin":true},"constructor":"c","toString":"t","hasOwnProperty":1,"valueOf":null,"x":{"__proto__":{"y":1}},"$value":5,"$kind":"error","$message":"boo","then":"t","length":7,"labels":{"constructor":"x"},"list":[{"__proto__":{"name":"n"}}]}',
  ) as unknown,
  nothing: {},
  string: 'just a text',
  list: [],
  missing: null,
}

// Stopping is an answer too: `stopped` is either of the two limits, `fails` any error that an expression could absorb.
type Expected = 'stopped' | 'fails' | 'answers' | boolean | number | string

const CASES: readonly (readonly [object: string, expression: string, expected: Expected])[] = [
  ['plain', nested(7), 'stopped'],
  ['plain', nested(20), 'stopped'],
  ['plain', repeated("'xxxxxxxxxx'", 9, (inner) => `[${inner}].map(s, s + s + s + s + s + s + s + s + s + s)[0]`), 'stopped'],
  ['plain', `size(${repeated("'a'", 9, (inner) => `${inner}.replace('', 'aaaaaaaaaa')`)}) > 0`, 'stopped'],
  ['plain', `size(${repeated(TEN, 7, (inner, level) => `${inner}.map(x${level}, ${TEN}).flatten()`)}) > 0`, 'stopped'],
  ['plain', `${repeated('[1]', 7, (inner, level) => `${TEN}.map(x${level}, ${inner})`)}.size() > 5`, 'stopped'],
  ['plain', `size(${repeated('[1, 2]', 30, (inner) => `[${inner}].map(l, l + l)[0]`)}) > 0`, 'stopped'],
  ['plain', 'object.list.all(a, object.list.exists_one(b, b.name == a.name))', 'stopped'],
  ['plain', 'object.list.all(a, object.list.exists(b, b.name == a.name))', 'stopped'],
  ['plain', 'object.list.all(a, size(object.list + object.list) > 0)', 'stopped'],
  ['plain', "object.list.all(a, !object.text.contains('abb'))", 'stopped'],
  ['plain', "object.list.all(a, !object.text.contains(object.text + 'x'))", 'stopped'],
  ['plain', 'size(object.list.distinct()) > 0', 'stopped'],
  ['plain', 'sets.contains(object.list, object.list)', 'stopped'],
  ['plain', 'sets.equivalent(object.numbers, object.numbers)', 'stopped'],
  ['plain', 'object.list.all(a, object.list == object.list)', 'stopped'],
  ['plain', 'object.list == object.list', true],
  ['plain', "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaab'.matches('^(a+)+$')", false],
  ['plain', "object.text.matches('^(a|b|ab)*c$')", 'answers'],
  ['plain', "object.list.all(a, !object.text.matches('^(a|aa)+$b'))", 'stopped'],
  ['plain', "object.text.matches('[ab]*a[ab]{14}[cd]')", 'answers'],
  ['plain', "object.text.find('(x+x+)+y') == ''", 'answers'],
  ['plain', "size(object.text.findAll('a')) > 0", 'answers'],
  ['plain', 'object.text.matches(object.text)', 'stopped'],
  ['plain', "'a'.matches('(a{0,500}){0,500}')", 'fails'],
  ['plain', "'a'.matches(object.one == 1 ? '((a{1,100}){1,100}){1,100}' : 'a')", 'fails'],
  ['plain', 'size(lists.range(1000000)) > 0', 'stopped'],
  ['plain', 'size(lists.range(1000001)) > 0', 'fails'],
  ['plain', 'lists.range(9223372036854775807) == []', 'fails'],
  ['plain', "quantity('1e1000').isInteger()", false],
  ['plain', "quantity(object.one == 1 ? '1e999999999' : '1').isInteger()", 'fails'],
  ['plain', "quantity('1e-999999999').isGreaterThan(quantity('0'))", true],
  ['plain', 'isQuantity(object.text)', false],
  ['plain', 'isSemver(object.text)', false],
  ['plain', 'isIP(object.text) || isCIDR(object.text)', false],
  ['plain', 'isURL(object.text)', false],
  ['plain', "duration(object.one == 1 ? '999999999999999999999999999999999999999999h' : '1h') > duration('1s')", 'fails'],
  ['plain', 'timestamp(object.text) > timestamp(0)', 'fails'],
  ['plain', 'int(object.text) == 1', 'fails'],
  ['plain', 'double(object.text) == 1.0', 'fails'],
  ['plain', "object.list.all(a, object.text.charAt(100000) == 'a')", 'stopped'],
  ['plain', 'object.list.all(a, size(object.text) > 0)', 'answers'],
  ['plain', 'size(object.emoji)', 200_000],
  ['plain', "object.emoji.substring(199999) == '😀'", true],
  ['plain', "object.list.all(a, object.emoji.indexOf('x') == -1)", 'stopped'],
  ['plain', "object.spaces.trim() == ''", true],
  ['plain', "object.spaces.split(' ').size() > 5", true],
  ['plain', "object.text.replace('a', object.text) == ''", 'stopped'],
  ['plain', "object.list.all(a, '%s'.format([object.list]) != '')", 'stopped'],
  ['plain', "'%s'.format([object.list]) != ''", true],
  ['plain', "'%.1000f'.format([1.5]) != ''", true],
  ['plain', "'%.99999f'.format([object.one * 1.0])", 'fails'],
  ['plain', "'%.1001f'.format([1.5]) != ''", 'fails'],
  ['plain', 'object.list.all(a, object.map(k, k).size() > 0)', 'stopped'],
  ['plain', 'object.list.sortBy(a, -a.port)[0].port == 19999', true],
  ['plain', 'object.numbers.sum() > 0', true],
  ['plain', 'object.list.map(a, object.list)', 'answers'],
  ['plain', 'object.list.map(a, object.list) == object.list.map(a, object.list)', 'answers'],
  ['plain', 'object.numbers.transformMap(i, v, v).size()', 100_000],
  ['plain', "strings.quote(object.text) != ''", true],
  ['plain', "url('/' + object.text.replace('b', '%41')).getEscapedPath() != ''", 'fails'],
  ['deepMap', 'object.a == object.b', 'answers'],
  ['deepMap', "'%s'.format([object.a]) != ''", 'fails'],
  ['deepMap', 'object.a in [object.b]', 'answers'],
  ['deepMap', '[object.a, object.b].distinct().size()', 'answers'],
  ['deepMap', 'has(object.a.a.a.a.b)', false],
  ['deepList', 'object.a == object.b', 'answers'],
  ['deepList', 'size(object.a.flatten(1000000))', 'answers'],
  ['deepList', "'%s'.format([object.a]) != ''", 'fails'],
  ['deepList', 'object.a.isSorted()', 'fails'],
  ['deepList', 'object.a.all(x, x.all(y, y.all(z, true)))', true],
  ['prototype', 'has(object.admin)', false],
  ['prototype', 'object.?admin.hasValue()', false],
  ['prototype', "'admin' in object", false],
  ['prototype', "object['__proto__'].admin", true],
  ['prototype', "object['constructor'] == 'c' && object.toString == 't'", true],
  ['prototype', 'has(object.isPrototypeOf) || has(object.__defineGetter__)', false],
  ['prototype', 'object.x.y == 1', 'fails'],
  ['prototype', 'has(object.x.y)', false],
  ['prototype', "object.labels.all(k, k == 'constructor')", true],
  ['prototype', "object.labels.constructor == 'x'", true],
  ['prototype', 'object.list.all(e, has(e.name))', false],
  ['prototype', "object['$value'] == 5 && object['$kind'] == 'error'", true],
  ['prototype', 'type(object) == map && type(object.x) == map', true],
  ['prototype', 'object.length == 7', true],
  ['prototype', 'object.list.length == 1', 'fails'],
  ['prototype', 'object.toString.length == 1', 'fails'],
  ['prototype', "object.map(k, k).exists(k, k == '__proto__')", true],
  ['prototype', "object.transformMap(k, v, v)['__proto__'].admin", true],
  ['prototype', "{'__proto__': 1, 'a': 2}.size()", 2],
  ['prototype', "has({'__proto__': {'q': 1}}.q)", false],
  ['prototype', "{'constructor': 1}.size() == 1 && !('toString' in {'constructor': 1})", true],
  ['nothing', 'object.a.b.c', 'fails'],
  ['nothing', "object['toString'] == 1", 'fails'],
  ['string', 'object.length == 11', 'fails'],
  ['string', 'has(object.length)', false],
  ['list', 'has(object.length)', 'fails'],
  ['list', 'object[-1]', 'fails'],
  ['list', 'object[9223372036854775807]', 'fails'],
  ['missing', 'object.a', 'fails'],
  ['missing', 'has(object.a)', false],
]

// Processor time, so that a busy machine does not count; what this guards against takes minutes.
const LIMIT_MS = 5_000

describe('hostile expressions and objects get an answer in bounded time, and nothing is thrown', () => {
  test.each(
    CASES.map(([object, expression, expected]) => ({ object, expression, expected, name: `${object}: ${expression.slice(0, 90)} is ${String(expected)}` })),
  )(
    '$name',
    ({ object, expression, expected }) => {
      const compiledExpression = compileExpression(expression, { variables: new Map([['object', DYN]]) })
      // A mistake that Kubernetes finds when it compiles is an answer as well.
      if (!compiledExpression.ok) {
        expect(expected).toBe('fails')
        return
      }
      const before = process.cpuUsage()
      const result = compiledExpression.value.evaluate({ object: objects[object] }, new CostBudget())
      const explanation = compiledExpression.value.explain({ object: objects[object] }, new CostBudget())
      expect(process.cpuUsage(before).user / 1_000).toBeLessThan(LIMIT_MS)
      expect(Array.isArray(explanation.atoms)).toBe(true)
      const got = result.ok ? 'answers' : result.error.code === 'EvaluationFailed' ? 'fails' : 'stopped'
      if (expected === 'stopped' || expected === 'fails') expect(got).toBe(expected)
      else if (expected === 'answers') expect(['answers', 'fails', 'stopped']).toContain(got)
      else expect(result.ok ? toJson(result.value) : result.error.message).toBe(expected)
    },
    30_000,
  )
})

describe('limits', () => {
  test('an expression stops at its own limit, and says so as Kubernetes does', () => {
    expect(compiled('object.all(a, object.all(b, true))').evaluate({ object: numbers }, new CostBudget())).toEqual({
      ok: false,
      error: { code: 'CostExceeded', message: 'operation cancelled: actual cost limit exceeded' },
    })
  })

  test('the expressions of a policy share the total', () => {
    const budget = new CostBudget({ total: 2_000 })
    const program = compiled('[1, 2, 3].all(x, x > 0)')
    let evaluations = 0
    while (evaluations < 1_000 && program.evaluate({}, budget).ok) evaluations++
    expect(evaluations).toBe(125)
    expect(program.evaluate({}, budget)).toMatchObject({ ok: false, error: { code: 'CostExceeded' } })
  })

  test('the deadline is looked at now and then, by the clock that came with it', () => {
    let now = 0
    const budget = new CostBudget({ deadline: { now: () => (now += 1), atMs: 50 } })
    expect(compiled('object.all(a, object.all(b, true))').evaluate({ object: numbers }, budget)).toMatchObject({
      ok: false,
      error: { code: 'DeadlineExceeded' },
    })
    expect(budget.spent).toBeLessThan(1_000_000)
  })

  test('nothing absorbs a stop', () => {
    expect(compiled('object.all(a, object.all(b, true)) || true').evaluate({ object: numbers }, new CostBudget()).ok).toBe(false)
  })

  test('JSON too deep for the reader of numbers is an error, not an exception', () => {
    expect(parseExactJson(`${'['.repeat(200_000)}1.5${']'.repeat(200_000)}`).ok).toBe(false)
  })
})
