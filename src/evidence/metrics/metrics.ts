import { collectDefaultMetrics, Registry } from 'prom-client'
import type { Correction, Decision } from '../../decide/index.ts'
import type { RuleSet } from '../../rules/index.ts'
import { AdmissionMetrics } from './admission-metrics.ts'
import { ClusterMetrics } from './cluster-metrics.ts'
import { PolicyMetrics } from './policy-metrics.ts'
import { RuleSetMetrics } from './rule-set-metrics.ts'

/** The figures that Prometheus reads. Labels come from closed lists, policy names and environments, never from objects. */
export class Metrics {
  /** Where every part registers what it counts. */
  readonly registry = new Registry()
  readonly admission = new AdmissionMetrics(this.registry)
  readonly policies = new PolicyMetrics(this.registry)
  readonly ruleSet = new RuleSetMetrics(this.registry)
  readonly cluster = new ClusterMetrics(this.registry)

  constructor() {
    collectDefaultMetrics({ register: this.registry, prefix: 'bylaw_' })
  }

  recordDecision(decision: Decision, isDryRun: boolean): void {
    this.admission.recordDecision(decision, isDryRun)
    if (!isDryRun) this.policies.recordDecision(decision)
  }

  recordCorrection(correction: Correction, isDryRun: boolean): void {
    if (!isDryRun) this.policies.recordCorrection(correction)
  }

  /** Publishes a new rule set: its revision, and every series of its policies at zero. */
  recordRuleSet(ruleSet: RuleSet): void {
    this.ruleSet.record(ruleSet)
    this.policies.recordRuleSet(ruleSet)
  }

  /** The exposition text and its content type. */
  async expose(): Promise<{ readonly contentType: string; readonly text: string }> {
    return { contentType: this.registry.contentType, text: await this.registry.metrics() }
  }
}
