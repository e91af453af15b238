import { type KubernetesObject, objectName, ok, type Result } from '../api/index.ts'
import { type Bindings, type CelValue, CostBudget, type EvaluationError, Lazy } from '../cel/index.ts'
import { type Candidate, type CompiledExpression, fittingMatch, isDenying, isNamespaceObject, type Rule, type RuleSet, toVirtualPod } from '../rules/index.ts'
import type { Effect, EvaluationErrorCode, Mitigation, ParamReference, RuleOutcome } from './decision.ts'
import { levelIn, type RequestEnvironment } from './environment.ts'
import type { EvaluationInput } from './input.ts'
import { hasNoNewAtom, isDescended, isNotWorse } from './mitigation.ts'
import { authoredText, showError } from './redaction.ts'
import { isSensitive, type ValueRules } from './values.ts'
import { explainViolation, oneLine } from './violation.ts'
import { waiverFor } from './waiver.ts'

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
}

interface Unevaluable {
  readonly code: EvaluationErrorCode
  readonly message: string
}

/** The object and the old object as a policy sees them: as they are, or the Pods that they would make. */
interface View {
  readonly object: KubernetesObject | null
  readonly oldObject: KubernetesObject | null
}

/** What `params` is, and how outcomes call it where a selector chose it. */
interface Param {
  readonly object: KubernetesObject | null
  readonly param?: string
}

type Evaluated = Result<CelValue, Unevaluable>

function evaluate(expression: CompiledExpression, bindings: Bindings, budget: CostBudget): Evaluated {
  if (!expression.ok) return { ok: false, error: { code: 'NotCompiled', message: expression.error } }
  return expression.value.evaluate(bindings, budget)
}

const effectAt = (level: string, denying: Effect): Effect => (level === 'Observe' ? 'allow' : level === 'Warn' ? 'warn' : denying)

/** Judges one policy against one request: an outcome for each of its rules, or none where it does not apply. */
export function judgePolicy(candidate: Candidate, context: RequestContext): readonly RuleOutcome[] {
  const match = fittingMatch(candidate.match, context.input.request)
  if (match === undefined) return []
  return new PolicyJudgement(match === candidate.match ? candidate : { ...candidate, match }, context).outcomes()
}

class PolicyJudgement {
  readonly #candidate: Candidate
  readonly #context: RequestContext
  #budget: CostBudget
  /** Of the exceptions' conditions: what they cost must not be missing where rules are judged. */
  #waiverBudget: CostBudget
  /** What outcomes say of the parameter that they are judged with. */
  #param: Pick<Param, 'param'> = {}
  readonly #level: RuleOutcome['level']
  readonly #values: Omit<ValueRules, 'showsAll'>

  constructor(candidate: Candidate, context: RequestContext) {
    const { input, environment } = context
    const { evaluation } = candidate.policy.policy.spec
    this.#candidate = candidate
    this.#context = context
    this.#budget = this.#newBudget()
    this.#waiverBudget = this.#newBudget()
    this.#level = evaluation.admission ? levelIn(environment, candidate.policy.levels, context.isTurnedDown) : 'Observe'
    this.#values = { digestKey: input.digestKey, isSensitive: isSensitive(input.request), authored: () => authoredText(candidate.policy) }
  }

  #newBudget(): CostBudget {
    const { deadline } = this.#context.input
    return new CostBudget(deadline === undefined ? {} : { deadline })
  }

  outcomes(): readonly RuleOutcome[] {
    const { match } = this.#candidate
    const { input } = this.#context
    const { request } = input
    if (input.lane !== 'offline' && (input.lane !== match.lane || (match.lane === 'equivalent' && request.resource.version !== match.version))) return []
    const selected = this.#namespaceIsSelected()
    if (selected === false) return []
    const view = this.#view()
    if (view === undefined || !this.#objectIsSelected(view)) return []
    if (selected === undefined) {
      return this.#errors(view, { code: 'NamespaceUnknown', message: 'the labels of the namespace could not be read, so `namespaceSelector` cannot be judged' })
    }
    if (input.lane === 'offline' && match.lane === 'equivalent' && request.resource.version !== match.version) {
      return this.#errors(view, {
        code: 'WrongVersion',
        message: `the policy judges version \`${match.version}\` of \`${request.resource.resource}\`, not \`${request.resource.version}\``,
      })
    }
    return this.#judge(view)
  }

  /** Undefined where that cannot be told. */
  #namespaceIsSelected(): boolean | undefined {
    const { namespace: selects } = this.#candidate.policy.selectors
    if (selects === undefined) return true
    const { request, namespace } = this.#context.input
    if (isNamespaceObject(request)) {
      const isChange = request.subResource === '' && request.operation !== 'DELETE'
      return selects((isChange ? request.object : (request.oldObject ?? request.object))?.metadata.labels ?? {})
    }
    if (namespace.kind === 'clusterScoped') return true
    return namespace.kind === 'found' ? selects(namespace.object.metadata.labels ?? {}) : undefined
  }

  /** Undefined where a workload has no pod template, and so makes no Pods. */
  #view(): View | undefined {
    const { template } = this.#candidate.match
    const { object, oldObject } = this.#context.input.request
    if (template === undefined) return { object, oldObject }
    const projected = object === null ? null : toVirtualPod(object, template)
    if (projected === null) return undefined
    return { object: projected, oldObject: oldObject === null ? null : toVirtualPod(oldObject, template) }
  }

  #objectIsSelected({ object, oldObject }: View): boolean {
    const { object: selects } = this.#candidate.policy.selectors
    if (selects === undefined) return true
    return [object, oldObject].some((seen) => seen !== null && selects(seen.metadata.labels ?? {}))
  }

  #bindings({ object, oldObject }: View, params: KubernetesObject | null): Bindings {
    const { request, namespace } = this.#context.input
    const namespaceObject =
      namespace.kind === 'found'
        ? namespace.object
        : namespace.kind === 'clusterScoped'
          ? null
          : new Lazy(() => ({ ok: false, error: { code: 'EvaluationFailed', message: `the namespace could not be read: ${namespace.reason}` } }))
    const bindings: Record<string, unknown> = { object, oldObject, request: request.wire, namespaceObject, params }
    for (const { name, expression } of this.#candidate.policy.variables) {
      const compute = (): Result<CelValue, EvaluationError> => {
        const value = evaluate(expression, bindings, this.#budget)
        if (value.ok) return value
        const { code, message } = value.error
        return { ok: false, error: { code: code === 'CostExceeded' || code === 'DeadlineExceeded' ? code : 'EvaluationFailed', message } }
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
    return policy.rules.map((rule) => this.#judgeRule(rule, view, bindings, params))
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

  /** None, the one that is named, or those that a selector matches. */
  #params(): Result<readonly Param[], Unevaluable | 'skip'> {
    const { paramKind, paramRef } = this.#candidate.policy.policy.spec
    if (paramKind === undefined || paramRef === undefined) return ok([{ object: null }])
    const { params, request } = this.#context.input
    const wanted = paramRef.name === undefined ? `${paramKind.kind} that \`paramRef.selector\` matches` : `${paramKind.kind} \`${paramRef.name}\``
    const note = ({ metadata: { namespace = '', name = '', resourceVersion = '' } }: KubernetesObject): void => {
      this.#context.paramsRead.push({ kind: paramKind.kind, namespace, name, resourceVersion })
    }
    const state = params(paramKind, paramRef, isNamespaceObject(request) ? '' : request.namespace)
    switch (state.kind) {
      case 'found':
        note(state.object)
        return ok([{ object: state.object }])
      case 'several':
        state.objects.forEach(note)
        return ok(state.objects.map((object) => ({ object, param: objectName(object) })))
      case 'missing':
        if (paramRef.parameterNotFoundAction === 'Allow') return { ok: false, error: 'skip' }
        return {
          ok: false,
          error: { code: 'ParamNotFound', message: paramRef.name === undefined ? `there is no ${wanted}` : `the parameter ${wanted} does not exist` },
        }
      case 'unknown':
        return { ok: false, error: { code: 'ParamUnknown', message: `the parameter ${wanted} could not be read: ${state.reason}` } }
    }
  }

  #judgeRule(rule: Rule, view: View, bindings: Bindings, params: KubernetesObject | null): RuleOutcome {
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
    const { ruleSet, input } = this.#context
    const { policy } = this.#candidate
    const wouldHave = effectAt(this.#level, denying)
    const exceptions = ruleSet.exceptionsTo(policy.identity.name)
    if (exceptions.length === 0 || this.#context.isProtected()) return { effect: wouldHave, wouldHave, waivedBy: undefined, exceptionNotes: [] }
    const { waivedBy, notes } = waiverFor(exceptions, policy, rule.name, view.object ?? view.oldObject, {
      input,
      isDescended: () => isDescended(ruleSet, policy, input.request),
      bindings: () => this.#bindings(view, null),
      budget: this.#waiverBudget,
    })
    return { effect: waivedBy === undefined ? wouldHave : ('allow' as const), wouldHave, waivedBy, exceptionNotes: notes }
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
