import type { BinaryExpr, Expr, MacroExpr } from './ast.ts'
import { isChain } from './compile-select.ts'
import type { ExplainedProgram, TracedScope } from './explain-context.ts'
import { explainFiltered } from './explain-macros.ts'
import { originOf } from './explain-origin.ts'
import { placeBelow } from './explain-place.ts'
import { measuredExpr, operandsOf, operandWords, type Subject, subjectOf } from './explain-subject.ts'
import { addRequirement, explain, explainLoosely } from './explain-walk.ts'
import { type Comparison, comparisonWords, flipped, MUST_NOT_BE_SET, NOT_SET, negated, oneOfWords, sizeWords, unitOf } from './explain-words.ts'
import { isList, isMap } from './values.ts'

interface Sides {
  readonly subject: Expr
  readonly operator: Comparison
  readonly operand: Expr
}

/** `a == b` and its kin; anything else that is no verdict is told loosely. */
export function explainComparison(program: ExplainedProgram, expr: BinaryExpr, wanted: boolean, scope: TracedScope | undefined): void {
  const operator = comparisonOf(expr)
  if (operator === undefined) {
    explainLoosely(program, expr, wanted, scope)
    return
  }
  const asked = wanted ? operator : negated(operator)
  const isRightSubject = program.constantOf(expr.left, scope) !== undefined
  if (explainTruth(program, expr, asked, scope)) return
  const plain = { subject: expr.left, operator: asked, operand: expr.right }
  const turned = { subject: expr.right, operator: flipped(asked), operand: expr.left }
  const [first, second] = isRightSubject ? [turned, plain] : [plain, turned]
  if (compareSides(program, first, scope) || compareSides(program, second, scope)) return
  explainLoosely(program, expr, wanted, scope)
}

// `test(x) == false` asks of the test what `!test(x)` does.
function explainTruth(program: ExplainedProgram, expr: BinaryExpr, asked: Comparison, scope: TracedScope | undefined): boolean {
  if (asked !== '==' && asked !== '!=') return false
  for (const [test, constant] of [[expr.left, expr.right] as const, [expr.right, expr.left] as const]) {
    const verdict = program.constantOf(constant, scope)
    // A bool that stands in the object is compared like any other value.
    if (typeof verdict !== 'boolean' || isChain(test) || subjectOf(program, test, scope) !== undefined) continue
    if (typeof program.evaluate(test, scope) !== 'boolean') continue
    explain(program, test, verdict === (asked === '=='), scope)
    return true
  }
  return false
}

function comparisonOf({ operator }: BinaryExpr): Comparison | undefined {
  switch (operator) {
    case '==':
    case '!=':
    case '<':
    case '<=':
    case '>':
    case '>=':
      return operator
    default:
      return undefined
  }
}

function compareSides(program: ExplainedProgram, sides: Sides, scope: TracedScope | undefined): boolean {
  const compared = orderingCall(program, sides, scope)
  if (compared !== undefined) return compareSides(program, compared, scope)
  const measured = measuredExpr(program, sides.subject)
  const count = program.constantOf(sides.operand, scope)
  if (measured?.kind === 'macro' && measured.macro === 'filter' && count !== undefined) {
    const words = sizeWords(sides.operator, count, '', ['', ''])
    if (words === 'must be empty' || words === 'must not be empty') return explainFiltered(program, measured, words === 'must not be empty', scope)
  }
  if (measured?.kind === 'macro' && measured.macro === 'filter') return compareFilteredSize(program, measured, sides, scope)
  const subject = subjectOf(program, sides.subject, scope)
  if (subject === undefined) return false
  addRequirement(program, subject.place, requirementOf(program, subject, sides, scope))
  return true
}

// `list.filter(x, condition).size() < 2` asks for a number of elements.
function compareFilteredSize(program: ExplainedProgram, filter: MacroExpr, { operator, operand }: Sides, scope: TracedScope | undefined): boolean {
  const { place, isDerived } = originOf(program, filter.range, scope)
  if (place === undefined || isDerived) return false
  const { value } = program.findings.valueAt(place)
  const words = sizeWords(operator, program.evaluate(operand, scope), operandWords(program, operand, scope).text, unitOf(value))
  addRequirement(program, place, `${words} that satisfy \`${program.text(filter.body)}\``)
  return true
}

// `a.compareTo(b) < 0` asks whether `a` is less than `b`.
function orderingCall(program: ExplainedProgram, { subject, operator, operand }: Sides, scope: TracedScope | undefined): Sides | undefined {
  if (subject.kind !== 'call' || program.constantOf(operand, scope) !== 0) return undefined
  const { name, operands } = operandsOf(program, subject)
  const [left, right] = operands
  if (name !== 'compareTo' || left === undefined || right === undefined) return undefined
  return program.constantOf(left, scope) === undefined
    ? { subject: left, operator, operand: right }
    : { subject: right, operator: flipped(operator), operand: left }
}

function requirementOf(program: ExplainedProgram, subject: Subject, { operator, operand }: Sides, scope: TracedScope | undefined): string {
  const { text, isPath } = operandWords(program, operand, scope)
  if (!subject.isSize) return comparisonWords(operator, text, isPath)
  const { value } = program.findings.valueAt(subject.place)
  return sizeWords(operator, program.evaluate(operand, scope), text, unitOf(value))
}

/** `value in container`. */
export function explainIn(program: ExplainedProgram, expr: BinaryExpr, wanted: boolean, scope: TracedScope | undefined): void {
  const container = program.evaluate(expr.right, scope)
  const held = originOf(program, expr.right, scope)
  const key = program.evaluate(expr.left, scope)
  const isKnownKey = program.constantOf(expr.left, scope) !== undefined
  const not = wanted ? '' : 'not '
  if (
    isMap(container) &&
    typeof key === 'string' &&
    held.place !== undefined &&
    !held.isDerived &&
    (isKnownKey || subjectOf(program, expr.left, scope) === undefined)
  ) {
    program.findings.add(placeBelow(held.place, key), wanted ? NOT_SET : MUST_NOT_BE_SET)
    return
  }
  const subject = isKnownKey ? undefined : subjectOf(program, expr.left, scope)
  if (subject !== undefined && !subject.isSize) {
    const { text, isPath } = operandWords(program, expr.right, scope)
    const isPlain = !isPath && isList(container) && held.place === undefined
    addRequirement(program, subject.place, isPlain ? oneOfWords(container, wanted) : `must ${not}be in ${text}`)
    return
  }
  if (held.place !== undefined && !held.isDerived) {
    addRequirement(program, held.place, `must ${not}contain ${operandWords(program, expr.left, scope).text}`)
    return
  }
  explainLoosely(program, expr, wanted, scope)
}
