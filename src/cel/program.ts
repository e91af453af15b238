import { err, ok, type Result } from '../api/index.ts'
import { type CelEnvironment, type CheckedExpression, checkExpression } from './check.ts'
import type { Code, Frame } from './compile-context.ts'
import { Compiler } from './compiler.ts'
import type { CostBudget } from './cost.ts'
import { type Explanation, explainExpression } from './explain.ts'
import { PROGRAM_PARTS } from './explain-variable.ts'
import { CelError, EvaluationStopped, fail } from './failure.ts'
import type { ExpressionIssue } from './issue.ts'
import { Lazy } from './lazy.ts'
import { parseExpression } from './parse.ts'
import type { CelType } from './types.ts'
import { type CelValue, isCelValue, isPlainName } from './values.ts'

/** Values by variable name, `variables.x` included; a value may be a `Lazy`. */
export type Bindings = Readonly<Record<string, unknown>>

/** Why an evaluation has no value; the two `…Exceeded` say that it was stopped, `Unavailable` that it needed a binding whose `Lazy` said so. */
export interface EvaluationError {
  readonly code: 'EvaluationFailed' | 'CostExceeded' | 'DeadlineExceeded' | 'Unavailable'
  readonly message: string
}

/** A checked expression, ready to be evaluated any number of times. */
export interface CelProgram {
  readonly source: string
  readonly type: CelType
  /** Which of the environment's variables it reads. */
  readonly variables: ReadonlySet<string>
  evaluate(bindings: Bindings, budget: CostBudget): Result<CelValue, EvaluationError>
  /** Why the expression was not true; never throws. */
  explain(bindings: Bindings, budget: CostBudget): Explanation
}

/** Parses, checks and compiles an expression, or reports all mistakes in it. */
export function compileExpression(source: string, environment: CelEnvironment): Result<CelProgram, readonly ExpressionIssue[]> {
  const parsed = parseExpression(source)
  if (!parsed.ok) return parsed
  const checked = checkExpression(source, parsed.value, environment)
  if (!checked.ok) return checked
  const compiler = new Compiler(source, checked.value)
  const code = compiler.compile(checked.value.expr, undefined)
  if (compiler.issues.length > 0) return err(compiler.issues)
  const program = new CompiledProgram(source, checked.value, compiler, code)
  PROGRAM_PARTS.set(program, { compiler, frame: (bindings, budget) => frameOf(compiler, bindings, budget) })
  return ok(program)
}

class CompiledProgram implements CelProgram {
  readonly source: string
  readonly #checked: CheckedExpression
  readonly #compiler: Compiler
  readonly #code: Code
  readonly #roots: readonly Root[]
  readonly #slotCount: number

  constructor(source: string, checked: CheckedExpression, compiler: Compiler, code: Code) {
    this.source = source
    this.#checked = checked
    this.#compiler = compiler
    this.#code = code
    this.#roots = rootsOf(compiler)
    this.#slotCount = compiler.slotCount
  }

  get type(): CelType {
    return this.#checked.type
  }

  get variables(): ReadonlySet<string> {
    return this.#checked.variables
  }

  evaluate(bindings: Bindings, budget: CostBudget): Result<CelValue, EvaluationError> {
    const outer = budget.enter()
    try {
      const frame = { slots: boundSlots(this.#roots, this.#slotCount, bindings), budget }
      budget.charge(this.#code.cost)
      const value = this.#code.run(frame)
      return value instanceof CelError ? err({ code: value.$code === 'Unavailable' ? 'Unavailable' : 'EvaluationFailed', message: value.$message }) : ok(value)
    } catch (cause) {
      return err(toEvaluationError(cause))
    } finally {
      budget.leave(outer)
    }
  }

  explain(bindings: Bindings, budget: CostBudget): Explanation {
    const outer = budget.enter()
    try {
      return explainExpression(this.#compiler, frameOf(this.#compiler, bindings, budget), bindings)
    } catch {
      // The walk keeps what it finds when the budget runs out; only reading the bindings is left to fail.
      return { atoms: [], complete: false }
    } finally {
      budget.leave(outer)
    }
  }
}

interface Root {
  readonly name: string
  readonly slot: number
  /** Whether bindings can have the name as a property of their own only. */
  readonly isPlain: boolean
}

function rootsOf(compiler: Compiler): readonly Root[] {
  return Array.from(compiler.roots, ([name, slot]) => ({ name, slot, isPlain: isPlainName(name) }))
}

// Explaining compiles parts that were fused before, so the slots are counted anew.
function frameOf(compiler: Compiler, bindings: Bindings, budget: CostBudget): Frame {
  return { slots: boundSlots(rootsOf(compiler), compiler.slotCount, bindings), budget }
}

function boundSlots(roots: readonly Root[], count: number, bindings: Bindings, empty: CelValue = null): (CelValue | Lazy)[] {
  // Most expressions need no more than four slots, and a list that starts with them does not have to grow.
  const slots: (CelValue | Lazy)[] = [empty, empty, empty, empty]
  for (let slot = slots.length; slot < count; slot++) slots.push(empty)
  for (let position = 0; position < roots.length; position++) {
    const root = roots[position]
    if (root !== undefined) slots[root.slot] = boundValue(bindings, root)
  }
  return slots
}

function boundValue(bindings: Bindings, { name, isPlain }: Root): CelValue | Lazy {
  const value = isPlain || Object.hasOwn(bindings, name) ? bindings[name] : undefined
  if (value instanceof Lazy) return value
  return isCelValue(value) ? value : fail('Unbound', `no such attribute(s): ${name}`)
}

function toEvaluationError(cause: unknown): EvaluationError {
  if (cause instanceof EvaluationStopped) return { code: cause.code, message: cause.message }
  // What is left is a hostile object: nested deeper than the stack, or larger than a string may be.
  const reason = cause instanceof RangeError ? 'value is too deep or too large' : cause instanceof Error ? cause.message : String(cause)
  return { code: 'EvaluationFailed', message: reason }
}
