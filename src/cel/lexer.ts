import type { SourceRange } from './ast.ts'
import { type ExpressionIssue, issueAt } from './issue.ts'
import { readQuoted } from './quoted.ts'

/** Punctuation and the words that are no identifiers stand for themselves. */
export type TokenKind = 'identifier' | 'escaped' | 'int' | 'uint' | 'double' | 'string' | 'bytes' | 'end' | Punctuation | 'true' | 'false' | 'null' | 'in'

type Punctuation = (typeof PUNCTUATION)[number]

const PUNCTUATION = [
  ...(['==', '!=', '<=', '>=', '&&', '||'] as const),
  ...(['<', '>', '!', '+', '-', '*', '/', '%', '?', ':', '.', ',', '(', ')', '[', ']', '{', '}'] as const),
]

const PUNCTUATION_BY_TEXT: ReadonlyMap<string, Punctuation> = new Map(PUNCTUATION.map((text) => [text, text]))
const WORDS: ReadonlyMap<string, TokenKind> = new Map([
  ['true', 'true'],
  ['false', 'false'],
  ['null', 'null'],
  ['in', 'in'],
] as const)

/** A token; `value` is the name of an identifier, the content of a string, the magnitude of a number. */
export interface Token extends SourceRange {
  readonly kind: TokenKind
  readonly value: string | bigint | number | Uint8Array | undefined
}

/** The tokens up to the end or to the first text that is none, and what is wrong so far. */
export interface Tokens {
  readonly tokens: readonly Token[]
  readonly issues: readonly ExpressionIssue[]
}

const NUMBER = /0x[0-9a-fA-F]+[uU]?|[0-9]+(?:\.[0-9]+(?:[eE][+-]?[0-9]+)?|[eE][+-]?[0-9]+|[uU])?|\.[0-9]+(?:[eE][+-]?[0-9]+)?/y
const IDENTIFIER = /[_a-zA-Z][_a-zA-Z0-9]*/y
const ESCAPED_IDENTIFIER = /`([a-zA-Z0-9_.\-/ ]+)`/y
const STRING_START = /([bB]?[rR]?)("""|'''|"|')/y

/** Splits an expression into tokens. */
export function lex(source: string): Tokens {
  const tokens: Token[] = []
  const issues: ExpressionIssue[] = []
  let at = 0
  while (at < source.length) {
    const unit = source.charCodeAt(at)
    if (isSpace(unit)) {
      at += 1
    } else if (unit === 0x2f && source.charCodeAt(at + 1) === 0x2f) {
      const newline = source.indexOf('\n', at)
      at = newline === -1 ? source.length : newline
    } else {
      const token = nextToken(source, at, unit, issues)
      if (token === undefined) {
        tokens.push({ kind: 'end', start: at, end: at, value: undefined })
        return { tokens, issues }
      }
      tokens.push(token)
      at = token.end
    }
  }
  tokens.push({ kind: 'end', start: source.length, end: source.length, value: undefined })
  return { tokens, issues }
}

function nextToken(source: string, at: number, unit: number, issues: ExpressionIssue[]): Token | undefined {
  if (isLetter(unit) || unit === 0x22 || unit === 0x27) {
    STRING_START.lastIndex = at
    const quote = STRING_START.exec(source)
    if (quote !== null) return quotedToken(source, at, quote[1] ?? '', quote[2] ?? '', issues)
    IDENTIFIER.lastIndex = at
    const name = IDENTIFIER.exec(source)?.[0] ?? ''
    return { kind: WORDS.get(name) ?? 'identifier', start: at, end: at + name.length, value: name }
  }
  const isFraction = unit === 0x2e && isDigit(source.charCodeAt(at + 1))
  if (isDigit(unit) || isFraction) return numberToken(source, at)
  if (unit === 0x60) {
    ESCAPED_IDENTIFIER.lastIndex = at
    const name = ESCAPED_IDENTIFIER.exec(source)
    if (name !== null) return { kind: 'escaped', start: at, end: at + name[0].length, value: name[1] }
  }
  const two = PUNCTUATION_BY_TEXT.get(source.slice(at, at + 2))
  if (two !== undefined) return { kind: two, start: at, end: at + two.length, value: undefined }
  const one = PUNCTUATION_BY_TEXT.get(source.charAt(at))
  if (one !== undefined) return { kind: one, start: at, end: at + 1, value: undefined }
  issues.push(strangeCharacter(source, at))
  return undefined
}

function quotedToken(source: string, at: number, prefix: string, quote: string, issues: ExpressionIssue[]): Token | undefined {
  const lower = prefix.toLowerCase()
  const isBytes = lower.startsWith('b')
  const quoted = readQuoted(source, at + prefix.length + quote.length, quote, { isRaw: lower.endsWith('r'), isBytes })
  if (!quoted.ok) {
    const { code, message, suggestion, range } = quoted.error
    issues.push(issueAt(source, code, range ?? { start: at, end: at + prefix.length + quote.length }, message, suggestion))
    if (quoted.error.end === undefined) return undefined
    return { kind: isBytes ? 'bytes' : 'string', start: at, end: quoted.error.end, value: isBytes ? new Uint8Array() : '' }
  }
  return { kind: isBytes ? 'bytes' : 'string', start: at, end: quoted.value.end, value: quoted.value.content }
}

function numberToken(source: string, at: number): Token {
  NUMBER.lastIndex = at
  const text = NUMBER.exec(source)?.[0] ?? source.charAt(at)
  const end = at + text.length
  const isUnsigned = /[uU]$/.test(text)
  if (text.startsWith('0x') || !/[.eE]/.test(text)) {
    return { kind: isUnsigned ? 'uint' : 'int', start: at, end, value: BigInt(isUnsigned ? text.slice(0, -1) : text) }
  }
  return { kind: 'double', start: at, end, value: Number(text) }
}

const SINGLE_OPERATORS: ReadonlyMap<string, string> = new Map([
  ['=', '=='],
  ['&', '&&'],
  ['|', '||'],
])

function strangeCharacter(source: string, at: number): ExpressionIssue {
  const character = String.fromCodePoint(source.codePointAt(at) ?? 0)
  const range = { start: at, end: at + character.length }
  const meant = SINGLE_OPERATORS.get(character)
  if (meant !== undefined) return issueAt(source, 'SyntaxError', range, `\`${character}\` is not an operator`, `did you mean \`${meant}\`?`)
  if (character === '`')
    return issueAt(source, 'SyntaxError', range, 'a name in backticks has letters, digits, `_`, `.`, `-`, `/` and spaces and ends in a backtick')
  if (/[‘’“”„«»]/u.test(character)) return issueAt(source, 'SyntaxError', range, `\`${character}\` does not quote a string`, 'use straight quotes')
  const shown = /[\p{C}\p{Z}]/u.test(character) ? `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}` : character
  return issueAt(source, 'SyntaxError', range, `unexpected character \`${shown}\``)
}

const isSpace = (unit: number): boolean => unit === 0x20 || unit === 0x0a || unit === 0x09 || unit === 0x0d || unit === 0x0c
const isDigit = (unit: number): boolean => unit >= 0x30 && unit <= 0x39
const isLetter = (unit: number): boolean => (unit >= 0x61 && unit <= 0x7a) || (unit >= 0x41 && unit <= 0x5a) || unit === 0x5f
