import { type AdmissionRequest, type AdmissionResponse, canonicalJson, parseAdmissionReview, parseJson, type Operation } from '../api/index.ts'
import { type ContextReader, type Correction, correct, type Decision, decide, type EvaluationInput, type ParamReader, type SchemaReader } from '../decide/index.ts'
import { toCorrectionWarnings, toDenialMessage, toWarnings, type UndecidedReason, type ReviewEffect } from '../evidence/index.ts'
import { isNamespaceObject, type Lane, type NamespaceState, type RuleSet } from '../rules/index.ts'
import { type Answer, denial, errorAnswer, reviewAnswer } from './answer.ts'

/** What happens to a request that cannot be decided: the class of the registration entry that called. */
export type FailureClass = 'fail' | 'ignore'

/** The part of a registration that its path carries. */
export interface Route {
  /** Whether the object is corrected, or judged. */
  readonly act: 'validate' | 'mutate'
  readonly failureClass: FailureClass
  readonly lane: Lane
}

/** What the review path needs from outside. */
export interface ReviewDependencies {
  readonly ruleSets: { snapshot(): RuleSet | undefined }
  /** The cached Namespace at once, or a promise of a short read where it is not cached. */
  readonly namespaceOf: (name: string) => NamespaceState | Promise<NamespaceState>
  readonly params: ParamReader
  readonly schemas?: SchemaReader
  readonly contexts: ContextReader
  readonly clock: { readonly now: () => Date; readonly elapsedMs: () => number }
  readonly nextDecisionId: () => string
  readonly recorder: ReviewRecorder
  readonly digestKey: string
  /** Time that a review may take from its arrival, in milliseconds. */
  readonly deadlineMs: number
}

/** Takes note of what the review path did; must not throw or wait. */
export interface ReviewRecorder {
  recordDecision(decision: Decision, request: AdmissionRequest, decisionId: string): void
  recordCorrection(correction: Correction, request: AdmissionRequest, correctionId: string): void
  recordUndecided(reason: UndecidedReason, failureClass: FailureClass): void
  recordDuration(seconds: number, operation: Operation, effect: ReviewEffect): void
}

/** Answers for a request that could not be decided: an entry of class `fail` refuses by an HTTP error, one of class `ignore` lets pass, and says so. */
export function undecided(uid: string, route: Route, reason: UndecidedReason, message: string, { recorder }: Pick<ReviewDependencies, 'recorder'>): Answer {
  recorder.recordUndecided(reason, route.failureClass)
  if (route.failureClass === 'fail' || uid === '') return errorAnswer(reason === 'internalError' ? 500 : 503, message)
  return reviewAnswer({
    uid,
    allowed: true,
    warnings: [`bylaw did not judge this request: ${message}`],
    auditAnnotations: { decision: 'none', effect: reason },
  })
}

function toResponse(uid: string, decision: Decision, decisionId: string): AdmissionResponse {
  const auditAnnotations = { decision: decisionId, effect: decision.effect, ruleSet: decision.ruleSetRevision }
  const warnings = decision.effect === 'allow' ? [] : toWarnings(decision)
  const more = warnings.length === 0 ? { auditAnnotations } : { auditAnnotations, warnings }
  return decision.effect === 'deny' ? denial(uid, toDenialMessage(decision, decisionId), more) : { uid, allowed: true, ...more }
}

/** A correction never refuses: whether the object is good is judged in the validating call. */
function toCorrectingResponse(uid: string, correction: Correction, id: string): AdmissionResponse {
  const { patch, outcomes } = correction
  if (outcomes.length === 0) return { uid, allowed: true }
  const told = { uid, allowed: true, auditAnnotations: { correction: id }, warnings: toCorrectionWarnings(correction) }
  return patch.length === 0 ? told : { ...told, patchType: 'JSONPatch', patch: Buffer.from(canonicalJson(patch), 'utf8').toString('base64') }
}

function judge(
  ruleSet: RuleSet,
  request: AdmissionRequest,
  namespace: NamespaceState,
  route: Route,
  arrivedMs: number,
  dependencies: ReviewDependencies,
): Answer {
  const { clock, recorder } = dependencies
  const decisionId = dependencies.nextDecisionId()
  try {
    const input: EvaluationInput = {
      request,
      lane: route.lane,
      namespace,
      params: dependencies.params,
      schemas: dependencies.schemas,
      contexts: dependencies.contexts,
      now: clock.now(),
      digestKey: dependencies.digestKey,
      deadline: { now: clock.elapsedMs, atMs: arrivedMs + dependencies.deadlineMs },
    }
    if (route.act === 'mutate') {
      const correction = correct(ruleSet, input)
      recorder.recordCorrection(correction, request, decisionId)
      return { ...reviewAnswer(toCorrectingResponse(request.uid, correction, decisionId)), decided: { operation: request.operation, effect: 'correct' } }
    }
    const decision = decide(ruleSet, input)
    recorder.recordDecision(decision, request, decisionId)
    return { ...reviewAnswer(toResponse(request.uid, decision, decisionId)), decided: { operation: request.operation, effect: decision.effect } }
  } catch (error) {
    // Not a rule that failed, but a defect of ours: it must neither pass silently nor end the process.
    const name = error instanceof Error ? error.name : 'unknown'
    return undecided(request.uid, route, 'internalError', `internal error (${name}) in decision ${decisionId}`, dependencies)
  }
}

/** Answers one AdmissionReview. Synchronous, but for a Namespace that is not cached. */
export function review(body: string, route: Route, arrivedMs: number, dependencies: ReviewDependencies): Answer | Promise<Answer> {
  const json = parseJson(body)
  if (!json.ok) return badRequest(json.error, route, dependencies)
  const parsed = parseAdmissionReview(json.value)
  if (!parsed.ok) return badRequest(parsed.error, route, dependencies)
  const request = parsed.value
  const ruleSet = dependencies.ruleSets.snapshot()
  if (ruleSet === undefined) return undecided(request.uid, route, 'notReady', 'the policies are not loaded yet', dependencies)
  const { resource, subResource } = request
  if (request.namespace === '' || isNamespaceObject(request) || ruleSet.candidates(resource.group, resource.resource, subResource).length === 0) {
    return judge(ruleSet, request, { kind: 'clusterScoped' }, route, arrivedMs, dependencies)
  }
  const namespace = dependencies.namespaceOf(request.namespace)
  if (!(namespace instanceof Promise)) return judge(ruleSet, request, namespace, route, arrivedMs, dependencies)
  return namespace.then((state) => judge(ruleSet, request, state, route, arrivedMs, dependencies))
}

function badRequest(message: string, { failureClass }: Route, { recorder }: ReviewDependencies): Answer {
  recorder.recordUndecided('badRequest', failureClass)
  return errorAnswer(400, message)
}
