import { Counter, Histogram, type Registry } from 'prom-client'
import type { Decision, Effect, EvaluationErrorCode } from '../../decide/index.ts'

/** Why a review ended without a decision. */
export type UndecidedReason = 'notReady' | 'shed' | 'badRequest' | 'internalError' | 'tooLarge' | 'timedOut'

const EFFECTS: readonly Effect[] = ['allow', 'warn', 'deny']
const UNDECIDED: readonly UndecidedReason[] = ['notReady', 'shed', 'badRequest', 'internalError', 'tooLarge', 'timedOut']
const ERRORS: readonly EvaluationErrorCode[] = [
  'EvaluationFailed',
  'CostExceeded',
  'DeadlineExceeded',
  'NotCompiled',
  'ParamNotFound',
  'ParamUnknown',
  'ContextUnknown',
  'NamespaceUnknown',
  'WrongVersion',
]

/** What became of requests at the door, and how long it took. */
export class AdmissionMetrics {
  readonly #decisions: Counter<'effect' | 'dry_run'>
  readonly #errors: Counter<'code'>
  readonly #undecided: Counter<'reason' | 'failure_class'>
  readonly #duration: Histogram
  readonly #environmentUnknown: Counter<'reason'>

  constructor(registry: Registry) {
    const registers = [registry]
    this.#decisions = new Counter({ name: 'bylaw_decisions_total', help: 'Decisions by effect', labelNames: ['effect', 'dry_run'], registers })
    this.#errors = new Counter({ name: 'bylaw_rule_errors_total', help: 'Rules that could not be evaluated, by reason', labelNames: ['code'], registers })
    this.#undecided = new Counter({
      name: 'bylaw_reviews_undecided_total',
      help: 'Reviews answered without a decision, by reason and failure class of the registration',
      labelNames: ['reason', 'failure_class'],
      registers,
    })
    this.#duration = new Histogram({
      name: 'bylaw_review_duration_seconds',
      help: 'Time from the whole request read to the answer written',
      buckets: [0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5],
      registers,
    })
    this.#environmentUnknown = new Counter({
      name: 'bylaw_environment_unknown_total',
      help: 'Decisions at the strictest level because the environment was not known',
      labelNames: ['reason'],
      registers,
    })
    for (const effect of EFFECTS) for (const dry_run of ['true', 'false']) this.#decisions.inc({ effect, dry_run }, 0)
    for (const code of ERRORS) this.#errors.inc({ code }, 0)
    for (const reason of UNDECIDED) for (const failure_class of ['fail', 'ignore']) this.#undecided.inc({ reason, failure_class }, 0)
    for (const reason of ['NamespaceUnknown', 'LabelUnknown']) this.#environmentUnknown.inc({ reason }, 0)
  }

  recordDecision({ effect, environment, outcomes }: Decision, isDryRun: boolean): void {
    this.#decisions.inc({ effect, dry_run: String(isDryRun) })
    if (environment.kind === 'unknown') this.#environmentUnknown.inc({ reason: environment.reason })
    for (const outcome of outcomes) if (outcome.result === 'error') this.#errors.inc({ code: outcome.code })
  }

  recordUndecided(reason: UndecidedReason, failureClass: 'fail' | 'ignore'): void {
    this.#undecided.inc({ reason, failure_class: failureClass })
  }

  recordDuration(seconds: number): void {
    this.#duration.observe(seconds)
  }
}
