import { type Mutation, type Policy, parseApiVersion } from '../api/index.ts'
import {
  checkFieldPaths,
  checkPointer,
  type Expr,
  type FieldPathWarning,
  issueAt,
  parseExpression,
  renderIssue,
  type Shape,
  shapeOfExpression,
} from '../cel/index.ts'
import type { CompileIssue } from './issue.ts'
import type { KindSchema, NamedResource, SchemaCatalogue } from './kind-schemas.ts'
import { matchResource, type ServedVersions } from './match.ts'
import { mutationPaths } from './mutation-paths.ts'

/** The kinds whose schemas say something about a policy's expressions. */
interface MatchedKinds {
  readonly kinds: readonly KindSchema[]
  /** Whether these are all kinds that the policy judges: false for one that judges some by `*`, or whose schema is not known. */
  readonly isAll: boolean
}

interface WantedResource {
  readonly group: string
  readonly version: string
  readonly resource: string
}

interface WantedKind {
  readonly group: string
  readonly version: string
  readonly kind: string
}

/** A schema that a policy can be judged by: that of a resource, or of a kind. */
export type SchemaNeed = WantedResource | WantedKind

interface PolicyExpression {
  readonly path: string
  readonly source: string
  readonly expr: Expr
  /** Set for a variable. */
  readonly variable?: string
  /** Set for a mutation. */
  readonly patchType?: Mutation['patchType']
}

interface Sighting {
  readonly expression: PolicyExpression
  readonly kind: KindSchema
  readonly warning: FieldPathWarning
}

/** Expressions that look at what kind of object they have may read fields that only some kinds have. */
const READS_KIND = /\b(?:object|oldObject|request)\??\.\??(?:kind|apiVersion|resource|subResource|requestKind|requestResource|requestSubResource)\b/
const ROOT_OF_PARAMS = /^params(?:$|[.[])/
const ROOT_OF_CONTEXT = /^context\.([A-Za-z0-9_]+)/

/** The schemas that a policy can be judged by: those of the resources that it names, and of the kinds of its parameters and its context. */
export function schemaNeeds(policy: Policy, servedVersions: ServedVersions): readonly SchemaNeed[] {
  const { paramKind, context } = policy.spec
  const { resources } = wantedResources(policy, servedVersions)
  const read = paramKind === undefined ? context : [paramKind, ...context]
  return [...resources, ...read.map(({ apiVersion, kind }) => ({ ...parseApiVersion(apiVersion), kind }))]
}

/** Whether a resource has a schema that is needed. */
export function meetsNeed(need: SchemaNeed, { group, version, resource, kind }: NamedResource): boolean {
  if (need.group !== group || need.version !== version) return false
  return 'kind' in need ? need.kind === kind && !resource.includes('/') : need.resource === resource
}

/** The resources that a policy judges, in the versions in which it sees them; templates are judged as the Pods that they are for. */
function wantedResources({ spec }: Policy, servedVersions: ServedVersions): { readonly resources: readonly WantedResource[]; readonly isAll: boolean } {
  const resources = new Map<string, WantedResource>()
  let isAll = true
  for (const { apiGroups, resources: names } of spec.matchConstraints.resourceRules) {
    for (const [group, resource] of apiGroups.flatMap((group) => names.map((name) => [group, name] as const))) {
      if (group === '*' || resource.includes('*')) isAll = false
      else
        for (const version of versionsOf(spec.matchConstraints, group, resource, servedVersions))
          resources.set(`${group}/${version}/${resource}`, { group, version, resource })
    }
  }
  return { resources: [...resources.values()], isAll }
}

function versionsOf(constraints: Policy['spec']['matchConstraints'], group: string, name: string, servedVersions: ServedVersions): readonly string[] {
  const [resource = '', subResource = ''] = name.split('/')
  const match = matchResource(constraints, false, { group, resource, subResource }, servedVersions)
  if (match === undefined) return []
  if (match.lane === 'equivalent') return [match.version]
  const listed = new Set(
    constraints.resourceRules
      .filter(({ apiGroups, resources }) => apiGroups.includes(group) && resources.includes(name))
      .flatMap(({ apiVersions }) => apiVersions),
  )
  return (servedVersions(group, resource) ?? []).filter((version) => listed.has('*') || listed.has(version))
}

function matchedKinds(policy: Policy, catalogue: SchemaCatalogue, servedVersions: ServedVersions): MatchedKinds {
  const { resources, isAll } = wantedResources(policy, servedVersions)
  const found = resources.map(({ group, version, resource }) => catalogue.ofResource(group, version, resource))
  const kinds = [...new Set(found.flatMap((kind) => kind ?? []))]
  return { kinds, isAll: isAll && found.every((kind) => kind !== undefined) }
}

function expressionsOf({ spec }: Policy): readonly PolicyExpression[] {
  const sources: { readonly path: string; readonly source: string | undefined; readonly variable?: string; readonly patchType?: Mutation['patchType'] }[] = [
    ...spec.matchConditions.map(({ expression }, index) => ({ path: `spec.matchConditions[${index}].expression`, source: expression })),
    ...spec.variables.map(({ name, expression }, index) => ({ path: `spec.variables[${index}].expression`, source: expression, variable: name })),
    ...spec.validations.flatMap(({ expression, messageExpression }, index) => [
      { path: `spec.validations[${index}].expression`, source: expression },
      { path: `spec.validations[${index}].messageExpression`, source: messageExpression },
    ]),
    ...spec.auditAnnotations.map(({ valueExpression }, index) => ({ path: `spec.auditAnnotations[${index}].valueExpression`, source: valueExpression })),
    ...spec.mutations.map(({ patchType, jsonPatch, applyConfiguration }, index) => ({
      path: `spec.mutations[${index}].${patchType === 'JSONPatch' ? 'jsonPatch' : 'applyConfiguration'}.expression`,
      source: (jsonPatch ?? applyConfiguration)?.expression,
      patchType,
    })),
  ]
  return sources.flatMap(({ source, ...rest }) => {
    const parsed = source === undefined ? undefined : parseExpression(source)
    return source !== undefined && parsed?.ok === true ? [{ ...rest, source, expr: parsed.value }] : []
  })
}

/** The schemas of what expressions read besides the object, by variable. */
function schemasAround({ spec }: Policy, catalogue: SchemaCatalogue): ReadonlyMap<string, KindSchema> {
  const { paramKind, context } = spec
  const declared = [
    ...(paramKind === undefined ? [] : [{ ...paramKind, variable: 'params' }]),
    ...context.map((item) => ({ ...item, variable: `context.${item.name}` })),
  ]
  return new Map(
    declared.flatMap(({ apiVersion, kind, variable }): [string, KindSchema][] => {
      const { group, version } = parseApiVersion(apiVersion)
      const schema = catalogue.ofKind(group, version, kind)
      return schema === undefined ? [] : [[variable, schema]]
    }),
  )
}

function sightingsOf(expressions: readonly PolicyExpression[], kind: KindSchema, around: ReadonlyMap<string, KindSchema>): Sighting[] {
  const read = [...around].map(([variable, { schema }]) => [variable, variable === 'params' ? schema : { type: 'array', items: schema }] as const)
  const schemas = { object: kind.schema, oldObject: kind.schema, ...Object.fromEntries(read) }
  const lookup = (reference: string) =>
    kind.lookup(reference) ?? [...around.values()].map((other) => other.lookup(reference)).find((found) => found !== undefined)
  const shapes = new Map<string, Shape>()
  return expressions.flatMap((expression) => {
    const { expr, variable } = expression
    const warnings = [...checkFieldPaths(expr, schemas, lookup, shapes), ...unknownTargets(expression, kind)]
    if (variable !== undefined) shapes.set(`variables.${variable}`, shapeOfExpression(expr, schemas, lookup, shapes))
    return warnings.map((warning) => ({ expression, kind, warning }))
  })
}

/** The places that a mutation writes and its kind does not have. */
function unknownTargets({ expr, patchType }: PolicyExpression, { schema, lookup }: KindSchema): readonly FieldPathWarning[] {
  if (patchType === undefined) return []
  return mutationPaths(expr, patchType).flatMap(({ pointer, start, end }): FieldPathWarning[] => {
    const keys = pointer.split('/').slice(1)
    const wrong = checkPointer(
      schema,
      lookup,
      keys.map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~')),
    )
    return wrong === undefined ? [] : [{ ...wrong, start, end, isTested: false }]
  })
}

/** A field that some of the matched kinds have is no typo; it is worth a word only where the policy relies on it for every kind. */
function isWorthAWord({ kind, warning }: Sighting, all: readonly Sighting[], matched: MatchedKinds, readsKind: boolean): boolean {
  const missing = new Set(all.filter((other) => other.warning.path === warning.path).map((other) => other.kind))
  if (matched.isAll && missing.size === matched.kinds.length) return true
  return !readsKind && !all.some((other) => other.kind === kind && other.warning.path === warning.path && other.warning.isTested)
}

/** Finds the fields that a policy's expressions read but the kinds it judges do not have, as far as their schemas are known. */
export function fieldIssues(policy: Policy, catalogue: SchemaCatalogue, servedVersions: ServedVersions): readonly CompileIssue[] {
  const matched = matchedKinds(policy, catalogue, servedVersions)
  if (matched.kinds.length === 0) return []
  const around = schemasAround(policy, catalogue)
  const expressions = expressionsOf(policy)
  const readsKind = expressions.some(({ source }) => READS_KIND.test(source))
  const all = matched.kinds.flatMap((kind) => sightingsOf(expressions, kind, around))
  const told = all.filter((sighting) => isWorthAWord(sighting, all, matched, readsKind))
  return expressions.flatMap((expression) =>
    issuesOf(
      policy,
      expression,
      told.filter((sighting) => sighting.expression === expression),
      matched,
    ),
  )
}

function issuesOf(policy: Policy, { path, source }: PolicyExpression, sightings: readonly Sighting[], { kinds }: MatchedKinds): CompileIssue[] {
  const groups = Map.groupBy(sightings, ({ warning: { start, message, suggestion = '' } }) => `${start} ${message} ${suggestion}`)
  const first = [...groups.values()].flatMap((group) => (group[0] === undefined ? [] : [{ warning: group[0].warning, group }]))
  return first
    .toSorted((a, b) => a.warning.start - b.warning.start)
    .map(({ warning, group }) => {
      const owner = ownerOf(policy, warning.path) ?? group.map(({ kind }) => nameOf(kind, kinds)).join(', ')
      const text = renderIssue(source, issueAt(source, 'UndefinedField', warning, `${warning.message} in ${owner}`, warning.suggestion))
      const [message = '', ...detail] = text.split('\n')
      return { code: 'UnknownField', severity: 'warning', policy: policy.metadata.name, path, message, detail: detail.join('\n') }
    })
}

/** The kind of what is read besides the object. */
function ownerOf({ spec }: Policy, path: string): string | undefined {
  const name = ROOT_OF_CONTEXT.exec(path)?.[1]
  if (name !== undefined) return spec.context.find((declaration) => declaration.name === name)?.kind
  return ROOT_OF_PARAMS.test(path) ? spec.paramKind?.kind : undefined
}

/** A kind's name, with its version where another one of that name is judged as well. */
function nameOf({ group, version, kind }: KindSchema, kinds: readonly KindSchema[]): string {
  const isUnique = kinds.filter((other) => other.kind === kind).length === 1
  return isUnique ? kind : `${kind} of ${group === '' ? version : `${group}/${version}`}`
}
