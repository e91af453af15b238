import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  ChainLog,
  type ChainLogOptions,
  type DropReason,
  type EntryKind,
  type LogObserver,
  makeEvidenceKey,
  readSegments,
  signerOf,
  type VerifyOptions,
  verifyLog,
} from '../../../src/evidence/index.ts'

/** What a log told of itself. */
export class Told implements LogObserver {
  readonly written: Record<string, number> = {}
  readonly dropped: Record<string, number> = {}
  readonly failing: (DropReason | undefined)[] = []
  late = 0
  sampledOut = 0
  flushes = 0

  recordWritten(kind: EntryKind, count: number): void {
    this.written[kind] = (this.written[kind] ?? 0) + count
  }
  recordDropped(reason: DropReason, count: number): void {
    this.dropped[reason] = (this.dropped[reason] ?? 0) + count
  }
  recordSampledOut(): void {
    this.sampledOut += 1
  }
  recordLate(): void {
    this.late += 1
  }
  recordFlush(): void {
    this.flushes += 1
  }
  recordFailing(reason: DropReason | undefined): void {
    this.failing.push(reason)
  }
}

export const KEY = makeEvidenceKey()

/** A folder that goes away with `dispose`. */
export class Folder {
  readonly path: string

  constructor(path: string = mkdtempSync(join(tmpdir(), 'bylaw-log-'))) {
    this.path = path
  }

  files(): readonly string[] {
    return readdirSync(this.path).sort()
  }
  read(file: string): string {
    return readFileSync(join(this.path, file), 'utf8')
  }
  write(file: string, text: string): void {
    writeFileSync(join(this.path, file), text)
  }
  lines(): readonly Readonly<Record<string, unknown>>[] {
    return this.files().flatMap((file) =>
      this.read(file)
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line)),
    )
  }
  remove(file: string): void {
    rmSync(join(this.path, file))
  }
  dispose(): void {
    rmSync(this.path, { recursive: true, force: true })
  }
}

/** Makes a log in a folder. */
export function makeLog(folder: string, more: Partial<ChainLogOptions> = {}): { readonly log: ChainLog; readonly told: Told } {
  const told = new Told()
  const log = new ChainLog({
    folder,
    instance: 'pod-1',
    decisionPrefix: 'aa11bb22',
    durability: 'written',
    segmentBytes: 64 * 1024 * 1024,
    segmentAgeMs: 3_600_000,
    sampleAllows: 1,
    signer: signerOf(KEY),
    version: '0.1.0',
    cel: () => '1.37',
    now: () => new Date(),
    observer: told,
    ...more,
  })
  return { log, told }
}

let records = 0

/** Appends a record and waits until it is kept, or not. */
export async function put(log: ChainLog, { time = new Date(), ...more }: Readonly<Record<string, unknown>> & { readonly time?: Date } = {}): Promise<boolean> {
  records += 1
  const id = `aa11bb22-${records.toString(36)}`
  log.append({ body: JSON.stringify({ kind: 'decision', schemaVersion: 1, id, time, effect: 'allow', ...more }), kind: 'allow', time })
  return log.commit()
}

export async function putMany(log: ChainLog, count: number): Promise<void> {
  for (let index = 0; index < count; index++) await put(log)
}

/** What verification says of a folder, as `severity code seq`. */
export async function verdicts(folder: Folder, options: Omit<VerifyOptions, 'segments'> = {}): Promise<readonly string[]> {
  const { findings } = await verifyLog({ segments: await readSegments(folder.path), ...options })
  return findings.map(({ severity, code, seq }) => `${severity} ${code}${seq === undefined ? '' : ` ${seq}`}`)
}
