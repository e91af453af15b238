import { type AdmissionRequest, isEqualJson, type KubernetesObject, parseApiVersion } from '../api/index.ts'
import type { Atom, Explanation } from '../cel/index.ts'
import { type EnforcedPolicy, judgesCreation, type RuleSet } from '../rules/index.ts'

const GARBAGE_COLLECTORS: ReadonlySet<string> = new Set([
  'system:serviceaccount:kube-system:namespace-controller',
  'system:serviceaccount:kube-system:generic-garbage-collector',
  'system:kube-controller-manager',
])

/** Metadata that the API server and garbage collection keep for themselves. */
const HOUSEKEEPING: ReadonlySet<string> = new Set(['finalizers', 'ownerReferences', 'managedFields', 'resourceVersion', 'generation'])

function withoutHousekeeping(object: KubernetesObject): KubernetesObject {
  const metadata = Object.fromEntries(Object.entries(object.metadata).filter(([key]) => !HOUSEKEEPING.has(key)))
  return { ...object, metadata }
}

/** Whether a denial would lock the cluster up: an object that is going away, a change of housekeeping metadata alone, a deletion by garbage collection. */
export function isNeverDenied({ operation, object, oldObject, userInfo }: AdmissionRequest): boolean {
  if (operation === 'DELETE') return GARBAGE_COLLECTORS.has(userInfo.username)
  if (operation !== 'UPDATE' || object === null || oldObject === null) return false
  if (oldObject.metadata.deletionTimestamp !== undefined) return true
  return isEqualJson(withoutHousekeeping(object), withoutHousekeeping(oldObject))
}

/**
 * Whether a built-in workload controller made the object from an owner that the policy judges itself.
 * Ownership is never taken from the `ownerReference` alone, since anyone can write one: the account must be the controller's.
 */
export function isDescended(ruleSet: RuleSet, policy: EnforcedPolicy, { operation, object, userInfo }: AdmissionRequest): boolean {
  if (operation !== 'CREATE') return false
  const owner = object?.metadata.ownerReferences?.find(({ controller }) => controller === true)
  if (owner === undefined) return false
  const { group } = parseApiVersion(owner.apiVersion)
  const pair = ruleSet.workloadControllers.find(
    ({ account, ownerGroup, ownerKind }) => account === userInfo.username && ownerGroup === group && ownerKind === owner.kind,
  )
  if (pair === undefined) return false
  return ruleSet
    .candidates(pair.ownerGroup, pair.ownerResource, '')
    .some((candidate) => candidate.policy === policy && judgesCreation(candidate.match, owner.name))
}

function judgedParts({ metadata, status: _status, ...rest }: KubernetesObject): unknown {
  return { rest, labels: metadata.labels ?? {}, annotations: metadata.annotations ?? {} }
}

/** Whether an update leaves everything that a rule usually judges as it was: all but status and housekeeping. */
export const isNotWorse = (object: KubernetesObject, oldObject: KubernetesObject): boolean => isEqualJson(judgedParts(object), judgedParts(oldObject))

const MAX_ATOMS = 1000

/** What an atom is about: list elements go by their names, not by their places. */
const subjectOf = ({ keyedPath, present, requirement }: Atom): string => `${keyedPath}\n${requirement}\n${present}`

/**
 * Whether everything that makes the new object fail made the old one fail as well, with equal values. False where the atoms
 * are not complete, or lie outside the object: then only an update that leaves the object alone is not worse.
 */
export function hasNoNewAtom(now: Explanation, before: Explanation): boolean {
  if (!now.complete || !before.complete || now.atoms.length === 0 || now.atoms.length > MAX_ATOMS) return false
  if ([...now.atoms, ...before.atoms].some(({ root }) => root !== 'object')) return false
  const known = Map.groupBy(before.atoms, subjectOf)
  return now.atoms.every((atom) => known.get(subjectOf(atom))?.some(({ value }) => isEqualJson(value, atom.value)) === true)
}
