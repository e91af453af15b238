import { err, ok, type Result } from '../api/index.ts'
import type { Expr } from './ast.ts'
import { type ExpressionIssue, issueAt } from './issue.ts'
import { lex } from './lexer.ts'
import { Parser } from './parser.ts'

/** How many code points an expression may have. */
export const LONGEST_EXPRESSION = 100_000

/** Parses an expression; on failure says all that is wrong with its syntax. */
export function parseExpression(source: string): Result<Expr, readonly ExpressionIssue[]> {
  const size = source.length > LONGEST_EXPRESSION ? codePointCount(source) : source.length
  if (size > LONGEST_EXPRESSION) {
    return err([issueAt(source, 'TooLong', { start: 0, end: 0 }, `expression has ${size} code points, at most ${LONGEST_EXPRESSION} are allowed`)])
  }
  const { tokens, issues } = lex(source)
  const parser = new Parser(source, tokens)
  const expr = parser.parse()
  // Tokens end where the lexer gave up, so that an end too early is no second mistake.
  const isCut = (issue: ExpressionIssue): boolean => issues.length > 0 && issue.start >= (tokens.at(-1)?.start ?? 0)
  const all = [
    ...issues,
    ...parser.issues.filter((issue) => issue.code !== 'SyntaxError' || !(isCut(issue) || (issues.length > 0 && parser.isUnclosed(issue)))),
  ]
  if (all.length === 0 && expr !== undefined) return ok(expr)
  return err(all.toSorted((a, b) => a.start - b.start))
}

function codePointCount(source: string): number {
  let count = 0
  for (const _ of source) count += 1
  return count
}
