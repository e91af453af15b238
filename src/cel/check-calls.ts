import type { CallExpr, Expr } from './ast.ts'
import type { Checker, Scope } from './checker.ts'
import { checkConstants } from './constants.ts'
import { findFunction, functionNames } from './declarations.ts'
import { MACRO_USAGES } from './macros.ts'
import type { FunctionDeclaration, Overload } from './signatures.ts'
import { didYouMean } from './suggest.ts'
import { type CelType, ERROR } from './types.ts'

/** Libraries of other CEL dialects that Kubernetes does not have. */
const FOREIGN_LIBRARIES: ReadonlySet<string> = new Set(['cel', 'math', 'base64', 'proto', 'regex', 'json', 'hash', 'time'])

const MOST_SIGNATURES_SHOWN = 3

/** The type of a call: of a namespaced function, a member function or a plain function. */
export function checkCall(checker: Checker, expr: CallExpr, scope: Scope | undefined): CelType {
  const { environment } = checker
  const isMutation = environment.isMutation === true
  const prefix = expr.target === undefined ? undefined : dottedName(expr.target)
  const namespaced = prefix === undefined ? undefined : findFunction(`${prefix}.${expr.name}`, isMutation)
  if (namespaced !== undefined) return resolve(checker, expr, namespaced, undefined, checkArguments(checker, expr, scope))
  const declared = findFunction(expr.name, isMutation)
  if (declared === undefined) return undeclared(checker, expr, prefix, scope)
  const isFormat = expr.name === 'format'
  if (isFormat) {
    checker.formatDepth += 1
    checker.deferred.push(expr)
  }
  const args = checkArguments(checker, expr, scope)
  const target = expr.target === undefined ? undefined : checker.check(expr.target, scope)
  if (isFormat) checker.formatDepth -= 1
  return resolve(checker, expr, declared, target, args)
}

function checkArguments(checker: Checker, expr: CallExpr, scope: Scope | undefined): readonly CelType[] {
  return expr.args.map((argument) => checker.check(argument, scope))
}

function resolve(checker: Checker, expr: CallExpr, declared: FunctionDeclaration, target: CelType | undefined, args: readonly CelType[]): CelType {
  const isMember = target !== undefined
  checker.resolved.set(expr, { kind: 'function', name: declared.name, member: isMember })
  const given = isMember ? [target, ...args] : args
  const found = checker.match(isMember ? declared.members : declared.globals, given)
  // Nothing is said about what works on something already reported.
  if (given.some((type) => type.kind === 'error')) return found?.type ?? ERROR
  if (found === undefined) return noMatch(checker, expr, declared, target, args)
  if (!checker.isKnown(found.since, `\`${declared.name}\``, expr.nameRange)) return ERROR
  checkConstants(checker, expr, declared.name)
  return found.type
}

function noMatch(
  checker: Checker,
  expr: CallExpr,
  { name, members, globals }: FunctionDeclaration,
  target: CelType | undefined,
  args: readonly CelType[],
): CelType {
  const given = `${target === undefined ? '' : `${checker.show(target)}.`}${name}${checker.list(args)}`
  const [sameStyle, otherStyle] = target === undefined ? [globals, members] : [members, globals]
  const known = sameStyle.length > 0 ? sameStyle : otherStyle
  const advice = known.length > MOST_SIGNATURES_SHOWN ? undefined : `there is ${known.map(signatureOf).join(', ')}`
  return checker.report('NoMatchingOverload', expr.nameRange, `there is no function \`${given}\``, advice)
}

const signatureOf = ({ signature }: Overload): string => `\`${signature.slice(0, signature.lastIndexOf(' -> '))}\``

function undeclared(checker: Checker, expr: CallExpr, prefix: string | undefined, scope: Scope | undefined): CelType {
  const usage = MACRO_USAGES.get(expr.name)
  if (usage !== undefined) {
    // The arguments of a macro name its variables: checking them would only report these.
    if (expr.target !== undefined) checker.check(expr.target, scope)
    return checker.report('InvalidMacro', expr.nameRange, `\`${expr.name}\` is written ${usage}`)
  }
  if (prefix !== undefined && FOREIGN_LIBRARIES.has(prefix) && !checker.environment.variables.has(prefix)) {
    return checker.report('UndeclaredReference', expr, `Kubernetes has no function \`${prefix}.${expr.name}\``)
  }
  const namespace = prefix === undefined ? [] : functionNames().filter((name) => name.startsWith(`${prefix}.`))
  checkArguments(checker, expr, scope)
  if (prefix !== undefined && namespace.length > 0 && !checker.environment.variables.has(prefix)) {
    const name = `${prefix}.${expr.name}`
    return checker.report('UndeclaredReference', expr.nameRange, `there is no function \`${name}\``, didYouMean(name, namespace))
  }
  if (expr.target !== undefined) checker.check(expr.target, scope)
  const candidates = [...functionNames(), ...MACRO_USAGES.keys()].filter((name) => !name.includes('.'))
  return checker.report('UndeclaredReference', expr.nameRange, `there is no function \`${expr.name}\``, didYouMean(expr.name, candidates))
}

/** `a.b` of a chain of names that may be a namespace. */
function dottedName(expr: Expr): string | undefined {
  if (expr.kind === 'ident') return expr.name
  if (expr.kind !== 'select' || expr.optional || expr.operand.kind !== 'ident') return undefined
  return `${expr.operand.name}.${expr.field}`
}
