import { API_VERSION } from '../../src/api/schema/common.ts'
import { PATTERNS } from '../../src/api/schema/text.ts'
import type { ResourceDefinition } from './definitions.ts'
import { type SchemaNode, wordsOf } from './structural-schema.ts'

const SELECTOR = 'label selector'

const isSelector = ({ keywords }: SchemaNode): boolean => keywords['x-kubernetes-map-type'] === 'atomic'

function typeOf(node: SchemaNode): string {
  if (isSelector(node)) return `[${SELECTOR}](#label-selector)`
  if (node.items !== undefined) return `list of ${typeOf(node.items)}s`
  if (node.additionalProperties !== undefined) return 'map of texts'
  if (node.keywords['format'] === 'date-time' || node.keywords['pattern'] === PATTERNS.time.expression) return 'time'
  if (node.keywords['enum'] !== undefined) return 'word'
  return { string: 'text', integer: 'whole number', boolean: 'true or false' }[node.type] ?? node.type
}

const code = (value: unknown): string => `\`${value === '' ? '""' : String(value)}\``

function range(low: unknown, high: unknown, unit: string): string {
  if (high === undefined) return low === undefined ? '' : `at least ${low} ${unit}`.trimEnd()
  return low === undefined ? `at most ${high} ${unit}` : `${low} to ${high} ${unit}`
}

function ownBounds({ keywords }: SchemaNode): string[] {
  const { enum: words, pattern, minLength, maxLength, minItems, maxItems, minimum, maximum, maxProperties } = keywords
  const mapKeys = keywords['x-kubernetes-list-map-keys']
  return [
    Array.isArray(words) ? words.map(code).join(', ') : '',
    range(minItems, maxItems, 'items'),
    keywords['x-kubernetes-list-type'] === 'set' ? 'no repeats' : '',
    Array.isArray(mapKeys) ? `unique by ${mapKeys.map(code).join(' and ')}` : '',
    range(minLength, maxLength, 'characters'),
    range(minimum, maximum, ''),
    range(undefined, maxProperties, 'entries').replace('at most undefined entries', ''),
    pattern === undefined ? '' : code(pattern),
  ].filter((part) => part !== '')
}

function boundsOf(node: SchemaNode): string {
  const own = ownBounds(node)
  const items = node.items === undefined || node.items.properties.size > 0 ? [] : ownBounds(node.items)
  return [...own, ...(items.length === 0 ? [] : [`each ${items.join(', ')}`])].join('; ')
}

const cell = (value: string): string => value.replaceAll('|', '\\|').replaceAll('\n', ' ')

function row(name: string, field: SchemaNode, isRequired: boolean): string {
  const fallback = isRequired ? 'required' : field.defaultValue === undefined ? '' : code(wordsOf(field.defaultValue))
  return `| \`${name}\` | ${[typeOf(field), fallback, boundsOf(field), field.description].map(cell).join(' | ')} |`
}

function rulesOf({ rules, properties, items }: SchemaNode): string[] {
  const below = [...properties].flatMap(([name, field]) =>
    field.properties.size > 0 ? [] : field.rules.map(({ message }) => ({ message: message.startsWith('must ') ? `\`${name}\` ${message}` : message })),
  )
  const ofItems = items === undefined || items.properties.size > 0 ? [] : items.rules
  return [...new Set([...rules, ...below, ...ofItems].map(({ message }) => message))]
}

function section(path: string, node: SchemaNode): string[] {
  const rules = rulesOf(node)
  const rows = [...node.properties].map(([name, field]) => row(name, field, node.required.includes(name)))
  return [
    `## ${path}`,
    '',
    node.description,
    '',
    '| field | type | default | bounds | what it is |',
    '|---|---|---|---|---|',
    ...rows,
    '',
    ...(rules.length === 0 ? [] : ['Checked as well:', '', ...rules.map((rule) => `- ${rule}`), '']),
  ]
}

/** Sections for an object and the objects below it, selectors aside. */
function sections(path: string, node: SchemaNode): string[] {
  if (isSelector(node)) return []
  const item = node.items
  if (item !== undefined) return item.properties.size === 0 ? [] : sections(`${path}[]`, item)
  if (node.properties.size === 0) return []
  return [...section(path, node), ...[...node.properties].flatMap(([name, field]) => sections(`${path}.${name}`, field))]
}

function findSelector(node: SchemaNode): SchemaNode | undefined {
  if (isSelector(node)) return node
  for (const below of [...node.properties.values(), ...(node.items === undefined ? [] : [node.items])]) {
    const found = findSelector(below)
    if (found !== undefined) return found
  }
  return undefined
}

function selectorSections(spec: SchemaNode): string[] {
  const selector = findSelector(spec)
  if (selector === undefined) return []
  const description = 'As everywhere in Kubernetes: all requirements must hold, and a selector without any fits everything.'
  const [, ...rest] = section('', { ...selector, description })
  const expressions = selector.properties.get('matchExpressions')
  return ['## Label selector', ...rest, ...(expressions === undefined ? [] : sections('Label selector: matchExpressions', expressions))]
}

/** The reference of a resource, in Markdown. */
export function toReference({ kind, plural, shortName, scope, columns, schema, spec, status }: ResourceDefinition): string {
  const lines = [
    '<!-- Written by `npm run generate` from src/api/schema. -->',
    `# ${kind}`,
    '',
    schema.description,
    '',
    `- \`apiVersion: ${API_VERSION}\`, \`kind: ${kind}\`, ${scope === 'Cluster' ? 'cluster-scoped' : 'namespaced'}`,
    `- \`kubectl get ${plural}.bylaw.dev\` (short: \`${shortName}\`; all of Bylaw: \`kubectl get bylaw\`) shows ${columns.map(({ name }) => name).join(', ')}`,
    '- Defaults are filled in when the resource is read; the API server stores it as it was written.',
    ...rulesOf(schema).map((rule) => `- ${rule[0]?.toUpperCase() ?? ''}${rule.slice(1)}.`),
    '',
    ...sections('spec', spec),
    ...selectorSections(spec),
    ...sections('status', status),
  ]
  return `${lines.join('\n').trimEnd()}\n`
}

/** Name of the file. */
export const referenceFileName = ({ kind }: ResourceDefinition): string => `${kind.replaceAll(/(?<=[a-z])[A-Z]/g, '-$&').toLowerCase()}.md`
