import type { FieldIssue } from './issue.ts'
import type { Result } from './result.ts'
import { parseResource } from './schema/parse.ts'
import { type ParsedPolicyException, policyExceptionSchema } from './schema/policy-exception.ts'
import type { ReadOnly } from './schema/read-only.ts'

type Spec = ReadOnly<ParsedPolicyException['spec']>

/** A waiver of violations for some objects, with all defaults filled in. */
export interface PolicyException extends ReadOnly<ParsedPolicyException> {}
/** What is waived, for which objects, why and until when. */
export interface PolicyExceptionSpec extends Spec {}
/** A policy and those of its rules that are waived. */
export type WaivedPolicy = Spec['policies'][number]
/** Objects that an exception is for. */
export type ExceptionMatch = Spec['match']

/** Reads a PolicyException: defaults filled in, or everything that is wrong with it. */
export function parsePolicyException(value: unknown): Result<PolicyException, readonly FieldIssue[]> {
  return parseResource(policyExceptionSchema, value)
}
