import type { KubernetesObject } from '../api/index.ts'
import { isInForce, type PolicyIdentity, type RuleSet } from '../rules/index.ts'
import { environmentOf, type RequestEnvironment } from './environment.ts'
import type { EvaluationInput } from './input.ts'
import { diffJson, type PatchOperation } from './json-diff.ts'
import { isRelated, parsePointer } from './json-pointer.ts'
import { correctByPolicy } from './judge-policy.ts'
import { isNeverDenied } from './mitigation.ts'

/** What one policy did to an object. Adding a member is meant to break every `switch` that reads it. */
export type CorrectionOutcome =
  /** `diverges` says that the policy's mutations would change again what they made. */
  | { readonly kind: 'corrected'; readonly policy: PolicyIdentity; readonly paths: readonly string[]; readonly diverges: boolean }
  | { readonly kind: 'notCorrected'; readonly policy: PolicyIdentity; readonly reason: string }
  /** Two policies set one path to different values; the later one wins. */
  | { readonly kind: 'conflict'; readonly policy: PolicyIdentity; readonly by: PolicyIdentity; readonly path: string }

/** What the policies at level `Correct` make of the object of one request. */
export interface Correction {
  /** The smallest JSON patch from the object as it came to the corrected one; empty where nothing is corrected. */
  readonly patch: readonly PatchOperation[]
  /** The corrected object; null where there is none. */
  readonly object: KubernetesObject | null
  readonly environment: RequestEnvironment
  readonly ruleSetRevision: string
  /** By name of policy: the order in which they are applied. */
  readonly outcomes: readonly CorrectionOutcome[]
}

const OWN_GROUP = 'bylaw.dev'
const MAX_CONFLICTS = 10

/** The places that a patch sets, with what it sets there. */
interface Setting {
  readonly policy: PolicyIdentity
  readonly operation: PatchOperation
}

/** Whether a later step undoes what an earlier one set: it overwrites or removes it, or puts back what was taken away. */
function undoes(later: PatchOperation, earlier: PatchOperation): boolean {
  if (earlier.op === 'remove') return later.op === 'add' && later.path === earlier.path
  return later.op !== 'add' && isRelated(parsePointer(later.path) ?? [], parsePointer(earlier.path) ?? [])
}

function findConflicts(earlier: readonly Setting[], policy: PolicyIdentity, patch: readonly PatchOperation[]): CorrectionOutcome[] {
  return patch.flatMap((operation) => {
    const other = earlier.find((setting) => undoes(operation, setting.operation))
    return other === undefined ? [] : [{ kind: 'conflict' as const, policy: other.policy, by: policy, path: operation.path }]
  })
}

/**
 * Applies the mutations of all policies that are at level `Correct` in the request's environment: in order of their names, each to what those before
 * it made, and of each policy all mutations or none. Errors are outcomes and never stand in the way: whether the object is good is judged afterwards.
 * Pure, synchronous and total, as `decide` is.
 */
export function correct(ruleSet: RuleSet, input: EvaluationInput): Correction {
  const { request, namespace } = input
  const environment = environmentOf(ruleSet, request, namespace)
  const base = { environment, ruleSetRevision: ruleSet.revision }
  const { group, resource } = request.resource
  // Whoever approves a policy or an exception approves what is written there, not what another policy makes of it.
  const isOwn = group === OWN_GROUP
  if (request.object === null || isOwn || (request.operation !== 'CREATE' && request.operation !== 'UPDATE')) {
    return { ...base, patch: [], object: request.object, outcomes: [] }
  }
  const candidates = ruleSet
    .candidates(group, resource, request.subResource)
    .filter(({ policy }) => policy.mutations.length > 0)
    .sort((a, b) => (a.policy.identity.name < b.policy.identity.name ? -1 : 1))
  const isProtected = (): boolean => isNeverDenied(request)
  const isTurnedDown = ruleSet.breakGlass !== undefined && isInForce(ruleSet.breakGlass, input.now)
  const settings: Setting[] = []
  const outcomes: CorrectionOutcome[] = []
  let object: KubernetesObject = request.object
  for (const candidate of candidates) {
    const { identity } = candidate.policy
    const seen = { ...input, request: { ...request, object } }
    const told = { paramsRead: [], contextsRead: [], leafCorrections: [], evaluations: [] }
    const result = correctByPolicy(candidate, { ruleSet, input: seen, environment, isTurnedDown, isProtected, ...told })
    if (result.kind === 'untouched') continue
    if (result.kind === 'notCorrected') {
      outcomes.push({ kind: 'notCorrected', policy: identity, reason: result.reason })
      continue
    }
    object = result.object
    const { patch } = result
    outcomes.push({ kind: 'corrected', policy: identity, paths: patch.map(({ path }) => path), diverges: !result.isStable })
    outcomes.push(...findConflicts(settings, identity, patch).slice(0, MAX_CONFLICTS))
    settings.push(...patch.map((operation) => ({ policy: identity, operation })))
  }
  return { ...base, patch: diffJson(request.object, object), object, outcomes }
}
