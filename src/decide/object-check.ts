import { BUILT_IN_RESOURCES, canonicalJson, isEqualJson, isRecord, type KubernetesObject } from '../api/index.ts'
import { fitsPattern, type SchemaBounds, type SchemaLookup, type SchemaNode } from '../cel/index.ts'
import type { KindSchema } from '../rules/index.ts'

/** Problems that are told; an object with more is no better for knowing them all. */
const MOST_PROBLEMS = 8
const DEEPEST = 200
/** What every object has, whether or not its schema lists it. */
const OWN_FIELDS: readonly string[] = ['apiVersion', 'kind', 'metadata']

/** Whether Kubernetes decodes a kind into a type of its own: there a null is a field that is not there. */
const isBuiltIn = ({ group, kind }: KindSchema): boolean => BUILT_IN_RESOURCES.some((known) => known.group === group && known.kind === kind)

/**
 * What the API server would object to in a changed object by the schema of its kind, and does not object to in the object as it came; undefined where
 * there is nothing. `oldObject` is what is stored: fields that its schema lets nobody change are compared with it.
 */
export function objectionBySchema(
  kind: KindSchema,
  changed: KubernetesObject,
  before: KubernetesObject,
  oldObject: KubernetesObject | null,
): string | undefined {
  const problems = problemsOf(kind, changed, oldObject)
  if (problems.length === 0) return undefined
  const known = new Set(problemsOf(kind, before, oldObject))
  return problems.find((problem) => !known.has(problem))
}

function problemsOf(kind: KindSchema, object: KubernetesObject, oldObject: KubernetesObject | null): readonly string[] {
  const check = new ObjectCheck(kind.lookup, !isBuiltIn(kind))
  for (const [name, value] of Object.entries(object)) {
    const field = Object.hasOwn(kind.schema.properties ?? {}, name) ? kind.schema.properties?.[name] : undefined
    if (field !== undefined) check.value(value, field, { path: name, old: oldObject?.[name], depth: 0 })
    else if (!OWN_FIELDS.includes(name) && isClosed([kind.schema])) check.report(name, 'the kind has no such field')
  }
  for (const name of kind.schema.required ?? []) if (!Object.hasOwn(object, name)) check.report(name, 'is required')
  return check.problems
}

const isClosed = (nodes: readonly SchemaNode[]): boolean =>
  nodes.some(({ properties }) => properties !== undefined && Object.keys(properties).length > 0) &&
  !nodes.some((node) => node['x-kubernetes-preserve-unknown-fields'] === true || (node.additionalProperties ?? false) !== false)

/** A place in an object: its path, what is stored there, and how deep it is. */
interface Place {
  readonly path: string
  readonly old: unknown
  readonly depth: number
}

class ObjectCheck {
  readonly problems: string[] = []
  readonly #lookup: SchemaLookup
  /** Whether the schema is all that there is, as for custom resources; built-in kinds are decoded more leniently. */
  readonly #isStrict: boolean

  constructor(lookup: SchemaLookup, isStrict: boolean) {
    this.#lookup = lookup
    this.#isStrict = isStrict
  }

  report(path: string, problem: string): void {
    if (this.problems.length < MOST_PROBLEMS) this.problems.push(`${path}: ${problem}`)
  }

  value(value: unknown, schema: SchemaNode, place: Place): void {
    const nodes = this.#nodesOf(schema)
    if (nodes === undefined || place.depth > DEEPEST) return
    const { path, old } = place
    if (nodes.some((node) => node.isImmutable === true) && old !== undefined && !isEqualJson(value, old)) this.report(path, 'cannot be changed')
    if (value === null || value === undefined) {
      const isFine = !this.#isStrict || nodes.some((node) => node.nullable === true || node.hasDefault === true || node.type === undefined)
      if (!isFine) this.report(path, 'may not be null')
      return
    }
    const wrong = nodes.map((node) => typeProblem(value, node)).find((problem) => problem !== undefined)
    if (wrong !== undefined) {
      this.report(path, wrong)
      return
    }
    for (const { enum: choices, bounds } of nodes) {
      if (choices !== undefined && !choices.some((choice) => isEqualJson(choice, value))) this.report(path, 'is none of the values that the schema lists')
      const excess = bounds === undefined ? undefined : boundsProblem(value, bounds)
      if (excess !== undefined) this.report(path, excess)
    }
    if (Array.isArray(value)) this.#list(value, nodes, place)
    else if (isRecord(value)) this.#object(value, nodes, place)
  }

  /** A schema with all that it refers to; undefined where some of that is not known, or where alternatives decide. */
  #nodesOf(schema: SchemaNode, depth = 0): readonly SchemaNode[] | undefined {
    if (depth > DEEPEST || schema['x-kubernetes-int-or-string'] === true) return undefined
    const referred = schema.$ref === undefined ? [] : [this.#lookup(schema.$ref)]
    const found: SchemaNode[] = [schema]
    for (const node of [...referred, ...(schema.allOf ?? [])]) {
      const parts = node === undefined ? undefined : this.#nodesOf(node, depth + 1)
      if (parts === undefined) return undefined
      found.push(...parts)
    }
    return found
  }

  #list(items: readonly unknown[], nodes: readonly SchemaNode[], { path, depth }: Place): void {
    const element = nodes.find((node) => node.items !== undefined)?.items
    if (element !== undefined)
      for (const [index, item] of items.entries()) this.value(item, element, { path: `${path}[${index}]`, old: undefined, depth: depth + 1 })
    const type = nodes.find((node) => node['x-kubernetes-list-type'] !== undefined)
    if (!this.#isStrict || type === undefined || type['x-kubernetes-list-type'] === 'atomic') return
    const keys = type['x-kubernetes-list-map-keys'] ?? []
    const fields = element === undefined ? {} : (this.#nodesOf(element)?.find((node) => node.properties !== undefined)?.properties ?? {})
    const keyOf = (item: unknown): string =>
      canonicalJson(type['x-kubernetes-list-type'] === 'set' || !isRecord(item) ? item : keys.map((key) => item[key] ?? fields[key]?.default ?? null))
    const seen = new Set<string>()
    for (const [index, item] of items.entries()) {
      const key = keyOf(item)
      if (seen.has(key)) this.report(`${path}[${index}]`, 'stands in the list twice')
      seen.add(key)
    }
  }

  #object(value: Readonly<Record<string, unknown>>, nodes: readonly SchemaNode[], { path, old, depth }: Place): void {
    const stored = isRecord(old) ? old : {}
    const isEmbedded = nodes.some((node) => node['x-kubernetes-embedded-resource'] === true)
    const values = nodes.map((node) => node.additionalProperties).find((node) => typeof node === 'object')
    for (const [name, item] of Object.entries(value)) {
      const fields = nodes.flatMap(({ properties = {} }) => (Object.hasOwn(properties, name) ? (properties[name] ?? []) : []))
      const inner = { path: `${path}.${name}`, old: Object.hasOwn(stored, name) ? stored[name] : undefined, depth: depth + 1 }
      for (const field of fields) this.value(item, field, inner)
      if (fields.length > 0) continue
      if (typeof values === 'object') this.value(item, values, inner)
      else if (isClosed(nodes) && !(isEmbedded && OWN_FIELDS.includes(name))) this.report(inner.path, 'the kind has no such field')
    }
    for (const name of nodes.flatMap(({ required = [] }) => required)) {
      const hasDefault = nodes.some(({ properties = {} }) => Object.hasOwn(properties, name) && properties[name]?.hasDefault === true)
      if (!hasDefault && !Object.hasOwn(value, name)) this.report(`${path}.${name}`, 'is required')
    }
  }
}

const isWhole = (value: unknown): boolean => typeof value === 'bigint' || (typeof value === 'number' && Number.isInteger(value))

function typeProblem(value: unknown, { type }: SchemaNode): string | undefined {
  switch (type) {
    case 'string':
      return typeof value === 'string' ? undefined : 'must be a string'
    case 'integer':
      return isWhole(value) ? undefined : 'must be a whole number'
    case 'number':
      return typeof value === 'number' || typeof value === 'bigint' ? undefined : 'must be a number'
    case 'boolean':
      return typeof value === 'boolean' ? undefined : 'must be true or false'
    case 'array':
      return Array.isArray(value) ? undefined : 'must be a list'
    case 'object':
      return isRecord(value) ? undefined : 'must be an object'
    default:
      return undefined
  }
}

function boundsProblem(value: unknown, bounds: SchemaBounds): string | undefined {
  if (typeof value === 'string') {
    const length = [...value].length
    if (bounds.pattern !== undefined && !fitsPattern(value, bounds.pattern)) return 'does not match the pattern of the schema'
    return sizeProblem(length, bounds.minLength, bounds.maxLength, 'characters')
  }
  if (typeof value === 'number' || typeof value === 'bigint') {
    const { minimum, maximum, exclusiveMinimum = false, exclusiveMaximum = false } = bounds
    if (minimum !== undefined && (value < minimum || (exclusiveMinimum && Number(value) === minimum))) return `is below ${minimum}`
    return maximum !== undefined && (value > maximum || (exclusiveMaximum && Number(value) === maximum)) ? `is above ${maximum}` : undefined
  }
  if (Array.isArray(value)) return sizeProblem(value.length, bounds.minItems, bounds.maxItems, 'elements')
  return isRecord(value) ? sizeProblem(Object.keys(value).length, bounds.minProperties, bounds.maxProperties, 'fields') : undefined
}

function sizeProblem(size: number, least = 0, most = Number.POSITIVE_INFINITY, unit: string): string | undefined {
  return size < least ? `has fewer than ${least} ${unit}` : size > most ? `has more than ${most} ${unit}` : undefined
}
