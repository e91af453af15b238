import { type KubernetesObject, parseApiVersion } from '../api/index.ts'
import type { SchemaLookup, SchemaNode } from '../cel/index.ts'
import type { KindSchema } from '../rules/index.ts'
import { FREE, type ListShape, METADATA_SHAPE, type MergeShape, shapeOfKind, UNKNOWN_SHAPE, WHOLE } from './merge-shapes.ts'

const RAW_EXTENSION = '#/components/schemas/io.k8s.apimachinery.pkg.runtime.RawExtension'

/** Where a schema is read: what it refers to, and whether fields are kept that it does not declare. */
interface Place {
  readonly lookup: SchemaLookup
  readonly isOpen: boolean
}

const knownShapes = new WeakMap<SchemaNode, MergeShape>()

/** How a kind merges by its schema in the cluster; its metadata merges as that of every kind. */
export function shapeOfSchema({ schema, lookup }: KindSchema): MergeShape {
  const known = knownShapes.get(schema)
  if (known !== undefined) return known
  const root = shapeOfNode(schema, { lookup, isOpen: false })
  const shape: MergeShape = { ...root, field: (name) => (name === 'metadata' ? { shape: METADATA_SHAPE, isDeclared: true } : root.field(name)) }
  knownShapes.set(schema, shape)
  return shape
}

/** How an object merges of whose kind only that is known which all kinds have. */
export const SHAPE_OF_ANY_KIND: MergeShape = {
  ...UNKNOWN_SHAPE,
  isKnown: true,
  field: (name) => ({
    shape: name === 'metadata' ? METADATA_SHAPE : name === 'apiVersion' || name === 'kind' ? FREE : UNKNOWN_SHAPE,
    isDeclared: true,
  }),
}

/** A schema for a kind that nothing is known of, as Kubernetes deduces it: maps merge, lists are replaced. Undefined for kinds that are known without a cluster. */
export function deducedSchema({ apiVersion, kind }: KubernetesObject): KindSchema | undefined {
  if (shapeOfKind(apiVersion, kind) !== undefined) return undefined
  return { ...parseApiVersion(apiVersion), kind, schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }, lookup: () => undefined }
}

/** The reference of a schema, which for the sake of a default or a description may stand alone in `allOf`. */
function referenceOf({ $ref, allOf }: SchemaNode): string | undefined {
  return $ref ?? (allOf?.length === 1 ? allOf[0]?.$ref : undefined)
}

function shapeOfNode(node: SchemaNode, place: Place): MergeShape {
  const reference = referenceOf(node)
  if (reference === undefined) return shapeOfBody(node, { ...place, isOpen: place.isOpen || node['x-kubernetes-preserve-unknown-fields'] === true })
  if (reference === RAW_EXTENSION) return WHOLE
  const referred = place.lookup(reference)
  if (referred === undefined) return UNKNOWN_SHAPE
  const shape = shapeOfNode(referred, { ...place, isOpen: false })
  const relation = node['x-kubernetes-map-type']
  return relation === undefined ? shape : { ...shape, isAtomic: relation === 'atomic' }
}

function shapeOfBody(node: SchemaNode, place: Place): MergeShape {
  const { properties = {}, items } = node
  const fields = new Map<string, MergeShape>()
  const declared = (name: string, schema: SchemaNode): MergeShape => {
    const known = fields.get(name) ?? shapeOfNode(schema, place)
    fields.set(name, known)
    return known
  }
  let element: MergeShape | undefined
  return {
    isKnown: true,
    isAtomic: node['x-kubernetes-map-type'] === 'atomic',
    list: listOf(node, place),
    element: () => {
      element ??= items === undefined ? WHOLE : shapeOfNode(items, place)
      return element
    },
    field: (name) => {
      const schema = Object.hasOwn(properties, name) ? properties[name] : undefined
      if (schema !== undefined) return { shape: declared(name, schema), isDeclared: true }
      const values = node.additionalProperties
      return { shape: typeof values === 'object' ? declared('', values) : FREE, isDeclared: false }
    },
  }
}

function listOf(node: SchemaNode, place: Place): ListShape {
  if (node['x-kubernetes-list-type'] === 'set') return { kind: 'set' }
  if (node['x-kubernetes-list-type'] !== 'map') return { kind: 'atomic' }
  const reference = node.items === undefined ? undefined : referenceOf(node.items)
  const { properties = {} } = (reference === undefined ? node.items : place.lookup(reference)) ?? {}
  const keys = node['x-kubernetes-list-map-keys'] ?? []
  return { kind: 'map', keys: keys.map((name) => ({ name, fallback: Object.hasOwn(properties, name) ? properties[name]?.default : undefined })) }
}
