import { createHash } from 'node:crypto'
import { type Lane, namesResource, type RuleSet } from '../../rules/index.ts'
import {
  type Cell,
  cellsOf,
  correctedCellsOf,
  correctsIn,
  coversCell,
  inZone,
  isFailClosed,
  overlaps,
  partsOf,
  type ResourceFacts,
  shareVersion,
  type Zone,
} from './cells.ts'
import {
  DEFINITION_DELETION,
  labelChangeCondition,
  leftOutCondition,
  NOT_A_NAMESPACE,
  namespaceObjectCondition,
  noneOf,
  STANDING_EXCLUSION,
} from './conditions.ts'

/** A rule of a webhook entry, as `admissionregistration.k8s.io/v1` has it. */
export interface WebhookRule {
  readonly apiGroups: readonly string[]
  readonly apiVersions: readonly string[]
  readonly operations: readonly string[]
  readonly resources: readonly string[]
  readonly scope: 'Namespaced' | 'Cluster' | '*'
}

export interface SelectorRequirement {
  readonly key: string
  readonly operator: 'In' | 'NotIn'
  readonly values: readonly string[]
}

/** An entry of a ValidatingWebhookConfiguration, every field spelt out so that it can be compared with what is stored. */
export interface Webhook {
  readonly name: string
  readonly clientConfig: Readonly<Record<string, unknown>>
  readonly rules: readonly WebhookRule[]
  readonly failurePolicy: 'Fail' | 'Ignore'
  readonly matchPolicy: 'Equivalent' | 'Exact'
  readonly namespaceSelector: { readonly matchExpressions?: readonly SelectorRequirement[] }
  readonly objectSelector: Readonly<Record<string, never>>
  readonly sideEffects: 'None'
  readonly timeoutSeconds: number
  readonly admissionReviewVersions: readonly string[]
  readonly matchConditions?: readonly { readonly name: string; readonly expression: string }[]
  /** Of mutating entries only. */
  readonly reinvocationPolicy?: 'Never' | 'IfNeeded'
}

export interface RegistrationOptions {
  /** Empty for the instance that has no name of its own. */
  readonly instance: string
  /** Namespaces that `Fail` entries leave out. */
  readonly protectedNamespaces: readonly string[]
  readonly timeoutSeconds: number
  readonly clientConfig: (path: string) => Readonly<Record<string, unknown>>
  readonly facts: ResourceFacts
}

const LANES: readonly Lane[] = ['equivalent', 'any', 'exact']
const RESERVED: ReadonlySet<string> = new Set(['cluster', 'protected', 'guard', 'namespaces'])
const NAME_LABEL = 'kubernetes.io/metadata.name'

/** An environment's name as a part of a DNS name. */
function toSegment(environment: string): string {
  const plain = environment.toLowerCase().replace(/[^a-z0-9-]/g, '-')
  if (plain === environment && !RESERVED.has(plain) && !plain.startsWith('namespaces-')) return plain
  return `${plain}-${createHash('sha256').update(environment).digest('hex').slice(0, 6)}`
}

const cellKey = ({ lane, group, version, resource, scope, operation }: Cell): string => [lane, group, version, resource, scope, operation].join('|')

const unique = (cells: readonly Cell[]): Cell[] => [...new Map(cells.map((cell) => [cellKey(cell), cell])).values()]

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** Gathers cells into few rules: resources of one group and version that are wanted at the same operations stand together. */
export function toRules(cells: readonly Cell[]): WebhookRule[] {
  const operations = Map.groupBy(cells, ({ group, version, resource, scope }) => [group, version, resource, scope].join('|'))
  const resources = [...operations.values()].map((own) => {
    const [{ group = '', version = '', resource = '', scope = 'Namespaced' } = {}] = own
    return { group, version, resource, scope, operations: [...new Set(own.map(({ operation }) => operation))].sort() } as const
  })
  const rules = Map.groupBy(resources, ({ group, version, scope, operations: own }) => [group, version, scope, own.join(',')].join('|'))
  return [...rules]
    .sort(([a], [b]) => byText(a, b))
    .map(([, own]): WebhookRule => {
      const [{ group = '', version = '', scope = 'Namespaced', operations: wanted = [] } = {}] = own
      return { apiGroups: [group], apiVersions: [version], operations: wanted, resources: withoutCovered(own.map(({ resource }) => resource)).sort(), scope }
    })
}

/** The API server refuses a rule, and with it the whole configuration, that names beside a pattern what the pattern names already. */
function withoutCovered(resources: readonly string[]): string[] {
  return resources.filter((resource) => {
    const [name, subResource] = partsOf(resource)
    return !resources.some((pattern) => pattern !== resource && namesResource(pattern, name, subResource))
  })
}

/** Splits cells so that no entry asks for one resource in two versions: it would get one of them only, and policies on the other would be off. */
function splitByVersion(cells: readonly Cell[]): Cell[][] {
  const parts: Cell[][] = []
  for (const cell of [...cells].sort((a, b) => byText(cellKey(a), cellKey(b)))) {
    const fits = parts.find((part) => part.every((other) => other.version === cell.version || !overlaps({ ...other, operation: cell.operation }, cell)))
    if (fits === undefined) parts.push([cell])
    else fits.push(cell)
  }
  return parts
}

class RegistrationBuilder {
  readonly #ruleSet: RuleSet
  readonly #options: RegistrationOptions
  readonly #act: 'validate' | 'mutate'
  readonly #environments: readonly string[]
  readonly webhooks: Webhook[] = []

  constructor(ruleSet: RuleSet, options: RegistrationOptions, act: 'validate' | 'mutate') {
    this.#ruleSet = ruleSet
    this.#act = act
    this.#options = options
    this.#environments = ruleSet.profile.spec.environments.map(({ name }) => name)
  }

  #add(entry: {
    readonly name: string
    readonly path: string
    readonly rules: readonly WebhookRule[]
    readonly failurePolicy: 'Fail' | 'Ignore'
    readonly isExact?: boolean
    readonly selector?: readonly SelectorRequirement[]
    readonly conditions: readonly { readonly name: string; readonly expression: string }[]
  }): void {
    const { instance, timeoutSeconds, clientConfig } = this.#options
    const { selector = [], conditions } = entry
    this.webhooks.push({
      name: `bylaw-${instance === '' ? '' : `${instance}-`}${entry.name}.${this.#act}.bylaw.dev`,
      clientConfig: clientConfig(entry.path),
      rules: entry.rules,
      failurePolicy: entry.failurePolicy,
      matchPolicy: entry.isExact === true ? 'Exact' : 'Equivalent',
      namespaceSelector: selector.length === 0 ? {} : { matchExpressions: selector },
      objectSelector: {},
      sideEffects: 'None',
      timeoutSeconds,
      admissionReviewVersions: ['v1'],
      ...(conditions.length === 0 ? {} : { matchConditions: conditions }),
      // What others change after a correction may need correction again.
      ...(this.#act === 'mutate' ? { reinvocationPolicy: 'IfNeeded' as const } : {}),
    })
  }

  #isDefault(environment: string): boolean {
    return environment === this.#ruleSet.profile.spec.defaultEnvironment
  }

  #others(environment: string): readonly string[] {
    return this.#environments.filter((name) => name !== environment)
  }

  #environmentSelector(environment: string): SelectorRequirement[] {
    const key = this.#ruleSet.profile.spec.namespaceLabel
    if (!this.#isDefault(environment)) return [{ key, operator: 'In', values: [environment] }]
    const others = this.#others(environment)
    return others.length === 0 ? [] : [{ key, operator: 'NotIn', values: others }]
  }

  #zoneFilter(zone: Zone): { readonly selector: SelectorRequirement[]; readonly conditions: { readonly name: string; readonly expression: string }[] } {
    switch (zone.kind) {
      case 'environment':
        return { selector: this.#environmentSelector(zone.environment), conditions: [] }
      case 'cluster':
        return { selector: [], conditions: [{ name: 'not-a-namespace', expression: NOT_A_NAMESPACE }] }
      case 'namespaces': {
        const { namespaceLabel } = this.#ruleSet.profile.spec
        const others = this.#isDefault(zone.environment) ? this.#others(zone.environment) : undefined
        return { selector: [], conditions: [{ name: 'environment', expression: namespaceObjectCondition(namespaceLabel, zone.environment, others) }] }
      }
    }
  }

  #zoneName(zone: Zone): string {
    switch (zone.kind) {
      case 'environment':
        return toSegment(zone.environment)
      case 'cluster':
        return 'cluster'
      case 'namespaces':
        return `namespaces-${toSegment(zone.environment)}`
    }
  }

  #addParts(
    zone: Zone,
    lane: Lane,
    failurePolicy: 'Fail' | 'Ignore',
    cells: readonly Cell[],
    extra: {
      /** What tells the entry from the others of its zone. */
      readonly title: string
      readonly selector: readonly SelectorRequirement[]
      readonly conditions: (part: readonly Cell[]) => readonly { readonly name: string; readonly expression: string }[]
    },
  ): void {
    const { selector, conditions } = this.#zoneFilter(zone)
    const kind = failurePolicy.toLowerCase()
    for (const [index, part] of splitByVersion(cells).entries()) {
      const name = `${this.#zoneName(zone)}-${extra.title}${lane === 'equivalent' ? '' : `-${lane}`}${index === 0 ? '' : `-${index + 1}`}`
      this.#add({
        name,
        path: `/${this.#act}/${kind}/${lane}`,
        rules: toRules(part),
        failurePolicy,
        isExact: lane === 'exact',
        selector: [...selector, ...extra.selector],
        conditions: [...conditions, ...extra.conditions(part)],
      })
    }
  }

  addZone(zone: Zone): void {
    const { facts, protectedNamespaces } = this.#options
    const wanted = this.#ruleSet.policies.flatMap((policy) => {
      const isMutating = this.#act === 'mutate'
      if (isMutating && !correctsIn(policy, zone, this.#ruleSet)) return []
      // Where a rule would catch what was not corrected, the validating entry is the fence.
      const isFail = isFailClosed(policy, zone, this.#ruleSet) && (!isMutating || policy.rules.length === 0)
      return (isMutating ? correctedCellsOf : cellsOf)(policy, facts).flatMap((cell) => {
        const placed = inZone(cell, zone)
        return placed === undefined ? [] : [{ cell: placed, isFail }]
      })
    })
    for (const lane of LANES) {
      const own = wanted.filter(({ cell }) => cell.lane === lane)
      const fail = unique(own.filter(({ isFail }) => isFail).map(({ cell }) => cell))
      const ignore = unique(own.filter(({ isFail }) => !isFail).map(({ cell }) => cell)).filter((cell) => !fail.some((other) => coversCell(other, cell)))
      // In another version than the part asks for, the object is another call's: there the part must not be left out.
      const overlapping = (part: readonly Cell[]): readonly Cell[] =>
        fail.filter((cell) => part.some((other) => shareVersion(cell, other) && overlaps(cell, other)))
      const isInNamespaces = zone.kind === 'environment' && protectedNamespaces.length > 0
      this.#addParts(zone, lane, 'Fail', fail, {
        title: 'fail',
        selector: isInNamespaces ? [{ key: NAME_LABEL, operator: 'NotIn', values: protectedNamespaces }] : [],
        conditions: () => [{ name: 'standing-exclusion', expression: `!(${STANDING_EXCLUSION})` }],
      })
      // What the `Fail` entry leaves out is still judged while Bylaw is up.
      const leftOut = zone.kind === 'environment' ? leftOutCondition(protectedNamespaces) : STANDING_EXCLUSION
      this.#addParts(zone, lane, 'Ignore', fail, {
        title: 'left-out',
        selector: [],
        conditions: () => [{ name: 'left-out-of-the-fail-entry', expression: leftOut }],
      })
      this.#addParts(zone, lane, 'Ignore', ignore, {
        title: 'ignore',
        selector: [],
        conditions: (part) => {
          const cells = overlapping(part)
          return cells.length === 0 ? [] : [{ name: 'not-in-the-fail-entry', expression: noneOf(cells) }]
        },
      })
    }
  }

  addGuards(): void {
    const { namespaceLabel, protectedNamespaceLabels } = this.#ruleSet.profile.spec
    const all = ['CREATE', 'UPDATE']
    this.#add({
      name: 'guard-definitions',
      path: '/guard/definitions',
      rules: [{ apiGroups: ['apiextensions.k8s.io'], apiVersions: ['v1'], operations: ['DELETE'], resources: ['customresourcedefinitions'], scope: 'Cluster' }],
      failurePolicy: 'Fail',
      conditions: [{ name: 'own-definition', expression: DEFINITION_DELETION }],
    })
    this.#add({
      name: 'guard-environment',
      path: '/guard/environment',
      rules: [
        { apiGroups: [''], apiVersions: ['v1'], operations: all, resources: ['namespaces', 'namespaces/finalize', 'namespaces/status'], scope: 'Cluster' },
      ],
      failurePolicy: 'Fail',
      conditions: [{ name: 'label-changes', expression: labelChangeCondition([namespaceLabel, ...protectedNamespaceLabels]) }],
    })
    const own = (resources: readonly string[], operations: readonly string[], scope: 'Cluster' | 'Namespaced'): WebhookRule => ({
      apiGroups: ['bylaw.dev'],
      apiVersions: ['v1'],
      operations,
      resources,
      scope,
    })
    this.#add({
      name: 'guard-resources',
      path: '/guard/resources',
      rules: [
        own(['policies'], all, 'Cluster'),
        own(['enforcementprofiles'], [...all, 'DELETE'].sort(), 'Cluster'),
        own(['policyexceptions'], all, 'Namespaced'),
      ],
      failurePolicy: 'Ignore',
      conditions: [],
    })
  }

  zones(): Zone[] {
    return [
      ...this.#environments.map((environment): Zone => ({ kind: 'environment', environment })),
      { kind: 'cluster' },
      ...this.#environments.map((environment): Zone => ({ kind: 'namespaces', environment })),
    ]
  }
}

/** The mutating entries: the one that puts the stamps of approvals on exceptions, and those by which policies at level `Correct` correct objects. */
export function computeMutatingWebhooks(ruleSet: RuleSet, options: RegistrationOptions): readonly Webhook[] {
  const { instance, timeoutSeconds, clientConfig } = options
  const builder = new RegistrationBuilder(ruleSet, options, 'mutate')
  for (const zone of builder.zones()) builder.addZone(zone)
  return [
    {
      name: `bylaw-${instance === '' ? '' : `${instance}-`}stamp-exceptions.mutate.bylaw.dev`,
      clientConfig: clientConfig('/stamp/exceptions'),
      rules: [{ apiGroups: ['bylaw.dev'], apiVersions: ['v1'], operations: ['CREATE', 'UPDATE'], resources: ['policyexceptions'], scope: 'Namespaced' }],
      failurePolicy: 'Ignore',
      matchPolicy: 'Equivalent',
      namespaceSelector: {},
      objectSelector: {},
      sideEffects: 'None',
      timeoutSeconds,
      admissionReviewVersions: ['v1'],
      reinvocationPolicy: 'Never',
    },
    ...builder.webhooks,
  ]
}

/** Works out the entries that the API server needs to have for a rule set: few, and as narrow as they can be. */
export function computeWebhooks(ruleSet: RuleSet, options: RegistrationOptions): readonly Webhook[] {
  const builder = new RegistrationBuilder(ruleSet, options, 'validate')
  builder.addGuards()
  for (const zone of builder.zones()) builder.addZone(zone)
  return builder.webhooks
}
