import { isRecord, type KubernetesObject } from '../api/index.ts'

/** Where the pod template of a workload stands. */
export interface PodTemplate {
  readonly group: string
  readonly version: string
  readonly resource: string
  readonly kind: string
  /** Keys from the object to the template. */
  readonly path: readonly string[]
}

/** The built-in kinds that carry a pod template. */
export const POD_TEMPLATES: readonly PodTemplate[] = [
  { group: 'apps', version: 'v1', resource: 'deployments', kind: 'Deployment', path: ['spec', 'template'] },
  { group: 'apps', version: 'v1', resource: 'replicasets', kind: 'ReplicaSet', path: ['spec', 'template'] },
  { group: 'apps', version: 'v1', resource: 'statefulsets', kind: 'StatefulSet', path: ['spec', 'template'] },
  { group: 'apps', version: 'v1', resource: 'daemonsets', kind: 'DaemonSet', path: ['spec', 'template'] },
  { group: 'batch', version: 'v1', resource: 'jobs', kind: 'Job', path: ['spec', 'template'] },
  { group: 'batch', version: 'v1', resource: 'cronjobs', kind: 'CronJob', path: ['spec', 'jobTemplate', 'spec', 'template'] },
  { group: '', version: 'v1', resource: 'replicationcontrollers', kind: 'ReplicationController', path: ['spec', 'template'] },
]

/** Subresources of Pods whose object is a whole Pod with containers that may have changed. */
export const POD_SIDE_DOORS: readonly string[] = ['ephemeralcontainers', 'resize']

/** The Pod that a workload would make: its template as a `v1` Pod in the workload's namespace; null where there is no template. */
export function toVirtualPod(owner: KubernetesObject, template: PodTemplate): KubernetesObject | null {
  let value: unknown = owner
  for (const key of template.path) value = isRecord(value) ? value[key] : undefined
  if (!isRecord(value)) return null
  const { metadata, spec } = value
  const { namespace } = owner.metadata
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...(isRecord(metadata) ? metadata : {}), ...(namespace === undefined ? {} : { namespace }) },
    ...(spec === undefined ? {} : { spec }),
  }
}
