import { isRecord, parsePolicy, type Result } from '../api/index.ts'
import {
  authorizerType,
  BOOL,
  type CelEnvironment,
  type CelProgram,
  type CelType,
  compileExpression,
  DYN,
  declaredVariableType,
  type ExpressionIssue,
  jsonPatchType,
  listOf,
  mutationObjectType,
  NULL,
  namespaceType,
  renderIssue,
  requestType,
  resourceCheckType,
  STRING,
} from '../cel/index.ts'

/** Kubernetes accepts a new policy with the libraries of the release before its own, 1.37, and evaluates a stored one with all. */
const CREATION_MINOR = 36

/** What the evaluation of a ValidatingAdmissionPolicy or a MutatingAdmissionPolicy needs of it. */
export interface NativePolicy {
  readonly hasParams: boolean
  readonly failurePolicy: 'Fail' | 'Ignore'
  readonly variables: readonly { readonly name: string; readonly expression: string }[]
  readonly matchConditions: readonly { readonly name: string; readonly expression: string }[]
  readonly validations: readonly { readonly expression: string; readonly message: string; readonly messageExpression: string; readonly reason: string }[]
  readonly auditAnnotations: readonly { readonly key: string; readonly valueExpression: string }[]
  /** Mutations; one without an expression names no patch that is there. */
  readonly mutations: readonly { readonly patchType: 'JSONPatch' | 'ApplyConfiguration'; readonly expression: string | undefined }[]
}

/** An expression with its program, or why it has none. */
export interface CompiledText {
  readonly source: string
  readonly program: Result<CelProgram, string>
}

/** The expressions of a policy as a server evaluates stored ones, with what it would say if the policy were new. */
export interface CompiledNative {
  readonly variables: ReadonlyMap<string, CompiledText>
  readonly matchConditions: readonly CompiledText[]
  readonly validations: readonly CompiledText[]
  readonly messages: readonly (CompiledText | undefined)[]
  readonly auditAnnotations: readonly CompiledText[]
  readonly mutations: readonly (CompiledText | undefined)[]
  readonly creationErrors: readonly { readonly path: string; readonly message: string }[]
}

type Json = Readonly<Record<string, unknown>>

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')

/** The lists of expressions that a policy may have. */
const LISTS = {
  validating: ['variables', 'matchConditions', 'validations', 'auditAnnotations'],
  mutating: ['variables', 'matchConditions', 'mutations'],
} as const

type ListName = (typeof LISTS)[keyof typeof LISTS][number]

/** Reads the policy that a line is about. The text says what is wrong. */
export function readPolicyOf({ policy }: Json, purpose: keyof typeof LISTS): NativePolicy | string {
  if (!isRecord(policy)) return 'no policy'
  if (policy['kind'] === 'Policy') {
    const parsed = parsePolicy(policy)
    if (!parsed.ok) return parsed.error.map(({ path, message }) => `${path}: ${message}`).join('; ')
  }
  return readNativePolicy(policy, purpose)
}

/** Reads the expressions of a policy, native or Bylaw's own: both name them alike. The text says what is wrong. */
function readNativePolicy(policy: Json, purpose: keyof typeof LISTS): NativePolicy | string {
  const spec = isRecord(policy['spec']) ? policy['spec'] : {}
  const lists: readonly ListName[] = LISTS[purpose]
  const wrong = lists.find((name) => spec[name] !== undefined && spec[name] !== null && !(Array.isArray(spec[name]) && spec[name].every(isRecord)))
  if (wrong !== undefined) return `unreadable line: spec.${wrong} is no list of objects`
  const items = (name: ListName): readonly Json[] => (lists.includes(name) && Array.isArray(spec[name]) ? spec[name].filter(isRecord) : [])
  return {
    hasParams: isRecord(spec['paramKind']),
    failurePolicy: spec['failurePolicy'] === 'Ignore' ? 'Ignore' : 'Fail',
    variables: items('variables').map((item) => ({ name: textOf(item['name']), expression: textOf(item['expression']) })),
    matchConditions: items('matchConditions').map((item) => ({ name: textOf(item['name']), expression: textOf(item['expression']) })),
    validations: items('validations').map((item) => ({
      expression: textOf(item['expression']),
      message: textOf(item['message']),
      messageExpression: textOf(item['messageExpression']),
      reason: textOf(item['reason']) || 'Invalid',
    })),
    auditAnnotations: items('auditAnnotations').map((item) => ({ key: textOf(item['key']), valueExpression: textOf(item['valueExpression']) })),
    mutations: items('mutations').map(readMutation),
  }
}

function readMutation(item: Json): NativePolicy['mutations'][number] {
  const { patchType, jsonPatch, applyConfiguration } = item
  const isPatch = patchType === 'JSONPatch'
  const held = isPatch ? jsonPatch : patchType === 'ApplyConfiguration' ? applyConfiguration : undefined
  return { patchType: isPatch ? 'JSONPatch' : 'ApplyConfiguration', expression: isRecord(held) ? textOf(held['expression']) : undefined }
}

const STRINGS: readonly CelType[] = [STRING]
const TEXTS: readonly CelType[] = [STRING, NULL]
const BOOLS: readonly CelType[] = [BOOL]
const PATCHES: readonly CelType[] = [listOf(jsonPatchType())]
const CONFIGURATIONS: readonly CelType[] = [mutationObjectType()]

/** Compiles a policy's expressions the way a server does that has the policy stored. */
export function compileNative(policy: NativePolicy): CompiledNative {
  const stored = new NativeCompiler(policy)
  return { ...stored.compile(), creationErrors: new NativeCompiler(policy, CREATION_MINOR).mistakes() }
}

/** Mistakes in Kubernetes' form: a result of the wrong type is told without its place. */
function describeMistakes(source: string, issues: readonly ExpressionIssue[]): string {
  const [first] = issues
  if (issues.length === 1 && first?.code === 'WrongResultType') return first.message
  return `compilation failed: ${issues.map((issue) => `ERROR: <input>:${issue.line}:${issue.column}: ${renderIssue(source, issue)}`).join('\n')}`
}

class NativeCompiler {
  readonly #policy: NativePolicy
  readonly #kubernetesMinor: number | undefined
  readonly #mistakes: { readonly path: string; readonly message: string }[] = []

  constructor(policy: NativePolicy, kubernetesMinor?: number) {
    this.#policy = policy
    this.#kubernetesMinor = kubernetesMinor
  }

  mistakes(): readonly { readonly path: string; readonly message: string }[] {
    this.compile()
    return this.#mistakes
  }

  compile(): Omit<CompiledNative, 'creationErrors'> {
    const { matchConditions, variables, validations, auditAnnotations } = this.#policy
    const base = this.#declared()
    const all = new Map(base)
    // A new policy's match conditions know no variables; those of a stored one would.
    const isCreation = this.#kubernetesMinor !== undefined
    const early = isCreation ? this.#conditions(matchConditions, base) : undefined
    const compiledVariables = new Map(
      variables.map(({ name, expression }, index) => {
        const compiled = this.#text(expression, `spec.variables[${index}].expression`, all, undefined)
        all.set(`variables.${name}`, compiled.program.ok ? declaredVariableType(compiled.program.value.type) : DYN)
        return [name, compiled]
      }),
    )
    const ofMessages = new Map(all)
    for (const name of all.keys()) if (name.startsWith('authorizer')) ofMessages.delete(name)
    return {
      variables: compiledVariables,
      matchConditions: early ?? this.#conditions(matchConditions, all),
      validations: validations.map(({ expression }, index) => this.#text(expression, `spec.validations[${index}].expression`, all, BOOLS)),
      messages: validations.map(({ messageExpression }, index) =>
        messageExpression === '' ? undefined : this.#text(messageExpression, `spec.validations[${index}].messageExpression`, ofMessages, STRINGS),
      ),
      auditAnnotations: auditAnnotations.map(({ valueExpression }, index) =>
        this.#text(valueExpression, `spec.auditAnnotations[${index}].valueExpression`, all, TEXTS),
      ),
      mutations: this.#policy.mutations.map(({ patchType, expression }, index) => {
        if (expression === undefined) return undefined
        const isPatch = patchType === 'JSONPatch'
        const path = `spec.mutations[${index}].${isPatch ? 'jsonPatch' : 'applyConfiguration'}.expression`
        return this.#text(expression, path, all, isPatch ? PATCHES : CONFIGURATIONS, true)
      }),
    }
  }

  #conditions(list: NativePolicy['matchConditions'], variables: ReadonlyMap<string, CelType>): readonly CompiledText[] {
    return list.map(({ expression }, index) => this.#text(expression, `spec.matchConditions[${index}].expression`, variables, BOOLS))
  }

  #declared(): Map<string, CelType> {
    const declared = new Map<string, CelType>([
      ['object', DYN],
      ['oldObject', DYN],
      ['request', requestType()],
      ['namespaceObject', namespaceType()],
      ['authorizer', authorizerType()],
      ['authorizer.requestResource', resourceCheckType()],
    ])
    if (this.#policy.hasParams) declared.set('params', DYN)
    return declared
  }

  #text(source: string, path: string, variables: ReadonlyMap<string, CelType>, resultTypes: readonly CelType[] | undefined, isMutation = false): CompiledText {
    const environment: CelEnvironment = {
      variables,
      isMutation,
      ...(resultTypes === undefined ? {} : { resultTypes }),
      ...(this.#kubernetesMinor === undefined ? {} : { kubernetesMinor: this.#kubernetesMinor }),
    }
    const compiled = compileExpression(source, environment)
    if (compiled.ok) return { source, program: compiled }
    const message = describeMistakes(source, compiled.error)
    this.#mistakes.push({ path, message })
    return { source, program: { ok: false, error: message } }
  }
}
