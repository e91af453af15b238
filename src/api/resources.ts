/** A resource type of the API server: what a kind is called in URLs and rules, and whether it lives in namespaces. */
export interface ResourceType {
  readonly group: string
  /** Versions that are served, the preferred one first. */
  readonly versions: readonly string[]
  readonly kind: string
  readonly resource: string
  readonly isNamespaced: boolean
}

const namespaced = (group: string, versions: readonly string[], kinds: Readonly<Record<string, string>>): ResourceType[] =>
  Object.entries(kinds).map(([kind, resource]) => ({ group, versions, kind, resource, isNamespaced: true }))

const clusterScoped = (group: string, versions: readonly string[], kinds: Readonly<Record<string, string>>): ResourceType[] =>
  namespaced(group, versions, kinds).map((type) => ({ ...type, isNamespaced: false }))

/** The resources of Kubernetes itself, for doors that have no API server to ask. */
export const BUILT_IN_RESOURCES: readonly ResourceType[] = [
  ...namespaced('', ['v1'], {
    Pod: 'pods',
    Service: 'services',
    ConfigMap: 'configmaps',
    Secret: 'secrets',
    ServiceAccount: 'serviceaccounts',
    PersistentVolumeClaim: 'persistentvolumeclaims',
    ReplicationController: 'replicationcontrollers',
    Endpoints: 'endpoints',
    Event: 'events',
    LimitRange: 'limitranges',
    ResourceQuota: 'resourcequotas',
    PodTemplate: 'podtemplates',
  }),
  ...clusterScoped('', ['v1'], { Namespace: 'namespaces', Node: 'nodes', PersistentVolume: 'persistentvolumes' }),
  ...namespaced('apps', ['v1'], {
    Deployment: 'deployments',
    ReplicaSet: 'replicasets',
    StatefulSet: 'statefulsets',
    DaemonSet: 'daemonsets',
    ControllerRevision: 'controllerrevisions',
  }),
  ...namespaced('batch', ['v1'], { Job: 'jobs', CronJob: 'cronjobs' }),
  ...namespaced('autoscaling', ['v2', 'v1'], { HorizontalPodAutoscaler: 'horizontalpodautoscalers' }),
  ...namespaced('policy', ['v1'], { PodDisruptionBudget: 'poddisruptionbudgets' }),
  ...namespaced('networking.k8s.io', ['v1'], { Ingress: 'ingresses', NetworkPolicy: 'networkpolicies' }),
  ...clusterScoped('networking.k8s.io', ['v1'], { IngressClass: 'ingressclasses', ServiceCIDR: 'servicecidrs', IPAddress: 'ipaddresses' }),
  ...namespaced('rbac.authorization.k8s.io', ['v1'], { Role: 'roles', RoleBinding: 'rolebindings' }),
  ...clusterScoped('rbac.authorization.k8s.io', ['v1'], { ClusterRole: 'clusterroles', ClusterRoleBinding: 'clusterrolebindings' }),
  ...clusterScoped('storage.k8s.io', ['v1'], {
    StorageClass: 'storageclasses',
    VolumeAttachment: 'volumeattachments',
    CSIDriver: 'csidrivers',
    CSINode: 'csinodes',
    VolumeAttributesClass: 'volumeattributesclasses',
  }),
  ...namespaced('storage.k8s.io', ['v1'], { CSIStorageCapacity: 'csistoragecapacities' }),
  ...clusterScoped('scheduling.k8s.io', ['v1'], { PriorityClass: 'priorityclasses' }),
  ...clusterScoped('node.k8s.io', ['v1'], { RuntimeClass: 'runtimeclasses' }),
  ...namespaced('coordination.k8s.io', ['v1'], { Lease: 'leases' }),
  ...namespaced('discovery.k8s.io', ['v1'], { EndpointSlice: 'endpointslices' }),
  ...namespaced('events.k8s.io', ['v1'], { Event: 'events' }),
  ...clusterScoped('certificates.k8s.io', ['v1'], { CertificateSigningRequest: 'certificatesigningrequests' }),
  ...clusterScoped('admissionregistration.k8s.io', ['v1'], {
    ValidatingWebhookConfiguration: 'validatingwebhookconfigurations',
    MutatingWebhookConfiguration: 'mutatingwebhookconfigurations',
    ValidatingAdmissionPolicy: 'validatingadmissionpolicies',
    ValidatingAdmissionPolicyBinding: 'validatingadmissionpolicybindings',
    MutatingAdmissionPolicy: 'mutatingadmissionpolicies',
    MutatingAdmissionPolicyBinding: 'mutatingadmissionpolicybindings',
  }),
  ...clusterScoped('apiextensions.k8s.io', ['v1'], { CustomResourceDefinition: 'customresourcedefinitions' }),
  ...clusterScoped('apiregistration.k8s.io', ['v1'], { APIService: 'apiservices' }),
  ...clusterScoped('flowcontrol.apiserver.k8s.io', ['v1'], { FlowSchema: 'flowschemas', PriorityLevelConfiguration: 'prioritylevelconfigurations' }),
  ...namespaced('resource.k8s.io', ['v1'], { ResourceClaim: 'resourceclaims', ResourceClaimTemplate: 'resourceclaimtemplates' }),
  ...clusterScoped('resource.k8s.io', ['v1'], { DeviceClass: 'deviceclasses', ResourceSlice: 'resourceslices' }),
]

/** The usual plural of a kind, for custom resources whose definition is not at hand. */
export function guessResource(kind: string): string {
  const lower = kind.toLowerCase()
  if (/(?:s|x|z|ch|sh)$/.test(lower)) return `${lower}es`
  if (/[^aeiou]y$/.test(lower)) return `${lower.slice(0, -1)}ies`
  return `${lower}s`
}
