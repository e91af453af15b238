import type { Operation } from '../../api/index.ts'
import { type Candidate, type EnforcedPolicy, type NamedExpression, type ResourceMatch, type RuleSet, requestNeeds } from '../../rules/index.ts'
import type { DiscoveredResource } from '../cluster.ts'

/** Why some of what a policy is about cannot be judged. */
export interface ScanGap {
  readonly reason: 'NotScanned' | 'NothingToScan' | 'NeedsRequest' | 'NotEvaluable' | 'NotServed'
  readonly message: string
  /** Whether nothing of the policy is judged. */
  readonly isWhole: boolean
}

/** Policies that judge an object at the same operation. */
export interface ScanJudge {
  readonly operation: Extract<Operation, 'CREATE' | 'UPDATE'>
  /** The rule set in force, but for its look-up: it has these policies alone, without the rules that a scan cannot judge. */
  readonly ruleSet: RuleSet
}

/** A resource in one version whose objects some policies judge. */
export interface ScanTarget {
  readonly key: string
  readonly group: string
  readonly version: string
  readonly resource: string
  readonly kind: string
  readonly isNamespaced: boolean
  readonly judges: readonly ScanJudge[]
  readonly policies: ReadonlySet<string>
}

export interface ScanPlan {
  readonly targets: ReadonlyMap<string, ScanTarget>
  readonly gaps: ReadonlyMap<string, readonly ScanGap[]>
  /** Kinds that can be listed, and that no policy judges. */
  readonly kindsWithoutPolicy: number
}

/** What is never scanned: what is written to tell of other objects, and what admission leaves out too. */
const LEFT_OUT: ReadonlySet<string> = new Set(['/events', 'events.k8s.io/events', 'coordination.k8s.io/leases'])
const LEFT_OUT_GROUPS: ReadonlySet<string> = new Set(['wgpolicyk8s.io', 'bylaw.dev'])

const isScannable = ({ group, resource, isListable = true }: DiscoveredResource): boolean =>
  isListable && !LEFT_OUT_GROUPS.has(group) && !LEFT_OUT.has(`${group}/${resource}`)

const quoted = (names: readonly string[]): string => names.map((name) => `\`${name}\``).join(', ')

/** Rules that cannot be evaluated, since they or a variable that they read do not compile. */
function brokenRules({ rules, variables }: EnforcedPolicy): ReadonlySet<string> {
  const broken = new Set<string>()
  const isBroken = ({ expression }: Pick<NamedExpression, 'expression'>): boolean =>
    !expression.ok || [...expression.value.variables].some((name) => broken.has(name))
  for (const variable of variables) if (isBroken(variable)) broken.add(`variables.${variable.name}`)
  return new Set(rules.filter(isBroken).map(({ name }) => name))
}

interface Scanned {
  /** Undefined where nothing of it is scanned. */
  readonly policy: EnforcedPolicy | undefined
  readonly gaps: readonly ScanGap[]
}

/** What of a policy can be judged without a request. */
function scanned(policy: EnforcedPolicy): Scanned {
  const whole = (reason: ScanGap['reason'], message: string): Scanned => ({ policy: undefined, gaps: [{ reason, message, isWhole: true }] })
  if (!policy.policy.spec.evaluation.background) return whole('NotScanned', 'the policy says `evaluation.background: false`')
  if (policy.rules.length === 0) return whole('NothingToScan', 'the policy has no validations')
  const broken = brokenRules(policy)
  if (broken.size === policy.rules.length || policy.matchConditions.some(({ expression }) => !expression.ok)) {
    return whole('NotEvaluable', 'the policy does not compile')
  }
  const needs = requestNeeds(policy)
  if (needs.policy !== undefined) return whole('NeedsRequest', `the policy reads \`${needs.policy}\`, which only a request has`)
  const rules = policy.rules.filter(({ name }) => !broken.has(name) && !needs.rules.has(name))
  const gap = (reason: ScanGap['reason'], message: string): ScanGap => ({ reason, message, isWhole: rules.length === 0 })
  const gaps = [
    ...(broken.size === 0 ? [] : [gap('NotEvaluable', `rules that do not compile are not judged: ${quoted([...broken])}`)]),
    ...[...needs.rules].map(([rule, need]) => gap('NeedsRequest', `rule \`${rule}\` reads \`${need}\`, which only a request has`)),
  ]
  return { policy: rules.length === 0 ? undefined : rules.length === policy.rules.length ? policy : { ...policy, rules }, gaps }
}

/** The way in which a policy would judge the creation of an object, else its change; undefined where it judges neither. */
function existingMatch(match: ResourceMatch | undefined, operation: 'CREATE' | 'UPDATE'): ResourceMatch | undefined {
  if (match === undefined) return undefined
  return match.operations.has(operation) ? match : existingMatch(match.otherwise, operation)
}

interface Judged {
  readonly candidate: Candidate
  readonly operation: ScanJudge['operation']
  readonly version: string
}

function toJudged(candidate: Candidate, served: readonly string[]): Judged | undefined {
  for (const operation of ['CREATE', 'UPDATE'] as const) {
    const match = existingMatch(candidate.match, operation)
    if (match !== undefined) return { candidate, operation, version: match.version === '*' ? (served[0] ?? '') : match.version }
  }
  return undefined
}

function toTarget(ruleSet: RuleSet, { group, resource, kind, isNamespaced }: DiscoveredResource, version: string, judged: readonly Judged[]): ScanTarget {
  const judges = [...Map.groupBy(judged, ({ operation }) => operation)].map(([operation, own]): ScanJudge => {
    const candidates = own.map(({ candidate }) => candidate)
    return { operation, ruleSet: { ...ruleSet, candidates: () => candidates } }
  })
  const policies = new Set(judged.map(({ candidate }) => candidate.policy.identity.name))
  return { key: `${group}/${version}/${resource}`, group, version, resource, kind, isNamespaced, judges, policies }
}

/** Works out what has to be listed for the policies in force, in the versions that they name, and what of them cannot be judged. */
export function planScan(ruleSet: RuleSet, resources: readonly DiscoveredResource[]): ScanPlan {
  const judgeable = new Map<string, EnforcedPolicy>()
  const gaps = new Map<string, readonly ScanGap[]>()
  for (const policy of ruleSet.policies) {
    const state = scanned(policy)
    if (state.policy !== undefined) judgeable.set(policy.identity.name, state.policy)
    gaps.set(policy.identity.name, state.gaps)
  }
  const targets = new Map<string, ScanTarget>()
  const met = new Set<string>()
  const judgesSomething = new Set<string>()
  let kindsWithoutPolicy = 0
  for (const type of resources.filter(isScannable)) {
    const judged = ruleSet.candidates(type.group, type.resource, '').flatMap(({ policy, match }): Judged[] => {
      met.add(policy.identity.name)
      const own = judgeable.get(policy.identity.name)
      const found = own === undefined ? undefined : toJudged({ policy: own, match }, type.versions)
      if (found === undefined) return []
      judgesSomething.add(policy.identity.name)
      // A version that is not served has no objects that could be listed in it.
      return type.versions.includes(found.version) ? [found] : []
    })
    if (judged.length === 0) kindsWithoutPolicy += 1
    for (const [version, own] of Map.groupBy(judged, (item) => item.version)) {
      const target = toTarget(ruleSet, type, version, own)
      targets.set(target.key, target)
    }
  }
  const reached = new Set([...targets.values()].flatMap(({ policies }) => [...policies]))
  for (const name of judgeable.keys()) {
    if (reached.has(name)) continue
    const gap: ScanGap =
      met.has(name) && !judgesSomething.has(name)
        ? { reason: 'NothingToScan', message: 'the policy judges neither the creation nor the change of objects', isWhole: true }
        : { reason: 'NotServed', message: 'the cluster serves none of the resources, in the versions that the policy names', isWhole: true }
    gaps.set(name, [...(gaps.get(name) ?? []), gap])
  }
  return { targets, gaps, kindsWithoutPolicy }
}
