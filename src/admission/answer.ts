import type { AdmissionResponse, Operation } from '../api/index.ts'
import type { ReviewEffect } from '../evidence/index.ts'

/** What the HTTPS door sends back: an AdmissionReview with status 200, or a plain HTTP error that leaves the decision to the registration's failure policy. */
export interface Answer {
  readonly status: number
  readonly contentType: 'application/json' | 'text/plain'
  readonly body: string
  /** What was decided, for the clock of those who answer. */
  readonly decided?: { readonly operation: Operation; readonly effect: ReviewEffect }
  /** What is sent instead where the decision could not be put on record, and that is not to be accepted. */
  readonly ifUnrecorded?: Answer
}

/** Wraps a response for the API server. */
export function reviewAnswer(response: AdmissionResponse): Answer {
  const body = JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response })
  return { status: 200, contentType: 'application/json', body }
}

/** An HTTP error with one line of text. */
export function errorAnswer(status: number, message: string): Answer {
  return { status, contentType: 'text/plain', body: `${message}\n` }
}

/** A denial, always 403 `Forbidden`: with `Invalid`, kubectl would print causes instead of the message. */
export function denial(uid: string, message: string, more: Pick<AdmissionResponse, 'warnings' | 'auditAnnotations'> = {}): AdmissionResponse {
  return { uid, allowed: false, status: { code: 403, reason: 'Forbidden', message }, ...more }
}
