import type { CostBudget } from './cost.ts'
import { contains } from './equality.ts'
import { CelError, fail, noOverload } from './failure.ts'
import { mapGet, mapKeys } from './maps.ts'
import { type CelValue, doubleOf, isDouble, isInt, isList, isMap, kindOf, NONE, Opaque, Optional, typeName, Uint } from './values.ts'

/** The error of a field or key that is not there. */
export function noSuchKey(key: CelValue): CelError {
  return fail('NoSuchKey', `no such key: ${keyText(key)}`)
}

// Null is a value like any other, so `??` would not do.
function found(value: CelValue | undefined, key: CelValue): CelValue {
  return value === undefined ? noSuchKey(key) : value
}

/** A key as error messages write it. */
export function keyText(key: CelValue): string {
  if (key === null) return 'null'
  if (isDouble(key)) return String(doubleOf(key))
  if (key instanceof Uint) return String(key.$value)
  return typeof key === 'object' ? typeName(key) : String(key)
}

function badIndex(index: CelValue): CelError {
  if (isDouble(index)) return fail('InvalidArgument', `unsupported index value ${doubleOf(index)} in list`)
  return fail('InvalidArgument', `unsupported index type '${typeName(index)}' in list`)
}

/** `operand.field`; chains through optionals. */
export function select(operand: CelValue, field: string): CelValue {
  if (operand instanceof Optional) return operand.$value === undefined ? NONE : selectOptional(operand.$value, field)
  if (isMap(operand)) return found(mapGet(operand, field), field)
  if (operand instanceof CelError) return operand
  return isList(operand) ? badIndex(field) : noSuchKey(field)
}

/** `operand.?field`. */
export function selectOptional(operand: CelValue, field: string): CelValue {
  if (operand instanceof Optional) return operand.$value === undefined ? NONE : selectOptional(operand.$value, field)
  if (isMap(operand)) {
    const value = mapGet(operand, field)
    return value === undefined ? NONE : new Optional(value)
  }
  if (operand instanceof CelError) return operand
  return isList(operand) ? badIndex(field) : NONE
}

/** `has(operand.field)`: false on anything without fields, an error on a list. */
export function hasField(operand: CelValue, field: string): boolean | CelError {
  if (operand instanceof Optional) return operand.$value !== undefined && hasField(operand.$value, field)
  if (isMap(operand)) return mapGet(operand, field) !== undefined
  if (operand instanceof CelError) return operand
  return isList(operand) ? badIndex(field) : false
}

const MAX_INT = 9223372036854775807n

function listPosition(index: CelValue): number | CelError {
  if (isInt(index)) return Number(index)
  if (index instanceof Uint) return index.$value > MAX_INT ? fail('InvalidArgument', `unsupported index value ${index.$value} in list`) : Number(index.$value)
  if (isDouble(index) && Number.isInteger(doubleOf(index))) return doubleOf(index)
  return badIndex(index)
}

/** `operand[key]`; chains through optionals. */
export function index(operand: CelValue, key: CelValue): CelValue {
  if (operand instanceof Optional) return operand.$value === undefined ? NONE : indexOptional(operand.$value, key)
  if (operand instanceof CelError) return operand
  if (key instanceof CelError) return key
  if (isList(operand)) {
    const position = listPosition(key)
    if (position instanceof CelError) return position
    return operand[position] ?? (position in operand ? null : fail('OutOfRange', `index out of bounds: ${keyText(key)}`))
  }
  return found(isMap(operand) ? mapGet(operand, key) : undefined, key)
}

/** `operand[?key]`. */
export function indexOptional(operand: CelValue, key: CelValue): CelValue {
  if (operand instanceof Optional) return operand.$value === undefined ? NONE : indexOptional(operand.$value, key)
  if (operand instanceof CelError) return operand
  if (key instanceof CelError) return key
  if (isList(operand)) {
    const position = listPosition(key)
    if (position instanceof CelError) return position
    const element = operand[position]
    return element === undefined ? NONE : new Optional(element)
  }
  // What can be no key of any map is refused even where there is none.
  if (isList(key) || isMap(key) || key instanceof Optional || key instanceof Opaque) return fail('InvalidArgument', `invalid qualifier type: ${typeName(key)}`)
  const value = isMap(operand) ? mapGet(operand, key) : undefined
  return value === undefined ? NONE : new Optional(value)
}

/** `value in container`: an element of a list or a key of a map. */
export function isIn(budget: CostBudget, value: CelValue, container: CelValue): boolean | CelError {
  if (value instanceof CelError) return value
  if (container instanceof CelError) return container
  if (isList(container)) {
    budget.charge(Math.max(1, container.length))
    return contains(budget, container, value)
  }
  budget.charge(1)
  return isMap(container) ? mapGet(container, value) !== undefined : noOverload('@in', value, container)
}

const GO_NAMES: Readonly<Record<string, string>> = { null: 'Null', optional: 'Optional' }

/** What a comprehension walks: the elements of a list or the keys of a map. */
export function iterable(range: CelValue): readonly CelValue[] | CelError {
  if (isList(range)) return range
  if (range instanceof CelError) return range
  if (isMap(range)) return mapKeys(range)
  const kind = kindOf(range)
  const name = GO_NAMES[kind] ?? kind.charAt(0).toUpperCase() + kind.slice(1)
  return fail('NoSuchOverload', `got 'types.${name}', expected iterable type`)
}

/** The error of an operand that should have been a bool. */
export function notBool(value: CelValue): CelError {
  return value instanceof CelError ? value : fail('NoSuchOverload', 'no such overload')
}
