import { readFileSync } from 'node:fs'
import type { EntryKind } from '../chain-log.ts'
import type { RecordSink, SunkRecord } from '../decision-log.ts'
import type { SinkObserver } from './sink-observer.ts'

export interface OtlpOptions {
  /** Where logs are taken, such as `http://collector:4318/v1/logs`. */
  readonly url: string
  /** A file with a bearer token; read again for every batch. */
  readonly tokenFile?: string
  /** Attributes of the process. */
  readonly resource: Readonly<Record<string, string>>
  readonly version: string
  readonly observer: SinkObserver
}

const MAX_WAITING_BYTES = 8 * 1024 * 1024
const MAX_BATCH = 512
const FLUSH_MS = 1000
const TIMEOUT_MS = 5000
const FIRST_RETRY_MS = 500
const MAX_RETRY_MS = 10_000
const ATTEMPTS = 6
const CLOSE_MS = 2000
const RETRYABLE: ReadonlySet<number> = new Set([408, 429, 502, 503, 504])
/** Severities of the OpenTelemetry data model. */
const SEVERITIES: Readonly<Record<EntryKind, readonly [number, string]>> = {
  allow: [9, 'INFO'],
  correction: [9, 'INFO'],
  warn: [13, 'WARN'],
  deny: [13, 'WARN'],
  undecided: [17, 'ERROR'],
}

const attribute = ([key, value]: readonly [string, string]) => ({ key, value: { stringValue: value } })

/** The body of one request, in the JSON form of OTLP. */
export function toOtlpLogs(records: readonly SunkRecord[], resource: Readonly<Record<string, string>>, version: string, observedAt: Date): unknown {
  return {
    resourceLogs: [
      {
        resource: { attributes: Object.entries(resource).map(attribute) },
        scopeLogs: [
          {
            scope: { name: 'bylaw', version },
            logRecords: records.map(({ body, kind, time }) => ({
              timeUnixNano: `${time.getTime()}000000`,
              observedTimeUnixNano: `${observedAt.getTime()}000000`,
              severityNumber: SEVERITIES[kind][0],
              severityText: SEVERITIES[kind][1],
              eventName: 'bylaw.decision',
              body: { stringValue: body },
              attributes: [attribute(['bylaw.kind', kind])],
            })),
          },
        ],
      },
    ],
  }
}

/** Sends records by OTLP over HTTP, in batches; the queue is bounded, and what is not taken after some attempts is dropped and counted. */
export class OtlpSink implements RecordSink {
  readonly #options: OtlpOptions
  #queue: SunkRecord[] = []
  #queuedBytes = 0
  #timer: NodeJS.Timeout | undefined
  #sending: Promise<void> | undefined
  #isClosing = false

  constructor(options: OtlpOptions) {
    this.#options = options
  }

  append(record: SunkRecord): void {
    if (this.#queuedBytes > MAX_WAITING_BYTES) {
      this.#options.observer.recordSinkDropped('Otlp', 'queueFull', 1)
      return
    }
    this.#queue.push(record)
    this.#queuedBytes += record.body.length
    if (this.#queue.length >= MAX_BATCH) this.#flush()
    else this.#timer ??= setTimeout(() => this.#flush(), FLUSH_MS).unref()
  }

  async close(): Promise<void> {
    this.#isClosing = true
    this.#flush()
    await Promise.race([this.#sending, new Promise((resolve) => setTimeout(resolve, CLOSE_MS).unref())])
    if (this.#queue.length > 0) this.#options.observer.recordSinkDropped('Otlp', 'queueFull', this.#queue.length)
  }

  #flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#sending ??= this.#sendAll().finally(() => {
      this.#sending = undefined
    })
  }

  async #sendAll(): Promise<void> {
    while (this.#queue.length > 0) {
      const batch = this.#queue.splice(0, MAX_BATCH)
      for (const { body } of batch) this.#queuedBytes -= body.length
      const isTaken = await this.#send(batch)
      if (isTaken) this.#options.observer.recordSinkWritten('Otlp', batch.length)
      else this.#options.observer.recordSinkDropped('Otlp', 'rejected', batch.length)
    }
  }

  async #send(batch: readonly SunkRecord[]): Promise<boolean> {
    const { resource, version } = this.#options
    const body = JSON.stringify(toOtlpLogs(batch, resource, version, new Date()))
    for (let attempt = 0, waitMs = FIRST_RETRY_MS; attempt < ATTEMPTS; attempt++, waitMs = Math.min(waitMs * 2, MAX_RETRY_MS)) {
      const verdict = await this.#post(body)
      if (verdict !== 'retry') return verdict === 'taken'
      if (this.#isClosing) return false
      await new Promise((resolve) => setTimeout(resolve, waitMs).unref())
    }
    return false
  }

  async #post(body: string): Promise<'taken' | 'refused' | 'retry'> {
    const { url, tokenFile } = this.#options
    try {
      const token = tokenFile === undefined ? {} : { authorization: `Bearer ${readFileSync(tokenFile, 'utf8').trim()}` }
      const headers = { 'content-type': 'application/json', ...token }
      const response = await fetch(url, { method: 'POST', headers, body, signal: AbortSignal.timeout(TIMEOUT_MS), redirect: 'error' })
      await response.arrayBuffer()
      return response.ok ? 'taken' : RETRYABLE.has(response.status) ? 'retry' : 'refused'
    } catch {
      return 'retry'
    }
  }
}
