import type { Expr, MacroExpr } from './ast.ts'
import type { CheckedExpression } from './check.ts'
import type { CostBudget } from './cost.ts'
import { Lazy } from './lazy.ts'
import type { CelValue } from './values.ts'

/** The state of one evaluation: a slot for each variable, and the budget it draws on. */
export interface Frame {
  readonly slots: (CelValue | Lazy)[]
  readonly budget: CostBudget
}

/** A compiled expression: computes its value from a frame; an error is a value. */
export type Evaluator = (frame: Frame) => CelValue

/** A compiled expression with what a run of it always costs, which the enclosing block charges on entry. */
export interface Code {
  readonly run: Evaluator
  readonly cost: number
  /** The value of an expression that has the same one every time. */
  readonly constant?: CelValue
  /** For an expression that gives optionals: what is in the optional, `undefined` where nothing is, or the error. Saves the optional where it is taken apart. */
  readonly held?: (frame: Frame) => CelValue | undefined
}

/** The variables of macros in force at a place, innermost first. */
export interface Scope {
  readonly name: string
  readonly slot: number
  readonly outer: Scope | undefined
}

/** What the parts of the compiler need of each other. */
export interface CompileContext {
  readonly checked: CheckedExpression
  compile(expr: Expr, scope: Scope | undefined): Code
  /** The slot of an environment's variable. */
  rootSlot(name: string): number
  /** The slots of a macro's variables, the same at every call. */
  macroSlots(macro: MacroExpr): readonly number[]
  /** Records a mistake that only compiling brings to light. */
  report(expr: Expr, message: string): void
}

/** Finds the slot of a macro's variable, or `undefined`. */
export function localSlot(scope: Scope | undefined, name: string): number | undefined {
  for (let at = scope; at !== undefined; at = at.outer) if (at.name === name) return at.slot
  return undefined
}

/** The value in a slot; a lazy binding is computed and stays computed. */
export function readSlot(frame: Frame, slot: number): CelValue {
  const held = frame.slots[slot] ?? null
  if (!(held instanceof Lazy)) return held
  const value = held.read()
  frame.slots[slot] = value
  return value
}

/** Code that always gives the same value. */
export function constantCode(value: CelValue): Code {
  return { run: () => value, cost: 0, constant: value }
}

/** The scope inside a macro. */
export function macroScope(context: CompileContext, macro: MacroExpr, scope: Scope | undefined): Scope | undefined {
  const slots = context.macroSlots(macro)
  return macro.variables.reduce<Scope | undefined>((outer, name, position) => ({ name, slot: slots[position] ?? 0, outer }), scope)
}
