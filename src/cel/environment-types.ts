import { OPAQUE_TYPES } from './signatures.ts'
import { BOOL, type CelType, DYN, INT, listOf, mapOf, objectOf, STRING, TIMESTAMP } from './types.ts'

const kind = objectOf('kubernetes.GroupVersionKind', { group: STRING, version: STRING, kind: STRING })
const resource = objectOf('kubernetes.GroupVersionResource', { group: STRING, version: STRING, resource: STRING })
const userInfo = objectOf('kubernetes.UserInfo', {
  username: STRING,
  uid: STRING,
  groups: listOf(STRING),
  extra: mapOf(STRING, listOf(STRING)),
})

const request = objectOf('kubernetes.AdmissionRequest', {
  kind,
  resource,
  subResource: STRING,
  requestKind: kind,
  requestResource: resource,
  requestSubResource: STRING,
  name: STRING,
  namespace: STRING,
  operation: STRING,
  userInfo,
  dryRun: BOOL,
  options: DYN,
})

const namespace = objectOf('kubernetes.Namespace', {
  metadata: objectOf('kubernetes.NamespaceMetadata', {
    name: STRING,
    generateName: STRING,
    namespace: STRING,
    labels: mapOf(STRING, STRING),
    annotations: mapOf(STRING, STRING),
    UID: STRING,
    creationTimestamp: TIMESTAMP,
    deletionGracePeriodSeconds: INT,
    deletionTimestamp: TIMESTAMP,
    generation: INT,
    resourceVersion: STRING,
    finalizers: listOf(STRING),
  }),
  spec: objectOf('kubernetes.NamespaceSpec', { finalizers: listOf(STRING) }),
  status: objectOf('kubernetes.NamespaceStatus', {
    conditions: listOf(
      objectOf('kubernetes.NamespaceCondition', { status: STRING, type: STRING, lastTransitionTime: TIMESTAMP, message: STRING, reason: STRING }),
    ),
    phase: STRING,
  }),
})

/** The type of `request` in admission policies. */
export const requestType = (): CelType => request

/** The type of `namespaceObject` in admission policies. */
export const namespaceType = (): CelType => namespace

/** The type of `authorizer`. */
export const authorizerType = (): CelType => OPAQUE_TYPES['Authorizer'] ?? DYN

/** The type of `authorizer.requestResource`. */
export const resourceCheckType = (): CelType => OPAQUE_TYPES['ResourceCheck'] ?? DYN

const jsonPatch = objectOf('JSONPatch', { op: STRING, from: STRING, path: STRING, value: DYN })

/** The type of a step of a JSON patch, `JSONPatch{…}`, in mutations. */
export const jsonPatchType = (): CelType => jsonPatch

/** The type of `Object{…}`, or of `Object.spec{…}` and so on, in mutations; it has any field. */
export const mutationObjectType = (name = 'Object'): CelType => ({ kind: 'object', name, fields: new Map(), isOpen: true })

/** The type under which Kubernetes declares a policy's variable whose expression is of a type: plain values, lists and maps keep theirs, all else becomes dyn. */
export function declaredVariableType(type: CelType): CelType {
  switch (type.kind) {
    case 'list':
      return listOf(declaredVariableType(type.element))
    case 'map':
      return mapOf(declaredVariableType(type.key), declaredVariableType(type.value))
    case 'object':
    case 'opaque':
    case 'optional':
    case 'type':
    case 'parameter':
    case 'error':
      return DYN
    default:
      return type
  }
}
