import {
  type Bindings,
  type CelProgram,
  CostBudget,
  type CostLimits,
  compileExpression,
  DYN,
  describeAtom,
  type Explanation,
  Lazy,
  toJson,
} from '../../../src/cel/index.ts'

const VARIABLES = [
  'object',
  'oldObject',
  'params',
  'request',
  'namespaceObject',
  'variables.images',
  'variables.containers',
  'variables.limit',
  'variables.isProduction',
] as const

/** Compiles an expression over the variables of a policy, all of type `dyn`. */
export function compiled(expression: string): CelProgram {
  const program = compileExpression(expression, { variables: new Map(VARIABLES.map((name) => [name, DYN])) })
  if (program.ok) return program.value
  throw new Error(`${expression}: ${program.error.map((issue) => issue.message).join('; ')}`)
}

/** What an expression gives: its value as JSON, or its error as a text. */
export function outcome(expression: string, bindings: Bindings, limits: CostLimits = {}): unknown {
  const result = compiled(expression).evaluate(bindings, new CostBudget(limits))
  return result.ok ? toJson(result.value) : `${result.error.code}: ${result.error.message}`
}

/** Why an expression was not true. */
export function explained(expression: string, bindings: Bindings): Explanation {
  return compiled(expression).explain(bindings, new CostBudget())
}

/** The same in sentences, with values as JSON. */
export function sentences(expression: string, bindings: Bindings): readonly string[] {
  return explained(expression, bindings).atoms.map((atom) => describeAtom(atom, (value) => JSON.stringify(value)))
}

/** Bindings with variables that are computed by expressions when they are first read. */
export function withVariables(bindings: Bindings, variables: Readonly<Record<string, string>>): Bindings {
  const all: Record<string, unknown> = { ...bindings }
  const budget = new CostBudget()
  for (const [name, expression] of Object.entries(variables)) {
    const program = compiled(expression)
    all[`variables.${name}`] = new Lazy(() => program.evaluate(all, budget), { program, bindings: all })
  }
  return all
}
