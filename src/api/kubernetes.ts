/** A reference from an object to the one that made it. */
export interface OwnerReference {
  readonly apiVersion: string
  readonly kind: string
  readonly name: string
  readonly uid?: string
  readonly controller?: boolean
}

/** The part of an object's metadata that Bylaw reads; everything else stays in place, unread. */
export interface ObjectMeta {
  readonly name?: string
  readonly generateName?: string
  readonly namespace?: string
  readonly uid?: string
  readonly resourceVersion?: string
  readonly generation?: number
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly creationTimestamp?: string
  readonly deletionTimestamp?: string
  readonly ownerReferences?: readonly OwnerReference[]
  readonly [field: string]: unknown
}

/** Any Kubernetes object, as JSON has it. */
export interface KubernetesObject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: ObjectMeta
  readonly [field: string]: unknown
}

export interface GroupVersionKind {
  readonly group: string
  readonly version: string
  readonly kind: string
}

export interface GroupVersionResource {
  readonly group: string
  readonly version: string
  readonly resource: string
}

/** Splits an `apiVersion` into group (empty for the core group) and version. */
export function parseApiVersion(apiVersion: string): { readonly group: string; readonly version: string } {
  const slash = apiVersion.indexOf('/')
  return slash < 0 ? { group: '', version: apiVersion } : { group: apiVersion.slice(0, slash), version: apiVersion.slice(slash + 1) }
}

export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null && !Array.isArray(value)

const isOptionalString = (value: unknown): boolean => value === undefined || typeof value === 'string'
const isOptionalStringMap = (value: unknown): boolean =>
  value === undefined || (isRecord(value) && Object.values(value).every((item) => typeof item === 'string'))
const isOwnerReference = (value: unknown): boolean =>
  isRecord(value) && typeof value['apiVersion'] === 'string' && typeof value['kind'] === 'string' && typeof value['name'] === 'string'

/** Whether the metadata has the types that Kubernetes gives it, as far as Bylaw reads them. */
export function isObjectMeta(value: unknown): value is ObjectMeta {
  if (!isRecord(value)) return false
  const { name, generateName, namespace, labels, annotations, deletionTimestamp, ownerReferences } = value
  return (
    [name, generateName, namespace, deletionTimestamp].every(isOptionalString) &&
    isOptionalStringMap(labels) &&
    isOptionalStringMap(annotations) &&
    (ownerReferences === undefined || (Array.isArray(ownerReferences) && ownerReferences.every(isOwnerReference)))
  )
}

/** Whether a value is a Kubernetes object. */
export function isKubernetesObject(value: unknown): value is KubernetesObject {
  return isRecord(value) && typeof value['apiVersion'] === 'string' && typeof value['kind'] === 'string' && isObjectMeta(value['metadata'])
}

/** An object's name with its namespace, as people write it: `namespace/name`. */
export function objectName(object: KubernetesObject): string {
  const { name, generateName, namespace } = object.metadata
  const own = name ?? (generateName === undefined ? '' : `${generateName}*`)
  return namespace === undefined ? own : `${namespace}/${own}`
}
