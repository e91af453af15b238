import type { MatchConstraints, Operation, ResourceRule } from '../../api/index.ts'
import {
  type EnforcedPolicy,
  indirectMatch,
  isDenying,
  type Lane,
  type MutationRule,
  namesResource,
  operationsOf,
  POD_SIDE_DOORS,
  POD_TEMPLATES,
  type PolicyLevels,
  type RuleSet,
  type ServedVersions,
  versionOf,
} from '../../rules/index.ts'

export type Scope = 'Namespaced' | 'Cluster'

/** The smallest thing that the API server can be asked to send: one resource (or pattern) in one version at one operation. */
export interface Cell {
  readonly lane: Lane
  readonly group: string
  readonly version: string
  readonly resource: string
  readonly scope: Scope
  readonly operation: Operation
}

/** Part of a cluster whose requests get registration entries of their own. */
export type Zone =
  | { readonly kind: 'environment'; readonly environment: string }
  | { readonly kind: 'cluster' }
  | { readonly kind: 'namespaces'; readonly environment: string }

/** What is known of the cluster's resources. */
export interface ResourceFacts {
  readonly servedVersions: ServedVersions
  /** Undefined where that is not known. */
  readonly isNamespaced: (group: string, resource: string) => boolean | undefined
}

interface Target {
  readonly group: string
  readonly resource: string
  readonly subResource: string
}

const NAMESPACES = 'namespaces'
const SCOPES: readonly Scope[] = ['Namespaced', 'Cluster']

/** Resource and subresource of a pattern; the latter is empty where there is none. */
export const partsOf = (pattern: string): readonly [string, string] => {
  const slash = pattern.indexOf('/')
  return slash < 0 ? [pattern, ''] : [pattern.slice(0, slash), pattern.slice(slash + 1)]
}

function scopesOf(rule: ResourceRule, group: string, pattern: string, { isNamespaced }: ResourceFacts): readonly Scope[] {
  const [resource] = partsOf(pattern)
  const known = resource === '*' || group === '*' ? undefined : isNamespaced(group, resource)
  return SCOPES.filter((scope) => {
    if (rule.scope !== undefined && rule.scope !== '*' && rule.scope !== scope) return false
    return known === undefined || known === (scope === 'Namespaced')
  })
}

/** The versions in which a pattern of a policy has to arrive: the one that the rule is judged in, or each of them where a wildcard leaves that open. */
function versionsOf(
  { policy }: EnforcedPolicy,
  rule: ResourceRule,
  group: string,
  pattern: string,
  { servedVersions }: ResourceFacts,
): readonly { readonly lane: Lane; readonly version: string }[] {
  if (policy.spec.matchConstraints.matchPolicy === 'Exact') return rule.apiVersions.map((version) => ({ lane: 'exact', version }))
  if (rule.apiVersions.includes('*')) return [{ lane: 'any', version: '*' }]
  const [resource] = partsOf(pattern)
  if (group === '*' || resource === '*') return rule.apiVersions.map((version) => ({ lane: 'equivalent', version }))
  return [{ lane: 'equivalent', version: versionOf(rule, servedVersions(group, resource)) }]
}

function directCells(policy: EnforcedPolicy, facts: ResourceFacts): Cell[] {
  const cells: Cell[] = []
  for (const rule of policy.policy.spec.matchConstraints.resourceRules) {
    for (const group of rule.apiGroups) {
      for (const resource of rule.resources) {
        for (const { lane, version } of versionsOf(policy, rule, group, resource, facts)) {
          for (const scope of scopesOf(rule, group, resource, facts)) {
            for (const operation of operationsOf(rule)) cells.push({ lane, group, version, resource, scope, operation })
          }
        }
      }
    }
  }
  return cells
}

/** The cells through which Pods come in by a side door. */
function indirectCells({ policy }: EnforcedPolicy): Cell[] {
  if (policy.spec.podTemplates !== 'Include') return []
  const sideDoors = POD_SIDE_DOORS.map((subResource) => ({ group: '', resource: 'pods', subResource }))
  const templates = POD_TEMPLATES.map(({ group, resource }) => ({ group, resource, subResource: '' }))
  return [...sideDoors, ...templates].flatMap((target): Cell[] => {
    const { matchConstraints } = policy.spec
    const match = indirectMatch(matchConstraints, target)
    if (match === undefined) return []
    const isJudgedItself = (operation: Operation): boolean =>
      matchConstraints.resourceRules.some((rule) => judgesAll(matchConstraints, rule, target) && operationsOf(rule).includes(operation))
    const resource = target.subResource === '' ? target.resource : `${target.resource}/${target.subResource}`
    return [...match.operations]
      .filter((operation) => !isJudgedItself(operation))
      .map((operation) => ({ lane: match.lane, group: target.group, version: match.version, resource, scope: 'Namespaced', operation }))
  })
}

/** Whether a rule names a namespaced resource in all of its objects and versions. */
function judgesAll({ matchPolicy }: MatchConstraints, { apiGroups, resources, resourceNames = [], scope }: ResourceRule, target: Target): boolean {
  if (matchPolicy === 'Exact' || resourceNames.length > 0 || scope === 'Cluster') return false
  if (!apiGroups.includes('*') && !apiGroups.includes(target.group)) return false
  return resources.some((pattern) => namesResource(pattern, target.resource, target.subResource))
}

/** Everything that a policy has to be asked about. */
export function cellsOf(policy: EnforcedPolicy, facts: ResourceFacts): readonly Cell[] {
  return [...directCells(policy, facts), ...indirectCells(policy)]
}

/** A cell as it concerns Namespace objects, which have entries of their own; undefined where it does not. */
function asNamespaceCell(cell: Cell): Cell | undefined {
  if (cell.scope !== 'Cluster' || (cell.group !== '' && cell.group !== '*')) return undefined
  const [resource, subResource] = partsOf(cell.resource)
  if (resource !== NAMESPACES && resource !== '*') return undefined
  return {
    ...cell,
    group: '',
    version: cell.lane === 'equivalent' ? 'v1' : cell.version,
    resource: subResource === '' ? NAMESPACES : `${NAMESPACES}/${subResource}`,
  }
}

const isOnlyNamespaces = ({ group, resource }: Cell): boolean => group === '' && partsOf(resource)[0] === NAMESPACES

/** A cell as it stands in a zone, or undefined where it has no place in it. */
export function inZone(cell: Cell, zone: Zone): Cell | undefined {
  switch (zone.kind) {
    case 'environment':
      return cell.scope === 'Namespaced' ? cell : undefined
    case 'cluster':
      return cell.scope === 'Cluster' && !isOnlyNamespaces(cell) ? cell : undefined
    case 'namespaces':
      return asNamespaceCell(cell)
  }
}

/**
 * Whether a policy must hold even when Bylaw is down, in a zone. Namespaces whose label means nothing fall into the
 * default environment's entry, which therefore also answers for the strictest level of each policy.
 */
export function isFailClosed({ failurePolicy, levels, policy }: EnforcedPolicy, zone: Zone, { profile }: RuleSet): boolean {
  if (failurePolicy !== 'Fail' || !policy.spec.evaluation.admission) return false
  return isDenying(levelInZone(levels, zone, profile.spec.defaultEnvironment))
}

/** Whether a policy corrects objects in a zone. */
export const correctsIn = ({ levels, mutations, policy }: EnforcedPolicy, zone: Zone, { profile }: RuleSet): boolean =>
  mutations.length > 0 && policy.spec.evaluation.admission && levelInZone(levels, zone, profile.spec.defaultEnvironment) === 'Correct'

/** Everything that a policy has to be asked to correct: whole objects, at the operations of its mutations, and templates only where it writes those. */
export function correctedCellsOf(policy: EnforcedPolicy, facts: ResourceFacts): readonly Cell[] {
  const { mutations } = policy
  const isWanted = ({ operation, resource }: Cell, own: readonly MutationRule[]): boolean =>
    ['', '*'].includes(partsOf(resource)[1]) && own.some(({ operations }) => operations.has(operation))
  const inTemplates = mutations.filter(({ templates }) => templates === 'Apply')
  return [...directCells(policy, facts).filter((cell) => isWanted(cell, mutations)), ...indirectCells(policy).filter((cell) => isWanted(cell, inTemplates))]
}

function levelInZone({ byEnvironment, strictest }: PolicyLevels, zone: Zone, defaultEnvironment: string) {
  if (zone.kind === 'cluster') return byEnvironment.get(defaultEnvironment)?.level ?? strictest
  return zone.environment === defaultEnvironment ? strictest : (byEnvironment.get(zone.environment)?.level ?? strictest)
}

const covers = (pattern: string, value: string): boolean => pattern === '*' || pattern === value

/** Whether the first cell is called for everything that the second one is. */
export function coversCell(a: Cell, b: Cell): boolean {
  if (a.lane !== b.lane || a.scope !== b.scope || a.operation !== b.operation || !covers(a.group, b.group)) return false
  if (!covers(a.version, b.version)) return false
  const [resource, subResource] = partsOf(b.resource)
  return a.resource === b.resource || a.resource === '*/*' || (resource !== '*' && subResource !== '*' && namesResource(a.resource, resource, subResource))
}

/** Whether both cells can ask for an object in the same version. */
export const shareVersion = (a: Cell, b: Cell): boolean => covers(a.version, b.version) || covers(b.version, a.version)

/** Whether some request could be called for by both cells. */
export function overlaps(a: Cell, b: Cell): boolean {
  if (a.lane !== b.lane || a.scope !== b.scope || a.operation !== b.operation) return false
  if (a.group !== '*' && b.group !== '*' && a.group !== b.group) return false
  if (a.resource === '*/*' || b.resource === '*/*') return true
  const [left, leftSub] = partsOf(a.resource)
  const [right, rightSub] = partsOf(b.resource)
  return (left === '*' || right === '*' || left === right) && (leftSub === '*' || rightSub === '*' || leftSub === rightSub)
}
