import { type GroupVersionKind, type GroupVersionResource, isObjectMeta, isRecord, type KubernetesObject } from './kubernetes.ts'
import { err, ok, type Result } from './result.ts'

export type Operation = 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT'

/** Who asks, as the API server authenticated them. */
export interface UserInfo {
  readonly username: string
  readonly uid?: string
  readonly groups: readonly string[]
  readonly extra?: Readonly<Record<string, readonly string[]>>
}

/** A request as `admission.k8s.io/v1` has it; `wire` is the same as it was received, which is what expressions see as `request`. */
export interface AdmissionRequest {
  readonly uid: string
  readonly kind: GroupVersionKind
  readonly resource: GroupVersionResource
  readonly subResource: string
  /** The resource that the client named, before the API server converted the object. */
  readonly requestResource: GroupVersionResource
  /** Empty for a `generateName` before the name is made, and for a deletion of a collection. */
  readonly name: string
  /** Empty for a cluster-scoped object; a Namespace object has its own name here. */
  readonly namespace: string
  readonly operation: Operation
  readonly userInfo: UserInfo
  readonly object: KubernetesObject | null
  readonly oldObject: KubernetesObject | null
  readonly dryRun: boolean
  readonly wire: Readonly<Record<string, unknown>>
}

/** What an admission webhook answers for one request. */
export interface AdmissionResponse {
  readonly uid: string
  readonly allowed: boolean
  readonly status?: { readonly code: number; readonly reason?: string; readonly message: string }
  readonly warnings?: readonly string[]
  readonly auditAnnotations?: Readonly<Record<string, string>>
  readonly patchType?: 'JSONPatch'
  /** RFC 6902, base64. */
  readonly patch?: string
}

const OPERATIONS: readonly unknown[] = ['CREATE', 'UPDATE', 'DELETE', 'CONNECT'] satisfies Operation[]
const isOperation = (value: unknown): value is Operation => OPERATIONS.includes(value)

/** Options of CONNECT and some subresources carry no metadata: they are read as if it were empty. */
function readObject(value: unknown): KubernetesObject | null | undefined {
  if (value === null || value === undefined) return null
  if (!isRecord(value)) return undefined
  const { apiVersion, kind, metadata = {} } = value
  if (typeof apiVersion !== 'string' || typeof kind !== 'string') return undefined
  const meta = metadata === null ? {} : metadata
  if (!isObjectMeta(meta)) return undefined
  return isRecord(value['metadata']) ? { ...value, apiVersion, kind, metadata: meta } : { ...value, apiVersion, kind, metadata: {} }
}

function readKind(value: unknown): GroupVersionKind | undefined {
  if (!isRecord(value)) return undefined
  const { group = '', version, kind } = value
  return typeof group === 'string' && typeof version === 'string' && typeof kind === 'string' ? { group, version, kind } : undefined
}

function readResource(value: unknown): GroupVersionResource | undefined {
  if (!isRecord(value)) return undefined
  const { group = '', version, resource } = value
  return typeof group === 'string' && typeof version === 'string' && typeof resource === 'string' ? { group, version, resource } : undefined
}

const isStringList = (value: unknown): value is readonly string[] => Array.isArray(value) && value.every((item) => typeof item === 'string')

function readUser(value: unknown): UserInfo | undefined {
  if (!isRecord(value)) return undefined
  const { username = '', uid, groups = [], extra } = value
  if (typeof username !== 'string' || !isStringList(groups)) return undefined
  const lists: Record<string, readonly string[]> = Object.create(null)
  if (isRecord(extra)) for (const [key, list] of Object.entries(extra)) if (isStringList(list)) lists[key] = list
  return { username, groups, ...(typeof uid === 'string' ? { uid } : {}), ...(isRecord(extra) ? { extra: lists } : {}) }
}

const readText = (value: unknown): string | undefined => (value === undefined ? '' : typeof value === 'string' ? value : undefined)

/** Reads the request out of an AdmissionReview; the error names the field. */
export function parseAdmissionReview(body: unknown): Result<AdmissionRequest, string> {
  if (!isRecord(body)) return err('expected an AdmissionReview')
  if (body['apiVersion'] !== 'admission.k8s.io/v1') return err('apiVersion: expected `admission.k8s.io/v1`')
  if (body['kind'] !== 'AdmissionReview') return err('kind: expected `AdmissionReview`')
  const wire = body['request']
  if (!isRecord(wire)) return err('request: missing')
  const { uid, operation, dryRun = false } = wire
  if (typeof uid !== 'string' || uid === '') return err('request.uid: expected a non-empty string')
  if (!isOperation(operation)) return err('request.operation: expected `CREATE`, `UPDATE`, `DELETE` or `CONNECT`')
  if (typeof dryRun !== 'boolean') return err('request.dryRun: expected a boolean')
  const kind = readKind(wire['kind'])
  if (kind === undefined) return err('request.kind: expected group, version and kind')
  const resource = readResource(wire['resource'])
  if (resource === undefined) return err('request.resource: expected group, version and resource')
  const requestResource = wire['requestResource'] === undefined ? resource : readResource(wire['requestResource'])
  if (requestResource === undefined) return err('request.requestResource: expected group, version and resource')
  const subResource = readText(wire['subResource'])
  if (subResource === undefined) return err('request.subResource: expected a string')
  const name = readText(wire['name'])
  if (name === undefined) return err('request.name: expected a string')
  const namespace = readText(wire['namespace'])
  if (namespace === undefined) return err('request.namespace: expected a string')
  const userInfo = readUser(wire['userInfo'])
  if (userInfo === undefined) return err('request.userInfo: expected username and groups')
  const object = readObject(wire['object'])
  if (object === undefined) return err('request.object: not a Kubernetes object')
  const oldObject = readObject(wire['oldObject'])
  if (oldObject === undefined) return err('request.oldObject: not a Kubernetes object')
  return ok({ uid, kind, resource, subResource, requestResource, name, namespace, operation, userInfo, object, oldObject, dryRun, wire })
}
