import { unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { type ChainHead, makeEvidenceKey, readPublicKey, signerOf } from '../../../src/evidence/index.ts'
import { Folder, KEY, makeLog, put, putMany, verdicts } from './logs.ts'

let folder: Folder
let head: ChainHead

/** A chain of three segments: headers at 1 and 8 and 15, records and checkpoints between. */
async function writeThreeSegments(): Promise<void> {
  const { log } = makeLog(folder.path, { segmentBytes: 2000 })
  await log.start()
  await putMany(log, 24)
  await log.close()
  const end = log.head()
  if (end === undefined) throw new Error('no head')
  head = end
}

/** Changes the lines of all segments taken together. */
function tamper(change: (lines: string[]) => string[]): void {
  const files = folder.files()
  const sizes = files.map((file) => folder.read(file).split('\n').length - 1)
  let rest = change(files.flatMap((file) => folder.read(file).split('\n').slice(0, -1)))
  const total = sizes.reduce((sum, size) => sum + size, 0)
  const added = rest.length - total
  for (const [index, file] of files.entries()) {
    const size = (sizes[index] ?? 0) + (index === 0 ? added : 0)
    folder.write(
      file,
      rest
        .slice(0, size)
        .map((line) => `${line}\n`)
        .join(''),
    )
    rest = rest.slice(size)
  }
}

beforeEach(async () => {
  folder = new Folder()
  await writeThreeSegments()
})

afterEach(() => folder.dispose())

const flip = (line: string, what: string, by: string): string => {
  if (!line.includes(what)) throw new Error(`no ${what} in ${line}`)
  return line.replace(what, by)
}

const at = (lines: string[], seq: number, change: (line: string) => string): string[] => lines.map((line, index) => (index === seq - 1 ? change(line) : line))

describe('a log as it was written', () => {
  test('has nothing to be found, with the key and the head that were anchored', async () => {
    expect(folder.files().length).toBeGreaterThan(2)
    const trusted = readPublicKey(KEY)
    expect(await verdicts(folder, { heads: [head], ...(trusted === undefined ? {} : { trusted }) })).toEqual([])
  })
})

describe('a change is named', () => {
  test.each<[string, (lines: string[]) => string[], readonly string[]]>([
    ['a changed byte of a record', (lines) => at(lines, 4, (line) => flip(line, '"effect":"allow"', '"effect":"allaw"')), ['problem Changed 4']],
    ['a changed reference', (lines) => at(lines, 4, (line) => flip(line, '"prev":"', '"prev":"0')), ['problem Changed 4']],
    ['a changed number', (lines) => at(lines, 4, (line) => flip(line, '"seq":4', '"seq":44')), ['problem Changed 4']],
    ['a line that is no JSON any more', (lines) => at(lines, 4, (line) => flip(line, '{', '(')), ['problem Changed 4']],
    ['a changed checkpoint', (lines) => at(lines, lines.length, (line) => flip(line, '"allow":', '"ALLOW":')), [`problem Changed last`]],
    ['a missing record', (lines) => lines.toSpliced(3, 1), ['problem Missing 4']],
    ['three missing records', (lines) => lines.toSpliced(3, 3), ['problem Missing 4', 'problem Missing 5', 'problem Missing 6']],
    ['a repeated record', (lines) => lines.toSpliced(4, 0, lines[3] ?? ''), ['problem Repeated 4']],
    ['two records in the other order', (lines) => lines.toSpliced(3, 2, lines[4] ?? '', lines[3] ?? ''), ['problem Reordered 4']],
  ])('%s', async (_, change, expected) => {
    let last = 0
    tamper((lines) => {
      last = lines.length
      return change(lines)
    })
    expect(await verdicts(folder)).toEqual(expected.map((text) => text.replace('last', String(last))))
  })

  test('a missing segment in the middle', async () => {
    const second = folder.files()[1] ?? ''
    unlinkSync(join(folder.path, second))
    expect(await verdicts(folder)).toEqual(['problem MissingSegment'])
  })

  test('a missing first segment', async () => {
    unlinkSync(join(folder.path, folder.files()[0] ?? ''))
    expect(await verdicts(folder)).toEqual(['problem MissingSegment'])
  })

  test('a tail that was cut off, by the head', async () => {
    const last = folder.files().at(-1) ?? ''
    folder.write(last, `${folder.read(last).split('\n').slice(0, -3).join('\n')}\n`)
    expect(await verdicts(folder)).toEqual([`note OpenEnd ${head.seq - 2}`])
    expect(await verdicts(folder, { heads: [head] })).toEqual([`note OpenEnd ${head.seq - 2}`, `problem CutTail ${head.seq - 2}`])
  })

  test('a chain that is not there, by the head', async () => {
    for (const file of folder.files()) unlinkSync(join(folder.path, file))
    expect(await verdicts(folder, { heads: [head] })).toEqual(['problem MissingChain'])
  })

  test('a wrong key', async () => {
    const trusted = readPublicKey(makeEvidenceKey())
    expect(new Set(await verdicts(folder, trusted === undefined ? {} : { trusted }))).toContain('problem WrongKey 1')
  })

  test('a log that was written anew by who has not the key, by the head', async () => {
    for (const file of folder.files()) unlinkSync(join(folder.path, file))
    const { log } = makeLog(folder.path, { signer: signerOf(makeEvidenceKey()) })
    await log.start()
    await putMany(log, 30)
    await log.close()
    const trusted = readPublicKey(KEY)
    expect(await verdicts(folder, { heads: [head], ...(trusted === undefined ? {} : { trusted }) })).toEqual(['problem WrongKey 1', 'problem MissingChain'])
  })
})

describe('what nobody has to have done is named without failing', () => {
  test('an open end and a torn line', async () => {
    const last = folder.files().at(-1) ?? ''
    const text = folder.read(last)
    folder.write(last, text.slice(0, text.trimEnd().lastIndexOf('\n') + 20))
    expect(await verdicts(folder)).toEqual([`note TornLine ${head.seq}`, `note OpenEnd ${head.seq - 1}`])
  })

  test('a clock that was adjusted; one that ran backwards is a problem', async () => {
    folder.dispose()
    folder = new Folder()
    const { log } = makeLog(folder.path)
    await put(log, { time: new Date('2026-11-25T03:00:00.500Z') })
    await put(log, { time: new Date('2026-11-25T03:00:00.100Z') })
    await put(log, { time: new Date('2026-11-24T03:00:00Z') })
    await log.close()
    expect((await verdicts(folder)).filter((text) => text.includes('Clock'))).toEqual(['note ClockBackwards 3', 'problem ClockBackwards 4'])
  })
})
