import {
  type AdmissionRequest,
  compileSelector,
  isEmptySelector,
  type KubernetesObject,
  type LabelSelectorLike,
  type MatchConstraints,
  type Operation,
  type ResourceRule,
} from '../api/index.ts'
import { POD_SIDE_DOORS, POD_TEMPLATES, type PodTemplate } from './pod-templates.ts'

/**
 * How a policy wants its objects, which is also how the API server is asked for them:
 * converted to the version that the policy names, in whatever version they came, or only in exactly the named versions.
 */
export type Lane = 'equivalent' | 'any' | 'exact'

/** What is known of a request's namespace; `unknown` says why. */
export type NamespaceState =
  | { readonly kind: 'clusterScoped' }
  | { readonly kind: 'found'; readonly object: KubernetesObject }
  | { readonly kind: 'unknown'; readonly reason: string }

/** A resource rule that names the resource in question, ready to be tested. */
interface RuleTest {
  readonly operations: ReadonlySet<Operation>
  readonly versions: readonly string[]
  readonly scope: ResourceRule['scope']
  /** Undefined where every name fits. */
  readonly names: ReadonlySet<string> | undefined
}

/** What one policy says of one resource, ready to be tested against requests for it. */
export interface ResourceMatch {
  readonly lane: Lane
  /** The version that the policy is written for; `*` in lane `any`. */
  readonly version: string
  /** Set where the object is a workload and the policy judges the Pod that it would make. */
  readonly template: PodTemplate | undefined
  /** Operations at which the resource is judged. */
  readonly operations: ReadonlySet<Operation>
  readonly rules: readonly RuleTest[]
  readonly exclusions: readonly RuleTest[]
  /** How a request is judged that none of these rules fits: by rules for another version, or as a change of the Pods that the object makes, or is. */
  readonly otherwise: ResourceMatch | undefined
}

/** Tells which versions of a resource the cluster serves, preferred first; undefined where that is not known. */
export type ServedVersions = (group: string, resource: string) => readonly string[] | undefined

const OPERATIONS: readonly Operation[] = ['CREATE', 'UPDATE', 'DELETE', 'CONNECT']

const names = (list: readonly string[], value: string): boolean => list.includes('*') || list.includes(value)

/** Whether one entry of `resources` names the resource: `pods`, `pods/status`, `pods/*`, `*`, `*` + `/status`, `*` + `/*`. */
export function namesResource(pattern: string, resource: string, subResource: string): boolean {
  if (pattern === '*/*') return true
  const slash = pattern.indexOf('/')
  const [left, right] = slash < 0 ? [pattern, ''] : [pattern.slice(0, slash), pattern.slice(slash + 1)]
  return (left === '*' || left === resource) && (right === '*' || right === subResource)
}

const namesTarget = (rule: ResourceRule, group: string, resource: string, subResource: string): boolean =>
  names(rule.apiGroups, group) && rule.resources.some((pattern) => namesResource(pattern, resource, subResource))

/** The operations of a rule, `*` spelt out. */
export function operationsOf(rule: ResourceRule): readonly Operation[] {
  return OPERATIONS.filter((operation) => rule.operations.some((listed) => listed === '*' || listed === operation))
}

function toTest(rule: ResourceRule): RuleTest {
  const { apiVersions, scope, resourceNames = [] } = rule
  return { operations: new Set(operationsOf(rule)), versions: apiVersions, scope, names: resourceNames.length === 0 ? undefined : new Set(resourceNames) }
}

/** The version in which a rule has its objects: `*` where it takes any, else the first of its list that the cluster serves. */
export function versionOf({ apiVersions }: ResourceRule, served: readonly string[] | undefined): string {
  if (apiVersions.includes('*')) return '*'
  return apiVersions.find((version) => served?.includes(version)) ?? apiVersions[0] ?? '*'
}

interface Target {
  readonly group: string
  readonly resource: string
  readonly subResource: string
}

const exclusionsOf = ({ excludeResourceRules }: MatchConstraints, { group, resource, subResource }: Target): readonly RuleTest[] =>
  excludeResourceRules.filter((rule) => namesTarget(rule, group, resource, subResource)).map(toTest)

/** The operations at which a Pod comes into being or changes. */
const POD_CHANGES: readonly Operation[] = ['CREATE', 'UPDATE']

/**
 * A Pod is also made by what carries its template, and changed through two subresources: a policy on Pods meets it there too,
 * at whatever operation, since a changed template makes new Pods. A rule for Pods of certain names says nothing of templates,
 * and one that names the resource itself as well judges it as it is.
 */
export function indirectMatch(constraints: MatchConstraints, target: Target): ResourceMatch | undefined {
  const { group, resource, subResource } = target
  const isSideDoor = group === '' && resource === 'pods' && POD_SIDE_DOORS.includes(subResource)
  const template = subResource === '' ? POD_TEMPLATES.find((known) => known.group === group && known.resource === resource) : undefined
  if (!isSideDoor && template === undefined) return undefined
  const operations = new Set<Operation>(isSideDoor ? ['UPDATE'] : POD_CHANGES)
  const rules = constraints.resourceRules
    .filter((rule) => namesTarget(rule, '', 'pods', '') && names(rule.apiVersions, 'v1') && !namesTarget(rule, group, resource, subResource))
    .map((rule) => ({ ...toTest(rule), versions: ['v1'] }))
    .filter((test) => POD_CHANGES.some((operation) => test.operations.has(operation)) && (isSideDoor || test.names === undefined))
    .map((test) => ({ ...test, operations }))
  if (rules.length === 0) return undefined
  return { lane: 'equivalent', version: 'v1', template, operations, rules, exclusions: exclusionsOf(constraints, target), otherwise: undefined }
}

/** Finds how a policy judges a resource; undefined where it does not. A request that a rule for the resource itself fits is never judged through its template as well. */
export function matchResource(
  constraints: MatchConstraints,
  judgesPodTemplates: boolean,
  target: Target,
  servedVersions: ServedVersions,
): ResourceMatch | undefined {
  const { group, resource, subResource } = target
  const rules = constraints.resourceRules.filter((rule) => namesTarget(rule, group, resource, subResource))
  const indirect = judgesPodTemplates ? indirectMatch(constraints, target) : undefined
  const isExact = constraints.matchPolicy === 'Exact'
  const served = servedVersions(group, resource)
  const exclusions = exclusionsOf(constraints, target)
  const byVersion = Map.groupBy(rules, (rule) => (isExact ? (rules[0]?.apiVersions[0] ?? '*') : versionOf(rule, served)))
  // A version that the cluster does not serve never comes: it must not stand before one that does.
  const isLast = (version: string): boolean => served !== undefined && version !== '*' && !served.includes(version)
  const ordered = [...byVersion].sort(([a], [b]) => Number(isLast(a)) - Number(isLast(b)))
  return ordered.reduceRight<ResourceMatch | undefined>((otherwise, [version, own]) => {
    const lane: Lane = isExact ? 'exact' : version === '*' ? 'any' : 'equivalent'
    return { lane, version, template: undefined, operations: new Set(own.flatMap(operationsOf)), rules: own.map(toTest), exclusions, otherwise }
  }, indirect)
}

/** A request of a deletion of a collection names no object, but it carries the one that is to go. */
const nameOf = ({ name, object, oldObject }: AdmissionRequest): string => (name === '' ? ((oldObject ?? object)?.metadata.name ?? '') : name)

/** Namespace objects carry their own name as `request.namespace`, yet they are cluster-scoped. */
export const isNamespaceObject = ({ resource }: AdmissionRequest): boolean => resource.group === '' && resource.resource === 'namespaces'

function passes(test: RuleTest, request: AdmissionRequest, lane: Lane): boolean {
  if (!test.operations.has(request.operation)) return false
  if (lane === 'exact' && !names(test.versions, request.requestResource.version)) return false
  if (test.names !== undefined && !test.names.has(nameOf(request))) return false
  return test.scope === undefined || test.scope === '*' || (test.scope === 'Namespaced') === (request.namespace !== '' && !isNamespaceObject(request))
}

/** Whether the policy judges a request for the resource: a rule fits its operation, version, scope and name, and no exclusion does. */
export function fitsRules({ lane, operations, rules, exclusions }: ResourceMatch, request: AdmissionRequest): boolean {
  if (!operations.has(request.operation)) return false
  return rules.some((test) => passes(test, request, lane)) && !exclusions.some((test) => passes(test, request, lane))
}

/** The way in which a policy judges a request; undefined where it does not. */
export function fittingMatch(match: ResourceMatch, request: AdmissionRequest): ResourceMatch | undefined {
  if (fitsRules(match, request)) return match
  return match.otherwise === undefined ? undefined : fittingMatch(match.otherwise, request)
}

/** Whether the resource rules have the policy judge an object of this name when it is made. */
export function judgesCreation({ rules, otherwise }: ResourceMatch, name: string): boolean {
  const isJudged = rules.some((test) => test.operations.has('CREATE') && (test.names === undefined || test.names.has(name)))
  return isJudged || (otherwise !== undefined && judgesCreation(otherwise, name))
}

/** The selectors of a policy, compiled once. */
export interface CompiledSelectors {
  /** Undefined where every namespace is selected. */
  readonly namespace: ((labels: Readonly<Record<string, string>>) => boolean) | undefined
  readonly object: ((labels: Readonly<Record<string, string>>) => boolean) | undefined
}

const compileUnlessEmpty = (selector: LabelSelectorLike) => (isEmptySelector(selector) ? undefined : compileSelector(selector))

/** Compiles the two selectors; an empty one costs nothing at a request. */
export function compileSelectors(constraints: MatchConstraints): CompiledSelectors {
  return { namespace: compileUnlessEmpty(constraints.namespaceSelector), object: compileUnlessEmpty(constraints.objectSelector) }
}
