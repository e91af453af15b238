import { describe, expect, test } from '@jest/globals'
import { type ApprovalDependencies, stampException } from '../../src/admission/approval.ts'
import type { AccessQuestion } from '../../src/admission/guards.ts'
import { isRecord, parsePolicyException } from '../../src/api/index.ts'
import { ANNOTATIONS, sealChange, sealStamp, specDigestOf, verifyStamp } from '../../src/rules/index.ts'
import { exception } from '../api/resources.ts'
import { policy, requestOf, ruleSet } from '../doors/build.ts'
import { NOW } from '../doors/world.ts'

type Json = Readonly<Record<string, unknown>>

const KEY = 'approval-key'
const UID = 'uid-of-the-exception'
const RULES = ruleSet([policy('run-as-non-root', { validations: [{ name: 'run-as-non-root', expression: 'true' }] }), policy('other')])

const parsedOf = (object: Json) => {
  const parsed = parsePolicyException(object)
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.error))
  return parsed.value
}
const digestOf = (spec: Json = {}): string => specDigestOf(parsedOf(exception(spec)))
const stampFor = (spec: Json = {}, changes: Json = {}, key = KEY): string =>
  sealStamp(
    {
      ...{ approver: 'boss', approvedAt: '2026-05-01T00:00:00Z', specDigest: digestOf(spec), via: 'approve', uid: UID },
      ...{ namespace: 'default', name: 'legacy-importer', ...changes },
    },
    key,
  )

interface Write {
  readonly spec?: Json
  readonly annotations?: Json
  /** What is stored; left out where the exception is made. */
  readonly stored?: { readonly spec?: Json; readonly annotations?: Json }
  readonly user?: string
  readonly may?: (question: AccessQuestion) => boolean
  readonly dependencies?: Partial<ApprovalDependencies>
  readonly metadata?: Json
}

interface Outcome {
  /** Why it was refused. */
  readonly refusal?: string
  readonly annotations?: Json
  readonly warnings: readonly string[]
  readonly questions: readonly AccessQuestion[]
  readonly forgedBy: readonly string[]
}

async function write({ spec = {}, annotations, stored, user = 'alice', may = () => false, dependencies = {}, metadata = {} }: Write): Promise<Outcome> {
  const questions: AccessQuestion[] = []
  const forgedBy: string[] = []
  const made = (part: { readonly spec?: Json; readonly annotations?: Json }): Json =>
    exception(part.spec ?? {}, { ...(part.annotations === undefined ? {} : { annotations: part.annotations }), ...metadata })
  const object = made({ spec, ...(annotations === undefined ? {} : { annotations }) })
  const oldObject = stored === undefined ? null : made(stored)
  const withUid = (item: Json): Json => ({ ...item, metadata: { ...(isRecord(item['metadata']) ? item['metadata'] : {}), uid: UID } })
  const response = await stampException(
    requestOf(object, {
      operation: oldObject === null ? 'CREATE' : 'UPDATE',
      oldObject: oldObject === null ? null : withUid(oldObject),
      namespace: 'default',
      name: 'legacy-importer',
      userInfo: { username: user, groups: [] },
    }),
    {
      mayAccess: async (_user, question) => {
        questions.push(question)
        return may(question)
      },
      approvalKey: () => KEY,
      now: () => NOW,
      isAutomatic: () => false,
      isFourEyes: false,
      ruleSet: () => RULES,
      onForged: (_object, account) => forgedBy.push(account),
      ...dependencies,
    },
  )
  const rest = { warnings: response.warnings ?? [], questions, forgedBy }
  if (!response.allowed) return { refusal: response.status?.message ?? '', ...rest }
  return { annotations: patched(annotations, response.patch), ...rest }
}

/** The annotations after the patch. */
function patched(before: Json | undefined, patch: string | undefined): Json {
  const result: Record<string, unknown> = { ...before }
  const operations: unknown = patch === undefined ? [] : JSON.parse(Buffer.from(patch, 'base64').toString('utf8'))
  for (const operation of Array.isArray(operations) ? operations : []) {
    const { op, path, value } = operation
    if (path === '/metadata/annotations') return { ...value }
    const key = String(path).replace('/metadata/annotations/', '').replaceAll('~1', '/').replaceAll('~0', '~')
    if (op === 'remove') delete result[key]
    else result[key] = value
  }
  return result
}

const all = (): boolean => true
const APPROVE = ANNOTATIONS.approve
const STAMP = ANNOTATIONS.approval
const asStamp = (text: unknown): Json => (typeof text === 'string' ? JSON.parse(text) : {})
const isStamped = ({ annotations }: Outcome, spec: Json = {}): boolean =>
  annotations !== undefined && typeof annotations[STAMP] === 'string'
    ? verifyStamp(parsedOf(exception(spec)), { [STAMP]: annotations[STAMP] }, KEY, UID).kind === 'valid'
    : false

describe('table of approval', () => {
  const stamped = { stored: { annotations: { [STAMP]: stampFor() } } }
  const automatic = { isAutomatic: all }
  const digest = { [APPROVE]: digestOf() }
  test.each<[string, Write, 'stamped' | 'pending' | 'refused']>([
    ['a stored stamp is carried over for anybody', { ...stamped }, 'stamped'],
    ['a stored stamp is carried over, whatever is approved beside it', { ...stamped, annotations: { [APPROVE]: 'ff' } }, 'stamped'],
    ['a stored stamp is carried over where the writer would approve', { ...stamped, annotations: digest, may: all, dependencies: automatic }, 'stamped'],
    ['without the verb and without asking it is pending', {}, 'pending'],
    ['without the verb and with an approval it is refused', { annotations: digest }, 'refused'],
    ['without the verb it is refused on an update too', { annotations: digest, stored: {} }, 'refused'],
    ['with the verb and without asking it is pending', { may: all }, 'pending'],
    ['with the verb and the digest it is stamped', { annotations: digest, may: all }, 'stamped'],
    ['with the verb and the digest it is stamped on an update', { annotations: digest, may: all, stored: {} }, 'stamped'],
    ['with the verb and another digest it is refused', { annotations: { [APPROVE]: digestOf({ reason: 'x' }) }, may: all }, 'refused'],
    ['an annotation that stood already counts as absent', { annotations: digest, may: all, stored: { annotations: digest } }, 'pending'],
    ['what is automatic is stamped without asking', { may: all, dependencies: automatic }, 'stamped'],
    ['what would be automatic is pending without the verb', { dependencies: automatic }, 'pending'],
    ['a changed spec is pending again', { spec: { reason: 'x' }, ...stamped }, 'pending'],
    [
      'a changed spec is pending again, even if the old stamp comes along',
      { spec: { reason: 'x' }, ...stamped, annotations: { [STAMP]: stampFor() } },
      'pending',
    ],
    ['a changed spec that is automatic is stamped', { spec: {}, stored: { spec: { reason: 'x' } }, may: all, dependencies: automatic }, 'stamped'],
  ])('%s', async (_name, asked, wanted) => {
    const outcome = await write(asked)
    const seen = outcome.refusal !== undefined ? 'refused' : isStamped(outcome, asked.spec) ? 'stamped' : 'pending'
    expect(seen).toBe(wanted)
    if (wanted === 'pending') expect(outcome.annotations?.[STAMP]).toBeUndefined()
  })

  test('the stamp says who, when, how and what', async () => {
    const { annotations } = await write({ annotations: digest, may: all, stored: {}, user: 'boss' })
    const { mac, ...stamp } = asStamp(annotations?.[STAMP])
    expect(stamp).toEqual({
      ...{ approver: 'boss', approvedAt: NOW.toISOString(), specDigest: digestOf(), via: 'approve', uid: UID },
      ...{ namespace: 'default', name: 'legacy-importer' },
    })
    expect(mac).toMatch(/^[0-9a-f]{64}$/)
    const made = await write({ may: all, dependencies: automatic, user: 'argo' })
    expect(asStamp(made.annotations?.[STAMP])).toMatchObject({ approver: 'argo', via: 'automatic' })
  })

  test('each policy is asked for by name and without a namespace, and those that are missing are told', async () => {
    const spec = {
      policies: [
        { name: 'run-as-non-root', rules: ['*'] },
        { name: 'other', rules: ['*'] },
      ],
    }
    const { refusal, questions } = await write({ spec, annotations: { [APPROVE]: digestOf(spec) }, may: ({ name }) => name === 'other' })
    expect(questions).toEqual(['run-as-non-root', 'other'].map((name) => ({ group: 'bylaw.dev', resource: 'policies', verb: 'except', name })))
    expect(refusal).toBe('approving needs the verb `except` on `policies.bylaw.dev` `run-as-non-root`, which `alice` does not have')
  })
})

describe('what only looks like an approval', () => {
  test.each<[string, string]>([
    ['one of another key', stampFor({}, {}, 'other')],
    ['one of another name', stampFor({}, { name: 'other' })],
    ['one of another namespace', stampFor({}, { namespace: 'other' })],
    ['one of an object that was deleted', stampFor({}, { uid: 'before' })],
    ['no JSON', '{'],
    ['something long', 'x'.repeat(5000)],
  ])('%s is taken off where it comes along, and reported', async (_name, text) => {
    for (const stored of [undefined, {}]) {
      const outcome = await write({ annotations: { [STAMP]: text }, user: 'mallory', ...(stored === undefined ? {} : { stored }) })
      expect({ stamp: outcome.annotations?.[STAMP], forgedBy: outcome.forgedBy }).toEqual({ stamp: undefined, forgedBy: ['mallory'] })
    }
  })

  test('a stamp that fits is not taken from the request: whoever kept it cannot undo a deletion', async () => {
    expect((await write({ annotations: { [STAMP]: stampFor({}, { uid: undefined }) } })).annotations?.[STAMP]).toBeUndefined()
    expect((await write({ annotations: { [STAMP]: stampFor() }, stored: {} })).annotations?.[STAMP]).toBeUndefined()
  })

  test('a stamp that the request leaves out is put back', async () => {
    const text = stampFor()
    expect((await write({ stored: { annotations: { [STAMP]: text } } })).annotations?.[STAMP]).toBe(text)
  })
})

describe('four eyes', () => {
  const fourEyes = { isFourEyes: true }
  const digest = { [APPROVE]: digestOf() }
  const markOf = (account: string, spec: Json = {}): Json => ({ [ANNOTATIONS.changedBy]: sealChange({ account, specDigest: digestOf(spec) }, KEY) })

  test.each<[string, Write, boolean]>([
    ['whoever makes it cannot approve it at once', { annotations: digest, user: 'boss' }, false],
    ['whoever changed it last cannot approve it', { annotations: digest, user: 'boss', stored: { annotations: markOf('boss') } }, false],
    ['somebody else can', { annotations: digest, user: 'boss', stored: { annotations: markOf('alice') } }, true],
    [
      'whoever changes it while approving cannot',
      { annotations: digest, user: 'boss', stored: { spec: { reason: 'x' }, annotations: markOf('alice', { reason: 'x' }) } },
      false,
    ],
    [
      'a mark of another key tells nothing',
      { annotations: digest, user: 'boss', stored: { annotations: { [ANNOTATIONS.changedBy]: '{"account":"alice"}' } } },
      false,
    ],
    ['what is automatic is not stamped either', { user: 'argo', dependencies: { isAutomatic: all } }, false],
  ])('%s', async (_name, asked, isApproved) => {
    const outcome = await write({ may: all, ...asked, dependencies: { ...fourEyes, ...asked.dependencies } })
    expect(isStamped(outcome)).toBe(isApproved)
  })

  test('who changed it last is remembered, through changes of metadata by others', async () => {
    const first = await write({ user: 'alice' })
    const text = first.annotations?.[ANNOTATIONS.changedBy]
    expect(asStamp(text)).toMatchObject({ account: 'alice' })
    const second = await write({ user: 'bob', stored: { annotations: { [ANNOTATIONS.changedBy]: text } } })
    expect(asStamp(second.annotations?.[ANNOTATIONS.changedBy])).toMatchObject({ account: 'alice' })
    const third = await write({ user: 'bob', spec: { reason: 'x' }, stored: { annotations: { [ANNOTATIONS.changedBy]: text } } })
    expect(asStamp(third.annotations?.[ANNOTATIONS.changedBy])).toMatchObject({ account: 'bob' })
  })
})

test('whoever only touches what was written while Bylaw was away is not its author, so that nobody approves it', async () => {
  const touched = await write({ user: 'bob', stored: {} })
  expect(touched.annotations?.[ANNOTATIONS.changedBy]).toBeUndefined()
  const asked = { annotations: { [APPROVE]: digestOf() }, stored: {}, may: all, user: 'boss', dependencies: { isFourEyes: true } }
  expect((await write(asked)).refusal).toBe('who changed this exception last is not known: its spec has to be written again before it can be approved')
})

describe('an exception that cannot be approved yet', () => {
  const digest = { [APPROVE]: digestOf() }

  test('has no name before it is stored', async () => {
    const outcome = await write({ annotations: digest, may: all, metadata: { name: undefined, generateName: 'legacy-' } })
    expect({ stamp: outcome.annotations?.[STAMP], warnings: outcome.warnings }).toEqual({
      stamp: undefined,
      warnings: [
        'the exception is pending: an exception without a name cannot be approved; approve it once it has one',
        'for policy `run-as-non-root` the exception, approved now, ends at 2026-07-01T12:00:00.000Z, after 720h',
      ],
    })
  })

  test('is to a policy that does not exist', async () => {
    const outcome = await write({ annotations: digest, may: all, dependencies: { ruleSet: () => ruleSet([]) } })
    expect({ stamp: outcome.annotations?.[STAMP], warnings: outcome.warnings }).toEqual({
      stamp: undefined,
      warnings: ['the exception is pending: there is no policy `run-as-non-root` yet; approve it once there is'],
    })
  })
})

describe('warnings to whoever asks', () => {
  const warningsOf = async (spec: Json): Promise<readonly string[]> =>
    (
      await write({
        spec,
        dependencies: { ruleSet: () => ruleSet([policy('run-as-non-root', { validations: [{ name: 'run-as-non-root', expression: 'true' }] })]) },
      })
    ).warnings

  test('tell that it is pending, and what the end comes to', async () => {
    expect((await warningsOf({ expiresAt: '2026-06-02T00:00:00Z' })).map((text) => text.slice(0, 24))).toEqual(['the exception is pending'])
    expect((await warningsOf({ expiresAt: '2027-01-31T00:00:00Z' })).slice(1)).toContain(
      'for policy `run-as-non-root` the exception, approved now, ends at 2026-07-01T12:00:00.000Z, after 720h',
    )
  })

  test('tell that it is over, and nothing of an approval', async () => {
    expect(await warningsOf({ expiresAt: '2026-06-01T12:00:00Z' })).toEqual(['the exception has expired at 2026-06-01T12:00:00Z'])
  })
})

describe('warnings at the approval', () => {
  const warningsOf = async (spec: Json, policySpec: Json = {}): Promise<readonly string[]> => {
    const rules = ruleSet([policy('run-as-non-root', { validations: [{ name: 'run-as-non-root', expression: 'true' }], ...policySpec })])
    const asked = { spec, annotations: { [APPROVE]: digestOf(spec) }, may: all, dependencies: { ruleSet: () => rules } }
    return (await write(asked)).warnings
  }

  test('tell what the exception is not worth', async () => {
    expect(await warningsOf({ expiresAt: '2026-06-02T00:00:00Z' })).toEqual([])
    expect(await warningsOf({ expiresAt: '2026-05-02T00:00:00Z' })).toEqual(['the exception has expired at 2026-05-02T00:00:00Z'])
    expect(await warningsOf({ expiresAt: '2027-01-31T00:00:00Z' })).toEqual([
      'for policy `run-as-non-root` the exception ends at 2026-07-01T12:00:00.000Z, after 720h',
    ])
    expect(await warningsOf({ expiresAt: '2026-06-02T00:00:00Z' }, { exceptions: { allowed: false } })).toEqual([
      'policy `run-as-non-root` allows no exceptions: this one waives nothing of it',
    ])
    expect(await warningsOf({ expiresAt: '2026-06-02T00:00:00Z', policies: [{ name: 'run-as-non-root', rules: ['nothing'] }] })).toEqual([
      'policy `run-as-non-root` has no rule `nothing`',
    ])
  })
})
