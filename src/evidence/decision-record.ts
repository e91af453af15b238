import type { Decision, FailedOutcome, PatchOperation, RuleOutcome, Suggestion } from '../decide/index.ts'

/** A patch that may be read by everyone, whole, or the reason why there is none. */
export type SuggestionRecord = { readonly patch: readonly PatchOperation[] } | { readonly failed: string }

/** One outcome as it is written down: plain data, no values beyond those that may be shown. */
export interface OutcomeRecord {
  readonly policy: string
  readonly rule: string
  readonly severity: string
  /** The parameter that it was judged with, where a selector chooses them. */
  readonly param?: string
  readonly result: RuleOutcome['result']
  readonly level: string
  readonly effect: string
  readonly mitigation?: string
  readonly message?: string
  readonly findings?: readonly { readonly path: string; readonly sentence: string }[]
  readonly code?: string
  /** What the policy's mutations would make of the object, or why they cannot. */
  readonly suggestion?: SuggestionRecord
  /** The exception that waives it, and what would have been without it. */
  readonly waivedBy?: string
  readonly wouldHave?: string
  readonly exceptionNotes?: readonly string[]
  readonly condition?: string
}

/** A decision as it is written down. Fields are only ever added. */
export interface DecisionRecord {
  readonly schemaVersion: 1
  readonly effect: string
  /** Absent where it was not known. */
  readonly environment?: string
  readonly ruleSet: string
  /** There where all policies were turned down to warnings. */
  readonly breakGlass?: { readonly account: string; readonly until: string; readonly reason: string; readonly owner: string }
  readonly outcomes: readonly OutcomeRecord[]
  /** Pod templates that were judged as their Pods will be corrected. */
  readonly leafCorrections?: readonly { readonly policy: string; readonly suggestion: SuggestionRecord }[]
}

const toSuggestionRecord = (suggestion: Suggestion): SuggestionRecord =>
  suggestion.kind === 'patch' ? { patch: suggestion.patch } : { failed: suggestion.reason }

function waiverOf({ waivedBy, wouldHave, exceptionNotes }: FailedOutcome): Pick<OutcomeRecord, 'waivedBy' | 'wouldHave' | 'exceptionNotes'> {
  return {
    ...(waivedBy === undefined ? {} : { waivedBy, wouldHave }),
    ...(exceptionNotes.length === 0 ? {} : { exceptionNotes }),
  }
}

/** Turns one outcome into plain data. */
export function toOutcomeRecord(outcome: RuleOutcome): OutcomeRecord {
  const { rule, param, result, level, effect } = outcome
  const base = { policy: rule.policy.name, rule: rule.name, severity: rule.policy.severity, ...(param === undefined ? {} : { param }), result, level, effect }
  switch (outcome.result) {
    case 'pass':
      return base
    case 'skip':
      return { ...base, condition: outcome.condition }
    case 'error': {
      const { code, message, mitigation } = outcome
      return { ...base, code, message, ...waiverOf(outcome), ...(mitigation === undefined ? {} : { mitigation }) }
    }
    case 'fail': {
      const { violation, mitigation, suggestion } = outcome
      return {
        ...base,
        message: violation.message,
        findings: violation.findings,
        ...waiverOf(outcome),
        ...(mitigation === undefined ? {} : { mitigation }),
        ...(suggestion === undefined ? {} : { suggestion: toSuggestionRecord(suggestion) }),
      }
    }
  }
}

/** Turns a decision into plain data. */
export function toDecisionRecord({ effect, environment, ruleSetRevision, outcomes, leafCorrections, breakGlass }: Decision): DecisionRecord {
  return {
    schemaVersion: 1,
    effect,
    ...(environment.kind === 'known' ? { environment: environment.name } : {}),
    ruleSet: ruleSetRevision,
    ...(breakGlass === undefined ? {} : { breakGlass }),
    outcomes: outcomes.map(toOutcomeRecord),
    ...(leafCorrections.length === 0
      ? {}
      : { leafCorrections: leafCorrections.map(({ policy, suggestion }) => ({ policy: policy.name, suggestion: toSuggestionRecord(suggestion) })) }),
  }
}
