import { type Bindings, type CelValue, CostBudget, Lazy } from '../cel/index.ts'
import type { CompiledNative, CompiledText, NativePolicy } from './eval-native.ts'

/** Kubernetes' budget for the match conditions of a policy. */
const MATCH_CONDITION_COST = 2_500_000
/** And for its validations with their messages, for its audit annotations, and for each mutation. */
export const POLICY_COST = 10_000_000

/** What an expression gave; `none` where there is none. */
export type Outcome = { readonly kind: 'value'; readonly value: CelValue } | { readonly kind: 'error'; readonly message: string } | { readonly kind: 'none' }

/** What a list of expressions gave, or that the budget ran out. */
export interface ListOutcome {
  readonly outcomes: readonly Outcome[]
  readonly cost: number
  readonly exhausted: string | undefined
}

/** A line of JSON, or a part of one. */
export type Answer = Readonly<Record<string, unknown>>

/** What the match conditions of a policy said. */
export type Matched =
  | { readonly kind: 'yes' | 'no'; readonly rows: Answer; readonly cost: number }
  | { readonly kind: 'error'; readonly rows: Answer; readonly cost: number; readonly error: string }

/** The expressions of one policy, evaluated for one request. */
export class NativeEvaluation {
  readonly #policy: NativePolicy
  readonly #compiled: CompiledNative
  readonly #subject: Bindings

  constructor(policy: NativePolicy, compiled: CompiledNative, subject: Bindings) {
    this.#policy = policy
    this.#compiled = compiled
    this.#subject = subject
  }

  /** Whether the match conditions let the policy apply; `rows` is what an answer tells of them. */
  matched(): Matched {
    // Kubernetes hands no namespace to match conditions.
    const { outcomes, cost, exhausted } = this.evaluate(this.#compiled.matchConditions, MATCH_CONDITION_COST, { namespaceObject: null })
    if (exhausted !== undefined) return { kind: 'error', rows: {}, cost: 0, error: exhausted }
    const rows = outcomes.length === 0 ? {} : { matchConditions: this.#conditionRows(outcomes) }
    const stop = this.#stop(outcomes)
    if (stop === undefined || stop === 'skip') return { kind: stop === undefined ? 'yes' : 'no', rows, cost }
    return { kind: 'error', rows, cost, error: stop }
  }

  /** Evaluates a list of expressions that share a budget and the values of the variables. */
  evaluate(list: readonly (CompiledText | undefined)[], total = POLICY_COST, more: Bindings = {}): ListOutcome {
    const budget = new CostBudget({ total })
    const bindings = this.bindings(budget, more)
    const outcomes: Outcome[] = []
    for (const text of list) {
      if (text === undefined) {
        outcomes.push({ kind: 'none' })
        continue
      }
      const { program, source } = text
      if (!program.ok) {
        outcomes.push({ kind: 'error', message: `compilation error: ${program.error}` })
        continue
      }
      const result = program.value.evaluate(bindings, budget)
      if (result.ok) outcomes.push({ kind: 'value', value: result.value })
      else if (result.error.code === 'CostExceeded' && budget.spent > total) return { outcomes: [], cost: 0, exhausted: result.error.message }
      else outcomes.push({ kind: 'error', message: `expression '${source}' resulted in error: ${result.error.message}` })
    }
    return { outcomes, cost: budget.spent, exhausted: undefined }
  }

  /** What the expressions see, the variables of the policy included. */
  bindings(budget: CostBudget, more: Bindings = {}): Bindings {
    const bindings: Record<string, unknown> = { ...this.#subject, ...more }
    for (const [name, { program }] of this.#compiled.variables) {
      bindings[`variables.${name}`] = new Lazy(() => {
        if (!program.ok) return { ok: false, error: { code: 'EvaluationFailed', message: `composited variable "${name}" fails to compile: ${program.error}` } }
        const result = program.value.evaluate(bindings, budget)
        if (result.ok || result.error.code !== 'EvaluationFailed') return result
        return { ok: false, error: { ...result.error, message: `composited variable "${name}" fails to evaluate: ${result.error.message}` } }
      })
    }
    return bindings
  }

  #conditionRows(outcomes: readonly Outcome[]): readonly Answer[] {
    return outcomes.map((outcome, index) => {
      const name = this.#policy.matchConditions[index]?.name ?? ''
      return outcome.kind === 'error' ? { name, result: 'error', error: outcome.message } : { name, result: outcome.kind === 'value' ? outcome.value : null }
    })
  }

  /** Why the validations are not judged: a condition that is false, or else the errors of conditions. */
  #stop(outcomes: readonly Outcome[]): string | undefined {
    if (outcomes.some((outcome) => outcome.kind === 'value' && outcome.value === false)) return 'skip'
    const errors = [...new Set(outcomes.flatMap((outcome) => (outcome.kind === 'error' ? [outcome.message] : [])))]
    if (errors.length === 0) return undefined
    if (this.#policy.failurePolicy === 'Ignore') return 'skip'
    return errors.length === 1 ? errors[0] : `[${errors.join(', ')}]`
  }
}
