import type { KeyObject } from 'node:crypto'
import { isRecord, parseJson } from '../../api/index.ts'
import { CHAIN_START, checkSignature, hashOfLine, readPublicKey } from './chain.ts'
import type { FindingCode, Findings } from './findings.ts'
import type { RawLine, SegmentSource } from './read-lines.ts'
import { segmentFile } from './segment-name.ts'

/** What is known of a chain after it was read. */
export interface ChainReport {
  readonly chain: string
  readonly segments: readonly number[]
  /** Number of the last line. */
  readonly lastSeq: number
  readonly decisions: number
  readonly corrections: number
  readonly undecided: number
  /** Records that the log itself says are missing. */
  readonly dropped: number
  readonly publicKey: string | undefined
  readonly firstTime: string | undefined
  readonly lastTime: string | undefined
  readonly isEnded: boolean
}

type Body = Readonly<Record<string, unknown>>

const SIGNED: ReadonlySet<unknown> = new Set(['segment', 'checkpoint', 'gap', 'pruned', 'end'])
/** So many lines back a line is still known, to tell what was moved from what is missing. */
const REMEMBERED = 4096
/** Steps back of the clock that are an adjustment and no more. */
const ADJUSTMENT_MS = 1000

const bodyOf = (bytes: Buffer): Body | undefined => {
  const json = parseJson(bytes.toString('utf8'))
  return json.ok && isRecord(json.value) ? json.value : undefined
}

const sumOf = (value: unknown): number =>
  isRecord(value) ? Object.values(value).reduce((sum: number, count) => sum + (typeof count === 'number' ? count : 0), 0) : 0

/** Follows one chain line by line, and names everything that is not as it was written. */
export class ChainVerifier {
  readonly #chain: string
  readonly #findings: Findings
  /** The key that is trusted; each header's own without it. */
  readonly #trusted: KeyObject | undefined
  /** Hashes of lines that must be as they are, because something else names them. */
  readonly #anchors: ReadonlyMap<number, string>
  readonly #onPruned: (chain: string, segment: number) => void
  #key: KeyObject | undefined
  #publicKey: string | undefined
  #seq = CHAIN_START.seq
  #hash = CHAIN_START.hash
  readonly #recent = new Map<number, string>()
  readonly #missing = new Set<number>()
  readonly #changed = new Set<number>()
  /** A line whose reference to the one before does not hold: the line after it tells which of the two was changed. */
  #suspect: number | undefined
  #timeMs = Number.NEGATIVE_INFINITY
  #firstTime: string | undefined
  #lastTime: string | undefined
  readonly #segments: number[] = []
  #file = ''
  #lastSigned = 0
  #isEnded = false
  readonly #records = { decision: 0, correction: 0, undecided: 0, dropped: 0 }

  constructor(options: {
    readonly chain: string
    readonly findings: Findings
    readonly trusted: KeyObject | undefined
    readonly anchors: ReadonlyMap<number, string>
    readonly onPruned: (chain: string, segment: number) => void
  }) {
    this.#chain = options.chain
    this.#findings = options.findings
    this.#trusted = options.trusted
    this.#anchors = options.anchors
    this.#onPruned = options.onPruned
  }

  /** Reads the next segment of the chain. */
  async read(segment: SegmentSource): Promise<void> {
    this.#file = segment.file
    const before = this.#segments.at(-1)
    const isBroken = before !== undefined ? segment.segment !== before + 1 : segment.segment !== 1
    if (before !== undefined && isBroken) this.#nameMissingSegments(before + 1, segment.segment - 1)
    this.#segments.push(segment.segment)
    let isFirst = true
    for await (const line of segment.lines()) {
      if (!line.isWhole) {
        this.#note('TornLine', this.#seq + 1, `the last line is torn off after ${line.bytes.length} bytes`)
        continue
      }
      const body = bodyOf(line.bytes)
      if (isFirst && isBroken) this.#startAt(body)
      this.#readLine(line, body)
      if (isFirst) this.#readHeader(segment, body)
      isFirst = false
    }
  }

  /** What there is to say when all segments were read. */
  finish(): ChainReport {
    if (this.#suspect !== undefined) this.#nameChanged(this.#suspect)
    for (const seq of this.#missing) this.#problem('Missing', seq, 'the record is missing')
    if (!this.#isEnded) {
      const unsigned = this.#seq - this.#lastSigned
      const unproven = unsigned > 0 ? `, and no signature stands behind its last ${unsigned} lines` : ''
      this.#note('OpenEnd', this.#seq, `the chain has no end${unproven}`)
    }
    return {
      chain: this.#chain,
      segments: this.#segments,
      lastSeq: this.#seq,
      decisions: this.#records.decision,
      corrections: this.#records.correction,
      undecided: this.#records.undecided,
      dropped: this.#records.dropped,
      publicKey: this.#publicKey,
      firstTime: this.#firstTime,
      lastTime: this.#lastTime,
      isEnded: this.#isEnded,
    }
  }

  #nameMissingSegments(from: number, to: number): void {
    for (let segment = from; segment <= to; segment++) {
      this.#add('problem', 'MissingSegment', undefined, `\`${segmentFile(this.#chain, segment)}\` is missing`)
    }
  }

  /** After missing segments the chain goes on where the header says; the header is signed. */
  #startAt(body: Body | undefined): void {
    const { seq, prev } = body ?? {}
    if (typeof seq !== 'number' || typeof prev !== 'string') return
    this.#seq = seq - 1
    this.#hash = prev
    this.#suspect = undefined
  }

  #readHeader(segment: SegmentSource, body: Body | undefined): void {
    const { kind, chain, segment: number, publicKey, pruned } = body ?? {}
    if (kind !== 'segment' || chain !== segment.chain || number !== segment.segment) {
      this.#problem('Changed', this.#seq, 'the first line is not the header of this segment')
      return
    }
    if (isRecord(pruned)) this.#readPruned(pruned)
    if (typeof publicKey === 'string') this.#publicKey = publicKey
  }

  /** The key of a header is used for its own signature already. */
  #readKey({ publicKey }: Body): void {
    const own = typeof publicKey === 'string' ? readPublicKey(publicKey) : undefined
    const expected = this.#trusted ?? this.#key
    if (own === undefined || (expected !== undefined && !own.equals(expected))) this.#problem('WrongKey', this.#seq, 'the segment is signed by another key')
    this.#key = own ?? this.#key
  }

  #readLine({ bytes }: RawLine, body: Body | undefined): void {
    const { seq, prev } = body ?? {}
    const hash = hashOfLine(bytes)
    const expected = this.#seq + 1
    if (this.#suspect !== undefined) {
      // The line after it names the second one as it stands: so the first one was changed, else the second.
      this.#nameChanged(prev === this.#hash ? this.#suspect : this.#suspect + 1)
      this.#suspect = undefined
      if (prev !== this.#hash && seq === expected) {
        this.#accept(expected, hash, bytes, body)
        return
      }
    }
    if (prev === this.#hash || typeof seq !== 'number') {
      if (seq !== expected) this.#nameChanged(expected)
      this.#accept(expected, hash, bytes, body)
      return
    }
    if (seq === expected) {
      this.#suspect = expected - 1
      this.#accept(expected, hash, bytes, body)
      return
    }
    if (seq > expected) {
      for (let missing = expected; missing < seq && this.#missing.size < REMEMBERED; missing++) this.#missing.add(missing)
      this.#accept(seq, hash, bytes, body)
      return
    }
    if (this.#missing.delete(seq)) {
      this.#problem('Reordered', seq, `the record stands behind that of number ${this.#seq}`)
      this.#remember(seq, hash)
      this.#judge(seq, hash, bytes, body)
    } else if (this.#recent.get(seq) === hash || !this.#recent.has(seq)) this.#problem('Repeated', seq, 'the record stands here once more')
    else this.#problem('Changed', seq, 'the record stands here once more, and is another')
  }

  #accept(seq: number, hash: string, bytes: Buffer, body: Body | undefined): void {
    this.#seq = seq
    this.#hash = hash
    this.#remember(seq, hash)
    this.#judge(seq, hash, bytes, body)
    // Of a record that stands elsewhere the time says nothing.
    this.#readTime(seq, body?.['time'])
  }

  #remember(seq: number, hash: string): void {
    this.#recent.set(seq, hash)
    this.#recent.delete(seq - REMEMBERED)
  }

  /** What a line says, wherever it stands. */
  #judge(seq: number, hash: string, bytes: Buffer, body: Body | undefined): void {
    if (body === undefined) {
      this.#nameChanged(seq)
      return
    }
    const anchor = this.#anchors.get(seq)
    if (anchor !== undefined && anchor !== hash) this.#nameChanged(seq)
    const { kind, missing, pruned } = body
    if (kind === 'segment') this.#readKey(body)
    if (SIGNED.has(kind)) this.#checkSignature(seq, bytes)
    if (kind === 'decision' || kind === 'correction' || kind === 'undecided') this.#records[kind] += 1
    if (kind === 'gap') {
      const count = sumOf(missing)
      this.#records.dropped += count
      const reasons = isRecord(missing) ? Object.entries(missing).map(([reason, of]) => `${String(of)} ${reason}`) : []
      this.#note('Dropped', seq, `the log itself says that ${count} records could not be written: ${reasons.join(', ')}`)
    }
    if (kind === 'pruned' && isRecord(pruned)) this.#readPruned(pruned)
    this.#isEnded = kind === 'end'
  }

  #checkSignature(seq: number, bytes: Buffer): void {
    const verdict = this.#key === undefined ? 'bad' : checkSignature(bytes.toString('utf8'), this.#key)
    if (verdict === 'good') this.#lastSigned = Math.max(seq, this.#lastSigned)
    else this.#nameChanged(seq, 'its signature does not hold')
  }

  #readPruned(pruned: Body): void {
    for (const [chain, segment] of Object.entries(pruned)) if (typeof segment === 'number') this.#onPruned(chain, segment)
  }

  #readTime(seq: number, time: unknown): void {
    const ms = typeof time === 'string' ? Date.parse(time) : Number.NaN
    if (Number.isNaN(ms) || typeof time !== 'string') return
    this.#firstTime ??= time
    this.#lastTime = time
    const back = this.#timeMs - ms
    if (back > 0) {
      const message = `the clock ran backwards by ${back} ms, to ${time}`
      if (back < ADJUSTMENT_MS) this.#note('ClockBackwards', seq, message)
      else this.#problem('ClockBackwards', seq, message)
    }
    this.#timeMs = ms
  }

  #nameChanged(seq: number, why = 'its digest is not the one that the chain names'): void {
    if (this.#changed.has(seq)) return
    this.#changed.add(seq)
    this.#problem('Changed', seq, `the record was changed: ${why}`)
  }

  #problem(code: FindingCode, seq: number, message: string): void {
    this.#add('problem', code, seq, message)
  }

  #note(code: FindingCode, seq: number, message: string): void {
    this.#add('note', code, seq, message)
  }

  #add(severity: 'problem' | 'note', code: FindingCode, seq: number | undefined, message: string): void {
    this.#findings.add({ severity, code, chain: this.#chain, file: this.#file, ...(seq === undefined ? {} : { seq }), message })
  }
}
