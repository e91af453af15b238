import type { FieldIssue } from './issue.ts'
import type { Result } from './result.ts'
import type { ENFORCEMENT_LEVELS, SEVERITIES } from './schema/common.ts'
import { parseResource } from './schema/parse.ts'
import { type ParsedPolicy, policySchema } from './schema/policy.ts'
import type { ReadOnly } from './schema/read-only.ts'

export { API_VERSION, ENFORCEMENT_LEVELS, SEVERITIES } from './schema/common.ts'
export { durationMs } from './schema/policy.ts'

type Spec = ReadOnly<ParsedPolicy['spec']>

/** What a violation does, least strict first. */
export type EnforcementLevel = (typeof ENFORCEMENT_LEVELS)[number]
/** How bad a violation is, least bad first. */
export type Severity = (typeof SEVERITIES)[number]
/** What a rule that cannot be evaluated does where it would refuse. */
export type FailurePolicy = Spec['failurePolicy']

/** A rule of the house for the objects of a cluster, with all defaults filled in. */
export interface Policy extends ReadOnly<ParsedPolicy> {}
/** What a policy asks for, of which objects, and what a violation does. */
export interface PolicySpec extends Spec {}
/** Who answers for a resource. */
export type Owner = Spec['owner']
/** A requirement of a control framework. */
export type Control = Spec['controls'][number]
/** What a policy looks at. */
export type MatchConstraints = Spec['matchConstraints']
/** Operations on resources, as admission policies of Kubernetes name them. */
export type ResourceRule = MatchConstraints['resourceRules'][number]
/** A label selector; one without requirements fits everything. */
export type LabelSelector = MatchConstraints['namespaceSelector']
/** A condition on the request as a whole. */
export type MatchCondition = Spec['matchConditions'][number]
/** Kind of the resource that holds parameters. */
export type ParamKind = NonNullable<Spec['paramKind']>
/** Which objects hold the parameters. */
export type ParamRef = NonNullable<Spec['paramRef']>
/** Other objects that a policy reads, under a name. */
export type ContextDeclaration = Spec['context'][number]
/** A named expression. */
export type Variable = Spec['variables'][number]
/** A condition that a good object meets; it always has a name here. */
export type Validation = Spec['validations'][number]
/** A change that makes a bad object good; it always has a name here. */
export type Mutation = Spec['mutations'][number]
/** An audit annotation of a native admission policy. */
export type AuditAnnotation = Spec['auditAnnotations'][number]
/** How strictly a policy is enforced. */
export type PolicyEnforcement = Spec['enforcement']
/** The level of a policy in one environment. */
export type EnvironmentLevel = PolicyEnforcement['environments'][number]
/** Whether and for how long a policy may be waived. */
export type ExceptionAllowance = Spec['exceptions']
/** Where a policy is evaluated. */
export type PolicyEvaluation = Spec['evaluation']

/** Reads a Policy: defaults filled in, or everything that is wrong with it. */
export function parsePolicy(value: unknown): Result<Policy, readonly FieldIssue[]> {
  return parseResource(policySchema, value)
}
