/** How a quantity was written, which decides how Kubernetes writes it. */
export type QuantityFormat = 'DecimalSI' | 'BinarySI' | 'DecimalExponent'

/** A quantity of few digits: `units · 10^exponent`, exact in JavaScript's own numbers. */
export interface PlainQuantity {
  readonly units: number
  readonly exponent: number
  readonly format: QuantityFormat
  /** Whether Kubernetes takes the text to be canonical, and reuses it. */
  readonly isCanonical: boolean
}

const ZERO = 48
const NINE = 57
const DOT = 46
const SMALL_I = 105
const MOST_DIGITS = 15
const MOST_LENGTH = MOST_DIGITS + 3
const LEAST_EXPONENT = -9
// Kubernetes holds a binary quantity of more digits than these as a big decimal.
const BINARY_DIGITS = 14

const LETTERS = 'numkMGTPE'
const TENS = [-9, -6, -3, 3, 6, 9, 12, 15, 18]
const BINARY_LETTERS = 'KMGTPE'

/**
 * Reads a quantity in one of the plain forms: up to 15 digits, perhaps with a point between them, and a suffix such as `m` or `Gi`.
 * `undefined` says nothing about a text but that `parseQuantity` has to read it.
 */
export function readPlainQuantity(text: string): PlainQuantity | undefined {
  const { length } = text
  if (length === 0 || length > MOST_LENGTH) return undefined
  let digits = 0
  let point = -1
  let at = 0
  for (; at < length; at++) {
    const code = text.charCodeAt(at)
    if (code >= ZERO && code <= NINE) digits = digits * 10 + code - ZERO
    else if (code === DOT && point < 0) point = at
    else break
  }
  const whole = point < 0 ? at : point
  const fraction = point < 0 ? 0 : at - point - 1
  const isZeroFirst = text.charCodeAt(0) === ZERO
  // A point without digits around it, and zeros in front, are read as exactly as Kubernetes reads them elsewhere.
  if (whole === 0 || at - 1 === point || whole + fraction > MOST_DIGITS || (isZeroFirst && whole > 1)) return undefined
  if (at + 2 === length && text.charCodeAt(at + 1) === SMALL_I) return fraction > 0 ? undefined : binary(digits, whole, text.charAt(at))
  const tens = at === length ? 0 : at + 1 === length ? TENS[LETTERS.indexOf(text.charAt(at))] : undefined
  if (tens === undefined || tens - fraction < LEAST_EXPONENT) return undefined
  const exponent = tens - fraction
  const isCanonical = exponent % 3 === 0 && !isZeroFirst && digits % 1000 !== 0
  return { units: digits, exponent, format: 'DecimalSI', isCanonical: isCanonical || text === '0' }
}

function binary(digits: number, whole: number, letter: string): PlainQuantity | undefined {
  const kibis = BINARY_LETTERS.indexOf(letter) + 1
  if (kibis === 0 || whole + 3 * kibis > BINARY_DIGITS) return undefined
  return { units: digits * 1024 ** kibis, exponent: 0, format: 'BinarySI', isCanonical: digits % 8 !== 0 }
}
