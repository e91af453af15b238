import { setTimeout as sleep } from 'node:timers/promises'

const LONGEST_REST_MS = 2_000

/** Lets one piece of work run at a time, so many a second at most, with a rest after each that is twice as long as the work was: the API server has others to serve. */
export class Pacer {
  readonly #intervalMs: number
  #last: Promise<void> = Promise.resolve()
  #waiting = 0

  constructor(perSecond: number) {
    this.#intervalMs = 1000 / perSecond
  }

  /** Whether some work runs or waits. */
  get isBusy(): boolean {
    return this.#waiting > 0
  }

  async turn<T>(work: () => Promise<T>): Promise<T> {
    const before = this.#last
    let release = (): void => {}
    this.#last = new Promise((resolve) => {
      release = resolve
    })
    this.#waiting += 1
    try {
      await before
      const startedMs = performance.now()
      try {
        return await work()
      } finally {
        const tookMs = performance.now() - startedMs
        // A page that took long for other reasons keeps nobody waiting longer than that.
        const restMs = Math.max(Math.min(2 * tookMs, LONGEST_REST_MS), this.#intervalMs - tookMs)
        void sleep(restMs, undefined, { ref: false }).then(release)
      }
    } finally {
      this.#waiting -= 1
    }
  }
}
