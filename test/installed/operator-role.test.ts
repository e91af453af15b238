import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { at, configMap, everywhere, listAt, on, pod, policyOf, SCENE_MS, Scene, TEST_MS } from '../e2e/scene.ts'
import { type OperatorOptions, startOperator } from '../support/operator.ts'
import { ACCOUNT, install, LIKE_A_CLUSTER, linesOf } from './installation.ts'

const REGISTRATION = '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/bylaw'
const SECRET = '/api/v1/namespaces/bylaw-system/secrets/bylaw-keys'
const ROLES = {
  cluster: '/apis/rbac.authorization.k8s.io/v1/clusterroles/bylaw-operator',
  own: '/apis/rbac.authorization.k8s.io/v1/namespaces/bylaw-system/roles/bylaw-operator',
}
const QUICK_MS = 12_000

let scene: Scene
let options: OperatorOptions = {}

beforeAll(async () => {
  scene = await Scene.start(LIKE_A_CLUSTER, async (plane) => {
    options = await install(plane)
    return options
  })
  await scene.plane.createNamespace('shop')
}, SCENE_MS)

afterAll(() => scene.stop())

const read = async (path: string): Promise<unknown> => (await scene.plane.request('GET', path)).body

/** The rules of a role without one line, each of the others in a rule of its own. */
function rulesWithout(role: unknown, lost: string): readonly unknown[] {
  return listAt(role, 'rules').flatMap((rule) =>
    listAt(rule, 'resources').flatMap((resource) =>
      listAt(rule, 'verbs').flatMap((verb) => {
        const one = { ...Object(rule), resources: [resource], verbs: [verb] }
        return linesOf({ rules: [one] }).includes(lost) ? [] : [one]
      }),
    ),
  )
}

async function mayDo(line: string): Promise<boolean> {
  const [verb = '', target = '', name] = line.split(' ')
  const [path = '', ...group] = target.split('.')
  const [resource = '', subresource] = path.split('/')
  const resourceAttributes = {
    group: group.join('.'),
    resource,
    subresource,
    verb,
    name,
    namespace: /secrets|leases/.test(resource) ? 'bylaw-system' : undefined,
  }
  const { body } = await scene.plane.request('POST', '/apis/authorization.k8s.io/v1/subjectaccessreviews', {
    body: { apiVersion: 'authorization.k8s.io/v1', kind: 'SubjectAccessReview', spec: { user: ACCOUNT, resourceAttributes } },
  })
  return at(body, 'status', 'allowed') === true
}

/** Lets something happen while the operator's role lacks one line, and gives the line back. */
async function without(line: string, happen: () => Promise<void>): Promise<void> {
  const path = /secrets|leases/.test(line) ? ROLES.own : ROLES.cluster
  const role = await read(path)
  const write = async (rules: unknown): Promise<void> => {
    const { status } = await scene.plane.request('PATCH', path, { body: { rules }, contentType: 'application/merge-patch+json' })
    expect(status).toBe(200)
  }
  expect(linesOf(role)).toContain(line)
  await write(rulesWithout(role, line))
  try {
    await scene.until(`the loss of ${line}`, async () => !(await mayDo(line)))
    await happen()
  } finally {
    await write(at(role, 'rules'))
    await scene.until(`the return of ${line}`, () => mayDo(line))
  }
}

/** Waits for a line of the log that was not there before. */
async function tells(text: RegExp, happen: () => Promise<void>): Promise<void> {
  const before = scene.bylaw.log().length
  await happen()
  await scene.until(`the log to tell ${text}`, () => text.test(scene.bylaw.log().slice(before)))
}

describe('without the right to', () => {
  test(
    'patch the status of policies, a policy is enforced and nobody is told',
    async () => {
      const policy = policyOf('untold', "object.metadata.name != 'bad'", { enforcement: everywhere('Deny') })
      await without('patch policies/status.bylaw.dev', async () => {
        await tells(/policies\/untold\/status\S*: 403/, () => scene.apply(policy))
        await scene.until('the denial', async () => (await scene.submit(pod('shop', 'bad'), { isDryRun: true })).status === 403)
        expect(at(await read('/apis/bylaw.dev/v1/policies/untold'), 'status')).toBeUndefined()
      })
      await scene.waitForCondition(policy, 'Enforced', 'True')
    },
    TEST_MS,
  )

  test(
    'update its registration, a policy on another kind is not enforced and does not say that it is',
    async () => {
      const policy = policyOf('unregistered', 'false', { enforcement: everywhere('Deny'), ...on('', 'v1', ['configmaps'], ['CREATE']) })
      await without('update validatingwebhookconfigurations.admissionregistration.k8s.io bylaw', async () => {
        await tells(/validatingwebhookconfigurations\/bylaw: 403/, () => scene.apply(policy))
        expect((await scene.submit(configMap('shop', 'any'), { isDryRun: true })).status).toBe(201)
        await scene.waitForCondition(policy, 'Enforced', 'False')
      })
      await scene.waitForCondition(policy, 'Enforced', 'True')
      await scene.withdraw(policy)
    },
    TEST_MS,
  )

  test(
    'create a registration, a lost one does not come back',
    async () => {
      await without('create validatingwebhookconfigurations.admissionregistration.k8s.io', () =>
        tells(/validatingwebhookconfigurations: 403/, async () => {
          await scene.plane.request('DELETE', REGISTRATION)
        }),
      )
      await scene.until('the registration', async () => (await scene.entries()).length > 0)
    },
    TEST_MS,
  )

  test(
    'get its own role, a new registration belongs to nobody',
    async () => {
      await without('get clusterroles.rbac.authorization.k8s.io bylaw-operator', async () => {
        await scene.plane.request('DELETE', REGISTRATION)
        await scene.until('the registration', async () => (await scene.entries()).length > 0)
        expect(at(await read(REGISTRATION), 'metadata', 'ownerReferences')).toBeUndefined()
      })
      await scene.plane.request('DELETE', REGISTRATION)
      await scene.until('an owner', async () => listAt(await read(REGISTRATION), 'metadata', 'ownerReferences').length === 1)
    },
    TEST_MS,
  )

  test(
    'ask who may do what, nobody may assign an environment',
    async () => {
      const move = () =>
        scene.plane.request('PATCH', '/api/v1/namespaces/shop?dryRun=All', {
          body: { metadata: { labels: { 'bylaw.dev/environment': 'dev' } } },
          contentType: 'application/merge-patch+json',
        })
      await scene.until('the guard', async () => (await move()).status === 200)
      await without('create subjectaccessreviews.authorization.k8s.io', async () => {
        expect(await move()).toMatchObject({ status: 403, body: { message: expect.stringContaining('which `admin` does not have') } })
      })
      expect((await move()).status).toBe(200)
    },
    TEST_MS,
  )

  test(
    'create Events, none are written and policies are enforced all the same',
    async () => {
      const policy = policyOf('silent', 'true')
      await without('create events.events.k8s.io', () => tells(/event could not be written/, () => scene.enforce(policy)))
      await scene.withdraw(policy)
    },
    TEST_MS,
  )

  test(
    'update its Lease, it tells so',
    async () => {
      await without('update leases.coordination.k8s.io', () => tells(/leases\/bylaw: 403/, async () => {}))
    },
    TEST_MS,
  )

  test(
    'update its keys, they are not rotated',
    async () => {
      const before = at(await read(SECRET), 'data', 'ca.crt')
      await without('update secrets bylaw-keys', () =>
        tells(/secrets\/bylaw-keys: 403/, async () => {
          await scene.plane.kubectl(['-n', 'bylaw-system', 'annotate', 'secret', 'bylaw-keys', 'bylaw.dev/rotate=now'])
        }),
      )
      expect(at(await read(SECRET), 'data', 'ca.crt')).toBe(before)
      await scene.plane.kubectl(['-n', 'bylaw-system', 'annotate', 'secret', 'bylaw-keys', 'bylaw.dev/rotate-'])
    },
    TEST_MS,
  )

  test.each([
    ['get namespaces', /ended with code 1[\s\S]*namespaces\/bylaw-system: 403/],
    ['get secrets bylaw-keys', /ended with code 1[\s\S]*secrets\/bylaw-keys: 403/],
    ['list policies.bylaw.dev', /not ready after[\s\S]*policies: 403/],
  ])(
    '%s, another one does not become ready, and tells why',
    async (line, reason) => {
      const { config = '', kubeconfig = '', flags = [] } = options
      await without(line, async () => {
        const start = startOperator(scene.plane, { config, kubeconfig, flags, readyMs: QUICK_MS, env: { HOSTNAME: 'another' } })
        await expect(start).rejects.toThrow(reason)
      })
    },
    TEST_MS,
  )
})
