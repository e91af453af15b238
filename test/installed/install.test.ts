import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { parseYamlDocuments } from '../../src/api/index.ts'
import { reportsOf, rowsOf } from '../e2e/reports.ts'
import { at, configMap, everywhere, listAt, on, pod, policyOf, SCENE_MS, Scene, TEST_MS } from '../e2e/scene.ts'
import { askDecision } from '../support/decisions.ts'
import { ACCOUNT, accountToken, followReadme, install, LIKE_A_CLUSTER, lineOf, linesOf, readRole } from './installation.ts'

const REGISTRATION = '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/bylaw'
const SECRET = '/api/v1/namespaces/bylaw-system/secrets/bylaw-keys'
const LEASE = '/apis/coordination.k8s.io/v1/namespaces/bylaw-system/leases/bylaw'
const POLICY = policyOf('installed', "object.metadata.name != 'bad'", { enforcement: everywhere('Deny') })
/** Of an operator that runs in a cluster, without what else every account may do. */
const OWN_BINDINGS = /ClusterRoleBinding "(?:bylaw-operator|bylaw-reader)"|RoleBinding "bylaw-operator\/bylaw-system"/

jest.setTimeout(TEST_MS)

let scene: Scene
let isBehindService = false

beforeAll(async () => {
  scene = await Scene.start(LIKE_A_CLUSTER, async (plane) => {
    const options = await install(plane)
    isBehindService = options.admissionUrl === 'Service'
    return options
  })
  await scene.plane.createNamespace('shop')
}, SCENE_MS)

afterAll(() => scene.stop())

const read = async (path: string): Promise<unknown> => (await scene.plane.request('GET', path)).body

/** What the API server says that the operator asked of it, so far. */
const requests = () => scene.plane.auditEvents().filter(({ user }) => user.username === ACCOUNT)

const forbidden = () =>
  requests()
    .filter(({ responseStatus }) => responseStatus?.code === 401 || responseStatus?.code === 403)
    .map((event) => lineOf(event, true))

describe('as installed', () => {
  test('it observes everywhere until somebody raises a level', async () => {
    const quiet = policyOf('quiet', 'false')
    await scene.enforce(quiet)
    expect(await scene.submit(pod('shop', 'anything'))).toMatchObject({ status: 201, warnings: [] })
    await scene.withdraw(quiet)
  })

  test('it enforces a policy and tells who asks', async () => {
    await scene.enforce(POLICY)
    expect((await scene.submit(pod('shop', 'bad'))).message).toContain('installed says no')
    expect((await scene.submit(pod('shop', 'good'))).status).toBe(201)
  })

  test('it shows a decision to who may read it', async () => {
    const { message } = await scene.submit(pod('shop', 'bad'))
    const id = /decision ([0-9a-z-]+)/.exec(message)?.[1] ?? ''
    const [entry] = await scene.entries()
    const ca = Buffer.from(String(at(entry, 'clientConfig', 'caBundle')), 'base64').toString('utf8')
    const { stdout: token } = await scene.plane.kubectl(['create', 'token', 'default', '-n', 'shop'])
    const question = { port: scene.bylaw.admissionPort, ca, serverName: isBehindService ? 'bylaw.bylaw-system.svc' : 'localhost', token: token.trim() }
    expect((await askDecision(id, question)).status).toBe(403)
    await scene.plane.kubectl(['create', 'rolebinding', 'reader', '-n', 'shop', '--clusterrole=bylaw-evidence-reader', '--serviceaccount=shop:default'])
    await scene.until('the binding', async () => (await askDecision(id, question)).status === 200)
  })

  test('it tells of a change by an Event', async () => {
    await scene.until('the Event', async () => {
      const events = listAt(await read('/apis/events.k8s.io/v1/namespaces/default/events'), 'items')
      return events.some((event) => at(event, 'regarding', 'name') === 'installed' && at(event, 'reason') === 'Enforced')
    })
  })

  test('its Lease tells who runs', async () => {
    expect(at(await read(LEASE), 'spec', 'holderIdentity')).toEqual(expect.stringMatching(/./))
  })

  test('its registration goes to the shipped Service, and belongs to its role', async () => {
    const registration = await read(REGISTRATION)
    expect(at(registration, 'metadata', 'ownerReferences')).toEqual([
      {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'ClusterRole',
        name: 'bylaw-operator',
        uid: at(await readRole(scene.plane, 'bylaw-operator'), 'metadata', 'uid'),
      },
    ])
    if (!isBehindService) return
    const service = await read('/api/v1/namespaces/bylaw-system/services/bylaw')
    const targets = listAt(registration, 'webhooks').map((webhook) => at(webhook, 'clientConfig', 'service'))
    const [port] = listAt(service, 'spec', 'ports')
    expect(new Set(targets.map((target) => [at(target, 'namespace'), at(target, 'name'), at(target, 'port')].join(' ')))).toEqual(
      new Set([`bylaw-system ${String(at(service, 'metadata', 'name'))} ${String(at(port, 'port'))}`]),
    )
  })

  test('its exceptions and profile carry a status', async () => {
    const exception = {
      apiVersion: 'bylaw.dev/v1',
      kind: 'PolicyException',
      metadata: { name: 'once', namespace: 'shop' },
      spec: {
        policies: [{ name: 'installed', rules: ['*'] }],
        match: { resources: [{ kinds: ['Pod'], names: ['bad'] }] },
        reason: 'the migration of the shop runs until then',
        owner: { team: 'shop', contact: '#shop' },
        expiresAt: new Date(Date.now() + 86_400_000).toISOString(),
      },
    }
    await scene.put(exception)
    await scene.until('the phase', async () => at(await scene.read(exception), 'status', 'phase') !== undefined)
    await scene.waitForCondition({ apiVersion: 'bylaw.dev/v1', kind: 'EnforcementProfile', metadata: { name: 'default' } }, 'InForce', 'True')
  })

  test('a label is moved by whoever may assign, which is asked of the API server', async () => {
    const { status } = await scene.plane.request('PATCH', '/api/v1/namespaces/shop', {
      body: { metadata: { labels: { 'bylaw.dev/environment': 'dev' } } },
      contentType: 'application/merge-patch+json',
    })
    expect(status).toBe(200)
  })

  test(
    'its authority is replaced when somebody asks for it',
    async () => {
      const before = at(await read(SECRET), 'data', 'ca.crt')
      const { code } = await scene.plane.kubectl(['-n', 'bylaw-system', 'annotate', 'secret', 'bylaw-keys', 'bylaw.dev/rotate=now'])
      expect(code).toBe(0)
      await scene.until('another authority', async () => at(await read(SECRET), 'data', 'ca.crt') !== before)
      expect(at(await read(SECRET), 'metadata', 'annotations')).toEqual({ 'bylaw.dev/rotated-at': expect.stringMatching(/^20/) })
      expect((await scene.submit(pod('shop', 'bad'))).message).toContain('installed says no')
    },
    TEST_MS,
  )

  test('it repairs its registration', async () => {
    await scene.plane.request('DELETE', REGISTRATION)
    await scene.until('the registration', async () => (await scene.entries()).length > 0)
  })
})

describe('existing objects', () => {
  test('are reported, and so is what cannot be judged, until the policies are gone', async () => {
    const quiet = policyOf('quiet', "object.metadata.name != 'good'", { enforcement: everywhere('Observe') })
    const asking = policyOf('asking', "request.userInfo.username != 'eve'")
    await scene.enforce(quiet, asking)
    await scene.until('the reports', async () => (await rowsOf(scene.plane, 'shop')).length === 1 && (await rowsOf(scene.plane, '')).length === 1)
    await scene.withdraw(quiet, asking)
    await scene.until('the reports to go', async () => (await rowsOf(scene.plane, 'shop')).length === 0 && (await reportsOf(scene.plane, '')).length === 0)
    await scene.withdraw(POLICY)
    await scene.until('all reports to go', async () => (await reportsOf(scene.plane, 'shop')).length === 0)
    await scene.enforce(POLICY)
  })
})

describe('the rights of its account', () => {
  test('were enough: nothing that it asked for was forbidden', async () => {
    expect(requests().length).toBeGreaterThan(20)
    // What is granted by aggregation is granted a moment after the installation.
    const late = new Set(linesOf(await readRole(scene.plane, 'bylaw-reader')))
    expect(forbidden().filter((one) => !late.has(one))).toEqual([])
  })

  test('were all used: each line of its roles', async () => {
    const granted = [await readRole(scene.plane, 'bylaw-operator'), await readRole(scene.plane, 'bylaw-operator', 'bylaw-system')].flatMap(linesOf)
    const used = new Set(requests().flatMap((event) => [lineOf(event, true), lineOf(event, false)]))
    // Server-side apply needs `create` where there is no object yet.
    for (const event of requests()) if (event.responseStatus?.code === 201) used.add(lineOf({ ...event, verb: 'create' }, false))
    expect(granted.filter((one) => !used.has(one))).toEqual([])
  })

  test('come from its own bindings and from what every account may do, and from nothing else', () => {
    const reasons = requests().map(({ annotations }) => annotations?.['authorization.k8s.io/reason'] ?? '')
    const others = new Set(reasons.filter((reason) => !OWN_BINDINGS.test(reason)))
    expect([...others].filter((reason) => !/to Group "system:(?:authenticated|serviceaccounts)"$/.test(reason))).toEqual([])
  })
})

describe('a parameter', () => {
  const limited = policyOf('limited', 'object.metadata.name.size() <= int(params.data.longest)', {
    enforcement: everywhere('Deny'),
    paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
    paramRef: { name: 'limits', namespace: 'shop', parameterNotFoundAction: 'Deny' },
    ...on('', 'v1', ['configmaps'], ['CREATE']),
  })

  test(
    'is read once a role with the label grants it',
    async () => {
      await scene.put(configMap('shop', 'limits', { longest: '5' }))
      await scene.enforce(limited)
      expect((await scene.submit(configMap('shop', 'short'))).message).toContain('has not been read yet')
      // Nobody but the controller manager adds roles up.
      if (!scene.plane.hasControllerManager) return scene.withdraw(limited)
      const granted = await scene.plane.kubectl(['create', 'clusterrole', 'bylaw-reads-config-maps', '--verb=get,list,watch', '--resource=configmaps'])
      expect(granted.stderr).toBe('')
      await scene.plane.kubectl(['label', 'clusterrole', 'bylaw-reads-config-maps', 'bylaw.dev/aggregate-to-reader=true'])
      await scene.until('the parameter', async () => (await scene.submit(configMap('shop', 'short'), { isDryRun: true })).status === 201)
      expect((await scene.submit(configMap('shop', 'longer'))).message).toContain('limited says no')
      await scene.withdraw(limited)
      await scene.plane.kubectl(['delete', 'clusterrole', 'bylaw-reads-config-maps'])
    },
    TEST_MS,
  )
})

describe('the Deployment', () => {
  test('makes Pods that Pod Security `restricted` admits', async () => {
    expect(at(await read('/api/v1/namespaces/bylaw-system'), 'metadata', 'labels', 'pod-security.kubernetes.io/enforce')).toBe('restricted')
    const template = at(await read('/apis/apps/v1/namespaces/bylaw-system/deployments/bylaw-operator'), 'spec', 'template')
    const made = pod('bylaw-system', 'as-of-the-template', Object(at(template, 'spec')))
    expect(await scene.submit(made, { isDryRun: true })).toMatchObject({ status: 201, warnings: [] })
    const root = pod('bylaw-system', 'another')
    expect((await scene.submit(root, { isDryRun: true })).message).toContain('violates PodSecurity "restricted:latest"')
  })

  test('is found by the Service, at a port that it has', async () => {
    const template = at(await read('/apis/apps/v1/namespaces/bylaw-system/deployments/bylaw-operator'), 'spec', 'template')
    const service = await read('/api/v1/namespaces/bylaw-system/services/bylaw')
    expect(at(template, 'metadata', 'labels')).toMatchObject(at(service, 'spec', 'selector') ?? { missing: 'selector' })
    const ports = listAt(template, 'spec', 'containers', 0, 'ports')
    expect(ports.find((port) => at(port, 'name') === at(service, 'spec', 'ports', 0, 'targetPort'))).toMatchObject({ containerPort: 9443 })
  })

  test('hands the operator the configuration that it was tested with', async () => {
    const deployment = await read('/apis/apps/v1/namespaces/bylaw-system/deployments/bylaw-operator')
    const name = String(at(deployment, 'spec', 'template', 'spec', 'volumes', 0, 'configMap', 'name'))
    const stored = at(await read(`/api/v1/namespaces/bylaw-system/configmaps/${name}`), 'data', 'bylaw.yaml')
    expect(parseYamlDocuments(String(stored))).toMatchObject({ ok: true, value: [{ logLevel: 'info' }] })
  })
})

test(
  'it goes on with the next token when its own has ended',
  async () => {
    const bound = configMap('bylaw-system', 'unused')
    await scene.put({ ...bound, kind: 'Secret', metadata: { name: 'first-token', namespace: 'bylaw-system' }, data: {} })
    const flags = ['--bound-object-kind=Secret', '--bound-object-name=first-token']
    const tokenFile = join(scene.plane.dir, 'operator.token')
    await scene.killBylaw()
    writeFileSync(tokenFile, await accountToken(scene.plane, ...flags))
    await scene.startBylaw()
    writeFileSync(tokenFile, await accountToken(scene.plane))
    await scene.plane.request('DELETE', '/api/v1/namespaces/bylaw-system/secrets/first-token')
    const endedAt = Date.now()
    const isRenewed = async (): Promise<boolean> => Date.parse(String(at(await read(LEASE), 'spec', 'renewTime'))) > endedAt
    await scene.until('the Lease to be renewed with the next token', isRenewed)
    const again = policyOf('again', 'true')
    await scene.enforce(again)
    await scene.withdraw(again)
  },
  TEST_MS,
)

test(
  'removing it as the README says leaves nothing',
  async () => {
    // Nobody but the controller manager ends a namespace, and kubectl waits for that.
    if (!scene.plane.hasControllerManager) return
    const removed = followReadme(scene.plane, 'Removing it')
    // What the kubelet does when the Deployment is gone.
    await scene.until('the end of the Deployment', async () => {
      const { status } = await scene.plane.request('GET', '/apis/apps/v1/namespaces/bylaw-system/deployments/bylaw-operator')
      return status === 404
    })
    await scene.killBylaw()
    await removed
    const all = ['crd', 'clusterrole', 'clusterrolebinding', 'validatingwebhookconfiguration', 'mutatingwebhookconfiguration', 'namespace', 'priorityclass']
    const { stdout } = await scene.plane.kubectl(['get', all.join(','), '-o', 'name'])
    expect(stdout.split('\n').filter((name) => name.includes('bylaw'))).toEqual([])
    expect((await scene.submit(pod('shop', 'bad'))).status).toBe(201)
  },
  2 * TEST_MS,
)
