import { isRecord } from '../api/index.ts'
import type { SchemaNode } from './schema-node.ts'

/** Below this, a schema counts as open. */
const DEEPEST = 64

type Leaf = Readonly<Record<string, unknown>>
type Mutable<T> = { -readonly [Key in keyof T]: T[Key] }

/** Most of a schema is leaves without anything but a type: these are kept once. */
const LEAVES: ReadonlyMap<string, SchemaNode> = new Map(['string', 'integer', 'number', 'boolean', 'object', 'array'].map((type) => [type, { type }]))
const OPEN: SchemaNode = {}

/** Reads what is needed of an OpenAPI v3 schema, and drops the rest: descriptions, defaults, bounds. What cannot be read is left open. */
export function readSchema(value: unknown, depth = 0): SchemaNode {
  if (!isRecord(value) || depth > DEEPEST) return OPEN
  const node: Mutable<SchemaNode> = {}
  if (typeof value['$ref'] === 'string') node.$ref = value['$ref']
  if (typeof value['type'] === 'string') node.type = value['type']
  readStructure(node, value, depth + 1)
  readAlternatives(node, value, depth + 1)
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
