import type { EnforcementLevel, FailurePolicy } from '../api/index.ts'
import type { BreakGlass, PolicyIdentity } from '../rules/index.ts'
import type { RequestEnvironment } from './environment.ts'
import type { Suggestion } from './suggestion.ts'

export type Effect = 'allow' | 'warn' | 'deny'

/** Why a rule could not be evaluated. */
export type EvaluationErrorCode =
  | 'EvaluationFailed'
  | 'CostExceeded'
  | 'DeadlineExceeded'
  | 'NotCompiled'
  | 'ParamNotFound'
  | 'ParamUnknown'
  | 'ContextUnknown'
  | 'NamespaceUnknown'
  | 'WrongVersion'

/** Why a failed rule did not refuse where its level would have. */
export type Mitigation = 'protected' | 'existing' | 'descended'

/** One place in the object that made a rule fail. */
export interface Finding {
  /** Path in the object as it was submitted, such as `spec.template.spec.containers[1].image`. */
  readonly path: string
  /** The path, the value where it may be shown, and what was expected, in one line. */
  readonly sentence: string
}

/** What a rule found wrong, in words for whoever made the request. */
export interface Violation {
  readonly message: string
  /** At most 20. */
  readonly findings: readonly Finding[]
  readonly findingsOmitted: number
}

/** Which rule an outcome is of. */
export interface RuleReference {
  readonly policy: PolicyIdentity
  readonly name: string
}

interface OutcomeBase {
  readonly rule: RuleReference
  /** Where parameters are chosen by labels: the one that it was judged with, `namespace/name`. */
  readonly param?: string
  /** The level in the request's environment. */
  readonly level: EnforcementLevel
  /** What this outcome alone asks for. */
  readonly effect: Effect
}

/** What a failed outcome tells of exceptions. */
interface Waivable {
  /** The exception that waives it, `namespace/name`; then `effect` is `allow`. */
  readonly waivedBy: string | undefined
  /** What it would have asked for without that exception. */
  readonly wouldHave: Effect
  /** Exceptions that name the rule and do not waive it, each with the reason. */
  readonly exceptionNotes: readonly string[]
}

/** A pod template that was judged as its Pods will be when a policy has corrected them; the template itself stays as it is. */
export interface LeafCorrection {
  readonly policy: PolicyIdentity
  readonly suggestion: Suggestion
}

/** What one rule said of one request. Adding a member is meant to break every `switch` that reads it. */
export type RuleOutcome =
  | (OutcomeBase & { readonly result: 'pass'; readonly withoutParam: boolean })
  | (OutcomeBase & { readonly result: 'skip'; readonly condition: string })
  | (OutcomeBase &
      Waivable & {
        readonly result: 'fail'
        readonly violation: Violation
        readonly mitigation: Mitigation | undefined
        readonly suggestion: Suggestion | undefined
      })
  | (OutcomeBase &
      Waivable & {
        readonly result: 'error'
        readonly code: EvaluationErrorCode
        readonly message: string
        readonly failurePolicy: FailurePolicy
        readonly mitigation: 'protected' | undefined
      })

export type FailedOutcome = Extract<RuleOutcome, { readonly result: 'fail' | 'error' }>

/** A parameter that was read, and in which state. */
export interface ParamReference {
  readonly kind: string
  readonly namespace: string
  readonly name: string
  readonly resourceVersion: string
}

/** Other objects that a policy read: which, how many, and at which `resourceVersion` of the cache. */
export interface ContextReference {
  readonly policy: string
  /** As the policy calls them. */
  readonly name: string
  readonly kind: string
  /** Empty where they may lie anywhere. */
  readonly namespace: string
  readonly count: number
  readonly resourceVersion: string
}

/** One policy that was judged: which state of it, and what that took. */
export interface PolicyEvaluation {
  readonly policy: string
  readonly revision: string
  /** In Kubernetes' units, over all its expressions. */
  readonly cost: number
  /** Absent where no clock was given. */
  readonly durationMs?: number
}

/** The judgement of one request against one rule set, with all that it depended on. */
export interface Decision {
  readonly effect: Effect
  readonly environment: RequestEnvironment
  readonly ruleSetRevision: string
  /** There where it turned every level down to `Warn`. */
  readonly breakGlass?: BreakGlass
  /** Most severe first, then by policy and by the rule's place in it. */
  readonly outcomes: readonly RuleOutcome[]
  readonly leafCorrections: readonly LeafCorrection[]
  /** The policies that outcomes are of, in their order. */
  readonly evaluations: readonly PolicyEvaluation[]
  readonly dependsOn: {
    readonly namespaceResourceVersion: string
    readonly params: readonly ParamReference[]
    readonly contexts: readonly ContextReference[]
    readonly decidedAt: Date
  }
}

/** Whether this outcome alone refuses the request. */
export const blocks = (outcome: RuleOutcome): outcome is FailedOutcome => outcome.effect === 'deny'
