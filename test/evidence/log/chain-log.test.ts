import { execFileSync } from 'node:child_process'
import { statSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import type { LogFile } from '../../../src/evidence/index.ts'
import { Folder, makeLog, put, putMany, verdicts } from './logs.ts'

// Some of it waits for the clock.
jest.setTimeout(30_000)

let folder: Folder

beforeEach(() => {
  folder = new Folder()
})

afterEach(() => folder.dispose())

/** A file in memory that fails or hangs when told. */
class TestFile implements LogFile {
  text = ''
  syncs = 0
  failure: Error | undefined
  hang: Promise<void> | undefined

  async append(bytes: Uint8Array): Promise<void> {
    await this.hang
    if (this.failure === undefined) this.text += Buffer.from(bytes).toString('utf8')
    else {
      this.text += Buffer.from(bytes).toString('utf8').slice(0, 10)
      throw this.failure
    }
  }
  async sync(): Promise<void> {
    this.syncs += 1
  }
  async truncate(size: number): Promise<void> {
    this.text = this.text.slice(0, size)
  }
  async close(): Promise<void> {}
  get kinds(): readonly unknown[] {
    return this.text
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line).kind)
  }
}

const noSpace = (): Error => Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })

describe('a record', () => {
  test('stands in the file when `commit` says so', async () => {
    const { log, told } = makeLog(folder.path)
    expect(await put(log)).toBe(true)
    expect(folder.lines().map(({ kind }) => kind)).toEqual(['segment', 'decision'])
    expect(told.written).toEqual({ allow: 1 })
    await log.close()
  })

  test('of one slice is written with the others of it at once', async () => {
    const { log, told } = makeLog(folder.path)
    for (let index = 0; index < 50; index++) log.append({ body: '{"kind":"decision"}', kind: 'allow', time: new Date() })
    expect(await log.commit()).toBe(true)
    expect(told.flushes).toBe(1)
    expect(folder.lines()).toHaveLength(51)
    await log.close()
  })

  test('is written at once where one follows the other without a pause', async () => {
    const { log, told } = makeLog(folder.path)
    const startMs = performance.now()
    await putMany(log, 300)
    expect(performance.now() - startMs).toBeLessThan(5000)
    expect(told).toMatchObject({ written: { allow: 300 }, late: 0, dropped: {} })
    await log.close()
  })

  test('is on the disk where that is asked for, and in the file after a moment where that is enough', async () => {
    const file = new TestFile()
    const synced = makeLog(folder.path, { durability: 'synced', createFile: async () => file }).log
    await put(synced)
    expect(file.syncs).toBe(1)
    await synced.close()
    const buffered = makeLog(folder.path, { durability: 'buffered' }).log
    buffered.append({ body: '{"kind":"decision"}', kind: 'allow', time: new Date() })
    expect(buffered.commit()).toBe(true)
    expect(folder.files()).toEqual([])
    await sleep(250)
    expect(folder.lines().map(({ kind }) => kind)).toEqual(['segment', 'decision'])
    await buffered.close()
  })
})

describe('allows that are sampled', () => {
  test('are counted exactly', async () => {
    const { log, told } = makeLog(folder.path, { sampleAllows: 10 })
    for (let index = 0; index < 95; index++) if (log.isSampled()) await put(log)
    await log.close()
    expect(told.sampledOut).toBe(85)
    expect(folder.lines().filter(({ kind }) => kind === 'decision')).toHaveLength(10)
    expect(folder.lines().at(-1)).toMatchObject({ kind: 'end', counts: { allow: 10, sampledOut: 85 } })
  })
})

describe('a segment', () => {
  test('is followed by the next one when it is large, each with a header that names the one before', async () => {
    const { log } = makeLog(folder.path, { segmentBytes: 3000 })
    await putMany(log, 60)
    await log.close()
    const files = folder.files()
    expect(files.length).toBeGreaterThan(3)
    for (const file of files) expect(statSync(join(folder.path, file)).size).toBeLessThan(4500)
    const headers = folder.lines().filter(({ kind }) => kind === 'segment')
    expect(headers.map(({ predecessor }) => predecessor).slice(0, 2)).toEqual([
      undefined,
      { file: files[0], seq: expect.any(Number), hash: headers[1]?.['prev'] },
    ])
    expect(await verdicts(folder)).toEqual([])
  })

  test('is followed by the next one when it is old', async () => {
    const { log } = makeLog(folder.path, { segmentAgeMs: 1 })
    await put(log)
    await sleep(10)
    await put(log)
    await log.close()
    expect(folder.files().length).toBeGreaterThan(1)
    expect(await verdicts(folder)).toEqual([])
  })

  test('may be read by its owner alone', async () => {
    const { log } = makeLog(folder.path)
    await log.close()
    expect(statSync(join(folder.path, folder.files()[0] ?? '')).mode & 0o777).toBe(0o600)
  })
})

describe('a disk', () => {
  test('that is full is told and counted, and the chain says how much is missing when there is room again', async () => {
    const file = new TestFile()
    const { log, told } = makeLog(folder.path, { createFile: async () => file })
    await put(log)
    file.failure = noSpace()
    expect(await put(log)).toBe(false)
    expect(await put(log)).toBe(false)
    expect(told.failing).toEqual(['diskFull'])
    expect(told.dropped).toEqual({ diskFull: 2 })
    expect(file.text.endsWith('\n')).toBe(true)
    file.failure = undefined
    await sleep(2200)
    expect(told.failing).toEqual(['diskFull', undefined])
    expect(await put(log)).toBe(true)
    await log.close()
    expect(file.kinds).toEqual(['segment', 'decision', 'gap', 'decision', 'end'])
    folder.write('pod-1-20261125T000000000Z-000001.jsonl', file.text)
    expect((await verdicts(folder)).filter((text) => !text.includes('Changed 1'))).toEqual(['note Dropped 3'])
  })

  test('that hangs delays answers by half a second once, and no more', async () => {
    const file = new TestFile()
    const { log, told } = makeLog(folder.path, { createFile: async () => file })
    await put(log)
    let goOn: () => void = () => {}
    file.hang = new Promise((resolve) => {
      goOn = resolve
    })
    const startMs = performance.now()
    expect(await put(log)).toBe(false)
    expect(performance.now() - startMs).toBeLessThan(2000)
    for (let index = 0; index < 100; index++) expect(log.commit()).toBe(true)
    expect(await put(log)).toBe(false)
    expect(performance.now() - startMs).toBeLessThan(2200)
    expect(told.late).toBe(2)
    goOn()
    file.hang = undefined
    await sleep(20)
    expect(told.written).toEqual({ allow: 3 })
    expect(await put(log)).toBe(true)
    await log.close()
  })

  test('that hangs holds no more in memory than sixteen megabytes', async () => {
    const file = new TestFile()
    const { log, told } = makeLog(folder.path, { createFile: async () => file })
    let goOn: () => void = () => {}
    file.hang = new Promise((resolve) => {
      goOn = resolve
    })
    const body = JSON.stringify({ kind: 'decision', text: 'x'.repeat(1024 * 1024) })
    for (let index = 0; index < 40; index++) {
      log.append({ body, kind: 'allow', time: new Date() })
      await log.commit()
    }
    expect(told.dropped['queueFull']).toBeGreaterThan(20)
    file.hang = undefined
    goOn()
    await log.close()
    const lines = file.text
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line))
    expect(lines.find(({ kind }) => kind === 'gap')?.missing).toEqual({ queueFull: told.dropped['queueFull'] })
  })

  test('whose folder is not there, or cannot be written, keeps nothing from going on', async () => {
    const blocked = join(folder.path, 'a-file')
    writeFileSync(blocked, '')
    const { log, told } = makeLog(join(blocked, 'below'))
    await log.start()
    expect(await put(log)).toBe(false)
    expect(told.failing).toEqual(['writeFailed'])
    unlinkSync(blocked)
    await sleep(2200)
    expect(await put(log)).toBe(true)
    await log.close()
  })
})

describe('a file system of 64 kB', () => {
  test('fills up: what is missing is counted, and what there is verifies; with room again the log goes on', async () => {
    // Without the right to mount, the same on a file system that does not fill up.
    const isMounted = mount(folder.path)
    const { log, told } = makeLog(folder.path)
    try {
      const ballast = join(folder.path, 'ballast')
      writeFileSync(ballast, Buffer.alloc(32 * 1024))
      for (let index = 0; index < 200; index++) await put(log, { text: 'x'.repeat(200) })
      unlinkSync(ballast)
      const dropped = told.dropped['diskFull'] ?? 0
      expect(dropped > 50).toBe(isMounted)
      await sleep(isMounted ? 2200 : 0)
      expect(await put(log)).toBe(true)
      await log.close()
      expect((await verdicts(folder)).map((text) => text.replace(/ \d+$/, ''))).toEqual(isMounted ? ['note Dropped'] : [])
      expect(folder.lines().filter(({ kind }) => kind === 'decision')).toHaveLength(201 - dropped)
    } finally {
      await log.close()
      if (isMounted) execFileSync('umount', [folder.path])
    }
  })
})

function mount(path: string): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', path], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
