import { err, ok, type Result } from '../api/index.ts'
import type { Expr } from './ast.ts'
import { checkDeferred } from './check-literals.ts'
import { Checker } from './checker.ts'
import type { ExpressionIssue } from './issue.ts'
import { type CelType, formatType, isSameType } from './types.ts'

/** What an expression may read and use, and what it must yield. */
export interface CelEnvironment {
  /** By name; a name with a dot, such as `variables.x`, is read by a selection. */
  readonly variables: ReadonlyMap<string, CelType>
  /** Functions that came with the libraries of a later minor release of Kubernetes are refused; a server takes new policies with the libraries of the release before its own. */
  readonly kubernetesMinor?: number
  /** The result must be exactly of one of these types. */
  readonly resultTypes?: readonly CelType[]
  /** Mutations also know `Object{…}`, `JSONPatch{…}` and `jsonpatch.escapeKey`. */
  readonly isMutation?: boolean
}

/** What a name of the expression stands for. */
export type Resolution =
  | { readonly kind: 'variable'; readonly name: string }
  | { readonly kind: 'local'; readonly name: string }
  | { readonly kind: 'type'; readonly name: string }
  | { readonly kind: 'function'; readonly name: string; readonly member: boolean }

/** An expression that Kubernetes accepts, with what the checker found out. */
export interface CheckedExpression {
  readonly expr: Expr
  readonly type: CelType
  readonly typeOf: ReadonlyMap<Expr, CelType>
  readonly resolved: ReadonlyMap<Expr, Resolution>
  /** The variables of the environment that it reads. */
  readonly variables: ReadonlySet<string>
}

/** Checks an expression as Kubernetes does, and reports all mistakes in the order of their places. */
export function checkExpression(source: string, expr: Expr, environment: CelEnvironment): Result<CheckedExpression, readonly ExpressionIssue[]> {
  const checker = new Checker(source, environment)
  checker.check(expr, undefined)
  for (const [part, type] of checker.types) {
    const settled = checker.unifier.settle(type)
    if (settled !== type) checker.types.set(part, settled)
  }
  checkDeferred(checker)
  const type = checker.types.get(expr)
  if (type === undefined) throw new Error('an expression without a type')
  checkResult(checker, expr, type)
  if (checker.issues.length > 0) return err(checker.issues.toSorted((a, b) => a.start - b.start))
  return ok({ expr, type, typeOf: checker.types, resolved: checker.resolved, variables: checker.variables })
}

function checkResult(checker: Checker, expr: Expr, type: CelType): void {
  const { resultTypes } = checker.environment
  if (resultTypes === undefined || type.kind === 'error' || resultTypes.some((wanted) => isSameType(wanted, type))) return
  const wanted = resultTypes.map(formatType).join(' or ')
  const [only] = resultTypes
  const advice = type.kind === 'dyn' && resultTypes.length === 1 ? ADVICE.get(only?.kind) : undefined
  checker.report('WrongResultType', expr, `must evaluate to ${wanted} but got ${formatType(type)}`, advice)
}

const ADVICE: ReadonlyMap<CelType['kind'] | undefined, string> = new Map([
  ['bool', 'compare it, for example `… == true`'],
  ['string', 'convert it with `string(…)`'],
])
