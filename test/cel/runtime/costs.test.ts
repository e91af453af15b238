import { describe, expect, test } from '@jest/globals'
import { CostBudget, compileExpression, DYN } from '../../../src/cel/index.ts'

const OBJECT = { b: true, a: { c: 1 }, empty: [], m: { a: 1, k: 'c' }, k: 'a', kc: 'c', n: null, l: [1], i: 0, text: '' }

function costOf(expression: string): number {
  const program = compileExpression(expression, { variables: new Map([['object', DYN]]) })
  if (!program.ok) throw new Error(expression)
  const budget = new CostBudget()
  program.value.evaluate({ object: OBJECT }, budget)
  return budget.spent
}

/** What Kubernetes 1.37 charges. */
const COSTS: Readonly<Record<string, readonly (readonly [expression: string, cost: number])[]>> = {
  'steps after an optional one cost where there is something': [
    ['object.?a.c', 3],
    ['object.?a.z', 2],
    ['object.?z.c', 1],
    ['object.?z["c"]', 1],
    ['object.a.?z.y.x', 2],
    ['object.?b.c', 2],
    ['object.?l[0]', 3],
  ],
  'a choice between values may begin a chain': [
    ['(object.b ? object : object).a', 3],
    ['(object.b ? object.m : object).a', 4],
    ['(object.b ? object : object)["a"]', 3],
    ['has((object.b ? object : object).a)', 2],
    ['(object.b ? (object.b ? object : object) : object).a.c', 6],
  ],
  'a key that a chain reads is a step': [
    ['object.a[object.kc] < 3', 5],
    ['object.a[object.m.k]', 5],
    ['object.a.all(k, object.a[k] < 3)', 10],
    ['object.l[object.i + 0]', 6],
    ['object[object.b ? "a" : "m"]', 4],
  ],
  'empty texts and lists': [
    ["object.text == 'x'", 2],
    ["object.k == 'x'", 3],
    ["object.?z.orValue('') == 'x'", 1],
    ["'a' in object.empty", 3],
    ["'a' in object.?z.orValue([])", 2],
  ],
}

describe.each(Object.entries(COSTS))('%s', (_name, costs) => {
  test.each(costs)('%s', (expression, cost) => {
    expect(costOf(expression)).toBe(cost)
  })
})
