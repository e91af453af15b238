import { expect, test } from '@jest/globals'
import { isRecord, parseJson } from '../../../src/api/index.ts'
import type { ContextReader } from '../../../src/decide/index.ts'
import { encodeDecision } from '../../../src/evidence/log/record.ts'
import { configMap, judge, policy, requestOf, ruleSet } from '../../doors/build.ts'
import { NOW } from '../../doors/world.ts'

const RULES = ruleSet([
  policy('p', {
    context: [{ name: 'maps', apiVersion: 'v1', kind: 'ConfigMap', namespace: 'Request' }],
    validations: [{ name: 'r', expression: "object.data.a == '1' || size(context.maps) == 0" }],
  }),
])
const contexts: ContextReader = () => ({ kind: 'found', objects: [], resourceVersion: '42' })

/** What a record tells that a decision depended on. */
function dependsOn(a: string): unknown {
  const request = requestOf(configMap({ a }))
  const context = { ruleSet: RULES, lane: 'offline', failureClass: 'fail', decidedAt: NOW, waitedMs: 0, durationMs: 0 } as const
  const record = parseJson(encodeDecision('d', judge(RULES, request, { contexts }), request, context))
  return record.ok && isRecord(record.value) ? record.value['dependsOn'] : undefined
}

test('a record tells which context was read, and nothing of what was not', () => {
  expect(dependsOn('2')).toMatchObject({ contexts: [{ policy: 'p', name: 'maps', kind: 'ConfigMap', namespace: 'shop', count: 0, resourceVersion: '42' }] })
  expect(dependsOn('1')).toEqual({ ruleSet: RULES.revision })
})
