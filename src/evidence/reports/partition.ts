/** The most that one report holds; etcd refuses objects of about 1.5 MB, and one changed row writes its report anew. */
export const REPORT_LIMITS = { rows: 250, bytes: 200_000 } as const

/** Left for what stands around the rows. */
const HEAD_BYTES = 4_000
const MOST_PARTITIONS = 65_536

/** A row with a key that stays the same while the row is about the same thing, and its length as JSON. */
export interface Keyed {
  readonly key: string
  readonly bytes: number
}

/** A number of 32 bits for a text, the same everywhere and for ever (FNV-1a). */
export function stableHash(text: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  // The low bits choose the partition: the high ones are mixed into them.
  hash ^= hash >>> 16
  hash = Math.imul(hash, 0x45d9f3b)
  return (hash ^ (hash >>> 16)) >>> 0
}

function spread<T extends Keyed>(rows: readonly T[], count: number): T[][] {
  const partitions = Array.from({ length: count }, (): T[] => [])
  for (const row of rows) partitions[stableHash(row.key) & (count - 1)]?.push(row)
  return partitions
}

function fits(partitions: readonly (readonly Keyed[])[], share: number): boolean {
  return partitions.every((rows) => {
    const bytes = rows.reduce((sum, row) => sum + row.bytes, HEAD_BYTES)
    return rows.length <= REPORT_LIMITS.rows * share && bytes <= REPORT_LIMITS.bytes * share
  })
}

/**
 * Spreads rows over reports by a hash of their keys, so that a row that comes or goes changes one report. The number of reports is a power
 * of two: it doubles until every report is within the limits, and halves only where they would then be half empty. `before` is the number so far.
 */
export function partition<T extends Keyed>(rows: readonly T[], before: number): readonly (readonly T[])[] {
  let count = 1
  while (count < before) count *= 2
  let partitions = spread(rows, count)
  while (!fits(partitions, 1) && count < MOST_PARTITIONS) {
    count *= 2
    partitions = spread(rows, count)
  }
  while (count > 1) {
    const fewer = spread(rows, count / 2)
    if (!fits(fewer, 0.5)) break
    count /= 2
    partitions = fewer
  }
  return partitions
}
