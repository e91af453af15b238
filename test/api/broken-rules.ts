import { exception, type Json, lax, many, podRule, policy, profile, strict } from './resources.ts'

/** A resource with one mistake, and what its author reads. */
export interface BadResource {
  readonly resource: Json
  readonly path: string
  readonly message: string
  /** `RuleBroken` unless told. */
  readonly code?: string
  /** What the API server says where those are not our words. */
  readonly server?: string
}

const long = (length: number): string => 'x'.repeat(length)
const constraints = (rule: Json): Json => ({ matchConstraints: { resourceRules: [{ ...podRule, ...rule }] } })
const validation = (fields: Json): Json => ({ validations: [{ name: 'a', expression: 'true', ...fields }] })
const mutation = (fields: Json): Json => ({ validations: undefined, mutations: [{ name: 'm', patchType: 'JSONPatch', ...fields }] })
const patch = { jsonPatch: { expression: '[]' } }
const params = { paramKind: { apiVersion: 'v1', kind: 'ConfigMap' }, paramRef: { name: 'limits', parameterNotFoundAction: 'Deny' } }
const waiver = (rules: readonly string[]): Json => ({ policies: [{ name: 'p', rules }] })
const environments = (dev: Json, prod: Json): Json => ({
  environments: [
    { name: 'dev', levels: dev },
    { name: 'prod', levels: prod },
  ],
})
const RULE = 'spec.matchConstraints.resourceRules[0]'

const laxDefault = (severity: string): BadResource => ({
  resource: profile(environments({ ...lax, [severity]: 'Correct' }, strict)),
  path: 'spec.environments',
  message: `the default environment must be at least as strict as every other for severity \`${severity}\`, unless \`allowLaxDefault\` is true`,
})

/** One entry for every rule of the CRDs, by what is wrong. */
export const BROKEN_RULES: Readonly<Record<string, BadResource>> = {
  'a policy with a name of 64 characters': {
    resource: policy({}, { name: long(64) }),
    path: 'metadata.name',
    message: "a policy's name must be at most 63 characters: it is a label value in reports and metrics",
  },
  'an exception with a name of 64 characters': {
    resource: exception({}, { name: long(64) }),
    path: 'metadata.name',
    message: "an exception's name must be at most 63 characters: it is a label value in reports and metrics",
  },
  'a profile of another name': {
    resource: profile({}, { name: 'mine' }),
    path: 'metadata.name',
    message: 'the enforcement profile must be named `default`',
  },
  'a policy without a rule': {
    resource: policy({ validations: undefined }),
    path: 'spec',
    message: 'a policy needs at least one validation or mutation',
  },
  'a policy with empty lists of rules': {
    resource: policy({ validations: [], mutations: [] }),
    path: 'spec',
    message: 'a policy needs at least one validation or mutation',
  },
  'a kind of parameters without a reference': {
    resource: policy({ paramKind: params.paramKind }),
    path: 'spec',
    message: 'set `paramKind` and `paramRef` together',
  },
  'a reference to parameters without a kind': {
    resource: policy({ paramRef: params.paramRef }),
    path: 'spec',
    message: 'set `paramKind` and `paramRef` together',
  },
  'a Secret as parameters': {
    resource: policy({ ...params, paramKind: { apiVersion: 'v1', kind: 'Secret' } }),
    path: 'spec.paramKind',
    message: 'a Secret cannot be a parameter',
  },
  'a Secret as context': {
    resource: policy({ context: [{ name: 'secrets', apiVersion: 'v1', kind: 'Secret' }] }),
    path: 'spec.context[0].kind',
    message: 'a Secret cannot be read as context',
  },
  'parameters by name and by selector': {
    resource: policy({ ...params, paramRef: { ...params.paramRef, selector: {} } }),
    path: 'spec.paramRef',
    message: 'set exactly one of `name` and `selector`',
  },
  'parameters by nothing': {
    resource: policy({ ...params, paramRef: { parameterNotFoundAction: 'Allow' } }),
    path: 'spec.paramRef',
    message: 'set exactly one of `name` and `selector`',
  },
  'two validations of one name': {
    resource: policy({ validations: many(2, () => ({ name: 'a', expression: 'true' })) }),
    path: 'spec.validations',
    message: 'a rule name must be unique in the policy',
  },
  'two mutations of one name': {
    resource: policy({ mutations: many(2, () => ({ name: 'm', patchType: 'JSONPatch', ...patch })) }),
    path: 'spec.mutations',
    message: 'a rule name must be unique in the policy',
  },
  'a validation and a mutation of one name': {
    resource: policy({ mutations: [{ name: 'run-as-non-root', patchType: 'JSONPatch', ...patch }] }),
    path: 'spec',
    message: 'a rule name must be unique across validations and mutations',
  },
  'a name that a nameless validation could have': {
    resource: policy({ validations: [{ expression: 'true' }, { name: 'rule-1', expression: 'true' }] }),
    path: 'spec.validations',
    message: 'names of the form `rule-<n>` stand for the ones without a name: name all, or choose another name',
  },
  'a name that a nameless mutation could have': {
    resource: policy({
      mutations: [
        { patchType: 'JSONPatch', ...patch },
        { name: 'mutation-7', patchType: 'JSONPatch', ...patch },
      ],
    }),
    path: 'spec.mutations',
    message: 'names of the form `mutation-<n>` stand for the ones without a name: name all, or choose another name',
  },
  'level Correct without a mutation': {
    resource: policy({ enforcement: { environments: [{ name: 'prod', level: 'Correct' }] } }),
    path: 'spec.enforcement',
    message: 'level `Correct` needs at least one mutation',
  },
  '* among API groups': { resource: policy(constraints({ apiGroups: ['', '*'] })), path: `${RULE}.apiGroups`, message: '`*` must be the only API group' },
  '* among versions': { resource: policy(constraints({ apiVersions: ['*', 'v1'] })), path: `${RULE}.apiVersions`, message: '`*` must be the only API version' },
  '* among operations': {
    resource: policy(constraints({ operations: ['*', 'CREATE'] })),
    path: `${RULE}.operations`,
    message: '`*` must be the only operation',
  },
  '*/* among resources': {
    resource: policy(constraints({ resources: ['pods', '*/*'] })),
    path: `${RULE}.resources`,
    message: '`*/*` must be the only resource',
  },
  '* beside a resource': {
    resource: policy(constraints({ resources: ['*', 'pods'] })),
    path: `${RULE}.resources`,
    message: 'beside `*` only subresources can be named',
  },
  '* among API groups of an exclusion': {
    resource: policy({ matchConstraints: { excludeResourceRules: [{ ...podRule, apiGroups: ['*', 'apps'] }] } }),
    path: 'spec.matchConstraints.excludeResourceRules[0].apiGroups',
    message: '`*` must be the only API group',
  },
  'a selector whose key is not one of a label': {
    resource: policy({ matchConstraints: { objectSelector: { matchLabels: { 'a b': 'c' } } } }),
    path: 'spec.matchConstraints.objectSelector.matchLabels',
    message: 'a key is not a label key',
  },
  'a requirement In without values': {
    resource: policy({ matchConstraints: { namespaceSelector: { matchExpressions: [{ key: 'a', operator: 'In' }] } } }),
    path: 'spec.matchConstraints.namespaceSelector.matchExpressions[0]',
    message: '`In` and `NotIn` need `values`; `Exists` and `DoesNotExist` must have none',
  },
  'a requirement Exists with values': {
    resource: policy({ matchConstraints: { namespaceSelector: { matchExpressions: [{ key: 'a', operator: 'Exists', values: ['b'] }] } } }),
    path: 'spec.matchConstraints.namespaceSelector.matchExpressions[0]',
    message: '`In` and `NotIn` need `values`; `Exists` and `DoesNotExist` must have none',
  },
  'a message of two lines': {
    resource: policy(validation({ message: 'one\ntwo' })),
    path: 'spec.validations[0].message',
    message: 'must be one line without control characters',
  },
  'a title with a control character': {
    resource: policy({ title: 'a\u0007b' }),
    path: 'spec.title',
    message: 'must be one line without control characters',
  },
  'a JSON patch that is not there': {
    resource: policy(mutation({})),
    path: 'spec.mutations[0]',
    message: 'set exactly the member that `patchType` names',
  },
  'a JSON patch called an apply configuration': {
    resource: policy(mutation({ ...patch, patchType: 'ApplyConfiguration' })),
    path: 'spec.mutations[0]',
    message: 'set exactly the member that `patchType` names',
  },
  'both forms of a change': {
    resource: policy(mutation({ ...patch, applyConfiguration: { expression: 'Object{}' } })),
    path: 'spec.mutations[0]',
    message: 'set exactly the member that `patchType` names',
  },
  'exceptions for 367 days': {
    resource: policy({ exceptions: { maxDuration: '8784h1s' } }),
    path: 'spec.exceptions.maxDuration',
    message: '`maxDuration` must be more than 0 and at most 8784h (366 days)',
  },
  'exceptions for no time': {
    resource: policy({ exceptions: { maxDuration: '0h0s' } }),
    path: 'spec.exceptions.maxDuration',
    message: '`maxDuration` must be more than 0 and at most 8784h (366 days)',
  },
  'a duration of exceptions that are not allowed': {
    resource: policy({ exceptions: { allowed: false, maxDuration: '1h' } }),
    path: 'spec.exceptions.maxDuration',
    message: '`maxDuration` has no meaning when exceptions are not allowed',
  },
  'a policy that is evaluated nowhere': {
    resource: policy({ evaluation: { admission: false, background: false } }),
    path: 'spec.evaluation',
    message: 'a policy must be evaluated in admission, in the background, or both',
  },
  'an end before all time': {
    resource: exception({ expiresAt: '1969-12-31T23:59:59Z' }),
    path: 'spec.expiresAt',
    message: 'must be a time that exists, in 1970 or later',
  },
  '* among rules of an exception': { resource: exception(waiver(['a', '*'])), path: 'spec.policies[0].rules', message: '`*` must be the only rule' },
  'an exception for every name': {
    resource: exception({ match: { resources: [{ kinds: ['Pod'], names: ['*'] }] } }),
    path: 'spec.match.resources',
    message: 'name `*` needs an `objectSelector` or `conditions` beside it',
  },
  '* among namespaces of an exception': {
    resource: exception({ match: { namespaces: ['a', '*'] } }),
    path: 'spec.match.namespaces',
    message: '`*` must be the only namespace',
  },
  'a default environment that does not exist': {
    resource: profile({ defaultEnvironment: 'production' }),
    path: 'spec.defaultEnvironment',
    message: '`defaultEnvironment` must be one of `environments`',
  },
  'a default environment that is lax about critical violations': laxDefault('critical'),
  'a default environment that is lax about high violations': laxDefault('high'),
  'a default environment that is lax about medium violations': laxDefault('medium'),
  'a default environment that is lax about low violations': laxDefault('low'),
}
