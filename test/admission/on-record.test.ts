import { afterEach, describe, expect, jest, test } from '@jest/globals'
import type { ReviewDependencies } from '../../src/admission/index.ts'
import { type AdmissionResponse, isRecord } from '../../src/api/index.ts'
import type { ReviewContext } from '../../src/evidence/index.ts'
import { configMap, policy, reviewOf, ruleSet } from '../doors/build.ts'
import { type OpenDoor, openDoor, post, readResponse } from '../doors/https-door.ts'

// Handshakes take their time on a busy machine.
jest.setTimeout(60_000)

const RULES = ruleSet([policy('no-bad', { validations: [{ name: 'bad', expression: "!('bad' in object.data)", message: 'bad' }] })])
const GOOD = JSON.stringify(reviewOf(configMap({ fine: 'x' })))
const BAD = JSON.stringify(reviewOf(configMap({ bad: 'x' })))

/** What was recorded, and a log that is kept when told. */
class Ledger {
  readonly recorded: string[] = []
  readonly contexts: ReviewContext[] = []
  readonly subjects: unknown[] = []
  commits = 0
  isKept: boolean | Promise<boolean> = true

  readonly recorder: ReviewDependencies['recorder'] = {
    recordDecision: (decision, _request, id, context) => {
      this.recorded.push(`${id} ${decision.effect}`)
      this.contexts.push(context)
    },
    recordCorrection: () => {},
    recordUndecided: (reason, _class, subject) => {
      this.recorded.push(reason)
      this.subjects.push(subject)
    },
    recordDuration: () => {},
    commit: () => {
      this.commits += 1
      return this.isKept
    },
  }
}

let door: OpenDoor | undefined

afterEach(() => door?.close())

async function open(ledger: Ledger, review: Partial<ReviewDependencies> = {}): Promise<OpenDoor> {
  let decisions = 0
  const nextDecisionId = (): string => `d-${++decisions}`
  door = await openDoor({ ruleSet: () => RULES, review: { recorder: ledger.recorder, nextDecisionId, ...review } })
  return door
}

const annotationsOf = ({ auditAnnotations }: AdmissionResponse): unknown => auditAnnotations

describe('an answer', () => {
  test('waits until its record is kept', async () => {
    const ledger = new Ledger()
    const opened = await open(ledger)
    let keep: (isKept: boolean) => void = () => {}
    ledger.isKept = new Promise((resolve) => {
      keep = resolve
    })
    let isAnswered = false
    const answer = post(opened, '/validate/fail/equivalent', GOOD).then((got) => {
      isAnswered = true
      return got
    })
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect({ recorded: ledger.recorded, isAnswered }).toEqual({ recorded: ['d-1 allow'], isAnswered: false })
    keep(true)
    expect(readResponse(await answer)).toMatchObject({ allowed: true, auditAnnotations: { decision: 'd-1', effect: 'allow', ruleSet: RULES.revision } })
  })

  test('waits with those that were judged with it: many are one write', async () => {
    const ledger = new Ledger()
    const opened = await open(ledger)
    const answers = await Promise.all(Array.from({ length: 40 }, (_, index) => post(opened, '/validate/fail/equivalent', index % 2 === 0 ? GOOD : BAD)))
    expect(answers.filter((answer) => readResponse(answer).allowed)).toHaveLength(20)
    expect(ledger.recorded).toHaveLength(40)
    expect(ledger.commits).toBeLessThanOrEqual(40)
  })

  test('waits where the namespace was read from the cluster too', async () => {
    const ledger = new Ledger()
    const opened = await open(ledger, {
      namespaceOf: (name) => Promise.resolve({ kind: 'found' as const, object: { apiVersion: 'v1', kind: 'Namespace', metadata: { name } } }),
    })
    ledger.isKept = new Promise((resolve) => setTimeout(() => resolve(true), 100))
    const startMs = performance.now()
    await post(opened, '/validate/fail/equivalent', GOOD)
    expect(performance.now() - startMs).toBeGreaterThan(90)
  })

  test('is recorded with what the door knows of the review', async () => {
    const ledger = new Ledger()
    await post(await open(ledger), '/validate/ignore/exact', GOOD)
    const [context] = ledger.contexts
    expect(context).toMatchObject({ ruleSet: RULES, lane: 'exact', failureClass: 'ignore', decidedAt: new Date('2026-06-01T12:00:00Z') })
    expect(context?.durationMs).toBeGreaterThan(0)
    expect(context?.waitedMs).toBeGreaterThanOrEqual(0)
  })

  test('without a decision is recorded with what is known of it', async () => {
    const ledger = new Ledger()
    door = await openDoor({ ruleSet: () => undefined, review: { recorder: ledger.recorder } })
    await post(door, '/validate/fail/equivalent', GOOD)
    await post(door, '/validate/fail/equivalent', 'no json')
    expect(ledger.recorded).toEqual(['notReady', 'badRequest'])
    const [known] = ledger.subjects
    expect(isRecord(known) && isRecord(known['request']) ? known['request']['uid'] : undefined).toBe('uid-1')
  })
})

describe('a record that could not be kept', () => {
  const REFUSAL = 'bylaw could not put this decision on record, and is configured to refuse what is not on record'

  test.each<[string, boolean, 'fail' | 'ignore', string, Readonly<Record<string, unknown>>]>([
    ['changes nothing unless it is to be refused', false, 'fail', GOOD, { allowed: true, auditAnnotations: { decision: 'd-1' } }],
    [
      'refuses what an entry that fails closed asks for',
      true,
      'fail',
      GOOD,
      { allowed: false, status: { code: 403, reason: 'Forbidden', message: REFUSAL }, auditAnnotations: { decision: 'none', effect: 'notRecorded' } },
    ],
    [
      'lets pass what another asks for, with a warning',
      true,
      'ignore',
      GOOD,
      { allowed: true, warnings: ['bylaw could not put this decision on record'], auditAnnotations: { decision: 'none', effect: 'notRecorded' } },
    ],
    ['leaves a refusal as it is', true, 'fail', BAD, { allowed: false, auditAnnotations: { decision: 'd-1', effect: 'deny' } }],
  ])('%s', async (_, refusesUnrecorded, failureClass, body, expected) => {
    const ledger = new Ledger()
    ledger.isKept = Promise.resolve(false)
    const opened = await open(ledger, { refusesUnrecorded })
    const response = readResponse(await post(opened, `/validate/${failureClass}/equivalent`, body))
    expect(response).toMatchObject(expected)
    expect(annotationsOf(response)).toBeDefined()
  })

  test('that throws counts as one that is not kept', async () => {
    const ledger = new Ledger()
    ledger.isKept = Promise.reject(new Error('broken'))
    ledger.isKept.catch(() => {})
    const opened = await open(ledger, { refusesUnrecorded: true })
    expect(readResponse(await post(opened, '/validate/fail/equivalent', GOOD)).allowed).toBe(false)
  })
})
