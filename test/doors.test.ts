import { describe, expect, test } from '@jest/globals'
import type { OutcomeRecord } from '../src/evidence/index.ts'
import { type Case, type CaseRequest, DOOR_NAMES, type DoorName, type ExpectedOutcome, readCases } from './doors/case.ts'
import { DOORS, type DoorRecord, requestsFor } from './doors/doors.ts'

const FEWEST_CASES = 60
const cases = readCases()

/** An outcome as cases write it; what the case does not tell is left out, but for what every failure has to tell. */
function toExpectedOutcome(outcome: OutcomeRecord, written: ExpectedOutcome | undefined): Readonly<Record<string, unknown>> {
  const { policy, rule, result, effect, level, mitigation, message, findings, code, condition, waivedBy, wouldHave, exceptionNotes, param } = outcome
  const tells = (field: keyof ExpectedOutcome): boolean => written?.[field] !== undefined
  return {
    rule: `${policy}/${rule}`,
    ...(param === undefined ? {} : { param }),
    result,
    effect,
    ...(tells('level') ? { level } : {}),
    ...(mitigation === undefined ? {} : { mitigation }),
    ...(result === 'fail' || tells('message') ? { message } : {}),
    ...(result === 'fail' ? { paths: findings?.map(({ path }) => path) } : {}),
    ...(tells('findings') ? { findings: findings?.map(({ sentence }) => sentence) } : {}),
    ...(waivedBy === undefined ? {} : { waivedBy, wouldHave }),
    ...(exceptionNotes === undefined ? {} : { exceptionNotes }),
    ...(code === undefined ? {} : { code }),
    ...(condition === undefined ? {} : { condition }),
  }
}

function toExpectation({ effect, environment, outcomes, corrected }: DoorRecord, { expect: written }: CaseRequest): CaseRequest['expect'] | object {
  return {
    effect,
    ...(written.environment === undefined ? {} : { environment: environment ?? 'unknown' }),
    ...(corrected.length === 0 && written.corrected === undefined ? {} : { corrected }),
    outcomes: outcomes.map((outcome, index) => toExpectedOutcome(outcome, written.outcomes[index])),
  }
}

/** Offline an approval has no time of its own, so sets with approvals have other revisions there. */
const withoutTimes = (record: DoorRecord | undefined, { documents }: Case): DoorRecord | undefined =>
  record !== undefined && documents.some(({ kind }) => kind === 'PolicyException') ? { ...record, ruleSet: '' } : record

const byName = (requests: readonly CaseRequest[], value: (request: CaseRequest, index: number) => unknown): Readonly<Record<string, unknown>> =>
  Object.fromEntries(requests.map((request, index) => [request.name, value(request, index)]))

describe.each(cases.map((subject): [string, Case] => [subject.name, subject]))('%s', (_name, subject) => {
  const judged = new Map<DoorName, Promise<readonly DoorRecord[]>>()
  const through = (door: DoorName): Promise<readonly DoorRecord[]> => {
    const known = judged.get(door) ?? DOORS[door](subject)
    judged.set(door, known)
    return known
  }

  test.each(DOOR_NAMES)('through %s', async (door) => {
    const requests = requestsFor(subject, door)
    const records = await through(door)
    expect(records.length).toBe(requests.length)
    const seen = byName(requests, (request, index) => {
      const record = records[index]
      return record === undefined ? undefined : toExpectation(record, request)
    })
    expect(seen).toEqual(byName(requests, ({ expect: written }) => written))
  })

  test('gives the same record through every door', async () => {
    const shared = subject.requests.filter(({ notThrough }) => Object.keys(notThrough).length === 0)
    const all = await Promise.all(
      DOOR_NAMES.map(async (door) => {
        const records = await through(door)
        return byName(requestsFor(subject, door), (_request, index) => withoutTimes(records[index], subject))
      }),
    )
    const [first, ...others] = all.map((records) => byName(shared, ({ name }) => records[name]))
    for (const other of others) expect(other).toEqual(first)
  })
})

describe('the cases', () => {
  test(`are at least ${FEWEST_CASES}`, () => {
    expect(cases.length).toBeGreaterThanOrEqual(FEWEST_CASES)
  })

  test('have names that read as sentences, and requests that can be told apart', () => {
    expect(cases.filter(({ name }) => !/^[a-z0-9]+(-[a-z0-9]+){2,}$/.test(name)).map(({ name }) => name)).toEqual([])
    expect(cases.filter(({ requests }) => new Set(requests.map(({ name }) => name)).size < requests.length).map(({ name }) => name)).toEqual([])
  })

  const outcomes = cases.flatMap(({ requests }) => requests.flatMap((request) => request.expect.outcomes))

  test('show every result, mitigation, level and reason of an error', () => {
    const seen = (field: keyof ExpectedOutcome) =>
      [...new Set(outcomes.flatMap((outcome) => (outcome[field] === undefined ? [] : [String(outcome[field])])))].sort()
    expect(seen('result')).toEqual(['error', 'fail', 'pass', 'skip'])
    expect(seen('mitigation')).toEqual(['descended', 'existing', 'protected'])
    expect(seen('level')).toEqual(['Correct', 'Deny', 'Observe', 'Warn'])
    expect(seen('code')).toEqual(['ContextUnknown', 'CostExceeded', 'EvaluationFailed', 'NamespaceUnknown', 'NotCompiled', 'ParamNotFound', 'WrongVersion'])
  })

  test('are judged through every door somewhere, and a door that is left out is so for a reason', () => {
    const leftOut = cases.flatMap(({ requests }) => requests.flatMap(({ notThrough }) => Object.keys(notThrough)))
    const all = cases.flatMap(({ requests }) => requests).length
    for (const door of DOOR_NAMES) expect(leftOut.filter((name) => name === door).length).toBeLessThan(all / 5)
  })
})
