import type { CallExpr, Expr, ListExpr, SourceRange } from './ast.ts'
import type { Checker } from './checker.ts'
import type { CelType } from './types.ts'

type Kind = CelType['kind']

interface Clause {
  readonly accepts: ReadonlySet<Kind>
  readonly needs: string
}

const clause = (needs: string, ...accepts: readonly Kind[]): Clause => ({ accepts: new Set<Kind>(['dyn', 'error', ...accepts]), needs })

const INTEGERS = clause('an integer', 'int', 'uint')
const DOUBLES = clause('a double', 'double', 'string')
const HEXADECIMAL = clause('an integer, a string or bytes', 'int', 'uint', 'string', 'bytes')
const BINARY = clause('an integer or a bool', 'int', 'uint', 'bool')
const TEXT = clause(
  'a plain value, a list or a map',
  ...(['list', 'map', 'int', 'uint', 'double', 'bool', 'string', 'timestamp', 'bytes', 'duration', 'type', 'null'] as const),
)

const CLAUSES: ReadonlyMap<string, Clause> = new Map([
  ['s', TEXT],
  ['d', INTEGERS],
  ['f', DOUBLES],
  ['e', DOUBLES],
  ['b', BINARY],
  ['x', HEXADECIMAL],
  ['X', HEXADECIMAL],
  ['o', INTEGERS],
])

const LARGEST_PRECISION = 9223372036854775807n

interface Mistake {
  readonly place: SourceRange
  readonly message: string
}

/** Checks a literal format against the literal list of its arguments. */
export function checkFormat(checker: Checker, expr: CallExpr, format: string, args: ListExpr): void {
  const mistake = findMistake(checker, expr.nameRange, format, args)
  if (mistake !== undefined) checker.report('InvalidFormat', mistake.place, mistake.message)
}

function findMistake(checker: Checker, place: SourceRange, format: string, args: ListExpr): Mistake | undefined {
  let used = 0
  for (const [text, precision, letter = ''] of format.matchAll(/%(?:%|(\.[0-9]*)?(.?))/gsu)) {
    if (text === '%%') continue
    const argument = args.elements[used]?.value
    used += 1
    if (letter === '') return { place, message: `the format ends within \`${text}\`` }
    if (argument === undefined) return { place, message: `the format uses more arguments than the ${args.elements.length} that are given` }
    const isTooPrecise = precision !== undefined && BigInt(precision.slice(1) || '0') > LARGEST_PRECISION
    if (precision === '.' || isTooPrecise) return { place, message: `the precision of \`${text}\` is no number` }
    const found = CLAUSES.get(letter)
    if (found === undefined) return { place, message: `\`${text}\` is no clause of a format` }
    const wrong = found === TEXT ? unprintable(checker, argument) : found.accepts.has(kindOf(checker, argument)) ? undefined : argument
    const type = wrong === undefined ? undefined : checker.types.get(wrong)
    if (wrong !== undefined && type !== undefined) return { place: wrong, message: `\`${text}\` needs ${found.needs}, but this is ${checker.show(type)}` }
  }
  if (args.elements.length <= used) return undefined
  return { place, message: `the format uses ${used} arguments, but ${args.elements.length} are given` }
}

const kindOf = (checker: Checker, expr: Expr): Kind => checker.types.get(expr)?.kind ?? 'dyn'

/** The part of a value that `%s` cannot write, looking into literal lists and maps. */
function unprintable(checker: Checker, expr: Expr): Expr | undefined {
  if (!TEXT.accepts.has(kindOf(checker, expr))) return expr
  const parts =
    expr.kind === 'list' ? expr.elements.map(({ value }) => value) : expr.kind === 'map' ? expr.entries.flatMap(({ key, value }) => [key, value]) : []
  for (const part of parts) {
    const found = unprintable(checker, part)
    if (found !== undefined) return found
  }
  return undefined
}
