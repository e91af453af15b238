import { describe, expect, test } from '@jest/globals'
import { stampBreakGlass } from '../../src/admission/break-glass.ts'
import type { AccessQuestion } from '../../src/admission/guards.ts'
import { isKubernetesObject, type KubernetesObject } from '../../src/api/index.ts'
import { toDecisionRecord, toWarnings } from '../../src/evidence/index.ts'
import { assembleRuleSet, BREAK_GLASS, compilePolicy, sealBreakGlass, verifyBreakGlass } from '../../src/rules/index.ts'
import { configMap, judge, policy, profile, requestOf } from '../doors/build.ts'
import { NOW } from '../doors/world.ts'

type Json = Readonly<Record<string, unknown>>

const KEY = 'key'
const GOOD = { reason: 'restore', owner: '#on-call', until: '2026-06-01T14:00:00Z' }

const glass = (data: Json = GOOD, annotations?: Json): KubernetesObject => {
  const metadata = { name: BREAK_GLASS.name, namespace: 'bylaw-system', ...(annotations === undefined ? {} : { annotations }) }
  const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data }
  if (!isKubernetesObject(object)) throw new Error('not an object')
  return object
}
const sealed = (data: typeof GOOD = GOOD, account = 'boss', key = KEY): Json => ({ [BREAK_GLASS.annotation]: sealBreakGlass({ ...data, account }, key) })

async function write(
  object: KubernetesObject,
  { may = true, oldObject = null }: { readonly may?: boolean; readonly oldObject?: KubernetesObject | null } = {},
) {
  const questions: AccessQuestion[] = []
  const request = requestOf(object, { operation: oldObject === null ? 'CREATE' : 'UPDATE', oldObject, namespace: 'bylaw-system', name: BREAK_GLASS.name })
  const response = await stampBreakGlass(request, {
    mayAccess: async (_user, question) => {
      questions.push(question)
      return may
    },
    approvalKey: () => KEY,
    now: () => NOW,
  })
  if (!response.allowed) return { refusal: response.status?.message, questions }
  const patch: unknown = response.patch === undefined ? [] : JSON.parse(Buffer.from(response.patch, 'base64').toString('utf8'))
  return { patch, warnings: response.warnings, questions }
}

const refused = (...reasons: readonly string[]): string => ['the policies are not turned down', ...reasons].join('\n')

describe('the ConfigMap that turns the policies down', () => {
  test('is sealed for whoever may, asked for without a namespace', async () => {
    const { patch, warnings, questions } = await write(glass())
    expect(patch).toEqual([{ op: 'add', path: '/metadata/annotations', value: sealed(GOOD, 'alice') }])
    expect(warnings).toEqual(['no policy refuses anything until 2026-06-01T14:00:00Z; everything is still judged and recorded'])
    expect(questions).toEqual([{ group: 'bylaw.dev', resource: 'policies', verb: 'break-glass', name: '' }])
  })

  test.each<[string, Json, boolean, readonly string[]]>([
    ['without the verb', GOOD, false, ['it needs the verb `break-glass` on `policies.bylaw.dev`, which `alice` does not have']],
    ['without a reason', { ...GOOD, reason: ' ' }, true, ['data.reason: required']],
    ['without an owner', { ...GOOD, owner: undefined }, true, ['data.owner: required']],
    ['with a long reason', { ...GOOD, reason: 'x'.repeat(257) }, true, ['data.reason: at most 256 characters']],
    ['with an end that is no time', { ...GOOD, until: 'tomorrow' }, true, ['data.until: `tomorrow` is not a time such as 2027-01-31T12:00:00Z']],
    [
      'with an end that is no date of the calendar',
      { ...GOOD, until: '2026-13-01T00:00:00Z' },
      true,
      ['data.until: `2026-13-01T00:00:00Z` is not a time such as 2027-01-31T12:00:00Z'],
    ],
    ['with an end that is over', { ...GOOD, until: '2026-06-01T12:00:00Z' }, true, ['data.until: `2026-06-01T12:00:00Z` is over already']],
    ['with an end too far away', { ...GOOD, until: '2026-06-01T16:00:01Z' }, true, ['data.until: `2026-06-01T16:00:01Z` is more than 4 hours away']],
    [
      'with everything wrong, all told at once',
      {},
      false,
      [
        'data.reason: required',
        'data.owner: required',
        'data.until: required',
        'it needs the verb `break-glass` on `policies.bylaw.dev`, which `alice` does not have',
      ],
    ],
  ])('is refused %s', async (_name, data, may, reasons) => {
    expect((await write(glass(data), { may })).refusal).toBe(refused(...reasons))
  })

  test('may end after exactly four hours', async () => {
    expect((await write(glass({ ...GOOD, until: '2026-06-01T16:00:00Z' }))).refusal).toBeUndefined()
  })

  test('keeps its seal through a change of metadata by anybody, and after its end', async () => {
    const over = { ...GOOD, until: '2026-06-01T11:00:00Z' }
    const oldObject = glass(over, sealed(over))
    const { patch, questions } = await write(glass(over), { may: false, oldObject })
    expect({ patch, questions }).toEqual({ patch: [{ op: 'add', path: '/metadata/annotations', value: sealed(over) }], questions: [] })
  })

  test('is not prolonged by anybody without the verb', async () => {
    const longer = { ...GOOD, until: '2026-06-01T15:00:00Z' }
    expect((await write(glass(longer, sealed()), { may: false, oldObject: glass(GOOD, sealed()) })).refusal).toContain('needs the verb')
  })
})

describe('the seal', () => {
  test.each<[string, KubernetesObject | undefined, boolean]>([
    ['counts as it was made', glass(GOOD, sealed()), true],
    ['does not count where there is none', glass(), false],
    ['does not count without an object', undefined, false],
    ['does not count for another end', glass({ ...GOOD, until: '2026-06-01T15:00:00Z' }, sealed()), false],
    ['does not count for another reason', glass({ ...GOOD, reason: 'other' }, sealed()), false],
    ['does not count from another key', glass(GOOD, sealed(GOOD, 'boss', 'other')), false],
    [
      'does not count written by hand',
      glass(GOOD, { [BREAK_GLASS.annotation]: JSON.stringify({ kind: 'BreakGlass', account: 'boss', ...GOOD, mac: '00' }) }),
      false,
    ],
  ])('%s', (_name, object, counts) => {
    expect(verifyBreakGlass(object, KEY)).toEqual(counts ? { ...GOOD, account: 'boss' } : undefined)
  })
})

describe('while the glass is broken', () => {
  const breakGlass = { ...GOOD, account: 'boss' }
  const levels = {
    environments: [
      { name: 'dev', level: 'Observe' },
      { name: 'staging', level: 'Warn' },
      { name: 'prod', level: 'Deny' },
    ],
  }
  const policies = [compilePolicy(policy('p', { enforcement: levels }))]
  const rules = assembleRuleSet({ policies, profile: profile({}), breakGlass })
  const at = (now: string, environment = 'prod') =>
    judge(rules, requestOf(configMap()), {
      now: new Date(now),
      namespace: {
        kind: 'found',
        object: { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop', labels: { 'bylaw.dev/environment': environment } } },
      },
    })

  test.each<[string, string, string, string]>([
    ['prod', '2026-06-01T13:59:59.999Z', 'warn', 'Warn'],
    ['prod', '2026-06-01T14:00:00Z', 'deny', 'Deny'],
    ['staging', '2026-06-01T13:00:00Z', 'warn', 'Warn'],
    ['dev', '2026-06-01T13:00:00Z', 'allow', 'Observe'],
    ['porduction', '2026-06-01T13:00:00Z', 'warn', 'Warn'],
    ['porduction', '2026-06-01T14:00:00Z', 'deny', 'Deny'],
  ])('%s at %s: %s', (environment, now, effect, level) => {
    const decision = at(now, environment)
    expect([decision.effect, decision.outcomes[0]?.level]).toEqual([effect, level])
  })

  test('clients read so first, and the record has it', () => {
    const decision = at('2026-06-01T13:00:00Z')
    expect(toWarnings(decision)).toEqual([
      'break-glass by boss until 2026-06-01T14:00:00Z, nothing is refused: restore; owner #on-call',
      'p/never (high): never right; owner platform (#platform)',
    ])
    expect(toDecisionRecord(decision).breakGlass).toEqual(breakGlass)
    expect(toDecisionRecord(at('2026-06-01T14:00:00Z')).breakGlass).toBeUndefined()
  })

  test('there are still twelve warnings at most', () => {
    const many = Array.from({ length: 20 }, (_, index) => compilePolicy(policy(`p${index}`)))
    const decision = judge(assembleRuleSet({ policies: many, profile: profile({}), breakGlass }), requestOf(configMap()))
    const warnings = toWarnings(decision)
    expect([warnings.length, warnings.at(-1)]).toEqual([12, 'and 10 more warnings of other rules'])
  })

  test('the rule set has another revision', () => {
    const plain = assembleRuleSet({ policies, profile: profile({}) })
    expect(rules.revision).not.toBe(plain.revision)
    expect(assembleRuleSet({ policies, profile: profile({}), breakGlass: undefined }).revision).toBe(plain.revision)
  })
})
