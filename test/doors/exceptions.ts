import { type KubernetesObject, parsePolicyException } from '../../src/api/index.ts'
import { ANNOTATIONS, type CompiledException, compileException, sealStamp, specDigestOf } from '../../src/rules/index.ts'

const KEY = 'key of the cases'
const OWN_NAMESPACE = 'bylaw-system'
/** When it was approved. */
const APPROVED_AT = 'test/approved-at'
/** Says that the spec was changed after the approval. */
const CHANGED_SINCE = 'test/changed-since'

interface Approved {
  readonly at: string
  readonly specDigest: string
}

function approvalOf(object: KubernetesObject): Approved | undefined {
  const { annotations = {} } = object.metadata
  const approvedAt = annotations[APPROVED_AT]
  const parsed = parsePolicyException(object)
  if (!parsed.ok) throw new Error(`policies.yaml: ${JSON.stringify(parsed.error)}`)
  if (approvedAt === undefined) return undefined
  return { at: approvedAt, specDigest: annotations[CHANGED_SINCE] === undefined ? specDigestOf(parsed.value) : 'another' }
}

const withAnnotations = (object: KubernetesObject, annotations: Readonly<Record<string, string>>): KubernetesObject => ({
  ...object,
  metadata: { ...object.metadata, annotations },
})

/** Compiles an exception as the operator does, with the stamp that its approval left on it. */
export function compileStamped(object: KubernetesObject): CompiledException {
  const parsed = parsePolicyException(object)
  if (!parsed.ok) throw new Error(`policies.yaml: ${JSON.stringify(parsed.error)}`)
  const approved = approvalOf(object)
  const { name, namespace = '' } = parsed.value.metadata
  const stamp = { approver: 'boss', approvedAt: approved?.at ?? '', specDigest: approved?.specDigest ?? '', namespace, name, via: 'approve' } as const
  const stamped = withAnnotations(object, approved === undefined ? {} : { [ANNOTATIONS.approval]: sealStamp(stamp, KEY) })
  return compileException(parsed.value, stamped, { approvalKey: KEY, ownNamespace: OWN_NAMESPACE }).compiled
}

/** An object as it lies in a file: there an approval is an annotation alone. */
export function asInFile(object: KubernetesObject): KubernetesObject {
  if (object.kind !== 'PolicyException') return object
  const approved = approvalOf(object)
  return withAnnotations(object, approved === undefined ? {} : { [ANNOTATIONS.approve]: approved.specDigest })
}
