import { hasField, index, indexOptional, select, selectOptional } from './access.ts'
import type { Expr, HasExpr, IndexExpr, SelectExpr } from './ast.ts'
import { type Code, type CompileContext, constantCode, type Evaluator, type Frame, localSlot, readSlot, type Scope } from './compile-context.ts'
import { CelError } from './failure.ts'
import { typeValue } from './lib-conversions.ts'
import { type CelValue, hasFields, isJsonObject, isPlainName, NONE, Optional } from './values.ts'

/** A variable, a type's name, or a macro's variable. */
export function compileName(context: CompileContext, expr: Expr, name: string, scope: Scope | undefined): Code {
  const resolution = context.checked.resolved.get(expr)
  if (resolution?.kind === 'type') return constantCode(typeValue(resolution.name))
  const slot = slotOf(context, expr, name, scope)
  return { run: (frame) => readSlot(frame, slot), cost: 1 }
}

function slotOf(context: CompileContext, expr: Expr, name: string, scope: Scope | undefined): number {
  const resolution = context.checked.resolved.get(expr)
  if (resolution?.kind === 'variable') return context.rootSlot(resolution.name)
  return localSlot(scope, resolution?.kind === 'local' ? resolution.name : name) ?? context.rootSlot(name)
}

// A select may stand for a whole name: `variables.image`, `google.protobuf.Timestamp`.
function isName(context: CompileContext, expr: Expr): boolean {
  if (expr.kind === 'ident') return context.checked.resolved.get(expr)?.kind !== 'type'
  if (expr.kind === 'select' && expr.optional) return false
  return context.checked.resolved.get(expr)?.kind === 'variable'
}

/** Whether an expression is a chain of selections, the last included: Kubernetes charges such a chain 1 and 1 for each step. */
export function isChain(expr: Expr): boolean {
  return expr.kind === 'ident' || expr.kind === 'select' || expr.kind === 'index'
}

// The name a step reads, where it is fixed and safe to read as a property.
function plainStep(context: CompileContext, expr: Expr): string | undefined {
  if ((expr.kind === 'select' || expr.kind === 'index') && isOptionalChain(expr.operand)) return undefined
  if (expr.kind === 'select' && !expr.optional && !context.checked.resolved.has(expr)) return isPlainName(expr.field) ? expr.field : undefined
  if (expr.kind === 'index' && !expr.optional && expr.index.kind === 'literal' && typeof expr.index.value === 'string') {
    return isPlainName(expr.index.value) ? expr.index.value : undefined
  }
  return undefined
}

/** `operand.field` and `operand.?field`; plain chains are read in one go. */
export function compileSelect(context: CompileContext, expr: SelectExpr, scope: Scope | undefined): Code {
  const resolution = context.checked.resolved.get(expr)
  if (resolution?.kind === 'type') return constantCode(typeValue(resolution.name))
  if (resolution?.kind === 'variable') {
    const code = compileName(context, expr, resolution.name, scope)
    // `authorizer.requestResource` is one name; only what a policy declares are fields.
    return POLICY_VARIABLE.test(resolution.name) ? compileVariable(code, expr) : code
  }
  if (isOptionalChain(expr)) return optionalSelect(context, expr, scope)
  const chain = compileChain(context, expr, scope)
  if (chain !== undefined) return chain
  const operand = context.compile(expr.operand, scope)
  const { field } = expr
  const cost = operand.cost + stepCost(expr.operand)
  return { run: (frame) => select(operand.run(frame), field), cost }
}

/** The steps of `a.?b.?c.d` from `a` on, in one go; what is found is charged for. */
function optionalSelect(context: CompileContext, expr: SelectExpr, scope: Scope | undefined): Code {
  const fields: string[] = []
  let base: Expr = expr
  for (; base.kind === 'select' && isOptionalChain(base) && context.checked.resolved.get(base)?.kind !== 'variable'; base = base.operand)
    fields.unshift(base.field)
  const { held, run, cost } = context.compile(base, scope)
  const steps = fields.map(optionalStep)
  const [first] = steps
  const start = held ?? run
  // A step from nothing leads nowhere and costs nothing; an error passes through all steps, which cost as if they were there.
  const walked = (frame: Frame): CelValue | undefined => {
    let value: CelValue | undefined = start(frame)
    let position = 0
    for (; position < steps.length && value !== undefined; position++) value = steps[position]?.(value)
    if (position > 0) frame.budget.charge(value === undefined ? position - 1 : position)
    return value
  }
  const stepped = (frame: Frame): CelValue | undefined => {
    const from = start(frame)
    const value = from === undefined ? undefined : first?.(from)
    if (value !== undefined) frame.budget.charge(1)
    return value
  }
  return optionalCode(steps.length === 1 ? stepped : walked, cost + stepCost(base) - 1)
}

/** One step to a field, from a value or from what is in an optional. */
function optionalStep(field: string): (value: CelValue) => CelValue | undefined {
  if (!isPlainName(field)) return (value) => heldIn(selectOptional(value, field))
  return (value) => {
    const found = hasFields(value) ? value[field] : undefined
    return found !== undefined || isJsonObject(value) ? found : heldIn(selectOptional(value, field))
  }
}

const heldIn = (value: CelValue): CelValue | undefined => (value instanceof Optional ? value.$value : value)

const POLICY_VARIABLE = /^(?:variables|context)\./

// A variable of the policy is a field that is always there: Kubernetes charges for `variables` and for the step from it.
function compileVariable({ run, cost }: Code, { optional }: SelectExpr): Code {
  if (!optional) return { run, cost: cost + 1 }
  const read: Evaluator = (frame) => {
    const value = run(frame)
    if (value instanceof CelError) return value
    frame.budget.charge(1)
    return new Optional(value)
  }
  return { run: read, cost }
}

/** Code that gives an optional, which is not made where only what is in it is asked for. */
function optionalCode(held: (frame: Frame) => CelValue | undefined, cost: number): Code {
  const run: Evaluator = (frame) => {
    const value = held(frame)
    if (value === undefined) return NONE
    return value instanceof CelError ? value : new Optional(value)
  }
  return { run, held, cost }
}

// A chain that starts with anything but a name, or a choice between values, costs one more.
function stepCost(operand: Expr): number {
  return isChain(operand) || operand.kind === 'conditional' ? 1 : 2
}

// The steps after an optional one are optional too.
function isOptionalChain(expr: Expr): boolean {
  for (let at = expr; at.kind === 'select' || at.kind === 'index'; at = at.operand) if (at.optional) return true
  return false
}

/** `a[?b]`, and `a.?b[c]`. */
function optionalIndex({ held, run }: Code, key: Code, { optional }: IndexExpr, cost: number): Code {
  const step = optional ? indexOptional : index
  const read = (frame: Frame): CelValue | undefined => {
    if (held === undefined) return heldIn(step(run(frame), key.run(frame)))
    const from = held(frame)
    const at = key.run(frame)
    return from === undefined ? undefined : heldIn(indexOptional(from, at))
  }
  const charged = (frame: Frame): CelValue | undefined => {
    const value = read(frame)
    if (value !== undefined) frame.budget.charge(1)
    return value
  }
  return optionalCode(charged, cost - 1)
}

/** `operand[key]` and `operand[?key]`. */
export function compileIndex(context: CompileContext, expr: IndexExpr, scope: Scope | undefined): Code {
  const chain = compileChain(context, expr, scope)
  if (chain !== undefined) return chain
  const operand = context.compile(expr.operand, scope)
  const key = context.compile(expr.index, scope)
  // A key that is read by a chain becomes a step itself.
  const cost = operand.cost + key.cost + stepCost(expr.operand) - (isChain(expr.index) ? 1 : 0)
  if (expr.optional || isOptionalChain(expr.operand)) return optionalIndex(operand, key, expr, cost)
  return { run: (frame) => index(operand.run(frame), key.run(frame)), cost }
}

function compileChain(context: CompileContext, expr: Expr, scope: Scope | undefined): Code | undefined {
  const names: string[] = []
  let base = expr
  for (let name = plainStep(context, base); name !== undefined; name = plainStep(context, base)) {
    names.unshift(name)
    if (base.kind !== 'select' && base.kind !== 'index') break
    base = base.operand
  }
  if (names.length === 0) return undefined
  if (isName(context, base)) {
    const slot = slotOf(context, base, base.kind === 'ident' ? base.name : '', scope)
    return { run: slotChain(slot, names), cost: (base.kind === 'ident' ? 1 : 2) + names.length }
  }
  const operand = context.compile(base, scope)
  return { run: valueChain(operand.run, names), cost: operand.cost + names.length + stepCost(base) - 1 }
}

// One closure per length: a loop over the names would cost as much as the reads.
function slotChain(slot: number, names: readonly string[]): Evaluator {
  const [first = '', second = '', third = '', fourth = ''] = names
  const slow = (frame: Frame): CelValue => walk(readSlot(frame, slot), names)
  switch (names.length) {
    case 1:
      return (frame) => {
        const root = frame.slots[slot]
        return (hasFields(root) ? root[first] : undefined) ?? slow(frame)
      }
    case 2:
      return (frame) => {
        const root = frame.slots[slot]
        const value = hasFields(root) ? root[first] : undefined
        return (hasFields(value) ? value[second] : undefined) ?? slow(frame)
      }
    case 3:
      return (frame) => {
        const root = frame.slots[slot]
        const value = hasFields(root) ? root[first] : undefined
        const inner = hasFields(value) ? value[second] : undefined
        return (hasFields(inner) ? inner[third] : undefined) ?? slow(frame)
      }
    case 4:
      return (frame) => {
        const root = frame.slots[slot]
        const value = hasFields(root) ? root[first] : undefined
        const inner = hasFields(value) ? value[second] : undefined
        const innermost = hasFields(inner) ? inner[third] : undefined
        return (hasFields(innermost) ? innermost[fourth] : undefined) ?? slow(frame)
      }
    default:
      return slow
  }
}

function valueChain(operand: Evaluator, names: readonly string[]): Evaluator {
  const [first = ''] = names
  if (names.length > 1) return (frame) => walk(operand(frame), names)
  return (frame) => {
    const value = operand(frame)
    return (hasFields(value) ? value[first] : undefined) ?? select(value, first)
  }
}

function walk(root: CelValue, names: readonly string[]): CelValue {
  let value = root
  for (const name of names) {
    value = (hasFields(value) ? value[name] : undefined) ?? select(value, name)
    if (value instanceof CelError) return value
  }
  return value
}

const passError = (value: CelValue): CelError | true => (value instanceof CelError ? value : true)

/** `has(operand.field)`; the selection costs nothing, only its operand does. */
export function compileHas(context: CompileContext, expr: HasExpr, scope: Scope | undefined): Code {
  const { operand: operandExpr, field } = expr.target
  const resolution = context.checked.resolved.get(expr.target)
  if (resolution?.kind === 'variable') {
    const { run, cost } = compileName(context, expr.target, resolution.name, scope)
    return { run: (frame) => passError(run(frame)), cost }
  }
  const operand = context.compile(operandExpr, scope)
  const cost = operand.cost + stepCost(operandExpr) - 1
  if (!isPlainName(field)) return { run: (frame) => hasField(operand.run(frame), field), cost }
  const run: Evaluator = (frame) => {
    const value = operand.run(frame)
    if (hasFields(value) && value[field] !== undefined) return true
    return isJsonObject(value) ? false : hasField(value, field)
  }
  return { run, cost }
}
