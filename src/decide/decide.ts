import { isInForce, type RuleSet } from '../rules/index.ts'
import type { ContextReference, Decision, Effect, LeafCorrection, ParamReference, PolicyEvaluation, RuleOutcome } from './decision.ts'
import { environmentOf } from './environment.ts'
import type { EvaluationInput } from './input.ts'
import { judgePolicy, type RequestContext } from './judge-policy.ts'
import { isNeverDenied } from './mitigation.ts'

const NO_OUTCOMES: readonly RuleOutcome[] = []
const NO_PARAMS: readonly ParamReference[] = []
const NO_CONTEXTS: readonly ContextReference[] = []
const NO_CORRECTIONS: readonly LeafCorrection[] = []
const NO_EVALUATIONS: readonly PolicyEvaluation[] = []

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
    const dependsOn = { namespaceResourceVersion, params: NO_PARAMS, contexts: NO_CONTEXTS, decidedAt: now }
    const nothing = { outcomes: NO_OUTCOMES, leafCorrections: NO_CORRECTIONS, evaluations: NO_EVALUATIONS }
    return { effect: 'allow', environment, ruleSetRevision: ruleSet.revision, ...nothing, dependsOn, ...broken }
  }
  const paramsRead: ParamReference[] = []
  const contextsRead: ContextReference[] = []
  const leafCorrections: LeafCorrection[] = []
  const evaluations: PolicyEvaluation[] = []
  let neverDenied: boolean | undefined
  const isProtected = (): boolean => {
    neverDenied ??= isNeverDenied(request)
    return neverDenied
  }
  const isTurnedDown = broken.breakGlass !== undefined
  const context: RequestContext = { ruleSet, input, environment, isTurnedDown, isProtected, paramsRead, contextsRead, leafCorrections, evaluations }
  const outcomes = candidates.flatMap((candidate) => judgePolicy(candidate, context))
  const effect = strongest(outcomes)
  return {
    // Whoever writes a template that is judged otherwise than it reads has to know.
    effect: effect === 'allow' && leafCorrections.length > 0 ? 'warn' : effect,
    environment,
    ruleSetRevision: ruleSet.revision,
    outcomes,
    leafCorrections,
    evaluations,
    dependsOn: { namespaceResourceVersion, params: paramsRead, contexts: contextsRead, decidedAt: now },
    ...broken,
  }
}
