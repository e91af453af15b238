import type { Expr, MacroExpr } from './ast.ts'
import type { CheckedExpression } from './check.ts'
import { compileCall } from './compile-calls.ts'
import type { Code, CompileContext, Scope } from './compile-context.ts'
import { compileList, compileLiteral, compileMap, compileMessage } from './compile-literals.ts'
import { compileMacro } from './compile-macros.ts'
import { compileBinary, compileConditional, compileLogical, compileUnary } from './compile-operators.ts'
import { compileHas, compileIndex, compileName, compileSelect } from './compile-select.ts'
import { type ExpressionIssue, issueAt } from './issue.ts'

/** Compiles the nodes of one expression; a node's code is made once, and only when asked for. */
export class Compiler implements CompileContext {
  readonly checked: CheckedExpression
  readonly issues: ExpressionIssue[] = []
  readonly source: string
  readonly #code = new Map<Expr, Code>()
  readonly #rootSlots = new Map<string, number>()
  readonly #macroSlots = new Map<MacroExpr, readonly number[]>()
  #slots = 0

  constructor(source: string, checked: CheckedExpression) {
    this.source = source
    this.checked = checked
  }

  /** The environment's variables that the code so far reads, with their slots. */
  get roots(): ReadonlyMap<string, number> {
    return this.#rootSlots
  }

  /** How many slots a frame needs. */
  get slotCount(): number {
    return this.#slots
  }

  compile(expr: Expr, scope: Scope | undefined): Code {
    const known = this.#code.get(expr)
    if (known !== undefined) return known
    const made = this.#compile(expr, scope)
    this.#code.set(expr, made)
    return made
  }

  rootSlot(name: string): number {
    const known = this.#rootSlots.get(name)
    if (known !== undefined) return known
    const slot = this.#slots++
    this.#rootSlots.set(name, slot)
    return slot
  }

  macroSlots(macro: MacroExpr): readonly number[] {
    const known = this.#macroSlots.get(macro)
    if (known !== undefined) return known
    const slots = macro.variables.map(() => this.#slots++)
    this.#macroSlots.set(macro, slots)
    return slots
  }

  report(expr: Expr, message: string): void {
    this.issues.push(issueAt(this.source, 'InvalidArgument', expr, message))
  }

  #compile(expr: Expr, scope: Scope | undefined): Code {
    switch (expr.kind) {
      case 'literal':
        return compileLiteral(expr)
      case 'ident':
        return compileName(this, expr, expr.name, expr.absolute ? undefined : scope)
      case 'select':
        return compileSelect(this, expr, scope)
      case 'index':
        return compileIndex(this, expr, scope)
      case 'has':
        return compileHas(this, expr, scope)
      case 'unary':
        return compileUnary(this, expr, scope)
      case 'binary':
        return compileBinary(this, expr, scope)
      case 'logical':
        return compileLogical(this, expr, scope)
      case 'conditional':
        return compileConditional(this, expr, scope)
      case 'call':
        return compileCall(this, expr, scope)
      case 'list':
        return compileList(this, expr, scope)
      case 'map':
        return compileMap(this, expr, scope)
      case 'message':
        return compileMessage(this, expr, scope)
      case 'macro':
        return compileMacro(this, expr, scope)
    }
  }
}
