import { z } from 'zod'
import { META } from '../../src/api/schema/node.ts'

/** A node of a CRD's structural schema, with what the reference needs to know beside it. */
export interface SchemaNode {
  readonly description: string
  readonly type: string
  /** Keywords of OpenAPI and Kubernetes that bound the value. */
  readonly keywords: Readonly<Record<string, unknown>>
  readonly rules: readonly Rule[]
  readonly properties: ReadonlyMap<string, SchemaNode>
  readonly required: readonly string[]
  readonly items: SchemaNode | undefined
  readonly additionalProperties: SchemaNode | undefined
  /** What the field is when it is left out, if that is worth telling. */
  readonly defaultValue: unknown
}

interface Rule {
  readonly rule: string
  readonly message: string
  readonly fieldPath?: string
}

const KEYWORDS = [
  'format',
  'enum',
  'pattern',
  'minLength',
  'maxLength',
  'minimum',
  'maximum',
  'minItems',
  'maxItems',
  'maxProperties',
  'x-kubernetes-list-type',
  'x-kubernetes-list-map-keys',
  'x-kubernetes-map-type',
]

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null && !Array.isArray(value)
const isText = (value: unknown): value is string => typeof value === 'string'
const isRule = (value: unknown): value is Rule => isRecord(value) && isText(value['rule']) && isText(value['message'])

/** Objects and empty lists are not told: their fields tell for themselves. */
const isTellable = (value: unknown): boolean => (Array.isArray(value) ? value.length > 0 : value !== undefined && !isRecord(value))

function readKeywords(json: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const kept = KEYWORDS.flatMap((key): [string, unknown][] => (json[key] === undefined ? [] : [[key, json[key]]]))
  // zod bounds every whole number by what a double can hold.
  return Object.fromEntries(kept.filter(([, value]) => typeof value !== 'number' || Math.abs(value) !== Number.MAX_SAFE_INTEGER))
}

function readNode(json: unknown, defaultValue: unknown, path: string): SchemaNode {
  if (!isRecord(json)) throw new Error(`${path}: not a schema`)
  const { type, description = '', properties = {}, required = [], items, additionalProperties } = json
  const rules = json[META.rules] ?? []
  const defaults = json[META.defaults] ?? {}
  if (!isText(type)) throw new Error(`${path}: a structural schema needs one type everywhere`)
  if (!isText(description) || !isRecord(properties) || !isRecord(defaults) || !Array.isArray(required) || !Array.isArray(rules)) {
    throw new Error(`${path}: not a schema that can be converted`)
  }
  const fields = Object.entries(properties).map(([name, field]): [string, SchemaNode] => [name, readNode(field, defaults[name], `${path}.${name}`)])
  return {
    description,
    type,
    keywords: readKeywords(json),
    rules: rules.filter(isRule),
    properties: new Map(fields),
    required: required.filter(isText),
    items: items === undefined ? undefined : readNode(items, undefined, `${path}[]`),
    additionalProperties: isRecord(additionalProperties) ? readNode(additionalProperties, undefined, `${path}{}`) : undefined,
    defaultValue: isTellable(defaultValue) ? defaultValue : undefined,
  }
}

/** Reads the schema of a value as people write it. */
export function readSchema(schema: z.ZodType, path: string): SchemaNode {
  return readNode(z.toJSONSchema(schema, { io: 'input' }), undefined, path)
}

/** A default in words: `Fail`, or `CREATE, UPDATE` for a list. */
export const wordsOf = (value: unknown): string => (Array.isArray(value) ? value.join(', ') : String(value))

/** The description of a field, with its default. */
function describe({ description, defaultValue }: SchemaNode): string {
  return defaultValue === undefined ? description : `${description} Defaults to \`${wordsOf(defaultValue)}\`.`
}

/** The items of a list; what a plain one is, the list tells. */
const toItems = (item: SchemaNode) => toStructural(item.properties.size > 0 ? item : { ...item, description: '' })

/** The node as a CRD has it: one type everywhere, no reference, no default. */
export function toStructural(node: SchemaNode): Readonly<Record<string, unknown>> {
  const description = describe(node)
  const properties = [...node.properties].map(([name, field]): [string, unknown] => [name, toStructural(field)])
  return {
    ...(description === '' ? {} : { description }),
    type: node.type,
    ...node.keywords,
    ...(node.required.length === 0 ? {} : { required: node.required }),
    ...(properties.length === 0 ? {} : { properties: Object.fromEntries(properties) }),
    ...(node.items === undefined ? {} : { items: toItems(node.items) }),
    ...(node.additionalProperties === undefined ? {} : { additionalProperties: toItems(node.additionalProperties) }),
    ...(node.rules.length === 0 ? {} : { 'x-kubernetes-validations': node.rules }),
  }
}
