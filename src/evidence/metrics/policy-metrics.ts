import { Counter, type Registry } from 'prom-client'
import type { Correction, CorrectionOutcome, Decision, Effect } from '../../decide/index.ts'
import type { RuleSet } from '../../rules/index.ts'

const EFFECTS: readonly Effect[] = ['allow', 'warn', 'deny']
const CORRECTIONS: readonly CorrectionOutcome['kind'][] = ['corrected', 'notCorrected', 'conflict']
const NO_ENVIRONMENT = 'unknown'

/** What each policy came to, dry runs aside. */
export class PolicyMetrics {
  readonly #decisions: Counter<'policy' | 'environment' | 'effect'>
  readonly #corrections: Counter<'policy' | 'environment' | 'outcome'>

  constructor(registry: Registry) {
    const registers = [registry]
    this.#decisions = new Counter({
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
  }

  recordDecision({ environment, outcomes }: Decision): void {
    const name = environment.kind === 'known' ? environment.name : NO_ENVIRONMENT
    for (const [policy, own] of outcomes.length === 0 ? [] : Map.groupBy(outcomes, ({ rule }) => rule.policy.name)) {
      if (own.every(({ result }) => result === 'skip')) continue
      const strongest = EFFECTS.findLast((candidate) => own.some((outcome) => outcome.effect === candidate)) ?? 'allow'
      this.#decisions.inc({ policy, environment: name, effect: strongest })
    }
  }

  recordCorrection({ environment, outcomes }: Correction): void {
    const name = environment.kind === 'known' ? environment.name : NO_ENVIRONMENT
    for (const { kind, policy } of outcomes) this.#corrections.inc({ policy: policy.name, environment: name, outcome: kind })
  }

  /** Makes every series of the policies in force, at zero. */
  recordRuleSet({ policies, profile }: RuleSet): void {
    for (const { identity, mutations } of policies) {
      for (const name of [...profile.spec.environments.map((environment) => environment.name), NO_ENVIRONMENT]) {
        for (const outcome of mutations.length === 0 ? [] : CORRECTIONS) this.#corrections.inc({ policy: identity.name, environment: name, outcome }, 0)
        for (const effect of EFFECTS) this.#decisions.inc({ policy: identity.name, environment: name, effect }, 0)
      }
    }
  }
}
