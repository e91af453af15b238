import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import type { Json } from '../api/resources.ts'
import { at, configMap, listAt, policyOf, SCENE_MS, Scene, TEST_MS } from '../e2e/scene.ts'
import { install, LIKE_A_CLUSTER, linesOf, readRole } from './installation.ts'

const RBAC = '/apis/rbac.authorization.k8s.io/v1'
const BYLAW = '/apis/bylaw.dev/v1'
const ROLES = [
  'bylaw-policy-author',
  'bylaw-exception-requester',
  'bylaw-exception-approver',
  'bylaw-environment-assigner',
  'bylaw-break-glass',
  'bylaw-viewer',
] as const
type Role = (typeof ROLES)[number]

const exception = (namespace: string, name: string): Json => ({
  apiVersion: 'bylaw.dev/v1',
  kind: 'PolicyException',
  metadata: { name, namespace },
  spec: {
    policies: [{ name: 'stored', rules: ['*'] }],
    match: { resources: [{ kinds: ['Pod'], names: ['*-old'] }] },
    reason: 'the migration runs until then',
    owner: { team: 'shop', contact: '#shop' },
    expiresAt: new Date(Date.now() + 86_400_000).toISOString(),
  },
})

const LEVELS = { critical: 'Observe', high: 'Observe', medium: 'Observe', low: 'Observe' }
/** A profile whose environment `prod` has these levels. */
const profile = (prod: Json = {}): Json => ({
  apiVersion: 'bylaw.dev/v1',
  kind: 'EnforcementProfile',
  metadata: { name: 'default' },
  spec: {
    namespaceLabel: 'bylaw.dev/environment',
    defaultEnvironment: 'prod',
    environments: [
      { name: 'dev', levels: LEVELS },
      { name: 'staging', levels: LEVELS },
      { name: 'prod', levels: { ...LEVELS, critical: 'Deny', ...prod } },
    ],
  },
})

/** Where the objects of each kind are in these tests, and one of them. */
const KINDS: Readonly<Record<string, { readonly path: string; readonly stored: Json; readonly fresh: Json }>> = {
  policies: { path: `${BYLAW}/policies`, stored: policyOf('stored', 'true'), fresh: policyOf('fresh', 'true') },
  policyexceptions: { path: `${BYLAW}/namespaces/shop/policyexceptions`, stored: exception('shop', 'stored'), fresh: exception('shop', 'fresh') },
  enforcementprofiles: { path: `${BYLAW}/enforcementprofiles`, stored: profile(), fresh: profile() },
}
const OTHERS: typeof KINDS = {
  ...KINDS,
  policyexceptions: { path: `${BYLAW}/namespaces/bank/policyexceptions`, stored: exception('bank', 'stored'), fresh: exception('bank', 'fresh') },
}

jest.setTimeout(TEST_MS)

let scene: Scene

/** Gives a user a role of the cluster, everywhere or in one namespace. */
async function bind(user: string, role: string, namespace?: string): Promise<void> {
  const kind = namespace === undefined ? 'ClusterRoleBinding' : 'RoleBinding'
  const path = namespace === undefined ? `${RBAC}/clusterrolebindings` : `${RBAC}/namespaces/${namespace}/rolebindings`
  const body = {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind,
    metadata: { name: `${user}-${role}` },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: user }],
  }
  const answer = await scene.plane.request('POST', path, { body })
  if (answer.status !== 201) throw new Error(JSON.stringify(answer.body))
}

async function makeRole(name: string, rules: readonly unknown[]): Promise<void> {
  const body = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name }, rules }
  const answer = await scene.plane.request('POST', `${RBAC}/clusterroles`, { body })
  if (answer.status !== 201) throw new Error(JSON.stringify(answer.body))
}

/** Whether the API server's authorizer says yes, where there is no request to try. */
async function mayDo(user: string, resource: string, verb: string, more: Json = {}): Promise<boolean> {
  const resourceAttributes = { group: 'bylaw.dev', resource, verb, ...more }
  const { body } = await scene.plane.request('POST', '/apis/authorization.k8s.io/v1/subjectaccessreviews', {
    body: { apiVersion: 'authorization.k8s.io/v1', kind: 'SubjectAccessReview', spec: { user, resourceAttributes } },
  })
  return at(body, 'status', 'allowed') === true
}

/** Whether a user is let through by RBAC with a real request. */
async function isLetThrough(user: string, verb: string, resource: string, kinds = KINDS): Promise<boolean> {
  const [plural = '', subResource] = resource.split('/')
  const kind = kinds[plural]
  if (kind === undefined || ASKED.includes(verb)) return mayDo(user, resource, verb)
  const { path, stored, fresh } = kind
  const item = `${path}/${String(at(stored, 'metadata', 'name'))}${subResource === undefined ? '' : `/${subResource}`}`
  const dry = '?dryRun=All'
  const resourceVersion = at((await scene.plane.request('GET', item)).body, 'metadata', 'resourceVersion')
  const send = {
    get: () => scene.plane.request('GET', item, { as: user }),
    list: () => scene.plane.request('GET', path, { as: user }),
    watch: () => scene.plane.request('GET', `${path}?watch=true&timeoutSeconds=1`, { as: user }),
    create: () => scene.plane.request('POST', `${path}${dry}`, { as: user, body: fresh }),
    update: () => scene.plane.request('PUT', `${item}${dry}`, { as: user, body: { ...stored, metadata: { ...Object(stored['metadata']), resourceVersion } } }),
    patch: () =>
      scene.plane.request('PATCH', `${item}${dry}`, {
        as: user,
        body: { metadata: { labels: { touched: 'yes' } } },
        contentType: 'application/merge-patch+json',
      }),
    delete: () => scene.plane.request('DELETE', `${item}${dry}`, { as: user }),
  }[verb]
  if (send === undefined) throw new Error(`no request for \`${verb}\``)
  const { status, body } = await send()
  const message = String(at(body, 'message') ?? '')
  if (status === 403 && / cannot /.test(message)) return false
  // There is one profile, and it exists: to be told so is to be let through.
  if (status >= 400 && status !== 409) throw new Error(`${user} ${verb} ${resource}: ${status} ${message}`)
  return true
}

/** Verbs for which there is no request to try. */
const ASKED: readonly string[] = ['except', 'break-glass', 'assign']
const VERBS = ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete']
const RESOURCES = ['policies', 'policyexceptions', 'enforcementprofiles']

/** All that a user may do with Bylaw's resources, by trying it. */
async function abilities(user: string, kinds = KINDS): Promise<Readonly<Record<string, string>>> {
  const found = await Promise.all(
    [...RESOURCES, ...RESOURCES.map((resource) => `${resource}/status`)].map(async (resource) => {
      const verbs = resource.endsWith('/status') ? ['get', 'update', 'patch'] : VERBS
      const passed = await Promise.all(verbs.map((verb) => isLetThrough(user, verb, resource, kinds)))
      return [resource, verbs.filter((_, index) => passed[index]).join(' ')] as const
    }),
  )
  const special = [
    ['policies', 'except'],
    ['policies', 'break-glass'],
    ['environments', 'assign'],
  ] as const
  const extra = await Promise.all(special.map(async ([resource, verb]) => ((await mayDo(user, resource, verb, { name: 'any' })) ? [[verb, resource]] : [])))
  return Object.fromEntries([...found.filter(([, verbs]) => verbs !== ''), ...extra.flat()])
}

const userOf = (role: string): string => `only-${role}`

beforeAll(async () => {
  scene = await Scene.start(LIKE_A_CLUSTER, install)
  await scene.plane.createNamespace('shop')
  await scene.plane.createNamespace('bank')
  await scene.apply(...[KINDS, OTHERS].flatMap((kinds) => Object.values(kinds).map(({ stored }) => stored)))
  await scene.waitForCondition(policyOf('stored', 'true'), 'Enforced', 'True')
  for (const role of ROLES) await bind(userOf(role), role, role === 'bylaw-exception-requester' ? 'shop' : undefined)
  await Promise.all(ROLES.map((role) => scene.until(`${role} to be known`, async () => Object.keys(await abilities(userOf(role))).length > 0)))
  await makeRole('writes-namespaces', [{ apiGroups: [''], resources: ['namespaces'], verbs: ['get', 'create', 'update', 'patch'] }])
}, SCENE_MS)

afterAll(() => scene.stop())

/** The resource and the verb of a line of a role. */
function toQuestion(line: string): readonly [resource: string, verb: string] {
  const [verb = '', resource = ''] = line.replace('.bylaw.dev', '').split(' ')
  return [resource, verb]
}

function toRule(line: string): Json {
  const [resource, verb] = toQuestion(line)
  return { apiGroups: ['bylaw.dev'], resources: [resource], verbs: [verb] }
}

const READ = 'get list watch'
const WRITE = 'get list watch create update patch delete'

/** What each role is for, in full. */
const PURPOSES: Readonly<Record<Role, Json>> = {
  'bylaw-policy-author': { policies: WRITE, policyexceptions: READ, enforcementprofiles: 'get list watch create update patch' },
  'bylaw-exception-requester': { policyexceptions: WRITE },
  'bylaw-exception-approver': { policies: READ, policyexceptions: 'get list watch patch', except: 'policies' },
  'bylaw-environment-assigner': { assign: 'environments' },
  'bylaw-break-glass': { 'break-glass': 'policies' },
  'bylaw-viewer': { policies: READ, policyexceptions: READ, enforcementprofiles: READ },
}

describe('a user with nothing but', () => {
  test.each(ROLES)(
    '%s can do what it is for, and nothing else',
    async (role) => {
      expect(await abilities(userOf(role))).toEqual(PURPOSES[role])
    },
    TEST_MS,
  )

  test(
    'the requester in one namespace can do nothing in another',
    async () => {
      expect(await abilities(userOf('bylaw-exception-requester'), OTHERS)).toEqual({})
    },
    TEST_MS,
  )

  test.each(ROLES)(
    '%s loses something with each line that is taken away',
    async (role) => {
      const lines = linesOf(await readRole(scene.plane, role))
      const kept = await Promise.all(
        lines.map(async (line, index) => {
          const others = lines.filter((_, other) => other !== index)
          const user = `${role}-less-${index}`
          await makeRole(user, others.map(toRule))
          await bind(user, user)
          // The authorizer learns of a role a moment later: until it does, everything would seem lost.
          const [last] = others.slice(-1)
          if (last !== undefined) await scene.until(`${user} to be known`, () => mayDo(user, ...toQuestion(last)))
          const [resource, verb] = toQuestion(line)
          return (await isLetThrough(user, verb, resource)) ? [line] : []
        }),
      )
      expect(kept.flat()).toEqual([])
    },
    TEST_MS,
  )
})

describe('roles of Kubernetes that ours are added to', () => {
  test.each([
    ['view', 'reads everything of ours that a namespace has', READ],
    ['edit', 'asks for exceptions', WRITE],
    ['admin', 'asks for exceptions', WRITE],
  ])('%s %s', async (role, _, verbs) => {
    if (!scene.plane.hasControllerManager) {
      const { metadata } = Object(await readRole(scene.plane, role === 'view' ? 'bylaw-viewer' : 'bylaw-exception-requester'))
      expect(at(metadata, 'labels', `rbac.authorization.k8s.io/aggregate-to-${role}`)).toBe('true')
      return
    }
    await bind(`mere-${role}`, role, 'shop')
    expect(await abilities(`mere-${role}`)).toEqual({ policyexceptions: verbs })
    expect(await abilities(`mere-${role}`, OTHERS)).toEqual({})
  })
})

describe('who may do everything in one namespace', () => {
  test('holds `except` there only, and Bylaw asks without a namespace', async () => {
    expect(await mayDo('tenant', 'policies', 'except', { name: 'stored', namespace: 'tenant' })).toBe(true)
    expect(await mayDo('tenant', 'policies', 'except', { name: 'stored' })).toBe(false)
  })

  test('cannot move it to another environment', async () => {
    expect((await move('tenant', 'tenant', 'dev')).message).toContain('`prod` and `dev`, which `tenant` does not have')
  })

  test('cannot make it another one by `assign` in a role of that namespace', async () => {
    expect(await mayDo('tenant', 'environments', 'assign', { name: 'dev', namespace: 'tenant' })).toBe(true)
    expect(await mayDo('tenant', 'environments', 'assign', { name: 'dev' })).toBe(false)
  })
})

const messageOf = ({ status, body }: { readonly status: number; readonly body: unknown }) => ({ status, message: String(at(body, 'message') ?? '') })

async function move(namespace: string, as: string, environment: string) {
  const body = { metadata: { labels: { 'bylaw.dev/environment': environment } } }
  return messageOf(await scene.plane.request('PATCH', `/api/v1/namespaces/${namespace}`, { as, body, contentType: 'application/merge-patch+json' }))
}

describe('breaking the glass', () => {
  const ROLE = 'bylaw-break-glass'
  const glass = (): Json =>
    configMap('bylaw-system', ROLE, { reason: 'the cluster is down', owner: '#on-call', until: new Date(Date.now() + 60_000).toISOString() })
  const attempt = async (as: string) => scene.submit(glass(), { as, isDryRun: true })

  /** Binds the Role that the manifests have in Bylaw's own namespace. */
  async function bindConfigMap(user: string): Promise<void> {
    const body = {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: { name: `${user}-config-map` },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: ROLE },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: user }],
    }
    const answer = await scene.plane.request('POST', `${RBAC}/namespaces/bylaw-system/rolebindings`, { body })
    if (answer.status !== 201) throw new Error(JSON.stringify(answer.body))
  }

  test('needs both: the verb, and the right to write the ConfigMap', async () => {
    const verbOnly = userOf(ROLE)
    await bindConfigMap('config-map-only')
    await bind('on-call', ROLE)
    await bindConfigMap('on-call')
    await scene.until('the roles to be known', async () => (await attempt('on-call')).status === 201)
    expect(await attempt(verbOnly)).toMatchObject({ status: 403, message: expect.stringContaining('cannot create resource "configmaps"') })
    expect(await attempt('config-map-only')).toMatchObject({
      status: 403,
      message: expect.stringContaining('it needs the verb `break-glass` on `policies.bylaw.dev`'),
    })
    expect((await attempt('on-call')).warnings[0]).toMatch(/^no policy refuses anything until /)
  })

  test('is not granted by a role of a namespace, not even of Bylaw’s own', async () => {
    await bindConfigMap('by-namespace')
    await bind('by-namespace', ROLE, 'bylaw-system')
    expect(await attempt('by-namespace')).toMatchObject({ status: 403, message: expect.stringContaining('it needs the verb `break-glass`') })
  })

  test('is refused to whoever approves, assigns or writes policies', async () => {
    for (const role of ['bylaw-exception-approver', 'bylaw-environment-assigner', 'bylaw-policy-author'] as const) {
      await bindConfigMap(userOf(role))
      await scene.until('the role to be known', async () => (await attempt(userOf(role))).message.includes('break-glass` on'))
    }
  })
})

describe('environments', () => {
  beforeAll(async () => {
    await makeRole('assigns-below-prod', [{ apiGroups: ['bylaw.dev'], resources: ['environments'], resourceNames: ['dev', 'staging'], verbs: ['assign'] }])
    await bind('below-prod', 'assigns-below-prod')
    for (const user of ['below-prod', userOf('bylaw-environment-assigner'), userOf('bylaw-policy-author')]) await bind(user, 'writes-namespaces')
    await scene.plane.createNamespace('moving', { 'bylaw.dev/environment': 'staging' })
  })

  test('the assigner moves a namespace wherever it likes', async () => {
    const assigner = userOf('bylaw-environment-assigner')
    for (const environment of ['prod', 'dev', 'staging']) expect(await move('moving', assigner, environment)).toMatchObject({ status: 200 })
  })

  test('one that is limited by names moves it between those only', async () => {
    for (const environment of ['dev', 'staging']) expect(await move('moving', 'below-prod', environment)).toMatchObject({ status: 200 })
    const { status, message } = await move('moving', 'below-prod', 'prod')
    expect({ status, message }).toEqual({ status: 403, message: expect.stringContaining('`assign` on `environments.bylaw.dev` `prod`, which `below-prod`') })
  })

  test('who writes policies and namespaces moves nothing', async () => {
    expect((await move('moving', userOf('bylaw-policy-author'), 'dev')).status).toBe(403)
  })
})

describe('the profile', () => {
  const write = async (as: string, changed: Json) =>
    messageOf(
      await scene.plane.request('PATCH', `${BYLAW}/enforcementprofiles/default?dryRun=All`, { as, body: changed, contentType: 'application/merge-patch+json' }),
    )
  const author = userOf('bylaw-policy-author')

  test('may be made stricter by whoever writes policies', async () => {
    expect(await write(author, profile({ high: 'Deny' }))).toMatchObject({ status: 200 })
  })

  test.each<readonly [string, Json]>([
    ['a lower level', profile({ critical: 'Warn' })],
    ['another label', { ...profile(), spec: { ...Object(profile()['spec']), namespaceLabel: 'example.com/environment' } }],
    ['another default environment', { ...profile(), spec: { ...Object(profile()['spec']), defaultEnvironment: 'dev', allowLaxDefault: true } }],
    ['an environment less', { ...profile(), spec: { ...Object(profile()['spec']), environments: listAt(profile(), 'spec', 'environments').slice(1) } }],
  ])('is not made laxer, by %s, without `assign` on every environment', async (_, changed) => {
    expect(await write(author, changed)).toEqual({
      status: 403,
      message: expect.stringContaining(`making the profile laxer needs the verb \`assign\` on \`environments.bylaw.dev\` \`*\`, which \`${author}\``),
    })
  })

  test('is made laxer by an author who may assign every environment too', async () => {
    await bind('author-and-assigner', 'bylaw-policy-author')
    await bind('author-and-assigner', 'bylaw-environment-assigner')
    expect(await write('author-and-assigner', profile({ critical: 'Warn' }))).toMatchObject({ status: 200 })
  })

  test('is not deleted by whoever may delete it and not assign', async () => {
    await makeRole('deletes-profiles', [{ apiGroups: ['bylaw.dev'], resources: ['enforcementprofiles'], verbs: ['delete'] }])
    await bind('deleter', 'deletes-profiles')
    const remove = async () => messageOf(await scene.plane.request('DELETE', `${BYLAW}/enforcementprofiles/default?dryRun=All`, { as: 'deleter' }))
    // A binding counts a moment after it was written.
    await scene.until('the role to be bound', async () => !(await remove()).message.includes('is forbidden: User'))
    const { status, message } = await remove()
    expect({ status, message }).toEqual({ status: 403, message: expect.stringContaining('deleting the profile needs the verb `assign`') })
  })
})

describe('a parameter', () => {
  const author = userOf('bylaw-policy-author')
  const withParam = (kind: string): Json =>
    policyOf('with-param', 'true', { paramKind: { apiVersion: 'v1', kind }, paramRef: { name: 'limits', namespace: 'shop', parameterNotFoundAction: 'Deny' } })
  const create = async (as: string, policy: Json) => messageOf(await scene.plane.request('POST', `${BYLAW}/policies?dryRun=All`, { as, body: policy }))

  test('is not named by an author who may not get it', async () => {
    await scene.put(configMap('shop', 'limits'))
    expect(await create(author, withParam('ConfigMap'))).toEqual({
      status: 403,
      message: expect.stringContaining(`spec.paramRef: \`${author}\` may not get ConfigMap \`limits\``),
    })
  })

  test('is named by an author who may get it', async () => {
    await makeRole('gets-limits', [{ apiGroups: [''], resources: ['configmaps'], resourceNames: ['limits'], verbs: ['get'] }])
    await bind('author-with-limits', 'bylaw-policy-author')
    await bind('author-with-limits', 'gets-limits', 'shop')
    expect(await create('author-with-limits', withParam('ConfigMap'))).toMatchObject({ status: 201 })
  })

  test('is never a Secret, not even for who may do everything', async () => {
    expect(await create('admin', withParam('Secret'))).toEqual({ status: 422, message: expect.stringContaining('a Secret cannot be a parameter') })
  })
})
