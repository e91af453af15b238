import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { DropReason, EntryKind, LogObserver } from '../log/chain-log.ts'
import type { SinkDropReason, SinkName, SinkObserver } from '../log/sinks/sink-observer.ts'

const KINDS: readonly EntryKind[] = ['allow', 'warn', 'deny', 'correction', 'undecided']
const DROP_REASONS: readonly DropReason[] = ['diskFull', 'writeFailed', 'queueFull']
const SINKS: readonly SinkName[] = ['Stdout', 'Otlp']
const SINK_DROP_REASONS: readonly SinkDropReason[] = ['queueFull', 'rejected']
const FLUSH_BUCKETS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5]

/** The figures of the decision log. */
export class LogMetrics implements LogObserver, SinkObserver {
  readonly #written: Counter<'kind'>
  readonly #dropped: Counter<'reason'>
  readonly #sampledOut: Counter
  readonly #late: Counter
  readonly #bytes: Counter
  readonly #flush: Histogram
  readonly #failing: Gauge
  readonly #anchored: Gauge
  readonly #sinkWritten: Counter<'sink'>
  readonly #sinkDropped: Counter<'sink' | 'reason'>
  readonly #onFailing: (reason: DropReason | undefined, message: string) => void

  /** `onFailing` hears when the log cannot be written, and when it can again. */
  constructor(registry: Registry, onFailing: (reason: DropReason | undefined, message: string) => void) {
    const registers = [registry]
    this.#onFailing = onFailing
    this.#written = new Counter({ name: 'bylaw_evidence_records_written_total', help: 'Records in the decision log, by kind', labelNames: ['kind'], registers })
    this.#dropped = new Counter({
      name: 'bylaw_evidence_records_dropped_total',
      help: 'Records that did not come into the decision log, by reason',
      labelNames: ['reason'],
      registers,
    })
    this.#sampledOut = new Counter({ name: 'bylaw_evidence_allows_sampled_out_total', help: 'Plain allows that were counted and not written', registers })
    this.#late = new Counter({ name: 'bylaw_evidence_late_total', help: 'Batches of answers that left before their records were written', registers })
    this.#bytes = new Counter({ name: 'bylaw_evidence_written_bytes_total', help: 'Bytes written to the decision log', registers })
    this.#flush = new Histogram({
      name: 'bylaw_evidence_flush_duration_seconds',
      help: 'Time to write one batch of records',
      buckets: FLUSH_BUCKETS,
      registers,
    })
    this.#failing = new Gauge({ name: 'bylaw_evidence_failing', help: '1 while the decision log cannot be written', registers })
    this.#anchored = new Gauge({
      name: 'bylaw_evidence_last_anchored_timestamp_seconds',
      help: 'When the end of the log was last anchored in the cluster; 0 before the first time',
      registers,
    })
    this.#sinkWritten = new Counter({
      name: 'bylaw_evidence_sink_records_written_total',
      help: 'Records handed to the sinks besides the log',
      labelNames: ['sink'],
      registers,
    })
    this.#sinkDropped = new Counter({
      name: 'bylaw_evidence_sink_records_dropped_total',
      help: 'Records that a sink did not get, by reason',
      labelNames: ['sink', 'reason'],
      registers,
    })
    for (const kind of KINDS) this.#written.inc({ kind }, 0)
    for (const reason of DROP_REASONS) this.#dropped.inc({ reason }, 0)
    for (const sink of SINKS) {
      this.#sinkWritten.inc({ sink }, 0)
      for (const reason of SINK_DROP_REASONS) this.#sinkDropped.inc({ sink, reason }, 0)
    }
    this.#failing.set(0)
    this.#anchored.set(0)
  }

  recordWritten(kind: EntryKind, count: number): void {
    this.#written.inc({ kind }, count)
  }

  recordDropped(reason: DropReason, count: number): void {
    this.#dropped.inc({ reason }, count)
  }

  recordSampledOut(): void {
    this.#sampledOut.inc()
  }

  recordLate(): void {
    this.#late.inc()
  }

  recordFlush(bytes: number, seconds: number): void {
    this.#bytes.inc(bytes)
    this.#flush.observe(seconds)
  }

  recordFailing(reason: DropReason | undefined, message: string): void {
    this.#failing.set(reason === undefined ? 0 : 1)
    this.#onFailing(reason, message)
  }

  recordAnchored(time: Date): void {
    this.#anchored.set(time.getTime() / 1000)
  }

  recordSinkWritten(sink: SinkName, count: number): void {
    this.#sinkWritten.inc({ sink }, count)
  }

  recordSinkDropped(sink: SinkName, reason: SinkDropReason, count: number): void {
    this.#sinkDropped.inc({ sink, reason }, count)
  }
}
