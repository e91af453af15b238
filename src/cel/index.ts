export type { Expr, MessageExpr } from './ast.ts'
export { type AuthorizationAnswer, type AuthorizationQuestion, type Authorize, authorizerBindings } from './authorizer.ts'
export type { CelEnvironment } from './check.ts'
export { type MacroRow, macroTable } from './check-macros.ts'
export { CostBudget, type CostLimits } from './cost.ts'
export { type FunctionRow, functionTable } from './declarations.ts'
export {
  authorizerType,
  declaredVariableType,
  jsonPatchType,
  mutationObjectType,
  namespaceType,
  requestType,
  resourceCheckType,
} from './environment-types.ts'
export { parseExactJson } from './exact-json.ts'
export { type Atom, describeAtom, type Explanation } from './explain.ts'
export { childrenOf } from './explain-walk.ts'
export { EXPRESSION_ISSUE_CODES, type ExpressionIssue, type ExpressionIssueCode, issueAt, renderIssue } from './issue.ts'
export { toExactJson, toJson } from './json.ts'
export { KNOWN_DIFFERENCES, type KnownDifference } from './known-differences.ts'
export { Lazy } from './lazy.ts'
export { messageTypeOf } from './message-types.ts'
export { parseExpression } from './parse.ts'
export { checkPointer } from './pointer-check.ts'
export { type Bindings, type CelProgram, compileExpression, type EvaluationError } from './program.ts'
export { evaluateLine } from './protocol.ts'
export { readSchema, referencesIn } from './read-schema.ts'
export { fitsPattern } from './regex.ts'
export { checkFieldPaths, type FieldPathWarning, shapeOfExpression, type VariableSchemas, type VariableShapes } from './schema-check.ts'
export type { SchemaBounds, SchemaLookup, SchemaNode, Shape } from './schema-node.ts'
export {
  BOOL,
  BYTES,
  type CelType,
  DOUBLE,
  DURATION,
  DYN,
  formatType,
  INT,
  listOf,
  mapOf,
  NULL,
  objectOf,
  opaque,
  optionalOf,
  STRING,
  TIMESTAMP,
  UINT,
} from './types.ts'
export { type CelValue, isCelValue } from './values.ts'
