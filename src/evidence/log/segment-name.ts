/** A segment's file name, taken apart. */
export interface SegmentName {
  readonly file: string
  /** Instance and start: one chain. */
  readonly chain: string
  /** From 1. */
  readonly segment: number
}

const NAME = /^([A-Za-z0-9][A-Za-z0-9.-]{0,199}-\d{8}T\d{9}Z)-(\d{6,})\.jsonl$/
const DIGITS = 6

/** The name of a chain: who writes it, and since when. */
export function chainName(instance: string, startedAt: Date): string {
  const safe = instance.replace(/[^A-Za-z0-9.-]+/g, '-').replace(/^[^A-Za-z0-9]+/, '')
  return `${safe.slice(0, 180) || 'bylaw'}-${startedAt.toISOString().replace(/[-:.]/g, '')}`
}

/** The file of one segment of a chain. */
export const segmentFile = (chain: string, segment: number): string => `${chain}-${String(segment).padStart(DIGITS, '0')}.jsonl`

/** Reads a file name; undefined where it is not that of a segment. */
export function parseSegmentName(file: string): SegmentName | undefined {
  const match = NAME.exec(file)
  return match === null ? undefined : { file, chain: match[1] ?? '', segment: Number(match[2]) }
}

/** The segments among file names, by chain and number. */
export const segmentsAmong = (files: readonly string[]): readonly SegmentName[] =>
  files.flatMap((file) => parseSegmentName(file) ?? []).sort((a, b) => (a.chain < b.chain ? -1 : a.chain > b.chain ? 1 : a.segment - b.segment))
