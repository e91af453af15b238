import { noSuchKey } from './access.ts'
import type { CallExpr, Expr } from './ast.ts'
import { type Code, type CompileContext, constantCode, type Evaluator, type Scope } from './compile-context.ts'
import { CostBudget } from './cost.ts'
import { CelError, noOverload } from './failure.ts'
import { FOLDED_CONVERSIONS, sizeOf } from './lib-conversions.ts'
import { abortUnlessList, LIST_COST, selfComparisonCost } from './lib-lists.ts'
import { findFunction } from './library.ts'
import type { Implementation, LibraryEntry } from './library-entry.ts'
import { guarded } from './overload-guard.ts'
import { compileRegex, find, findAll, matches, type Regex } from './regex.ts'
import type { CelType } from './types.ts'
import { type CelValue, Duration, isInt, isList, Optional, TypeValue, toDouble, Uint } from './values.ts'

/** A call of a function: by the checker's resolution, or by its own name. */
export function compileCall(context: CompileContext, expr: CallExpr, scope: Scope | undefined): Code {
  const { name, isMember } = calledFunction(context, expr)
  const operands = isMember && expr.target !== undefined ? [expr.target, ...expr.args] : [...expr.args]
  const codes = operands.map((operand) => context.compile(operand, scope))
  return (
    (isMember ? compileAlternative(name, codes) : undefined) ??
    compilePattern(context, expr, name, codes) ??
    compileSize(name, codes) ??
    (isMember ? compileTextTest(name, codes) : undefined) ??
    compileFunction(context, expr, { name, isMember }, operands, codes)
  )
}

/** The name a call goes by, and whether its target is an operand or a namespace. */
export function calledFunction(context: CompileContext, expr: CallExpr): { readonly name: string; readonly isMember: boolean } {
  const resolution = context.checked.resolved.get(expr)
  if (resolution?.kind === 'function') return { name: resolution.name, isMember: resolution.member }
  return { name: expr.name, isMember: expr.target !== undefined }
}

// `orValue` and `or` look at their argument only where the optional is absent.
function compileAlternative(name: string, [optional, other]: readonly Code[]): Code | undefined {
  if ((name !== 'orValue' && name !== 'or') || optional === undefined || other === undefined) return undefined
  const isValue = name === 'orValue'
  const { held: inside } = optional
  if (isValue && inside !== undefined) {
    const either: Evaluator = (frame) => {
      const value = inside(frame)
      if (value !== undefined) return value
      frame.budget.charge(other.cost)
      return other.run(frame)
    }
    return { run: either, cost: optional.cost }
  }
  const run: Evaluator = (frame) => {
    const held = optional.run(frame)
    if (!(held instanceof Optional)) return noOverload(name, held)
    if (held.$value !== undefined) return isValue ? held.$value : held
    frame.budget.charge(other.cost)
    const value = other.run(frame)
    // What `or` is given is not looked at again, be it an optional or not.
    return value
  }
  return { run, cost: optional.cost }
}

// `size` of a text or a list, which needs no look at what it could be otherwise.
function compileSize(name: string, [operand, ...more]: readonly Code[]): Code | undefined {
  if (name !== 'size' || operand === undefined || more.length > 0) return undefined
  const { run, cost } = operand
  return { run: (frame) => sizeOf(run(frame)), cost: cost + 1 }
}

// A constant pattern is compiled with the expression, and a wrong one is a mistake of its author.
function compilePattern(context: CompileContext, expr: CallExpr, name: string, codes: readonly Code[]): Code | undefined {
  const [text, pattern, limit] = codes
  if (name !== 'matches' && name !== 'find' && name !== 'findAll') return undefined
  if (text === undefined || pattern === undefined || typeof pattern.constant !== 'string') return undefined
  const regex = compileRegex(pattern.constant)
  if (regex instanceof CelError) {
    context.report(expr, regex.$message)
    return constantCode(regex)
  }
  return { run: patternEvaluator(name, text, regex, limit), cost: text.cost + (limit?.cost ?? 0) }
}

function patternEvaluator(name: 'matches' | 'find' | 'findAll', text: Code, regex: Regex, limit: Code | undefined): Evaluator {
  if (name === 'findAll') {
    return (frame) => {
      const value = textIn(text.run(frame))
      const most = limit === undefined ? -1 : limit.run(frame)
      return typeof value === 'string' && isInt(most) ? findAll(frame.budget, value, regex, Number(most)) : noOverload(name, value, most)
    }
  }
  const apply = name === 'matches' ? matches : find
  return (frame) => {
    const value = text.run(frame)
    if (typeof value === 'string') return apply(frame.budget, value, regex)
    const inner = textIn(value)
    return typeof inner === 'string' ? apply(frame.budget, inner, regex) : noOverload(name, value)
  }
}

// With a constant pattern, Kubernetes looks into optionals and takes types for their names.
function textIn(value: CelValue): CelValue {
  if (value instanceof TypeValue) return value.$name
  return value instanceof Optional && value.$value !== undefined ? textIn(value.$value) : value
}

// `startsWith`, `endsWith` and `contains` of a constant: by far the most frequent calls.
function compileTextTest(name: string, [text, part]: readonly Code[]): Code | undefined {
  if (text === undefined || part === undefined || typeof part.constant !== 'string') return undefined
  const wanted = part.constant
  const unit = Math.ceil(wanted.length / 10)
  switch (name) {
    case 'startsWith':
      return textTest(name, text, unit, (value) => value.startsWith(wanted))
    case 'endsWith':
      return textTest(name, text, unit, (value) => value.endsWith(wanted))
    case 'contains':
      return {
        run: (frame) => {
          const value = text.run(frame)
          if (typeof value !== 'string') return noOverload(name, value)
          frame.budget.charge(Math.ceil(value.length / 10) * unit)
          return value.includes(wanted)
        },
        cost: text.cost,
      }
    default:
      return undefined
  }
}

function textTest(name: string, text: Code, unit: number, test: (value: string) => boolean): Code {
  const run: Evaluator = (frame) => {
    const value = text.run(frame)
    return typeof value === 'string' ? test(value) : noOverload(name, value)
  }
  return { run, cost: text.cost + unit }
}

// Functions that take one text and give the same every time.
const READ_ONCE: ReadonlySet<string> = new Set(['quantity', 'isQuantity', 'url', 'isURL', 'ip', 'isIP', 'cidr', 'isCIDR', 'semver', 'isSemver'])

/** A call with a constant: made when it compiles, and charged each time it is evaluated, as Kubernetes does. */
function readOnce(entry: LibraryEntry, constant: CelValue): Code {
  const budget = new CostBudget()
  const value = entry.run(budget, constant, null, null, null)
  const { spent } = budget
  const run: Evaluator = (frame) => {
    frame.budget.charge(spent)
    return value
  }
  return { run, cost: entry.ownCost ? 0 : 1 }
}

interface Called {
  readonly name: string
  readonly isMember: boolean
}

function compileFunction(context: CompileContext, expr: CallExpr, { name, isMember }: Called, operands: readonly Expr[], codes: readonly Code[]): Code {
  const entry = findFunction(name, isMember, codes.length)
  if (entry === undefined) {
    context.report(expr, `\`${name}\` is not supported`)
    return constantCode(noSuchKey(name))
  }
  const [only] = codes
  if (!isMember && codes.length === 1 && only?.constant !== undefined && FOLDED_CONVERSIONS.has(name)) return fold(context, expr, entry, only.constant)
  if (only?.constant !== undefined && codes.length === 1 && READ_ONCE.has(name)) return readOnce(entry, only.constant)
  const cost = codes.reduce((sum, code) => sum + code.cost, entry.ownCost ? 0 : 1)
  if (name === 'sort') return { run: sorting(context, entry, operands, codes), cost }
  const [operand] = operands
  const type = operand === undefined ? undefined : context.checked.typeOf.get(operand)
  const run = applied(type === undefined ? entry.run : guarded(name, type, entry.run), codes)
  return { run: name === 'sum' ? summing(context, expr, run) : run, cost }
}

function fold(context: CompileContext, expr: CallExpr, entry: LibraryEntry, constant: CelValue): Code {
  const value = entry.run(new CostBudget(), constant, null, null, null)
  if (value instanceof CelError) context.report(expr, value.$message)
  return constantCode(value)
}

// The sum of nothing is the zero of the type the checker found.
function summing(context: CompileContext, expr: CallExpr, run: Evaluator): Evaluator {
  const zero = ZEROS.get(context.checked.typeOf.get(expr)?.kind)
  if (zero === undefined) return run
  return (frame) => {
    const sum = run(frame)
    return sum === 0 ? zero : sum
  }
}

const ZEROS: ReadonlyMap<CelType['kind'] | undefined, CelValue> = new Map<CelType['kind'] | undefined, CelValue>([
  ['double', toDouble(0)],
  ['uint', new Uint(0n)],
  ['duration', new Duration(0n)],
])

// Kubernetes charges for sorting only where it knows the type of the elements, and then stops at anything but a list.
function sorting(context: CompileContext, entry: LibraryEntry, [operand]: readonly Expr[], [list]: readonly Code[]): Evaluator {
  const type = operand === undefined ? undefined : context.checked.typeOf.get(operand)
  const isTyped = type?.kind === 'list' && type.element.kind !== 'dyn'
  return (frame) => {
    const value = list === undefined ? null : list.run(frame)
    if (isTyped) abortUnlessList(value)
    if (isTyped && isList(value)) frame.budget.charge(LIST_COST + selfComparisonCost(value) - 1)
    return entry.run(frame.budget, value, null, null, null)
  }
}

function applied(run: Implementation, codes: readonly Code[]): Evaluator {
  const nothing = constantCode(null).run
  const [a = nothing, b = nothing, c = nothing, d = nothing] = codes.map((code) => code.run)
  switch (codes.length) {
    case 0:
      return (frame) => run(frame.budget, null, null, null, null)
    case 1:
      return (frame) => run(frame.budget, a(frame), null, null, null)
    case 2:
      return (frame) => run(frame.budget, a(frame), b(frame), null, null)
    case 3:
      return (frame) => run(frame.budget, a(frame), b(frame), c(frame), null)
    default:
      return (frame) => run(frame.budget, a(frame), b(frame), c(frame), d(frame))
  }
}
