import type { Frame } from './compile-context.ts'
import type { Compiler } from './compiler.ts'

/** One value that decided a result: where it stands, what it is, and what was asked of it. */
export interface Atom {
  /** The variable it was read from: `object`, `oldObject`, `params`, `request`, `variables.x`. */
  readonly root: string
  /** The path below the root. */
  readonly segments: readonly (string | number)[]
  /** The path in print; `object` is left out, other roots are not. */
  readonly path: string
  /** The same path with list elements under their name: `containers[name=app]`. */
  readonly keyedPath: string
  readonly present: boolean
  /** The value there, if there is one. */
  readonly value: unknown
  /** What was asked of it, as the rest of a sentence that starts with the path. */
  readonly requirement: string
}

/** Why an expression was not true; `complete` is false where not everything could be told. */
export interface Explanation {
  readonly atoms: readonly Atom[]
  readonly complete: boolean
}

/** Finds the atoms that decided the result of an expression. */
export function explainExpression(_compiler: Compiler, _frame: Frame, _bindings: Readonly<Record<string, unknown>>): Explanation {
  return { atoms: [], complete: false }
}

/** One sentence about an atom; `show` writes its value. */
export function describeAtom(atom: Atom, show: (value: unknown, atom: Atom) => string): string {
  return atom.present ? `${atom.path} (${show(atom.value, atom)}) ${atom.requirement}` : `${atom.path} ${atom.requirement}`
}
