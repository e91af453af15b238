import { collectDefaultMetrics, Registry } from 'prom-client'
import type { AdmissionRequest } from '../../api/index.ts'
import type { Correction, Decision } from '../../decide/index.ts'
import type { RuleSet } from '../../rules/index.ts'
import { AdmissionMetrics } from './admission-metrics.ts'
import { ClusterMetrics } from './cluster-metrics.ts'
import { CoverageMetrics } from './coverage-metrics.ts'
import { PolicyMetrics } from './policy-metrics.ts'
import { RuleSetMetrics } from './rule-set-metrics.ts'
import { ScanMetrics } from './scan-metrics.ts'
import { Families } from './series.ts'

/** Gauges of the library that are named as if they were counters, which Prometheus' own check refuses. */
const MISNAMED = ['bylaw_nodejs_active_handles_total', 'bylaw_nodejs_active_requests_total', 'bylaw_nodejs_active_resources_total']

/** The figures that Prometheus reads. Labels come from closed lists, policy names and environments, never from objects. */
export class Metrics {
  /** Where parts register what they count by means of the library. */
  readonly registry = new Registry()
  readonly #families = new Families()
  readonly admission = new AdmissionMetrics(this.#families)
  readonly policies = new PolicyMetrics(this.#families)
  readonly coverage = new CoverageMetrics(this.#families)
  readonly scan = new ScanMetrics(this.#families)
  readonly ruleSet: RuleSetMetrics
  readonly cluster = new ClusterMetrics(this.#families)
  readonly #nowMs: () => number

  constructor(nowMs: () => number = Date.now) {
    this.#nowMs = nowMs
    this.ruleSet = new RuleSetMetrics(this.#families, nowMs)
    collectDefaultMetrics({ register: this.registry, prefix: 'bylaw_' })
    for (const name of MISNAMED) this.registry.removeSingleMetric(name)
  }

  recordDecision(decision: Decision, request: Pick<AdmissionRequest, 'resource' | 'dryRun'>): void {
    this.admission.recordDecision(decision, request)
    this.coverage.recordDecision(decision, request)
    this.policies.recordEvaluations(decision.evaluations)
    this.policies.recordDecision(decision, request.dryRun)
  }

  recordCorrection(correction: Correction, { dryRun }: Pick<AdmissionRequest, 'dryRun'>): void {
    if (!dryRun) this.policies.recordCorrection(correction)
  }

  /** Publishes a new rule set: its revision, and every series of its policies at zero. */
  recordRuleSet(ruleSet: RuleSet): void {
    this.ruleSet.record(ruleSet, this.#nowMs())
    this.policies.recordRuleSet(ruleSet)
    this.scan.recordRuleSet(ruleSet)
  }

  /** The exposition text and its content type. Reviews get their turn between two families. */
  async expose(): Promise<{ readonly contentType: string; readonly text: string }> {
    let text = await this.registry.metrics()
    for (const family of this.#families) {
      await new Promise((resolve) => setImmediate(resolve))
      text += family.text()
    }
    return { contentType: this.registry.contentType, text }
  }
}
