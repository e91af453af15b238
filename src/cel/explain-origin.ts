import { iterable } from './access.ts'
import type { CallExpr, Expr, MacroExpr } from './ast.ts'
import { calledFunction } from './compile-calls.ts'
import { bindElement } from './compile-macros.ts'
import type { ExplainedProgram, TracedScope } from './explain-context.ts'
import { type Place, placeBelow } from './explain-place.ts'
import { readsVariables } from './explain-subject.ts'
import { explainedVariable } from './explain-variable.ts'
import { CelError } from './failure.ts'
import { type CelValue, isInt, isList, Optional } from './values.ts'

/**
 * Where a value comes from. `place` is where it stands; with `isDerived` it was computed from what stands there.
 * `elements` are the origins of a list's elements where they are known one by one.
 */
export interface Origin {
  readonly place: Place | undefined
  readonly isDerived: boolean
  readonly elements: readonly Origin[] | undefined
}

/** A value that was made, not found. */
const NOWHERE: Origin = { place: undefined, isDerived: false, elements: undefined }

/** A value of the policy itself: it can be told, and no object is to blame for it. */
export const LITERAL: Origin = { place: undefined, isDerived: false, elements: undefined }

const at = (place: Place): Origin => ({ place, isDerived: false, elements: undefined })
const ofElements = (elements: readonly Origin[]): Origin => ({ place: undefined, isDerived: false, elements })

/** The origin of one field or element of a value. */
function childOrigin(origin: Origin, segment: string | number): Origin {
  const element = typeof segment === 'number' ? origin.elements?.[segment] : undefined
  if (element !== undefined) return element
  if (origin.place === undefined) return NOWHERE
  return origin.isDerived ? origin : at(placeBelow(origin.place, segment))
}

/** The origin of an element, found by identity where the list was computed. */
function elementOrigin(program: ExplainedProgram, list: Origin, element: CelValue, position: number): Origin {
  const isComputed = list.place === undefined || list.place.root.startsWith('variables.')
  if (list.elements?.[position] === undefined && isComputed) {
    const place = program.findings.placeOf(element)
    if (place !== undefined) return at(place)
  }
  return childOrigin(list, position)
}

/** Traces a part of an expression to where its value comes from. */
export function originOf(program: ExplainedProgram, expr: Expr, scope: TracedScope | undefined): Origin {
  const resolution = program.compiler.checked.resolved.get(expr)
  if (resolution?.kind === 'variable') return variableOrigin(program, resolution.name)
  switch (expr.kind) {
    case 'ident':
      return localOrigin(scope, expr.name) ?? NOWHERE
    case 'select':
      return childOrigin(originOf(program, expr.operand, scope), expr.field)
    case 'index': {
      const key = program.evaluate(expr.index, scope)
      const base = originOf(program, expr.operand, scope)
      return typeof key === 'string' || (typeof key === 'number' && isInt(key)) ? childOrigin(base, key) : derived(base)
    }
    case 'conditional': {
      const verdict = program.evaluate(expr.condition, scope)
      return typeof verdict === 'boolean' ? originOf(program, verdict ? expr.then : expr.otherwise, scope) : NOWHERE
    }
    case 'call':
      return callOrigin(program, expr, scope)
    case 'macro':
      return macroOrigin(program, expr, scope)
    case 'list':
      return ofElements(
        expr.elements.flatMap(({ value, optional }) => (optional && isAbsent(program.evaluate(value, scope)) ? [] : [originOf(program, value, scope)])),
      )
    case 'binary':
      return binaryOrigin(program, expr.left, expr.right, expr.operator === '+', scope)
    case 'unary':
      return derived(originOf(program, expr.operand, scope))
    default:
      return NOWHERE
  }
}

function isAbsent(value: CelValue): boolean {
  return value instanceof Optional && value.$value === undefined
}

function derived(origin: Origin): Origin {
  return origin.place === undefined ? NOWHERE : { place: origin.place, isDerived: true, elements: undefined }
}

/** The origin of a macro's variable, or `undefined` where there is none of that name. */
export function localOrigin(scope: TracedScope | undefined, name: string): Origin | undefined {
  for (let inner = scope; inner !== undefined; inner = inner.outer) if (inner.name === name) return inner.origin
  return undefined
}

function variableOrigin(program: ExplainedProgram, name: string): Origin {
  const known = program.variableOrigins.get(name)
  if (known !== undefined) return known
  const origin = tracedVariable(program, name)
  program.variableOrigins.set(name, origin)
  return origin
}

function tracedVariable(program: ExplainedProgram, name: string): Origin {
  const variable = explainedVariable(program, name)
  if (variable !== undefined) {
    const origin = originOf(variable, variable.compiler.checked.expr, undefined)
    if (origin.place !== undefined || origin.elements !== undefined) return origin
  }
  const value = name.startsWith('variables.') ? program.findings.valueAt({ root: name, segments: [] }).value : null
  return at(program.findings.placeOf(value) ?? { root: name, segments: [] })
}

// A list made of two: the elements of both, as long as it is a list.
function binaryOrigin(program: ExplainedProgram, left: Expr, right: Expr, isSum: boolean, scope: TracedScope | undefined): Origin {
  const first = isSum ? program.evaluate(left, scope) : null
  const second = isSum ? program.evaluate(right, scope) : null
  const a = originOf(program, left, scope)
  const b = originOf(program, right, scope)
  if (isList(first) && isList(second)) return ofElements([...elementOrigins(program, a, first), ...elementOrigins(program, b, second)])
  return derived(a.place === undefined ? b : a)
}

/** The origins of all elements of a list. */
function elementOrigins(program: ExplainedProgram, list: Origin, elements: readonly CelValue[]): readonly Origin[] {
  return elements.map((element, position) => elementOrigin(program, list, element, position))
}

// Functions that give back what they were given, or something inside it.
const TRANSPARENT: ReadonlySet<string> = new Set(['dyn', 'value', 'optional.of', 'optional.ofNonZeroValue'])
const REARRANGING: ReadonlySet<string> = new Set(['distinct', 'sort', 'reverse', 'slice', 'flatten', 'optional.unwrap', 'unwrapOpt'])

function callOrigin(program: ExplainedProgram, expr: CallExpr, scope: TracedScope | undefined): Origin {
  const { name, isMember } = calledFunction(program.compiler, expr)
  const operands = isMember && expr.target !== undefined ? [expr.target, ...expr.args] : expr.args
  const [first, second] = operands
  if (first === undefined) return NOWHERE
  if ((name === 'orValue' || name === 'or') && second !== undefined) {
    const origin = originOf(program, first, scope)
    if (!isAbsent(program.evaluate(first, scope))) return origin
    // What is not there stands where it would stand; a default that was found elsewhere stands there.
    if (isAbsent(program.evaluate(second, scope))) return origin
    const other = originOf(program, second, scope)
    return other.place === undefined && !other.elements?.some((element) => element.place !== undefined) ? origin : other
  }
  if (TRANSPARENT.has(name)) return originOf(program, first, scope)
  if (REARRANGING.has(name)) return rearranged(program, expr, first, scope)
  if (name === 'first' || name === 'last') {
    const list = program.evaluate(first, scope)
    const position = name === 'first' || !isList(list) ? 0 : list.length - 1
    return isList(list) ? elementOrigin(program, originOf(program, first, scope), list[position] ?? null, position) : NOWHERE
  }
  for (const operand of operands) {
    const origin = originOf(program, operand, scope)
    if (origin.place !== undefined) return derived(origin)
  }
  return NOWHERE
}

// Elements of a rearranged list are told by identity, or by being the same text or number.
function rearranged(program: ExplainedProgram, expr: CallExpr, list: Expr, scope: TracedScope | undefined): Origin {
  const before = program.evaluate(list, scope)
  const after = program.evaluate(expr, scope)
  if (!isList(before) || !isList(after)) return NOWHERE
  const origin = originOf(program, list, scope)
  const known = new Map<CelValue, Origin>()
  before.forEach((element, position) => {
    const found = elementOrigin(program, origin, element, position)
    if (!known.has(element)) known.set(element, found)
    if (isList(element)) {
      element.forEach((inner, innerPosition) => {
        if (!known.has(inner)) known.set(inner, childOrigin(found, innerPosition))
      })
    }
    if (element instanceof Optional && element.$value !== undefined && !known.has(element.$value)) known.set(element.$value, found)
  })
  return ofElements(after.map((element) => known.get(element) ?? NOWHERE))
}

interface Range {
  readonly origin: Origin
  readonly source: CelValue
  readonly items: readonly CelValue[]
}

function rangeElement(program: ExplainedProgram, { origin, source, items }: Range, position: number, isEntry: boolean): Origin {
  const item = items[position] ?? null
  if (origin === LITERAL) return LITERAL
  if (isList(source)) return elementOrigin(program, origin, item, position)
  if (typeof item !== 'string') return derived(origin)
  // A key stands for its entry, though what is said of the key is not said of the value.
  return isEntry ? childOrigin(origin, item) : derived(childOrigin(origin, item))
}

/** The scope of one element of a macro's range; the frame's slots are set to it. */
export function elementScope(
  program: ExplainedProgram,
  macro: MacroExpr,
  scope: TracedScope | undefined,
  range: Range,
  position: number,
): TracedScope | undefined {
  const slots = program.compiler.macroSlots(macro)
  bindElement(program.frame, slots, range.source, range.items, position)
  const element = rangeElement(program, range, position, slots.length > 1)
  return macro.variables.reduce<TracedScope | undefined>((outer, name, variable) => {
    const isElement = variable === macro.variables.length - 1
    return { name, slot: slots[variable] ?? 0, origin: isElement ? element : NOWHERE, outer }
  }, scope)
}

/** What a macro walks, with its origin; `undefined` where it cannot be walked. */
export function macroRange(program: ExplainedProgram, macro: MacroExpr, scope: TracedScope | undefined): Range | undefined {
  const source = program.evaluate(macro.range, scope)
  const items = iterable(source)
  if (items instanceof CelError) return undefined
  return { origin: readsVariables(program, macro.range, scope) ? originOf(program, macro.range, scope) : LITERAL, source, items }
}

function macroOrigin(program: ExplainedProgram, macro: MacroExpr, scope: TracedScope | undefined): Origin {
  if (macro.macro === 'optMap' || macro.macro === 'optFlatMap') return optionalOrigin(program, macro, scope)
  const range = macroRange(program, macro, scope)
  if (range === undefined) return NOWHERE
  if (macro.macro === 'sortBy') return derived(range.origin)
  if (macro.macro !== 'filter' && macro.macro !== 'map' && macro.macro !== 'transformList') return derived(range.origin)
  const elements: Origin[] = []
  for (let position = 0; position < range.items.length; position++) {
    const inner = elementScope(program, macro, scope, range, position)
    const condition = macro.macro === 'filter' ? macro.body : macro.filter
    if (condition !== undefined && program.evaluate(condition, inner) !== true) continue
    elements.push(macro.macro === 'filter' ? (inner?.origin ?? NOWHERE) : originOf(program, macro.body, inner))
  }
  return ofElements(elements)
}

function optionalOrigin(program: ExplainedProgram, macro: MacroExpr, scope: TracedScope | undefined): Origin {
  const optional = program.evaluate(macro.range, scope)
  const origin = originOf(program, macro.range, scope)
  if (!(optional instanceof Optional) || optional.$value === undefined) return origin
  const [slot = 0] = program.compiler.macroSlots(macro)
  const [name = ''] = macro.variables
  program.frame.slots[slot] = optional.$value
  return originOf(program, macro.body, { name, slot, origin, outer: scope })
}
