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

/** The resource rules of one policy that name one resource, ready to be tested against requests for it. */
export interface ResourceMatch {
  readonly lane: Lane
  /** The version that the policy is written for; `*` in lane `any`. */
  readonly version: string
  /** Set where the object is a workload and the policy judges the Pod that it would make. */
  readonly template: PodTemplate | undefined
  readonly rules: readonly ResourceRule[]
  /** Operations at which the resource is judged. */
  readonly operations: ReadonlySet<Operation>
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

const allOperations = (rules: readonly ResourceRule[]): ReadonlySet<Operation> => new Set(rules.flatMap(operationsOf))

function canonicalVersion(rules: readonly ResourceRule[], served: readonly string[] | undefined): string {
  const listed = [...new Set(rules.flatMap((rule) => rule.apiVersions))]
  if (listed.includes('*')) return '*'
  return listed.find((version) => served?.includes(version)) ?? listed[0] ?? '*'
}

/** A Pod is also made by what carries its template, and changed through two subresources: a policy on Pods meets it there too. */
function podRules(constraints: MatchConstraints): readonly ResourceRule[] {
  return constraints.resourceRules.filter(
    (rule) =>
      namesTarget(rule, '', 'pods', '') &&
      names(rule.apiVersions, 'v1') &&
      operationsOf(rule).some((operation) => operation === 'CREATE' || operation === 'UPDATE'),
  )
}

function indirectMatch(constraints: MatchConstraints, group: string, resource: string, subResource: string): ResourceMatch | undefined {
  const isSideDoor = group === '' && resource === 'pods' && POD_SIDE_DOORS.includes(subResource)
  const template = subResource === '' ? POD_TEMPLATES.find((known) => known.group === group && known.resource === resource) : undefined
  if (!isSideDoor && template === undefined) return undefined
  const rules = podRules(constraints)
  if (rules.length === 0) return undefined
  const operations = new Set<Operation>(isSideDoor ? ['UPDATE'] : ['CREATE', 'UPDATE'])
  return { lane: 'equivalent', version: 'v1', template, rules, operations }
}

/** Finds how a policy judges a resource; undefined where it does not. A resource that the policy names itself is never judged through its template as well. */
export function matchResource(
  constraints: MatchConstraints,
  judgesPodTemplates: boolean,
  target: { readonly group: string; readonly resource: string; readonly subResource: string },
  servedVersions: ServedVersions,
): ResourceMatch | undefined {
  const { group, resource, subResource } = target
  const rules = constraints.resourceRules.filter((rule) => namesTarget(rule, group, resource, subResource))
  if (rules.length === 0) return judgesPodTemplates ? indirectMatch(constraints, group, resource, subResource) : undefined
  const version = canonicalVersion(rules, servedVersions(group, resource))
  const lane: Lane = constraints.matchPolicy === 'Exact' ? 'exact' : version === '*' ? 'any' : 'equivalent'
  return { lane, version, template: undefined, rules, operations: allOperations(rules) }
}

const isInScope = (rule: ResourceRule, isNamespaced: boolean): boolean =>
  rule.scope === undefined || rule.scope === '*' || (rule.scope === 'Namespaced') === isNamespaced

/** A request of a deletion of a collection names no object, but it carries the one that is to go. */
const nameOf = ({ name, object, oldObject }: AdmissionRequest): string => (name === '' ? ((oldObject ?? object)?.metadata.name ?? '') : name)

const namesObject = (rule: ResourceRule, request: AdmissionRequest): boolean =>
  rule.resourceNames === undefined || rule.resourceNames.length === 0 || rule.resourceNames.includes(nameOf(request))

/** Namespace objects carry their own name as `request.namespace`, yet they are cluster-scoped. */
export const isNamespaceObject = ({ resource }: AdmissionRequest): boolean => resource.group === '' && resource.resource === 'namespaces'

/** Whether a request's operation, version, scope and name fit the rules of a match. */
export function fitsRules(match: ResourceMatch, request: AdmissionRequest): boolean {
  if (!match.operations.has(request.operation)) return false
  const isNamespaced = request.namespace !== '' && !isNamespaceObject(request)
  return match.rules.some(
    (rule) =>
      (match.template !== undefined ||
        (POD_SIDE_DOORS.includes(request.subResource) && !rule.operations.includes(request.operation)) ||
        operationsOf(rule).includes(request.operation)) &&
      (match.lane !== 'exact' || names(rule.apiVersions, request.requestResource.version)) &&
      isInScope(rule, isNamespaced) &&
      (match.template !== undefined || namesObject(rule, request)),
  )
}

/** Whether an exclusion of the policy takes the request out. An excluded owner keeps its template out too. */
export function isExcluded(constraints: MatchConstraints, request: AdmissionRequest): boolean {
  const { group, version, resource } = constraints.matchPolicy === 'Exact' ? request.requestResource : request.resource
  const isNamespaced = request.namespace !== '' && !isNamespaceObject(request)
  return constraints.excludeResourceRules.some(
    (rule) =>
      namesTarget(rule, group, resource, request.subResource) &&
      operationsOf(rule).includes(request.operation) &&
      (constraints.matchPolicy !== 'Exact' || names(rule.apiVersions, version)) &&
      isInScope(rule, isNamespaced) &&
      namesObject(rule, request),
  )
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
