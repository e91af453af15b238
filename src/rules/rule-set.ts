import type { EnforcementProfile, FailurePolicy, Operation, Owner, Policy, Result, Severity } from '../api/index.ts'
import type { CelProgram } from '../cel/index.ts'
import type { BreakGlass } from './break-glass.ts'
import type { CompiledException } from './compile-exception.ts'
import type { CompileIssue } from './issue.ts'
import type { PolicyLevels } from './levels.ts'
import type { CompiledSelectors, ResourceMatch } from './match.ts'

/** An expression ready to run, or why it is not: an unreadable expression is kept, and judged as one that cannot be evaluated. */
export type CompiledExpression = Result<CelProgram, string>

export interface NamedExpression {
  readonly name: string
  readonly expression: CompiledExpression
}

/** What people need to know about the policy behind a rule. */
export interface PolicyIdentity {
  readonly name: string
  readonly title: string
  readonly severity: Severity
  readonly owner: Owner
  readonly remediation: string
}

/** One validation, compiled. */
export interface Rule {
  readonly policy: PolicyIdentity
  readonly name: string
  readonly expression: CompiledExpression
  readonly message: string | undefined
  readonly messageExpression: CompiledExpression | undefined
  /** The expression's text, for a rule without a message. */
  readonly source: string
  readonly showValues: boolean
}

/** One mutation, compiled. */
export interface MutationRule {
  readonly name: string
  readonly patchType: 'JSONPatch' | 'ApplyConfiguration'
  /** Operations at which it is applied. */
  readonly operations: ReadonlySet<Operation>
  /** Whether pod templates are written, or only judged as if they were. */
  readonly templates: 'Apply' | 'Virtual'
  readonly expression: CompiledExpression
}

/** One policy, compiled; it depends on nothing but its own `spec`. */
export interface CompiledPolicy {
  readonly policy: Policy
  readonly identity: PolicyIdentity
  /** Digest of the parsed spec: equal specs give equal revisions. */
  readonly revision: string
  readonly failurePolicy: FailurePolicy
  readonly selectors: CompiledSelectors
  readonly matchConditions: readonly NamedExpression[]
  readonly variables: readonly NamedExpression[]
  readonly rules: readonly Rule[]
  readonly mutations: readonly MutationRule[]
  readonly issues: readonly CompileIssue[]
}

/** A compiled policy with the levels that the profile in force gives it. */
export interface EnforcedPolicy extends CompiledPolicy {
  readonly levels: PolicyLevels
}

/** A policy that judges a resource, and how it wants the object. */
export interface Candidate {
  readonly policy: EnforcedPolicy
  readonly match: ResourceMatch
}

/** A pair of an account and the kind for which it makes objects: what such an account makes is judged at its owner. */
export interface WorkloadController {
  readonly account: string
  readonly ownerGroup: string
  readonly ownerKind: string
  /** Resource of the owner's kind. */
  readonly ownerResource: string
}

/** Every rule in force at one moment. Immutable: a change makes a new set with a new revision. */
export interface RuleSet {
  /** Digest of all that can alter a decision. */
  readonly revision: string
  /** Most severe first, then by name: the order in which people are told. */
  readonly policies: readonly EnforcedPolicy[]
  readonly profile: EnforcementProfile
  readonly workloadControllers: readonly WorkloadController[]
  /** What turns every level down to `Warn` until its end; it counts by the clock of the decision. */
  readonly breakGlass: BreakGlass | undefined
  /** The exceptions that name a policy. */
  readonly exceptionsTo: (policy: string) => readonly CompiledException[]
  /** The policies that judge a resource; one look-up, remembered. */
  readonly candidates: (group: string, resource: string, subResource: string) => readonly Candidate[]
}
