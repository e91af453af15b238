import {
  type AdmissionRequest,
  type AdmissionResponse,
  durationMs,
  type KubernetesObject,
  type PolicyException,
  parsePolicyException,
  type UserInfo,
} from '../api/index.ts'
import { ANNOTATIONS, changedBy, type RuleSet, sealChange, sealStamp, specDigestOf, verifyStamp } from '../rules/index.ts'
import { denial } from './answer.ts'
import type { AccessQuestion } from './guards.ts'

/** What the approval of exceptions needs from outside. */
export interface ApprovalDependencies {
  /** A question that cannot be answered in time counts as no. */
  readonly mayAccess: (user: UserInfo, question: AccessQuestion) => Promise<boolean>
  readonly approvalKey: () => string
  readonly now: () => Date
  /** Whether what this account writes in this namespace counts as approved. */
  readonly isAutomatic: (account: string, namespace: string) => boolean
  /** Whether who changed the spec may not approve it. */
  readonly isFourEyes: boolean
  readonly ruleSet: () => RuleSet | undefined
  readonly onForged: (object: KubernetesObject, account: string) => void
}

type Annotations = Readonly<Record<string, string>>

/** What a write makes of an exception: no, or these annotations and things to tell. */
type ApprovalVerdict =
  | { readonly kind: 'refused'; readonly message: string }
  | { readonly kind: 'admitted'; readonly annotations: Annotations; readonly warnings: readonly string[] }

const STAMPS: readonly string[] = [ANNOTATIONS.approval, ANNOTATIONS.changedBy]

const annotationsOf = (object: KubernetesObject | null): Annotations => object?.metadata.annotations ?? {}

const withoutStamps = (annotations: Annotations): Record<string, string> =>
  Object.fromEntries(Object.entries(annotations).filter(([key]) => !STAMPS.includes(key)))

/** The policies that the requester may not except anything from; each is asked for without a namespace, so that no namespace's own role can say yes. */
async function missingFor(exception: PolicyException, user: UserInfo, { mayAccess }: ApprovalDependencies): Promise<readonly string[]> {
  const names = exception.spec.policies.map(({ name }) => name)
  const answers = await Promise.all(names.map((name) => mayAccess(user, { group: 'bylaw.dev', resource: 'policies', verb: 'except', name })))
  return names.filter((_name, index) => answers[index] !== true)
}

/** Who brought the spec to what it is: whoever changes it now, else whom the mark tells. Whoever only touches an exception without a mark is not its author. */
function authorOf(oldObject: KubernetesObject | null, digest: string, requester: string, key: string): string | undefined {
  const before = oldObject === null ? undefined : parsePolicyException(oldObject)
  if (oldObject === null || before?.ok !== true || specDigestOf(before.value) !== digest) return requester
  return changedBy(oldObject, digest, key)
}

/**
 * Decides about the approval of an exception at a write of it. An unchanged spec keeps its valid stamp whatever the request
 * says; a changed one is pending until somebody with the verb approves its digest; nothing else than our seal makes a stamp.
 */
export async function judgeApproval(
  request: AdmissionRequest,
  object: KubernetesObject,
  exception: PolicyException,
  dependencies: ApprovalDependencies,
): Promise<ApprovalVerdict> {
  const { userInfo, oldObject, namespace } = request
  const key = dependencies.approvalKey()
  const digest = specDigestOf(exception)
  const written = annotationsOf(object)
  const stored = annotationsOf(oldObject)
  const base = withoutStamps(written)
  const author = authorOf(oldObject, digest, userInfo.username, key)
  if (author !== undefined) base[ANNOTATIONS.changedBy] = sealChange({ account: author, specDigest: digest }, key)

  const kept = stored[ANNOTATIONS.approval]
  const uid = oldObject?.metadata.uid
  if (kept !== undefined && verifyStamp(exception, stored, key, uid).kind === 'valid')
    return { kind: 'admitted', annotations: { ...base, [ANNOTATIONS.approval]: kept }, warnings: [] }
  // Only what is stored is carried over: a stamp that comes along may be of an exception that was deleted to revoke it.
  const brought = written[ANNOTATIONS.approval]
  if (brought !== kept && verifyStamp(exception, written, key, uid).kind === 'forged') dependencies.onForged(object, userInfo.username)

  const asked = written[ANNOTATIONS.approve] === stored[ANNOTATIONS.approve] ? undefined : written[ANNOTATIONS.approve]
  const isAutomatic = asked === undefined && dependencies.isAutomatic(userInfo.username, namespace)
  const pending = (why: string): ApprovalVerdict => {
    const told = limits(exception, dependencies, 'the exception, approved now,')
    // What has ended already waits for nothing.
    const warnings = isOver(exception, dependencies) ? told : [`the exception is pending: ${why}`, ...told]
    return { kind: 'admitted', annotations: base, warnings }
  }
  const howTo = `it waives nothing until somebody with the verb \`except\` on its policies sets ${ANNOTATIONS.approve}=${digest}`
  if (asked === undefined && !isAutomatic) return pending(howTo)
  if (exception.metadata.name === '' || object.metadata.name === undefined)
    return pending('an exception without a name cannot be approved; approve it once it has one')
  const unknown = exception.spec.policies.filter(({ name }) => policyOf(name, dependencies) === undefined).map(({ name }) => `\`${name}\``)
  const missing = await missingFor(exception, userInfo, dependencies)
  if (isAutomatic && missing.length > 0) return pending(howTo)
  if (missing.length > 0) {
    const list = missing.map((name) => `\`${name}\``).join(', ')
    return { kind: 'refused', message: `approving needs the verb \`except\` on \`policies.bylaw.dev\` ${list}, which \`${userInfo.username}\` does not have` }
  }
  if (asked !== undefined && asked !== digest)
    return { kind: 'refused', message: `${ANNOTATIONS.approve}: the spec is not the one that was approved: its digest is ${digest}` }
  if (dependencies.isFourEyes && (author === undefined || author === userInfo.username)) {
    const message =
      author === undefined
        ? 'who changed this exception last is not known: its spec has to be written again before it can be approved'
        : `\`${userInfo.username}\` changed this exception last: somebody else has to approve it`
    return isAutomatic ? pending(howTo) : { kind: 'refused', message }
  }
  if (unknown.length > 0) return pending(`there is no policy ${unknown.join(', ')} yet; approve it once there is`)
  const stamp = sealStamp(
    {
      approver: userInfo.username,
      approvedAt: dependencies.now().toISOString(),
      specDigest: digest,
      namespace,
      name: exception.metadata.name,
      via: isAutomatic ? 'automatic' : 'approve',
      ...(uid === undefined ? {} : { uid }),
    },
    key,
  )
  return { kind: 'admitted', annotations: { ...base, [ANNOTATIONS.approval]: stamp }, warnings: limits(exception, dependencies) }
}

const policyOf = (name: string, { ruleSet }: ApprovalDependencies) => ruleSet()?.policies.find(({ identity }) => identity.name === name)

const isOver = ({ spec }: Pick<PolicyException, 'spec'>, { now }: ApprovalDependencies): boolean => Date.parse(spec.expiresAt) <= now().getTime()

/** What the policies make of the exception's end, if it is approved now. */
function limits({ spec }: PolicyException, dependencies: ApprovalDependencies, what = 'the exception'): readonly string[] {
  const { now } = dependencies
  const wantedMs = Date.parse(spec.expiresAt)
  if (isOver({ spec }, dependencies)) return [`the exception has expired at ${spec.expiresAt}`]
  return spec.policies.flatMap(({ name, rules }) => {
    const policy = policyOf(name, dependencies)
    if (policy === undefined) return []
    const { allowed, maxDuration } = policy.policy.spec.exceptions
    if (!allowed) return [`policy \`${name}\` allows no exceptions: this one waives nothing of it`]
    const unknown = rules.filter((rule) => rule !== '*' && !policy.rules.some((known) => known.name === rule))
    const endMs = now().getTime() + durationMs(maxDuration)
    const capped = endMs < wantedMs ? [`for policy \`${name}\` ${what} ends at ${new Date(endMs).toISOString()}, after ${maxDuration}`] : []
    return [...unknown.map((rule) => `policy \`${name}\` has no rule \`${rule}\``), ...capped]
  })
}

const pointer = (key: string): string => key.replaceAll('~', '~0').replaceAll('/', '~1')

/** The JSON patch that gives an object these annotations, and none of the stamps that it came with. */
export function patchTo(object: KubernetesObject, wanted: Annotations): readonly unknown[] {
  const present = annotationsOf(object)
  if (object.metadata.annotations === undefined) return Object.keys(wanted).length === 0 ? [] : [{ op: 'add', path: '/metadata/annotations', value: wanted }]
  const removed = Object.keys(present).filter((key) => wanted[key] === undefined)
  const changed = Object.entries(wanted).filter(([key, value]) => present[key] !== value)
  return [
    ...removed.map((key) => ({ op: 'remove', path: `/metadata/annotations/${pointer(key)}` })),
    ...changed.map(([key, value]) => ({ op: 'add', path: `/metadata/annotations/${pointer(key)}`, value })),
  ]
}

/** Answers the mutating call for an exception: stamps put on, carried over or taken off; the approval of what may not be approved refused. */
export async function stampException(request: AdmissionRequest, dependencies: ApprovalDependencies): Promise<AdmissionResponse> {
  const { uid, object } = request
  if (object === null || request.subResource !== '') return { uid, allowed: true }
  const parsed = parsePolicyException(object.metadata.name === undefined ? { ...object, metadata: { ...object.metadata, name: 'unnamed' } } : object)
  // The validating guard tells all that is wrong with it.
  if (!parsed.ok) return { uid, allowed: true }
  const verdict = await judgeApproval(request, object, parsed.value, dependencies)
  if (verdict.kind === 'refused') return denial(uid, verdict.message)
  const patch = patchTo(object, verdict.annotations)
  const warnings = verdict.warnings.length === 0 ? {} : { warnings: verdict.warnings.slice(0, 5).map((text) => [...text].slice(0, 240).join('')) }
  if (patch.length === 0) return { uid, allowed: true, ...warnings }
  return { uid, allowed: true, ...warnings, patchType: 'JSONPatch', patch: Buffer.from(JSON.stringify(patch)).toString('base64') }
}
