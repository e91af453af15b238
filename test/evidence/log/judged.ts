import { type AdmissionRequest, isRecord } from '../../../src/api/index.ts'
import type { Decision } from '../../../src/decide/index.ts'
import { ChainLog, DecisionLog, type LogObserver, makeEvidenceKey, type RecordSink, signerOf } from '../../../src/evidence/index.ts'
import type { RuleSet } from '../../../src/rules/index.ts'
import { configMap, judge, namespaceObject, on, policy, requestOf, ruleSet } from '../../doors/build.ts'
import { NOW } from '../../doors/world.ts'
import { Told } from './logs.ts'

type Json = Readonly<Record<string, unknown>>

export const NO_BAD = policy('no-bad', {
  severity: 'high',
  matchConstraints: on('configmaps'),
  controls: [
    { framework: 'NIST-800-53r5', id: 'AC-6(1)' },
    { framework: 'CIS Kubernetes', id: '5.2.1' },
  ],
  validations: [
    { name: 'bad', expression: "!('bad' in object.data)", message: 'data.bad is not allowed' },
    { name: 'small', expression: 'object.data.size() < 3', message: 'too much' },
  ],
})
export const NUMBER = policy('number', {
  severity: 'medium',
  validations: [{ name: 'number', expression: "!('n' in object.data) || int(object.data.n) > 0", message: 'n' }],
})
export const ASLEEP = policy('asleep', {
  matchConstraints: on('cronjobs', { group: 'batch' }),
  controls: [{ framework: 'NIST-800-53r5', id: 'SC-1' }],
  validations: [{ name: 'never', expression: 'false' }],
})
export const RULES: RuleSet = ruleSet([NO_BAD, NUMBER, ASLEEP])
const STAGING = { kind: 'found', object: namespaceObject('shop', { 'bylaw.dev/environment': 'staging' }) } as const

export interface Judged {
  readonly decision: Decision
  readonly request: AdmissionRequest
}

/** The creation of a ConfigMap, judged. */
export function judged(data: Json, changes: Json = {}, isStaging = false): Judged {
  const request = requestOf(configMap(data), changes)
  return { decision: judge(RULES, request, isStaging ? { namespace: STAGING } : {}), request }
}

export const contextAt = (time: Date) =>
  ({ ruleSet: RULES, lane: 'equivalent', failureClass: 'fail', decidedAt: time, waitedMs: 0.25, durationMs: 0.5 }) as const

/** A decision log in a folder, as an operator has it. */
export function decisionLogIn(folder: string, sinks: readonly RecordSink[] = [], observer: LogObserver = new Told()): DecisionLog {
  const chain = new ChainLog({
    folder,
    instance: 'pod-1',
    decisionPrefix: 'aa11bb22',
    durability: 'written',
    segmentBytes: 1024 * 1024,
    segmentAgeMs: 3_600_000,
    sampleAllows: 1,
    signer: signerOf(makeEvidenceKey()),
    version: '0.1.0',
    cel: () => '1.37',
    now: () => NOW,
    observer,
  })
  return new DecisionLog({ chain, sinks, folder, retention: { maxAgeMs: 1e15, maxBytes: 1e12 }, now: () => NOW })
}

/** What happens in a small shop: passes, refusals, warnings, errors, rehearsals. */
export async function writeShop(folder: string): Promise<readonly string[]> {
  const log = decisionLogIn(folder)
  await log.start()
  const events: readonly Judged[] = [
    judged({ fine: 'x' }),
    judged({ bad: 'x' }),
    judged({ bad: 'x', b: '', c: '' }, {}, true),
    judged({ n: 'seven' }),
    judged({ bad: 'x' }, { dryRun: true }),
    judged({ fine: 'x' }, { userInfo: { username: '=cmd|"calc"!A1', groups: ['a'] } }),
  ]
  const ids: string[] = []
  for (const [index, { decision, request }] of events.entries()) {
    ids.push(`aa11bb22-${index + 1}`)
    log.recordDecision(`aa11bb22-${index + 1}`, decision, request, contextAt(decision.dependsOn.decidedAt))
    await log.commit()
  }
  log.recordUndecided({ reason: 'shed', failureClass: 'ignore', time: NOW, uid: 'uid-9' })
  await log.commit()
  await log.close()
  return ids
}

export const at = (value: unknown, ...path: readonly (string | number)[]): unknown =>
  path.reduce<unknown>((held, key) => (Array.isArray(held) ? held[Number(key)] : isRecord(held) ? held[key] : undefined), value)
