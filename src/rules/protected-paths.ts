import type { Operation } from '../api/index.ts'

/** Paths that no correction may touch: what an object is called, where it is, who owns it, what it is of, and its status. */
const NEVER: readonly string[] = [
  '/apiVersion',
  '/kind',
  '/metadata/name',
  '/metadata/generateName',
  '/metadata/namespace',
  '/metadata/uid',
  '/metadata/resourceVersion',
  '/metadata/generation',
  '/metadata/creationTimestamp',
  '/metadata/deletionTimestamp',
  '/metadata/deletionGracePeriodSeconds',
  '/metadata/ownerReferences',
  '/metadata/managedFields',
  '/status',
]

/** What the API server refuses to change once an object is there, but for the paths that are left open. */
interface Immutable {
  readonly paths: readonly string[]
  readonly open?: readonly string[]
}

const SELECTOR: Immutable = { paths: ['/spec/selector'] }
const IMMUTABLE: Readonly<Record<string, Immutable>> = {
  '/pods': { paths: ['/spec'] },
  '/persistentvolumeclaims': { paths: ['/spec'], open: ['/spec/resources', '/spec/volumeAttributesClassName'] },
  '/services': { paths: ['/spec/clusterIP', '/spec/clusterIPs'] },
  'apps/deployments': SELECTOR,
  'apps/replicasets': SELECTOR,
  'apps/daemonsets': SELECTOR,
  'apps/statefulsets': { paths: ['/spec/selector', '/spec/serviceName', '/spec/podManagementPolicy', '/spec/volumeClaimTemplates'] },
  'batch/jobs': { paths: ['/spec/selector', '/spec/template', '/spec/completionMode', '/spec/podFailurePolicy', '/spec/managedBy', '/spec/manualSelector'] },
  'rbac.authorization.k8s.io/rolebindings': { paths: ['/roleRef'] },
  'rbac.authorization.k8s.io/clusterrolebindings': { paths: ['/roleRef'] },
  'storage.k8s.io/storageclasses': { paths: ['/provisioner', '/parameters', '/reclaimPolicy', '/volumeBindingMode'] },
}

const isWithin = (path: string, outer: string): boolean => path === outer || path.startsWith(`${outer}/`)

/** Why a correction may not change what is at a JSON pointer; undefined where it may. */
export function objectionTo(path: string, group: string, resource: string, operation: Operation): string | undefined {
  const never = NEVER.find((outer) => isWithin(path, outer) || isWithin(outer, path))
  // Setting all metadata, or the whole object, would touch all of these.
  if (never !== undefined && (isWithin(path, never) || path === '' || path === '/metadata')) return `\`${path}\` may not be corrected`
  if (operation !== 'UPDATE') return undefined
  const key = `${group}/${resource}`
  const immutable = Object.hasOwn(IMMUTABLE, key) ? IMMUTABLE[key] : undefined
  if (immutable === undefined || immutable.open?.some((open) => isWithin(path, open))) return undefined
  return immutable.paths.some((outer) => isWithin(path, outer) || path === '/spec' || path === '')
    ? `\`${path}\` of \`${resource}\` cannot be changed on UPDATE`
    : undefined
}

/** The resources of which some fields cannot be changed on UPDATE, as group and name. */
export const resourcesWithImmutableFields: readonly (readonly [group: string, resource: string])[] = Object.keys(IMMUTABLE).map((key) => {
  const [group = '', resource = ''] = key.split('/')
  return [group, resource]
})
