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

/** What the API server refuses to change once an object is there, but for the paths that are left open. Indexes of lists are left out of them. */
interface Immutable {
  readonly paths: readonly string[]
  readonly open?: readonly string[]
}

const SELECTOR: Immutable = { paths: ['/spec/selector'] }
const IMMUTABLE: Readonly<Record<string, Immutable>> = {
  '/pods': { paths: ['/spec'], open: ['/spec/containers/image', '/spec/initContainers/image', '/spec/activeDeadlineSeconds', '/spec/tolerations'] },
  '/persistentvolumeclaims': { paths: ['/spec'], open: ['/spec/resources', '/spec/volumeAttributesClassName'] },
  '/persistentvolumes': {
    paths: ['/spec'],
    open: [
      'capacity',
      'accessModes',
      'claimRef',
      'persistentVolumeReclaimPolicy',
      'storageClassName',
      'mountOptions',
      'nodeAffinity',
      'volumeAttributesClassName',
    ].map((field) => `/spec/${field}`),
  },
  '/services': { paths: ['/spec/clusterIP', '/spec/clusterIPs'] },
  '/secrets': { paths: ['/type'] },
  'apps/deployments': SELECTOR,
  'apps/replicasets': SELECTOR,
  'apps/daemonsets': SELECTOR,
  'apps/statefulsets': { paths: ['/spec/selector', '/spec/serviceName', '/spec/podManagementPolicy', '/spec/volumeClaimTemplates'] },
  'apps/controllerrevisions': { paths: ['/data'] },
  'batch/jobs': { paths: ['/spec/selector', '/spec/template', '/spec/completionMode', '/spec/podFailurePolicy', '/spec/managedBy', '/spec/manualSelector'] },
  'rbac.authorization.k8s.io/rolebindings': { paths: ['/roleRef'] },
  'rbac.authorization.k8s.io/clusterrolebindings': { paths: ['/roleRef'] },
  'storage.k8s.io/storageclasses': { paths: ['/provisioner', '/parameters', '/reclaimPolicy', '/volumeBindingMode'] },
  'storage.k8s.io/volumeattributesclasses': { paths: ['/driverName', '/parameters'] },
  'networking.k8s.io/ingressclasses': { paths: ['/spec/controller'] },
  'discovery.k8s.io/endpointslices': { paths: ['/addressType'] },
  'node.k8s.io/runtimeclasses': { paths: ['/handler'] },
  'scheduling.k8s.io/priorityclasses': { paths: ['/value', '/preemptionPolicy'] },
  'apiextensions.k8s.io/customresourcedefinitions': { paths: ['/spec/group', '/spec/scope', '/spec/names/kind', '/spec/names/plural'] },
}

/** What a configuration names only to say which element of a list it means. */
const ELEMENT_NAMES: readonly string[] = ['/spec/containers/name', '/spec/initContainers/name']

/** How a path is known: exactly, as a patch has it; as the text of a mutation has it, where the names of elements change nothing; or only how it begins. */
export type PathKnowledge = 'exact' | 'text' | 'start'

const isWithin = (path: string, outer: string): boolean => path === outer || path.startsWith(`${outer}/`)
const withoutIndexes = (path: string): string => path.replace(/\/(?:-|-?[0-9]+)(?=\/|$)/g, '')

function isOpen(path: string, { open = [] }: Immutable, known: PathKnowledge): boolean {
  const plain = withoutIndexes(path)
  if (open.some((outer) => isWithin(plain, outer))) return true
  if (known === 'start') return open.some((outer) => isWithin(outer, plain))
  return known === 'text' && open.length > 0 && ELEMENT_NAMES.includes(plain)
}

/** Why a correction may not change what is at a JSON pointer; undefined where it may. */
export function objectionTo(path: string, group: string, resource: string, operation: Operation, known: PathKnowledge = 'exact'): string | undefined {
  const never = NEVER.find((outer) => isWithin(path, outer) || isWithin(outer, path))
  // Setting all metadata, or the whole object, would touch all of these.
  if (never !== undefined && (isWithin(path, never) || path === '' || path === '/metadata')) return `\`${path}\` may not be corrected`
  if (operation !== 'UPDATE') return undefined
  const key = `${group}/${resource}`
  const immutable = Object.hasOwn(IMMUTABLE, key) ? IMMUTABLE[key] : undefined
  if (immutable === undefined || isOpen(path, immutable, known)) return undefined
  return immutable.paths.some((outer) => isWithin(path, outer) || path === '/spec' || path === '')
    ? `\`${path}\` of \`${resource}\` cannot be changed on UPDATE`
    : undefined
}

/** The resources of which some fields cannot be changed on UPDATE, as group and name. */
export const resourcesWithImmutableFields: readonly (readonly [group: string, resource: string])[] = Object.keys(IMMUTABLE).map((key) => {
  const [group = '', resource = ''] = key.split('/')
  return [group, resource]
})
