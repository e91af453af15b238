import type { Writable } from 'node:stream'
import type { RecordSink, SunkRecord } from '../decision-log.ts'
import type { SinkObserver } from './sink-observer.ts'

const MAX_WAITING_BYTES = 8 * 1024 * 1024
const CLOSE_MS = 1000

/** Writes records as JSON lines to a stream; what its reader does not take in time is dropped and counted. */
export class StreamSink implements RecordSink {
  readonly #stream: Writable
  readonly #observer: SinkObserver

  constructor(stream: Writable, observer: SinkObserver) {
    this.#stream = stream
    this.#observer = observer
    // A reader that has gone away is told by the count of what it did not get.
    stream.on('error', () => {})
  }

  append({ body }: SunkRecord): void {
    if (this.#stream.destroyed || this.#stream.writableLength > MAX_WAITING_BYTES) {
      this.#observer.recordSinkDropped('Stdout', 'queueFull', 1)
      return
    }
    this.#stream.write(`${body}\n`)
    this.#observer.recordSinkWritten('Stdout', 1)
  }

  async close(): Promise<void> {
    for (const untilMs = performance.now() + CLOSE_MS; this.#stream.writableLength > 0 && performance.now() < untilMs; ) {
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }
}
