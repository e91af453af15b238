import { canonicalJson } from '../../api/index.ts'
import { type CompiledException, type EnforcedPolicy, effectiveExpiryMs, type RuleSet } from '../../rules/index.ts'

/** Where objects have to be judged again: undefined is everywhere. */
export type Reach = ReadonlySet<string> | undefined

/** All that can change what a policy says of an object that stays the same. */
export interface PolicyPrint {
  /** The policy itself, its levels and its parameters. */
  readonly own: string
  /** What each exception to it is, by name. */
  readonly exceptions: ReadonlyMap<string, { readonly print: string; readonly reach: Reach }>
}

/** Where an exception can waive anything: in its own namespace, or in those that it names. */
function reachOf({ exception }: CompiledException): Reach {
  const { namespaces } = exception.spec.match
  if (namespaces === undefined) return new Set([exception.metadata.namespace ?? ''])
  return namespaces.includes('*') ? undefined : new Set(namespaces)
}

/** Takes the print of a policy; `params` stands for the parameters as they are now. An exception that has ended has another print than before. */
export function printOf(ruleSet: RuleSet, policy: EnforcedPolicy, params: string, now: Date): PolicyPrint {
  const { spec } = ruleSet.profile
  const levels = [...policy.levels.byEnvironment].map(([name, { level }]) => [name, level])
  const own = canonicalJson([policy.revision, policy.issues.length, levels, params, spec.namespaceLabel, spec.defaultEnvironment])
  const exceptions = ruleSet.exceptionsTo(policy.identity.name).map((exception) => {
    const { approval, specDigest, id } = exception
    const stamp = approval.kind === 'approved' ? approval.stamp.approvedAt : ''
    const print = `${specDigest} ${approval.kind} ${stamp} ${effectiveExpiryMs(exception, policy) <= now.getTime()}`
    return [id, { print, reach: reachOf(exception) }] as const
  })
  return { own, exceptions: new Map(exceptions) }
}

/** When the next exception ends, in milliseconds; infinity where none will. */
export function nextExpiryMs(ruleSet: RuleSet, now: Date): number {
  const ends = ruleSet.policies.flatMap((policy) => ruleSet.exceptionsTo(policy.identity.name).map((exception) => effectiveExpiryMs(exception, policy)))
  return Math.min(Number.POSITIVE_INFINITY, ...ends.filter((end) => end > now.getTime()))
}

const NOWHERE: ReadonlySet<string> = new Set()

/** Where objects have to be judged again after a change from one print to the other. */
export function reachOfChange(before: PolicyPrint | undefined, after: PolicyPrint | undefined): Reach {
  if (before === undefined || after === undefined) return before === after ? NOWHERE : undefined
  if (before.own !== after.own) return undefined
  const namespaces = new Set<string>()
  for (const id of new Set([...before.exceptions.keys(), ...after.exceptions.keys()])) {
    const [old, own] = [before.exceptions.get(id), after.exceptions.get(id)]
    if (old?.print === own?.print) continue
    for (const side of [old, own]) {
      if (side === undefined) continue
      if (side.reach === undefined) return undefined
      for (const namespace of side.reach) namespaces.add(namespace)
    }
  }
  return namespaces
}

/** Everything that either reaches. */
export const joinReach = (a: Reach, b: Reach): Reach => (a === undefined || b === undefined ? undefined : new Set([...a, ...b]))
