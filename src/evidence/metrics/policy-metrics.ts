import type { EnforcementLevel } from '../../api/index.ts'
import type { Correction, CorrectionOutcome, Decision, Effect, EvaluationErrorCode } from '../../decide/index.ts'
import { type EnforcedPolicy, isDenying, type RuleSet, rankOfLevel } from '../../rules/index.ts'
import type { Cell, Families, SeriesFamily } from './series.ts'

const EFFECTS: readonly Effect[] = ['allow', 'warn', 'deny']
const CORRECTIONS: readonly CorrectionOutcome['kind'][] = ['corrected', 'notCorrected', 'conflict']
const NO_ENVIRONMENT = 'unknown'

/** What a policy can come to at a level. */
const effectsAt = (level: EnforcementLevel): readonly Effect[] => EFFECTS.slice(0, level === 'Observe' ? 1 : level === 'Warn' ? 2 : 3)

/** Errors that can come of requests; `WrongVersion` and those of parameters only where there is reason. */
function errorsOf({ issues, policy }: EnforcedPolicy): readonly EvaluationErrorCode[] {
  return [
    'EvaluationFailed',
    'CostExceeded',
    'DeadlineExceeded',
    'NamespaceUnknown',
    ...(policy.spec.paramKind === undefined ? [] : (['ParamNotFound', 'ParamUnknown'] as const)),
    ...(policy.spec.context.length === 0 ? [] : (['ContextUnknown'] as const)),
    ...(issues.some(({ severity }) => severity === 'error') ? (['NotCompiled'] as const) : []),
  ]
}

/** The series of one policy, looked up by what a decision says. */
interface PolicyCells {
  /** By environment, then by level and effect. */
  readonly decisions: Map<string, (Cell | undefined)[]>
  readonly errors: Map<EvaluationErrorCode, Cell>
  readonly evaluations: Cell
  readonly cost: Cell
}

/** What each policy came to, dry runs aside; errors and cost tell of the policy, so that dry runs count there. */
export class PolicyMetrics {
  readonly #decisions: SeriesFamily
  readonly #corrections: SeriesFamily
  readonly #errors: SeriesFamily
  readonly #evaluations: SeriesFamily
  readonly #cost: SeriesFamily
  readonly #byPolicy = new Map<string, PolicyCells>()

  constructor(families: Families) {
    this.#decisions = families.counter('bylaw_policy_decisions_total', 'Effects of a policy by environment and level, dry runs aside', [
      'policy',
      'environment',
      'level',
      'effect',
    ])
    const corrections = 'What became of objects under a policy at level Correct by environment, dry runs aside'
    this.#corrections = families.counter('bylaw_corrections_total', corrections, ['policy', 'environment', 'outcome'])
    this.#errors = families.counter('bylaw_rule_errors_total', 'Rules that could not be evaluated, by policy and reason', ['policy', 'code'])
    this.#evaluations = families.counter('bylaw_policy_evaluations_total', 'Requests for which a policy was evaluated', ['policy'])
    this.#cost = families.counter('bylaw_policy_cost_total', 'Cost of the expressions of a policy in units of Kubernetes', ['policy'])
  }

  /** Takes note of what it took to judge. */
  recordEvaluations(evaluations: readonly { readonly policy: string; readonly cost: number }[]): void {
    for (const { policy, cost } of evaluations) {
      const cells = this.#cellsOf(policy)
      cells.evaluations.value += 1
      cells.cost.value += cost
    }
  }

  recordDecision({ environment, outcomes }: Decision, isDryRun: boolean): void {
    const environmentName = environment.kind === 'known' ? environment.name : NO_ENVIRONMENT
    let policy = ''
    let level: EnforcementLevel | undefined
    let strongest: Effect = 'allow'
    // Outcomes of one policy stand together.
    for (const outcome of outcomes) {
      const { name } = outcome.rule.policy
      if (name !== policy) {
        if (level !== undefined && !isDryRun) this.#decisionCell(policy, environmentName, level, strongest).value += 1
        policy = name
        level = undefined
        strongest = 'allow'
      }
      if (outcome.result === 'skip') continue
      if (outcome.result === 'error') this.#errorCell(name, outcome.code).value += 1
      level = outcome.level
      if (outcome.effect === 'deny' || strongest === 'allow') strongest = outcome.effect
    }
    if (level !== undefined && !isDryRun) this.#decisionCell(policy, environmentName, level, strongest).value += 1
  }

  recordCorrection({ environment, outcomes }: Correction): void {
    const name = environment.kind === 'known' ? environment.name : NO_ENVIRONMENT
    for (const { kind, policy } of outcomes) this.#corrections.cell(policy.name, name, kind).value += 1
  }

  /** Makes every series of the policies in force, at zero; those of policies that are gone go, and those of levels that are not in force any more where they never counted. */
  recordRuleSet({ policies, profile, breakGlass }: RuleSet): void {
    const names = new Set(policies.map(({ identity }) => identity.name))
    for (const name of this.#byPolicy.keys()) if (!names.has(name)) this.#byPolicy.delete(name)
    const isOfPolicy = ([name = '']: readonly string[]): boolean => names.has(name)
    for (const family of [this.#corrections, this.#errors, this.#evaluations, this.#cost]) family.retain(isOfPolicy)
    this.#decisions.retain((labels, { value }) => value > 0 && isOfPolicy(labels))
    for (const { decisions } of this.#byPolicy.values()) decisions.clear()
    const environments = profile.spec.environments.map(({ name }) => name)
    for (const policy of policies) {
      const { name } = policy.identity
      for (const code of errorsOf(policy)) this.#errorCell(name, code)
      for (const environment of [...environments, NO_ENVIRONMENT]) {
        const { level } = policy.levels.byEnvironment.get(environment) ?? { level: policy.levels.strictest }
        const levels: readonly EnforcementLevel[] = breakGlass !== undefined && isDenying(level) ? [level, 'Warn'] : [level]
        for (const each of levels) for (const effect of effectsAt(each)) this.#decisionCell(name, environment, each, effect)
        for (const outcome of policy.mutations.length === 0 ? [] : CORRECTIONS) this.#corrections.cell(name, environment, outcome)
      }
    }
  }

  #cellsOf(policy: string): PolicyCells {
    const known = this.#byPolicy.get(policy)
    if (known !== undefined) return known
    const fresh = {
      decisions: new Map<string, (Cell | undefined)[]>(),
      errors: new Map<EvaluationErrorCode, Cell>(),
      evaluations: this.#evaluations.cell(policy),
      cost: this.#cost.cell(policy),
    }
    this.#byPolicy.set(policy, fresh)
    return fresh
  }

  #decisionCell(policy: string, environment: string, level: EnforcementLevel, effect: Effect): Cell {
    const { decisions } = this.#cellsOf(policy)
    let cells = decisions.get(environment)
    if (cells === undefined) {
      cells = []
      decisions.set(environment, cells)
    }
    const index = rankOfLevel(level) * EFFECTS.length + EFFECTS.indexOf(effect)
    const known = cells[index]
    if (known !== undefined) return known
    const fresh = this.#decisions.cell(policy, environment, level, effect)
    cells[index] = fresh
    return fresh
  }

  #errorCell(policy: string, code: EvaluationErrorCode): Cell {
    const { errors } = this.#cellsOf(policy)
    const known = errors.get(code)
    if (known !== undefined) return known
    const fresh = this.#errors.cell(policy, code)
    errors.set(code, fresh)
    return fresh
  }
}
