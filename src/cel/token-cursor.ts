import type { SourceRange } from './ast.ts'
import { type ExpressionIssue, type ExpressionIssueCode, issueAt } from './issue.ts'
import type { Token, TokenKind } from './lexer.ts'

/** How deep each rule of the grammar may nest, as Kubernetes counts it. */
export const DEEPEST_NESTING = 250

const LONGEST_SHOWN_TOKEN = 40

const WORD_OPERATORS: ReadonlyMap<string, string> = new Map([
  ['and', '&&'],
  ['or', '||'],
  ['not', '!'],
  ['AND', '&&'],
  ['OR', '||'],
  ['NOT', '!'],
])

/** Ends the parsing at the first mistake in structure; it never leaves the parser. */
export class Stop extends Error {}

/** Reads tokens one by one and reports what does not fit. */
export class TokenCursor {
  readonly issues: ExpressionIssue[] = []
  readonly #source: string
  readonly #tokens: readonly Token[]
  #index = 0
  #token: Token
  #unclosed: number | undefined

  constructor(source: string, tokens: readonly Token[]) {
    this.#source = source
    this.#tokens = tokens
    this.#token = tokens[0] ?? { kind: 'end', start: 0, end: 0, value: undefined }
  }

  get token(): Token {
    return this.#token
  }

  /** The token so many places ahead. */
  peek(ahead = 1): Token {
    return this.#tokens[this.#index + ahead] ?? this.#tokens.at(-1) ?? this.#token
  }

  /** Whether an issue only says that a bracket is open where the lexer gave up. */
  isUnclosed(issue: ExpressionIssue): boolean {
    return issue.start === this.#unclosed
  }

  /** Goes to the next token and gives the one it leaves. */
  advance(): Token {
    const token = this.#token
    if (this.#index < this.#tokens.length - 1) this.#index += 1
    this.#token = this.#tokens[this.#index] ?? token
    return token
  }

  /** Steps over a token of a kind, if it is there. */
  accept(kind: TokenKind): boolean {
    if (this.#token.kind !== kind) return false
    this.advance()
    return true
  }

  /** Steps over a token that must be there. */
  expect(kind: TokenKind, what: string): Token {
    if (this.#token.kind !== kind) this.unexpected(what)
    return this.advance()
  }

  /** Steps over a closing bracket; if the expression ends before it, the opening one is to blame. */
  close(kind: TokenKind, open: Token): Token {
    if (this.#token.kind === kind) return this.advance()
    if (this.#token.kind !== 'end') return this.unexpected(`\`${kind}\` or \`,\``)
    this.#unclosed = open.start
    return this.#stop('SyntaxError', open, `\`${open.kind}\` is not closed`)
  }

  /** Ends the parsing at a token that does not fit. */
  unexpected(expected: string): never {
    const token = this.#token
    if (token.kind === 'end') return this.#stop('SyntaxError', token, `expression ends where ${expected} is expected`)
    const text = this.#source.slice(token.start, token.end)
    const shown = text.length > LONGEST_SHOWN_TOKEN ? `${text.slice(0, LONGEST_SHOWN_TOKEN - 1)}…` : text
    const operator = WORD_OPERATORS.get(text)
    return this.#stop(
      'SyntaxError',
      token,
      `unexpected \`${shown.replace(/\s/g, ' ')}\`, expected ${expected}`,
      operator === undefined ? undefined : `did you mean \`${operator}\`?`,
    )
  }

  /** Ends the parsing at an expression that nests too deeply. */
  tooDeep(): never {
    return this.#stop(
      'TooDeep',
      this.#token,
      `expression nests too deeply, at most ${DEEPEST_NESTING} levels are allowed, a chain of operators or fields included`,
    )
  }

  #stop(code: ExpressionIssueCode, range: SourceRange, message: string, suggestion?: string): never {
    this.issues.push(issueAt(this.#source, code, range, message, suggestion))
    throw new Stop()
  }

  /** Notes a mistake that does not hinder the parsing. */
  report(code: ExpressionIssueCode, range: SourceRange, message: string): void {
    this.issues.push(issueAt(this.#source, code, range, message))
  }
}
