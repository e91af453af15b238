import type { Expr } from './ast.ts'
import type { Frame, Scope } from './compile-context.ts'
import type { Compiler } from './compiler.ts'
import type { Origin } from './explain-origin.ts'
import { type Place, printKeyedPlace, printPlace, rootValue, valueAt } from './explain-place.ts'
import { type CelValue, isList, isRecord } from './values.ts'

/** One value that decided a result: where it stands, what it is, and what was asked of it. */
export interface Atom {
  /** The variable it was read from: `object`, `oldObject`, `params`, `request`, `variables.x`. */
  readonly root: string
  /** The path below the root. */
  readonly segments: readonly (string | number)[]
  /** The path in print; `object` is left out, other roots are not. */
  readonly path: string
  /** The same path with list elements under their key: `spec.containers[name=app]`. */
  readonly keyedPath: string
  readonly present: boolean
  /** The value there, if there is one. */
  readonly value: unknown
  /** What was asked of it: `must be at least 2`, or `is not set`. */
  readonly requirement: string
}

/** A macro's variable with the origin of the element it stands for. */
export interface TracedScope extends Scope {
  readonly origin: Origin
  readonly outer: TracedScope | undefined
}

const MAX_INDEXED = 50_000

/** What all explained programs of one explanation share. */
export class Findings {
  readonly atoms: Atom[] = []
  complete = true
  readonly #bindings: Readonly<Record<string, unknown>>
  #places: Map<CelValue, Place> | undefined

  constructor(bindings: Readonly<Record<string, unknown>>) {
    this.#bindings = bindings
  }

  /** Records that something was asked of the value at a place. */
  add(place: Place, requirement: string): void {
    const { present, value } = valueAt(this.#bindings, place)
    const path = printPlace(place)
    if (place.root.startsWith('variables.')) this.complete = false
    if (this.atoms.some((atom) => atom.path === path && atom.requirement === requirement)) return
    const keyedPath = printKeyedPlace(this.#bindings, place)
    this.atoms.push({ root: place.root, segments: place.segments, path, keyedPath, present, value, requirement })
  }

  valueAt(place: Place): { readonly present: boolean; readonly value: CelValue } {
    return valueAt(this.#bindings, place)
  }

  /** Finds an object or list by identity below the variables that are not computed. */
  placeOf(value: CelValue): Place | undefined {
    if (typeof value !== 'object' || value === null) return undefined
    this.#places ??= this.#indexed()
    return this.#places.get(value)
  }

  #indexed(): Map<CelValue, Place> {
    const places = new Map<CelValue, Place>()
    const queue: { readonly value: CelValue; readonly place: Place }[] = []
    for (const root of Object.keys(this.#bindings)) {
      // Context may be thousands of objects, and is traced by the places that read it.
      if (root.startsWith('variables.') || root.startsWith('context.')) continue
      const value = rootValue(this.#bindings, root)
      if (value !== undefined) queue.push({ value, place: { root, segments: [] } })
    }
    // Breadth first, so that of two paths to one value the shorter wins.
    for (let at = 0; at < queue.length && places.size < MAX_INDEXED; at++) {
      const item = queue[at]
      if (item === undefined || typeof item.value !== 'object' || item.value === null || places.has(item.value)) continue
      places.set(item.value, item.place)
      for (const [segment, child] of childrenOf(item.value)) {
        if (typeof child === 'object') queue.push({ value: child, place: { root: item.place.root, segments: [...item.place.segments, segment] } })
      }
    }
    return places
  }
}

function childrenOf(value: CelValue): readonly (readonly [string | number, CelValue])[] {
  if (isList(value)) return value.map((element, position) => [position, element] as const)
  return isRecord(value) ? Object.keys(value).map((key) => [key, value[key] ?? null] as const) : []
}

/** One program being explained: the expression of a rule, or of a variable it reads. */
export class ExplainedProgram {
  readonly source: string
  readonly findings: Findings
  readonly bindings: Readonly<Record<string, unknown>>
  readonly frame: Frame
  readonly compiler: Compiler
  /** How many variables lie between the rule and this program. */
  readonly depth: number
  /** Origins of variables already traced. */
  readonly variableOrigins = new Map<string, Origin>()

  constructor(compiler: Compiler, frame: Frame, bindings: Readonly<Record<string, unknown>>, findings: Findings, depth = 0) {
    this.source = compiler.source
    this.compiler = compiler
    this.depth = depth
    this.frame = frame
    this.bindings = bindings
    this.findings = findings
  }

  /** The value of a part of the expression, under the variables of the macros around it as they now stand. */
  evaluate(expr: Expr, scope: Scope | undefined): CelValue {
    const code = this.compiler.compile(expr, scope)
    this.frame.budget.charge(code.cost + 1)
    return code.run(this.frame)
  }

  /** Whether a part has the same value whatever the variables. */
  constantOf(expr: Expr, scope: Scope | undefined): CelValue | undefined {
    return this.compiler.compile(expr, scope).constant
  }

  /** The text of a part, on one line and not too long. */
  text(expr: Expr): string {
    const text = this.source.slice(expr.start, expr.end).replace(/\s+/g, ' ')
    return text.length > 200 ? `${text.slice(0, 199)}…` : text
  }
}
