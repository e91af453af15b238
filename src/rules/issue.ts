/** What can be wrong with a policy, for its author. */
export type CompileIssueCode =
  | 'InvalidField'
  | 'InvalidExpression'
  | 'UnsupportedVariable'
  | 'UnknownEnvironment'
  | 'UnknownField'
  | 'SideDoor'
  | 'UnusedContext'
  | 'ForbiddenCorrection'
  | 'ConflictingCorrection'
  | 'NotIdempotent'
  | 'NotYetSupported'

/** A mistake in a policy, or something about it that its author should know. Data, not an exception: one never hides the next. */
export interface CompileIssue {
  readonly code: CompileIssueCode
  /** An `error` makes a rule unevaluable; a `warning` changes nothing. */
  readonly severity: 'error' | 'warning'
  readonly policy: string
  /** Path of the field in the resource, as people write it. */
  readonly path: string
  /** One line. */
  readonly message: string
  /** The source line with a caret under the place, where there is one. */
  readonly detail?: string
}

/** An issue as people read it: path, message and, under them, the place in the expression. */
export function describeIssue({ path, message, detail }: CompileIssue): string {
  return `${path}: ${message}${detail === undefined ? '' : `\n${detail}`}`
}
