import type { Cell } from './cells.ts'

const quote = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
const listOf = (items: readonly string[]): string => `[${items.map(quote).join(', ')}]`

/**
 * Requests that must get through although Bylaw is down: without them a restarted API server, a node or the leader election
 * of every controller would hang, and Bylaw itself could not be repaired. True for what a `Fail` entry leaves out.
 */
export const STANDING_EXCLUSION: string = [
  "request.userInfo.username == 'system:apiserver'",
  "request.resource.group == 'bylaw.dev'",
  "request.resource.group == 'coordination.k8s.io' && request.resource.resource == 'leases'",
  "request.resource.resource == 'events' && request.resource.group in ['', 'events.k8s.io']",
  [
    "(request.resource.group == 'certificates.k8s.io' && request.resource.resource == 'certificatesigningrequests' || request.resource.group == '' && request.resource.resource == 'nodes')",
    "(request.userInfo.username == 'system:kube-controller-manager' || request.userInfo.username.startsWith('system:serviceaccount:kube-system:') || has(request.userInfo.groups) && request.userInfo.groups.exists(g, g in ['system:nodes', 'system:bootstrappers']))",
  ].join(' && '),
]
  .map((part) => `(${part})`)
  .join(' || ')

/** True for what a `Fail` entry leaves out, by the standing exclusion or because its namespace is protected. */
export function leftOutCondition(protectedNamespaces: readonly string[]): string {
  if (protectedNamespaces.length === 0) return STANDING_EXCLUSION
  return `${STANDING_EXCLUSION} || (has(request.namespace) && request.namespace in ${listOf(protectedNamespaces)})`
}

/** True for a Namespace object that belongs to the environment; the default one has those without a label and those whose label means nothing. */
export function namespaceObjectCondition(label: string, environment: string, others: readonly string[] | undefined): string {
  const stored = `(oldObject == null ? object : oldObject).metadata.?labels[?${quote(label)}].orValue('')`
  return others === undefined ? `${stored} == ${quote(environment)}` : others.length === 0 ? 'true' : `!(${stored} in ${listOf(others)})`
}

/** True for requests about anything but Namespace objects. */
export const NOT_A_NAMESPACE = "!(request.resource.group == '' && request.resource.resource == 'namespaces')"

function cellCondition({ lane, group, version, resource, operation }: Cell): string {
  const slash = resource.indexOf('/')
  const [name, subResource] = slash < 0 ? [resource, ''] : [resource.slice(0, slash), resource.slice(slash + 1)]
  const sub = "(has(request.subResource) ? request.subResource : '')"
  const parts = [`request.operation == ${quote(operation)}`]
  if (group !== '*') parts.push(`request.resource.group == ${quote(group)}`)
  // Elsewhere the entry itself says which version the object comes in, whatever version was asked for.
  if (lane === 'exact' && version !== '*') parts.push(`request.resource.version == ${quote(version)}`)
  if (name !== '*') parts.push(`request.resource.resource == ${quote(name)}`)
  if (subResource !== '*') parts.push(`${sub} == ${quote(subResource)}`)
  return `(${parts.join(' && ')})`
}

/** True for requests that none of the cells asks for. */
export const noneOf = (cells: readonly Cell[]): string => `!(${cells.map(cellCondition).join(' || ')})`

/** True where the label that names the environment, or a protected one, differs between the old object and the new. */
export function labelChangeCondition(labels: readonly string[]): string {
  return labels
    .map((label) => {
      const read = (root: string): string => `${root}.metadata.?labels[?${quote(label)}].orValue('')`
      return `${read('object')} != (oldObject == null ? '' : ${read('oldObject')})`
    })
    .join(' || ')
}

/** True for the deletion of one of Bylaw's definitions that does not carry the annotation which allows it. */
export const DEFINITION_DELETION: string =
  "oldObject.spec.group == 'bylaw.dev' && oldObject.metadata.?annotations[?'bylaw.dev/allow-deletion'].orValue('') != 'true'"
