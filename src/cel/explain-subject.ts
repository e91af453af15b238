import type { CallExpr, Expr } from './ast.ts'
import { calledFunction } from './compile-calls.ts'
import type { ExplainedProgram, TracedScope } from './explain-context.ts'
import { LITERAL, localOrigin, originOf } from './explain-origin.ts'
import { type Place, printPlace } from './explain-place.ts'
import { explainedVariable } from './explain-variable.ts'
import { childrenOf } from './explain-walk.ts'
import { valueWords } from './explain-words.ts'
import { CelError } from './failure.ts'

/** The value in the object that a part of an expression is about, and whether its size or itself was looked at. */
export interface Subject {
  readonly expr: Expr
  readonly place: Place
  readonly isSize: boolean
}

/** Functions that read a text as something else; what is said of the result is said of the text. */
export const READINGS: ReadonlySet<string> = new Set([
  'int',
  'uint',
  'double',
  'string',
  'quantity',
  'duration',
  'timestamp',
  'semver',
  'ip',
  'cidr',
  'url',
  'dyn',
])

/** The operands of a call: its target, if that is one, and its arguments. */
export function operandsOf(program: ExplainedProgram, expr: CallExpr): { readonly name: string; readonly operands: readonly Expr[] } {
  const { name, isMember } = calledFunction(program.compiler, expr)
  return { name, operands: isMember && expr.target !== undefined ? [expr.target, ...expr.args] : expr.args }
}

/** What of a call of `size` is measured, or `undefined`. */
export function measuredExpr(program: ExplainedProgram, expr: Expr): Expr | undefined {
  if (expr.kind !== 'call') return undefined
  const { name, operands } = operandsOf(program, expr)
  return name === 'size' && operands.length === 1 ? operands[0] : undefined
}

/** Strips readings of a text. */
function readExpr(program: ExplainedProgram, expr: Expr): Expr {
  if (expr.kind !== 'call') return expr
  const { name, operands } = operandsOf(program, expr)
  const [first] = operands
  return first !== undefined && READINGS.has(name) ? readExpr(program, first) : expr
}

/** Finds the subject of a part of an expression; `undefined` where it is computed in a way words do not reach. */
export function subjectOf(program: ExplainedProgram, expr: Expr, scope: TracedScope | undefined): Subject | undefined {
  const measured = measuredExpr(program, expr)
  const inner = readExpr(program, measured ?? expr)
  const { place, isDerived } = originOf(program, inner, scope)
  return place === undefined || isDerived ? undefined : { expr: inner, place, isSize: measured !== undefined }
}

/** How a sentence names the other side of a comparison: a value of the policy or its parameters, a path, or the source text. */
export function operandWords(program: ExplainedProgram, expr: Expr, scope: TracedScope | undefined): { readonly text: string; readonly isPath: boolean } {
  const value = program.evaluate(expr, scope)
  if (!(value instanceof CelError) && !readsVariables(program, expr, scope)) return { text: valueWords(value), isPath: false }
  const subject = subjectOf(program, expr, scope)
  if (subject === undefined || subject.isSize || value instanceof CelError) return { text: `\`${program.text(expr)}\``, isPath: true }
  const path = printPlace(subject.place)
  // Parameters belong to the policy; of anything else only the path is told, its value may be confidential.
  return subject.place.root === 'params' ? { text: `${valueWords(value)} (${path})`, isPath: false } : { text: path, isPath: true }
}

/** Whether a part of an expression reads a variable, or an element that comes from one. */
export function readsVariables(program: ExplainedProgram, expr: Expr, scope: TracedScope | undefined): boolean {
  if (program.constantOf(expr, scope) !== undefined) return false
  const kind = program.compiler.checked.resolved.get(expr)?.kind
  if (kind === 'variable') {
    // A variable that is made of literals alone is as good as one.
    const variable = explainedVariable(program, program.compiler.checked.resolved.get(expr)?.name ?? '')
    return variable === undefined || readsVariables(variable, variable.compiler.checked.expr, undefined)
  }
  if (kind === 'type') return false
  if (expr.kind === 'ident') return localOrigin(scope, expr.name) !== LITERAL
  // The body of a macro has variables of its own, of which this scope knows nothing.
  if (expr.kind === 'macro') return true
  const parts = expr.kind === 'call' ? operandsOf(program, expr).operands : childrenOf(expr)
  return parts.some((part) => readsVariables(program, part, scope))
}
