import type { CallExpr, Expr, ListExpr, MapExpr, MessageExpr } from './ast.ts'
import { checkFormat } from './check-format.ts'
import type { Checker, Scope } from './checker.ts'
import { didYouMean } from './suggest.ts'
import { namedType, TYPE_NAMES } from './type-names.ts'
import { type CelType, DYN, ERROR, isSameType, listOf, mapOf } from './types.ts'

/** The type of a list literal; Kubernetes wants elements of one type. */
export function checkList(checker: Checker, expr: ListExpr, scope: Scope | undefined): CelType {
  let element: CelType | undefined
  for (const { value, optional } of expr.elements) {
    const type = checker.check(value, scope)
    element = join(checker, element, optional ? unwrap(checker, type, value) : type)
  }
  deferMixed(checker, expr, expr.elements.length)
  return listOf(element ?? checker.unifier.fresh())
}

/** The type of a map literal; Kubernetes wants keys of one type and values of one type. */
export function checkMap(checker: Checker, expr: MapExpr, scope: Scope | undefined): CelType {
  let keys: CelType | undefined
  let values: CelType | undefined
  for (const { key, value, optional } of expr.entries) {
    keys = join(checker, keys, checker.check(key, scope))
    const type = checker.check(value, scope)
    values = join(checker, values, optional ? unwrap(checker, type, value) : type)
  }
  deferMixed(checker, expr, expr.entries.length)
  return mapOf(keys ?? checker.unifier.fresh(), values ?? checker.unifier.fresh())
}

/** The type of a message literal: in mutations `Object{…}` and `JSONPatch{…}`. */
export function checkMessage(checker: Checker, expr: MessageExpr, scope: Scope | undefined): CelType {
  const name = { start: expr.start, end: expr.start + expr.typeName.length }
  const type = namedType(expr.typeName, checker.environment.isMutation === true)
  if (type === undefined) {
    const isMutationType = namedType(expr.typeName, true) !== undefined
    const message = isMutationType ? `\`${expr.typeName}\` is known in mutations only` : `there is no type \`${expr.typeName}\``
    checker.report('UndeclaredReference', name, message, didYouMean(expr.typeName, TYPE_NAMES))
  } else if (type.kind !== 'object') {
    checker.report('TypeMismatch', name, `\`${expr.typeName}\` has no fields, so that it cannot be made with \`{}\``)
  }
  const message = type?.kind === 'object' ? type : undefined
  for (const { name: field, nameRange, value, optional } of expr.fields) {
    const given = checker.check(value, scope)
    const plain = optional ? unwrap(checker, given, value) : given
    if (message === undefined) continue
    const wanted = message.isOpen ? DYN : message.fields.get(field)
    if (wanted === undefined) {
      checker.report('UndefinedField', nameRange, `\`${expr.typeName}\` has no field \`${field}\``, didYouMean(field, message.fields.keys()))
    } else if (!checker.unifier.isAssignable(wanted, plain)) {
      checker.report('TypeMismatch', value, `field \`${field}\` is of type ${checker.show(wanted)}, but this is ${checker.show(plain)}`)
    }
  }
  return message ?? ERROR
}

/** Judges what needs the final types: whether literals mix types, and the arguments of `format`. */
export function checkDeferred(checker: Checker): void {
  for (const expr of checker.deferred) {
    if (expr.kind === 'list') checkMixed(checker, expr.elements, 'elements of a list')
    else if (expr.kind === 'map') {
      checkMixed(
        checker,
        expr.entries.map(({ key }) => ({ value: key, optional: false })),
        'keys of a map',
      )
      checkMixed(checker, expr.entries, 'values of a map')
    } else if (expr.kind === 'call') checkFormatCall(checker, expr)
  }
}

function checkFormatCall(checker: Checker, expr: CallExpr): void {
  const [args] = expr.args
  const { target } = expr
  if (target?.kind !== 'literal' || typeof target.value !== 'string' || args?.kind !== 'list' || expr.args.length !== 1) return
  checkFormat(checker, expr, target.value, args)
}

function deferMixed(checker: Checker, expr: ListExpr | MapExpr, size: number): void {
  if (size > 1 && checker.formatDepth === 0) checker.deferred.push(expr)
}

interface Part {
  readonly value: Expr
  readonly optional: boolean
}

/** Kubernetes wants one type exactly: `dyn` beside `int` is a mix. */
function checkMixed(checker: Checker, parts: readonly Part[], what: string): void {
  let first: CelType | undefined
  for (const { value, optional } of parts) {
    const type = elementType(checker.types.get(value), optional)
    if (type === undefined || hasError(type)) continue
    first ??= type
    if (isSameType(first, type)) continue
    const isDynamic = checker.show(first).includes('dyn') || checker.show(type).includes('dyn')
    const message = `${what} must have one type, but this is ${checker.show(type)} beside ${checker.show(first)}`
    checker.report('MixedElementTypes', value, message, isDynamic ? 'wrap the others in `dyn(…)`' : undefined)
    return
  }
}

function elementType(type: CelType | undefined, optional: boolean): CelType | undefined {
  if (type === undefined || !optional) return type
  // Kubernetes' own checker fails on an optional element of type dyn; such an element fits anywhere.
  return type.kind === 'optional' ? type.of : undefined
}

// A mix is reported once all types are known; until then the type is dyn.
function join(checker: Checker, previous: CelType | undefined, current: CelType): CelType {
  if (previous === undefined) return current
  return checker.unifier.isAssignable(previous, current) ? checker.unifier.general(previous, current) : DYN
}

function unwrap(checker: Checker, type: CelType, place: Expr): CelType {
  if (type.kind === 'optional') return type.of
  if (type.kind === 'dyn' || type.kind === 'error') return type
  return checker.report('TypeMismatch', place, `what follows \`?\` must be an optional, but this is ${checker.show(type)}`)
}

function hasError(type: CelType): boolean {
  if (type.kind === 'list') return hasError(type.element)
  if (type.kind === 'map') return hasError(type.key) || hasError(type.value)
  if (type.kind === 'optional') return hasError(type.of)
  return type.kind === 'error'
}
