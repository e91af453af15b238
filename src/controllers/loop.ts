import type { Logger } from '../evidence/index.ts'

const FIRST_RETRY_MS = 250
const LONGEST_RETRY_MS = 30_000

/** Runs a piece of level-based work whenever it was asked for: one run at a time, requests in between come together in one more run, failures are tried again ever later. */
export class Loop {
  readonly #name: string
  readonly #work: () => Promise<void>
  readonly #logger: Logger
  readonly #settleMs: number
  #timer: NodeJS.Timeout | undefined
  #ticker: NodeJS.Timeout | undefined
  #isRunning = false
  #isWanted = false
  #isStopped = false
  #retryMs = FIRST_RETRY_MS

  /** `settleMs` is the time that requests are gathered before a run. */
  constructor(name: string, work: () => Promise<void>, logger: Logger, settleMs = 0) {
    this.#name = name
    this.#work = work
    this.#logger = logger
    this.#settleMs = settleMs
  }

  /** Asks for a run; `delayMs` postpones it unless one is due earlier. */
  request(delayMs = this.#settleMs): void {
    if (this.#isStopped) return
    if (this.#isRunning) {
      this.#isWanted = true
      return
    }
    this.#timer ??= setTimeout(() => void this.#run(), delayMs)
  }

  /** From now on also asks for a run by itself, once in so many milliseconds; that alone keeps no process alive. */
  every(intervalMs: number): void {
    this.#ticker ??= setInterval(() => this.request(), intervalMs).unref()
  }

  /** Stops; a run under way ends by itself. */
  stop(): void {
    this.#isStopped = true
    clearTimeout(this.#timer)
    clearInterval(this.#ticker)
  }

  async #run(): Promise<void> {
    this.#timer = undefined
    this.#isRunning = true
    this.#isWanted = false
    let retryMs: number | undefined
    try {
      await this.#work()
      this.#retryMs = FIRST_RETRY_MS
    } catch (error) {
      retryMs = this.#retryMs
      this.#retryMs = Math.min(this.#retryMs * 2, LONGEST_RETRY_MS)
      this.#logger.warn('work failed and will be tried again', { loop: this.#name, retryMs, error: error instanceof Error ? error.message : String(error) })
    }
    this.#isRunning = false
    if (retryMs !== undefined) this.request(retryMs)
    else if (this.#isWanted) this.request()
  }
}
