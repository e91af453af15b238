import {
  type AdmissionRequest,
  type AdmissionResponse,
  describeFieldIssue,
  type EnforcementProfile,
  guessResource,
  isEqualJson,
  type KubernetesObject,
  type Policy,
  parseApiVersion,
  parseEnforcementProfile,
  parsePolicy,
  parsePolicyException,
  SEVERITIES,
  type UserInfo,
} from '../api/index.ts'
import { idempotenceIssues } from '../decide/index.ts'
import { type CompileIssue, type CompileOptions, compileException, compilePolicy, describeIssue, profileIssues, rankOfLevel } from '../rules/index.ts'
import { denial } from './answer.ts'

/** One question about a requester's rights; without `namespace` it is about the cluster scope, which no namespace's role can grant. */
export interface AccessQuestion {
  readonly group: string
  readonly resource: string
  readonly verb: string
  readonly name: string
  readonly namespace?: string
}

/** What the guards need from outside. A question that cannot be answered in time counts as no. */
export interface GuardDependencies {
  readonly mayAccess: (user: UserInfo, question: AccessQuestion) => Promise<boolean>
  readonly profile: () => EnforcementProfile
  readonly compileOptions: () => CompileOptions
  /** Bylaw's own namespace, whose exceptions reach into others. */
  readonly ownNamespace: string
  /** The resource of a kind, where the cluster serves it. */
  readonly findResource: (group: string, version: string, kind: string) => string | undefined
  /** What the schemas of its kinds, as far as they are known already, tell of a policy. */
  readonly fieldIssues: (policy: Policy) => readonly CompileIssue[]
}

const GROUP = 'bylaw.dev'
const EVERY_ENVIRONMENT = '*'
const MAX_MESSAGE_CHARACTERS = 7000

const allow = (uid: string, warnings: readonly string[] = []): AdmissionResponse => ({ uid, allowed: true, ...(warnings.length > 0 ? { warnings } : {}) })

const oneLineWarning = (text: string): string => [...text.replace(/\p{Cc}+/gu, ' ')].slice(0, 240).join('')

/** A label may be called like what every JavaScript object has. */
function labelOf(object: KubernetesObject | null, label: string): string | undefined {
  const labels = object?.metadata.labels ?? {}
  return Object.hasOwn(labels, label) ? labels[label] : undefined
}

/** Refuses a deletion of Bylaw's own definitions: it would remove every policy without a single request for a policy. */
export function guardDefinitions({ uid, oldObject }: AdmissionRequest): AdmissionResponse {
  const name = oldObject?.metadata.name ?? 'this definition'
  return denial(
    uid,
    [
      `deleting \`${name}\` would delete every object of its kind, and with them what they enforce`,
      `to delete it all the same: kubectl annotate crd ${name} bylaw.dev/allow-deletion=true`,
    ].join('\n'),
  )
}

function refusal(uid: string, subject: string, mistakes: readonly string[]): AdmissionResponse {
  const head = `${subject} has ${mistakes.length} mistake${mistakes.length === 1 ? '' : 's'}`
  const text = `${head}\n\n${mistakes.join('\n\n')}`
  return denial(uid, text.length > MAX_MESSAGE_CHARACTERS ? `${text.slice(0, MAX_MESSAGE_CHARACTERS)}\n…` : text)
}

/** Why a requester may not make a policy read what it declares: through its messages he would read it himself. */
async function contextObjections({ spec }: Policy, user: UserInfo, { mayAccess, findResource }: GuardDependencies): Promise<readonly string[]> {
  const objections = await Promise.all(
    spec.context.map(async ({ apiVersion, kind, namespace }, index) => {
      const { group, version } = parseApiVersion(apiVersion)
      const resource = findResource(group, version, kind) ?? guessResource(kind)
      const isFixed = namespace !== undefined && namespace !== 'Request'
      const question = { group, resource, verb: 'list', name: '', ...(isFixed ? { namespace } : {}) }
      if (await mayAccess(user, question)) return []
      const where = isFixed ? `in namespace \`${namespace}\`` : 'in all namespaces'
      return [`spec.context[${index}]: \`${user.username}\` may not list ${kind} (${version}) ${where}, so no policy of theirs can read them`]
    }),
  )
  return objections.flat()
}

async function guardPolicy(request: AdmissionRequest, object: KubernetesObject, dependencies: GuardDependencies): Promise<AdmissionResponse> {
  const { uid, userInfo } = request
  const parsed = parsePolicy(object)
  if (!parsed.ok) return refusal(uid, 'the policy', parsed.error.map(describeFieldIssue))
  const compiled = compilePolicy(parsed.value, dependencies.compileOptions())
  const errors = compiled.issues.filter(({ severity }) => severity === 'error')
  if (errors.length > 0) return refusal(uid, 'the policy', errors.map(describeIssue))
  const { paramKind, paramRef } = parsed.value.spec
  if (paramKind !== undefined && paramRef !== undefined) {
    const [group = '', version] = paramKind.apiVersion.includes('/') ? paramKind.apiVersion.split('/') : ['', paramKind.apiVersion]
    const question = { group, resource: guessResource(paramKind.kind), verb: paramRef.name === undefined ? 'list' : 'get', name: paramRef.name ?? '' }
    const isAllowed = await dependencies.mayAccess(userInfo, paramRef.namespace === undefined ? question : { ...question, namespace: paramRef.namespace })
    if (!isAllowed) {
      return denial(
        uid,
        paramRef.name === undefined
          ? `spec.paramRef: \`${userInfo.username}\` may not list ${paramKind.kind} (${version ?? ''}), so they cannot be made parameters`
          : `spec.paramRef: \`${userInfo.username}\` may not get ${paramKind.kind} \`${paramRef.name}\` (${version ?? ''}), so it cannot be made a parameter`,
      )
    }
  }
  const unread = await contextObjections(parsed.value, userInfo, dependencies)
  if (unread.length > 0) return denial(uid, unread.join('\n'))
  const warnings = [
    ...compiled.issues,
    ...profileIssues(compiled, dependencies.profile()),
    ...idempotenceIssues(compiled),
    ...dependencies.fieldIssues(parsed.value),
  ]
  return allow(
    uid,
    warnings.map(({ path, message }) => oneLineWarning(`${path}: ${message}`)),
  )
}

/** Whether any environment that both profiles know, or that the new one lost, became laxer, or a label is no longer guarded. */
function isLaxer(before: EnforcementProfile, after: EnforcementProfile): boolean {
  if (before.spec.namespaceLabel !== after.spec.namespaceLabel || before.spec.defaultEnvironment !== after.spec.defaultEnvironment) return true
  if (before.spec.protectedNamespaceLabels.some((label) => !after.spec.protectedNamespaceLabels.includes(label))) return true
  if (before.spec.environments.some(({ name }) => after.spec.environments.every((environment) => environment.name !== name))) return true
  return after.spec.environments.some(({ name, levels }) => {
    const was = before.spec.environments.find((environment) => environment.name === name)
    // A label that named no environment counted as the strictest of all.
    const known = was === undefined ? before.spec.environments : [was]
    return SEVERITIES.some((severity) => known.some((environment) => rankOfLevel(levels[severity]) < rankOfLevel(environment.levels[severity])))
  })
}

async function guardProfile(request: AdmissionRequest, dependencies: GuardDependencies): Promise<AdmissionResponse> {
  const { uid, object, userInfo } = request
  const parsed = object === null ? undefined : parseEnforcementProfile(object)
  if (parsed !== undefined && !parsed.ok) return refusal(uid, 'the profile', parsed.error.map(describeFieldIssue))
  if (parsed !== undefined && !isLaxer(dependencies.profile(), parsed.value)) return allow(uid)
  const question = { group: GROUP, resource: 'environments', verb: 'assign', name: EVERY_ENVIRONMENT }
  if (await dependencies.mayAccess(userInfo, question)) return allow(uid)
  const what = parsed === undefined ? 'deleting the profile' : 'making the profile laxer'
  return denial(uid, `${what} needs the verb \`assign\` on \`environments.bylaw.dev\` \`*\`, which \`${userInfo.username}\` does not have`)
}

/** Judges a change of Bylaw's own resources: what is wrong for ever is refused, every mistake at once; changes that leave the spec alone pass. */
export async function guardResources(request: AdmissionRequest, dependencies: GuardDependencies): Promise<AdmissionResponse> {
  const { uid, resource, operation, object, oldObject } = request
  const leavesSpec = operation === 'UPDATE' && object !== null && oldObject !== null && isEqualJson(object['spec'], oldObject['spec'])
  if (leavesSpec || request.subResource !== '') return allow(uid)
  if (resource.resource === 'enforcementprofiles') return guardProfile(request, dependencies)
  if (object === null) return allow(uid)
  if (resource.resource === 'policies') return guardPolicy(request, object, dependencies)
  const named = object.metadata.name === undefined ? { ...object, metadata: { ...object.metadata, name: 'unnamed' } } : object
  const parsed = parsePolicyException(named)
  if (!parsed.ok) return refusal(uid, 'the exception', parsed.error.map(describeFieldIssue))
  const { issues } = compileException(parsed.value, object, { approvalKey: '', ownNamespace: dependencies.ownNamespace })
  return issues.length === 0 ? allow(uid) : refusal(uid, 'the exception', issues.map(describeIssue))
}

/** Judges a change of the label that puts a namespace into an environment: the requester needs `assign` on the old one and the new one, cluster-wide. */
export async function guardEnvironment(request: AdmissionRequest, dependencies: GuardDependencies): Promise<AdmissionResponse> {
  const { uid, object, oldObject, userInfo } = request
  const { namespaceLabel, defaultEnvironment, environments } = dependencies.profile().spec
  const before = labelOf(oldObject, namespaceLabel) ?? defaultEnvironment
  const after = labelOf(object, namespaceLabel) ?? defaultEnvironment
  const names = [...new Set([before, after])]
  const answers = await Promise.all(names.map((name) => dependencies.mayAccess(userInfo, { group: GROUP, resource: 'environments', verb: 'assign', name })))
  const missing = names.filter((_name, index) => answers[index] !== true)
  if (missing.length > 0) {
    const list = missing.map((name) => `\`${name}\``).join(' and ')
    const what =
      before === after
        ? `changing a guarded label of a namespace in environment \`${before}\``
        : `moving a namespace from environment \`${before}\` to \`${after}\``
    const message = `${what} needs the verb \`assign\` on \`environments.bylaw.dev\` ${list}, which \`${userInfo.username}\` does not have`
    return denial(uid, message)
  }
  const isKnown = environments.some(({ name }) => name === after)
  return allow(uid, isKnown ? [] : [`\`${after}\` is not an environment of the profile: the strictest level of each policy will count`])
}
