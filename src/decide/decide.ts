import { isInForce, type RuleSet } from '../rules/index.ts'
import type { Decision, Effect, ParamReference, RuleOutcome } from './decision.ts'
import { environmentOf } from './environment.ts'
import type { EvaluationInput } from './input.ts'
import { judgePolicy, type RequestContext } from './judge-policy.ts'
import { isNeverDenied } from './mitigation.ts'

const NO_OUTCOMES: readonly RuleOutcome[] = []
const NO_PARAMS: readonly ParamReference[] = []

function strongest(outcomes: readonly RuleOutcome[]): Effect {
  if (outcomes.some(({ effect }) => effect === 'deny')) return 'deny'
  return outcomes.some(({ effect }) => effect === 'warn') ? 'warn' : 'allow'
}

/** Judges one input against one rule set. Pure, synchronous and total: equal arguments give equal decisions, and nothing throws. */
export function decide(ruleSet: RuleSet, input: EvaluationInput): Decision {
  const { request, namespace, now } = input
  const environment = environmentOf(ruleSet, request, namespace)
  const namespaceResourceVersion = namespace.kind === 'found' ? (namespace.object.metadata.resourceVersion ?? '') : ''
  const { breakGlass } = ruleSet
  const broken = breakGlass !== undefined && isInForce(breakGlass, now) ? { breakGlass } : {}
  const candidates = ruleSet.candidates(request.resource.group, request.resource.resource, request.subResource)
  if (candidates.length === 0) {
    const dependsOn = { namespaceResourceVersion, params: NO_PARAMS, decidedAt: now }
    return { effect: 'allow', environment, ruleSetRevision: ruleSet.revision, outcomes: NO_OUTCOMES, dependsOn, ...broken }
  }
  const paramsRead: ParamReference[] = []
  let neverDenied: boolean | undefined
  const isProtected = (): boolean => {
    neverDenied ??= isNeverDenied(request)
    return neverDenied
  }
  const context: RequestContext = { ruleSet, input, environment, isTurnedDown: broken.breakGlass !== undefined, isProtected, paramsRead }
  const outcomes = candidates.flatMap((candidate) => judgePolicy(candidate, context))
  return {
    effect: strongest(outcomes),
    environment,
    ruleSetRevision: ruleSet.revision,
    outcomes,
    dependsOn: { namespaceResourceVersion, params: paramsRead, decidedAt: now },
    ...broken,
  }
}
