import { toInt } from './arithmetic.ts'
import { type CelError, fail, noOverload } from './failure.ts'
import { type LibraryEntry, member } from './library-entry.ts'
import { type CelValue, Duration, Timestamp } from './values.ts'

const OFFSET = /^([+-]?)(\d{1,4}):(\d{1,4})$/
const formatters = new Map<string, Intl.DateTimeFormat>()

/** The wall clock of a timestamp in a zone, as the UTC fields of a Date; `undefined` where no such zone is known. */
function wallClock(seconds: number, zone: string): Date | undefined {
  // The server's own zone is taken to be UTC, which it is in a container.
  if (zone === '' || zone === 'UTC' || zone === 'Local') return new Date(seconds * 1000)
  const offset = OFFSET.exec(zone)
  if (offset !== null) {
    const east = Number(offset[2]) * 3600 + Number(offset[3]) * 60
    return new Date((seconds + (offset[1] === '-' ? -east : east)) * 1000)
  }
  const parts = formatterOf(zone)?.formatToParts(seconds * 1000)
  if (parts === undefined) return undefined
  const field = (type: string): number => Number(parts.find((part) => part.type === type)?.value ?? 0)
  const isBeforeChrist = parts.some((part) => part.type === 'era' && part.value.startsWith('B'))
  const date = new Date(0)
  date.setUTCFullYear(isBeforeChrist ? 1 - field('year') : field('year'), field('month') - 1, field('day'))
  date.setUTCHours(field('hour'), field('minute'), field('second'))
  return date
}

function formatterOf(zone: string): Intl.DateTimeFormat | undefined {
  const known = formatters.get(zone)
  if (known !== undefined) return known
  // Zones are paths of the tz database; other spellings JavaScript may know are not.
  if (!/^[A-Za-z0-9_+/-]{1,64}$/.test(zone)) return undefined
  try {
    const numeric = 'numeric' as const
    const formatter = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      era: 'short',
      year: numeric,
      month: numeric,
      day: numeric,
      hour: numeric,
      minute: numeric,
      second: numeric,
    })
    if (formatters.size >= 600) formatters.clear()
    formatters.set(zone, formatter)
    return formatter
  } catch {
    return undefined
  }
}

function dayOfYear(date: Date): number {
  const start = new Date(0)
  start.setUTCFullYear(date.getUTCFullYear(), 0, 1)
  return Math.floor((date.getTime() - start.getTime()) / 86_400_000)
}

type Accessor = (date: Date, timestamp: Timestamp) => number

function accessor(name: string, read: Accessor, durationUnit?: bigint): readonly LibraryEntry[] {
  const ofDuration = (value: CelValue): CelValue =>
    value instanceof Duration && durationUnit !== undefined ? toInt(value.$nanos / durationUnit) : noOverload(name, value)
  return [
    member(name, 1, (_budget, value) => (value instanceof Timestamp ? read(new Date(value.$seconds * 1000), value) : ofDuration(value))),
    member(name, 2, (_budget, value, zone) => {
      if (!(value instanceof Timestamp) || typeof zone !== 'string') return noOverload(name, value, zone)
      const date = wallClock(value.$seconds, zone)
      return date === undefined ? unknownZone(zone) : read(date, value)
    }),
  ]
}

function unknownZone(zone: string): CelError {
  return fail('InvalidArgument', `unknown time zone ${zone}`)
}

/** Fields of timestamps, in UTC or a given zone, and durations in whole units. */
export const times: readonly LibraryEntry[] = [
  ...accessor('getFullYear', (date) => date.getUTCFullYear()),
  ...accessor('getMonth', (date) => date.getUTCMonth()),
  ...accessor('getDate', (date) => date.getUTCDate()),
  ...accessor('getDayOfMonth', (date) => date.getUTCDate() - 1),
  ...accessor('getDayOfWeek', (date) => date.getUTCDay()),
  ...accessor('getDayOfYear', dayOfYear),
  ...accessor('getHours', (date) => date.getUTCHours(), 3_600_000_000_000n),
  ...accessor('getMinutes', (date) => date.getUTCMinutes(), 60_000_000_000n),
  ...accessor('getSeconds', (date) => date.getUTCSeconds(), 1_000_000_000n),
  ...accessor('getMilliseconds', (_date, timestamp) => Math.trunc(timestamp.$nanos / 1e6), 1_000_000n),
]
