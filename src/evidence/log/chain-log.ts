import { join } from 'node:path'
import { isRecord } from '../../api/index.ts'
import type { RuleSet } from '../../rules/index.ts'
import { CHAIN_START, type ChainState, extend, extendSigned, type Signer } from './chain.ts'
import { createLogFile, type LogFile } from './log-file.ts'
import { encodeRuleSet } from './record.ts'
import { chainName, segmentFile } from './segment-name.ts'

/** When a record counts as kept: handed to the operating system, on the disk, or in memory for a moment. */
export type Durability = 'written' | 'synced' | 'buffered'

/** Why records did not come into the chain. */
export type DropReason = 'diskFull' | 'writeFailed' | 'queueFull'

/** What entries are counted as in the chain. */
export type EntryKind = 'allow' | 'warn' | 'deny' | 'correction' | 'undecided'

/** One record on its way into the chain. */
export interface LogEntry {
  /** A JSON object of one line. */
  readonly body: string
  readonly kind: EntryKind
  readonly time: Date
  /** Set for what was judged: the chain tells once in each segment what the rule set is made of. */
  readonly ruleSet?: RuleSet
}

/** Where a chain ends, as it is anchored elsewhere. */
export interface ChainHead {
  readonly chain: string
  readonly segment: number
  readonly seq: number
  readonly hash: string
  readonly time: string
  readonly isEnded: boolean
}

/** Takes note of how the log fares; must not throw. */
export interface LogObserver {
  recordWritten(kind: EntryKind, count: number): void
  recordDropped(reason: DropReason, count: number): void
  recordSampledOut(): void
  /** Answers that left before their record was written, since that took too long. */
  recordLate(): void
  recordFlush(bytes: number, seconds: number): void
  recordFailing(reason: DropReason | undefined, message: string): void
}

export interface ChainLogOptions {
  readonly folder: string
  readonly instance: string
  /** What the ids of this process's decisions begin with. */
  readonly decisionPrefix: string
  readonly durability: Durability
  readonly segmentBytes: number
  readonly segmentAgeMs: number
  /** Of so many plain allows one is written; all are counted. */
  readonly sampleAllows: number
  readonly signer: Signer
  readonly version: string
  /** Dialect of the expressions. */
  readonly cel: () => string
  readonly now: () => Date
  readonly observer: LogObserver
  /** How segments are made; files of the operating system without it. */
  readonly createFile?: (path: string) => Promise<LogFile>
}

interface Segment {
  readonly number: number
  readonly file: LogFile
  readonly openedAtMs: number
  /** Bytes that are known to stand there, whole lines. */
  size: number
  /** The rule set that was last described there. */
  ruleSet: string | undefined
}

interface Batch {
  readonly lines: string[]
  state: ChainState
}

/** An answer that waits no longer than this for its record: a disk that hangs must not hang admission. */
const LATE_MS = 500
const RETRY_MS = 1000
const TICK_MS = 1000
const CHECKPOINT_MS = 10_000
const BUFFER_MS = 100
const BUFFER_BYTES = 64 * 1024
const MAX_PENDING_BYTES = 16 * 1024 * 1024
const CLOSE_MS = 2000

const isNoSpace = (error: unknown): boolean => isRecord(error) && (error['code'] === 'ENOSPC' || error['code'] === 'EDQUOT')

/**
 * The hash chain of this process in segment files. What is appended is written in batches, one at a time, without a wait in the event loop; what
 * cannot be written is counted, and the chain says how much is missing as soon as it can be written again.
 */
export class ChainLog {
  readonly chain: string
  readonly #options: ChainLogOptions
  #pending: LogEntry[] = []
  #pendingBytes = 0
  #waiters: ((isWritten: boolean) => void)[] = []
  #state: ChainState = CHAIN_START
  #segment: Segment | undefined
  #segments = 0
  #running: Promise<void> | undefined
  #hasDropped = false
  #isStalled = false
  #failure: { readonly reason: DropReason; readonly untilMs: number } | undefined
  #missing = new Map<DropReason, number>()
  readonly #counts: Record<EntryKind | 'sampledOut' | 'missing', number> = {
    allow: 0,
    warn: 0,
    deny: 0,
    correction: 0,
    undecided: 0,
    sampledOut: 0,
    missing: 0,
  }
  /** Further lines that are to be signed, with those who wait for them. */
  #statements: { readonly body: Readonly<Record<string, unknown>>; readonly onWritten: (isWritten: boolean) => void }[] = []
  /** By chain: segments up to this one were removed by retention. */
  readonly #pruned = new Map<string, number>()
  #plainAllows = 0
  #checkpointAtMs: number
  #isCheckpointDue = false
  #hasNew = false
  #isClosing = false
  #isEnded = false
  readonly #ticker: NodeJS.Timeout
  #flushTimer: NodeJS.Timeout | undefined

  constructor(options: ChainLogOptions) {
    this.#options = options
    this.chain = chainName(options.instance, options.now())
    this.#checkpointAtMs = performance.now() + CHECKPOINT_MS
    this.#ticker = setInterval(() => this.#tick(), TICK_MS)
    this.#ticker.unref()
  }

  /** Opens the first segment, so that the chain is there before the first record; a folder that cannot be written is told, not thrown. */
  async start(): Promise<void> {
    this.#isCheckpointDue = true
    await this.#pump()
  }

  /** Takes a record; it is in the chain when `commit` says so. */
  append(entry: LogEntry): void {
    if (this.#isClosing) return
    const failure = this.#failure
    if (failure !== undefined && performance.now() < failure.untilMs) this.#drop(failure.reason, 1)
    else if (this.#pendingBytes > MAX_PENDING_BYTES) this.#drop('queueFull', 1)
    else {
      this.#pending.push(entry)
      this.#pendingBytes += entry.body.length
    }
  }

  /** Whether a plain allow is to be written; the others are counted here. */
  isSampled(): boolean {
    const { sampleAllows, observer } = this.#options
    this.#plainAllows += 1
    if (sampleAllows <= 1 || this.#plainAllows % sampleAllows === 1) return true
    this.#counts.sampledOut += 1
    this.#hasNew = true
    observer.recordSampledOut()
    return false
  }

  /** Whether all that was appended since the last call is kept, as far as the durability asks. Never much longer than half a second. */
  commit(): boolean | Promise<boolean> {
    const isKept = !this.#hasDropped
    this.#hasDropped = false
    if (this.#pending.length === 0) return isKept
    if (this.#options.durability === 'buffered') {
      if (this.#pendingBytes > BUFFER_BYTES) void this.#pump()
      else this.#flushTimer ??= setTimeout(() => this.#flushBuffered(), BUFFER_MS)
      return isKept
    }
    if (this.#isStalled) {
      this.#options.observer.recordLate()
      return false
    }
    const isWritten = new Promise<boolean>((resolve) => {
      const startMs = performance.now()
      let isTold = false
      const giveUp = (): void => {
        if (isTold) return
        const leftMs = startMs + LATE_MS - performance.now()
        // Timers count from where the event loop was last, which a long computation leaves behind.
        if (leftMs > 1) {
          timer = setTimeout(() => setImmediate(giveUp), leftMs)
          return
        }
        this.#isStalled = true
        this.#options.observer.recordLate()
        resolve(false)
      }
      // Where this process did not get to run, the write may be done, and its end be what is taken up next.
      let timer = setTimeout(() => setImmediate(giveUp), LATE_MS)
      this.#waiters.push((written) => {
        isTold = true
        clearTimeout(timer)
        resolve(written && isKept)
      })
    })
    void this.#pump()
    return isWritten
  }

  /** Where the chain ends on the disk; undefined before its first line. */
  head(): ChainHead | undefined {
    if (this.#segments === 0 || this.#state.seq === 0) return undefined
    const { seq, hash } = this.#state
    return { chain: this.chain, segment: this.#segments, seq, hash, time: this.#options.now().toISOString(), isEnded: this.#isEnded }
  }

  /** Says in the chain that retention is about to remove segments: of each chain all up to a number. Resolves with whether that is written. */
  notePruned(pruned: ReadonlyMap<string, number>, chainsLeft: ReadonlySet<string>): Promise<boolean> {
    for (const [chain, segment] of pruned) this.#pruned.set(chain, Math.max(segment, this.#pruned.get(chain) ?? 0))
    for (const chain of this.#pruned.keys()) if (!pruned.has(chain) && !chainsLeft.has(chain)) this.#pruned.delete(chain)
    return new Promise((resolve) => {
      this.#statements.push({ body: { kind: 'pruned', pruned: Object.fromEntries(pruned) }, onWritten: resolve })
      void this.#pump()
    })
  }

  /** The segment that is being written. */
  get openSegment(): string {
    return segmentFile(this.chain, this.#segments)
  }

  /** Writes what is left and the end of the chain; no longer than two seconds. */
  async close(): Promise<void> {
    if (this.#isClosing) return
    clearInterval(this.#ticker)
    clearTimeout(this.#flushTimer)
    const onWritten = (isWritten: boolean): void => {
      this.#isEnded = isWritten
    }
    this.#statements.push({ body: { kind: 'end' }, onWritten })
    this.#failure = undefined
    this.#isClosing = true
    const done = this.#pump().then(async () => {
      await this.#segment?.file.sync()
      await this.#segment?.file.close()
    })
    let timer: NodeJS.Timeout | undefined
    const tooLate = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, CLOSE_MS)
    })
    await Promise.race([done.catch(() => {}), tooLate])
    clearTimeout(timer)
  }

  #flushBuffered(): void {
    this.#flushTimer = undefined
    void this.#pump()
  }

  #tick(): void {
    const nowMs = performance.now()
    if (this.#failure !== undefined && nowMs < this.#failure.untilMs) return
    if (this.#hasNew && nowMs >= this.#checkpointAtMs) this.#isCheckpointDue = true
    if (this.#isCheckpointDue || this.#missing.size > 0 || this.#statements.length > 0 || this.#pending.length > 0) void this.#pump()
  }

  /** Writes until nothing is left to write. */
  #pump(): Promise<void> {
    this.#running ??= this.#run()
    return this.#running
  }

  async #run(): Promise<void> {
    do {
      const entries = this.#pending
      const waiters = this.#waiters
      const statements = this.#statements
      this.#pending = []
      this.#pendingBytes = 0
      this.#waiters = []
      this.#statements = []
      const isWritten = await this.#write(entries, statements)
      for (const tell of waiters) tell(isWritten)
      for (const { onWritten } of statements) onWritten(isWritten)
    } while (this.#pending.length > 0 || (this.#statements.length > 0 && this.#failure === undefined))
    // At once, not when the promise is heard: what is appended in between would wait for a run that is over.
    this.#running = undefined
  }

  async #write(entries: readonly LogEntry[], statements: readonly { readonly body: Readonly<Record<string, unknown>> }[]): Promise<boolean> {
    const startMs = performance.now()
    const { observer, durability } = this.#options
    const missing = this.#missing
    this.#missing = new Map()
    // What stands before the records must not be later than they are.
    const time = entries[0]?.time ?? this.#options.now()
    try {
      if (this.#isRotationDue()) await this.#closeSegment(time)
      const segment = this.#segment ?? (await this.#openSegment())
      const batch: Batch = { lines: [], state: this.#state }
      if (segment.size === 0) this.#sign(batch, this.#header(segment.number), time)
      if (missing.size > 0) this.#sign(batch, { kind: 'gap', missing: Object.fromEntries(missing) }, time)
      let { ruleSet: described } = segment
      for (const { body, ruleSet } of entries) {
        if (ruleSet !== undefined && ruleSet.revision !== described) {
          this.#put(batch, encodeRuleSet(ruleSet, time, this.#options.cel()))
          described = ruleSet.revision
        }
        this.#put(batch, body)
      }
      const isCheckpoint = this.#isCheckpointDue
      const counted = this.#countsWith(entries)
      if (isCheckpoint) this.#sign(batch, { kind: 'checkpoint', ...this.#totals(counted) })
      for (const { body } of statements) this.#sign(batch, { ...body, ...(body['kind'] === 'end' ? this.#totals(counted) : {}) })
      if (batch.lines.length === 0) return true
      const bytes = await this.#appendTo(segment, batch, durability === 'synced')
      segment.ruleSet = described
      this.#noteWritten(entries, isCheckpoint)
      observer.recordFlush(bytes, (performance.now() - startMs) / 1000)
      return true
    } catch (error) {
      for (const [reason, count] of missing) this.#missing.set(reason, (this.#missing.get(reason) ?? 0) + count)
      this.#noteFailed(entries, error)
      return false
    } finally {
      this.#isStalled = false
    }
  }

  #isRotationDue(): boolean {
    const { segmentBytes, segmentAgeMs } = this.#options
    const segment = this.#segment
    return segment !== undefined && segment.size > 0 && (segment.size >= segmentBytes || performance.now() - segment.openedAtMs >= segmentAgeMs)
  }

  async #openSegment(): Promise<Segment> {
    const { folder, createFile = createLogFile } = this.#options
    const number = this.#segments + 1
    const file = await createFile(join(folder, segmentFile(this.chain, number)))
    this.#segment = { number, file, openedAtMs: performance.now(), size: 0, ruleSet: undefined }
    this.#segments = number
    return this.#segment
  }

  async #closeSegment(time: Date): Promise<void> {
    const segment = this.#segment
    if (segment === undefined) return
    const batch: Batch = { lines: [], state: this.#state }
    this.#sign(batch, { kind: 'checkpoint', closes: segment.number, ...this.#totals() }, time)
    await this.#appendTo(segment, batch, this.#options.durability === 'synced')
    this.#segment = undefined
    await segment.file.close().catch(() => {})
  }

  async #appendTo(segment: Segment, { lines, state }: Batch, isSynced: boolean): Promise<number> {
    const bytes = Buffer.from(`${lines.join('\n')}\n`, 'utf8')
    try {
      await segment.file.append(bytes)
      if (isSynced) await segment.file.sync()
    } catch (error) {
      await this.#takeBack(segment)
      throw error
    }
    segment.size += bytes.length
    this.#state = state
    return bytes.length
  }

  /** Half a batch must not stand in the chain; where it cannot be taken away, the next segment goes on from the last good line. */
  async #takeBack(segment: Segment): Promise<void> {
    try {
      await segment.file.truncate(segment.size)
    } catch {
      this.#segment = undefined
      await segment.file.close().catch(() => {})
    }
  }

  #put(batch: Batch, body: string): void {
    const { line, state } = extend(batch.state, body)
    batch.lines.push(line)
    batch.state = state
  }

  #sign(batch: Batch, body: Readonly<Record<string, unknown>>, time = this.#options.now()): void {
    const { line, state } = extendSigned(batch.state, JSON.stringify({ ...body, time }), this.#options.signer)
    batch.lines.push(line)
    batch.state = state
  }

  #header(segment: number): Readonly<Record<string, unknown>> {
    const { instance, decisionPrefix, durability, signer, version, cel, sampleAllows } = this.#options
    const { seq, hash } = this.#state
    return {
      kind: 'segment',
      schemaVersion: 1,
      chain: this.chain,
      segment,
      ...(segment === 1 ? {} : { predecessor: { file: segmentFile(this.chain, segment - 1), seq, hash } }),
      instance,
      decisionPrefix,
      durability,
      ...(sampleAllows > 1 ? { sampleAllows } : {}),
      bylaw: version,
      cel: cel(),
      publicKey: signer.publicKey,
      ...(this.#pruned.size === 0 ? {} : { pruned: Object.fromEntries(this.#pruned) }),
    }
  }

  #countsWith(entries: readonly LogEntry[]): Readonly<Record<string, number>> {
    const counts = { ...this.#counts }
    for (const { kind } of entries) counts[kind] += 1
    return counts
  }

  #totals(counts: Readonly<Record<string, number>> = this.#counts): Readonly<Record<string, unknown>> {
    return { counts: { ...counts } }
  }

  #noteWritten(entries: readonly LogEntry[], isCheckpoint: boolean): void {
    const { observer } = this.#options
    if (this.#failure !== undefined) observer.recordFailing(undefined, '')
    this.#failure = undefined
    const written = new Map<EntryKind, number>()
    for (const { kind } of entries) {
      this.#counts[kind] += 1
      written.set(kind, (written.get(kind) ?? 0) + 1)
    }
    for (const [kind, count] of written) observer.recordWritten(kind, count)
    if (entries.length > 0) this.#hasNew = true
    if (!isCheckpoint) return
    this.#isCheckpointDue = false
    this.#hasNew = false
    this.#checkpointAtMs = performance.now() + CHECKPOINT_MS
  }

  #noteFailed(entries: readonly LogEntry[], error: unknown): void {
    const reason: DropReason = isNoSpace(error) ? 'diskFull' : 'writeFailed'
    if (this.#failure?.reason !== reason) this.#options.observer.recordFailing(reason, isRecord(error) ? String(error['message']) : String(error))
    this.#failure = { reason, untilMs: performance.now() + RETRY_MS }
    this.#drop(reason, entries.length)
  }

  #drop(reason: DropReason, count: number): void {
    if (count === 0) return
    this.#hasDropped = true
    this.#missing.set(reason, (this.#missing.get(reason) ?? 0) + count)
    this.#counts.missing += count
    this.#options.observer.recordDropped(reason, count)
  }
}
