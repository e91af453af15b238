import type { Expr, MacroExpr } from './ast.ts'
import type { ExplainedProgram, TracedScope } from './explain-context.ts'
import { elementScope, macroRange } from './explain-origin.ts'
import { operandWords } from './explain-subject.ts'
import { addRequirement, explain, explainEither, explainLoosely } from './explain-walk.ts'
import { CelError } from './failure.ts'
import { isMap } from './values.ts'

/** A macro that gave the wrong verdict. */
export function explainMacro(program: ExplainedProgram, expr: MacroExpr, wanted: boolean, scope: TracedScope | undefined): void {
  switch (expr.macro) {
    case 'all':
      wanted ? explainElements(program, expr, true, scope) : explainList(program, expr, 'an', 'does not satisfy', scope)
      return
    case 'exists':
      wanted ? explainMissing(program, expr, expr.body, scope) : explainElements(program, expr, false, scope)
      return
    case 'exists_one':
      explainList(program, expr, wanted ? 'exactly one' : 'not exactly one', 'satisfies', scope)
      return
    default:
      explainLoosely(program, expr, wanted, scope)
      return
  }
}

/** `range.filter(x, condition)` that should have been empty, or should not have. */
export function explainFiltered(program: ExplainedProgram, expr: MacroExpr, wanted: boolean, scope: TracedScope | undefined): boolean {
  if (wanted) explainMissing(program, expr, expr.body, scope)
  else explainElements(program, expr, false, scope)
  return true
}

// Every element that gave the wrong verdict, all of them; errors only where they were not absorbed.
function explainElements(program: ExplainedProgram, expr: MacroExpr, wanted: boolean, scope: TracedScope | undefined): void {
  const range = macroRange(program, expr, scope)
  if (range === undefined) {
    explainLoosely(program, expr.range, wanted, scope)
    return
  }
  const wrong: number[] = []
  const failed: number[] = []
  for (let position = 0; position < range.items.length; position++) {
    const verdict = program.evaluate(expr.body, elementScope(program, expr, scope, range, position))
    if (verdict === !wanted) wrong.push(position)
    else if (verdict !== wanted) failed.push(position)
  }
  // An element in error breaks the requirement as surely as one that is wrong, so `all` names both.
  for (const position of wanted ? [...wrong, ...failed].sort((a, b) => a - b) : wrong.length > 0 ? wrong : failed) {
    explain(program, expr.body, wanted, elementScope(program, expr, scope, range, position))
  }
}

// No element satisfies a condition that one should.
function explainMissing(program: ExplainedProgram, expr: MacroExpr, body: Expr, scope: TracedScope | undefined): void {
  const range = macroRange(program, expr, scope)
  if (range === undefined) {
    explainLoosely(program, expr.range, true, scope)
    return
  }
  const { place, isDerived } = range.origin
  // Choices that come from the policy or its parameters: any of them would do.
  const isChoice = place === undefined || place.root === 'params'
  if (!isChoice && !isDerived) {
    if (range.items.length === 0) {
      addRequirement(program, place, wantedElement(program, expr, body, scope) ?? 'must not be empty')
      return
    }
    const inner = elementScope(program, expr, scope, range, 0)
    const words = `must have ${isMap(range.source) ? 'an entry' : 'an element'} that satisfies \`${program.text(body)}\``
    addRequirement(program, place, wantedElement(program, expr, body, inner) ?? words)
    return
  }
  if (range.items.length === 0) {
    explainLoosely(program, expr.range, true, scope)
    return
  }
  explainEither(program, () => {
    for (let position = 0; position < range.items.length; position++) explain(program, body, true, elementScope(program, expr, scope, range, position))
  })
}

// `x == y` and `x.name == y` have simpler words than the condition's text.
function wantedElement(program: ExplainedProgram, expr: MacroExpr, body: Expr, scope: TracedScope | undefined): string | undefined {
  const name = expr.variables.at(-1)
  if (body.kind !== 'binary' || body.operator !== '==' || expr.variables.length !== 1) return undefined
  const [element, operand] = isElement(body.left, name) || isFieldOfElement(body.left, name) ? [body.left, body.right] : [body.right, body.left]
  const isWhole = isElement(element, name)
  if (!isWhole && !isFieldOfElement(element, name)) return undefined
  if (program.evaluate(operand, scope) instanceof CelError) return undefined
  const { text } = operandWords(program, operand, scope)
  return isWhole ? `must contain ${text}` : `must have an element whose ${element.kind === 'select' ? element.field : 'value'} is ${text}`
}

function isElement(expr: Expr, name: string | undefined): boolean {
  return expr.kind === 'ident' && expr.name === name
}

function isFieldOfElement(expr: Expr, name: string | undefined): boolean {
  return expr.kind === 'select' && isElement(expr.operand, name)
}

function explainList(program: ExplainedProgram, expr: MacroExpr, quantity: string, verb: string, scope: TracedScope | undefined): void {
  const range = macroRange(program, expr, scope)
  const place = range?.origin.place
  if (range === undefined || place === undefined || range.origin.isDerived) {
    explainLoosely(program, expr, true, scope)
    return
  }
  const noun = isMap(range.source) ? 'entry' : 'element'
  addRequirement(program, place, `must have ${quantity} ${noun} that ${verb} \`${program.text(expr.body)}\``)
}
