import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { Correction, CorrectionOutcome, Decision, Effect, EvaluationErrorCode } from '../decide/index.ts'
import type { RuleSet } from '../rules/index.ts'

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
const CORRECTIONS: readonly CorrectionOutcome['kind'][] = ['corrected', 'notCorrected', 'conflict']
const NO_ENVIRONMENT = 'unknown'

/** The figures that Prometheus reads. Labels come from closed lists, policy names and environments, never from objects. */
export class Metrics {
  readonly #registry = new Registry()
  readonly #decisions: Counter<'effect' | 'dry_run'>
  readonly #policyDecisions: Counter<'policy' | 'environment' | 'effect'>
  readonly #corrections: Counter<'policy' | 'environment' | 'outcome'>
  readonly #errors: Counter<'code'>
  readonly #undecided: Counter<'reason' | 'failure_class'>
  readonly #duration: Histogram
  readonly #policies: Gauge<'state'>
  readonly #ruleSet: Gauge<'revision'>
  readonly #drift: Counter
  readonly #environmentUnknown: Counter<'reason'>
  readonly #watchRestarts: Counter
  #breakGlassUntilMs = 0

  constructor() {
    const registers = [this.#registry]
    collectDefaultMetrics({ register: this.#registry, prefix: 'bylaw_' })
    this.#decisions = new Counter({ name: 'bylaw_decisions_total', help: 'Decisions by effect', labelNames: ['effect', 'dry_run'], registers })
    this.#policyDecisions = new Counter({
      name: 'bylaw_policy_decisions_total',
      help: 'Effects of a policy by environment, dry runs aside',
      labelNames: ['policy', 'environment', 'effect'],
      registers,
    })
    this.#corrections = new Counter({
      name: 'bylaw_corrections_total',
      help: 'What became of objects under a policy at level Correct by environment, dry runs aside',
      labelNames: ['policy', 'environment', 'outcome'],
      registers,
    })
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
    this.#policies = new Gauge({ name: 'bylaw_policies', help: 'Policies by state', labelNames: ['state'], registers })
    this.#ruleSet = new Gauge({ name: 'bylaw_rule_set_info', help: '1 for the revision in force', labelNames: ['revision'], registers })
    this.#drift = new Counter({ name: 'bylaw_registration_drift_total', help: 'Changes of the registrations by others that were repaired', registers })
    this.#environmentUnknown = new Counter({
      name: 'bylaw_environment_unknown_total',
      help: 'Decisions at the strictest level because the environment was not known',
      labelNames: ['reason'],
      registers,
    })
    this.#watchRestarts = new Counter({ name: 'bylaw_watch_restarts_total', help: 'Watches on the API server that had to be started again', registers })
    const isTurnedDown = (): number => (Date.now() < this.#breakGlassUntilMs ? 1 : 0)
    new Gauge({
      name: 'bylaw_break_glass_active',
      help: '1 while a break-glass turns every level down to Warn',
      registers,
      // Its end is a matter of the clock, not of an event.
      collect() {
        this.set(isTurnedDown())
      },
    })
    for (const effect of EFFECTS) for (const dry_run of ['true', 'false']) this.#decisions.inc({ effect, dry_run }, 0)
    for (const code of ERRORS) this.#errors.inc({ code }, 0)
    for (const reason of UNDECIDED) for (const failure_class of ['fail', 'ignore']) this.#undecided.inc({ reason, failure_class }, 0)
    for (const reason of ['NamespaceUnknown', 'LabelUnknown']) this.#environmentUnknown.inc({ reason }, 0)
    for (const state of ['compiled', 'invalid']) this.#policies.set({ state }, 0)
  }

  recordDecision({ effect, environment, outcomes }: Decision, isDryRun: boolean): void {
    this.#decisions.inc({ effect, dry_run: String(isDryRun) })
    if (environment.kind === 'unknown') this.#environmentUnknown.inc({ reason: environment.reason })
    for (const outcome of outcomes) if (outcome.result === 'error') this.#errors.inc({ code: outcome.code })
    if (isDryRun) return
    const name = environment.kind === 'known' ? environment.name : NO_ENVIRONMENT
    for (const [policy, own] of outcomes.length === 0 ? [] : Map.groupBy(outcomes, ({ rule }) => rule.policy.name)) {
      if (own.every(({ result }) => result === 'skip')) continue
      const strongest = EFFECTS.findLast((candidate) => own.some((outcome) => outcome.effect === candidate)) ?? 'allow'
      this.#policyDecisions.inc({ policy, environment: name, effect: strongest })
    }
  }

  recordCorrection({ environment, outcomes }: Correction, isDryRun: boolean): void {
    if (isDryRun) return
    const name = environment.kind === 'known' ? environment.name : NO_ENVIRONMENT
    for (const { kind, policy } of outcomes) this.#corrections.inc({ policy: policy.name, environment: name, outcome: kind })
  }

  recordUndecided(reason: UndecidedReason, failureClass: 'fail' | 'ignore'): void {
    this.#undecided.inc({ reason, failure_class: failureClass })
  }

  recordDuration(seconds: number): void {
    this.#duration.observe(seconds)
  }

  recordDrift(): void {
    this.#drift.inc()
  }

  recordWatchRestart(): void {
    this.#watchRestarts.inc()
  }

  /** Publishes a new rule set: its revision, and every series of its policies at zero. */
  recordRuleSet({ revision, policies, profile, breakGlass }: RuleSet): void {
    this.#breakGlassUntilMs = breakGlass === undefined ? 0 : Date.parse(breakGlass.until)
    this.#ruleSet.reset()
    this.#ruleSet.set({ revision }, 1)
    const isInvalid = policies.filter(({ issues }) => issues.some(({ severity }) => severity === 'error')).length
    this.#policies.set({ state: 'compiled' }, policies.length - isInvalid)
    this.#policies.set({ state: 'invalid' }, isInvalid)
    for (const { identity, mutations } of policies) {
      for (const name of [...profile.spec.environments.map((environment) => environment.name), NO_ENVIRONMENT]) {
        for (const outcome of mutations.length === 0 ? [] : CORRECTIONS) this.#corrections.inc({ policy: identity.name, environment: name, outcome }, 0)
        for (const effect of EFFECTS) this.#policyDecisions.inc({ policy: identity.name, environment: name, effect }, 0)
      }
    }
  }

  /** The exposition text and its content type. */
  async expose(): Promise<{ readonly contentType: string; readonly text: string }> {
    return { contentType: this.#registry.contentType, text: await this.#registry.metrics() }
  }
}
