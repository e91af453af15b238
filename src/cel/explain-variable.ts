import type { Frame } from './compile-context.ts'
import type { Compiler } from './compiler.ts'
import type { CostBudget } from './cost.ts'
import { ExplainedProgram } from './explain-context.ts'
import { Lazy } from './lazy.ts'
import type { CelProgram } from './program.ts'

/** What the room knows of its own programs and does not show. */
export interface ProgramParts {
  readonly compiler: Compiler
  readonly frame: (bindings: Readonly<Record<string, unknown>>, budget: CostBudget) => Frame
}

/** The parts of programs made by `compileExpression`. */
export const PROGRAM_PARTS = new WeakMap<CelProgram, ProgramParts>()

// A variable may read others; how deep such a chain is followed.
const MAX_DEPTH = 20

/** The program behind a lazy variable, ready to be explained, where the variable says which it is. */
export function explainedVariable(program: ExplainedProgram, name: string): ExplainedProgram | undefined {
  const bound = Object.hasOwn(program.bindings, name) ? program.bindings[name] : undefined
  const source = bound instanceof Lazy ? bound.source : undefined
  const parts = source === undefined ? undefined : PROGRAM_PARTS.get(source.program)
  if (source === undefined || parts === undefined || program.depth >= MAX_DEPTH) return undefined
  return new ExplainedProgram(parts.compiler, parts.frame(source.bindings, program.frame.budget), source.bindings, program.findings, program.depth + 1)
}
