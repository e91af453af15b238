import { type CelError, fail } from './failure.ts'
import { Duration, Timestamp } from './values.ts'

const MIN_SECONDS = -62135596800
const MAX_SECONDS = 253402300799
const NANOS = 1_000_000_000n
const MAX_DURATION = 9223372036854775807n
const MIN_DURATION = -9223372036854775808n

/** Makes a duration, or an overflow error. */
export function toDuration(nanos: bigint): Duration | CelError {
  return nanos >= MIN_DURATION && nanos <= MAX_DURATION ? new Duration(nanos) : fail('Overflow', 'integer overflow')
}

/** Makes a timestamp between the years 1 and 9999, or an overflow error. */
export function toTimestamp(seconds: number, nanos: number, offset = 0): Timestamp | CelError {
  return seconds >= MIN_SECONDS && seconds <= MAX_SECONDS ? new Timestamp(seconds, nanos, offset) : fail('Overflow', 'timestamp overflow')
}

/** Moves a timestamp by nanoseconds. */
export function addToTimestamp(timestamp: Timestamp, nanos: bigint): Timestamp | CelError {
  const total = BigInt(timestamp.$seconds) * NANOS + BigInt(timestamp.$nanos) + nanos
  const rest = ((total % NANOS) + NANOS) % NANOS
  return toTimestamp(Number((total - rest) / NANOS), Number(rest), timestamp.$offset)
}

/** `a - b` of two timestamps. */
export function timestampDifference(a: Timestamp, b: Timestamp): Duration | CelError {
  return toDuration(BigInt(a.$seconds - b.$seconds) * NANOS + BigInt(a.$nanos - b.$nanos))
}

const TIMESTAMP = /^(\d{4})-(\d\d)-(\d\d)T(\d\d?):(\d\d):(\d\d)(?:[.,](\d+))?(?:(Z)|([+-])(\d\d):(\d\d))$/

/** Reads RFC 3339 as Go does; anything else is a conversion error. */
export function parseTimestamp(text: string): Timestamp | CelError {
  const conversion = (): CelError => fail('Conversion', "type conversion error from 'string' to 'google.protobuf.Timestamp'")
  if (text.length > 64) return conversion()
  const match = TIMESTAMP.exec(text)
  if (match === null) return conversion()
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1, 7).map(Number)
  const date = new Date(0)
  date.setUTCFullYear(year, month - 1, day)
  if (month < 1 || month > 12 || date.getUTCDate() !== day || hour > 23 || minute > 59 || second > 59) return conversion()
  const zoneHours = Number(match[10] ?? 0)
  const zoneMinutes = Number(match[11] ?? 0)
  if (zoneHours > 24 || zoneMinutes > 60) return conversion()
  const offset = (match[9] === '-' ? -1 : 1) * (zoneHours * 3600 + zoneMinutes * 60)
  const seconds = date.getTime() / 1000 + hour * 3600 + minute * 60 + second - offset
  const nanos = Number((match[7] ?? '').slice(0, 9).padEnd(9, '0'))
  const made = toTimestamp(seconds, nanos, offset)
  return made instanceof Timestamp ? made : conversion()
}

const pad = (value: number, width: number): string => String(value).padStart(width, '0')

/** Writes a timestamp as RFC 3339 with as many fractional digits as it needs, at the offset it was written with. */
export function timestampText(timestamp: Timestamp, offset = timestamp.$offset): string {
  const date = new Date((timestamp.$seconds + offset) * 1000)
  const day = `${pad(date.getUTCFullYear(), 4)}-${pad(date.getUTCMonth() + 1, 2)}-${pad(date.getUTCDate(), 2)}`
  const time = `${pad(date.getUTCHours(), 2)}:${pad(date.getUTCMinutes(), 2)}:${pad(date.getUTCSeconds(), 2)}`
  const fraction = timestamp.$nanos === 0 ? '' : `.${pad(timestamp.$nanos, 9).replace(/0+$/, '')}`
  return `${day}T${time}${fraction}${offsetText(offset)}`
}

function offsetText(offset: number): string {
  if (offset === 0) return 'Z'
  const minutes = Math.abs(offset) / 60
  return `${offset < 0 ? '-' : '+'}${pad(Math.floor(minutes / 60), 2)}:${pad(minutes % 60, 2)}`
}

const UNIT_NANOS: ReadonlyMap<string, bigint> = new Map([
  ['h', 3_600_000_000_000n],
  ['m', 60_000_000_000n],
  ['s', NANOS],
  ['ms', 1_000_000n],
  ['us', 1_000n],
  ['µs', 1_000n],
  ['μs', 1_000n],
  ['ns', 1n],
])
const UNIT = '(?:h|ms|us|µs|μs|ns|m|s)'
const DURATION = new RegExp(`^[+-]?(?:(?:\\d+\\.?\\d*|\\.\\d+)${UNIT})+$`)
const DURATION_PART = new RegExp(`(\\d*)(?:\\.(\\d*))?(${UNIT})`, 'g')

/** Reads a duration as Go does (`1h30m`, `1.5s`); there are no days. */
export function parseDuration(text: string): Duration | CelError {
  const conversion = (): CelError => fail('Conversion', "type conversion error from 'string' to 'google.protobuf.Duration'")
  if (/^[+-]?0$/.test(text)) return new Duration(0n)
  if (text.length > 256 || !DURATION.test(text)) return conversion()
  let total = 0n
  for (const [, whole = '', fraction = '', unit = ''] of text.matchAll(DURATION_PART)) {
    const nanos = UNIT_NANOS.get(unit) ?? 0n
    // Go reads at most 18 fractional digits and drops the rest.
    const digits = fraction.slice(0, 18)
    total += BigInt(whole === '' ? 0 : whole) * nanos + (digits === '' ? 0n : (BigInt(digits) * nanos) / 10n ** BigInt(digits.length))
  }
  const made = toDuration(text.startsWith('-') ? -total : total)
  return made instanceof Duration ? made : conversion()
}

/** Writes a duration in seconds as CEL does, which goes through a double and so keeps about 16 digits. */
export function durationText(duration: Duration): string {
  const whole = duration.$nanos / NANOS
  const seconds = Number(whole) + Number(duration.$nanos % NANOS) / 1e9
  return `${plainDecimal(seconds)}s`
}

/** The shortest decimal of a finite double, never with an exponent. */
function plainDecimal(value: number): string {
  if (Object.is(value, -0)) return '-0'
  const text = String(value)
  const [mantissa = '', exponentText] = text.split('e')
  if (exponentText === undefined) return text
  const exponent = Number(exponentText)
  const sign = mantissa.startsWith('-') ? '-' : ''
  const [whole = '', fraction = ''] = mantissa.replace('-', '').split('.')
  const digits = whole + fraction
  const point = whole.length + exponent
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`
  if (point >= digits.length) return `${sign}${digits}${'0'.repeat(point - digits.length)}`
  return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`
}
