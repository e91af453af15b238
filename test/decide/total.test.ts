import { describe, expect, test } from '@jest/globals'
import { isRecord, parseAdmissionReview } from '../../src/api/index.ts'
import { decide } from '../../src/decide/index.ts'
import { toDecisionRecord, toDenialMessage, toWarnings } from '../../src/evidence/index.ts'
import { isDenying } from '../../src/rules/index.ts'
import { readCases, ruleSetOf } from '../doors/case.ts'
import { chooser } from '../doors/random.ts'
import { contextsOf, DIGEST_KEY, NOW, namespaceOf, paramsOf, toAdmissionReview } from '../doors/world.ts'

const { one, chance } = chooser(7)
const ODD: readonly [unknown, ...unknown[]] = [
  null,
  0,
  -1,
  1e300,
  12345678901234567890n,
  true,
  '',
  'x'.repeat(5000),
  'a\nb\u0000',
  '__proto__',
  [],
  [null],
  [[]],
  {},
  { constructor: 1 },
  ['a', 1, {}],
]

/** A copy of a value in which some fields are replaced, dropped or doubled. */
function shaken(value: unknown, depth = 0): unknown {
  if (chance(0.06) && depth > 1) return one(ODD)
  if (Array.isArray(value)) return value.flatMap((item) => (chance(0.05) ? [] : chance(0.05) ? [shaken(item, depth + 1), item] : [shaken(item, depth + 1)]))
  if (!isRecord(value)) return value
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, item]): [string, unknown][] => (chance(0.04) && depth > 1 ? [] : [[key, shaken(item, depth + 1)]])),
  )
}

describe('whatever the object looks like', () => {
  const ROUNDS = 6
  test.each(readCases().map((subject) => [subject.name, subject] as const))('%s', (_name, subject) => {
    const rules = ruleSetOf(subject)
    for (const request of subject.requests) {
      for (let round = 0; round < ROUNDS; round++) {
        const parsed = parseAdmissionReview(shaken(toAdmissionReview(request, 'u')))
        // What cannot be read is refused by the door.
        if (!parsed.ok) continue
        const namespace = namespaceOf(request)?.state ?? { kind: 'clusterScoped' }
        const input = {
          request: parsed.value,
          lane: 'offline',
          namespace,
          params: paramsOf(subject),
          contexts: contextsOf(subject),
          now: NOW,
          digestKey: DIGEST_KEY,
        } as const
        const decision = decide(rules, input)
        expect(toDecisionRecord(decide(rules, input))).toEqual(toDecisionRecord(decision))
        expect(Buffer.byteLength(toDenialMessage(decision, 'd'))).toBeLessThanOrEqual(8192)
        expect(toWarnings(decision).filter((warning) => [...warning].length > 240 || /\p{Cc}/u.test(warning))).toEqual([])
        // A rule that could not be evaluated is never a rule that passed.
        const open = decision.outcomes.filter(
          (outcome) =>
            outcome.result === 'error' &&
            outcome.failurePolicy === 'Fail' &&
            isDenying(outcome.level) &&
            outcome.mitigation === undefined &&
            outcome.waivedBy === undefined,
        )
        if (open.length > 0) expect(decision.effect).toBe('deny')
      }
    }
  })
})
