import { describe, expect, test } from '@jest/globals'
import { CostBudget, compileExpression, DYN, describeAtom, Lazy, toJson } from '../../../src/cel/index.ts'

const VARIABLES: Readonly<Record<string, string>> = { n: 'object.spec.a', bad: 'object.spec.nope', m: 'object.spec.m', none: 'null', text: "'x'" }
const DECLARED = new Map(['object', ...Object.keys(VARIABLES).map((name) => `variables.${name}`)].map((name) => [name, DYN]))
const OBJECT = { spec: { a: 1, m: { a: 1 } } }

function judge(expression: string): { readonly value: unknown; readonly cost: number; readonly sentences: readonly string[] } {
  const budget = new CostBudget()
  const bindings: Record<string, unknown> = { object: OBJECT }
  for (const [name, source] of Object.entries(VARIABLES)) {
    const program = compile(source)
    bindings[`variables.${name}`] = new Lazy(() => program.evaluate(bindings, budget), { program, bindings })
  }
  const program = compile(expression)
  const result = program.evaluate(bindings, budget)
  const sentences = program.explain(bindings, new CostBudget()).atoms.map((atom) => describeAtom(atom, (value) => JSON.stringify(value)))
  return { value: result.ok ? toJson(result.value) : `error: ${result.error.message}`, cost: budget.spent, sentences }
}

function compile(source: string) {
  const compiled = compileExpression(source, { variables: DECLARED })
  if (compiled.ok) return compiled.value
  throw new Error(`${source}: ${compiled.error.map(({ message }) => message).join('; ')}`)
}

describe('a variable of a policy is a field that is always there', () => {
  // What Kubernetes answers, its cost included.
  test.each([
    ['read', 'variables.n == 1', true, 6],
    ['asked for', 'has(variables.n)', true, 4],
    ['asked for where it is null', 'has(variables.none)', true, 1],
    ['asked for where it fails', 'has(variables.bad)', 'error: no such key: nope', 4],
    ['read as an optional', 'variables.?n.hasValue()', true, 6],
    ['read as an optional where it is null', 'variables.?none.hasValue()', true, 3],
    ['read as an optional where it fails', 'variables.?bad.hasValue()', 'error: no such key: nope', 5],
    ['a step below it', 'variables.m.a == 1', true, 7],
    ['a step below it as an optional', 'variables.?m.a.orValue(0) == 1', true, 7],
    ['two optional steps', 'variables.?m.?z.orValue(0) == 0', true, 6],
    ['a field of it asked for', 'has(variables.m.z)', false, 5],
    ['read twice', 'variables.n == 1 && variables.n == 1', true, 9],
  ])('%s', (_name, expression, value, cost) => {
    expect(judge(expression)).toMatchObject({ value, cost })
  })

  test('what a failing one lacked is told where it is only asked for', () => {
    expect(judge('has(variables.bad)').sentences).toEqual(['spec.nope is not set'])
  })
})
