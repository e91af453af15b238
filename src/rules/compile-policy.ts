import { createHash } from 'node:crypto'
import { canonicalJson, err, type Policy, type Variable } from '../api/index.ts'
import {
  authorizerType,
  type CelEnvironment,
  type CelProgram,
  type CelType,
  compileExpression,
  declaredVariableType,
  type ExpressionIssue,
  listOf,
  namespaceType,
  renderIssue,
  requestType,
} from '../cel/index.ts'
import { compileMutations } from './compile-mutations.ts'
import type { CompileIssue } from './issue.ts'
import { compileSelectors } from './match.ts'
import type { CompiledExpression, CompiledPolicy, NamedExpression, PolicyIdentity, Rule } from './rule-set.ts'
import { sideDoorIssues } from './side-doors.ts'

const DYN: CelType = { kind: 'dyn' }
const OBJECTS: CelType = listOf(DYN)
const BOOL: readonly CelType[] = [{ kind: 'bool' }]
const STRING: readonly CelType[] = [{ kind: 'string' }]

const UNDECLARED_CONTEXT = '`context` is not declared'

/** What a policy is compiled against. */
export interface CompileOptions {
  /** Minor version of the cluster's Kubernetes: functions that it does not have yet are refused. */
  readonly kubernetesMinor?: number
}

/** Digest of a policy's spec, 16 hexadecimal digits. */
export const revisionOf = (value: unknown): string => createHash('sha256').update(canonicalJson(value)).digest('hex').slice(0, 16)

/** Whether an expression is right but for the functions of the authorizer, which are declared and not there. */
const isOfAuthorizer = (source: string, issues: readonly ExpressionIssue[]): boolean =>
  /\bauthorizer\b/.test(source) && issues.every(({ message }) => message.endsWith('is not supported'))

class PolicyCompiler {
  readonly issues: CompileIssue[] = []
  readonly #policy: Policy
  readonly #options: CompileOptions

  constructor(policy: Policy, options: CompileOptions) {
    this.#policy = policy
    this.#options = options
  }

  /** The variables that every expression of the policy has. */
  baseVariables(): Map<string, CelType> {
    const variables = new Map<string, CelType>([
      ['object', DYN],
      ['oldObject', DYN],
      ['request', requestType()],
      ['namespaceObject', namespaceType()],
      ['authorizer', authorizerType()],
    ])
    if (this.#policy.spec.paramKind !== undefined) variables.set('params', DYN)
    for (const { name } of this.#policy.spec.context) variables.set(`context.${name}`, OBJECTS)
    return variables
  }

  report(path: string, source: string, issue: ExpressionIssue): void {
    const told = issue.message === UNDECLARED_CONTEXT ? { ...issue, suggestion: 'declare it in `spec.context`' } : issue
    const [head = issue.message, ...rest] = renderIssue(source, told).split('\n')
    const detail = rest.length === 0 ? {} : { detail: rest.join('\n') }
    this.issues.push({ code: 'InvalidExpression', severity: 'error', policy: this.#policy.metadata.name, path, message: head, ...detail })
  }

  expression(source: string, path: string, variables: ReadonlyMap<string, CelType>, resultTypes?: readonly CelType[], isMutation = false): CompiledExpression {
    const { kubernetesMinor } = this.#options
    const environment: CelEnvironment = {
      variables,
      isMutation,
      ...(resultTypes === undefined ? {} : { resultTypes }),
      ...(kubernetesMinor === undefined ? {} : { kubernetesMinor }),
    }
    const compiled = compileExpression(source, environment)
    if (compiled.ok ? compiled.value.variables.has('authorizer') : isOfAuthorizer(source, compiled.error)) {
      const message = '`authorizer` cannot be used in a policy: it would need a request to the API server for each decision'
      this.issues.push({ code: 'UnsupportedVariable', severity: 'error', policy: this.#policy.metadata.name, path, message })
      return err(`${path} uses \`authorizer\``)
    }
    if (!compiled.ok) {
      for (const issue of compiled.error) this.report(path, source, issue)
      return err(`${path} does not compile: ${compiled.error[0]?.message ?? 'unknown reason'}`)
    }
    return compiled
  }

  /** Compiles the variables in order; each sees those before it, with the type that Kubernetes declares them with. */
  variables(declared: readonly Variable[], known: Map<string, CelType>): NamedExpression[] {
    return declared.map(({ name, expression }, index) => {
      const compiled = this.expression(expression, `spec.variables[${index}].expression`, known)
      known.set(`variables.${name}`, compiled.ok ? declaredVariableType(compiled.value.type) : DYN)
      return { name, expression: compiled }
    })
  }
}

/** Compiles one policy: every mistake becomes an issue, and every validation a rule, evaluable or not. */
export function compilePolicy(policy: Policy, options: CompileOptions = {}): CompiledPolicy {
  const { spec } = policy
  const compiler = new PolicyCompiler(policy, options)
  const identity: PolicyIdentity = {
    name: policy.metadata.name,
    title: spec.title,
    severity: spec.severity,
    owner: spec.owner,
    remediation: spec.remediation,
  }
  const matchConditions = spec.matchConditions.map(({ name, expression }, index) => ({
    name,
    expression: compiler.expression(expression, `spec.matchConditions[${index}].expression`, compiler.baseVariables(), BOOL),
  }))
  const known = compiler.baseVariables()
  const variables = compiler.variables(spec.variables, known)
  const withoutAuthorizer = new Map(known)
  withoutAuthorizer.delete('authorizer')
  const rules = spec.validations.map((validation, index): Rule => {
    const at = `spec.validations[${index}]`
    const { messageExpression } = validation
    return {
      policy: identity,
      name: validation.name,
      expression: compiler.expression(validation.expression, `${at}.expression`, known, BOOL),
      message: validation.message,
      messageExpression:
        messageExpression === undefined ? undefined : compiler.expression(messageExpression, `${at}.messageExpression`, withoutAuthorizer, STRING),
      source: validation.expression,
      showValues: validation.showValues,
    }
  })
  for (const [index, { valueExpression }] of spec.auditAnnotations.entries()) {
    compiler.expression(valueExpression, `spec.auditAnnotations[${index}].valueExpression`, known, [{ kind: 'string' }, { kind: 'null' }])
  }
  const { mutations, issues } = compileMutations(policy, (source, path, resultTypes) => compiler.expression(source, path, known, resultTypes, true))
  const compiled: CompiledPolicy = {
    policy,
    identity,
    revision: revisionOf(spec),
    failurePolicy: spec.failurePolicy,
    selectors: compileSelectors(spec.matchConstraints),
    matchConditions,
    variables,
    rules,
    mutations,
    issues: [...compiler.issues, ...issues, ...sideDoorIssues(policy)],
  }
  return { ...compiled, issues: [...compiled.issues, ...unusedContext(compiled)] }
}

/** Context that no expression reads costs a watch and memory for nothing; an expression that does not compile may have meant it. */
function unusedContext(compiled: CompiledPolicy): CompileIssue[] {
  const { policy, rules, issues } = compiled
  if (issues.some(({ severity }) => severity === 'error')) return []
  const read = variablesRead(compiled)
  const messages = rules.flatMap(({ messageExpression }) => (messageExpression?.ok ? [...messageExpression.value.variables] : []))
  return policy.spec.context.flatMap(({ name }, index): CompileIssue[] => {
    if (read.has(`context.${name}`) || messages.includes(`context.${name}`)) return []
    const message = `no expression reads \`context.${name}\``
    return [{ code: 'UnusedContext', severity: 'warning', policy: policy.metadata.name, path: `spec.context[${index}]`, message }]
  })
}

/** The variables that a policy reads through any of its expressions: `request`, `oldObject` and the like. */
export function variablesRead({ matchConditions, variables, rules, mutations }: CompiledPolicy): ReadonlySet<string> {
  const programs: CelProgram[] = []
  for (const { expression } of [...matchConditions, ...variables, ...rules, ...mutations]) if (expression.ok) programs.push(expression.value)
  return new Set(programs.flatMap((program) => [...program.variables]))
}
