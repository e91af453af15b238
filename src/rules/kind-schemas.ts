import { err, isRecord, type KubernetesObject, ok, type Result } from '../api/index.ts'
import { readSchema, referencesIn, type SchemaLookup, type SchemaNode } from '../cel/index.ts'

/** The schema of one kind in one version, with what it refers to. */
export interface KindSchema {
  readonly group: string
  readonly version: string
  readonly kind: string
  readonly schema: SchemaNode
  readonly lookup: SchemaLookup
}

/** A resource of the cluster, or a subresource such as `pods/status`, with the schema of the objects that are sent to it. */
export interface ResourceSchema {
  readonly group: string
  readonly version: string
  readonly resource: string
  readonly object: KindSchema
}

/** What is known of the kinds of a cluster. */
export interface SchemaCatalogue {
  readonly ofResource: (group: string, version: string, resource: string) => KindSchema | undefined
  readonly ofKind: (group: string, version: string, kind: string) => KindSchema | undefined
  /** The versions in which a resource is known. */
  readonly versionsOf: (group: string, resource: string) => readonly string[]
}

/** Names a resource of an OpenAPI document before its schema is read. */
export interface NamedResource {
  readonly group: string
  readonly version: string
  readonly resource: string
  readonly kind: string
}

const REFERENCE = '#/components/schemas/'
const KIND_KEY = 'x-kubernetes-group-version-kind'
/** Requests that carry an object of the resource's kind. */
const WRITES = ['post', 'put'] as const

interface OpenApiResource extends NamedResource {
  /** Group and version of the objects, which differ from the resource's for `scale` and the like. */
  readonly objectGroup: string
  readonly objectVersion: string
}

/** Puts the resources of any number of documents together. */
export function schemaCatalogue(resources: Iterable<ResourceSchema>): SchemaCatalogue {
  const byResource = new Map<string, KindSchema>()
  const byKind = new Map<string, KindSchema>()
  const versions = new Map<string, string[]>()
  for (const { group, version, resource, object } of resources) {
    byResource.set(`${group}/${version}/${resource}`, object)
    if (!resource.includes('/')) byKind.set(`${object.group}/${object.version}/${object.kind}`, object)
    const known = versions.get(`${group}/${resource}`)
    if (known === undefined) versions.set(`${group}/${resource}`, [version])
    else known.push(version)
  }
  return {
    ofResource: (group, version, resource) => byResource.get(`${group}/${version}/${resource}`),
    ofKind: (group, version, kind) => byKind.get(`${group}/${version}/${kind}`),
    versionsOf: (group, resource) => versions.get(`${group}/${resource}`) ?? [],
  }
}

/** Reads the wanted resources of an OpenAPI v3 document as an API server serves it, and keeps nothing of the rest. */
export function readOpenApi(document: unknown, isWanted: (resource: NamedResource) => boolean = () => true): Result<readonly ResourceSchema[], string> {
  if (!isRecord(document) || typeof document['openapi'] !== 'string' || !document['openapi'].startsWith('3.')) return err('not an OpenAPI v3 document')
  const paths = isRecord(document['paths']) ? document['paths'] : {}
  const schemas = schemasOf(document)
  const names = namesByKind(schemas)
  const kept = new Map<string, SchemaNode>()
  const lookup: SchemaLookup = (reference) => kept.get(reference)
  const objects = new Map<string, KindSchema>()
  const found = new Map<string, ResourceSchema>()
  for (const named of Object.entries(paths).flatMap(([path, item]) => readPath(path, item) ?? [])) {
    const { group, version, resource, kind, objectGroup, objectVersion } = named
    const objectKey = `${objectGroup}/${objectVersion}/${kind}`
    const name = names.get(objectKey)
    if (name === undefined || !isWanted(named)) continue
    const schema = keep(`${REFERENCE}${name}`, schemas, kept)
    const object = objects.get(objectKey) ?? { group: objectGroup, version: objectVersion, kind, schema, lookup }
    objects.set(objectKey, object)
    found.set(`${group}/${version}/${resource}`, { group, version, resource, object })
  }
  return ok([...found.values()])
}

/** The kinds that a CustomResourceDefinition has structural schemas of, one for each version. */
export function kindsOfDefinition({ spec }: KubernetesObject): readonly KindSchema[] {
  if (!isRecord(spec) || !isRecord(spec['names']) || !Array.isArray(spec['versions'])) return []
  const kind = textOf(spec['names']['kind'])
  const group = textOf(spec['group'])
  return spec['versions'].flatMap((version: unknown): KindSchema[] => {
    const schema = isRecord(version) && isRecord(version['schema']) ? version['schema']['openAPIV3Schema'] : undefined
    return isRecord(version) && isRecord(schema) ? [{ group, version: textOf(version['name']), kind, schema: readSchema(schema), lookup: () => undefined }] : []
  })
}

function schemasOf(document: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const components = document['components']
  return isRecord(components) && isRecord(components['schemas']) ? components['schemas'] : {}
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')

function kindKey(value: unknown): string | undefined {
  return isRecord(value) ? `${textOf(value['group'])}/${textOf(value['version'])}/${textOf(value['kind'])}` : undefined
}

function namesByKind(schemas: Readonly<Record<string, unknown>>): ReadonlyMap<string, string> {
  const names = new Map<string, string>()
  for (const [name, schema] of Object.entries(schemas)) {
    const kinds = isRecord(schema) ? schema[KIND_KEY] : undefined
    for (const kind of Array.isArray(kinds) ? kinds : []) {
      const key = kindKey(kind)
      if (key !== undefined && !names.has(key)) names.set(key, name)
    }
  }
  return names
}

/** The resource that a path is for: `/apis/apps/v1/namespaces/{namespace}/deployments/{name}/scale` is for `deployments/scale`. */
function readPath(path: string, item: unknown): OpenApiResource | undefined {
  const parts = /^\/(?:api|apis\/([^/]+))\/([^/]+)\/(?:namespaces\/\{namespace\}\/)?([^/{}]+)(?:\/\{name\}(?:\/([^/{}]+))?)?$/.exec(path)
  if (parts === null || !isRecord(item)) return undefined
  const [, group = '', version = '', resource = '', subResource] = parts
  for (const method of WRITES) {
    const operation = item[method]
    const kind = isRecord(operation) ? operation[KIND_KEY] : undefined
    if (!isRecord(kind)) continue
    return {
      group,
      version,
      resource: subResource === undefined ? resource : `${resource}/${subResource}`,
      kind: textOf(kind['kind']),
      objectGroup: textOf(kind['group']),
      objectVersion: textOf(kind['version']),
    }
  }
  return undefined
}

/** Keeps a schema and all that it refers to. */
function keep(reference: string, schemas: Readonly<Record<string, unknown>>, kept: Map<string, SchemaNode>): SchemaNode {
  const waiting = [reference]
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const name = next.startsWith(REFERENCE) ? next.slice(REFERENCE.length) : ''
    if (kept.has(next) || !Object.hasOwn(schemas, name)) continue
    const node = readSchema(schemas[name])
    kept.set(next, node)
    waiting.push(...referencesIn(node))
  }
  return kept.get(reference) ?? {}
}
