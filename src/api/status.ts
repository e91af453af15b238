import type { ReadOnly } from './schema/read-only.ts'
import {
  type ConditionShape,
  type EnforcementProfileStatusShape,
  enforcementProfileStatusSchema,
  type PolicyExceptionStatusShape,
  type PolicyStatusShape,
  policyExceptionStatusSchema,
  policyStatusSchema,
} from './schema/status.ts'

/** One aspect of the state of a resource, as `metav1.Condition` has it. */
export interface Condition extends ReadOnly<ConditionShape> {}
/** What became of a policy. */
export interface PolicyStatus extends ReadOnly<PolicyStatusShape> {}
/** What became of an exception. */
export interface PolicyExceptionStatus extends ReadOnly<PolicyExceptionStatusShape> {}
/** What became of a profile. */
export interface EnforcementProfileStatus extends ReadOnly<EnforcementProfileStatusShape> {}

/** Reads a Policy's status, so that it is written only where it changes; undefined for one that Bylaw did not write. */
export const readPolicyStatus = (value: unknown): PolicyStatus | undefined => policyStatusSchema.safeParse(value).data
/** Reads a PolicyException's status. */
export const readPolicyExceptionStatus = (value: unknown): PolicyExceptionStatus | undefined => policyExceptionStatusSchema.safeParse(value).data
/** Reads an EnforcementProfile's status. */
export const readEnforcementProfileStatus = (value: unknown): EnforcementProfileStatus | undefined => enforcementProfileStatusSchema.safeParse(value).data
