import { Counter, type Registry } from 'prom-client'

/** How Bylaw gets on with the API server. */
export class ClusterMetrics {
  readonly #drift: Counter
  readonly #watchRestarts: Counter

  constructor(registry: Registry) {
    const registers = [registry]
    this.#drift = new Counter({ name: 'bylaw_registration_drift_total', help: 'Changes of the registrations by others that were repaired', registers })
    this.#watchRestarts = new Counter({ name: 'bylaw_watch_restarts_total', help: 'Watches on the API server that had to be started again', registers })
  }

  recordDrift(): void {
    this.#drift.inc()
  }

  recordWatchRestart(): void {
    this.#watchRestarts.inc()
  }
}
