import { CelError, fail, noOverload } from './failure.ts'
import { goQuote } from './text.ts'
import { Opaque } from './values.ts'

/** A semantic version. */
export class Semver extends Opaque {
  readonly $numbers: readonly [major: bigint, minor: bigint, patch: bigint]
  readonly $pre: readonly string[]
  readonly $build: readonly string[]
  constructor(numbers: readonly [bigint, bigint, bigint], pre: readonly string[], build: readonly string[]) {
    super()
    this.$numbers = numbers
    this.$pre = pre
    this.$build = build
  }
  get $type(): string {
    return 'kubernetes.Semver'
  }
  $equals(other: Opaque): boolean | CelError {
    return other instanceof Semver ? compareSemver(this, other) === 0 : noOverload('_==_', this, other)
  }
  $text(): string {
    const pre = this.$pre.length === 0 ? '' : `-${this.$pre.join('.')}`
    return `${this.$numbers.join('.')}${pre}${this.$build.length === 0 ? '' : `+${this.$build.join('.')}`}`
  }
}

const isNumeric = (text: string): boolean => /^[0-9]+$/.test(text)
const sign = (difference: boolean, greater: boolean): number => (difference ? (greater ? 1 : -1) : 0)

/** -1, 0 or 1 by precedence; build metadata does not count. */
export function compareSemver(a: Semver, b: Semver): number {
  for (const position of [0, 1, 2] as const) {
    const x = a.$numbers[position]
    const y = b.$numbers[position]
    if (x !== y) return x < y ? -1 : 1
  }
  if (a.$pre.length === 0 || b.$pre.length === 0) return Math.sign(b.$pre.length - a.$pre.length)
  const shared = Math.min(a.$pre.length, b.$pre.length)
  for (let position = 0; position < shared; position++) {
    const ordering = comparePre(a.$pre[position] ?? '', b.$pre[position] ?? '')
    if (ordering !== 0) return ordering
  }
  return Math.sign(a.$pre.length - b.$pre.length)
}

function comparePre(a: string, b: string): number {
  if (a === b) return 0
  if (isNumeric(a) && isNumeric(b)) return sign(BigInt(a) !== BigInt(b), BigInt(a) > BigInt(b))
  if (isNumeric(a) !== isNumeric(b)) return isNumeric(a) ? -1 : 1
  return a < b ? -1 : 1
}

const MAX_LENGTH = 1_000
const MAX_UINT64 = 18446744073709551615n

// Drops a leading `v` and leading zeros and fills up to three numbers.
function normalize(text: string): string | CelError {
  const parts = splitVersion(text.startsWith('v') ? text.slice(1) : text).map((part) => {
    if (part.length <= 1) return part
    const trimmed = part.replace(/^0+/, '')
    return trimmed === '' || !/^[0-9]/.test(trimmed) ? `0${trimmed}` : trimmed
  })
  if (parts.length < 3 && /[+-]/.test(parts.at(-1) ?? '')) return fail('Conversion', 'short version cannot contain PreRelease/Build meta data')
  while (parts.length < 3) parts.push('0')
  return parts.join('.')
}

function splitVersion(text: string): string[] {
  const first = text.indexOf('.')
  if (first < 0) return [text]
  const second = text.indexOf('.', first + 1)
  if (second < 0) return [text.slice(0, first), text.slice(first + 1)]
  return [text.slice(0, first), text.slice(first + 1, second), text.slice(second + 1)]
}

/** Reads a version, or says why it is none; `isLenient` also takes `v1.2`. */
export function parseSemver(text: string, isLenient: boolean): Semver | CelError {
  if (text.length > MAX_LENGTH) return fail('Conversion', 'version is too long')
  const source = isLenient ? normalize(text) : text
  if (source instanceof CelError) return source
  if (source === '') return fail('Conversion', 'Version string empty')
  const parts = splitVersion(source)
  const [majorText = '', minorText = '', rest = ''] = parts
  if (parts.length !== 3) return fail('Conversion', 'No Major.Minor.Patch elements found')
  const major = versionNumber('major', 'Major', majorText)
  if (major instanceof CelError) return major
  const minor = versionNumber('minor', 'Minor', minorText)
  if (minor instanceof CelError) return minor
  const plus = rest.indexOf('+')
  const build = plus < 0 ? [] : rest.slice(plus + 1).split('.')
  const beforeBuild = plus < 0 ? rest : rest.slice(0, plus)
  const dash = beforeBuild.indexOf('-')
  const pre = dash < 0 ? [] : beforeBuild.slice(dash + 1).split('.')
  const patch = versionNumber('patch', 'Patch', dash < 0 ? beforeBuild : beforeBuild.slice(0, dash))
  if (patch instanceof CelError) return patch
  const fault = pre.map(preReleaseFault).find((message) => message !== undefined) ?? build.map(buildFault).find((message) => message !== undefined)
  return fault === undefined ? new Semver([major, minor, patch], pre, build) : fail('Conversion', fault)
}

function versionNumber(lower: string, upper: string, text: string): bigint | CelError {
  if (!isNumeric(text) && text !== '') return fail('Conversion', `Invalid character(s) found in ${lower} number ${goQuote(text)}`)
  if (text.length > 1 && text.startsWith('0')) return fail('Conversion', `${upper} number must not contain leading zeroes ${goQuote(text)}`)
  const value = text === '' ? -1n : BigInt(text)
  if (value >= 0n && value <= MAX_UINT64) return value
  return fail('Conversion', `strconv.ParseUint: parsing ${goQuote(text)}: ${text === '' ? 'invalid syntax' : 'value out of range'}`)
}

function preReleaseFault(text: string): string | undefined {
  if (text === '') return 'Prerelease is empty'
  if (isNumeric(text)) {
    if (text.length > 1 && text.startsWith('0')) return `Numeric PreRelease version must not contain leading zeroes ${goQuote(text)}`
    return BigInt(text) > MAX_UINT64 ? `strconv.ParseUint: parsing ${goQuote(text)}: value out of range` : undefined
  }
  return /^[0-9A-Za-z-]+$/.test(text) ? undefined : `Invalid character(s) found in prerelease ${goQuote(text)}`
}

function buildFault(text: string): string | undefined {
  if (text === '') return 'Build meta data is empty'
  return /^[0-9A-Za-z-]+$/.test(text) ? undefined : `Invalid character(s) found in build meta data ${goQuote(text)}`
}
