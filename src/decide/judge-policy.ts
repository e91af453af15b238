import { type KubernetesObject, ok, type Result } from '../api/index.ts'
import { type Bindings, type CelValue, CostBudget, type EvaluationError, Lazy } from '../cel/index.ts'
import { type Candidate, type CompiledExpression, fittingMatch, isDenying, type MutationRule, type Rule, type RuleSet } from '../rules/index.ts'
import { contextBindings } from './context.ts'
import type { ContextReference, Effect, LeafCorrection, Mitigation, ParamReference, PolicyEvaluation, RuleOutcome } from './decision.ts'
import { levelIn, type RequestEnvironment } from './environment.ts'
import type { EvaluationInput } from './input.ts'
import { diffJson, type PatchOperation } from './json-diff.ts'
import { hasNoNewAtom, isDescended, isNotWorse } from './mitigation.ts'
import { type Param, paramsOf } from './params.ts'
import { applyMutations, type Bind, isIdempotent, type MutationContext, objectionToPatch, touchesChange, withTemplate } from './policy-correction.ts'
import { authoredText, showError } from './redaction.ts'
import { subjectOf, type Unevaluable, type View } from './subject.ts'
import { type Suggestion, toSuggestion } from './suggestion.ts'
import { isSensitive, type ValueRules } from './values.ts'
import { explainViolation, oneLine } from './violation.ts'
import { type WaiverVerdict, waiverFor } from './waiver.ts'

/** What the judgement of every policy of one request shares. */
export interface RequestContext {
  readonly ruleSet: RuleSet
  readonly input: EvaluationInput
  readonly environment: RequestEnvironment
  /** Whether no level is above `Warn`. */
  readonly isTurnedDown: boolean
  /** Whether the request must never be denied; worked out when first asked. */
  readonly isProtected: () => boolean
  /** Parameters that were read on the way. */
  readonly paramsRead: ParamReference[]
  /** Other objects that were read on the way. */
  readonly contextsRead: ContextReference[]
  /** Pod templates that were judged as their Pods will be corrected. */
  readonly leafCorrections: LeafCorrection[]
  /** Policies that were judged on the way. */
  readonly evaluations: PolicyEvaluation[]
}

type Evaluated = Result<CelValue, Unevaluable>

function evaluate(expression: CompiledExpression, bindings: Bindings, budget: CostBudget): Evaluated {
  if (!expression.ok) return { ok: false, error: { code: 'NotCompiled', message: expression.error } }
  const value = expression.value.evaluate(bindings, budget)
  return value.ok ? value : { ok: false, error: unevaluable(value.error) }
}

/** Context is all that can be unavailable to an expression. */
const unevaluable = ({ code, message }: EvaluationError): Unevaluable => ({ code: code === 'Unavailable' ? 'ContextUnknown' : code, message })

const effectAt = (level: string, denying: Effect): Effect => (level === 'Observe' ? 'allow' : level === 'Warn' ? 'warn' : denying)

/** Judges one policy against one request: an outcome for each of its rules, or none where it does not apply. */
export function judgePolicy(candidate: Candidate, context: RequestContext): readonly RuleOutcome[] {
  const match = fittingMatch(candidate.match, context.input.request)
  if (match === undefined) return []
  const { deadline } = context.input
  const startMs = deadline?.now() ?? 0
  const judgement = new PolicyJudgement(match === candidate.match ? candidate : { ...candidate, match }, context)
  const outcomes = judgement.outcomes()
  if (outcomes.length > 0) {
    const { identity, revision } = candidate.policy
    const duration = deadline === undefined ? {} : { durationMs: deadline.now() - startMs }
    context.evaluations.push({ policy: identity.name, revision, cost: judgement.cost, ...duration })
  }
  return outcomes
}

/** What became of an object under one policy at level `Correct`. */
export type PolicyCorrection =
  | { readonly kind: 'untouched' }
  /** `isStable` is false where the mutations would change again what they made. */
  | { readonly kind: 'corrected'; readonly object: KubernetesObject; readonly patch: readonly PatchOperation[]; readonly isStable: boolean }
  | { readonly kind: 'notCorrected'; readonly reason: string }

const UNTOUCHED: PolicyCorrection = { kind: 'untouched' }

/** Applies the mutations of one policy to the object of a request: all of them, or none. */
export function correctByPolicy(candidate: Candidate, context: RequestContext): PolicyCorrection {
  const match = fittingMatch(candidate.match, context.input.request)
  if (match === undefined) return UNTOUCHED
  return new PolicyJudgement(match === candidate.match ? candidate : { ...candidate, match }, context).correction()
}

class PolicyJudgement {
  readonly #candidate: Candidate
  readonly #context: RequestContext
  /** Every allowance that was drawn on. */
  readonly #budgets: CostBudget[] = []
  #budget: CostBudget
  /** Of the exceptions' conditions: what they cost must not be missing where rules are judged. */
  #waiverBudget: CostBudget
  /** What outcomes say of the parameter that they are judged with. */
  #param: Pick<Param, 'param'> = {}
  readonly #level: RuleOutcome['level']
  readonly #values: Omit<ValueRules, 'showsAll'>
  /** One gathering for all that is evaluated here, the old object included. */
  readonly #contexts: Bindings

  constructor(candidate: Candidate, context: RequestContext) {
    const { input, environment } = context
    const { evaluation } = candidate.policy.policy.spec
    this.#candidate = candidate
    this.#context = context
    this.#budget = this.#newBudget()
    this.#waiverBudget = this.#newBudget()
    this.#level = evaluation.admission ? levelIn(environment, candidate.policy.levels, context.isTurnedDown) : 'Observe'
    const { identity, policy } = candidate.policy
    this.#contexts = contextBindings(policy.spec.context, input, (read) => context.contextsRead.push({ policy: identity.name, ...read }))
    this.#values = { digestKey: input.digestKey, isSensitive: isSensitive(input.request), authored: () => authoredText(candidate.policy) }
  }

  #newBudget(): CostBudget {
    const { deadline } = this.#context.input
    const budget = new CostBudget(deadline === undefined ? {} : { deadline })
    this.#budgets.push(budget)
    return budget
  }

  /** What all its expressions cost so far. */
  get cost(): number {
    return this.#budgets.reduce((sum, { spent }) => sum + spent, 0)
  }

  outcomes(): readonly RuleOutcome[] {
    const subject = subjectOf(this.#candidate, this.#context.input)
    if (subject === undefined) return []
    return subject.failure === undefined ? this.#judge(subject.view) : this.#errors(subject.view, subject.failure)
  }

  /** What the policy makes of the object where it is at level `Correct`. */
  correction(): PolicyCorrection {
    const { policy, match } = this.#candidate
    const { request } = this.#context.input
    const { object, operation, subResource } = request
    if (this.#level !== 'Correct' || subResource !== '' || object === null || this.#context.isProtected()) return UNTOUCHED
    const { template } = match
    const mutations = policy.mutations.filter(({ operations, templates }) => operations.has(operation) && (template === undefined || templates === 'Apply'))
    if (mutations.length === 0) return UNTOUCHED
    const subject = subjectOf(this.#candidate, this.#context.input)
    if (subject === undefined) return UNTOUCHED
    if (subject.failure !== undefined) return { kind: 'notCorrected', reason: subject.failure.message }
    const { view } = subject
    const params = this.#params()
    if (!params.ok) return params.error === 'skip' ? UNTOUCHED : { kind: 'notCorrected', reason: params.error.message }
    if (view.object === null || this.#isWaived(view)) return UNTOUCHED
    const wanted = mutations.filter(({ name }) => this.#waiver(name, view)?.waivedBy === undefined)
    const made = this.#mutateByParams(wanted, view, params.value)
    if (!made.ok) return { kind: 'notCorrected', reason: this.#shownError(made.error) }
    if (made.value === undefined) return UNTOUCHED
    const corrected = template === undefined ? made.value.object : withTemplate(object, template, made.value.object)
    const patch = diffJson(object, corrected)
    if (patch.length === 0) return UNTOUCHED
    if (operation === 'UPDATE' && (request.oldObject === null || !touchesChange(patch, object, request.oldObject))) return UNTOUCHED
    const objection = objectionToPatch(patch, request)
    if (objection !== undefined) return { kind: 'notCorrected', reason: objection }
    return { kind: 'corrected', object: corrected, patch, isStable: made.value.isStable }
  }

  /** Applies the mutations once for each parameter, each seeing what those before made; undefined where no match condition holds. */
  #mutateByParams(
    mutations: readonly MutationRule[],
    view: View,
    params: readonly Param[],
  ): Result<{ readonly object: KubernetesObject; readonly isStable: boolean } | undefined, string> {
    let made: { readonly object: KubernetesObject; readonly isStable: boolean } | undefined
    for (const param of params) {
      const { object } = { ...view, ...made }
      if (object === null) return ok(undefined)
      this.#budget = this.#newBudget()
      const bind = (seen: KubernetesObject): Bindings => this.#bindings({ ...view, object: seen }, param.object)
      const applies = this.#matchConditions(bind(object))
      if (!applies.ok) {
        if (applies.error.kind === 'false') continue
        return { ok: false, error: applies.error.error.message }
      }
      const context = this.#mutationContext(bind, this.#budget, view)
      const next = applyMutations(mutations, object, context)
      if (!next.ok) return next
      const again = this.#matchConditions(bind(next.value))
      const isStable = (made?.isStable ?? true) && ((!again.ok && again.error.kind === 'false') || isIdempotent(mutations, next.value, context))
      made = { object: next.value, isStable }
    }
    return ok(made)
  }

  /** Whether exceptions waive every rule of the policy for this object. */
  #isWaived(view: View): boolean {
    const { rules } = this.#candidate.policy
    return rules.length > 0 && rules.every(({ name }) => this.#waiver(name, view)?.waivedBy !== undefined)
  }

  #bindings({ object, oldObject }: View, params: KubernetesObject | null, budget = this.#budget): Bindings {
    const { request, namespace } = this.#context.input
    const namespaceObject =
      namespace.kind === 'found'
        ? namespace.object
        : namespace.kind === 'clusterScoped'
          ? null
          : new Lazy(() => ({ ok: false, error: { code: 'EvaluationFailed', message: `the namespace could not be read: ${namespace.reason}` } }))
    const bindings: Record<string, unknown> = { object, oldObject, request: request.wire, namespaceObject, params, ...this.#contexts }
    for (const { name, expression } of this.#candidate.policy.variables) {
      const compute = (): Result<CelValue, EvaluationError> => {
        return expression.ok ? expression.value.evaluate(bindings, budget) : { ok: false, error: { code: 'EvaluationFailed', message: expression.error } }
      }
      // With its program an explanation can follow the variable into the object.
      bindings[`variables.${name}`] = new Lazy(compute, expression.ok ? { program: expression.value, bindings } : undefined)
    }
    return bindings
  }

  #judge(view: View): readonly RuleOutcome[] {
    const params = this.#params()
    if (!params.ok) return params.error === 'skip' ? this.#passes(true) : this.#errors(view, params.error)
    // As in Kubernetes, each parameter is an evaluation of its own, with an allowance of its own.
    return params.value.flatMap(({ object, ...told }) => {
      this.#param = told
      this.#budget = this.#newBudget()
      this.#waiverBudget = this.#newBudget()
      return this.#judgeWith(view, object)
    })
  }

  #judgeWith(view: View, params: KubernetesObject | null): readonly RuleOutcome[] {
    const { policy } = this.#candidate
    const bindings = this.#bindings(view, params)
    const applies = this.#matchConditions(bindings)
    if (!applies.ok) return applies.error.kind === 'false' ? this.#skips(applies.error.name) : this.#errors(view, applies.error.error)
    const leaf = this.#correctLeaf(view, params)
    if (leaf === undefined) return policy.rules.map((rule) => this.#judgeRule(rule, view, bindings, params))
    if (!leaf.ok) return policy.rules.map((rule) => this.#judgeRule(rule, view, bindings, params, { kind: 'failed', reason: leaf.error }))
    const seen = leaf.value
    return policy.rules.map((rule) => this.#judgeRule(rule, seen, this.#bindings(seen, params), params))
  }

  #mutationContext(bind: Bind, budget: CostBudget, { oldObject }: View): MutationContext {
    return { bind, budget, schemas: this.#context.input.schemas ?? (() => undefined), oldObject }
  }

  /** Applies mutations without a share in the budget of the rules: what they cost must not keep a rule from being judged. */
  #mutated(mutations: readonly MutationRule[], object: KubernetesObject, view: View, params: KubernetesObject | null): Result<KubernetesObject, string> {
    const budget = this.#newBudget()
    const bind = (seen: KubernetesObject): Bindings => this.#bindings({ ...view, object: seen }, params, budget)
    const made = applyMutations(mutations, object, this.#mutationContext(bind, budget, view))
    return made.ok ? made : { ok: false, error: this.#shownError(made.error) }
  }

  /** The pod template as its Pods will be when they are made; undefined where nothing is corrected there. */
  #correctLeaf(view: View, params: KubernetesObject | null): Result<View, string> | undefined {
    const { policy, match } = this.#candidate
    const { object, oldObject } = view
    const { request } = this.#context.input
    if (this.#level !== 'Correct' || match.template === undefined || object === null || request.object === null) return undefined
    const mutations = policy.mutations.filter(({ name, operations }) => operations.has('CREATE') && this.#waiver(name, view)?.waivedBy === undefined)
    if (mutations.length === 0 || this.#isWaived(view)) return undefined
    const corrected = this.#mutated(mutations, object, view, params)
    if (!corrected.ok) return corrected
    const before = oldObject === null ? undefined : this.#mutated(mutations, oldObject, view, params)
    const patch = diffJson(request.object, withTemplate(request.object, match.template, corrected.value))
    // What a controller makes is told at its owner.
    const isNew = oldObject === null ? !isDescended(this.#context.ruleSet, policy, request) : diffJson(oldObject, object).length > 0
    if (patch.length > 0 && isNew) this.#context.leafCorrections.push({ policy: policy.identity, suggestion: toSuggestion(patch, this.#valueRules()) })
    return ok({ object: corrected.value, oldObject: before?.ok ? before.value : oldObject })
  }

  /** What the mutations would make of an object that a rule objects to; undefined where they would not satisfy the rule. */
  #suggestion(rule: Rule, view: View, params: KubernetesObject | null): Suggestion | undefined {
    const { policy, match } = this.#candidate
    const { object, subResource, operation } = this.#context.input.request
    if (policy.mutations.length === 0 || view.object === null || object === null || subResource !== '' || operation === 'DELETE') return undefined
    const made = this.#mutated(policy.mutations, view.object, view, params)
    if (!made.ok) return this.#level === 'Correct' ? { kind: 'failed', reason: made.error } : undefined
    const budget = this.#newBudget()
    const value = evaluate(rule.expression, this.#bindings({ ...view, object: made.value }, params, budget), budget)
    if (!value.ok || value.value !== true) return undefined
    const patch = diffJson(object, match.template === undefined ? made.value : withTemplate(object, match.template, made.value))
    return toSuggestion(patch, this.#valueRules())
  }

  #valueRules(showsAll = false): ValueRules {
    return { ...this.#values, showsAll }
  }

  #shownError(message: string): string {
    return oneLine(showError(message, this.#valueRules()))
  }

  /** False wins over an error, as in Kubernetes. */
  #matchConditions(
    bindings: Bindings,
  ): Result<true, { readonly kind: 'false'; readonly name: string } | { readonly kind: 'error'; readonly error: Unevaluable }> {
    let failure: Unevaluable | undefined
    for (const { name, expression } of this.#candidate.policy.matchConditions) {
      const value = evaluate(expression, bindings, this.#budget)
      if (!value.ok) failure ??= { code: value.error.code, message: `match condition \`${name}\`: ${value.error.message}` }
      else if (value.value !== true) return { ok: false, error: { kind: 'false', name } }
    }
    return failure === undefined ? ok(true) : { ok: false, error: { kind: 'error', error: failure } }
  }

  #params(): Result<readonly Param[], Unevaluable | 'skip'> {
    return paramsOf(this.#candidate.policy.policy, this.#context.input, (read) => this.#context.paramsRead.push(read))
  }

  #judgeRule(rule: Rule, view: View, bindings: Bindings, params: KubernetesObject | null, failed?: Suggestion): RuleOutcome {
    const value = evaluate(rule.expression, bindings, this.#budget)
    if (!value.ok) return this.#error(rule, view, value.error)
    if (value.value === true) return { result: 'pass', rule, ...this.#param, level: this.#level, effect: 'allow', withoutParam: false }
    if (!rule.expression.ok) return this.#error(rule, view, { code: 'NotCompiled', message: rule.expression.error })
    const values = { ...this.#values, showsAll: rule.showValues }
    const violation = explainViolation(rule, rule.expression.value, bindings, this.#budget, this.#candidate.match.template, values)
    const mitigation = this.#mitigation(rule, view, bindings, params)
    return {
      result: 'fail',
      rule,
      ...this.#param,
      level: this.#level,
      ...this.#waived(rule, view, mitigation === undefined ? 'deny' : 'warn'),
      violation,
      mitigation,
      suggestion: failed ?? this.#suggestion(rule, view, params),
    }
  }

  /** Why a failure does not refuse although its level would; undefined where nothing stands against it. */
  #mitigation(rule: Rule, view: View, bindings: Bindings, params: KubernetesObject | null): Mitigation | undefined {
    if (!isDenying(this.#level)) return undefined
    const { isProtected, ruleSet, input } = this.#context
    if (isProtected()) return 'protected'
    const { policy } = this.#candidate
    if (policy.policy.spec.enforcement.existingViolations !== 'Allow') return undefined
    if (this.#isExisting(rule, view, bindings, params)) return 'existing'
    return isDescended(ruleSet, policy, input.request) ? 'descended' : undefined
  }

  /** Whether the rule failed on the old object too, and the update made nothing worse. An error on the old object is no failure. */
  #isExisting(rule: Rule, { object, oldObject }: View, bindings: Bindings, params: KubernetesObject | null): boolean {
    if (this.#context.input.request.operation !== 'UPDATE' || object === null || oldObject === null || !rule.expression.ok) return false
    const { object: selects } = this.#candidate.policy.selectors
    if (selects !== undefined && !selects(oldObject.metadata.labels ?? {})) return false
    const before = this.#bindings({ object: oldObject, oldObject }, params)
    if (!this.#matchConditions(before).ok) return false
    const value = evaluate(rule.expression, before, this.#budget)
    if (!value.ok || value.value !== false) return false
    if (isNotWorse(object, oldObject)) return true
    const program = rule.expression.value
    return hasNoNewAtom(program.explain(bindings, this.#budget), program.explain(before, this.#budget))
  }

  /** What an exception makes of an effect. What must never be denied is told as such, whether or not there is an exception. */
  #waived(rule: RuleOutcome['rule'], view: View, denying: Effect) {
    const wouldHave = effectAt(this.#level, denying)
    const waiver = this.#context.isProtected() ? undefined : this.#waiver(rule.name, view)
    if (waiver === undefined) return { effect: wouldHave, wouldHave, waivedBy: undefined, exceptionNotes: [] }
    const { waivedBy, notes } = waiver
    return { effect: waivedBy === undefined ? wouldHave : ('allow' as const), wouldHave, waivedBy, exceptionNotes: notes }
  }

  /** What the exceptions say of a rule; undefined where there are none to the policy. */
  #waiver(rule: string, view: View): WaiverVerdict | undefined {
    const { ruleSet, input } = this.#context
    const { policy } = this.#candidate
    const exceptions = ruleSet.exceptionsTo(policy.identity.name)
    if (exceptions.length === 0) return undefined
    return waiverFor(exceptions, policy, rule, view.object ?? view.oldObject, {
      input,
      isDescended: () => isDescended(ruleSet, policy, input.request),
      bindings: () => this.#bindings(view, null),
      budget: this.#waiverBudget,
    })
  }

  #error(rule: Rule, view: View, { code, message }: Unevaluable): RuleOutcome {
    const { failurePolicy } = this.#candidate.policy
    const mitigation = isDenying(this.#level) && this.#context.isProtected() ? 'protected' : undefined
    const denying: Effect = failurePolicy === 'Fail' && mitigation === undefined ? 'deny' : 'warn'
    const values = { ...this.#values, showsAll: rule.showValues || code !== 'EvaluationFailed' }
    const shown = oneLine(showError(message, values))
    return { result: 'error', rule, ...this.#param, level: this.#level, ...this.#waived(rule, view, denying), code, message: shown, failurePolicy, mitigation }
  }

  #errors(view: View, failure: Unevaluable): readonly RuleOutcome[] {
    return this.#candidate.policy.rules.map((rule) => this.#error(rule, view, failure))
  }

  #passes(withoutParam: boolean): readonly RuleOutcome[] {
    return this.#candidate.policy.rules.map((rule) => ({ result: 'pass', rule, level: this.#level, effect: 'allow', withoutParam }))
  }

  #skips(condition: string): readonly RuleOutcome[] {
    return this.#candidate.policy.rules.map((rule) => ({ result: 'skip', rule, ...this.#param, level: this.#level, effect: 'allow', condition }))
  }
}
