import { beforeAll, describe, expect, test } from '@jest/globals'
import { isKubernetesObject, type KubernetesObject } from '../../src/api/index.ts'
import { type Case, type CaseRequest, DOOR_NAMES, type DoorName } from './case.ts'
import { DOORS, type DoorRecord, requestsFor } from './doors.ts'

type Json = Readonly<Record<string, unknown>>

const APPROVED_AT = '2026-06-01T00:00:00Z'
/** Ends as exceptions write them, and what they are. */
const ENDS: Readonly<Record<string, string>> = {
  plain: '2026-06-10T18:00:00Z',
  east: '2026-06-10T18:00:00+02:00',
  west: '2026-06-10T18:00:00-11:30',
  fraction: '2026-06-10T18:00:00.5Z',
  month: '2027-02-28T23:59:59Z',
  year: '2027-01-01T00:00:00Z',
  past: '2026-05-01T00:00:00Z',
}
/** What the policy `capped` allows at most, counted from the approval. */
const CAP_MS = 36 * 3_600_000
/** Within the hour that clocks go forward where they do, at the turn of a day, and where no clock was ever set. */
const ODD_TIMES: readonly string[] = [
  '2026-03-29T01:30:00Z',
  '2026-06-10T23:59:59.999Z',
  '2026-06-11T00:00:00Z',
  '1970-01-01T00:00:00Z',
  '2999-12-31T23:59:59Z',
]

const documents: Json[] = [
  ...[
    { name: 'long', exceptions: { maxDuration: '8784h' } },
    { name: 'capped', exceptions: { maxDuration: '36h' } },
  ].map(({ name, exceptions }) => ({
    apiVersion: 'bylaw.dev/v1',
    kind: 'Policy',
    metadata: { name },
    spec: {
      title: name,
      owner: { team: 'platform', contact: '#platform' },
      severity: 'high',
      remediation: 'mend it',
      matchConstraints: { resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'], operations: ['CREATE'] }] },
      matchConditions: [{ name: 'meant', expression: `object.metadata.labels.policy == '${name}'` }],
      validations: [{ name: 'rule', expression: "object.data.a == 'good'", message: 'not good' }],
      exceptions,
    },
  })),
  ...Object.entries(ENDS).map(([name, expiresAt]) => ({
    apiVersion: 'bylaw.dev/v1',
    kind: 'PolicyException',
    metadata: { name, namespace: 'shop', annotations: { 'test/approved-at': APPROVED_AT } },
    spec: {
      policies: [
        { name: 'long', rules: ['*'] },
        { name: 'capped', rules: ['rule'] },
      ],
      match: { resources: [{ kinds: ['ConfigMap'], names: [name] }] },
      reason: 'the vendor needs it',
      owner: { team: 'shop', contact: '#shop' },
      expiresAt,
    },
  })),
]

interface Cell {
  readonly request: CaseRequest
  readonly isWaived: boolean
  readonly denying: 'deny' | 'allow'
}

const boundariesOf = (endMs: number): readonly number[] => [endMs - 86_400_000, endMs - 1, endMs, endMs + 1, endMs + 86_400_000]

function cellsOf(name: string, policy: 'long' | 'capped', environment: 'prod' | 'dev'): readonly Cell[] {
  const endMs = Date.parse(ENDS[name] ?? '')
  const capMs = policy === 'capped' ? Date.parse(APPROVED_AT) + CAP_MS : Number.POSITIVE_INFINITY
  const effectiveMs = Math.min(endMs, capMs)
  const times = [...boundariesOf(endMs), ...(Number.isFinite(capMs) ? boundariesOf(capMs) : []), ...ODD_TIMES.map((time) => Date.parse(time))]
  return times.map((nowMs) => {
    const now = new Date(nowMs).toISOString()
    return {
      request: {
        name: `${name} ${policy} ${environment} ${now}`,
        user: 'alice',
        dryRun: false,
        now,
        namespace: { name: 'shop', labels: { 'bylaw.dev/environment': environment } },
        object: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'shop', labels: { policy } }, data: { a: 'bad' } },
        notThrough: policy === 'capped' ? { check: 'an approval in a file has no time from which the duration could be counted' } : {},
        expect: { effect: 'allow', outcomes: [] },
      },
      isWaived: nowMs < effectiveMs,
      // In dev a violation of this severity is observed.
      denying: environment === 'prod' ? 'deny' : 'allow',
    }
  })
}

const CELLS = Object.keys(ENDS).flatMap((name) =>
  (['long', 'capped'] as const).flatMap((policy) => (['prod', 'dev'] as const).flatMap((environment) => cellsOf(name, policy, environment))),
)
const subject: Case = {
  name: 'the clock',
  documents: documents.filter((document): document is KubernetesObject => isKubernetesObject(document)),
  context: undefined,
  requests: CELLS.map(({ request }) => request),
}

const records = new Map<DoorName, ReadonlyMap<string, DoorRecord>>()

beforeAll(async () => {
  for (const door of DOOR_NAMES) {
    const found = await DOORS[door](subject)
    records.set(door, new Map(requestsFor(subject, door).flatMap(({ name }, index) => (found[index] === undefined ? [] : [[name, found[index]]]))))
  }
}, 120_000)

describe(`the clock, set before, at and after every end of an exception: ${CELLS.length} times`, () => {
  test.each(DOOR_NAMES)('through %s: it waives to the millisecond, and not longer', (door) => {
    const judged = records.get(door) ?? new Map<string, DoorRecord>()
    const seen = CELLS.filter(({ request }) => judged.has(request.name))
    expect(seen.length).toBeGreaterThan(100)
    const wrong = seen.filter(({ request, isWaived, denying }) => {
      const record = judged.get(request.name)
      const outcome = record?.outcomes.find(({ result }) => result === 'fail')
      const isNoted = outcome?.exceptionNotes?.some((note) => note.includes('it expired at')) === true
      return (outcome?.waivedBy !== undefined) !== isWaived || record?.effect !== (isWaived ? 'allow' : denying) || isNoted === isWaived
    })
    expect(wrong.map(({ request }) => request.name)).toEqual([])
  })

  test('every door says the same of every time', () => {
    const [first, ...others] = DOOR_NAMES
    const disagreements = CELLS.flatMap(({ request: { name } }) => {
      const known = records.get(first)?.get(name)
      return others.filter((door) => {
        const other = records.get(door)?.get(name)
        return other !== undefined && JSON.stringify(other.outcomes) !== JSON.stringify(known?.outcomes)
      })
    })
    expect(disagreements).toEqual([])
  })
})
