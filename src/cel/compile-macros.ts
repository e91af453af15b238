import { iterable, keyText, notBool } from './access.ts'
import type { MacroExpr } from './ast.ts'
import { type Code, type CompileContext, type Evaluator, type Frame, macroScope, type Scope } from './compile-context.ts'
import { CelError, fail, noOverload } from './failure.ts'
import { abortUnlessList, LIST_COST, selfComparisonCost, sortByKeys } from './lib-lists.ts'
import { MapBuilder, mapEntries, mapGet } from './maps.ts'
import { type CelValue, isList, isMap, NONE, Optional } from './values.ts'

interface Loop {
  readonly range: Evaluator
  readonly filter: Code | undefined
  readonly body: Code
  readonly slots: readonly number[]
}

/** A macro over a list, a map or an optional. */
export function compileMacro(context: CompileContext, expr: MacroExpr, scope: Scope | undefined): Code {
  const range = context.compile(expr.range, scope)
  const inner = macroScope(context, expr, scope)
  const filter = expr.filter === undefined ? undefined : context.compile(expr.filter, inner)
  const body = context.compile(expr.body, inner)
  const loop: Loop = { range: range.run, filter, body, slots: context.macroSlots(expr) }
  const bodyType = context.checked.typeOf.get(expr.body)
  const { run, resultCost } = macroCode(expr, loop, bodyType !== undefined && bodyType.kind !== 'dyn')
  return { run, cost: range.cost + resultCost }
}

// `resultCost` is what Kubernetes charges once per macro, for reading the result of its loop.
function macroCode(expr: MacroExpr, loop: Loop, isTyped: boolean): { readonly run: Evaluator; readonly resultCost: number } {
  switch (expr.macro) {
    case 'all':
      return { run: quantifier(loop, false, 2), resultCost: 1 }
    case 'exists':
      return { run: quantifier(loop, true, 3), resultCost: 1 }
    case 'exists_one':
      return { run: existsOne(loop), resultCost: 2 }
    case 'filter':
      return { run: filterMacro(loop), resultCost: 1 }
    case 'map':
    case 'transformList':
      return { run: listMacro(loop), resultCost: 1 }
    case 'transformMap':
    case 'transformMapEntry':
      return { run: mapMacro(loop, expr.macro === 'transformMapEntry'), resultCost: 1 }
    case 'optMap':
    case 'optFlatMap':
      return { run: optionalMacro(loop, expr.macro === 'optFlatMap', expr.macro), resultCost: 1 }
    case 'sortBy':
      return { run: sortMacro(loop, isTyped), resultCost: 3 }
  }
}

/** Sets a macro's variables to one element: element or key alone, or index and element, or key and value. */
export function bindElement(frame: Frame, slots: readonly number[], source: CelValue, items: readonly CelValue[], position: number): void {
  const first = slots[0] ?? 0
  const second = slots[1]
  const item = items[position] ?? null
  if (second === undefined) {
    frame.slots[first] = item
  } else if (isList(source)) {
    frame.slots[first] = position
    frame.slots[second] = item
  } else {
    frame.slots[first] = item
    frame.slots[second] = mapGet(source, item) ?? null
  }
}

// `all` and `exists`: the decisive verdict beats errors, which beat the other verdict.
function quantifier({ range, body, slots }: Loop, decisive: boolean, conditionCost: number): Evaluator {
  const stepCost = body.cost + conditionCost + 1
  const { run } = body
  return (frame) => {
    const source = range(frame)
    const items = iterable(source)
    if (items instanceof CelError) return items
    let error: CelError | undefined
    for (let position = 0; position < items.length; position++) {
      frame.budget.charge(stepCost)
      bindElement(frame, slots, source, items, position)
      const verdict = run(frame)
      if (verdict === decisive) {
        if (position + 1 < items.length) frame.budget.charge(conditionCost)
        return decisive
      }
      if (typeof verdict !== 'boolean' && error === undefined) error = notBool(verdict)
    }
    return error ?? !decisive
  }
}

type Step = (items: readonly CelValue[], position: number, source: CelValue) => CelValue | undefined

/** Runs `step` on every element until it gives something else than `undefined`. */
function walkElements(frame: Frame, { range, slots }: Loop, cost: number, step: Step): CelValue | undefined {
  const source = range(frame)
  const items = iterable(source)
  if (items instanceof CelError) return items
  for (let position = 0; position < items.length; position++) {
    frame.budget.charge(cost)
    bindElement(frame, slots, source, items, position)
    const end = step(items, position, source)
    if (end !== undefined) return end
  }
  return undefined
}

function existsOne({ range, body, slots }: Loop): Evaluator {
  return (frame) => {
    const source = range(frame)
    const items = iterable(source)
    if (items instanceof CelError) return items
    let count = 0
    let error: CelError | undefined
    for (let position = 0; position < items.length; position++) {
      frame.budget.charge(body.cost)
      bindElement(frame, slots, source, items, position)
      const verdict = body.run(frame)
      if (verdict === true) {
        count++
        frame.budget.charge(2)
      } else if (verdict !== false && error === undefined) error = notBool(verdict)
    }
    return error ?? count === 1
  }
}

function filterMacro({ range, body, slots }: Loop): Evaluator {
  return (frame) => {
    const source = range(frame)
    const items = iterable(source)
    if (items instanceof CelError) return items
    const kept: CelValue[] = []
    for (let position = 0; position < items.length; position++) {
      frame.budget.charge(body.cost)
      bindElement(frame, slots, source, items, position)
      const verdict = body.run(frame)
      if (verdict === false) continue
      if (verdict !== true) return notBool(verdict)
      frame.budget.charge(13)
      kept.push(items[position] ?? null)
    }
    return kept
  }
}

// What a filter of a macro says: go on, leave the element out, or stop with an error.
function passes(frame: Frame, filter: Code | undefined): true | false | CelError {
  if (filter === undefined) return true
  const verdict = filter.run(frame)
  return typeof verdict === 'boolean' ? verdict : notBool(verdict)
}

function listMacro({ range, filter, body, slots }: Loop): Evaluator {
  const filterCost = filter?.cost ?? 0
  const bodyCost = body.cost + 12
  return (frame) => {
    const source = range(frame)
    const items = iterable(source)
    if (items instanceof CelError) return items
    const made: CelValue[] = []
    for (let position = 0; position < items.length; position++) {
      frame.budget.charge(filterCost)
      bindElement(frame, slots, source, items, position)
      const isWanted = passes(frame, filter)
      if (isWanted === false) continue
      if (isWanted !== true) return isWanted
      frame.budget.charge(bodyCost)
      const value = body.run(frame)
      if (value instanceof CelError) return value
      made.push(value)
    }
    return made
  }
}

function mapMacro(loop: Loop, isEntry: boolean): Evaluator {
  const { filter, body } = loop
  const bodyCost = body.cost + (isEntry ? 2 : 3)
  return (frame) => {
    const builder = new MapBuilder()
    const end = walkElements(frame, loop, filter?.cost ?? 0, (items, position, source) => {
      const isWanted = passes(frame, filter)
      if (isWanted !== true) return isWanted === false ? undefined : isWanted
      frame.budget.charge(bodyCost)
      const value = body.run(frame)
      if (value instanceof CelError) return value
      if (isEntry) return insertEntries(builder, value)
      builder.set(isList(source) ? position : (items[position] ?? null), value)
      return undefined
    })
    return end ?? builder.finish()
  }
}

function insertEntries(builder: MapBuilder, entries: CelValue): CelError | undefined {
  if (!isMap(entries)) return noOverload('transformMapEntry', entries)
  for (const [key, value] of mapEntries(entries)) {
    if (builder.has(key)) return fail('InvalidArgument', `insert failed: key ${keyText(key)} already exists`)
    builder.set(key, value)
  }
  return undefined
}

function optionalMacro({ range, body, slots }: Loop, isFlat: boolean, name: string): Evaluator {
  const [slot = 0] = slots
  const bodyCost = body.cost + 2
  return (frame) => {
    const optional = range(frame)
    if (!(optional instanceof Optional)) return noOverload(name, optional)
    if (optional.$value === undefined) return NONE
    frame.budget.charge(bodyCost)
    frame.slots[slot] = optional.$value
    const value = body.run(frame)
    // A flat body that is no optional passes as it is, which only a body of type `dyn` can be.
    return isFlat || value instanceof CelError ? value : new Optional(value)
  }
}

function sortMacro(loop: Loop, isTyped: boolean): Evaluator {
  const { body, range } = loop
  const bodyCost = body.cost + 12
  return (frame) => {
    const source = range(frame)
    const keys: CelValue[] = []
    const end = walkElements(frame, { ...loop, range: () => source }, bodyCost, () => {
      const key = body.run(frame)
      if (key instanceof CelError) return key
      keys.push(key)
      return undefined
    })
    // Kubernetes charges for comparing the keys only where it knows their type, and then stops if there are none for an error.
    if (isTyped && end !== undefined) abortUnlessList(end)
    if (end !== undefined) return end
    if (isTyped) frame.budget.charge(LIST_COST + selfComparisonCost(keys) - 1)
    return isList(source) ? sortByKeys(frame.budget, source, keys) : noOverload('sortBy', source)
  }
}
