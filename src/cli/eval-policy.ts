import { isRecord, parsePolicy } from '../api/index.ts'
import { type Bindings, type CelValue, CostBudget, Lazy } from '../cel/index.ts'
import { type CompiledNative, type CompiledText, compileNative, type NativePolicy, readNativePolicy } from './eval-native.ts'
import { readSubject } from './eval-subject.ts'

/** Kubernetes' budget for the match conditions of a policy. */
const MATCH_CONDITION_COST = 2_500_000
/** And for its validations with their messages, and for its audit annotations. */
const POLICY_COST = 10_000_000
const LONGEST_MESSAGE_BYTES = 5 * 1024

const NO_VALIDATION: NativePolicy['validations'][number] = { expression: '', message: '', messageExpression: '', reason: 'Invalid' }

type Outcome = { readonly kind: 'value'; readonly value: CelValue } | { readonly kind: 'error'; readonly message: string } | { readonly kind: 'none' }

/** What a list of expressions gave, or that the budget ran out. */
interface ListOutcome {
  readonly outcomes: readonly Outcome[]
  readonly cost: number
  readonly exhausted: string | undefined
}

type Answer = Readonly<Record<string, unknown>>

/** Answers a line of mode `policy`: what a native ValidatingAdmissionPolicy, or the expressions of a Policy, say of a request that matches it. */
export function answerPolicy(line: Readonly<Record<string, CelValue | undefined>>): Answer {
  const { policy } = line
  if (!isRecord(policy)) return { oracleError: 'no policy' }
  if (policy['kind'] === 'Policy') {
    const parsed = parsePolicy(policy)
    if (!parsed.ok) return { oracleError: parsed.error.map(({ path, message }) => `${path}: ${message}`).join('; ') }
  }
  const native = readNativePolicy(policy)
  if (typeof native === 'string') return { oracleError: native }
  const subject = readSubject(line)
  if (typeof subject === 'string') return { oracleError: subject }
  return new Judgement(native, compileNative(native), subject).answer()
}

class Judgement {
  readonly #policy: NativePolicy
  readonly #compiled: CompiledNative
  readonly #subject: Bindings

  constructor(policy: NativePolicy, compiled: CompiledNative, subject: Bindings) {
    this.#policy = policy
    this.#compiled = compiled
    this.#subject = subject
  }

  answer(): Answer {
    const { matchConditions, validations, messages, auditAnnotations, creationErrors } = this.#compiled
    const head = creationErrors.length === 0 ? {} : { creationErrors }
    const cost = { matchConditions: 0, validations: 0, messageExpressions: 0, auditAnnotations: 0 }
    const failed = (error: string, conditions: Answer): Answer => ({ ...head, ...conditions, validations: [], cost, error, action: this.#onError() })

    // Kubernetes hands no namespace to match conditions.
    const matched = this.#evaluate(matchConditions, MATCH_CONDITION_COST, { namespaceObject: null })
    if (matched.exhausted !== undefined) return failed(matched.exhausted, {})
    cost.matchConditions = matched.cost
    const conditions = matched.outcomes.length === 0 ? {} : { matchConditions: this.#conditionRows(matched.outcomes) }
    const stop = this.#stop(matched.outcomes)
    if (stop === 'skip') return { ...head, ...conditions, validations: [], cost }
    if (stop !== undefined) return failed(stop, conditions)

    const checked = this.#evaluate(validations)
    if (checked.exhausted !== undefined) return failed(checked.exhausted, conditions)
    cost.validations = checked.cost
    const told = this.#evaluate(messages, POLICY_COST - checked.cost)
    cost.messageExpressions = told.cost
    const audited = this.#evaluate(auditAnnotations)
    cost.auditAnnotations = audited.cost
    if (audited.exhausted !== undefined) return failed(audited.exhausted, conditions)
    const rows = checked.outcomes.map((outcome, index) => this.#validationRow(outcome, index, told))
    const notes = audited.outcomes.map((outcome, index) => this.#auditRow(outcome, index))
    return { ...head, ...conditions, validations: rows, ...(notes.length === 0 ? {} : { auditAnnotations: notes }), cost }
  }

  #onError(): 'admit' | 'deny' {
    return this.#policy.failurePolicy === 'Ignore' ? 'admit' : 'deny'
  }

  /** Evaluates a list of expressions that share a budget and the values of the variables. */
  #evaluate(list: readonly (CompiledText | undefined)[], total = POLICY_COST, more: Bindings = {}): ListOutcome {
    const budget = new CostBudget({ total })
    const bindings = this.#bindings(budget, more)
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

  #bindings(budget: CostBudget, more: Bindings): Bindings {
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

  #validationRow(outcome: Outcome, index: number, told: ListOutcome): Answer {
    if (outcome.kind === 'error') return { result: 'error', action: this.#onError(), message: outcome.message }
    if (told.exhausted !== undefined) return { result: 'error', action: this.#onError(), message: `failed messageExpression: ${told.exhausted}` }
    if (outcome.kind === 'value' && outcome.value === true) return { result: true, action: 'admit' }
    const { expression, message, reason } = this.#policy.validations[index] ?? NO_VALIDATION
    const computed = told.outcomes[index]
    const text = computed?.kind === 'value' && typeof computed.value === 'string' ? computed.value.trim() : ''
    const isUsable = text !== '' && !text.includes('\n') && Buffer.byteLength(text) <= LONGEST_MESSAGE_BYTES
    return { result: false, action: 'deny', message: isUsable ? text : message.trim() || `failed expression: ${expression.trim()}`, reason }
  }

  #auditRow(outcome: Outcome, index: number): Answer {
    const key = this.#policy.auditAnnotations[index]?.key ?? ''
    if (outcome.kind === 'error') return { key, action: this.#policy.failurePolicy === 'Ignore' ? 'exclude' : 'error', error: outcome.message }
    const value = outcome.kind === 'value' && typeof outcome.value === 'string' ? outcome.value.trim() : ''
    return value === '' ? { key, action: 'exclude' } : { key, action: 'publish', value }
  }
}
