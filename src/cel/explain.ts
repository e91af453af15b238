import type { Frame } from './compile-context.ts'
import type { Compiler } from './compiler.ts'
import { type Atom, ExplainedProgram, Findings } from './explain-context.ts'
import { type Place, printPlace } from './explain-place.ts'
import { explain } from './explain-walk.ts'
import { NOT_SET } from './explain-words.ts'

export type { Atom } from './explain-context.ts'

/** Why an expression was not true; `complete` is false where not everything could be told, or only of values that were computed. */
export interface Explanation {
  readonly atoms: readonly Atom[]
  readonly complete: boolean
}

/** Finds the atoms that decided the result of an expression; what a spent budget left unfound is missing. */
export function explainExpression(compiler: Compiler, frame: Frame, bindings: Readonly<Record<string, unknown>>): Explanation {
  const findings = new Findings(bindings)
  const program = new ExplainedProgram(compiler, frame, bindings, findings)
  try {
    explain(program, compiler.checked.expr, true, undefined)
  } catch {
    // The budget, or the stack on a hostile object: nothing else throws here.
    findings.complete = false
  }
  return { atoms: findings.atoms, complete: findings.complete }
}

const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_]*$/

/** One sentence about an atom; `show` writes its value. */
export function describeAtom(atom: Atom, show: (value: unknown, atom: Atom) => string): string {
  if (atom.present) return `${atom.path} (${show(atom.value, atom)}) ${atom.requirement}`
  const parent: Place = { root: atom.root, segments: atom.segments.slice(0, -1) }
  const last = atom.segments.at(-1)
  const absence = typeof last === 'string' && !IDENTIFIER.test(last) ? `${printPlace(parent)} has no key ${JSON.stringify(last)}` : `${atom.path} ${NOT_SET}`
  return atom.requirement === NOT_SET ? absence : `${absence}, ${atom.requirement}`
}
