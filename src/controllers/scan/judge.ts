import { isRecord, type KubernetesObject, type StandIn, standInRequest } from '../../api/index.ts'
import { type ContextReader, type Decision, decide, type ParamReader } from '../../decide/index.ts'
import { type Judgement, toJudgement } from '../../evidence/index.ts'
import type { EnforcedPolicy, NamespaceState } from '../../rules/index.ts'
import type { ScanTarget } from './plan.ts'

/** Everything besides an object and its namespace that a judgement depends on. */
export interface JudgeContext {
  readonly policyOf: (name: string) => EnforcedPolicy | undefined
  readonly params: ParamReader
  readonly contexts: ContextReader
  readonly now: Date
  readonly digestKey: string
}

/** The account that stands in requests for objects that exist already. */
const SCAN_USER = 'bylaw-scan'

/** Errors that say nothing of the object, and would be the same for every other one of its namespace. */
export const SHARED_ERRORS: ReadonlySet<string> = new Set(['ParamNotFound', 'ParamUnknown', 'ContextUnknown', 'NamespaceUnknown'])

/** An old revision of a Deployment: nobody edits it, and nothing runs from it. */
export function isHistory({ resource, group }: ScanTarget, { metadata, spec }: KubernetesObject): boolean {
  if (resource !== 'replicasets' || group !== 'apps' || !isRecord(spec) || spec['replicas'] !== 0) return false
  return metadata.ownerReferences?.some(({ controller }) => controller === true) ?? false
}

/** Judges an object that exists already by the policies of its resource, as if it were made now. */
export function judgeObject(target: ScanTarget, object: KubernetesObject, namespace: NamespaceState, context: JudgeContext): Judgement {
  const { params, contexts, now, digestKey, policyOf } = context
  const judgements = target.judges.map(({ operation, ruleSet }) => {
    const standIn: StandIn = { resource: target.resource, isNamespaced: target.isNamespaced, operation, username: SCAN_USER, uid: SCAN_USER }
    const request = standInRequest(object, standIn)
    const decision: Decision = decide(ruleSet, { request, lane: 'offline', namespace, params, contexts, now, digestKey })
    return toJudgement(decision, policyOf)
  })
  const [first] = judgements
  if (first === undefined) return { environment: '', passes: new Map(), findings: [], isJudged: false }
  if (judgements.length === 1) return first
  return {
    environment: first.environment,
    passes: new Map(judgements.flatMap(({ passes }) => [...passes])),
    findings: judgements.flatMap(({ findings }) => findings),
    isJudged: judgements.some(({ isJudged }) => isJudged),
  }
}
