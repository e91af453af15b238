import type { AdmissionRequest, Operation } from './admission.ts'
import { type KubernetesObject, parseApiVersion } from './kubernetes.ts'

/** What stands around an object that is judged although nobody asked for it. */
export interface StandIn {
  /** What the object's kind is called in URLs. */
  readonly resource: string
  readonly isNamespaced: boolean
  readonly operation: Extract<Operation, 'CREATE' | 'UPDATE'>
  readonly username: string
  readonly uid: string
}

/** The request that stands for an object in a file or in storage: the one that would make it as it is. It has no old object and a user without rights. */
export function standInRequest(object: KubernetesObject, { resource, isNamespaced, operation, username, uid }: StandIn): AdmissionRequest {
  const { group, version } = parseApiVersion(object.apiVersion)
  const kind = { group, version, kind: object.kind }
  const target = { group, version, resource }
  const name = object.metadata.name ?? ''
  const namespace = isNamespaced ? (object.metadata.namespace ?? '') : group === '' && resource === 'namespaces' ? name : ''
  const userInfo = { username, groups: [] }
  const wire = {
    uid,
    kind,
    resource: target,
    ...(object.metadata.name === undefined ? {} : { name }),
    ...(namespace === '' ? {} : { namespace }),
    operation,
    userInfo,
    object,
    oldObject: null,
    dryRun: false,
  }
  return {
    uid,
    kind,
    resource: target,
    subResource: '',
    requestResource: target,
    name,
    namespace,
    operation,
    userInfo,
    object,
    oldObject: null,
    dryRun: false,
    wire,
  }
}
