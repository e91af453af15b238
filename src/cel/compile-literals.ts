import { toInt } from './arithmetic.ts'
import type { ListExpr, LiteralExpr, MapExpr, MessageExpr } from './ast.ts'
import { type Code, type CompileContext, constantCode, type Evaluator, type Frame, type Scope } from './compile-context.ts'
import { CelError, noOverload } from './failure.ts'
import { MapBuilder } from './maps.ts'
import { nameMessage } from './message-types.ts'
import { type CelValue, Optional, toDouble, Uint } from './values.ts'

const LIST_COST = 10
const MAP_COST = 30
const MESSAGE_COST = 40

/** The value of a literal. */
export function literalValue(expr: LiteralExpr): CelValue {
  const { value } = expr
  if (typeof value === 'bigint') return expr.type === 'uint' ? new Uint(value) : toInt(value)
  return typeof value === 'number' ? toDouble(value) : value
}

/** A literal. */
export function compileLiteral(expr: LiteralExpr): Code {
  return constantCode(literalValue(expr))
}

const OMITTED = Symbol('omitted')

// The value of an element or entry marked optional: what is in it, or `OMITTED`.
function unwrapped(value: CelValue): CelValue | typeof OMITTED {
  if (value instanceof Optional) return value.$value ?? (value.$value === null ? null : OMITTED)
  return noOverload('optional element', value)
}

/** `[a, ?b]`; a list of constants is made once. */
export function compileList(context: CompileContext, expr: ListExpr, scope: Scope | undefined): Code {
  const elements = expr.elements.map(({ value, optional }) => ({ code: context.compile(value, scope), optional }))
  const constants: CelValue[] = []
  for (const { code, optional } of elements) if (code.constant !== undefined && !optional) constants.push(code.constant)
  if (constants.length === elements.length) return constantCode(constants)
  const run: Evaluator = (frame) => {
    const list: CelValue[] = []
    for (const { code, optional } of elements) {
      const raw = code.run(frame)
      const value = optional && !(raw instanceof CelError) ? unwrapped(raw) : raw
      if (value instanceof CelError) return value
      if (value !== OMITTED) list.push(value)
    }
    return list
  }
  return { run, cost: elements.reduce((sum, { code }) => sum + code.cost, LIST_COST) }
}

interface EntryCode {
  readonly key: Code
  readonly value: Code
  readonly optional: boolean
}

function addEntry(builder: MapBuilder, frame: Frame, { key, value, optional }: EntryCode): void {
  const name = key.run(frame)
  const raw = value.run(frame)
  const held = optional && !(raw instanceof CelError) ? unwrapped(raw) : raw
  if (held !== OMITTED) builder.set(name, held)
}

function mapCode(entries: readonly EntryCode[], baseCost: number): Code {
  const run: Evaluator = (frame) => {
    const builder = new MapBuilder()
    for (const entry of entries) addEntry(builder, frame, entry)
    return builder.finish()
  }
  return { run, cost: entries.reduce((sum, { key, value }) => sum + key.cost + value.cost, baseCost) }
}

/** `{key: value, ?key: optional}`; a map of constants is made once. */
export function compileMap(context: CompileContext, expr: MapExpr, scope: Scope | undefined): Code {
  const entries = expr.entries.map(({ key, value, optional }) => ({ key: context.compile(key, scope), value: context.compile(value, scope), optional }))
  const builder = new MapBuilder()
  for (const { key, value, optional } of entries) {
    if (key.constant === undefined || value.constant === undefined || optional) return mapCode(entries, MAP_COST)
    builder.set(key.constant, value.constant)
  }
  return constantCode(builder.finish())
}

/** `Type{field: value}`: a map of its fields that remembers its type. */
export function compileMessage(context: CompileContext, expr: MessageExpr, scope: Scope | undefined): Code {
  const entries = expr.fields.map(({ name, value, optional }) => ({ key: constantCode(name), value: context.compile(value, scope), optional }))
  const { run, cost } = mapCode(entries, MESSAGE_COST)
  return { run: (frame) => nameMessage(run(frame), expr.typeName), cost }
}
