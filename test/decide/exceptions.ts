import { parsePolicyException } from '../../src/api/index.ts'
import { ANNOTATIONS, type CompiledException, compileException, sealStamp, specDigestOf } from '../../src/rules/index.ts'

type Json = Readonly<Record<string, unknown>>

export const APPROVAL_KEY = 'key'
const UID = 'exception-uid'

/** What a test says of an exception. */
export interface ExceptionOptions {
  readonly name?: string
  readonly namespace?: string
  readonly policies?: readonly Json[]
  readonly match?: Json
  readonly expiresAt?: string
  /** When it was approved; `undefined` where nobody has. */
  readonly approvedAt?: string | undefined
  /** Changes that came after the approval. */
  readonly changedTo?: Json
  readonly key?: string
}

/** An exception of namespace `shop` to policy `p`, as the operator compiles it. */
export function exceptionOf({
  name = 'e',
  namespace = 'shop',
  policies = [{ name: 'p', rules: ['*'] }],
  match = {},
  expiresAt = '2026-06-02T00:00:00Z',
  approvedAt,
  changedTo = {},
  key = APPROVAL_KEY,
}: ExceptionOptions): CompiledException {
  const read = (changes: Json) => {
    const object = {
      apiVersion: 'bylaw.dev/v1',
      kind: 'PolicyException',
      metadata: { name, namespace, uid: UID },
      spec: {
        policies,
        match: { resources: [{ kinds: ['ConfigMap'], names: ['settings'] }], ...match },
        reason: 'the vendor needs it',
        owner: { team: 'shop', contact: '#shop' },
        expiresAt,
        ...changes,
      },
    }
    const parsed = parsePolicyException(object)
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.error))
    return { object, exception: parsed.value }
  }
  const { object, exception } = read(changedTo)
  const approved = read({}).exception
  const stamp = { approver: 'boss', approvedAt: approvedAt ?? '', specDigest: specDigestOf(approved), namespace, name, via: 'approve', uid: UID } as const
  const annotations = approvedAt === undefined ? {} : { [ANNOTATIONS.approval]: sealStamp(stamp, key) }
  return compileException(exception, { ...object, metadata: { ...object.metadata, annotations } }, { approvalKey: APPROVAL_KEY, ownNamespace: 'bylaw-system' })
    .compiled
}

const APPROVED = '2026-06-01T00:00:00Z'

/** The states that an exception may be in, and why one in it does not count. */
export const EXCEPTION_STATES: Readonly<Record<string, { readonly options: ExceptionOptions | undefined; readonly note: string | undefined }>> = {
  none: { options: undefined, note: undefined },
  approved: { options: { approvedAt: APPROVED }, note: undefined },
  pending: { options: {}, note: 'it is pending, nobody has approved it' },
  'changed afterwards': {
    options: { approvedAt: APPROVED, changedTo: { reason: 'another one' } },
    note: 'it is pending, it was changed after it was approved',
  },
  expired: { options: { approvedAt: APPROVED, expiresAt: '2026-06-01T11:00:00Z' }, note: 'it expired at 2026-06-01T11:00:00Z' },
  'for others': {
    options: { approvedAt: APPROVED, match: { resources: [{ kinds: ['ConfigMap'], names: ['other-*'] }] } },
    note: 'it is for other kinds or names',
  },
  'with a condition that fails': {
    options: { approvedAt: APPROVED, match: { conditions: [{ name: 'c', expression: '(object == null ? oldObject : object).data.nothing == true' }] } },
    note: 'its condition `c` could not be evaluated',
  },
}

/** Name of one of them. */
export type ExceptionState = string

/** The exceptions of a state, compiled once. */
export const exceptionIn = (state: ExceptionState): readonly CompiledException[] => COMPILED.get(state) ?? []

const COMPILED = new Map(Object.entries(EXCEPTION_STATES).map(([state, { options }]) => [state, options === undefined ? [] : [exceptionOf(options)]]))
