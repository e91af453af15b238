import { type CelError, fail, noOverload } from './failure.ts'
import { type PlainQuantity, type QuantityFormat, readPlainQuantity } from './plain-quantity.ts'
import { Opaque } from './values.ts'

/** `unscaled · 10^exponent`; `isFast` where Kubernetes holds it as an int64 and not as a big decimal, which some functions can tell. */
interface Amount {
  readonly unscaled: bigint
  readonly exponent: number
  readonly isFast: boolean
}

type PlainAmount = Pick<PlainQuantity, 'units' | 'exponent'>

const MAX_INT64 = 9223372036854775807n
const MIN_INT64 = -9223372036854775808n
const fitsInt64 = (value: bigint): boolean => value >= MIN_INT64 && value <= MAX_INT64
const power = (exponent: number): bigint => 10n ** BigInt(exponent)
/** Powers of ten that a double holds exactly. */
const POWERS: readonly number[] = Array.from({ length: 16 }, (_, exponent) => 10 ** exponent)
const magnitude = (value: bigint): bigint => (value < 0n ? -value : value)

/** A Kubernetes quantity such as `500m` or `1Gi`: exact, with the accidents of the two ways Kubernetes holds one. */
export class Quantity extends Opaque {
  /** The amount where it is small: comparing and adding such ones takes no big integers. */
  readonly $plain: PlainAmount | undefined
  readonly $format: QuantityFormat
  readonly $source: string | undefined
  /** Whether it is the result of `add` or `sub`: Kubernetes cannot compare such a one when it stands on the right of `==`. */
  readonly $isComputed: boolean
  #amount: Amount | undefined
  constructor(amount: Amount | PlainAmount, format: QuantityFormat, source?: string, isComputed = false) {
    super()
    this.$plain = 'units' in amount ? amount : undefined
    this.#amount = 'units' in amount ? undefined : amount
    this.$format = format
    this.$source = source
    this.$isComputed = isComputed
  }
  get $amount(): Amount {
    this.#amount ??= { unscaled: BigInt(this.$plain?.units ?? 0), exponent: this.$plain?.exponent ?? 0, isFast: true }
    return this.#amount
  }
  get $type(): string {
    return 'kubernetes.Quantity'
  }
  $equals(other: Opaque): boolean | CelError {
    return other instanceof Quantity && !other.$isComputed ? compareQuantities(this, other) === 0 : noOverload('_==_', this, other)
  }
  $text(): string {
    return this.$source ?? canonicalText(this)
  }
}

const DECIMAL_SUFFIXES: ReadonlyMap<string, number> = new Map([
  ['n', -9],
  ['u', -6],
  ['m', -3],
  ['', 0],
  ['k', 3],
  ['M', 6],
  ['G', 9],
  ['T', 12],
  ['P', 15],
  ['E', 18],
])
const BINARY_SUFFIXES: ReadonlyMap<string, number> = new Map([
  ['Ki', 10],
  ['Mi', 20],
  ['Gi', 30],
  ['Ti', 40],
  ['Pi', 50],
  ['Ei', 60],
])

interface Suffix {
  readonly base: 2 | 10
  readonly exponent: number
  readonly format: QuantityFormat
}

function interpretSuffix(suffix: string, isZero: boolean): Suffix | undefined {
  const decimal = DECIMAL_SUFFIXES.get(suffix)
  if (decimal !== undefined) return { base: 10, exponent: decimal, format: 'DecimalSI' }
  const binary = BINARY_SUFFIXES.get(suffix)
  if (binary !== undefined) return { base: 2, exponent: binary, format: 'BinarySI' }
  if (!/^[eE][+-]?[0-9]+$/.test(suffix)) return undefined
  const exponent = Number(suffix.slice(1))
  if (Math.abs(exponent) >= 2 ** 63) return undefined
  // Nothing, however many times ten, is nothing.
  return { base: 10, exponent: isZero ? Math.min(exponent, MAX_EXPONENT) : exponent, format: 'DecimalExponent' }
}

const PARTS = /^([+-]?)(0*)([0-9]*)\.?([0-9]*)([eEinumkKMGTP]*[+-]?[0-9]*)$/
const MAX_LENGTH = 1_000
const MAX_EXPONENT = 1_000

/** Reads a quantity as Kubernetes does, `.` and `n` included, or says why it is none. */
export function parseQuantity(text: string): Quantity | CelError {
  const plain = readPlainQuantity(text)
  if (plain !== undefined) return new Quantity(plain, plain.format, plain.isCanonical ? text : undefined)
  const match = text.length > MAX_LENGTH ? null : PARTS.exec(text)
  if (match === null || text === '') {
    return fail('Conversion', "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'")
  }
  const [, sign, zeros = '', digits = '', fraction = '', suffixText = ''] = match
  const whole = digits === '' ? '0' : digits
  const isZero = digits === '' && /^0*$/.test(fraction)
  const suffix = interpretSuffix(suffixText, isZero)
  if (suffix === undefined || suffix.exponent > MAX_EXPONENT) return fail('Conversion', "unable to parse quantity's suffix")
  const isNegative = sign === '-'
  const shifted = whole + fraction
  const fast = fastAmount(suffix, shifted, whole.length, fraction.length)
  if (fast !== undefined) {
    const amount = isNegative ? { ...fast, unscaled: -fast.unscaled } : fast
    return new Quantity(amount, suffix.format, text === '0' || isCanonical(suffix, fast, shifted) ? text : undefined)
  }
  if (zeros + digits + fraction === '') return fail('Conversion', 'unable to parse numeric part of quantity')
  return bigQuantity(BigInt(shifted), fraction.length, suffix, isNegative)
}

// Kubernetes reuses the text where it takes it to be canonical.
function isCanonical(suffix: Suffix, amount: Amount, shifted: string): boolean {
  if (suffix.base === 2) return (BigInt(shifted) & 7n) !== 0n
  return amount.exponent % 3 === 0 && !shifted.endsWith('000') && !shifted.startsWith('0')
}

function fastAmount(suffix: Suffix, shifted: string, wholeDigits: number, fractionDigits: number): Amount | undefined {
  const isBinary = suffix.base === 2
  if (isBinary && fractionDigits > 0) return undefined
  const precision = isBinary ? 15 - wholeDigits - Math.trunc((suffix.exponent * 3) / 10) - 1 : 18 - (wholeDigits + fractionDigits)
  const exponent = (isBinary ? 0 : suffix.exponent) - fractionDigits
  if (precision < 0 || exponent < -9) return undefined
  const unscaled = BigInt(shifted) * (isBinary ? 1n << BigInt(suffix.exponent) : 1n)
  return fitsInt64(unscaled) ? { unscaled, exponent, isFast: true } : undefined
}

function bigQuantity(digits: bigint, fractionDigits: number, suffix: Suffix, isNegative: boolean): Quantity {
  const unscaled = suffix.base === 2 ? digits << BigInt(suffix.exponent) : digits
  const exponent = (suffix.base === 2 ? 0 : suffix.exponent) - fractionDigits
  let amount: Amount = { unscaled, exponent, isFast: false }
  // Anything above zero is at least one nano: rounding is upwards.
  if (unscaled !== 0n) amount = { unscaled: roundedUpToNano(unscaled, exponent), exponent: -9, isFast: false }
  let format = suffix.format
  const cap = MAX_INT64 * power(9)
  if (format === 'BinarySI' && amount.exponent === -9 && amount.unscaled > cap) amount = { unscaled: MAX_INT64, exponent: 0, isFast: false }
  if (format === 'BinarySI' && amount.exponent === -9 && amount.unscaled > 0n && amount.unscaled < power(9)) format = 'DecimalSI'
  return new Quantity(isNegative ? { ...amount, unscaled: -amount.unscaled } : amount, format)
}

function roundedUpToNano(unscaled: bigint, exponent: number): bigint {
  if (exponent >= -9) return unscaled * power(exponent + 9)
  const drop = -9 - exponent
  if (drop > MAX_LENGTH) return 1n
  const divisor = power(drop)
  return (unscaled + divisor - 1n) / divisor
}

function aligned(a: Amount, b: Amount): readonly [bigint, bigint, number] {
  const exponent = Math.min(a.exponent, b.exponent)
  return [a.unscaled * power(a.exponent - exponent), b.unscaled * power(b.exponent - exponent), exponent]
}

/** -1, 0 or 1. */
export function compareQuantities(a: Quantity, b: Quantity): number {
  if (a.$plain !== undefined && b.$plain !== undefined) {
    const difference = a.$plain.exponent - b.$plain.exponent
    const x = difference > 0 ? a.$plain.units * (POWERS[difference] ?? Number.NaN) : a.$plain.units
    const y = difference < 0 ? b.$plain.units * (POWERS[-difference] ?? Number.NaN) : b.$plain.units
    if (Number.isSafeInteger(x) && Number.isSafeInteger(y)) return x < y ? -1 : Number(x > y)
  }
  const [x, y] = aligned(a.$amount, b.$amount)
  return x < y ? -1 : Number(x > y)
}

/** `a + b`. */
export function addQuantities(a: Quantity, b: Quantity): Quantity {
  const plain = plainSum(a.$plain, b.$plain, 1)
  if (plain !== undefined) return new Quantity(plain, a.$plain?.units === 0 ? b.$format : a.$format, undefined, true)
  const format = a.$amount.unscaled === 0n ? b.$format : a.$format
  return new Quantity(addAmounts(a.$amount, b.$amount), format, undefined, true)
}

// Of one exponent only: where they differ, which one the sum has is decided by what is zero.
function plainSum(a: PlainAmount | undefined, b: PlainAmount | undefined, sign: 1 | -1): PlainAmount | undefined {
  if (a === undefined || b === undefined || a.exponent !== b.exponent) return undefined
  const units = a.units + sign * b.units
  return Number.isSafeInteger(units) ? { units, exponent: a.exponent } : undefined
}

function addAmounts(a: Amount, b: Amount): Amount {
  const isFast = a.isFast && b.isFast
  if (isFast && b.unscaled === 0n) return a
  if (isFast && a.unscaled === 0n) return b
  const [x, y, exponent] = aligned(a, b)
  return { unscaled: x + y, exponent, isFast: isFast && fitsInt64(x) && fitsInt64(y) && fitsInt64(x + y) }
}

/** `a - b`. Where int64s do, Kubernetes negates `b` as one, which the smallest int64 survives unchanged. */
export function subtractQuantities(a: Quantity, b: Quantity): Quantity {
  const plain = plainSum(a.$plain, b.$plain, -1)
  if (plain !== undefined) return new Quantity(plain, a.$plain?.units === 0 ? b.$format : a.$format, undefined, true)
  const negative = { ...b.$amount, unscaled: -b.$amount.unscaled }
  const wrapped = addAmounts(a.$amount, { ...negative, unscaled: BigInt.asIntN(64, negative.unscaled) })
  const format = a.$amount.unscaled === 0n ? b.$format : a.$format
  return new Quantity(wrapped.isFast ? wrapped : addAmounts(a.$amount, { ...negative, isFast: false }), format, undefined, true)
}

/** An int as a quantity. */
export function integerQuantity(value: bigint): Quantity {
  return new Quantity({ unscaled: value, exponent: 0, isFast: true }, 'DecimalExponent')
}

/** The quantity as an int64, or `undefined` where Kubernetes does not convert it: big decimals never do, nor does `1.0`. */
export function quantityAsInteger(quantity: Quantity): bigint | undefined {
  const { unscaled, exponent, isFast } = quantity.$amount
  if (!isFast || exponent < 0) return undefined
  const value = unscaled * power(exponent)
  return fitsInt64(value) ? value : undefined
}

/** The quantity as a double. */
export function quantityAsFloat(quantity: Quantity): number {
  const { unscaled, exponent } = quantity.$amount
  return exponent === 0 ? Number(unscaled) : Number(unscaled) * Number(`1e${exponent}`)
}

function canonicalText(quantity: Quantity): string {
  const { unscaled, exponent } = quantity.$amount
  if (unscaled === 0n) return '0'
  if (quantity.$format === 'BinarySI') {
    const binary = binaryText(quantity)
    if (binary !== undefined) return binary
  }
  let digits = unscaled
  let tens = exponent
  while (digits % 10n === 0n) {
    digits /= 10n
    tens++
  }
  while (tens % 3 !== 0) {
    digits *= 10n
    tens--
  }
  if (quantity.$format === 'DecimalExponent') return `${digits}${tens === 0 ? '' : `e${tens}`}`
  const suffix = Array.from(DECIMAL_SUFFIXES).find(([, value]) => value === tens)
  return `${digits}${suffix === undefined ? '' : suffix[0]}`
}

function binaryText(quantity: Quantity): string | undefined {
  const { unscaled, exponent } = quantity.$amount
  const divisor = exponent < 0 ? power(-exponent) : 1n
  if (unscaled % divisor !== 0n) return undefined
  const value = exponent < 0 ? unscaled / divisor : unscaled * power(exponent)
  if (magnitude(value) < 1024n) return undefined
  let digits = value
  let kibis = 0
  while (digits % 1024n === 0n && kibis < 6) {
    digits /= 1024n
    kibis++
  }
  return `${digits}${['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'][kibis]}`
}
