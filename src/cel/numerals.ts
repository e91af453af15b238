/** Splits a finite double into `mantissa · 2^exponent`, exactly. */
function exactParts(value: number): readonly [mantissa: bigint, exponent: number] {
  let exponent = 0
  let scaled = value
  while (!Number.isInteger(scaled)) {
    scaled *= 2
    exponent--
  }
  return [BigInt(scaled), exponent]
}

/** A finite double with a fixed number of digits behind the point, ties to even as Go rounds them. */
export function fixedText(value: number, digits: number): string {
  const isNegative = value < 0 || Object.is(value, -0)
  const [mantissa, exponent] = exactParts(Math.abs(value))
  const numerator = mantissa * 10n ** BigInt(digits)
  const denominator = 1n << BigInt(-exponent)
  let rounded = numerator / denominator
  const twiceRest = 2n * (numerator % denominator)
  if (twiceRest > denominator || (twiceRest === denominator && rounded % 2n === 1n)) rounded++
  const text = rounded.toString().padStart(digits + 1, '0')
  const plain = digits === 0 ? text : `${text.slice(0, -digits)}.${text.slice(-digits)}`
  return isNegative ? `-${plain}` : plain
}

/** Puts a comma between the thousands before the point. */
export function groupThousands(text: string): string {
  const [whole = '', fraction] = text.split('.')
  const grouped = whole.replace(/\B(?=(?:[0-9]{3})+$)/g, ',')
  return fraction === undefined ? grouped : `${grouped}.${fraction}`
}

const SUPERSCRIPTS = '⁰¹²³⁴⁵⁶⁷⁸⁹'

/** A finite double as `3.140000×10⁰⁰`, six digits. */
export function exponentText(value: number): string {
  const [mantissa = '', exponent = ''] = (value + 0).toExponential(6).split('e')
  const digits = exponent.slice(1).padStart(2, '0')
  const raised = Array.from(digits, (digit) => SUPERSCRIPTS.charAt(Number(digit))).join('')
  return `${mantissa}×10${exponent.startsWith('-') ? '⁻' : ''}${raised}`
}
