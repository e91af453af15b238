import type { ReviewRecorder, UndecidedSubject } from '../admission/index.ts'
import type { AdmissionRequest, Operation } from '../api/index.ts'
import type { EventWriter, NamespaceSync } from '../controllers/index.ts'
import type { Correction, Decision } from '../decide/index.ts'
import type { DecisionCounter, DecisionLog, Metrics, ReviewContext, ReviewEffect, UndecidedReason } from '../evidence/index.ts'
import type { DecisionEvents } from './decision-events.ts'

export interface RecorderParts {
  readonly metrics: Metrics
  readonly counter: DecisionCounter
  readonly events: EventWriter
  readonly decisionEvents: DecisionEvents
  readonly namespaces: NamespaceSync
  readonly log: DecisionLog
}

/** What an object is called where people read it; one that the API server will name ends in `*`. */
const shownName = ({ name, object }: AdmissionRequest): string => (name === '' ? (object?.metadata.name ?? `${object?.metadata.generateName ?? ''}*`) : name)

/** Takes note of what the review path did, in everything that is kept of it. */
export class Recorder implements ReviewRecorder {
  readonly #parts: RecorderParts

  constructor(parts: RecorderParts) {
    this.#parts = parts
  }

  recordDecision(decision: Decision, request: AdmissionRequest, decisionId: string, context: ReviewContext): void {
    const { metrics, counter, log } = this.#parts
    log.recordDecision(decisionId, decision, request, context)
    const { namespace, kind, dryRun } = request
    metrics.recordDecision(decision, request)
    if (decision.outcomes.length === 0) return
    counter.record(decision, { namespace, kind: kind.kind, name: shownName(request), isDryRun: dryRun })
    this.#tellUnknownEnvironment(decision, namespace)
    if (!dryRun) this.#parts.decisionEvents.tell(decision, request)
  }

  recordCorrection(correction: Correction, request: AdmissionRequest, correctionId: string, context: ReviewContext): void {
    this.#parts.log.recordCorrection(correctionId, correction, request, context)
    this.#parts.metrics.recordCorrection(correction, request)
    this.#parts.counter.recordCorrection(correction, { isDryRun: request.dryRun })
  }

  recordUndecided(reason: UndecidedReason, failureClass: 'fail' | 'ignore', subject: UndecidedSubject = {}): void {
    this.#parts.log.recordUndecided({ reason, failureClass, time: new Date(), ...subject })
    this.#parts.metrics.admission.recordUndecided(reason, failureClass)
  }

  recordDuration(seconds: number, operation: Operation, effect: ReviewEffect): void {
    this.#parts.metrics.admission.recordDuration(seconds, operation, effect)
  }

  commit(): boolean | Promise<boolean> {
    return this.#parts.log.commit()
  }

  #tellUnknownEnvironment({ environment }: Decision, namespace: string): void {
    if (environment.kind !== 'unknown' || environment.reason !== 'LabelUnknown') return
    const state = this.#parts.namespaces.of(namespace)
    if (state instanceof Promise || state.kind !== 'found') return
    const note = `the label names environment \`${environment.label}\`, which the profile does not have: the strictest level of each policy counts`
    this.#parts.events.write({ regarding: state.object, type: 'Warning', reason: 'EnvironmentUnknown', action: 'Judge', note })
  }
}
