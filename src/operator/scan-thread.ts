import { Worker } from 'node:worker_threads'
import type { Logger, ScanState } from '../evidence/index.ts'
import type { FromScan, ScanThreadData, ToScan } from './scan-messages.ts'

export interface ScanThreadOptions {
  readonly data: () => ScanThreadData
  readonly logger: Logger
  readonly onState: (state: ScanState, isNews: boolean) => void
  /** Called where the thread has ended by itself; it is started again. */
  readonly onCrash: () => void
  /** The file that runs in the thread; the scan unless said otherwise. */
  readonly entry?: URL
}

/** Beside source files runs a source file, beside built ones a built one. */
const EXTENSION = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
const SCAN = new URL(`./scan-worker.${EXTENSION}`, import.meta.url)
const LIMITS = { maxOldGenerationSizeMb: 224, maxYoungGenerationSizeMb: 16 }
/** What counts until it is told otherwise. */
const UNTOLD: ToScan = { policiesInForce: -1, reviewsPerSecond: 0 }
const FIRST_RETRY_MS = 1_000
const LONGEST_RETRY_MS = 60_000
/** A thread that has run that long counts as sound. */
const SOUND_MS = 120_000

/** Runs the scan in a thread of its own, and starts it again where it ends. */
export class ScanThread {
  readonly #options: ScanThreadOptions
  #worker: Worker | undefined
  #timer: NodeJS.Timeout | undefined
  #retryMs = FIRST_RETRY_MS
  #isWanted = false
  #told: ToScan | undefined

  constructor(options: ScanThreadOptions) {
    this.#options = options
  }

  /** Starts, unless it runs. */
  start(): void {
    if (this.#isWanted) return
    this.#isWanted = true
    this.#run()
  }

  /** Stops, and forgets what it knew. */
  async stop(): Promise<void> {
    this.#isWanted = false
    clearTimeout(this.#timer)
    const worker = this.#worker
    this.#worker = undefined
    await worker?.terminate()
  }

  /** Tells the thread what has changed; one that is started later is told, too. */
  tell(news: Partial<ToScan>): void {
    this.#told = { ...UNTOLD, ...this.#told, ...news }
    this.#worker?.postMessage(this.#told)
  }

  #run(): void {
    const { logger, onState, onCrash, entry = SCAN } = this.#options
    const startedMs = Date.now()
    const worker = new Worker(entry, {
      name: 'scan',
      workerData: this.#options.data(),
      resourceLimits: LIMITS,
    })
    this.#worker = worker
    if (this.#told !== undefined) worker.postMessage(this.#told)
    worker.on('message', (message: FromScan) => {
      if (this.#worker !== worker) return
      if (message.kind === 'state') onState(message.state, message.isNews)
      else logger[message.severity](message.message, { ...message.fields, thread: 'scan' })
    })
    worker.on('error', (error: unknown) => {
      logger.error('the scan failed', { error: error instanceof Error ? error.message : String(error) })
    })
    worker.on('exit', (code) => {
      if (this.#worker !== worker || !this.#isWanted) return
      this.#worker = undefined
      if (Date.now() - startedMs > SOUND_MS) this.#retryMs = FIRST_RETRY_MS
      logger.error('the scan ended and is started again', { code, retryMs: this.#retryMs })
      onCrash()
      this.#timer = setTimeout(() => this.#run(), this.#retryMs)
      this.#retryMs = Math.min(this.#retryMs * 2, LONGEST_RETRY_MS)
    })
  }
}
