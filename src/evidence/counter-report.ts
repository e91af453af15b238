import { isRecord, parseJson } from '../api/index.ts'

/** Counts of one thing by one instance. `key` is theirs alone: it is another one when they begin anew. */
export interface CountedSeries {
  readonly key: string
  readonly counts: readonly number[]
  /** When it was counted last, RFC 3339, where that matters. */
  readonly lastTime?: string
}

/** What one instance has counted since it started: by policy as `toVector` puts it, and by exception (`namespace/name`). */
export interface CounterReport {
  readonly policies: ReadonlyMap<string, CountedSeries>
  readonly waivers: ReadonlyMap<string, CountedSeries>
}

/** Sums, and how much of each instance's counts is in them. */
export interface CountedSum {
  readonly counts: readonly number[]
  /** `key count count…`, one text for each series. */
  readonly counted: readonly string[]
}

const MAX_COUNTED = 32

const isCount = (value: unknown): value is number => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0

function readCounted(text: string): readonly [key: string, counts: readonly number[]] {
  const [key = '', ...counts] = text.split(' ')
  return [key, counts.map(Number).filter(isCount)]
}

/**
 * Adds what instances have counted since they were last added. What is in the sums is told with them, in one write: sums minus what is
 * told never changes, so that whoever leads, however often, and from whatever state of the status it starts, loses and doubles nothing.
 * Series that nobody reports are dropped from what is told with `forgets`, when their instance is known to be gone.
 */
export function addIncreases(stored: CountedSum, current: readonly CountedSeries[], forgets: boolean): CountedSum {
  const marks = new Map(stored.counted.map(readCounted).filter(([key, counts]) => key !== '' && counts.length > 0))
  const sums = [...stored.counts]
  for (const { key, counts } of current) {
    const before = marks.get(key) ?? []
    // An old report may still be about: counts never go down.
    const latest = counts.map((count, index) => Math.max(count, before[index] ?? 0))
    for (const [index, count] of latest.entries()) sums[index] = (sums[index] ?? 0) + count - (before[index] ?? 0)
    marks.delete(key)
    if (latest.some((count) => count > 0)) marks.set(key, latest)
  }
  const reported = new Set(current.map(({ key }) => key))
  const kept = [...marks].filter(([key]) => reported.has(key) || !forgets).map(([key, counts]) => `${key} ${counts.join(' ')}`)
  return { counts: sums, counted: kept.slice(-MAX_COUNTED).sort() }
}

const writeSeries = (series: ReadonlyMap<string, CountedSeries>) =>
  Object.fromEntries([...series].map(([name, { key, counts, lastTime }]) => [name, lastTime === undefined ? [key, ...counts] : [key, ...counts, lastTime]]))

/** A report as JSON. */
export const toReportJson = ({ policies, waivers }: CounterReport) => ({ policies: writeSeries(policies), waivers: writeSeries(waivers) })

function readSeries(value: unknown): ReadonlyMap<string, CountedSeries> {
  const series = new Map<string, CountedSeries>()
  for (const [name, item] of Object.entries(isRecord(value) ? value : {})) {
    const [key, ...rest]: readonly unknown[] = Array.isArray(item) ? item : []
    const lastTime = rest.at(-1)
    if (typeof key === 'string') series.set(name, { key, counts: rest.filter(isCount), ...(typeof lastTime === 'string' ? { lastTime } : {}) })
  }
  return series
}

/** Reads a report; what cannot be read is left out. */
export const readReport = (value: unknown): CounterReport => ({
  policies: readSeries(isRecord(value) ? value['policies'] : undefined),
  waivers: readSeries(isRecord(value) ? value['waivers'] : undefined),
})

/** Whether there is nothing in it. */
export const isEmptyReport = ({ policies, waivers }: CounterReport): boolean => policies.size === 0 && waivers.size === 0

/** Parses a text that others wrote; undefined where it is no JSON. */
export function readJsonText(text: string | undefined): unknown {
  const parsed = parseJson(text ?? '')
  return parsed.ok ? parsed.value : undefined
}
