/** A field by which elements of a list are told apart, and what counts where it is missing. */
export interface ListKey {
  readonly name: string
  readonly fallback: string | number | boolean | undefined
}

/** How a list merges: as one value, as a set, or element by element. */
export type ListShape = { readonly kind: 'atomic' } | { readonly kind: 'set' } | { readonly kind: 'map'; readonly keys: readonly ListKey[] }

/** How what stands at a place merges, be it an object or a list. */
export interface MergeShape {
  /** False where nothing is known of it, so that nothing can be merged there. */
  readonly isKnown: boolean
  /** Whether an object is replaced as a whole. */
  readonly isAtomic: boolean
  readonly list: ListShape
  /** How the elements of a list merge. */
  readonly element: () => MergeShape
  /** How a field merges; a key of a map is none that the schema declares. */
  readonly field: (name: string) => { readonly shape: MergeShape; readonly isDeclared: boolean }
}

const ATOMIC_LIST: ListShape = { kind: 'atomic' }

/** What merges by default, at every depth: objects field by field, and lists as one value. */
const PLAIN: MergeShape = { isKnown: true, isAtomic: false, list: ATOMIC_LIST, element: () => PLAIN, field: () => ({ shape: PLAIN, isDeclared: true }) }

/** What may hold anything below it. */
export const FREE: MergeShape = { isKnown: true, isAtomic: false, list: ATOMIC_LIST, element: () => WHOLE, field: () => ({ shape: FREE, isDeclared: false }) }

/** What is replaced as a whole, whatever it is. */
export const WHOLE: MergeShape = { isKnown: true, isAtomic: true, list: ATOMIC_LIST, element: () => WHOLE, field: () => ({ shape: WHOLE, isDeclared: false }) }

/** What nothing is known of. */
export const UNKNOWN_SHAPE: MergeShape = {
  isKnown: false,
  isAtomic: false,
  list: ATOMIC_LIST,
  element: () => UNKNOWN_SHAPE,
  field: () => ({ shape: UNKNOWN_SHAPE, isDeclared: true }),
}

/** How a field of the table merges. */
type FieldShape =
  | { readonly kind: 'struct'; readonly shape: string }
  | { readonly kind: 'listMap'; readonly keys: readonly ListKey[]; readonly shape: string | undefined }
  | { readonly kind: 'set' }
  | { readonly kind: 'atomic' }

/**
 * Which fields of the built-in kinds merge otherwise than by default, from `x-kubernetes-list-type`, `-list-map-keys` and `-map-type` in Kubernetes' own
 * OpenAPI (1.37): `field:Shape` is an object, `field[key=fallback]:Shape` a list whose elements are told apart by keys, `field{}` a set, and `field!` is replaced as a whole.
 */
const SHAPES: Readonly<Record<string, string>> = {
  Affinity: 'nodeAffinity:NodeAffinity',
  CSIDriver: 'metadata:ObjectMeta spec:CSIDriverSpec',
  CSIDriverSpec: 'volumeLifecycleModes{}',
  CSIPersistentVolumeSource: 'controllerExpandSecretRef! controllerPublishSecretRef! nodeExpandSecretRef! nodePublishSecretRef! nodeStageSecretRef!',
  CSIVolumeSource: 'nodePublishSecretRef!',
  CephFSPersistentVolumeSource: 'secretRef!',
  CephFSVolumeSource: 'secretRef!',
  CinderPersistentVolumeSource: 'secretRef!',
  CinderVolumeSource: 'secretRef!',
  ClusterRole: 'metadata:ObjectMeta',
  ClusterRoleBinding: 'metadata:ObjectMeta roleRef!',
  ConfigMap: 'metadata:ObjectMeta',
  Container:
    'env[name=]:EnvVar ports[containerPort=0,protocol=TCP] resources:ResourceRequirements volumeDevices[devicePath=] volumeMounts[mountPath=]:VolumeMount',
  CronJob: 'metadata:ObjectMeta spec:CronJobSpec',
  CronJobSpec: 'jobTemplate:JobTemplateSpec',
  DaemonSet: 'metadata:ObjectMeta spec:DaemonSetSpec',
  DaemonSetSpec: 'selector! template:PodTemplateSpec',
  Deployment: 'metadata:ObjectMeta spec:DeploymentSpec',
  DeploymentSpec: 'selector! template:PodTemplateSpec',
  EndpointSlice: 'metadata:ObjectMeta',
  EnvVar: 'valueFrom:EnvVarSource',
  EnvVarSource: 'configMapKeyRef! fieldRef! fileKeyRef! resourceFieldRef! secretKeyRef!',
  EphemeralContainer:
    'env[name=]:EnvVar ports[containerPort=0,protocol=TCP] resources:ResourceRequirements volumeDevices[devicePath=] volumeMounts[mountPath=]:VolumeMount',
  EphemeralVolumeSource: 'volumeClaimTemplate:PersistentVolumeClaimTemplate',
  FlexPersistentVolumeSource: 'secretRef!',
  FlexVolumeSource: 'secretRef!',
  HorizontalPodAutoscalerSpec: 'scaleTargetRef!',
  HorizontalPodAutoscalerV1: 'metadata:ObjectMeta spec:HorizontalPodAutoscalerSpec',
  HorizontalPodAutoscalerV2: 'metadata:ObjectMeta',
  ISCSIPersistentVolumeSource: 'secretRef!',
  ISCSIVolumeSource: 'secretRef!',
  Ingress: 'metadata:ObjectMeta spec:IngressSpec',
  IngressBackend: 'resource! service:IngressServiceBackend',
  IngressClass: 'metadata:ObjectMeta',
  IngressServiceBackend: 'port!',
  IngressSpec: 'defaultBackend:IngressBackend',
  Job: 'metadata:ObjectMeta spec:JobSpec',
  JobSchedulingConfiguration: 'resourceClaims[name=]',
  JobSpec: 'scheduling:JobSchedulingConfiguration selector! template:PodTemplateSpec',
  JobTemplateSpec: 'metadata:ObjectMeta spec:JobSpec',
  Namespace: 'metadata:ObjectMeta',
  NetworkPolicy: 'metadata:ObjectMeta spec:NetworkPolicySpec',
  NetworkPolicySpec: 'podSelector!',
  Node: 'metadata:ObjectMeta spec:NodeSpec',
  NodeAffinity: 'requiredDuringSchedulingIgnoredDuringExecution!',
  NodePodPreemptionPolicy: 'disableResizePreemption{}',
  NodeSpec: 'podCIDRs{} podPreemptionPolicy:NodePodPreemptionPolicy',
  ObjectMeta: 'finalizers{} ownerReferences!',
  PersistentVolume: 'metadata:ObjectMeta spec:PersistentVolumeSpec',
  PersistentVolumeClaim: 'metadata:ObjectMeta spec:PersistentVolumeClaimSpec',
  PersistentVolumeClaimSpec: 'dataSource! selector!',
  PersistentVolumeClaimTemplate: 'metadata:ObjectMeta spec:PersistentVolumeClaimSpec',
  PersistentVolumeSpec:
    'cephfs:CephFSPersistentVolumeSource cinder:CinderPersistentVolumeSource claimRef! csi:CSIPersistentVolumeSource flexVolume:FlexPersistentVolumeSource iscsi:ISCSIPersistentVolumeSource nodeAffinity:VolumeNodeAffinity rbd:RBDPersistentVolumeSource scaleIO:ScaleIOPersistentVolumeSource storageos:StorageOSPersistentVolumeSource',
  Pod: 'metadata:ObjectMeta spec:PodSpec',
  PodDisruptionBudget: 'metadata:ObjectMeta spec:PodDisruptionBudgetSpec',
  PodDisruptionBudgetSpec: 'selector!',
  PodSpec:
    'affinity:Affinity containers[name=]:Container ephemeralContainers[name=]:EphemeralContainer evictionResponders! hostAliases[ip=] imagePullSecrets! initContainers[name=]:Container nodeSelector! resourceClaims[name=] resources:ResourceRequirements schedulingGates[name=] topologySpreadConstraints[topologyKey=,whenUnsatisfiable=]:TopologySpreadConstraint volumes[name=]:Volume',
  PodTemplate: 'metadata:ObjectMeta template:PodTemplateSpec',
  PodTemplateSpec: 'metadata:ObjectMeta spec:PodSpec',
  PriorityClass: 'metadata:ObjectMeta',
  RBDPersistentVolumeSource: 'secretRef!',
  RBDVolumeSource: 'secretRef!',
  ReplicaSet: 'metadata:ObjectMeta spec:ReplicaSetSpec',
  ReplicaSetSpec: 'selector! template:PodTemplateSpec',
  ReplicationController: 'metadata:ObjectMeta spec:ReplicationControllerSpec',
  ReplicationControllerSpec: 'selector! template:PodTemplateSpec',
  ResourceQuota: 'metadata:ObjectMeta spec:ResourceQuotaSpec',
  ResourceQuotaSpec: 'scopeSelector!',
  ResourceRequirements: 'claims[name=]',
  Role: 'metadata:ObjectMeta',
  RoleBinding: 'metadata:ObjectMeta roleRef!',
  RuntimeClass: 'metadata:ObjectMeta scheduling:Scheduling',
  ScaleIOPersistentVolumeSource: 'secretRef!',
  ScaleIOVolumeSource: 'secretRef!',
  Scheduling: 'nodeSelector!',
  Secret: 'metadata:ObjectMeta',
  Service: 'metadata:ObjectMeta spec:ServiceSpec',
  ServiceAccount: 'metadata:ObjectMeta secrets!',
  ServiceCIDR: 'metadata:ObjectMeta',
  ServiceSpec: 'ports[port=0,protocol=TCP] selector!',
  StatefulSet: 'metadata:ObjectMeta spec:StatefulSetSpec',
  StatefulSetSpec: 'selector! template:PodTemplateSpec',
  StorageClass: 'metadata:ObjectMeta',
  StorageOSPersistentVolumeSource: 'secretRef!',
  StorageOSVolumeSource: 'secretRef!',
  TopologySpreadConstraint: 'labelSelector!',
  Volume:
    'cephfs:CephFSVolumeSource cinder:CinderVolumeSource csi:CSIVolumeSource ephemeral:EphemeralVolumeSource flexVolume:FlexVolumeSource iscsi:ISCSIVolumeSource rbd:RBDVolumeSource scaleIO:ScaleIOVolumeSource storageos:StorageOSVolumeSource',
  VolumeAttributesClass: 'metadata:ObjectMeta',
  VolumeMount: 'bindMountOptions{}',
  VolumeNodeAffinity: 'required!',
}

const KINDS: Readonly<Record<string, string>> = {
  'storage.k8s.io/v1/CSIDriver': 'CSIDriver',
  'rbac.authorization.k8s.io/v1/ClusterRole': 'ClusterRole',
  'rbac.authorization.k8s.io/v1/ClusterRoleBinding': 'ClusterRoleBinding',
  'v1/ConfigMap': 'ConfigMap',
  'batch/v1/CronJob': 'CronJob',
  'apps/v1/DaemonSet': 'DaemonSet',
  'apps/v1/Deployment': 'Deployment',
  'discovery.k8s.io/v1/EndpointSlice': 'EndpointSlice',
  'autoscaling/v1/HorizontalPodAutoscaler': 'HorizontalPodAutoscalerV1',
  'autoscaling/v2/HorizontalPodAutoscaler': 'HorizontalPodAutoscalerV2',
  'networking.k8s.io/v1/Ingress': 'Ingress',
  'networking.k8s.io/v1/IngressClass': 'IngressClass',
  'batch/v1/Job': 'Job',
  'v1/Namespace': 'Namespace',
  'networking.k8s.io/v1/NetworkPolicy': 'NetworkPolicy',
  'v1/Node': 'Node',
  'v1/PersistentVolume': 'PersistentVolume',
  'v1/PersistentVolumeClaim': 'PersistentVolumeClaim',
  'v1/Pod': 'Pod',
  'policy/v1/PodDisruptionBudget': 'PodDisruptionBudget',
  'v1/PodTemplate': 'PodTemplate',
  'scheduling.k8s.io/v1/PriorityClass': 'PriorityClass',
  'apps/v1/ReplicaSet': 'ReplicaSet',
  'v1/ReplicationController': 'ReplicationController',
  'v1/ResourceQuota': 'ResourceQuota',
  'rbac.authorization.k8s.io/v1/Role': 'Role',
  'rbac.authorization.k8s.io/v1/RoleBinding': 'RoleBinding',
  'node.k8s.io/v1/RuntimeClass': 'RuntimeClass',
  'v1/Secret': 'Secret',
  'v1/Service': 'Service',
  'v1/ServiceAccount': 'ServiceAccount',
  'networking.k8s.io/v1/ServiceCIDR': 'ServiceCIDR',
  'apps/v1/StatefulSet': 'StatefulSet',
  'storage.k8s.io/v1/StorageClass': 'StorageClass',
  'storage.k8s.io/v1/VolumeAttributesClass': 'VolumeAttributesClass',
}

const FIELD = /^([A-Za-z]+)(?:\[([^\]]+)\]|(!)|(\{\}))?(?::([A-Za-z0-9]+))?$/

function parseField(text: string): readonly [string, FieldShape][] {
  const match = FIELD.exec(text)
  if (match === null) return []
  const [, name = '', keys, atomic, set, shape] = match
  if (atomic !== undefined) return [[name, { kind: 'atomic' }]]
  if (set !== undefined) return [[name, { kind: 'set' }]]
  if (keys === undefined) return shape === undefined ? [] : [[name, { kind: 'struct', shape }]]
  const parsed = keys.split(',').map((key): ListKey => {
    const [field = '', fallback] = key.split('=')
    return { name: field, fallback: fallback !== undefined && /^[0-9]+$/.test(fallback) ? Number(fallback) : fallback }
  })
  return [[name, { kind: 'listMap', keys: parsed, shape }]]
}

const parsedShapes = new Map(Object.entries(SHAPES).map(([name, fields]) => [name, new Map(fields.split(' ').flatMap(parseField))]))
const knownShapes = new Map<string, MergeShape>()

function tableShape(name: string): MergeShape {
  const known = knownShapes.get(name)
  if (known !== undefined) return known
  const fields = parsedShapes.get(name)
  const shape: MergeShape = { ...PLAIN, field: (field) => ({ shape: shapeOfField(fields?.get(field)), isDeclared: true }) }
  knownShapes.set(name, shape)
  return shape
}

function shapeOfField(field: FieldShape | undefined): MergeShape {
  switch (field?.kind) {
    case undefined:
      return PLAIN
    case 'struct':
      return tableShape(field.shape)
    case 'atomic':
      return { ...PLAIN, isAtomic: true }
    case 'set':
      return { ...PLAIN, list: { kind: 'set' } }
    case 'listMap': {
      const { keys, shape } = field
      return { ...PLAIN, list: { kind: 'map', keys }, element: () => (shape === undefined ? PLAIN : tableShape(shape)) }
    }
  }
}

/** How the metadata of every kind merges. */
export const METADATA_SHAPE: MergeShape = tableShape('ObjectMeta')

/** How a built-in kind merges; undefined where the table does not have it, as a custom resource. */
export function shapeOfKind(apiVersion: string, kind: string): MergeShape | undefined {
  const name = Object.hasOwn(KINDS, `${apiVersion}/${kind}`) ? KINDS[`${apiVersion}/${kind}`] : undefined
  return name === undefined ? undefined : tableShape(name)
}
