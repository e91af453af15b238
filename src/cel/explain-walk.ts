import type { ConditionalExpr, Expr, HasExpr, LogicalExpr } from './ast.ts'
import { isChain } from './compile-select.ts'
import { explainCall } from './explain-calls.ts'
import { explainComparison, explainIn } from './explain-compare.ts'
import type { Atom, ExplainedProgram, TracedScope } from './explain-context.ts'
import { explainError } from './explain-error.ts'
import { explainMacro } from './explain-macros.ts'
import { originOf } from './explain-origin.ts'
import { type Place, placeBelow, printPlace } from './explain-place.ts'
import { explainedVariable } from './explain-variable.ts'
import { eitherWords, MUST_NOT_BE_SET, NOT_SET } from './explain-words.ts'
import { CelError } from './failure.ts'

/** Records why a part of an expression did not give the verdict that was wanted. */
export function explain(program: ExplainedProgram, expr: Expr, wanted: boolean, scope: TracedScope | undefined): void {
  const value = program.evaluate(expr, scope)
  if (value === wanted) return
  if (value instanceof CelError) explainError(program, expr, wanted, scope)
  else explainVerdict(program, expr, wanted, scope)
}

/** The same for a part that gave a verdict, or was the first to fail. */
export function explainVerdict(program: ExplainedProgram, expr: Expr, wanted: boolean, scope: TracedScope | undefined): void {
  switch (expr.kind) {
    case 'unary':
      explain(program, expr.operand, !wanted, scope)
      return
    case 'logical':
      explainLogical(program, expr, wanted, scope)
      return
    case 'conditional':
      explainConditional(program, expr, wanted, scope)
      return
    case 'has':
      explainHas(program, expr, wanted, scope)
      return
    case 'binary':
      if (expr.operator === 'in') {
        explainIn(program, expr, wanted, scope)
        return
      }
      explainComparison(program, expr, wanted, scope)
      return
    case 'call':
      explainCall(program, expr, wanted, scope)
      return
    case 'macro':
      explainMacro(program, expr, wanted, scope)
      return
    default:
      explainFlag(program, expr, wanted, scope)
      return
  }
}

// One operand decides `a && b` that should hold and `a || b` that should not: each that does is to blame. Otherwise one of all would do.
function explainLogical(program: ExplainedProgram, expr: LogicalExpr, wanted: boolean, scope: TracedScope | undefined): void {
  const everyOne = wanted === (expr.operator === '&&')
  if (!everyOne) {
    explainEither(program, () => expr.operands.map((operand) => explain(program, operand, wanted, scope)))
    return
  }
  const isError = program.evaluate(expr, scope) instanceof CelError
  for (const operand of expr.operands) {
    const value = program.evaluate(operand, scope)
    // Errors beside a verdict did not decide anything.
    if (value === !wanted || isError) explain(program, operand, wanted, scope)
  }
}

/** Runs explanations of which one would have sufficed, and joins what they ask of the same place. */
export function explainEither(program: ExplainedProgram, run: () => unknown): void {
  const { atoms } = program.findings
  const start = atoms.length
  run()
  const found = withoutConditions(atoms.splice(start))
  const byPath = new Map<string, Atom[]>()
  for (const atom of found) byPath.set(atom.path, [...(byPath.get(atom.path) ?? []), atom])
  for (const group of byPath.values()) {
    const [first] = group
    const requirements = group.map((atom) => atom.requirement).filter((requirement) => requirement !== NOT_SET)
    if (first !== undefined) atoms.push({ ...first, requirement: requirements.length === 0 ? NOT_SET : eitherWords(requirements) })
  }
}

// `object == null || …`, `!has(x) || x…` and `request.operation != … || …` are conditions of a rule rather than ways to meet it.
function withoutConditions(atoms: readonly Atom[]): readonly Atom[] {
  const isBelow = (atom: Atom, other: Atom): boolean =>
    other.root === atom.root && atom.segments.every((segment, position) => other.segments[position] === segment)
  const kept = atoms.filter((atom) => {
    if (atom.segments.length === 0 && atom.requirement === 'must be null') return false
    if (atom.requirement === MUST_NOT_BE_SET)
      return !atoms.some((other) => isBelow(atom, other) && (other.segments.length > atom.segments.length || other.requirement !== MUST_NOT_BE_SET))
    return atom.root !== 'request'
  })
  return kept.length === 0 ? atoms : kept
}

function explainConditional(program: ExplainedProgram, expr: ConditionalExpr, wanted: boolean, scope: TracedScope | undefined): void {
  const isThen = program.evaluate(expr.condition, scope) === true
  const branch = isThen ? expr.then : expr.otherwise
  // A branch that is a mere `false` says nothing: then the condition decided.
  if (program.constantOf(branch, scope) === undefined) explain(program, branch, wanted, scope)
  else explain(program, expr.condition, !isThen, scope)
}

function explainHas(program: ExplainedProgram, expr: HasExpr, wanted: boolean, scope: TracedScope | undefined): void {
  const origin = originOf(program, expr.target.operand, scope)
  if (origin.place === undefined || origin.isDerived) {
    explainLoosely(program, expr, wanted, scope)
    return
  }
  program.findings.add(placeBelow(origin.place, expr.target.field), wanted ? NOT_SET : MUST_NOT_BE_SET)
}

// A bool that stands in the object, or was computed by a variable.
function explainFlag(program: ExplainedProgram, expr: Expr, wanted: boolean, scope: TracedScope | undefined): void {
  const resolution = program.compiler.checked.resolved.get(expr)
  const variable = resolution?.kind === 'variable' ? explainedVariable(program, resolution.name) : undefined
  if (variable !== undefined) {
    explain(variable, variable.compiler.checked.expr, wanted, undefined)
    return
  }
  const origin = originOf(program, expr, scope)
  if (origin.place === undefined || origin.isDerived) {
    explainLoosely(program, expr, wanted, scope)
    return
  }
  addRequirement(program, origin.place, wanted ? 'must be true' : 'must not be true')
}

/** Records a requirement; a value that is not there and only had to be true is just not set. */
export function addRequirement(program: ExplainedProgram, place: Place, requirement: string): void {
  const isMissing = !program.findings.valueAt(place).present
  program.findings.add(place, isMissing && requirement === 'must be true' ? NOT_SET : requirement)
}

const MAX_PLACES = 3

/** Names the values a part of an expression looked at, where no better words are known. */
export function explainLoosely(program: ExplainedProgram, expr: Expr, wanted: boolean, scope: TracedScope | undefined): void {
  const places = new Map<string, Place>()
  collectPlaces(program, expr, scope, places)
  if (places.size === 0) program.findings.complete = false
  const requirement = `must ${wanted ? '' : 'not '}satisfy \`${program.text(expr)}\``
  for (const place of [...places.values()].slice(0, MAX_PLACES)) program.findings.add(place, requirement)
  if (places.size > MAX_PLACES) program.findings.complete = false
}

function collectPlaces(program: ExplainedProgram, expr: Expr, scope: TracedScope | undefined, places: Map<string, Place>): void {
  if (isChain(expr)) {
    const { place } = originOf(program, expr, scope)
    if (place !== undefined) places.set(printPlace(place), place)
    if (place !== undefined || expr.kind === 'ident') return
  }
  for (const child of childrenOf(expr)) collectPlaces(program, child, scope, places)
}

/** The parts of an expression that are evaluated under the same variables as itself. */
export function childrenOf(expr: Expr): readonly Expr[] {
  switch (expr.kind) {
    case 'literal':
    case 'ident':
      return []
    case 'select':
      return [expr.operand]
    case 'index':
      return [expr.operand, expr.index]
    case 'has':
      return [expr.target.operand]
    case 'unary':
      return [expr.operand]
    case 'binary':
      return [expr.left, expr.right]
    case 'logical':
      return expr.operands
    case 'conditional':
      return [expr.condition, expr.then, expr.otherwise]
    case 'call':
      return expr.target === undefined ? expr.args : [expr.target, ...expr.args]
    case 'list':
      return expr.elements.map((element) => element.value)
    case 'map':
      return expr.entries.flatMap((entry) => [entry.key, entry.value])
    case 'message':
      return expr.fields.map((field) => field.value)
    case 'macro':
      return [expr.range]
  }
}
