import { describe, expect, test } from '@jest/globals'
import { type AccessQuestion, type GuardDependencies, guardDefinitions, guardEnvironment, guardResources } from '../../src/admission/guards.ts'
import type { AdmissionResponse, EnforcementProfile, UserInfo } from '../../src/api/index.ts'
import { defaultEnforcementProfile } from '../../src/api/index.ts'
import { namespaceObject, on, profile, requestOf } from '../doors/build.ts'

type Json = Readonly<Record<string, unknown>>

interface Asked {
  readonly response: AdmissionResponse
  readonly questions: readonly AccessQuestion[]
}

type Guard = (request: ReturnType<typeof requestOf>, dependencies: GuardDependencies) => AdmissionResponse | Promise<AdmissionResponse>

/** Asks a guard as a requester with the given rights. */
async function ask(
  guard: Guard,
  object: Json | null,
  changes: Json = {},
  may: (question: AccessQuestion) => boolean = () => true,
  inForce: EnforcementProfile = defaultEnforcementProfile(),
): Promise<Asked> {
  const questions: AccessQuestion[] = []
  const mayAccess = async (_user: UserInfo, question: AccessQuestion): Promise<boolean> => {
    questions.push(question)
    return may(question)
  }
  const response = await guard(requestOf(object, changes), {
    mayAccess,
    profile: () => inForce,
    compileOptions: () => ({}),
    fieldIssues: () => [],
    findResource: () => undefined,
    ownNamespace: 'bylaw-system',
  })
  return { response, questions }
}

const ALLOWED = { uid: 'uid-1', allowed: true }
const refused = (message: string): AdmissionResponse => ({ uid: 'uid-1', allowed: false, status: { code: 403, reason: 'Forbidden', message } })
const resource = (name: string): Json => ({ resource: { group: 'bylaw.dev', version: 'v1', resource: name } })

test('deleting a definition is refused, and says what allows it', async () => {
  const oldObject = { apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', metadata: { name: 'policies.bylaw.dev' } }
  const { response } = await ask(guardDefinitions, null, { operation: 'DELETE', oldObject })
  expect(response).toEqual(
    refused(
      'deleting `policies.bylaw.dev` would delete every object of its kind, and with them what they enforce\n' +
        'to delete it all the same: kubectl annotate crd policies.bylaw.dev bylaw.dev/allow-deletion=true',
    ),
  )
})

const policyObject = (spec: Json = {}): Json => ({
  apiVersion: 'bylaw.dev/v1',
  kind: 'Policy',
  metadata: { name: 'p' },
  spec: {
    title: 'T',
    owner: { team: 'platform', contact: '#platform' },
    severity: 'high',
    remediation: 'do it right',
    matchConstraints: on('configmaps'),
    validations: [{ name: 'a', expression: "'a' in object.data" }],
    ...spec,
  },
})

describe('a Policy', () => {
  const judge = (object: Json, changes: Json = {}, may?: (question: AccessQuestion) => boolean) =>
    ask(guardResources, object, { ...resource('policies'), ...changes }, may)

  test('that is right is admitted without a question', async () => {
    expect(await judge(policyObject())).toEqual({ response: ALLOWED, questions: [] })
  })

  test('is refused with all that is wrong with its fields', async () => {
    const { response } = await judge(policyObject({ severity: 'huge', owner: { team: 'platform' }, validation: [] }))
    expect(response).toEqual(
      refused(
        'the policy has 3 mistakes\n\n' +
          'spec.owner.contact: required\n\n' +
          'spec.severity: must be `low`, `medium`, `high` or `critical`, is `huge`\n\n' +
          'spec.validation: unknown field, did you mean `validations`?',
      ),
    )
  })

  test('is refused with every mistake in its expressions, each with its place', async () => {
    const { response } = await judge(
      policyObject({
        variables: [{ name: 'containers', expression: 'object.spec.containers' }],
        validations: [
          { name: 'a', expression: 'variables.containrs.size() > 0' },
          { name: 'b', expression: "object.data.a == 'b' &&" },
          { name: 'c', expression: '1 + 1' },
          { name: 'd', expression: "authorizer.group('').resource('pods').check('get').allowed()" },
        ],
      }),
    )
    expect(response).toEqual(
      refused(
        [
          'the policy has 4 mistakes',
          '',
          'spec.validations[0].expression: `variables` has no `containrs` (did you mean `containers`?)',
          ' | variables.containrs.size() > 0',
          ' | ..........^',
          '',
          'spec.validations[1].expression: expression ends where a value is expected',
          " | object.data.a == 'b' &&",
          ' | .......................^',
          '',
          'spec.validations[2].expression: must evaluate to bool but got int',
          ' | 1 + 1',
          ' | ^',
          '',
          'spec.validations[3].expression: `authorizer` cannot be used in a policy: it would need a request to the API server for each decision',
        ].join('\n'),
      ),
    )
  })

  test('a text that is too long is cut', async () => {
    const validations = Array.from({ length: 60 }, (_, index) => ({ name: `v${index}`, expression: `object.${'x'.repeat(200)} +` }))
    const { response } = await judge(policyObject({ validations }))
    expect(Buffer.byteLength(response.status?.message ?? '')).toBeLessThan(8192)
    expect(response.status?.message.endsWith('\n…')).toBe(true)
  })

  test('is warned of environments that there are not', async () => {
    const { response } = await judge(
      policyObject({
        mutations: [{ patchType: 'JSONPatch', jsonPatch: { expression: "[JSONPatch{op: 'remove', path: '/spec/x'}]" } }],
        enforcement: {
          environments: [
            { name: 'moon', level: 'Deny' },
            { name: 'prod', level: 'Correct' },
          ],
        },
      }),
    )
    expect(response).toEqual({
      ...ALLOWED,
      warnings: ['spec.enforcement.environments[0].name: the profile has no environment `moon`'],
    })
  })

  test.each<[string, Json]>([
    ['an update that leaves the spec alone', { operation: 'UPDATE', oldObject: policyObject({ severity: 'huge' }) }],
    ['a write of its status', { operation: 'UPDATE', oldObject: policyObject(), subResource: 'status' }],
  ])('that is wrong passes in %s', async (_, changes) => {
    expect(await judge(policyObject({ severity: 'huge' }), changes)).toEqual({ response: ALLOWED, questions: [] })
  })

  describe('with a parameter', () => {
    const withParam = (kind: Json, ref: Json) => policyObject({ paramKind: kind, paramRef: { parameterNotFoundAction: 'Deny', ...ref } })

    test.each<[string, Json, Json, AccessQuestion]>([
      [
        'in a namespace',
        { apiVersion: 'v1', kind: 'ConfigMap' },
        { name: 'limits', namespace: 'policy' },
        { group: '', resource: 'configmaps', verb: 'get', name: 'limits', namespace: 'policy' },
      ],
      [
        'in whichever namespace',
        { apiVersion: 'v1', kind: 'ConfigMap' },
        { name: 'limits' },
        { group: '', resource: 'configmaps', verb: 'get', name: 'limits' },
      ],
      [
        'of a kind with an odd plural',
        { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy' },
        { name: 'n', namespace: 'x' },
        { group: 'networking.k8s.io', resource: 'networkpolicies', verb: 'get', name: 'n', namespace: 'x' },
      ],
    ])('%s needs the right to read it', async (_, kind, ref, question) => {
      expect(await judge(withParam(kind, ref))).toEqual({ response: ALLOWED, questions: [question] })
      const { response } = await judge(withParam(kind, ref), {}, () => false)
      const version = String(kind['apiVersion']).split('/').at(-1)
      expect(response).toEqual(
        refused(`spec.paramRef: \`alice\` may not get ${String(kind['kind'])} \`${String(ref['name'])}\` (${version}), so it cannot be made a parameter`),
      )
    })

    test('that is chosen by labels needs the right to list them', async () => {
      const object = withParam({ apiVersion: 'v1', kind: 'ConfigMap' }, { selector: { matchLabels: { a: 'b' } }, namespace: 'policy' })
      const question = { group: '', resource: 'configmaps', verb: 'list', name: '', namespace: 'policy' }
      expect(await judge(object)).toEqual({ response: ALLOWED, questions: [question] })
      expect((await judge(object, {}, () => false)).response).toEqual(
        refused('spec.paramRef: `alice` may not list ConfigMap (v1), so they cannot be made parameters'),
      )
    })
  })

  test('with context needs the right to list each kind where it is read', async () => {
    const context = [
      { name: 'budgets', apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', namespace: 'Request' },
      { name: 'maps', apiVersion: 'v1', kind: 'ConfigMap', namespace: 'platform', names: ['a'] },
      { name: 'classes', apiVersion: 'networking.k8s.io/v1', kind: 'IngressClass' },
    ]
    const expression = 'size(context.budgets) + size(context.maps) + size(context.classes) > 0'
    const object = policyObject({ context, validations: [{ expression }] })
    expect(await judge(object)).toEqual({
      response: ALLOWED,
      questions: [
        { group: 'policy', resource: 'poddisruptionbudgets', verb: 'list', name: '' },
        { group: '', resource: 'configmaps', verb: 'list', name: '', namespace: 'platform' },
        { group: 'networking.k8s.io', resource: 'ingressclasses', verb: 'list', name: '' },
      ],
    })
    expect((await judge(object, {}, ({ resource: name }) => name === 'ingressclasses')).response).toEqual(
      refused(
        'spec.context[0]: `alice` may not list PodDisruptionBudget (v1) in all namespaces, so no policy of theirs can read them\n' +
          'spec.context[1]: `alice` may not list ConfigMap (v1) in namespace `platform`, so no policy of theirs can read them',
      ),
    )
  })

  test('with a Secret as context is refused whoever asks', async () => {
    const { response } = await judge(policyObject({ context: [{ name: 's', apiVersion: 'v1', kind: 'Secret' }] }))
    expect(response.allowed).toBe(false)
    expect(response.status?.message).toContain('spec.context[0].kind: a Secret cannot be read as context')
  })
})

describe('the profile', () => {
  const CRITICAL_ONLY = { critical: 'Deny', high: 'Warn', medium: 'Warn', low: 'Warn' }
  const object = (spec: Json): Json => ({ ...defaultEnforcementProfile(), spec: { ...defaultEnforcementProfile().spec, ...spec } })
  const environments = (changes: Readonly<Record<string, Json>>): Json => ({
    environments: defaultEnforcementProfile().spec.environments.map(({ name, levels }) => ({ name, levels: { ...levels, ...changes[name] } })),
  })
  const judge = (next: Json | null, may?: (question: AccessQuestion) => boolean, inForce?: EnforcementProfile, changes: Json = {}) =>
    ask(guardResources, next, { ...resource('enforcementprofiles'), ...changes }, may, inForce)
  const STRICT = { critical: 'Deny', high: 'Deny', medium: 'Warn', low: 'Warn' }
  const EVERY: AccessQuestion = { group: 'bylaw.dev', resource: 'environments', verb: 'assign', name: '*' }

  test.each<[string, Json]>([
    ['the same as before', {}],
    ['stricter', environments({ dev: { high: 'Warn' } })],
    [
      'with one more environment that is as strict as the strictest',
      { environments: [...defaultEnforcementProfile().spec.environments, { name: 'qa', levels: STRICT }] },
    ],
  ])('%s is admitted without a question', async (_, spec) => {
    expect(await judge(object(spec), () => false)).toEqual({ response: ALLOWED, questions: [] })
  })

  test.each<[string, Json]>([
    ['laxer in one cell', environments({ dev: { critical: 'Observe' } })],
    ['laxer in one cell and stricter in another', environments({ dev: { critical: 'Observe', low: 'Warn' } })],
    ['without one of its environments', { environments: defaultEnforcementProfile().spec.environments.filter(({ name }) => name !== 'dev') }],
    [
      'with one more environment that is laxer than its label was',
      { environments: [...defaultEnforcementProfile().spec.environments, { name: 'qa', levels: CRITICAL_ONLY }] },
    ],
    ['with another label', { namespaceLabel: 'example.com/stage' }],
    ['with another default', { defaultEnvironment: 'dev', allowLaxDefault: true }],
  ])('%s needs a right on every environment', async (_, spec) => {
    expect(await judge(object(spec))).toEqual({ response: ALLOWED, questions: [EVERY] })
    expect((await judge(object(spec), () => false)).response).toEqual(
      refused('making the profile laxer needs the verb `assign` on `environments.bylaw.dev` `*`, which `alice` does not have'),
    )
  })

  test('that no longer guards a label needs it too', async () => {
    const { response, questions } = await judge(object({}), () => false, profile({ protectedNamespaceLabels: ['example.com/tenant'] }))
    expect([response.allowed, questions]).toEqual([false, [EVERY]])
  })

  test('needs it to be deleted', async () => {
    const { response } = await judge(null, () => false, undefined, { operation: 'DELETE', oldObject: object({}) })
    expect(response).toEqual(refused('deleting the profile needs the verb `assign` on `environments.bylaw.dev` `*`, which `alice` does not have'))
  })

  test('that is wrong is refused whoever asks', async () => {
    const { response, questions } = await judge(object({ defaultEnvironment: 'moon' }))
    expect([response.allowed, questions]).toEqual([false, []])
    expect(response.status?.message).toMatch(/^the profile has 1 mistake\n\nspec.*: /)
  })
})

describe('an exception', () => {
  const exception = (spec: Json = {}): Json => ({
    apiVersion: 'bylaw.dev/v1',
    kind: 'PolicyException',
    metadata: { name: 'e', namespace: 'shop' },
    spec: {
      policies: [{ name: 'p', rules: ['a'] }],
      match: { resources: [{ kinds: ['ConfigMap'], names: ['x'] }] },
      reason: 'vendor',
      owner: { team: 'shop', contact: '#shop' },
      expiresAt: '2027-01-31T00:00:00Z',
      ...spec,
    },
  })
  const judge = (object: Json | null, changes: Json = {}) => ask(guardResources, object, { ...resource('policyexceptions'), ...changes })

  test('is taken as it is', async () => {
    expect((await judge(exception())).response).toEqual(ALLOWED)
  })

  test('may not name namespaces outside of Bylaw’s own', async () => {
    const { response } = await judge(exception({ match: { resources: [{ kinds: ['Pod'], names: ['a'] }], namespaces: ['*'] } }))
    expect(response.status?.message).toMatch(/spec\.match\.namespaces: allowed in `bylaw-system` only/)
  })

  test('that is wrong is refused', async () => {
    const { response } = await judge(exception({ expiresAt: 'never', policies: [] }))
    expect(response.status?.message).toMatch(/^the exception has 2 mistakes\n\n/)
  })

  test('may be deleted', async () => {
    expect((await judge(null, { operation: 'DELETE', oldObject: exception() })).response).toEqual(ALLOWED)
  })
})

describe('a namespace that changes its environment', () => {
  const LABEL = 'bylaw.dev/environment'
  const labelled = (environment: string | undefined): Json => ({ ...namespaceObject('shop', environment === undefined ? {} : { [LABEL]: environment }) })
  const NEW = Symbol('new')
  const move = (before: string | undefined | typeof NEW, after: string | undefined, may: (name: string) => boolean, inForce?: EnforcementProfile) =>
    ask(
      guardEnvironment,
      labelled(after),
      {
        resource: { group: '', version: 'v1', resource: 'namespaces' },
        operation: before === NEW ? 'CREATE' : 'UPDATE',
        oldObject: before === NEW ? null : labelled(before === undefined ? undefined : String(before)),
      },
      ({ name }) => may(name),
      inForce,
    )

  test.each<[string, string | undefined | typeof NEW, string | undefined, readonly string[]]>([
    ['from one to another', 'dev', 'staging', ['dev', 'staging']],
    ['by a first label', undefined, 'dev', ['prod', 'dev']],
    ['by losing its label', 'dev', undefined, ['dev', 'prod']],
    ['by losing a label that named the default', 'prod', undefined, ['prod']],
    ['at its creation', NEW, 'dev', ['prod', 'dev']],
    ['at its creation, to the default', NEW, 'prod', ['prod']],
    ['from a label that means nothing', 'moon', 'dev', ['moon', 'dev']],
  ])('%s needs the right on both', async (_, before, after, names) => {
    const all = await move(before, after, () => true)
    expect(all.response.allowed).toBe(true)
    expect(all.questions).toEqual(names.map((name) => ({ group: 'bylaw.dev', resource: 'environments', verb: 'assign', name })))
    for (const lacking of names) expect((await move(before, after, (name) => name !== lacking)).response.allowed).toBe(false)
  })

  test('is told which rights are missing', async () => {
    expect((await move('dev', 'staging', (name) => name === 'dev')).response).toEqual(
      refused(
        'moving a namespace from environment `dev` to `staging` needs the verb `assign` on `environments.bylaw.dev` `staging`, which `alice` does not have',
      ),
    )
    expect((await move('dev', 'staging', () => false)).response).toEqual(
      refused(
        'moving a namespace from environment `dev` to `staging` needs the verb `assign` on `environments.bylaw.dev` `dev` and `staging`, which `alice` does not have',
      ),
    )
  })

  test('is warned of a label that means nothing', async () => {
    expect((await move('dev', 'moon', () => true)).response).toEqual({
      ...ALLOWED,
      warnings: ['`moon` is not an environment of the profile: the strictest level of each policy will count'],
    })
  })

  test('by a label that is called like what every object has', async () => {
    const { questions } = await ask(
      guardEnvironment,
      { ...namespaceObject('shop') },
      { operation: 'UPDATE', oldObject: { ...namespaceObject('shop', { constructor: 'dev' }) } },
      () => true,
      profile({ namespaceLabel: 'constructor' }),
    )
    expect(questions.map(({ name }) => name)).toEqual(['dev', 'prod'])
  })
})
