import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { afterEach, describe, expect, jest, test } from '@jest/globals'
import { OtlpSink, StreamSink, type SunkRecord } from '../../../src/evidence/index.ts'
import { at } from './judged.ts'

// Some of it waits for the next attempt.
jest.setTimeout(30_000)

const record = (id: number, kind: SunkRecord['kind'] = 'allow'): SunkRecord => ({ body: `{"id":"${id}"}`, kind, time: new Date('2026-06-01T12:00:00Z') })

/** What a sink told of itself. */
class Tally {
  written = 0
  readonly dropped: Record<string, number> = {}

  recordSinkWritten(_sink: string, count: number): void {
    this.written += count
  }
  recordSinkDropped(_sink: string, reason: string, count: number): void {
    this.dropped[reason] = (this.dropped[reason] ?? 0) + count
  }
}

describe('a stream', () => {
  test('gets a line for each record', async () => {
    const got: string[] = []
    const stream = new Writable({
      write: (chunk, _encoding, done) => {
        got.push(String(chunk))
        done()
      },
    })
    const tally = new Tally()
    const sink = new StreamSink(stream, tally)
    sink.append(record(1))
    sink.append(record(2))
    await sink.close()
    expect(got.join('')).toBe('{"id":"1"}\n{"id":"2"}\n')
    expect(tally).toMatchObject({ written: 2, dropped: {} })
  })

  test('that nobody reads holds eight megabytes; the rest is dropped and counted', () => {
    const tally = new Tally()
    const sink = new StreamSink(new Writable({ write: () => {} }), tally)
    for (let index = 0; index < 20; index++) sink.append({ ...record(index), body: 'x'.repeat(1024 * 1024) })
    expect(tally.written + (tally.dropped['queueFull'] ?? 0)).toBe(20)
    expect(tally.dropped['queueFull']).toBeGreaterThanOrEqual(10)
  })
})

/** A collector that answers as told. */
class Collector {
  readonly requests: { readonly headers: NodeJS.Dict<string | string[]>; readonly body: unknown }[] = []
  readonly #statuses: number[]
  readonly #server: Server

  constructor(statuses: readonly number[]) {
    this.#statuses = [...statuses]
    this.#server = createServer((request, response) => {
      void text(request).then((body) => {
        this.requests.push({ headers: request.headers, body: JSON.parse(body) })
        response.writeHead(this.#statuses.shift() ?? 200).end('{}')
      })
    })
  }

  async open(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    const address = this.#server.address()
    return `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}/v1/logs`
  }

  close(): void {
    this.#server.closeAllConnections()
    this.#server.close()
  }
}

let collector: Collector | undefined

afterEach(() => collector?.close())

async function sinkTo(
  statuses: readonly number[],
  more: { readonly tokenFile?: string } = {},
): Promise<{ readonly sink: OtlpSink; readonly tally: Tally; readonly collector: Collector }> {
  const opened = new Collector(statuses)
  collector = opened
  const tally = new Tally()
  const sink = new OtlpSink({ url: await opened.open(), resource: { 'service.name': 'bylaw' }, version: '0.1.0', observer: tally, ...more })
  return { sink, tally, collector: opened }
}

describe('a collector', () => {
  test('gets records as OTLP logs, in batches', async () => {
    const { sink, tally, collector: opened } = await sinkTo([])
    for (let index = 0; index < 600; index++) sink.append(record(index, index === 0 ? 'deny' : 'allow'))
    await sink.close()
    expect(tally).toMatchObject({ written: 600, dropped: {} })
    expect(opened.requests).toHaveLength(2)
    const [resource] = [at(opened.requests[0]?.body, 'resourceLogs', 0)]
    expect(at(resource, 'resource', 'attributes')).toEqual([{ key: 'service.name', value: { stringValue: 'bylaw' } }])
    expect(at(resource, 'scopeLogs', 0, 'scope')).toEqual({ name: 'bylaw', version: '0.1.0' })
    expect(at(resource, 'scopeLogs', 0, 'logRecords', 0)).toEqual({
      timeUnixNano: '1780315200000000000',
      observedTimeUnixNano: expect.stringMatching(/^\d{19}$/),
      severityNumber: 13,
      severityText: 'WARN',
      eventName: 'bylaw.decision',
      body: { stringValue: '{"id":"0"}' },
      attributes: [{ key: 'bylaw.kind', value: { stringValue: 'deny' } }],
    })
  })

  test('is shown a token from a file', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'bylaw-otlp-'))
    const tokenFile = join(folder, 'token')
    writeFileSync(tokenFile, 'secret-token\n')
    const { sink, collector: opened } = await sinkTo([], { tokenFile })
    sink.append(record(1))
    await sink.close()
    rmSync(folder, { recursive: true })
    expect(opened.requests[0]?.headers['authorization']).toBe('Bearer secret-token')
  })

  test('that is busy is asked again, one that refuses is not', async () => {
    const busy = await sinkTo([503, 429])
    busy.sink.append(record(1))
    await new Promise((resolve) => setTimeout(resolve, 3500))
    await busy.sink.close()
    expect(busy.tally).toMatchObject({ written: 1, dropped: {} })
    expect(busy.collector.requests).toHaveLength(3)
    busy.collector.close()
    const refusing = await sinkTo([400])
    refusing.sink.append(record(1))
    await refusing.sink.close()
    expect(refusing.tally).toMatchObject({ written: 0, dropped: { rejected: 1 } })
  })

  test('that is away makes nobody wait: the queue is bounded, and what is over is counted', async () => {
    const { sink, tally, collector: opened } = await sinkTo([])
    opened.close()
    for (let index = 0; index < 20; index++) sink.append({ ...record(index), body: 'x'.repeat(1024 * 1024) })
    expect(tally.dropped['queueFull']).toBeGreaterThanOrEqual(10)
    const startMs = performance.now()
    await sink.close()
    expect(performance.now() - startMs).toBeLessThan(10_000)
    expect(tally.written).toBe(0)
  })
})
