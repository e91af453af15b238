const SURROGATE = /[\ud800-\udfff]/

/** Whether positions in the string are UTF-16 units and code points alike. */
export function isBasicPlane(text: string): boolean {
  return !SURROGATE.test(text)
}

/** The number of code points, which is what CEL calls the size of a string. */
export function codePointCount(text: string): number {
  // The regular expression knows of most long texts without reading them, but takes longer to start than a short one to read.
  if (text.length > SHORT && isBasicPlane(text)) return text.length
  let count = text.length
  for (let index = 1; index < text.length; index++) {
    if (isLowSurrogate(text.charCodeAt(index)) && isHighSurrogate(text.charCodeAt(index - 1))) count--
  }
  return count
}

const SHORT = 32

const isHighSurrogate = (unit: number): boolean => (unit & 0xfc00) === 0xd800
const isLowSurrogate = (unit: number): boolean => (unit & 0xfc00) === 0xdc00

/** The code points from `start` up to `end`, exclusive. */
export function sliceCodePoints(text: string, start: number, end: number): string {
  return isBasicPlane(text) ? text.slice(start, end) : Array.from(text).slice(start, end).join('')
}

/** The UTF-16 position of a code point's position. */
export function unitPosition(text: string, codePoints: number): number {
  return isBasicPlane(text) ? codePoints : sliceCodePoints(text, 0, codePoints).length
}

const ESCAPES: Readonly<Record<string, string>> = {
  '\x07': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '\\': '\\\\',
  '"': '\\"',
}

/** Quotes a string as Go's `%q` does. */
export function goQuote(text: string): string {
  if (/^[ !#-[\]-~]*$/.test(text)) return `"${text}"`
  let quoted = '"'
  for (const char of text) {
    const known = ESCAPES[char]
    if (known !== undefined) quoted += known
    else if (/[\p{L}\p{M}\p{N}\p{P}\p{S} ]/u.test(char)) quoted += char
    else quoted += goEscape(char.codePointAt(0) ?? 0)
  }
  return `${quoted}"`
}

function goEscape(codePoint: number): string {
  if (codePoint < 0x80) return `\\x${codePoint.toString(16).padStart(2, '0')}`
  return codePoint < 0x10000 ? `\\u${codePoint.toString(16).padStart(4, '0')}` : `\\U${codePoint.toString(16).padStart(8, '0')}`
}
