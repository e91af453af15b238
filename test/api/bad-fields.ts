import type { BadResource } from './broken-rules.ts'
import { exception, type Json, lax, many, podRule, policy, profile, strict } from './resources.ts'

const long = (length: number): string => 'x'.repeat(length)
const constraints = (rule: Json): Json => ({ matchConstraints: { resourceRules: [{ ...podRule, ...rule }] } })
const validation = (fields: Json): Json => ({ validations: [{ name: 'a', expression: 'true', ...fields }] })
const mutation = (fields: Json): Json => ({ validations: undefined, mutations: [{ name: 'm', patchType: 'JSONPatch', ...fields }] })
const patch = { jsonPatch: { expression: '[]' } }
const waiver = (rules: readonly string[]): Json => ({ policies: [{ name: 'p', rules }] })
const environments = (dev: Json, prod: Json): Json => ({
  environments: [
    { name: 'dev', levels: dev },
    { name: 'prod', levels: prod },
  ],
})
const RULE = 'spec.matchConstraints.resourceRules[0]'

/** Mistakes that the schema itself refuses: types, words, bounds, repeats. */
export const BAD_FIELDS: Readonly<Record<string, BadResource>> = {
  'no owner': { resource: policy({ owner: undefined }), path: 'spec.owner', message: 'required', code: 'Required', server: 'spec.owner: Required value' },
  'an owner without a contact': {
    resource: policy({ owner: { contact: undefined } }),
    path: 'spec.owner.contact',
    message: 'required',
    code: 'Required',
    server: 'spec.owner.contact: Required value',
  },
  'no resource rule': {
    resource: policy({ matchConstraints: { resourceRules: [] } }),
    path: 'spec.matchConstraints.resourceRules',
    message: 'must have at least 1 item',
    code: 'TooFew',
    server: 'spec.matchConstraints.resourceRules in body should have at least 1 items',
  },
  'a level in lower case': {
    resource: policy({ enforcement: { environments: [{ name: 'prod', level: 'warn' }] } }),
    path: 'spec.enforcement.environments[0].level',
    message: 'must be `Observe`, `Warn`, `Deny` or `Correct`, is `warn`',
    code: 'NotAllowed',
    server: 'Unsupported value: "warn": supported values: "Observe", "Warn", "Deny", "Correct"',
  },
  'a severity in capitals': {
    resource: policy({ severity: 'High' }),
    path: 'spec.severity',
    message: 'must be `low`, `medium`, `high` or `critical`, is `High`',
    code: 'NotAllowed',
    server: 'spec.severity: Unsupported value: "High"',
  },
  'a number as a title': {
    resource: policy({ title: 5 }),
    path: 'spec.title',
    message: 'must be a text, is a number',
    code: 'WrongType',
    server: 'spec.title in body must be of type string: "integer"',
  },
  'a text as a list': {
    resource: policy({ validations: 'true' }),
    path: 'spec.validations',
    message: 'must be a list, is a text',
    code: 'WrongType',
    server: 'spec.validations in body must be of type array: "string"',
  },
  'a title of 129 characters': {
    resource: policy({ title: long(129) }),
    path: 'spec.title',
    message: 'must be at most 128 characters, has 129',
    code: 'TooLong',
    server: 'spec.title: Too long',
  },
  'an empty expression': {
    resource: policy(validation({ expression: '' })),
    path: 'spec.validations[0].expression',
    message: 'must not be empty',
    code: 'TooShort',
    server: 'spec.validations[0].expression in body should be at least 1 chars long',
  },
  'a message of 513 characters': {
    resource: policy(validation({ message: long(513) })),
    path: 'spec.validations[0].message',
    message: 'must be at most 512 characters, has 513',
    code: 'TooLong',
    server: 'spec.validations[0].message: Too long',
  },
  'a remediation of 1025 characters': {
    resource: policy({ remediation: long(1025) }),
    path: 'spec.remediation',
    message: 'must be at most 1024 characters, has 1025',
    code: 'TooLong',
    server: 'spec.remediation: Too long',
  },
  'a rule name of 64 characters': {
    resource: policy(validation({ name: long(64) })),
    path: 'spec.validations[0].name',
    message: 'must be at most 63 characters, has 64',
    code: 'TooLong',
    server: 'spec.validations[0].name: Too long',
  },
  'a rule name with a blank': {
    resource: policy(validation({ name: 'a b' })),
    path: 'spec.validations[0].name',
    message: 'must be lower case letters, digits and `-`, beginning and ending with a letter or digit',
    code: 'BadFormat',
    server: 'spec.validations[0].name in body should match',
  },
  'a variable that is not an identifier': {
    resource: policy({ variables: [{ name: 'a-b', expression: '1' }] }),
    path: 'spec.variables[0].name',
    message: 'must be letters, digits and `_`, not beginning with a digit',
    code: 'BadFormat',
    server: 'spec.variables[0].name in body should match',
  },
  '65 validations': {
    resource: policy({ validations: many(65, () => ({ expression: 'true' })) }),
    path: 'spec.validations',
    message: 'must have at most 64 items, has 65',
    code: 'TooMany',
    server: 'spec.validations: Too many: 65: must have at most 64 items',
  },
  'one variable twice': {
    resource: policy({ variables: many(2, () => ({ name: 'a', expression: '1' })) }),
    path: 'spec.variables[1]',
    message: 'name `a` stands more than once',
    code: 'Duplicate',
    server: 'spec.variables[1]: Duplicate value',
  },
  'one control twice': {
    resource: policy({ controls: many(2, () => ({ framework: 'CIS', id: '5.1' })) }),
    path: 'spec.controls[1]',
    message: 'framework and id `CIS, 5.1` stands more than once',
    code: 'Duplicate',
    server: 'spec.controls[1]: Duplicate value',
  },
  'one operation twice': {
    resource: policy(constraints({ operations: ['CREATE', 'CREATE'] })),
    path: `${RULE}.operations[1]`,
    message: '`CREATE` stands more than once',
    code: 'Duplicate',
    server: `${RULE}.operations[1]: Duplicate value`,
  },
  'one environment twice': {
    resource: profile({ environments: [...many(2, () => ({ name: 'dev', levels: lax })), { name: 'prod', levels: strict }] }),
    path: 'spec.environments[1]',
    message: 'name `dev` stands more than once',
    code: 'Duplicate',
    server: 'spec.environments[1]: Duplicate value',
  },
  'a misspelt field': {
    resource: policy({ matchConstraints: { namespaceSelecter: {} } }),
    path: 'spec.matchConstraints.namespaceSelecter',
    message: 'unknown field, did you mean `namespaceSelector`?',
    code: 'UnknownField',
    server: 'unknown field "spec.matchConstraints.namespaceSelecter"',
  },
  'a field that is like no other': {
    resource: policy({ zzz: 1 }),
    path: 'spec.zzz',
    message: 'unknown field',
    code: 'UnknownField',
    server: 'unknown field "spec.zzz"',
  },
  'an environment that is not a label value': {
    resource: policy({ enforcement: { environments: [{ name: 'prod!', level: 'Warn' }] } }),
    path: 'spec.enforcement.environments[0].name',
    message: 'must be a label value: letters, digits, `-`, `_` and `.`, beginning and ending with a letter or digit',
    code: 'BadFormat',
    server: 'spec.enforcement.environments[0].name in body should match',
  },
  'a selector whose value is not one of a label': {
    resource: policy({ matchConstraints: { objectSelector: { matchLabels: { a: 'b c' } } } }),
    path: 'spec.matchConstraints.objectSelector.matchLabels.a',
    message: 'must be empty or a label value: letters, digits, `-`, `_` and `.`, beginning and ending with a letter or digit',
    code: 'BadFormat',
    server: 'spec.matchConstraints.objectSelector.matchLabels.a in body should match',
  },
  'a selector of 65 labels': {
    resource: policy({ matchConstraints: { objectSelector: { matchLabels: Object.fromEntries(many(65, (index) => [`l${index}`, ''])) } } }),
    path: 'spec.matchConstraints.objectSelector.matchLabels',
    message: 'must have at most 64 entries, has 65',
    code: 'TooMany',
    server: 'spec.matchConstraints.objectSelector.matchLabels: Too many: 65: must have at most 64 items',
  },
  'a duration in days': {
    resource: policy({ exceptions: { maxDuration: '3d' } }),
    path: 'spec.exceptions.maxDuration',
    message: 'must be a duration in hours, minutes and seconds, such as `720h`',
    code: 'BadFormat',
    server: 'spec.exceptions.maxDuration in body should match',
  },
  'a mutation at DELETE': {
    resource: policy(mutation({ ...patch, operations: ['DELETE'] })),
    path: 'spec.mutations[0].operations[0]',
    message: 'must be `CREATE` or `UPDATE`, is `DELETE`',
    code: 'NotAllowed',
    server: 'spec.mutations[0].operations[0]: Unsupported value: "DELETE"',
  },
  'an exception without rules': {
    resource: exception({ policies: [{ name: 'p' }] }),
    path: 'spec.policies[0].rules',
    message: 'required',
    code: 'Required',
    server: 'spec.policies[0].rules: Required value',
  },
  'an exception with an empty list of rules': {
    resource: exception(waiver([])),
    path: 'spec.policies[0].rules',
    message: 'must have at least 1 item',
    code: 'TooFew',
    server: 'spec.policies[0].rules in body should have at least 1 items',
  },
  'an exception without an end': {
    resource: exception({ expiresAt: undefined }),
    path: 'spec.expiresAt',
    message: 'required',
    code: 'Required',
    server: 'spec.expiresAt: Required value',
  },
  'an end without a zone': {
    resource: exception({ expiresAt: '2027-01-31T00:00:00' }),
    path: 'spec.expiresAt',
    message: 'must be a time with its zone, such as `2027-01-31T00:00:00Z`',
    code: 'BadFormat',
    server: 'spec.expiresAt in body should match',
  },
  'an end on a day that does not exist': {
    resource: exception({ expiresAt: '2027-02-30T00:00:00Z' }),
    path: 'spec.expiresAt',
    message: 'must be a time that exists, in 1970 or later',
    code: 'RuleBroken',
    server: 'spec.expiresAt: Invalid value',
  },
  'a list of ends': {
    resource: exception({ expiresAt: ['2027-01-31T00:00:00Z'] }),
    path: 'spec.expiresAt',
    message: 'must be a text, is a list',
    code: 'WrongType',
    server: 'spec.expiresAt in body must be of type string: "array"',
  },
  'a profile without a level': {
    resource: profile(environments({ critical: 'Warn', high: 'Warn', medium: 'Warn' }, strict)),
    path: 'spec.environments[0].levels.low',
    message: 'required',
    code: 'Required',
    server: 'spec.environments[0].levels.low: Required value',
  },
  '17 environments': {
    resource: profile({ environments: [...many(16, (index) => ({ name: `e${index}`, levels: lax })), { name: 'prod', levels: strict }] }),
    path: 'spec.environments',
    message: 'must have at most 16 items, has 17',
    code: 'TooMany',
    server: 'spec.environments: Too many: 17: must have at most 16 items',
  },
}
