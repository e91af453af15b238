import { isRecord } from '../api/index.ts'
import type { SchemaBounds, SchemaNode } from './schema-node.ts'

/** Below this, a schema counts as open. */
const DEEPEST = 64

type Leaf = Readonly<Record<string, unknown>>
type Mutable<T> = { -readonly [Key in keyof T]: T[Key] }

/** Most of a schema is leaves without anything but a type: these are kept once. */
const LEAVES: ReadonlyMap<string, SchemaNode> = new Map(['string', 'integer', 'number', 'boolean', 'object', 'array'].map((type) => [type, { type }]))
const OPEN: SchemaNode = {}

/** Reads what is needed of an OpenAPI v3 schema, and drops the rest: descriptions, examples, most formats. What cannot be read is left open. */
export function readSchema(value: unknown, depth = 0): SchemaNode {
  if (!isRecord(value) || depth > DEEPEST) return OPEN
  const node: Mutable<SchemaNode> = {}
  if (typeof value['$ref'] === 'string') node.$ref = value['$ref']
  if (typeof value['type'] === 'string') node.type = value['type']
  readStructure(node, value, depth + 1)
  readAlternatives(node, value, depth + 1)
  readValues(node, value)
  readMerging(node, value)
  if (value['x-kubernetes-preserve-unknown-fields'] === true) node['x-kubernetes-preserve-unknown-fields'] = true
  if (value['x-kubernetes-int-or-string'] === true) node['x-kubernetes-int-or-string'] = true
  if (value['x-kubernetes-embedded-resource'] === true) node['x-kubernetes-embedded-resource'] = true
  const isLeaf = node.type !== undefined && Object.keys(node).length === 1
  return (isLeaf && node.type !== undefined ? LEAVES.get(node.type) : undefined) ?? node
}

function readStructure(node: Mutable<SchemaNode>, { properties, additionalProperties, items }: Leaf, depth: number): void {
  if (isRecord(properties)) node.properties = Object.fromEntries(Object.entries(properties).map(([name, field]) => [name, readSchema(field, depth)]))
  if (typeof additionalProperties === 'boolean') node.additionalProperties = additionalProperties
  else if (isRecord(additionalProperties)) node.additionalProperties = readSchema(additionalProperties, depth)
  if (isRecord(items)) node.items = readSchema(items, depth)
}

function readAlternatives(node: Mutable<SchemaNode>, value: Leaf, depth: number): void {
  for (const key of ['allOf', 'oneOf', 'anyOf'] as const) {
    const list = value[key]
    if (Array.isArray(list)) node[key] = list.map((item: unknown) => readSchema(item, depth))
  }
}

const isScalar = (value: unknown): value is string | number | boolean => ['string', 'number', 'boolean'].includes(typeof value)
const textsIn = (value: unknown): readonly string[] => (Array.isArray(value) ? value.filter((item: unknown) => typeof item === 'string') : [])

const NUMBERS = ['minimum', 'maximum', 'minLength', 'maxLength', 'minItems', 'maxItems', 'minProperties', 'maxProperties'] as const
const FLAGS = ['exclusiveMinimum', 'exclusiveMaximum'] as const
const INT32 = { minimum: -(2 ** 31), maximum: 2 ** 31 - 1 } as const

function boundsOf(value: Leaf): SchemaBounds {
  const bounds: Mutable<SchemaBounds> = value['format'] === 'int32' && value['type'] === 'integer' ? { ...INT32 } : {}
  for (const key of NUMBERS) {
    const limit = value[key]
    if (typeof limit === 'number') bounds[key] = limit
  }
  for (const key of FLAGS) if (value[key] === true) bounds[key] = true
  if (typeof value['pattern'] === 'string') bounds.pattern = value['pattern']
  return bounds
}

function readValues(node: Mutable<SchemaNode>, value: Leaf): void {
  if (value['nullable'] === true) node.nullable = true
  const required = textsIn(value['required'])
  if (required.length > 0) node.required = required
  if (Array.isArray(value['enum'])) node.enum = value['enum'].filter((item: unknown) => item === null || isScalar(item))
  const fallback = value['default']
  if (fallback !== undefined) node.hasDefault = true
  if (isScalar(fallback)) node.default = fallback
  const bounds = boundsOf(value)
  if (Object.keys(bounds).length > 0) node.bounds = bounds
  const validations = value['x-kubernetes-validations']
  const isUnchanging = (rule: unknown): boolean => isRecord(rule) && typeof rule['rule'] === 'string' && UNCHANGING.test(rule['rule'])
  if (Array.isArray(validations) && validations.some(isUnchanging)) node.isImmutable = true
}

const UNCHANGING = /^\s*(?:self\s*==\s*oldSelf|oldSelf\s*==\s*self)\s*$/

function readMerging(node: Mutable<SchemaNode>, value: Leaf): void {
  const listType = value['x-kubernetes-list-type']
  if (listType === 'atomic' || listType === 'set' || listType === 'map') node['x-kubernetes-list-type'] = listType
  const keys = textsIn(value['x-kubernetes-list-map-keys'])
  if (keys.length > 0) node['x-kubernetes-list-map-keys'] = keys
  const mapType = value['x-kubernetes-map-type']
  if (mapType === 'atomic' || mapType === 'granular') node['x-kubernetes-map-type'] = mapType
}

/** The references in a schema, not those behind them. */
export function referencesIn(node: SchemaNode): readonly string[] {
  const found: string[] = []
  const visit = (at: SchemaNode): void => {
    if (at.$ref !== undefined) found.push(at.$ref)
    for (const field of Object.values(at.properties ?? {})) visit(field)
    if (typeof at.additionalProperties === 'object') visit(at.additionalProperties)
    if (at.items !== undefined) visit(at.items)
    for (const inner of [...(at.allOf ?? []), ...(at.oneOf ?? []), ...(at.anyOf ?? [])]) visit(inner)
  }
  visit(node)
  return found
}
