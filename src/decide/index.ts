export { byNamespaceAndName, IN_NO_NAMESPACE, type KnownObjects, NO_NAMESPACE, namespaceOfContext, narrowContext, selectContext } from './context.ts'
export { type Correction, type CorrectionOutcome, correct } from './correct.ts'
export { decide } from './decide.ts'
export {
  blocks,
  type ContextReference,
  type Decision,
  type Effect,
  type EvaluationErrorCode,
  type FailedOutcome,
  type Finding,
  type LeafCorrection,
  type Mitigation,
  type ParamReference,
  type PolicyEvaluation,
  type RuleOutcome,
  type RuleReference,
  type Violation,
} from './decision.ts'
export { environmentOf, levelIn, type RequestEnvironment } from './environment.ts'
export { idempotenceIssues } from './idempotence.ts'
export type { ContextReader, ContextState, EvaluationInput, ParamReader, ParamState, SchemaReader } from './input.ts'
export type { PatchOperation } from './json-diff.ts'
export { mutate } from './mutate.ts'
export { deducedSchema } from './schema-shapes.ts'
export { selectParams } from './select-params.ts'
export type { Suggestion } from './suggestion.ts'
export { isSensitive } from './values.ts'
export { oneLine } from './violation.ts'
