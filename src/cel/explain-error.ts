import type { Expr, MacroExpr } from './ast.ts'
import type { ExplainedProgram, TracedScope } from './explain-context.ts'
import { elementScope, macroRange, originOf } from './explain-origin.ts'
import { operandsOf, READINGS, subjectOf } from './explain-subject.ts'
import { explainedVariable } from './explain-variable.ts'
import { addRequirement, childrenOf, explain, explainLoosely, explainVerdict } from './explain-walk.ts'
import { NOT_SET } from './explain-words.ts'
import { CelError } from './failure.ts'

/** Records what made a part of an expression fail: the first parts that are in error while none of theirs is. */
export function explainError(program: ExplainedProgram, expr: Expr, wanted: boolean, scope: TracedScope | undefined, test: Expr = expr): void {
  if (expr.kind === 'logical') {
    explainVerdict(program, expr, wanted, scope)
    return
  }
  if (expr.kind === 'macro') {
    explainMacroError(program, expr, wanted, scope)
    return
  }
  if (explainAbsence(program, expr, scope)) return
  const failed = evaluatedChildren(program, expr, scope).filter((child) => program.evaluate(child, scope) instanceof CelError)
  const [first] = failed
  if (first !== undefined) {
    for (const child of failed) explainError(program, child, wantedOf(expr, child, wanted), scope, test)
    return
  }
  if (explainVariableError(program, expr.kind === 'has' ? expr.target : expr, wanted) || explainReading(program, expr, scope)) return
  if (expr.kind === 'unary' || expr.kind === 'conditional') {
    explainLoosely(program, test, true, scope)
    return
  }
  if (expr === test || isTest(program, expr)) explainVerdict(program, expr, wanted, scope)
  else explainLoosely(program, test, true, scope)
}

// Words are for tests; a value that could not be computed is told by the test it was computed for.
function isTest(program: ExplainedProgram, expr: Expr): boolean {
  return program.compiler.checked.typeOf.get(expr)?.kind === 'bool'
}

// The same verdict is wanted of a branch and of a condition's operand turned round; of other operands none is known.
function wantedOf(expr: Expr, child: Expr, wanted: boolean): boolean {
  if (expr.kind === 'unary') return !wanted
  return expr.kind === 'conditional' && child === expr.condition ? true : wanted
}

// Only what Kubernetes would have evaluated: a branch not taken, or an alternative not needed, is none of it.
function evaluatedChildren(program: ExplainedProgram, expr: Expr, scope: TracedScope | undefined): readonly Expr[] {
  if (expr.kind === 'conditional') {
    const verdict = program.evaluate(expr.condition, scope)
    return typeof verdict === 'boolean' ? [verdict ? expr.then : expr.otherwise] : [expr.condition]
  }
  return expr.kind === 'call' ? operandsOf(program, expr).operands : childrenOf(expr)
}

// A field or element that is not there, named by the whole chain of selections that asked for it.
function explainAbsence(program: ExplainedProgram, expr: Expr, scope: TracedScope | undefined): boolean {
  if (expr.kind === 'has') return explainAbsence(program, expr.target, scope)
  const isOptionalValue = expr.kind === 'call' && operandsOf(program, expr).name === 'value'
  if (expr.kind !== 'select' && expr.kind !== 'index' && !isOptionalValue) return false
  const { place, isDerived } = originOf(program, expr, scope)
  if (place === undefined || isDerived || program.findings.valueAt(place).present) return false
  program.findings.add(place, NOT_SET)
  return true
}

function explainVariableError(program: ExplainedProgram, expr: Expr, wanted: boolean): boolean {
  const resolution = program.compiler.checked.resolved.get(expr)
  if (resolution?.kind !== 'variable') return false
  const variable = explainedVariable(program, resolution.name)
  if (variable !== undefined) explain(variable, variable.compiler.checked.expr, wanted, undefined)
  else
    program.findings.add(
      { root: resolution.name, segments: [] },
      program.findings.valueAt({ root: resolution.name, segments: [] }).present ? 'could not be evaluated' : NOT_SET,
    )
  return true
}

// A text that does not read as what it is taken for.
function explainReading(program: ExplainedProgram, expr: Expr, scope: TracedScope | undefined): boolean {
  if (expr.kind !== 'call') return false
  const { name, operands } = operandsOf(program, expr)
  const [text] = operands
  const subject = text === undefined || !READINGS.has(name) ? undefined : subjectOf(program, text, scope)
  if (subject === undefined) return false
  addRequirement(program, subject.place, `must be a valid ${name}`)
  return true
}

function explainMacroError(program: ExplainedProgram, expr: MacroExpr, wanted: boolean, scope: TracedScope | undefined): void {
  if (program.evaluate(expr.range, scope) instanceof CelError) {
    explainError(program, expr.range, wanted, scope)
    return
  }
  const range = expr.macro === 'optMap' || expr.macro === 'optFlatMap' ? undefined : macroRange(program, expr, scope)
  if (range === undefined) {
    const { place, isDerived } = originOf(program, expr.range, scope)
    if (place === undefined || isDerived) {
      explainLoosely(program, expr.range, wanted, scope)
      return
    }
    addRequirement(program, place, 'must be a list or map')
    return
  }
  const isTest = expr.macro === 'all' || expr.macro === 'exists' || expr.macro === 'exists_one' || expr.macro === 'filter'
  for (let position = 0; position < range.items.length; position++) {
    const inner = elementScope(program, expr, scope, range, position)
    const condition = expr.filter === undefined ? undefined : program.evaluate(expr.filter, inner)
    if (expr.filter !== undefined && condition instanceof CelError) explainError(program, expr.filter, true, inner)
    const value = condition === false ? null : program.evaluate(expr.body, inner)
    if (value instanceof CelError) explainError(program, expr.body, expr.macro === 'exists' ? wanted : true, inner)
    else if (isTest && typeof value !== 'boolean') explainVerdict(program, expr.body, wanted, inner)
    else if (expr.macro === 'all' && value === false && wanted) explain(program, expr.body, true, inner)
  }
}
