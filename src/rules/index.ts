export { ANNOTATIONS, type ApprovalStamp, type ChangeMark, changedBy, type StampVerdict, sealChange, sealStamp, specDigestOf, verifyStamp } from './approval.ts'
export { assembleRuleSet, profileIssues, type RuleSetParts, withBreakGlass } from './assemble.ts'
export { BREAK_GLASS, type BreakGlass, isInForce, readBreakGlass, sealBreakGlass, verifyBreakGlass } from './break-glass.ts'
export {
  type Approval,
  type CompiledException,
  compileException,
  compileGlob,
  type ExceptionOptions,
  effectiveExpiryMs,
  misplaced,
} from './compile-exception.ts'
export { type CompileOptions, compilePolicy, revisionOf, variablesRead } from './compile-policy.ts'
export { fieldIssues, meetsNeed, type SchemaNeed, schemaNeeds } from './field-issues.ts'
export { type CompileIssue, type CompileIssueCode, describeIssue } from './issue.ts'
export {
  type KindSchema,
  kindsOfDefinition,
  type NamedResource,
  type ResourceSchema,
  readOpenApi,
  type SchemaCatalogue,
  schemaCatalogue,
} from './kind-schemas.ts'
export { type EffectiveLevel, isDenying, levelsOf, type PolicyLevels, rankOfLevel, stricterLevel } from './levels.ts'
export {
  fitsRules,
  fittingMatch,
  indirectMatch,
  isNamespaceObject,
  judgesCreation,
  type Lane,
  matchResource,
  type NamespaceState,
  namesResource,
  operationsOf,
  type ResourceMatch,
  type ServedVersions,
  versionOf,
} from './match.ts'
export { conflictIssues } from './mutation-conflicts.ts'
export { POD_SIDE_DOORS, POD_TEMPLATES, type PodTemplate, toVirtualPod } from './pod-templates.ts'
export { objectionTo } from './protected-paths.ts'
export { type RequestNeeds, requestNeeds } from './request-needs.ts'
export type {
  Candidate,
  CompiledExpression,
  CompiledPolicy,
  EnforcedPolicy,
  MutationRule,
  NamedExpression,
  PolicyIdentity,
  Rule,
  RuleSet,
  WorkloadController,
} from './rule-set.ts'
export { RuleSetStore } from './rule-set-store.ts'
export { compileUnreadable } from './unreadable.ts'
