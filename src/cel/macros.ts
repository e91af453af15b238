import { err, ok, type Result } from '../api/index.ts'
import type { CallExpr, Expr, MacroName, SourceRange } from './ast.ts'

/** How a macro over a range is written: how many variables it names, and with how many arguments. */
interface MacroShape {
  readonly macro: MacroName
  readonly variables: number
  readonly hasFilter: boolean
}

const shape = (macro: MacroName, variables: number, hasFilter = false): MacroShape => ({ macro, variables, hasFilter })

/** By name and number of arguments. */
const SHAPES: ReadonlyMap<string, MacroShape> = new Map([
  ['all/2', shape('all', 1)],
  ['all/3', shape('all', 2)],
  ['exists/2', shape('exists', 1)],
  ['exists/3', shape('exists', 2)],
  ['exists_one/2', shape('exists_one', 1)],
  ['exists_one/3', shape('exists_one', 2)],
  ['existsOne/3', shape('exists_one', 2)],
  ['map/2', shape('map', 1)],
  ['map/3', shape('map', 1, true)],
  ['filter/2', shape('filter', 1)],
  ['transformList/3', shape('transformList', 2)],
  ['transformList/4', shape('transformList', 2, true)],
  ['transformMap/3', shape('transformMap', 2)],
  ['transformMap/4', shape('transformMap', 2, true)],
  ['transformMapEntry/3', shape('transformMapEntry', 2)],
  ['transformMapEntry/4', shape('transformMapEntry', 2, true)],
  ['optMap/2', shape('optMap', 1)],
  ['optFlatMap/2', shape('optFlatMap', 1)],
  ['sortBy/2', shape('sortBy', 1)],
])

/** How each macro is to be written, for those who call it with the wrong number of arguments. */
export const MACRO_USAGES: ReadonlyMap<string, string> = new Map([
  ['has', '`has(object.field)`'],
  ['all', '`list.all(x, condition)`'],
  ['exists', '`list.exists(x, condition)`'],
  ['exists_one', '`list.exists_one(x, condition)`'],
  ['existsOne', '`list.exists_one(x, condition)` or `list.existsOne(i, x, condition)`'],
  ['map', '`list.map(x, value)`'],
  ['filter', '`list.filter(x, condition)`'],
  ['transformList', '`list.transformList(i, x, value)`'],
  ['transformMap', '`map.transformMap(k, v, value)`'],
  ['transformMapEntry', '`map.transformMapEntry(k, v, {key: value})`'],
  ['optMap', '`optional.optMap(x, value)`'],
  ['optFlatMap', '`optional.optFlatMap(x, optionalValue)`'],
  ['sortBy', '`list.sortBy(x, key)`'],
])

/** What is wrong with the arguments of a macro, and where. */
export interface MacroError {
  readonly message: string
  readonly range: SourceRange
}

const ACCUMULATOR = '__result__'

/** Makes a macro of a call that is one; any other call stays a call. */
export function expandCall(call: Omit<CallExpr, 'kind'>): Result<Expr, MacroError> {
  if (call.target === undefined) return call.name === 'has' && call.args.length === 1 ? has(call) : ok({ kind: 'call', ...call })
  const found = call.args.length < 2 || call.args.length > 4 ? undefined : SHAPES.get(`${call.name}/${call.args.length}`)
  return found === undefined ? ok({ kind: 'call', ...call }) : macro(call, call.target, found)
}

function has({ args, start, end }: Omit<CallExpr, 'kind'>): Result<Expr, MacroError> {
  const target = args[0]
  if (target === undefined || target.kind !== 'select' || target.optional) {
    const message = 'the argument of `has` must be a field selection, such as `has(object.spec.replicas)`'
    return err({ message, range: target ?? { start, end } })
  }
  return ok({ kind: 'has', target, start, end })
}

function macro(call: Omit<CallExpr, 'kind'>, range: Expr, { macro: name, variables: count, hasFilter }: MacroShape): Result<Expr, MacroError> {
  const names: string[] = []
  for (const argument of call.args.slice(0, count)) {
    if (argument.kind !== 'ident')
      return err({ message: `argument ${names.length + 1} of \`${call.name}\` names a variable and must be a simple name`, range: argument })
    // Kubernetes accepts `.x` here, as a variable that nothing can read.
    const variable = argument.absolute ? `.${argument.name}` : argument.name
    if (variable === ACCUMULATOR && !name.startsWith('opt')) return err({ message: `\`${ACCUMULATOR}\` cannot be the name of a variable`, range: argument })
    if (names.includes(variable)) return err({ message: `\`${call.name}\` needs two variables of different names, not \`${variable}\` twice`, range: argument })
    names.push(variable)
  }
  if (name === 'sortBy' && (range.kind === 'literal' || range.kind === 'map' || range.kind === 'message')) {
    return err({ message: '`sortBy` sorts a list', range })
  }
  const rest = call.args.slice(count)
  const body = rest.at(-1)
  if (body === undefined) return err({ message: `\`${call.name}\` has no body`, range: call.nameRange })
  const filter = hasFilter ? rest[0] : undefined
  return ok({ kind: 'macro', macro: name, nameRange: call.nameRange, range, variables: names, filter, body, start: call.start, end: call.end })
}
