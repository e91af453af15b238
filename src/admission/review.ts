import { type AdmissionRequest, type AdmissionResponse, canonicalJson, type Operation, parseAdmissionReview, parseJson } from '../api/index.ts'
import {
  type ContextReader,
  type Correction,
  correct,
  type Decision,
  decide,
  type EvaluationInput,
  type ParamReader,
  type SchemaReader,
} from '../decide/index.ts'
import { type ReviewContext, type ReviewEffect, toCorrectionWarnings, toDenialMessage, toWarnings, type UndecidedReason } from '../evidence/index.ts'
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
  /** Whether what a `fail` entry asks for is refused where the decision cannot be put on record. */
  readonly refusesUnrecorded?: boolean
}

/** What is known of a review that ended without a decision. */
export interface UndecidedSubject {
  readonly uid?: string
  readonly id?: string
  readonly request?: AdmissionRequest
}

/** Takes note of what the review path did; must not throw or wait. */
export interface ReviewRecorder {
  recordDecision(decision: Decision, request: AdmissionRequest, decisionId: string, context: ReviewContext): void
  recordCorrection(correction: Correction, request: AdmissionRequest, correctionId: string, context: ReviewContext): void
  recordUndecided(reason: UndecidedReason, failureClass: FailureClass, subject?: UndecidedSubject): void
  recordDuration(seconds: number, operation: Operation, effect: ReviewEffect): void
  /** Whether all that was recorded since the last call is kept: answers wait for it, and it comes within a bounded time. */
  commit?(): boolean | Promise<boolean>
}

/** Answers for a request that could not be decided: an entry of class `fail` refuses by an HTTP error, one of class `ignore` lets pass, and says so. */
export function undecided(
  subject: UndecidedSubject,
  route: Route,
  reason: UndecidedReason,
  message: string,
  { recorder }: Pick<ReviewDependencies, 'recorder'>,
): Answer {
  const { uid = subject.request?.uid ?? '' } = subject
  recorder.recordUndecided(reason, route.failureClass, subject)
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

/** Where the decision cannot be put on record, a `fail` entry refuses and the others let pass, as with anything else that fails closed or open. */
function unrecordedAnswer(uid: string, { effect }: Decision, { failureClass }: Route): Pick<Answer, 'ifUnrecorded'> {
  if (effect === 'deny') return {}
  const auditAnnotations = { decision: 'none', effect: 'notRecorded' }
  const message = 'bylaw could not put this decision on record, and is configured to refuse what is not on record'
  if (failureClass === 'fail') return { ifUnrecorded: reviewAnswer(denial(uid, message, { auditAnnotations })) }
  return { ifUnrecorded: reviewAnswer({ uid, allowed: true, warnings: ['bylaw could not put this decision on record'], auditAnnotations }) }
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
  const startMs = clock.elapsedMs()
  const decidedAt = clock.now()
  const { lane, failureClass } = route
  const contextNow = (): ReviewContext => ({
    ruleSet,
    lane,
    failureClass,
    decidedAt,
    waitedMs: startMs - arrivedMs,
    durationMs: clock.elapsedMs() - startMs,
  })
  try {
    const input: EvaluationInput = {
      request,
      lane,
      namespace,
      params: dependencies.params,
      schemas: dependencies.schemas,
      contexts: dependencies.contexts,
      now: decidedAt,
      digestKey: dependencies.digestKey,
      deadline: { now: clock.elapsedMs, atMs: arrivedMs + dependencies.deadlineMs },
    }
    if (route.act === 'mutate') {
      const correction = correct(ruleSet, input)
      recorder.recordCorrection(correction, request, decisionId, contextNow())
      return { ...reviewAnswer(toCorrectingResponse(request.uid, correction, decisionId)), decided: { operation: request.operation, effect: 'correct' } }
    }
    const decision = decide(ruleSet, input)
    recorder.recordDecision(decision, request, decisionId, contextNow())
    const answer = { ...reviewAnswer(toResponse(request.uid, decision, decisionId)), decided: { operation: request.operation, effect: decision.effect } }
    return dependencies.refusesUnrecorded === true ? { ...answer, ...unrecordedAnswer(request.uid, decision, route) } : answer
  } catch (error) {
    // Not a rule that failed, but a defect of ours: it must neither pass silently nor end the process.
    const name = error instanceof Error ? error.name : 'unknown'
    return undecided({ id: decisionId, request }, route, 'internalError', `internal error (${name}) in decision ${decisionId}`, dependencies)
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
  if (ruleSet === undefined) return undecided({ request }, route, 'notReady', 'the policies are not loaded yet', dependencies)
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
