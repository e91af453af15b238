import type { z } from 'zod'
import { ENFORCEMENT_LEVELS, LEVELS_EXPLAINED, owner, resource, SEVERITIES, shortName } from './common.ts'
import { matchConstraints } from './match.ts'
import { flag, keyedList, line, list, object, objectWithDefaults, oneOf, optional, type SchemaRule, set, text } from './node.ts'
import { expression, labelSelector, matchCondition, NAME_LENGTH, PATTERNS } from './text.ts'

const control = object('A requirement of a control framework that the policy helps to meet.', {
  framework: line('Name of the framework, such as `NIST-800-53r5`.', { max: NAME_LENGTH }),
  id: line('Identifier of the control in the framework, such as `AC-6`.', { max: NAME_LENGTH }),
})

const paramKind = object(
  'Kind of the resource that holds parameters. Expressions see it as `params`. It goes together with `paramRef`.',
  {
    apiVersion: text('API version of the kind, such as `v1` or `example.com/v1`.', { max: 317 }),
    kind: text('The kind, such as `ConfigMap`. A Secret cannot hold parameters.', { max: NAME_LENGTH, pattern: PATTERNS.kind }),
  },
  [
    {
      rule: "!(self.apiVersion == 'v1' && self.kind == 'Secret')",
      message: 'a Secret cannot be a parameter',
      holds: ({ apiVersion, kind }) => !(apiVersion === 'v1' && kind === 'Secret'),
    },
  ],
)

const paramRef = object(
  'Which objects of `paramKind` hold the parameters. With several the policy is evaluated once for each.',
  {
    name: optional(text('Name of the object. Exactly one of `name` and `selector` must be set.', { max: 253, pattern: PATTERNS.name })),
    namespace: optional(
      text('Namespace of the object. Left out, a namespaced kind is looked up in the namespace of the object that is judged.', {
        max: NAME_LENGTH,
        pattern: PATTERNS.ruleName,
      }),
    ),
    selector: optional(labelSelector('Labels of the objects. Exactly one of `name` and `selector` must be set.')),
    parameterNotFoundAction: oneOf(
      'What happens when there is no such object: `Allow` lets the request pass, `Deny` makes the policy one that cannot be evaluated, for which `failurePolicy` decides.',
      ['Allow', 'Deny'],
    ),
  },
  [
    {
      rule: 'has(self.name) != has(self.selector)',
      message: 'set exactly one of `name` and `selector`',
      holds: ({ name, selector }) => (name === undefined) !== (selector === undefined),
    },
  ],
)

const CONTEXT_NAMES = 64

const context = object(
  'Other objects that the policy reads. They come from a cache that is kept up to date by a watch; where they are not known, the rules that read them cannot be evaluated, for which `failurePolicy` decides.',
  {
    name: text('Name of the list, a CEL identifier: expressions read it as `context.<name>`.', { max: NAME_LENGTH, pattern: PATTERNS.identifier }),
    apiVersion: text('API version of the kind, such as `v1` or `policy/v1`.', { max: 317 }),
    kind: text('The kind, such as `PodDisruptionBudget`. A Secret cannot be read.', { max: NAME_LENGTH, pattern: PATTERNS.kind }),
    namespace: optional(
      text(
        'Where the objects are: `Request` for the namespace of the request (for a Namespace: itself), or the name of one namespace. Left out, all objects of the cluster.',
        { max: NAME_LENGTH, pattern: PATTERNS.contextNamespace },
      ),
    ),
    selector: optional(labelSelector('Labels of the objects. Left out, all.')),
    names: optional(set('Names of the objects. Left out, all.', text('A name.', { max: 253, pattern: PATTERNS.name }), { min: 1, max: CONTEXT_NAMES })),
  },
  [
    {
      rule: "!(self.apiVersion == 'v1' && self.kind == 'Secret')",
      message: 'a Secret cannot be read as context',
      at: 'kind',
      holds: ({ apiVersion, kind }) => !(apiVersion === 'v1' && kind === 'Secret'),
    },
  ],
)

const variable = object('A named expression that later expressions use as `variables.<name>`.', {
  name: text('Name of the variable, a CEL identifier.', { max: NAME_LENGTH, pattern: PATTERNS.identifier }),
  expression: expression('CEL expression. It sees the variables before it.'),
})

const ruleName = (description: string) => text(description, { max: NAME_LENGTH, pattern: PATTERNS.ruleName })

const validation = objectWithDefaults(
  'A condition that a good object meets.',
  {
    name: optional(
      ruleName(
        'Name of the rule, by which exceptions, reports and metrics know it. It must be unique in the policy. A rule without a name is called `rule-<n>`, `n` being its place in the list from 1; give names, since places change.',
      ),
    ),
    expression: expression(
      'CEL expression that is true for a good object. It sees `object`, `oldObject`, `request`, `namespaceObject`, `variables` and, where the policy declares them, `params` and `context`.',
    ),
    message: optional(
      line('What is wrong when the expression is false, in one line, for the person who is refused. Left out, it tells the expression that failed.', {
        max: 512,
      }),
    ),
    messageExpression: optional(expression('CEL expression that gives the message. Where it fails or gives an empty text, `message` is used.')),
    reason: optional(
      oneOf(
        'Accepted, so that a ValidatingAdmissionPolicy can be pasted, and without effect: a refusal of Bylaw always has the reason `Forbidden`, with which kubectl prints the whole message.',
        ['Unauthorized', 'Forbidden', 'Invalid', 'RequestEntityTooLarge'],
      ),
    ),
    showValues: optional(
      flag(
        'Whether any text that the rule saw may be shown and recorded. Otherwise only numbers, names, images and other harmless values are, and of other texts only the length.',
      ),
    ),
  },
  { showValues: false },
)

const patchExpression = (description: string, gives: string) => object(description, { expression: expression(gives) })

const mutation = objectWithDefaults(
  'A change that makes a bad object good. It is applied at the level `Correct` before the object is judged, and shown as the suggested fix below it. The mutations of a policy are applied all together or not at all. None may change what an object is called, its owners or its status.',
  {
    name: optional(
      ruleName(
        'Name of the mutation. It must be unique in the policy, validations included. A mutation without a name is called `mutation-<n>`, `n` being its place in the list from 1.',
      ),
    ),
    operations: optional(
      set(
        'Operations at which the mutation is applied. At `UPDATE` it is applied only where it touches what the request changes; fields that the API server keeps as they are, such as the spec of a Pod, cannot be corrected there.',
        oneOf('An operation.', ['CREATE', 'UPDATE']),
        { min: 1, max: 2 },
      ),
    ),
    templates: optional(
      oneOf(
        'What happens to the pod template of a workload. `Virtual` judges the corrected template, suggests the change and leaves the stored template as it is; the Pods are corrected when they are made. `Apply` changes the stored template.',
        ['Virtual', 'Apply'],
      ),
    ),
    patchType: oneOf('Form of the change: it names the member to set, `jsonPatch` or `applyConfiguration`.', ['JSONPatch', 'ApplyConfiguration']),
    jsonPatch: optional(patchExpression('The change as a JSON patch.', 'CEL expression that gives a list of `JSONPatch` operations.')),
    applyConfiguration: optional(
      patchExpression(
        'The change as an apply configuration. It is merged into the object field by field, and into lists of built-in kinds by their keys, such as `containers` by name; a list without keys cannot be set this way.',
        'CEL expression that gives an `Object` with the fields to set.',
      ),
    ),
  },
  { operations: ['CREATE'], templates: 'Virtual' },
  [
    {
      rule: "self.patchType == 'JSONPatch' ? has(self.jsonPatch) && !has(self.applyConfiguration) : has(self.applyConfiguration) && !has(self.jsonPatch)",
      message: 'set exactly the member that `patchType` names',
      holds: ({ patchType, jsonPatch, applyConfiguration }) =>
        patchType === 'JSONPatch' ? jsonPatch !== undefined && applyConfiguration === undefined : applyConfiguration !== undefined && jsonPatch === undefined,
    },
  ],
)

interface MaybeNamed {
  readonly name?: string
}

const givenNames = (items: readonly MaybeNamed[] = []): string[] => items.flatMap(({ name }) => name ?? [])

const uniqueNames: SchemaRule<MaybeNamed[]> = {
  rule: 'self.all(v, !has(v.name) || self.exists_one(w, has(w.name) && w.name == v.name))',
  message: 'a rule name must be unique in the policy',
  holds: (self) => new Set(givenNames(self)).size === givenNames(self).length,
}

/** Names that stand for a place in the list must not be given to something else. */
const reservedNames = (prefix: string): SchemaRule<MaybeNamed[]> => ({
  rule: `self.all(v, has(v.name)) || self.all(v, !has(v.name) || !v.name.matches('^${prefix}-[0-9]+$'))`,
  message: `names of the form \`${prefix}-<n>\` stand for the ones without a name: name all, or choose another name`,
  holds: (self) => self.every(({ name }) => name !== undefined) || !givenNames(self).some((name) => new RegExp(`^${prefix}-[0-9]+$`).test(name)),
})

const nameByPlace =
  (prefix: string) =>
  <T extends MaybeNamed>(items: readonly T[]) =>
    items.map((item, index) => ({ ...item, name: item.name ?? `${prefix}-${index + 1}` }))

const validations = list('Conditions that a good object meets. All are judged, and all that fail are told.', validation, { max: 64 }, [
  uniqueNames,
  reservedNames('rule'),
]).transform(nameByPlace('rule'))

const mutations = list('Changes that make a bad object good, applied in this order.', mutation, { max: 16 }, [
  uniqueNames,
  reservedNames('mutation'),
]).transform(nameByPlace('mutation'))

const environmentLevel = object('The level of this policy in one environment.', {
  name: text('Name of the environment, as the EnforcementProfile has it.', { max: NAME_LENGTH, pattern: PATTERNS.labelValue }),
  level: oneOf(`What a violation does there. ${LEVELS_EXPLAINED}`, ENFORCEMENT_LEVELS),
})

const enforcement = objectWithDefaults(
  'How strictly the policy is enforced. Left out, the EnforcementProfile decides by the severity of the policy and the environment of the namespace.',
  {
    environments: optional(
      keyedList(
        'Levels of this policy in single environments. An environment that is not listed has the level that the EnforcementProfile gives to the severity.',
        environmentLevel,
        ['name'],
        {
          max: 16,
        },
      ),
    ),
    existingViolations: optional(
      oneOf(
        'What happens when an object that violates the policy already is changed. `Allow` lets the change pass with a warning as long as it makes nothing worse; `Enforce` judges it like a new object.',
        ['Allow', 'Enforce'],
      ),
    ),
  },
  { environments: [], existingViolations: 'Allow' },
)

const HOUR_MS = 3_600_000
const UNIT_MS: ReadonlyMap<string | undefined, number> = new Map([
  ['h', HOUR_MS],
  ['m', 60_000],
  ['s', 1_000],
])

/** Reads a duration of hours, minutes and seconds; one that is not such a duration has length 0. */
export const durationMs = (value: string): number =>
  [...value.matchAll(/([0-9]+)(h|m|s)/g)].reduce((sum, [, count, unit]) => sum + Number(count) * (UNIT_MS.get(unit) ?? 0), 0)

const MAX_DURATION_MS = 8784 * HOUR_MS
const isDuration = new RegExp(PATTERNS.duration.expression)
const isInRange = (lengthMs: number): boolean => lengthMs > 0 && lengthMs <= MAX_DURATION_MS

const exceptions = objectWithDefaults(
  'Whether and for how long PolicyExceptions may waive violations of this policy.',
  {
    allowed: optional(flag('Whether there may be exceptions at all.')),
    maxDuration: optional(
      text('Longest time that an exception counts after its approval, such as `720h`; at most `8784h` (366 days). One that asks for longer is cut short.', {
        max: 16,
        pattern: PATTERNS.duration,
      }),
    ),
  },
  { allowed: true, maxDuration: '720h' },
  [
    {
      rule: "!has(self.maxDuration) || (duration(self.maxDuration) > duration('0s') && duration(self.maxDuration) <= duration('8784h'))",
      message: '`maxDuration` must be more than 0 and at most 8784h (366 days)',
      at: 'maxDuration',
      holds: ({ maxDuration }) => maxDuration === undefined || !isDuration.test(maxDuration) || isInRange(durationMs(maxDuration)),
    },
    {
      rule: '!has(self.allowed) || self.allowed || !has(self.maxDuration)',
      message: '`maxDuration` has no meaning when exceptions are not allowed',
      at: 'maxDuration',
      holds: ({ allowed = true, maxDuration }) => allowed || maxDuration === undefined,
    },
  ],
)

const evaluation = objectWithDefaults(
  'Where the policy is evaluated.',
  {
    admission: optional(flag('Whether requests are judged when they reach the API server.')),
    background: optional(flag('Whether objects that exist already are scanned.')),
  },
  { admission: true, background: true },
  [
    {
      rule: '(has(self.admission) ? self.admission : true) || (has(self.background) ? self.background : true)',
      message: 'a policy must be evaluated in admission, in the background, or both',
      holds: ({ admission = true, background = true }) => admission || background,
    },
  ],
)

const auditAnnotation = object('An audit annotation of a ValidatingAdmissionPolicy.', {
  key: text('Key of the annotation.', { max: 317, pattern: PATTERNS.qualifiedName }),
  valueExpression: expression('CEL expression that gives the value, or null for no annotation.'),
})

const spec = objectWithDefaults(
  'What the policy asks for, of which objects, and what a violation does.',
  {
    title: line('What the policy asks for, in a few words. It is shown to the person who is refused.', { max: 128 }),
    description: optional(text('What the policy asks for, at length.', { max: 4096 })),
    owner: owner('Who answers for the policy. There is no policy without an owner. The contact is shown to the person who is refused.'),
    severity: oneOf('How bad a violation is. With the environment it decides the level of enforcement, unless `enforcement` does.', SEVERITIES),
    category: optional(line('Topic that the policy belongs to, such as `pod-security`.', { max: NAME_LENGTH })),
    controls: optional(keyedList('Requirements of control frameworks that the policy helps to meet.', control, ['framework', 'id'], { max: 64 })),
    rationale: optional(text('Why the policy exists.', { max: 4096 })),
    remediation: text('What to do about a violation. It is shown to the person who is refused.', { max: 1024 }),
    matchConstraints,
    podTemplates: optional(
      oneOf(
        'Applies when a rule names `pods`. `Include` also judges the pod templates of workloads (Deployments, Jobs and the like) as if they were Pods, and the subresources `ephemeralcontainers` and `resize`; `Ignore` judges only what `matchConstraints` names.',
        ['Include', 'Ignore'],
      ),
    ),
    matchConditions: optional(
      keyedList(
        'Conditions on the request as a whole: where one is false, the policy does not apply. A policy whose conditions read `request` cannot be scanned in the background, and its status says so.',
        matchCondition,
        ['name'],
        { max: 64 },
      ),
    ),
    paramKind: optional(paramKind),
    paramRef: optional(paramRef),
    context: optional(keyedList('Other objects that expressions read, as lists `context.<name>` by namespace and name.', context, ['name'], { max: 8 })),
    variables: optional(keyedList('Named expressions for use in later ones, evaluated when they are first used.', variable, ['name'], { max: 64 })),
    validations: optional(validations),
    auditAnnotations: optional(
      keyedList(
        'Accepted and checked, so that a ValidatingAdmissionPolicy can be pasted, and without effect: Bylaw writes audit annotations of its own.',
        auditAnnotation,
        ['key'],
        { max: 20 },
      ),
    ),
    mutations: optional(mutations),
    reinvocationPolicy: optional(
      oneOf(
        'Accepted, so that a MutatingAdmissionPolicy can be pasted, and without effect: Bylaw lets the API server call it again whenever another webhook changed the object.',
        ['Never', 'IfNeeded'],
      ),
    ),
    failurePolicy: optional(
      oneOf('What a rule that cannot be evaluated does at the levels `Deny` and `Correct`: `Fail` refuses the request, `Ignore` lets it pass with a warning.', [
        'Fail',
        'Ignore',
      ]),
    ),
    enforcement: optional(enforcement),
    exceptions: optional(exceptions),
    evaluation: optional(evaluation),
  },
  {
    controls: [],
    podTemplates: 'Include',
    matchConditions: [],
    context: [],
    variables: [],
    validations: [],
    auditAnnotations: [],
    mutations: [],
    failurePolicy: 'Fail',
    enforcement: enforcement.parse({}),
    exceptions: exceptions.parse({}),
    evaluation: evaluation.parse({}),
  },
  [
    {
      rule: '(has(self.validations) && self.validations.size() > 0) || (has(self.mutations) && self.mutations.size() > 0)',
      message: 'a policy needs at least one validation or mutation',
      holds: ({ validations = [], mutations = [] }) => validations.length + mutations.length > 0,
    },
    {
      rule: 'has(self.paramKind) == has(self.paramRef)',
      message: 'set `paramKind` and `paramRef` together',
      holds: ({ paramKind, paramRef }) => (paramKind === undefined) === (paramRef === undefined),
    },
    {
      rule: '!has(self.validations) || !has(self.mutations) || self.mutations.all(m, !has(m.name) || !self.validations.exists(v, has(v.name) && v.name == m.name))',
      message: 'a rule name must be unique across validations and mutations',
      holds: ({ validations = [], mutations = [] }) => mutations.every((mutation) => !validations.some(({ name }) => name === mutation.name)),
    },
    {
      rule: "!has(self.enforcement) || !has(self.enforcement.environments) || !self.enforcement.environments.exists(e, e.level == 'Correct') || (has(self.mutations) && self.mutations.size() > 0)",
      message: 'level `Correct` needs at least one mutation',
      at: 'enforcement',
      holds: ({ enforcement, mutations = [] }) => mutations.length > 0 || enforcement?.environments.every(({ level }) => level !== 'Correct') !== false,
    },
  ],
)

/** The schema of a Policy: the CRD, the type, the parser and the reference all come from it. */
export const policySchema = resource(
  'Policy',
  'A rule of the house for the objects of a cluster, with its owner, its reason and how strictly it is enforced.',
  spec,
  shortName("a policy's"),
)

/** A Policy as it is when all defaults are filled in. */
export type ParsedPolicy = z.output<typeof policySchema>
