import { readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import { parse as parseYaml } from 'yaml'
import {
  defaultEnforcementProfile,
  FIELD_ISSUE_CODES,
  type FieldIssue,
  parseEnforcementProfile,
  parsePolicy,
  parsePolicyException,
  type Result,
  suggest,
} from '../../src/api/index.ts'
import { generatedFiles } from '../../tools/generate/files.ts'
import { BAD_FIELDS } from './bad-fields.ts'
import { BROKEN_RULES } from './broken-rules.ts'
import { NATIVE_POLICIES } from './native-policies.ts'
import { exception, fullException, fullPolicy, fullProfile, type Json, policy, profile } from './resources.ts'

function parse(resource: Json): Result<unknown, readonly FieldIssue[]> {
  switch (resource['kind']) {
    case 'Policy':
      return parsePolicy(resource)
    case 'PolicyException':
      return parsePolicyException(resource)
    default:
      return parseEnforcementProfile(resource)
  }
}

/** Messages of all `x-kubernetes-validations` below a value. */
function ruleMessages(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, below]) =>
    key === 'x-kubernetes-validations' && Array.isArray(below) ? below.map((rule: { readonly message: string }) => rule.message) : ruleMessages(below),
  )
}

const issuesOf = (resource: Json): readonly FieldIssue[] => {
  const parsed = parse(resource)
  return parsed.ok ? [] : parsed.error
}

describe('a bad resource is refused with one reason', () => {
  test.each(Object.entries({ ...BROKEN_RULES, ...BAD_FIELDS }))('%s', (_, { resource, path, message, code = 'RuleBroken' }) => {
    expect(issuesOf(resource)).toEqual([{ path, message, code }])
  })

  test('every code is given by some mistake', () => {
    const given = new Set(Object.values({ ...BROKEN_RULES, ...BAD_FIELDS }).map(({ code = 'RuleBroken' }) => code))
    expect([...given].sort()).toEqual([...FIELD_ISSUE_CODES].sort())
  })
})

describe('a good resource is read', () => {
  test.each(Object.entries({ policy, fullPolicy, exception, fullException, profile, fullProfile }))('%s', (_, make) => {
    expect(issuesOf(make())).toEqual([])
  })

  test('a policy gets its defaults', () => {
    const parsed = parsePolicy({ ...policy({ validations: [{ expression: 'true' }, { name: 'b', expression: 'true' }] }), status: { anything: 1 } })
    expect(parsed).toEqual({
      ok: true,
      value: {
        apiVersion: 'bylaw.dev/v1',
        kind: 'Policy',
        metadata: { name: 'run-as-non-root' },
        spec: {
          title: 'Containers run as a non-root user',
          owner: { team: 'platform-security', contact: '#sec-platform' },
          severity: 'high',
          controls: [],
          remediation: 'set `runAsNonRoot: true`',
          matchConstraints: {
            resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], resources: ['pods'], operations: ['CREATE', 'UPDATE'] }],
            excludeResourceRules: [],
            namespaceSelector: {},
            objectSelector: {},
            matchPolicy: 'Equivalent',
          },
          podTemplates: 'Include',
          matchConditions: [],
          variables: [],
          validations: [
            { name: 'rule-1', expression: 'true', showValues: false },
            { name: 'b', expression: 'true', showValues: false },
          ],
          auditAnnotations: [],
          context: [],
          mutations: [],
          failurePolicy: 'Fail',
          enforcement: { environments: [], existingViolations: 'Allow' },
          exceptions: { allowed: true, maxDuration: '720h' },
          evaluation: { admission: true, background: true },
        },
      },
    })
  })

  test('a mutation gets a name, its operations and leaves templates alone', () => {
    const parsed = parsePolicy(policy({ mutations: [{ patchType: 'JSONPatch', jsonPatch: { expression: '[]' } }] }))
    expect(parsed.ok && parsed.value.spec.mutations).toEqual([
      { name: 'mutation-1', operations: ['CREATE'], templates: 'Virtual', patchType: 'JSONPatch', jsonPatch: { expression: '[]' } },
    ])
  })

  test('an exception and a profile get their defaults', () => {
    const waiver = parsePolicyException(exception())
    expect(waiver.ok && waiver.value.spec.match).toEqual({ resources: [{ kinds: ['Deployment'], names: ['importer-*'] }], images: [], conditions: [] })
    const environments = parseEnforcementProfile(profile())
    const { namespaceLabel, allowLaxDefault, protectedNamespaceLabels } = environments.ok ? environments.value.spec : {}
    expect({ namespaceLabel, allowLaxDefault, protectedNamespaceLabels }).toEqual({
      namespaceLabel: 'bylaw.dev/environment',
      allowLaxDefault: false,
      protectedNamespaceLabels: [],
    })
  })

  test('what the API server adds is kept as far as Bylaw reads it, and a null is as good as nothing', () => {
    const kept = {
      labels: { constructor: 'x' },
      annotations: { 'a/b': 'c' },
      generation: 3,
      uid: 'u',
      resourceVersion: '7',
      ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: 'n' }],
    }
    const parsed = parsePolicy(
      policy({ category: null, validations: [{ name: 'a', expression: 'true', message: null }] }, { ...kept, creationTimestamp: null, managedFields: [{}] }),
    )
    expect(parsed.ok && parsed.value.metadata).toEqual({ name: 'run-as-non-root', ...kept })
    expect(parsed.ok && parsed.value.spec.validations).toEqual([{ name: 'a', expression: 'true', showValues: false }])
  })

  test('white space around a message is dropped, as YAML blocks end in a newline', () => {
    const parsed = parsePolicy(policy({ validations: [{ name: 'a', expression: 'true', message: ' no root\n' }] }))
    expect(parsed.ok && parsed.value.spec.validations[0]?.message).toBe('no root')
  })

  test('lengths are counted in characters', () => {
    expect(issuesOf(policy({ title: '🦉'.repeat(128) }))).toEqual([])
    expect(issuesOf(policy({ title: '🦉'.repeat(129) }))).toEqual([{ path: 'spec.title', message: 'must be at most 128 characters, has 129', code: 'TooLong' }])
  })

  test('the built-in profile is a good one, with all defaults', () => {
    expect(parseEnforcementProfile(defaultEnforcementProfile())).toEqual({ ok: true, value: defaultEnforcementProfile() })
  })
})

describe('a native admission policy is read when it is pasted', () => {
  test.each(Object.entries(NATIVE_POLICIES))('%s', (_, { spec }) => {
    const { spec: own, ...rest } = policy({ validations: undefined, matchConstraints: undefined })
    const parsed = parsePolicy({ ...rest, spec: { ...Object(own), ...spec } })
    expect(parsed.ok || parsed.error).toBe(true)
    const names = parsed.ok ? [...parsed.value.spec.validations, ...parsed.value.spec.mutations].map(({ name }) => name) : []
    expect(names.every((name) => /^(rule|mutation)-[12]$/.test(name))).toBe(true)
    expect(new Set(names).size).toBe(names.length)
  })
})

describe('whatever comes, the parser answers', () => {
  test('all mistakes are told at once, also those across fields', () => {
    const resource = policy({
      title: undefined,
      sevrity: 'low',
      evaluation: { admission: false, background: false },
      validations: [{ name: 'a', expression: '', mesage: 'x' }],
      enforcement: { environments: [{ name: 'prod', level: 'Correct' }] },
    })
    expect(issuesOf(resource).map(({ path, message }) => `${path}: ${message}`)).toEqual([
      'spec.title: required',
      'spec.validations[0].expression: must not be empty',
      'spec.validations[0].mesage: unknown field, did you mean `message`?',
      'spec.evaluation: a policy must be evaluated in admission, in the background, or both',
      'spec.sevrity: unknown field, did you mean `severity`?',
    ])
  })

  test.each([undefined, null, 5, 'text', [], true, 5n])('%p is not a resource', (value) => {
    expect(parsePolicy(value)).toMatchObject({ ok: false, error: [{ path: '', code: value === undefined ? 'Required' : 'WrongType' }] })
  })

  test('an empty object lacks everything', () => {
    const parsed = parsePolicy({})
    expect(parsed.ok || parsed.error.map(({ path }) => path)).toEqual(['apiVersion', 'kind', 'metadata', 'spec'])
  })

  test('another kind and another version are told', () => {
    expect(issuesOf({ ...policy(), apiVersion: 'kyverno.io/v1' })).toEqual([
      { path: 'apiVersion', message: 'must be `bylaw.dev/v1`, is `kyverno.io/v1`', code: 'NotAllowed' },
    ])
    expect(parsePolicy({ ...policy(), kind: 'PolicyException' })).toMatchObject({
      error: [{ path: 'kind', message: 'must be `Policy`, is `PolicyException`' }],
    })
  })

  test.each(['__proto__', 'constructor', 'toString'])('a field `%s` is unknown like any other', (field) => {
    const spec: unknown = JSON.parse(JSON.stringify(policy()['spec']).replace('{', `{"${field}":{},`))
    expect(issuesOf({ ...policy(), spec })).toEqual([{ path: `spec.${field}`, message: 'unknown field', code: 'UnknownField' }])
  })

  test.each(['description', 'unknown', 'validations', 'matchConstraints'])('nesting of 100,000 levels in `%s` does no harm', (field) => {
    const deep: unknown = JSON.parse(`${'['.repeat(100_000)}${']'.repeat(100_000)}`)
    expect(issuesOf({ ...policy(), spec: { ...Object(policy()['spec']), [field]: deep } }).length).toBe(1)
  })
})

describe('a suggestion', () => {
  test.each([
    ['sevrity', 'severity'],
    ['Title', 'title'],
    ['tilte', 'title'],
    ['zzz', undefined],
    ['x'.repeat(65), undefined],
  ])('for `%s` is %s', (word, meant) => {
    expect(suggest(word, ['title', 'severity', 'owner'])).toBe(meant)
  })
})

describe('generated files', () => {
  test.each([...generatedFiles()])('%s is what the schema gives: otherwise run `npm run generate`', (path, content) => {
    expect(readFileSync(path, 'utf8')).toBe(content)
  })

  test('every rule of a CRD has a bad resource', () => {
    const messages = [...generatedFiles()].filter(([path]) => path.startsWith('crds/')).flatMap(([, content]) => ruleMessages(parseYaml(content)))
    const tried = new Set(Object.values(BROKEN_RULES).map(({ message }) => message))
    expect(messages.length).toBeGreaterThan(30)
    expect(messages.filter((message) => !tried.has(message))).toEqual([])
  })
})
