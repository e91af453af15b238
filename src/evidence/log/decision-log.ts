import type { AdmissionRequest } from '../../api/index.ts'
import type { Correction, Decision } from '../../decide/index.ts'
import type { ChainHead, ChainLog, EntryKind, LogEntry } from './chain-log.ts'
import { type FoundRecord, findRecordIn } from './find-record.ts'
import { encodeCorrection, encodeDecision, encodeUndecided, type ReviewContext, type UndecidedReview } from './record.ts'
import { applyRetention, type RetentionLimits } from './retention.ts'

/** Where records go besides the chain; never throws, never waits, counts what it drops. */
export interface RecordSink {
  append(record: SunkRecord): void
  /** Lets go of what is left, within a bounded time. */
  close(): Promise<void>
}

/** A record on its way to a sink. */
export interface SunkRecord {
  /** JSON of one line. */
  readonly body: string
  readonly kind: EntryKind
  readonly time: Date
}

export interface DecisionLogOptions {
  /** Absent where no folder is configured. */
  readonly chain?: ChainLog
  readonly sinks: readonly RecordSink[]
  readonly folder: string
  readonly retention: RetentionLimits
  readonly now: () => Date
}

const RETENTION_MS = 60_000
const START_MS = 2000
/** What one question may make this process read; for more there are the files. */
const MAX_SEARCH_BYTES = 2 * 1024 * 1024 * 1024

/** An allow about which nobody needs to know more than that it was. */
const isPlain = ({ effect, outcomes, breakGlass }: Decision): boolean =>
  effect === 'allow' && breakGlass === undefined && outcomes.every(({ result }) => result === 'pass' || result === 'skip')

/** The decision log: encodes what doors report and hands it to the chain and the other sinks. */
export class DecisionLog {
  readonly #options: DecisionLogOptions
  readonly #isActive: boolean
  #timer: NodeJS.Timeout | undefined

  constructor(options: DecisionLogOptions) {
    this.#options = options
    this.#isActive = options.chain !== undefined || options.sinks.length > 0
  }

  /** Opens the chain, and removes what is too old from now on. */
  async start(): Promise<void> {
    const { chain } = this.#options
    if (chain === undefined) return
    // A folder that hangs must not keep admission from starting.
    await Promise.race([chain.start(), new Promise((resolve) => setTimeout(resolve, START_MS).unref())])
    this.#timer = setInterval(() => void this.#prune(chain), RETENTION_MS)
    this.#timer.unref()
    void this.#prune(chain)
  }

  recordDecision(id: string, decision: Decision, request: AdmissionRequest, context: ReviewContext): void {
    if (!this.#isActive) return
    if (isPlain(decision) && this.#options.chain?.isSampled() === false) return
    const body = encodeDecision(id, decision, request, context)
    this.#append({ body, kind: decision.effect, time: context.decidedAt, ruleSet: context.ruleSet })
  }

  recordCorrection(id: string, correction: Correction, request: AdmissionRequest, context: ReviewContext): void {
    if (!this.#isActive || correction.outcomes.length === 0) return
    this.#append({ body: encodeCorrection(id, correction, request, context), kind: 'correction', time: context.decidedAt, ruleSet: context.ruleSet })
  }

  recordUndecided(review: UndecidedReview): void {
    if (this.#isActive) this.#append({ body: encodeUndecided(review), kind: 'undecided', time: review.time })
  }

  /** Whether all that was recorded since the last call is kept as the configuration asks. */
  commit(): boolean | Promise<boolean> {
    return this.#options.chain?.commit() ?? true
  }

  head(): ChainHead | undefined {
    return this.#options.chain?.head()
  }

  /** The record of a decision of this folder; undefined where there is none. */
  async find(id: string): Promise<FoundRecord | undefined> {
    const { folder, chain } = this.#options
    return chain === undefined ? undefined : findRecordIn(folder, id, { maxBytes: MAX_SEARCH_BYTES })
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    await Promise.all([this.#options.chain?.close(), ...this.#options.sinks.map((sink) => sink.close())])
  }

  #append(entry: LogEntry): void {
    this.#options.chain?.append(entry)
    for (const sink of this.#options.sinks) sink.append(entry)
  }

  async #prune(chain: ChainLog): Promise<void> {
    const { folder, retention, now } = this.#options
    await applyRetention(folder, chain, retention, now().getTime())
  }
}
