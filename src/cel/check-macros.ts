import type { MacroExpr, MacroName } from './ast.ts'
import type { Checker, Scope } from './checker.ts'
import { findFunction } from './declarations.ts'
import { MACRO_USAGES } from './macros.ts'
import { operatorOverloads } from './operator-declarations.ts'
import { BOOL, type CelType, DYN, ERROR, INT, listOf, mapOf, optionalOf } from './types.ts'

const TWO_VARIABLES_SINCE = 32

const SINCE: Readonly<Partial<Record<MacroName, number>>> = {
  optMap: 28,
  optFlatMap: 28,
  transformList: TWO_VARIABLES_SINCE,
  transformMap: TWO_VARIABLES_SINCE,
  transformMapEntry: TWO_VARIABLES_SINCE,
  sortBy: 34,
}

/** A row of the documentation's table of macros. */
export interface MacroRow {
  /** How it is written. */
  readonly usage: string
  /** The minor release of Kubernetes that brought it; 0 if it was always there. */
  readonly since: number
}

/** Every macro, for the documentation. */
export function macroTable(): readonly MacroRow[] {
  return [...MACRO_USAGES].map(([name, usage]) => ({ usage, since: Object.entries(SINCE).find(([macro]) => macro === name)?.[1] ?? 0 }))
}

/** The type of a macro, by the types of the loop that Kubernetes makes of it. */
export function checkMacro(checker: Checker, expr: MacroExpr, scope: Scope | undefined): CelType {
  const isOptional = expr.macro === 'optMap' || expr.macro === 'optFlatMap'
  const range = checker.check(expr.range, scope)
  const type = isOptional ? checkOptional(checker, expr, range, scope) : checkLoop(checker, expr, range, scope)
  const since = expr.variables.length === 2 ? TWO_VARIABLES_SINCE : (SINCE[expr.macro] ?? 0)
  return checker.isKnown(since, `\`${expr.macro}\`${expr.variables.length === 2 ? ' with two variables' : ''}`, expr.nameRange) ? type : ERROR
}

function checkLoop(checker: Checker, expr: MacroExpr, range: CelType, outer: Scope | undefined): CelType {
  const scope = loopScope(checker, expr, range, outer)
  const filter = expr.filter === undefined ? undefined : checker.check(expr.filter, scope)
  const body = checker.check(expr.body, scope)
  const { unifier } = checker
  switch (expr.macro) {
    case 'all':
    case 'exists':
      checker.expectBool(body, expr.body, `the condition of \`${expr.macro}\` must be bool`)
      return BOOL
    case 'exists_one':
      checker.expectBool(body, expr.body, `the condition of \`${expr.macro}\` must be bool`)
      return BOOL
    case 'filter': {
      checker.expectBool(body, expr.body, 'the condition of `filter` must be bool')
      return collect(checker, scope?.type ?? DYN)
    }
    case 'sortBy':
      return sorted(checker, expr, range, collect(checker, body))
    case 'transformMap':
    case 'transformMapEntry': {
      expectFilter(checker, expr, filter)
      const made = mapOf(unifier.fresh(), unifier.fresh())
      const isEntry = expr.macro === 'transformMapEntry'
      const given = isEntry ? [made, body] : [made, scope?.outer?.type ?? DYN, body]
      const found = checker.match(operatorOverloads(isEntry ? 'insertEntry' : 'insert'), given)
      if (found !== undefined) return unifier.substitute(made)
      return body.kind === 'error'
        ? ERROR
        : checker.report('TypeMismatch', expr.body, `\`transformMapEntry\` makes entries of a map such as \`{key: value}\`, not of ${checker.show(body)}`)
    }
    default:
      expectFilter(checker, expr, filter)
      return collect(checker, body)
  }
}

function expectFilter(checker: Checker, expr: MacroExpr, filter: CelType | undefined): void {
  if (filter !== undefined) checker.expectBool(filter, expr.filter ?? expr, `the condition of \`${expr.macro}\` must be bool`)
}

/** The list a loop makes of elements of a type. */
function collect(checker: Checker, element: CelType): CelType {
  const made = listOf(checker.unifier.fresh())
  checker.match(operatorOverloads('+'), [made, listOf(element)])
  return checker.unifier.substitute(made)
}

function sorted(checker: Checker, expr: MacroExpr, range: CelType, keys: CelType): CelType {
  const found = checker.match(operatorOverloads('sortBy'), [range, keys])
  if (found !== undefined) return found.type
  const key = keys.kind === 'list' ? keys.element : keys
  if (range.kind === 'error' || key.kind === 'error') return ERROR
  const isList = checker.unifier.isAssignable(range, listOf(DYN))
  if (!isList) return checker.report('TypeMismatch', expr.range, `\`sortBy\` sorts a list, but this is ${checker.show(range)}`)
  return checker.report('TypeMismatch', expr.body, `\`sortBy\` cannot sort by ${checker.show(key)}`)
}

/** The scope of a loop's body; the last variable is the innermost. */
function loopScope(checker: Checker, { range: source, variables }: MacroExpr, range: CelType, outer: Scope | undefined): Scope | undefined {
  let scope = outer
  const types = loopTypes(checker, source, range, variables.length)
  for (const [index, name] of variables.entries()) scope = { name, type: types[index] ?? DYN, outer: scope }
  return scope
}

function loopTypes(checker: Checker, source: MacroExpr['range'], range: CelType, count: number): readonly CelType[] {
  const type = checker.unifier.substitute(range)
  switch (type.kind) {
    case 'list':
      return count === 2 ? [INT, type.element] : [type.element]
    case 'map':
      return [type.key, type.value]
    case 'error':
      return [ERROR, ERROR]
    case 'parameter':
      checker.unifier.isAssignable(DYN, type)
      return [DYN, DYN]
    case 'dyn':
      return [DYN, DYN]
    default: {
      checker.report('NotIterable', source, `a value of type ${checker.show(type)} cannot be iterated, only a list or a map can`)
      return [ERROR, ERROR]
    }
  }
}

function checkOptional(checker: Checker, expr: MacroExpr, range: CelType, outer: Scope | undefined): CelType {
  const element = checker.match(findFunction('value', false)?.members ?? [], [range])
  const [name = ''] = expr.variables
  const scope = { name, type: element?.type ?? ERROR, outer }
  if (element === undefined && range.kind !== 'error') {
    checker.report('TypeMismatch', expr.range, `\`${expr.macro}\` works on an optional, but this is ${checker.show(range)}`)
  }
  const body = checker.check(expr.body, scope)
  if (expr.macro === 'optMap') return checker.unifier.substitute(optionalOf(body))
  const given = [BOOL, body, optionalOf(checker.unifier.fresh())]
  const found = checker.match(operatorOverloads('?:'), given)
  if (found !== undefined || body.kind === 'error') return found?.type ?? ERROR
  return checker.report(
    'TypeMismatch',
    expr.body,
    `the value of \`optFlatMap\` must be an optional, but this is ${checker.show(body)}`,
    'did you mean `optMap`?',
  )
}
