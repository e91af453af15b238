import { BOOL, type CelProgram, CostBudget, compileExpression, DYN, requestType } from '../../src/cel/index.ts'

const VARIABLES = new Map([
  ['object', DYN],
  ['oldObject', DYN],
  ['request', requestType()],
])

/** Compiles a match condition with what the API server gives it; throws with all that is wrong. */
export function compileCondition(expression: string): CelProgram {
  const compiled = compileExpression(expression, { variables: VARIABLES, resultTypes: [BOOL] })
  if (!compiled.ok) throw new Error(`${expression}\n${compiled.error.map(({ message }) => message).join('\n')}`)
  return compiled.value
}

const programs = new Map<string, CelProgram>()

/** Whether a match condition holds for the request of an AdmissionReview. */
export function holds(expression: string, request: Readonly<Record<string, unknown>>): boolean {
  const program = programs.get(expression) ?? compileCondition(expression)
  programs.set(expression, program)
  const value = program.evaluate({ request, object: request['object'] ?? null, oldObject: request['oldObject'] ?? null }, new CostBudget())
  if (!value.ok) throw new Error(`${expression}: ${value.error.message}`)
  return value.value === true
}
