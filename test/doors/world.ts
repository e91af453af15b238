import { BUILT_IN_RESOURCES, isRecord, type KubernetesObject, type ParamKind, type ParamRef, parseApiVersion } from '../../src/api/index.ts'
import { type ContextReader, type ParamState, selectContext, selectParams } from '../../src/decide/index.ts'
import type { NamespaceState } from '../../src/rules/index.ts'
import type { Case, CaseRequest } from './case.ts'

/** The offline door has this key; the others take it, so that digests can be compared. */
export const DIGEST_KEY = 'offline'
export const NOW = new Date('2026-06-01T12:00:00Z')

interface ResourceName {
  readonly group: string
  readonly version: string
  readonly resource: string
}

function readResource(text: string): ResourceName {
  const [name = '', version = '', ...group] = text.split('.')
  return { group: group.join('.'), version, resource: name }
}

type Fields = Readonly<Record<string, unknown>>

function seenObject({ name, object, oldObject }: CaseRequest): Fields {
  const seen = object ?? oldObject
  if (seen === undefined) throw new Error(`${name}: object or oldObject is needed`)
  return seen
}

function resourceOf(request: CaseRequest): ResourceName {
  if (request.resource !== undefined) return readResource(request.resource)
  const { apiVersion, kind } = seenObject(request)
  const { group, version } = parseApiVersion(String(apiVersion))
  const known = BUILT_IN_RESOURCES.find((type) => type.group === group && type.kind === kind)
  if (known === undefined) throw new Error(`${request.name}: \`resource\` is needed for ${String(kind)}`)
  return { group, version, resource: known.resource }
}

const metadataOf = ({ metadata }: Fields): Fields => (isRecord(metadata) ? metadata : {})

/** The Namespace that a request is in, as Bylaw knows it; undefined for cluster-scoped objects. */
export function namespaceOf(request: CaseRequest): { readonly name: string; readonly state: NamespaceState } | undefined {
  const { namespace } = request
  const metadata = metadataOf(seenObject(request))
  if (namespace === 'unreadable') return { name: String(metadata['namespace']), state: { kind: 'unknown', reason: 'no answer in time' } }
  const name = typeof namespace === 'object' ? namespace.name : (namespace ?? metadata['namespace'])
  if (typeof name !== 'string') return undefined
  const labels = { 'kubernetes.io/metadata.name': name, ...(typeof namespace === 'object' ? namespace.labels : {}) }
  return { name, state: { kind: 'found', object: { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } } } }
}

/** The AdmissionReview that the API server would send. */
export function toAdmissionReview(request: CaseRequest, uid: string): Fields {
  const { object, oldObject, user, subResource, dryRun } = request
  const seen = seenObject(request)
  const metadata = metadataOf(seen)
  const target = resourceOf(request)
  const { group, version } = parseApiVersion(String(seen['apiVersion']))
  const isNamespace = target.group === '' && target.resource === 'namespaces'
  const namespace = isNamespace ? metadata['name'] : namespaceOf(request)?.name
  const operation = request.operation ?? (object === undefined ? 'DELETE' : oldObject === undefined ? 'CREATE' : 'UPDATE')
  return {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid,
      kind: { group, version, kind: seen['kind'] },
      resource: target,
      ...(subResource === undefined ? {} : { subResource }),
      requestResource: request.requestResource === undefined ? target : readResource(request.requestResource),
      ...(metadata['name'] === undefined ? {} : { name: metadata['name'] }),
      ...(namespace === undefined ? {} : { namespace }),
      operation,
      userInfo: typeof user === 'string' ? { username: user, groups: ['system:authenticated'] } : { username: user.name, groups: user.groups },
      object: object ?? null,
      oldObject: oldObject ?? null,
      dryRun,
    },
  }
}

/** Writes JSON with every digit of a large whole number, as the API server does. */
export function writeJson(value: unknown): string {
  const digits: string[] = []
  const marked = JSON.stringify(value, (_key, item: unknown) => (typeof item === 'bigint' ? `\u0000${digits.push(item.toString()) - 1}\u0000` : item))
  return marked.replace(/"\\u0000(\d+)\\u0000"/g, (_match, index: string) => digits[Number(index)] ?? '')
}

function isNamespacedKind({ apiVersion, kind }: ParamKind): boolean {
  const { group } = parseApiVersion(apiVersion)
  return BUILT_IN_RESOURCES.find((type) => type.group === group && type.kind === kind)?.isNamespaced !== false
}

/** Reads context from the objects of a case. Where there are none, doors that can be told say how. */
export const contextsOf =
  ({ context }: Case): ContextReader =>
  (declaration, requestNamespace) =>
    context === undefined
      ? { kind: 'unknown', reason: 'nothing was given; name the files that have them by --context-resources' }
      : selectContext({ objects: context, isNamespaced: isNamespacedKind(declaration) }, declaration, requestNamespace)

/** Reads parameters from the documents of a case. */
export function paramsOf({ documents }: Case): (kind: ParamKind, ref: ParamRef, requestNamespace: string) => ParamState {
  return ({ apiVersion, kind }, paramRef, requestNamespace) => {
    const { name, namespace } = paramRef
    if (name === undefined) {
      const ofKind = documents.filter((object) => object.apiVersion === apiVersion && object.kind === kind)
      return selectParams(ofKind, paramRef, ofKind.some(({ metadata }) => metadata.namespace !== undefined) ? (namespace ?? requestNamespace) : undefined)
    }
    const isWanted = (object: KubernetesObject): boolean => {
      const { metadata } = object
      const isHere = metadata.namespace === undefined || metadata.namespace === (namespace ?? requestNamespace)
      return object.apiVersion === apiVersion && object.kind === kind && metadata.name === name && isHere
    }
    const object = documents.find(isWanted)
    return object === undefined ? { kind: 'missing' } : { kind: 'found', object }
  }
}
