import { type EnforcementProfile, isEqualJson, SEVERITIES } from '../api/index.ts'
import type { BreakGlass } from './break-glass.ts'
import type { CompiledException } from './compile-exception.ts'
import { revisionOf } from './compile-policy.ts'
import type { CompileIssue } from './issue.ts'
import { levelsOf } from './levels.ts'
import { matchResource, type ServedVersions } from './match.ts'
import type { Candidate, CompiledPolicy, EnforcedPolicy, RuleSet, WorkloadController } from './rule-set.ts'
import { WORKLOAD_CONTROLLERS } from './workload-controllers.ts'

/** What a rule set is put together from. */
export interface RuleSetParts {
  readonly policies: readonly CompiledPolicy[]
  readonly profile: EnforcementProfile
  readonly exceptions?: readonly CompiledException[]
  readonly workloadControllers?: readonly WorkloadController[]
  readonly servedVersions?: ServedVersions
  readonly breakGlass?: BreakGlass | undefined
}

/** Distinct resources that are remembered; beyond that a look-up is worked out anew, so that made-up names cost no memory. */
const REMEMBERED_RESOURCES = 4096

function makeLookUp(policies: readonly EnforcedPolicy[], servedVersions: ServedVersions): RuleSet['candidates'] {
  const remembered = new Map<string, readonly Candidate[]>()
  return (group, resource, subResource) => {
    const key = `${group}/${resource}/${subResource}`
    const known = remembered.get(key)
    if (known !== undefined) return known
    const candidates = policies.flatMap((policy): Candidate[] => {
      const { matchConstraints, podTemplates } = policy.policy.spec
      const match = matchResource(matchConstraints, podTemplates === 'Include', { group, resource, subResource }, servedVersions)
      return match === undefined ? [] : [{ policy, match }]
    })
    if (remembered.size < REMEMBERED_RESOURCES) remembered.set(key, candidates)
    return candidates
  }
}

const NO_EXCEPTIONS: readonly CompiledException[] = []

function indexExceptions(exceptions: readonly CompiledException[]): RuleSet['exceptionsTo'] {
  const byPolicy = new Map<string, CompiledException[]>()
  for (const exception of [...exceptions].sort((a, b) => (a.id < b.id ? -1 : 1))) {
    for (const { name } of exception.exception.spec.policies) byPolicy.set(name, [...(byPolicy.get(name) ?? []), exception])
  }
  return (policy) => byPolicy.get(policy) ?? NO_EXCEPTIONS
}

const bySeverityThenName = (a: EnforcedPolicy, b: EnforcedPolicy): number =>
  SEVERITIES.indexOf(b.identity.severity) - SEVERITIES.indexOf(a.identity.severity) ||
  (a.identity.name < b.identity.name ? -1 : a.identity.name > b.identity.name ? 1 : 0)

/** Puts compiled policies and a profile together into the set that decisions are made with. */
export function assembleRuleSet(parts: RuleSetParts): RuleSet {
  const { policies, profile, exceptions = [], workloadControllers = [], servedVersions = () => undefined, breakGlass } = parts
  const enforced = policies.map((policy): EnforcedPolicy => ({ ...policy, levels: levelsOf(policy.policy, profile) })).sort(bySeverityThenName)
  const controllers = [...WORKLOAD_CONTROLLERS, ...workloadControllers]
  const ruleSet: RuleSet = {
    revision: revisionOf({
      policies: enforced.map(({ identity, revision }) => [identity.name, revision]),
      profile: profile.spec,
      exceptions: exceptions.map(({ id, specDigest, approval }) => [id, specDigest, approval.kind === 'approved' ? approval.stamp.approvedAt : '']).sort(),
      workloadControllers,
    }),
    policies: enforced,
    profile,
    workloadControllers: controllers,
    exceptionsTo: indexExceptions(exceptions),
    breakGlass: undefined,
    candidates: makeLookUp(enforced, servedVersions),
  }
  return breakGlass === undefined ? ruleSet : withBreakGlass(ruleSet, breakGlass)
}

/** The same set under another break-glass, or under none any more. */
export function withBreakGlass(ruleSet: RuleSet, breakGlass: BreakGlass | undefined): RuleSet {
  if (isEqualJson(ruleSet.breakGlass, breakGlass)) return ruleSet
  return { ...ruleSet, revision: revisionOf({ ruleSet: ruleSet.revision, breakGlass: breakGlass ?? null }), breakGlass }
}

/** What a policy's author should know that only the profile tells: an environment that does not exist. */
export function profileIssues({ policy }: CompiledPolicy, profile: EnforcementProfile): CompileIssue[] {
  const known = new Set(profile.spec.environments.map(({ name }) => name))
  return policy.spec.enforcement.environments.flatMap(({ name }, index) =>
    known.has(name)
      ? []
      : {
          code: 'UnknownEnvironment' as const,
          severity: 'warning' as const,
          policy: policy.metadata.name,
          path: `spec.enforcement.environments[${index}].name`,
          message: `the profile has no environment \`${name}\``,
        },
  )
}
