export { decide } from './decide.ts'
export {
  blocks,
  type Decision,
  type Effect,
  type EvaluationErrorCode,
  type FailedOutcome,
  type Finding,
  type Mitigation,
  type ParamReference,
  type RuleOutcome,
  type RuleReference,
  type Violation,
} from './decision.ts'
export { environmentOf, levelIn, type RequestEnvironment } from './environment.ts'
export type { EvaluationInput, ParamReader, ParamState } from './input.ts'
export { selectParams } from './select-params.ts'
export { isSensitive } from './values.ts'
export { oneLine } from './violation.ts'
