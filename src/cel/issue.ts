/** What kind of mistake an author made in an expression. */
export type ExpressionIssueCode =
  | 'SyntaxError'
  | 'TooLong'
  | 'TooDeep'
  | 'InvalidLiteral'
  | 'ReservedName'
  | 'InvalidMacro'
  | 'UndeclaredReference'
  | 'UndefinedField'
  | 'NoMatchingOverload'
  | 'MixedElementTypes'
  | 'TypeMismatch'
  | 'NotIterable'
  | 'NotSelectable'
  | 'InvalidArgument'
  | 'InvalidFormat'
  | 'WrongResultType'
  | 'NewerKubernetes'

/** Every code of an issue, for documentation and tests. */
export const EXPRESSION_ISSUE_CODES: readonly ExpressionIssueCode[] = [
  'SyntaxError',
  'TooLong',
  'TooDeep',
  'InvalidLiteral',
  'ReservedName',
  'InvalidMacro',
  'UndeclaredReference',
  'UndefinedField',
  'NoMatchingOverload',
  'MixedElementTypes',
  'TypeMismatch',
  'NotIterable',
  'NotSelectable',
  'InvalidArgument',
  'InvalidFormat',
  'WrongResultType',
  'NewerKubernetes',
]

/** One mistake in an expression, with its place. */
export interface ExpressionIssue {
  readonly code: ExpressionIssueCode
  /** One line, lower case. */
  readonly message: string
  /** Counted from 1. */
  readonly line: number
  /** Counted from 1, in code points. */
  readonly column: number
  /** UTF-16 offsets into the source, `end` exclusive. */
  readonly start: number
  readonly end: number
  /** Advice such as ``did you mean `startsWith`?``. */
  readonly suggestion?: string
}

const LONGEST_SHOWN_LINE = 160
const SHOWN_BEFORE_CARET = 100

/** Makes an issue at a place of the source. */
export function issueAt(
  source: string,
  code: ExpressionIssueCode,
  range: { readonly start: number; readonly end: number },
  message: string,
  suggestion?: string,
): ExpressionIssue {
  const { line, lineStart } = lineAt(source, range.start)
  const column = codePoints(source, lineStart, range.start) + 1
  const issue = { code, message, line, column, start: range.start, end: range.end }
  return suggestion === undefined ? issue : { ...issue, suggestion }
}

/** Writes an issue with the source line and a caret under the mistake. */
export function renderIssue(source: string, issue: ExpressionIssue): string {
  const { lineStart } = lineAt(source, issue.start)
  const newline = source.indexOf('\n', lineStart)
  const lineEnd = newline === -1 ? source.length : newline
  // A long line is cut around the caret: the whole text of a large expression in a status helps nobody.
  const from = lineEnd - lineStart > LONGEST_SHOWN_LINE ? Math.max(lineStart, issue.start - SHOWN_BEFORE_CARET) : lineStart
  const to = Math.min(lineEnd, from + LONGEST_SHOWN_LINE)
  const before = from > lineStart ? '…' : ''
  const after = to < lineEnd ? '…' : ''
  const shown = `${before}${source.slice(from, to)}${after}`.replace(/[\t\r]/g, ' ')
  const dots = '.'.repeat(before.length + codePoints(source, from, issue.start))
  const advice = issue.suggestion === undefined ? '' : ` (${issue.suggestion})`
  return `${issue.message}${advice}\n | ${shown}\n | ${dots}^`
}

function lineAt(source: string, offset: number): { readonly line: number; readonly lineStart: number } {
  let line = 1
  let lineStart = 0
  for (let next = source.indexOf('\n'); next !== -1 && next < offset; next = source.indexOf('\n', lineStart)) {
    line += 1
    lineStart = next + 1
  }
  return { line, lineStart }
}

function codePoints(source: string, from: number, to: number): number {
  let count = 0
  for (let i = from; i < to; i += 1) {
    const unit = source.charCodeAt(i)
    const isPair = unit >= 0xd800 && unit <= 0xdbff && i + 1 < to && (source.charCodeAt(i + 1) & 0xfc00) === 0xdc00
    if (isPair) i += 1
    count += 1
  }
  return count
}
