import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import { canonicalJson, isRecord, type KubernetesObject, type PolicyException, parseJson } from '../api/index.ts'

/** Annotations by which an exception is approved. */
export const ANNOTATIONS = {
  /** What a person writes: the digest of the spec that is approved. */
  approve: 'bylaw.dev/approve',
  /** What Bylaw writes: the stamp of an approval. */
  approval: 'bylaw.dev/approval',
  /** What Bylaw writes: who changed the spec last. */
  changedBy: 'bylaw.dev/changed-by',
} as const

/** An approval as it is stamped on an exception. */
export interface ApprovalStamp {
  readonly approver: string
  /** RFC 3339. */
  readonly approvedAt: string
  readonly specDigest: string
  readonly namespace: string
  readonly name: string
  readonly via: 'approve' | 'automatic'
  /** Of the object that was approved, where it had one already: what is made anew is not what was approved. */
  readonly uid?: string
}

/** Digest of the parsed spec, 64 hexadecimal digits: defaults and the order of keys do not change it. */
export const specDigestOf = ({ spec }: PolicyException): string => createHash('sha256').update(canonicalJson(spec)).digest('hex')

const macOf = (value: unknown, key: string): string => createHmac('sha256', key).update(canonicalJson(value)).digest('hex')

function isSameText(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)]
  return left.length === right.length && timingSafeEqual(left, right)
}

/** Signs a value for an annotation. */
export const seal = (value: object, key: string): string => JSON.stringify({ ...value, mac: macOf(value, key) })

/** The value of a sealed annotation, or undefined where the key did not seal it. */
export function unseal(text: string | undefined, key: string): Readonly<Record<string, unknown>> | undefined {
  if (text === undefined || key === '' || text.length > 4096) return undefined
  const parsed = parseJson(text)
  if (!parsed.ok || !isRecord(parsed.value)) return undefined
  const { mac, ...value } = parsed.value
  return typeof mac === 'string' && isSameText(mac, macOf(value, key)) ? value : undefined
}

/** Writes a stamp. */
export const sealStamp = (stamp: ApprovalStamp, key: string): string => seal(stamp, key)

/** Who changed the spec last, and to what. */
export interface ChangeMark {
  readonly account: string
  readonly specDigest: string
}

/** Writes a mark. */
export const sealChange = (mark: ChangeMark, key: string): string => seal(mark, key)

/** Who brought the exception's spec to what it is, as far as that is proven. */
export function changedBy({ metadata }: KubernetesObject, specDigest: string, key: string): string | undefined {
  const mark = unseal(metadata.annotations?.[ANNOTATIONS.changedBy], key)
  return mark?.['specDigest'] === specDigest && typeof mark['account'] === 'string' ? mark['account'] : undefined
}

/** What the stamp on an exception is worth. */
export type StampVerdict =
  | { readonly kind: 'valid'; readonly stamp: ApprovalStamp }
  | { readonly kind: 'none' }
  /** Not sealed by our key, or sealed for another object. */
  | { readonly kind: 'forged' }
  /** Sealed for this exception as it was before. */
  | { readonly kind: 'outdated' }

/** Judges the stamp: only one that our key sealed for this name, namespace and spec counts, whoever wrote it there. */
export function verifyStamp(exception: PolicyException, annotations: Readonly<Record<string, string>>, key: string, objectUid?: string): StampVerdict {
  const text = annotations[ANNOTATIONS.approval]
  if (text === undefined) return { kind: 'none' }
  const value = unseal(text, key)
  if (value === undefined) return { kind: 'forged' }
  const { approver, approvedAt, specDigest, namespace, name, via, uid } = value
  const { metadata } = exception
  if (namespace !== (metadata.namespace ?? '') || name !== metadata.name) return { kind: 'forged' }
  if (uid !== undefined && uid !== objectUid) return { kind: 'forged' }
  if (typeof approver !== 'string' || typeof approvedAt !== 'string' || typeof specDigest !== 'string') return { kind: 'forged' }
  if (specDigest !== specDigestOf(exception)) return { kind: 'outdated' }
  return {
    kind: 'valid',
    stamp: { approver, approvedAt, specDigest, namespace: metadata.namespace ?? '', name: metadata.name, via: via === 'automatic' ? 'automatic' : 'approve' },
  }
}
