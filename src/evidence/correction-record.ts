import { createHash } from 'node:crypto'
import { canonicalJson, type KubernetesObject } from '../api/index.ts'
import type { Correction, CorrectionOutcome } from '../decide/index.ts'

export interface CorrectionOutcomeRecord {
  readonly kind: string
  readonly policy: string
  readonly paths?: readonly string[]
  /** Why nothing was corrected, the policy that has the last word, or `diverges`. */
  readonly detail?: string
}

/** A correction as it is written down: what was changed and by whom, the objects as digests only. One request may be corrected more than once. */
export interface CorrectionRecord {
  readonly schemaVersion: 1
  readonly id: string
  /** Absent where it was not known. */
  readonly environment?: string
  readonly ruleSet: string
  readonly before: string
  readonly after: string
  /** Paths that were changed, over all policies. */
  readonly paths: readonly string[]
  readonly outcomes: readonly CorrectionOutcomeRecord[]
}

const digest = (object: KubernetesObject | null): string => createHash('sha256').update(canonicalJson(object)).digest('hex')

function toOutcome(outcome: CorrectionOutcome): CorrectionOutcomeRecord {
  const base = { kind: outcome.kind, policy: outcome.policy.name }
  switch (outcome.kind) {
    case 'corrected':
      return { ...base, paths: outcome.paths, ...(outcome.diverges ? { detail: 'diverges' } : {}) }
    case 'notCorrected':
      return { ...base, detail: outcome.reason }
    case 'conflict':
      return { ...base, paths: [outcome.path], detail: outcome.by.name }
  }
}

/** Turns a correction into plain data. */
export function toCorrectionRecord(correction: Correction, id: string, before: KubernetesObject | null): CorrectionRecord {
  const { environment, ruleSetRevision, patch, object, outcomes } = correction
  return {
    schemaVersion: 1,
    id,
    ...(environment.kind === 'known' ? { environment: environment.name } : {}),
    ruleSet: ruleSetRevision,
    before: digest(before),
    after: digest(object),
    paths: patch.map(({ path }) => path),
    outcomes: outcomes.map(toOutcome),
  }
}
