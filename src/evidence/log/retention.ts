import { readdir, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { type SegmentName, segmentsAmong } from './segment-name.ts'

/** How much is kept. What is older than `maxAgeMs` goes, then the oldest until no more than `maxBytes` are left. */
export interface RetentionLimits {
  readonly maxAgeMs: number
  readonly maxBytes: number
}

/** A segment with what retention goes by. */
export interface StoredSegment extends SegmentName {
  readonly bytes: number
  readonly modifiedMs: number
}

/** The last segment of another process is left alone for so long: it may be alive, and writing. */
const OTHERS_OPEN_MS = 60 * 60 * 1000

/** The segments to remove, the oldest first. Of a chain only the beginning goes, and never the one that is being written. */
export function segmentsToRemove(
  stored: readonly StoredSegment[],
  openFile: string,
  { maxAgeMs, maxBytes }: RetentionLimits,
  nowMs: number,
): readonly StoredSegment[] {
  const lastOf = new Map<string, number>()
  /** No segment counts as older than the one before it: a hole in a chain would look as if someone had made it. */
  const agedMs = new Map<string, number>()
  const youngestOf = new Map<string, number>()
  for (const { file, chain, segment, modifiedMs } of [...stored].sort((a, b) => a.segment - b.segment)) {
    lastOf.set(chain, segment)
    const youngest = Math.max(modifiedMs, youngestOf.get(chain) ?? 0)
    youngestOf.set(chain, youngest)
    agedMs.set(file, youngest)
  }
  const ageOf = ({ file }: StoredSegment): number => nowMs - (agedMs.get(file) ?? nowMs)
  const isOpen = (candidate: StoredSegment): boolean =>
    candidate.file === openFile || (lastOf.get(candidate.chain) === candidate.segment && ageOf(candidate) < OTHERS_OPEN_MS)
  const removed: StoredSegment[] = []
  const keptChains = new Set<string>()
  let left = stored.reduce((sum, { bytes }) => sum + bytes, 0)
  for (const candidate of [...stored].sort((a, b) => ageOf(b) - ageOf(a) || a.segment - b.segment)) {
    const isDue = ageOf(candidate) > maxAgeMs || left > maxBytes
    if (!isDue || isOpen(candidate) || keptChains.has(candidate.chain)) keptChains.add(candidate.chain)
    else {
      removed.push(candidate)
      left -= candidate.bytes
    }
  }
  return removed
}

/** The segments of a folder; none where it cannot be read. */
export async function storedSegments(folder: string): Promise<readonly StoredSegment[]> {
  const files = await readdir(folder).catch(() => [])
  const stored: StoredSegment[] = []
  for (const name of segmentsAmong(files)) {
    const found = await stat(join(folder, name.file)).catch(() => undefined)
    if (found !== undefined) stored.push({ ...name, bytes: found.size, modifiedMs: found.mtimeMs })
  }
  return stored
}

/** What retention needs of the log that is being written. */
export interface PrunedChains {
  readonly openSegment: string
  notePruned(pruned: ReadonlyMap<string, number>, chainsLeft: ReadonlySet<string>): Promise<boolean>
}

/** Removes what is too old or too much, after the chain says so. Resolves with how many segments went. */
export async function applyRetention(folder: string, log: PrunedChains, limits: RetentionLimits, nowMs: number): Promise<number> {
  const stored = await storedSegments(folder)
  const removed = segmentsToRemove(stored, log.openSegment, limits, nowMs)
  if (removed.length === 0) return 0
  const pruned = new Map<string, number>()
  for (const { chain, segment } of removed) pruned.set(chain, Math.max(segment, pruned.get(chain) ?? 0))
  const gone = new Set(removed.map(({ file }) => file))
  const left = new Set(stored.flatMap(({ file, chain }) => (gone.has(file) ? [] : chain)))
  // INVARIANT: what is missing without a word in a chain was not removed by retention.
  if (!(await log.notePruned(pruned, left))) return 0
  for (const { file } of removed) await unlink(join(folder, file)).catch(() => {})
  return removed.length
}
