import type { Cell, Families, SeriesFamily } from './series.ts'

const FATES = ['written', 'repeated', 'dropped', 'failed'] as const

/** What only a look at the running operator tells. */
export interface Vitals {
  readonly isReady: boolean
  readonly isLeader: boolean
  /** End of the certificate that is served, in milliseconds; 0 where there is none yet. */
  readonly certificateEndMs: number
}

/** What runs. */
export interface Build {
  readonly version: string
  readonly node: string
  readonly celDialect: string
}

/** How Bylaw itself is, and how it gets on with the API server. */
export class ClusterMetrics {
  readonly #families: Families
  readonly #drift: Cell
  readonly #watchRestarts: Cell
  readonly #events: SeriesFamily
  #vitals: () => Vitals = () => ({ isReady: false, isLeader: false, certificateEndMs: 0 })

  constructor(families: Families) {
    this.#families = families
    this.#drift = families.counter('bylaw_registration_drift_total', 'Changes of the registrations by others that were repaired').cell()
    this.#watchRestarts = families.counter('bylaw_watch_restarts_total', 'Watches on the API server that had to be started again').cell()
    this.#events = families.counter('bylaw_events_total', 'Kubernetes Events by what became of them', ['outcome'])
    for (const fate of FATES) this.#events.cell(fate)
    families.figure('bylaw_ready', '1 while this instance answers reviews by its policies', () => (this.#vitals().isReady ? 1 : 0))
    families.figure('bylaw_leader', '1 for the instance that writes status, registrations and reports', () => (this.#vitals().isLeader ? 1 : 0))
    const expiry = 'When the serving certificate ends; 0 before there is one'
    families.figure('bylaw_certificate_expiry_timestamp_seconds', expiry, () => this.#vitals().certificateEndMs / 1000)
  }

  /** Says where to look how the operator is. */
  observe(vitals: () => Vitals): void {
    this.#vitals = vitals
  }

  recordBuild({ version, node, celDialect }: Build): void {
    this.#families.gauge('bylaw_build_info', '1 for what runs', ['version', 'node', 'cel_dialect']).cell(version, node, celDialect).value = 1
  }

  recordEvent(fate: (typeof FATES)[number]): void {
    this.#events.cell(fate).value += 1
  }

  recordDrift(): void {
    this.#drift.value += 1
  }

  recordWatchRestart(): void {
    this.#watchRestarts.value += 1
  }
}
