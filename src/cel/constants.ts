import type { CallExpr, Expr } from './ast.ts'
import type { Checker } from './checker.ts'
import { literalValue } from './compile-literals.ts'
import { CostBudget } from './cost.ts'
import { CelError } from './failure.ts'
import { conversions, FOLDED_CONVERSIONS, typeValue } from './lib-conversions.ts'
import type { Implementation } from './library-entry.ts'
import { compileRegex } from './regex.ts'
import { type CelValue, isCelValue, isDouble, isInt, typeName, Uint } from './values.ts'

const CONVERSIONS: ReadonlyMap<string, Implementation> = new Map(
  conversions.filter(({ name, member }) => !member && FOLDED_CONVERSIONS.has(name)).map(({ name, run }) => [name, run]),
)

const PATTERN_POSITION: ReadonlyMap<string, number> = new Map([
  ['matches', 0],
  ['find', 0],
  ['findAll', 0],
])

/** Kubernetes computes conversions of constants, and compiles constant patterns, when it compiles; what fails is the author's mistake. */
export function checkConstants(checker: Checker, expr: CallExpr, name: string): void {
  if (CONVERSIONS.has(name) && expr.target === undefined) {
    const [argument] = expr.args
    const input = argument === undefined ? undefined : constantOf(checker, argument)
    const made = input === undefined ? undefined : convert(name, input)
    if (argument !== undefined && made instanceof CelError) reportConversion(checker, argument, name, made)
    return
  }
  const position = PATTERN_POSITION.get(name)
  if (position !== undefined) checkPattern(checker, expr, name, position)
}

function checkPattern(checker: Checker, expr: CallExpr, name: string, position: number): void {
  const isMember = expr.target !== undefined
  // Kubernetes validates the first argument even of `matches(text, pattern)`, where it is the text.
  const candidates = isMember ? [expr.args[position]] : [expr.args[1], expr.args[0]?.kind === 'literal' ? expr.args[0] : undefined]
  for (const candidate of candidates) {
    const pattern = candidate === undefined ? undefined : constantOf(checker, candidate)
    const regex = typeof pattern === 'string' ? compileRegex(pattern) : undefined
    if (candidate === undefined || !(regex instanceof CelError)) continue
    checker.report('InvalidArgument', candidate, `\`${name}\` needs a regular expression of RE2: ${regex.$message}`, patternAdvice(String(pattern)))
    return
  }
}

function patternAdvice(pattern: string): string | undefined {
  if (/\(\?<?[=!]/.test(pattern)) return 'RE2 has no lookahead and no lookbehind'
  return /\\[1-9]/.test(pattern) ? 'RE2 has no backreferences' : undefined
}

function reportConversion(checker: Checker, argument: Expr, name: string, error: CelError): void {
  const isDays = name === 'duration' && argument.kind === 'literal' && /\d[dw]/.test(String(argument.value))
  const advice = isDays ? 'the largest unit is `h`: write `24h` for a day' : undefined
  checker.report('InvalidArgument', argument, `\`${name}\` cannot convert this constant: ${error.$message}`, advice)
}

function convert(name: string, value: CelValue): CelValue | undefined {
  return CONVERSIONS.get(name)?.(new CostBudget(), value, null, null, null)
}

/** A constant that is no key stops Kubernetes' compiler, whatever it is looked up in. */
export function checkConstantIndex(checker: Checker, index: Expr): boolean {
  const key = constantOf(checker, index)
  if (key === undefined || typeof key === 'string' || typeof key === 'boolean' || isInt(key) || isDouble(key) || key instanceof Uint) return true
  checker.report('InvalidArgument', index, `a value of type ${typeName(key)} is no key of a map and no index of a list`)
  return false
}

/** The value of an expression that Kubernetes knows before it evaluates; undefined if it does not. */
function constantOf(checker: Checker, expr: Expr): CelValue | undefined {
  switch (expr.kind) {
    case 'literal':
      return literalValue(expr)
    case 'ident': {
      const resolution = checker.resolved.get(expr)
      return resolution?.kind === 'type' ? typeValue(resolution.name) : undefined
    }
    case 'list': {
      const values = expr.elements.map(({ value, optional }) => (optional ? undefined : constantOf(checker, value)))
      return values.every(isCelValue) ? values : undefined
    }
    case 'map': {
      const isConstant = expr.entries.every(({ key, value }) => constantOf(checker, key) !== undefined && constantOf(checker, value) !== undefined)
      // Whether it is constant counts; what is in it makes no conversion succeed.
      return isConstant ? {} : undefined
    }
    case 'binary':
      // Nothing is in an empty list, whatever is asked for.
      return expr.operator === 'in' && expr.right.kind === 'list' && expr.right.elements.length === 0 ? false : undefined
    case 'call':
      return convertedConstant(checker, expr)
    default:
      return undefined
  }
}

function convertedConstant(checker: Checker, { name, target, args }: CallExpr): CelValue | undefined {
  const [argument] = args
  if (target !== undefined || argument === undefined || args.length !== 1) return undefined
  const input = constantOf(checker, argument)
  const made = input === undefined ? undefined : convert(name, input)
  return made instanceof CelError ? undefined : made
}
