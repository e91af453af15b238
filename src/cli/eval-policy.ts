import type { CelValue } from '../cel/index.ts'
import { type Answer, type ListOutcome, NativeEvaluation, type Outcome, POLICY_COST } from './eval-evaluation.ts'
import { type CompiledNative, compileNative, type NativePolicy, readPolicyOf } from './eval-native.ts'
import { readSubject } from './eval-subject.ts'

const LONGEST_MESSAGE_BYTES = 5 * 1024

const NO_VALIDATION: NativePolicy['validations'][number] = { expression: '', message: '', messageExpression: '', reason: 'Invalid' }

/** Answers a line of mode `policy`: what a native ValidatingAdmissionPolicy, or the expressions of a Policy, say of a request that matches it. */
export function answerPolicy(line: Readonly<Record<string, CelValue | undefined>>): Answer {
  const native = readPolicyOf(line, 'validating')
  if (typeof native === 'string') return { oracleError: native }
  const subject = readSubject(line)
  if (typeof subject === 'string') return { oracleError: subject }
  const compiled = compileNative(native)
  return new Judgement(native, compiled, new NativeEvaluation(native, compiled, subject)).answer()
}

class Judgement {
  readonly #policy: NativePolicy
  readonly #compiled: CompiledNative
  readonly #evaluation: NativeEvaluation

  constructor(policy: NativePolicy, compiled: CompiledNative, evaluation: NativeEvaluation) {
    this.#policy = policy
    this.#compiled = compiled
    this.#evaluation = evaluation
  }

  answer(): Answer {
    const { validations, messages, auditAnnotations, creationErrors } = this.#compiled
    const head = creationErrors.length === 0 ? {} : { creationErrors }
    const cost = { matchConditions: 0, validations: 0, messageExpressions: 0, auditAnnotations: 0 }
    const failed = (error: string, conditions: Answer): Answer => ({ ...head, ...conditions, validations: [], cost, error, action: this.#onError() })

    const matched = this.#evaluation.matched()
    cost.matchConditions = matched.cost
    const conditions = matched.rows
    if (matched.kind === 'no') return { ...head, ...conditions, validations: [], cost }
    if (matched.kind === 'error') return failed(matched.error, conditions)

    const checked = this.#evaluation.evaluate(validations)
    if (checked.exhausted !== undefined) return failed(checked.exhausted, conditions)
    cost.validations = checked.cost
    const told = this.#evaluation.evaluate(messages, POLICY_COST - checked.cost)
    cost.messageExpressions = told.cost
    const audited = this.#evaluation.evaluate(auditAnnotations)
    cost.auditAnnotations = audited.cost
    if (audited.exhausted !== undefined) return failed(audited.exhausted, conditions)
    const rows = checked.outcomes.map((outcome, index) => this.#validationRow(outcome, index, told))
    const notes = audited.outcomes.map((outcome, index) => this.#auditRow(outcome, index))
    return { ...head, ...conditions, validations: rows, ...(notes.length === 0 ? {} : { auditAnnotations: notes }), cost }
  }

  #onError(): 'admit' | 'deny' {
    return this.#policy.failurePolicy === 'Ignore' ? 'admit' : 'deny'
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
