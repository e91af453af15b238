export { type AdmissionRequest, type AdmissionResponse, type Operation, parseAdmissionReview, type UserInfo } from './admission.ts'
export { type Config, parseConfig } from './config.ts'
export { type StandIn, standInRequest } from './creation.ts'
export {
  defaultEnforcementProfile,
  type EnforcementProfile,
  type EnforcementProfileSpec,
  type ProfileEnvironment,
  parseEnforcementProfile,
} from './enforcement-profile.ts'
export { describeFieldIssue, FIELD_ISSUE_CODES, type FieldIssue, type FieldIssueCode, formatPath, suggest } from './issue.ts'
export { canonicalJson, isEqualJson, parseJson } from './json.ts'
export {
  type GroupVersionKind,
  type GroupVersionResource,
  isKubernetesObject,
  isRecord,
  type KubernetesObject,
  type ObjectMeta,
  type OwnerReference,
  objectName,
  parseApiVersion,
} from './kubernetes.ts'
export { compileSelector, isEmptySelector, type LabelSelectorLike, printSelector } from './label-selector.ts'
export { OperationalError, type OperationalErrorCode } from './operational-error.ts'
export {
  API_VERSION,
  type AuditAnnotation,
  type ContextDeclaration,
  type Control,
  durationMs,
  ENFORCEMENT_LEVELS,
  type EnforcementLevel,
  type EnvironmentLevel,
  type ExceptionAllowance,
  type FailurePolicy,
  type LabelSelector,
  type MatchCondition,
  type MatchConstraints,
  type Mutation,
  type Owner,
  type ParamKind,
  type ParamRef,
  type Policy,
  type PolicyEnforcement,
  type PolicyEvaluation,
  type PolicySpec,
  parsePolicy,
  type ResourceRule,
  SEVERITIES,
  type Severity,
  type Validation,
  type Variable,
} from './policy.ts'
export { type ExceptionMatch, type PolicyException, type PolicyExceptionSpec, parsePolicyException, type WaivedPolicy } from './policy-exception.ts'
export { BUILT_IN_RESOURCES, guessResource, type ResourceType } from './resources.ts'
export { err, ok, type Result } from './result.ts'
export {
  type Condition,
  type EnforcementProfileStatus,
  type PolicyExceptionStatus,
  type PolicyStatus,
  readEnforcementProfileStatus,
  readPolicyExceptionStatus,
  readPolicyStatus,
} from './status.ts'
export { clip, editDistance } from './text.ts'
export { parseYamlDocuments } from './yaml.ts'
