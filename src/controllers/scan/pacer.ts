import { setTimeout as sleep } from 'node:timers/promises'

const LONGEST_REST_MS = 2_000
/** So many reviews a second double the rests, twice as many treble them. */
const REVIEWS_PER_REST = 25

/** How long to rest after work that took so long, in milliseconds, where it may begin once in an interval and admission is so busy. */
export function restMs(tookMs: number, intervalMs: number, reviewsPerSecond: number): number {
  const leastMs = intervalMs - tookMs
  const wantedMs = Math.max(2 * tookMs, leastMs) * (1 + reviewsPerSecond / REVIEWS_PER_REST)
  // A page that took long for other reasons keeps nobody waiting longer than that.
  return Math.max(Math.min(wantedMs, LONGEST_REST_MS), leastMs)
}

/**
 * Lets one piece of work run at a time, so many a second at most, with a rest after each that is twice as long as the work was, and longer while admission
 * is busy: the API server has others to serve, and nobody waits for a scan.
 */
export class Pacer {
  readonly #intervalMs: number
  readonly #reviewsPerSecond: () => number
  #last: Promise<void> = Promise.resolve()
  #waiting = 0

  constructor(perSecond: number, reviewsPerSecond: () => number) {
    this.#intervalMs = 1000 / perSecond
    this.#reviewsPerSecond = reviewsPerSecond
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
        void sleep(restMs(tookMs, this.#intervalMs, this.#reviewsPerSecond()), undefined, { ref: false }).then(release)
      }
    } finally {
      this.#waiting -= 1
    }
  }
}
