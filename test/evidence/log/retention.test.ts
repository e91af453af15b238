import { readdirSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { applyRetention, type StoredSegment, segmentsToRemove } from '../../../src/evidence/index.ts'
import { Folder, makeLog, putMany, verdicts } from './logs.ts'

const HOUR_MS = 3_600_000
const NOW_MS = Date.parse('2026-11-25T00:00:00Z')

const stored = (chain: string, segment: number, hoursOld: number, bytes = 100): StoredSegment => ({
  file: `${chain}-${segment}`,
  chain,
  segment,
  bytes,
  modifiedMs: NOW_MS - hoursOld * HOUR_MS,
})

describe('retention removes', () => {
  test.each<[string, readonly StoredSegment[], { readonly maxAgeHours: number; readonly maxBytes: number }, readonly string[]]>([
    ['nothing where nothing is old or too much', [stored('a', 1, 3), stored('a', 2, 0)], { maxAgeHours: 5, maxBytes: 1000 }, []],
    ['what is too old', [stored('a', 1, 9), stored('a', 2, 8), stored('a', 3, 0)], { maxAgeHours: 5, maxBytes: 1000 }, ['a-1', 'a-2']],
    [
      'the oldest where there is too much',
      [stored('a', 1, 9), stored('a', 2, 8), stored('a', 3, 7), stored('a', 4, 0)],
      { maxAgeHours: 99, maxBytes: 250 },
      ['a-1', 'a-2'],
    ],
    ['never the one that is written', [stored('a', 1, 9), stored('open', 1, 9)], { maxAgeHours: 5, maxBytes: 0 }, ['a-1']],
    ['not the last one of another process that may be alive', [stored('b', 1, 3), stored('b', 2, 0.5)], { maxAgeHours: 0.1, maxBytes: 0 }, ['b-1']],
    ['whole chains of processes that are gone', [stored('b', 1, 30), stored('b', 2, 20)], { maxAgeHours: 5, maxBytes: 1000 }, ['b-1', 'b-2']],
    ['no segment behind one that stays', [stored('a', 2, 9), stored('a', 1, 1)], { maxAgeHours: 5, maxBytes: 1000 }, []],
  ])('%s', (_, segments, { maxAgeHours, maxBytes }, removed) => {
    const limits = { maxAgeMs: maxAgeHours * HOUR_MS, maxBytes }
    expect(segmentsToRemove(segments, 'open-1', limits, NOW_MS).map(({ file }) => file)).toEqual(removed)
  })
})

describe('a folder after retention', () => {
  let folder: Folder

  beforeEach(() => {
    folder = new Folder()
  })

  afterEach(() => folder.dispose())

  test('verifies: the log says what was removed, before it was', async () => {
    const { log } = makeLog(folder.path, { segmentBytes: 2000 })
    await putMany(log, 40)
    const before = folder.files().length
    const removed = await applyRetention(folder.path, log, { maxAgeMs: HOUR_MS, maxBytes: 6000 }, Date.now())
    expect(removed).toBeGreaterThan(1)
    expect(folder.files()).toHaveLength(before - removed)
    await putMany(log, 40)
    await log.close()
    expect(await verdicts(folder)).toEqual([])
  })

  test('of chains of earlier processes verifies too, and tells if someone removes more', async () => {
    const first = makeLog(folder.path, { segmentBytes: 2000 }).log
    await putMany(first, 40)
    await first.close()
    for (const file of folder.files()) utimesSync(join(folder.path, file), new Date(0), new Date(Date.now() - 2 * HOUR_MS))
    const old = folder.files()
    const second = makeLog(folder.path, { instance: 'pod-2' }).log
    await putMany(second, 3)
    const removed = await applyRetention(folder.path, second, { maxAgeMs: 99 * HOUR_MS, maxBytes: 8000 }, Date.now())
    expect(removed).toBeGreaterThan(1)
    expect(removed).toBeLessThan(old.length)
    await second.close()
    expect(await verdicts(folder)).toEqual([])
    const [next = ''] = readdirSync(folder.path).sort()
    folder.remove(next)
    expect(await verdicts(folder)).toEqual(['problem MissingSegment'])
  })

  test('is left as it is where the log cannot say what is removed', async () => {
    const { log } = makeLog(folder.path, { segmentBytes: 2000 })
    await putMany(log, 40)
    const files = folder.files()
    const silent = { openSegment: log.openSegment, notePruned: async () => false }
    expect(await applyRetention(folder.path, silent, { maxAgeMs: HOUR_MS, maxBytes: 1 }, Date.now())).toBe(0)
    expect(folder.files()).toEqual(files)
    await log.close()
  })
})
