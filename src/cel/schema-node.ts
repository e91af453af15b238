/** What a schema says of sizes; the limits themselves are allowed unless they are exclusive. */
export interface SchemaBounds {
  readonly minimum?: number
  readonly maximum?: number
  readonly exclusiveMinimum?: boolean
  readonly exclusiveMaximum?: boolean
  readonly minLength?: number
  readonly maxLength?: number
  readonly minItems?: number
  readonly maxItems?: number
  readonly minProperties?: number
  readonly maxProperties?: number
  readonly pattern?: string
}

/** What this room reads of an OpenAPI v3 schema. */
export interface SchemaNode {
  readonly $ref?: string
  readonly type?: string
  readonly properties?: Readonly<Record<string, SchemaNode>>
  readonly additionalProperties?: boolean | SchemaNode
  readonly items?: SchemaNode
  readonly allOf?: readonly SchemaNode[]
  readonly oneOf?: readonly SchemaNode[]
  readonly anyOf?: readonly SchemaNode[]
  readonly nullable?: boolean
  readonly required?: readonly string[]
  readonly enum?: readonly (string | number | boolean | null)[]
  /** A default, where it is a scalar. */
  readonly default?: string | number | boolean
  /** Whether there is a default at all. */
  readonly hasDefault?: boolean
  readonly bounds?: SchemaBounds
  /** Whether a rule of the schema says that the value stays as it was first set. */
  readonly isImmutable?: boolean
  readonly 'x-kubernetes-list-type'?: 'atomic' | 'set' | 'map'
  readonly 'x-kubernetes-list-map-keys'?: readonly string[]
  readonly 'x-kubernetes-map-type'?: 'atomic' | 'granular'
  readonly 'x-kubernetes-preserve-unknown-fields'?: boolean
  readonly 'x-kubernetes-int-or-string'?: boolean
  readonly 'x-kubernetes-embedded-resource'?: boolean
}

/** Finds the schema of a reference such as `#/components/schemas/io.k8s.api.core.v1.Container`. */
export type SchemaLookup = (reference: string) => SchemaNode | undefined

/** What is known of a value: nothing, the fields of an object, the elements of a list, the values of a map, or that it is a scalar. */
export type Shape =
  | { readonly kind: 'unknown' }
  | { readonly kind: 'scalar'; readonly path: string; readonly type: string }
  | { readonly kind: 'list'; readonly path: string; readonly element: () => Shape }
  | { readonly kind: 'map'; readonly value: () => Shape }
  | { readonly kind: 'object'; readonly path: string; readonly fields: ReadonlyMap<string, () => Shape>; readonly isOpen: boolean }

export const UNKNOWN: Shape = { kind: 'unknown' }

const SCALARS: ReadonlySet<string | undefined> = new Set(['string', 'integer', 'number', 'boolean'])
const DEEPEST_REFERENCE = 32

interface Parts {
  readonly nodes: readonly SchemaNode[]
  /** Whether all references were found. */
  readonly isWhole: boolean
}

/** The shape that a schema gives to the value at a path. What it leaves open is unknown, so that nothing right is doubted. */
export function shapeOf(schema: SchemaNode, path: string, lookup: SchemaLookup): Shape {
  const { nodes, isWhole } = partsOf(schema, lookup, 0)
  if (!isWhole || nodes.some((node) => node['x-kubernetes-int-or-string'] === true)) return UNKNOWN
  const types = new Set(nodes.flatMap(({ type }) => type ?? []))
  const [type] = types
  if (types.size > 1) return UNKNOWN
  const items = nodes.find((node) => node.items !== undefined)?.items
  if (type === 'array') return items === undefined ? UNKNOWN : { kind: 'list', path, element: () => shapeOf(items, `${path}[]`, lookup) }
  if (type !== undefined && SCALARS.has(type)) return { kind: 'scalar', path, type }
  return objectShape(nodes, path, lookup)
}

function objectShape(nodes: readonly SchemaNode[], path: string, lookup: SchemaLookup): Shape {
  const fields = new Map<string, () => Shape>()
  for (const { properties = {} } of nodes) {
    for (const [name, schema] of Object.entries(properties)) {
      // What an alternative says of a field only narrows what the schema itself says.
      if (!fields.has(name)) fields.set(name, () => shapeOf(schema, joinPath(path, name), lookup))
    }
  }
  const values = nodes.map((node) => node.additionalProperties).find((value) => value !== undefined && value !== false)
  const isFree = nodes.some((node) => node['x-kubernetes-preserve-unknown-fields'] === true || node['x-kubernetes-embedded-resource'] === true)
  if (fields.size > 0) return { kind: 'object', path, fields, isOpen: isFree || values !== undefined }
  if (typeof values === 'object' && !isFree) return { kind: 'map', value: () => shapeOf(values, `${path}[]`, lookup) }
  return UNKNOWN
}

/** A schema and all that belongs to it by `$ref` and `allOf`; alternatives add the fields they name. */
function partsOf(schema: SchemaNode, lookup: SchemaLookup, depth: number): Parts {
  if (depth > DEEPEST_REFERENCE) return { nodes: [], isWhole: false }
  const referred = schema.$ref === undefined ? undefined : lookup(schema.$ref)
  const isMissing = schema.$ref !== undefined && referred === undefined
  const linked = [...(referred === undefined ? [] : [referred]), ...(schema.allOf ?? []), ...(schema.oneOf ?? []), ...(schema.anyOf ?? [])]
  const parts = linked.map((node) => partsOf(node, lookup, depth + 1))
  return { nodes: [schema, ...parts.flatMap(({ nodes }) => nodes)], isWhole: !isMissing && parts.every(({ isWhole }) => isWhole) }
}

/** A path with one more field; fields that are no identifiers are quoted. */
export function joinPath(path: string, field: string): string {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(field)) return `${path}["${field}"]`
  return path === '' ? field : `${path}.${field}`
}

/** What is known of a value that may be either of two. */
export function eitherShape(a: Shape, b: Shape): Shape {
  if (a === b) return a
  if (a.kind === 'list' && b.kind === 'list') return { kind: 'list', path: a.path, element: () => eitherShape(a.element(), b.element()) }
  if (a.kind === 'map' && b.kind === 'map') return { kind: 'map', value: () => eitherShape(a.value(), b.value()) }
  if (a.kind !== 'object' || b.kind !== 'object') return UNKNOWN
  const fields = new Map(a.fields)
  for (const [name, shape] of b.fields) {
    const other = fields.get(name)
    fields.set(name, other === undefined ? shape : () => eitherShape(other(), shape()))
  }
  return { kind: 'object', path: a.path === b.path ? a.path : `${a.path} or ${b.path}`, fields, isOpen: a.isOpen || b.isOpen }
}
