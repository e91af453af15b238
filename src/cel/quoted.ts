import { err, ok, type Result } from '../api/index.ts'
import type { SourceRange } from './ast.ts'
import type { ExpressionIssueCode } from './issue.ts'

/** How a quoted literal is read. */
export interface QuotedMode {
  readonly isRaw: boolean
  readonly isBytes: boolean
}

/** The content of a literal and the offset behind its closing quotes. */
export interface Quoted {
  readonly content: string | Uint8Array
  readonly end: number
}

/** Why a literal cannot be read; `end` is there if it is at least closed. */
export interface QuotedError {
  readonly code: ExpressionIssueCode
  readonly message: string
  readonly suggestion?: string
  readonly range?: SourceRange
  readonly end?: number
}

const SIMPLE_ESCAPES: ReadonlyMap<string, number> = new Map([
  ['a', 0x07],
  ['b', 0x08],
  ['f', 0x0c],
  ['n', 0x0a],
  ['r', 0x0d],
  ['t', 0x09],
  ['v', 0x0b],
  ['"', 0x22],
  ["'", 0x27],
  ['\\', 0x5c],
  ['?', 0x3f],
  ['`', 0x60],
])

const NUMERIC_ESCAPE = /[xX]([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2})/y

const encoder = new TextEncoder()

/** Reads a literal from behind its opening quotes. */
export function readQuoted(source: string, start: number, quote: string, mode: QuotedMode): Result<Quoted, QuotedError> {
  const closed = findEnd(source, start, quote, mode.isRaw)
  if (!closed.ok) return closed
  const body = source.slice(start, closed.value).replace(/\r\n?/g, '\n')
  const end = closed.value + quote.length
  if (mode.isRaw || !body.includes('\\')) return ok({ content: mode.isBytes ? encoder.encode(body) : body, end })
  const content = mode.isBytes ? unescapeBytes(body) : unescapeString(body)
  if (content === undefined) return err({ code: 'InvalidLiteral', message: mode.isBytes ? NO_UNICODE_IN_BYTES : NO_CODE_POINT, end })
  return ok({ content, end })
}

const NO_UNICODE_IN_BYTES = 'a bytes literal knows `\\x` and octal escapes, not `\\u`'
const NO_CODE_POINT = 'an escape of this string is no Unicode code point'

function findEnd(source: string, start: number, quote: string, isRaw: boolean): Result<number, QuotedError> {
  const isTriple = quote.length === 3
  for (let at = start; at < source.length; at += 1) {
    const unit = source.charCodeAt(at)
    if (unit === quote.charCodeAt(0) && (!isTriple || source.startsWith(quote, at))) return ok(at)
    if (!isTriple && (unit === 0x0a || unit === 0x0d)) break
    if (unit === 0x5c && !isRaw) {
      const length = escapeLength(source, at + 1)
      if (length === 0) return err(invalidEscape(source, at))
      at += length
    }
  }
  return err({ code: 'SyntaxError', message: `this string is not closed by \`${quote}\`` })
}

/** How many UTF-16 units an escape has behind its backslash; 0 if it is none. */
function escapeLength(source: string, at: number): number {
  if (SIMPLE_ESCAPES.has(source.charAt(at))) return 1
  NUMERIC_ESCAPE.lastIndex = at
  return NUMERIC_ESCAPE.exec(source)?.[0].length ?? 0
}

function invalidEscape(source: string, at: number): QuotedError {
  const character = at + 1 < source.length ? String.fromCodePoint(source.codePointAt(at + 1) ?? 0) : ''
  const range = { start: at, end: at + 1 + character.length }
  if (!/^[!-~]$/.test(character) || /[xXuU0-9]/.test(character)) return { code: 'SyntaxError', message: 'invalid escape sequence in a string', range }
  return {
    code: 'SyntaxError',
    message: `invalid escape sequence \`\\${character}\``,
    suggestion: `did you mean \`\\\\${character}\`, or a raw string r'…'?`,
    range,
  }
}

function unescapeString(body: string): string | undefined {
  let text = ''
  let from = 0
  for (let at = body.indexOf('\\'); at !== -1; at = body.indexOf('\\', from)) {
    text += body.slice(from, at)
    const { length, value } = escapeAt(body, at + 1)
    if (value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) return undefined
    text += String.fromCodePoint(value)
    from = at + 1 + length
  }
  return text + body.slice(from)
}

function unescapeBytes(body: string): Uint8Array | undefined {
  const bytes: number[] = []
  const push = (text: string): void => {
    for (const byte of encoder.encode(text)) bytes.push(byte)
  }
  let from = 0
  for (let at = body.indexOf('\\'); at !== -1; at = body.indexOf('\\', from)) {
    push(body.slice(from, at))
    const { length, value, isUnicode } = escapeAt(body, at + 1)
    if (isUnicode) return undefined
    bytes.push(value)
    from = at + 1 + length
  }
  push(body.slice(from))
  return Uint8Array.from(bytes)
}

function escapeAt(body: string, at: number): { readonly length: number; readonly value: number; readonly isUnicode: boolean } {
  const simple = SIMPLE_ESCAPES.get(body.charAt(at))
  if (simple !== undefined) return { length: 1, value: simple, isUnicode: false }
  NUMERIC_ESCAPE.lastIndex = at
  const [text = ' ', byte, short, long, octal] = NUMERIC_ESCAPE.exec(body) ?? []
  const digits = byte ?? short ?? long
  const value = digits === undefined ? Number.parseInt(octal ?? '0', 8) : Number.parseInt(digits, 16)
  return { length: text.length, value, isUnicode: (short ?? long) !== undefined }
}
