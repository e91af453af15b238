import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { parseYamlDocuments } from '../../src/api/index.ts'
import type { Json } from '../api/resources.ts'
import { type Answer, at, deployment, everywhere, isRecord, on, policyOf, SCENE_MS, Scene, TEST_MS } from '../e2e/scene.ts'
import { ACCOUNT, install, LIKE_A_CLUSTER } from './installation.ts'

jest.setTimeout(TEST_MS)

/** A shipped policy, refusing everywhere. */
function sample(name: string): Json {
  const documents = parseYamlDocuments(readFileSync(`config/context-samples/${name}.yaml`, 'utf8'))
  const [policy] = documents.ok ? documents.value : []
  if (!isRecord(policy) || !isRecord(policy['spec'])) throw new Error(`${name}: no policy`)
  return { ...policy, spec: { ...policy['spec'], enforcement: everywhere('Deny') } }
}

const HOSTS = sample('unique-ingress-host')
const BUDGETS = sample('require-disruption-budget')

const ingress = (namespace: string, name: string, host: string, labels: Json = {}): Json => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'Ingress',
  metadata: { name, namespace, labels },
  spec: {
    rules: [{ host, http: { paths: [{ path: '/', pathType: 'Prefix', backend: { service: { name: 'web', port: { number: 80 } } } }] } }],
  },
})

let scene: Scene

beforeAll(async () => {
  scene = await Scene.start(LIKE_A_CLUSTER, install)
  await scene.plane.createNamespace('shop')
  await scene.plane.createNamespace('other')
}, SCENE_MS)

afterAll(() => scene.stop())

const tryOut = (object: Json): Promise<Answer> => scene.submit(object, { isDryRun: true })
const untilAnswer = (object: Json, status: number, text = ''): Promise<void> =>
  scene.until(`${status} ${text}`, async () => {
    const answer = await tryOut(object)
    return answer.status === status && answer.message.includes(text)
  })

/** Applies a file, and does what the controller manager would make of its roles where there is none. */
async function grant(file: string, role: string): Promise<void> {
  const { code, stderr } = await scene.plane.kubectl(['apply', '-f', file])
  if (code !== 0) throw new Error(stderr)
  if (scene.plane.hasControllerManager) return
  const [, , namespace = '', name = ''] = ACCOUNT.split(':')
  await scene.plane.kubectl(['create', 'clusterrolebinding', role, `--clusterrole=${role}`, `--serviceaccount=${namespace}:${name}`])
}

describe('context that Bylaw may not read', () => {
  test('is an error that says how to grant it, never an empty list', async () => {
    await scene.apply(HOSTS, BUDGETS)
    // It is registered first.
    await scene.until('the reason', async () => (await scene.waitForCondition(HOSTS, 'Enforced', 'False')).reason === 'ContextUnknown')
    const told = await scene.waitForCondition(HOSTS, 'Enforced', 'False')
    expect(told.message).toBe(
      'context `ingresses` cannot be gathered: Bylaw may not list and watch ingresses.networking.k8s.io: a ClusterRole with the label ' +
        'bylaw.dev/aggregate-to-reader=true and the verbs get, list and watch grants it\nrules that read it are judged by failurePolicy `Fail`',
    )
    await untilAnswer(ingress('shop', 'first', 'a.example.com'), 403, 'could not be evaluated (ContextUnknown): context `ingresses` could not be gathered')
  })

  test('is read once a role with the label grants it', async () => {
    await grant('config/context-samples/reader-role.yaml', 'bylaw-reads-context-samples')
    for (const policy of [HOSTS, BUDGETS]) await scene.waitForCondition(policy, 'Enforced', 'True')
    expect((await tryOut(ingress('shop', 'first', 'a.example.com'))).status).toBe(201)
  })
})

describe('a host that belongs to one Ingress', () => {
  const first = ingress('shop', 'first', 'a.example.com')
  const second = ingress('other', 'second', 'a.example.com')

  test('is refused to another in another namespace, which reads whose it is', async () => {
    await scene.put(first)
    await untilAnswer(second, 403, 'one of these hosts and paths belongs to Ingress shop/first')
    expect((await tryOut(ingress('other', 'second', 'b.example.com'))).status).toBe(201)
  })

  test('stays its own when it is updated', async () => {
    await scene.put(ingress('shop', 'first', 'a.example.com', { seen: 'yes' }), { method: 'PATCH' })
    await scene.put(ingress('other', 'second', 'b.example.com'))
    const moved = await scene.submit(second, { method: 'PATCH', isDryRun: true })
    expect(moved.message).toContain('belongs to Ingress shop/first')
  })

  test('is free when it is gone', async () => {
    await scene.submit(first, { method: 'DELETE' })
    await scene.until('the host to be free', async () => (await scene.submit(second, { method: 'PATCH', isDryRun: true })).status === 200)
  })
})

test('a Deployment needs a budget of its own namespace', async () => {
  const web = deployment('shop', 'web')
  const budget = (namespace: string): Json => ({
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name: 'web', namespace },
    spec: { minAvailable: 1, selector: { matchLabels: { app: 'web' } } },
  })
  const refused = 'no PodDisruptionBudget of the namespace selects these Pods'
  await untilAnswer(web, 403, refused)
  await scene.put(budget('other'))
  await untilAnswer(deployment('other', 'web'), 201)
  expect((await tryOut(web)).message).toContain(refused)
  await scene.put(budget('shop'))
  await untilAnswer(web, 201)
})

test('a kind that is not served yet is not known, and read once it is', async () => {
  const widgets = policyOf('widgets', 'size(context.widgets) == 0', {
    context: [{ name: 'widgets', apiVersion: 'context.test/v1', kind: 'Widget' }],
    enforcement: everywhere('Deny'),
    ...on('scheduling.k8s.io', 'v1', ['priorityclasses'], ['CREATE']),
  })
  const subject = { apiVersion: 'scheduling.k8s.io/v1', kind: 'PriorityClass', metadata: { name: 'some' }, value: 1 }
  await scene.apply(widgets)
  await untilAnswer(subject, 403, 'the cluster has no Widget in context.test/v1')
  const schema = { openAPIV3Schema: { type: 'object' } }
  const definition = {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'widgets.context.test' },
    spec: {
      group: 'context.test',
      scope: 'Cluster',
      names: { kind: 'Widget', plural: 'widgets' },
      versions: [{ name: 'v1', served: true, storage: true, schema }],
    },
  }
  await scene.put(definition)
  await untilAnswer(subject, 403, 'Bylaw may not list and watch widgets.context.test')
  await scene.plane.kubectl(['create', 'clusterrole', 'reads-widgets', '--verb=get,list,watch', '--resource=widgets.context.test'])
  const [, , namespace = '', name = ''] = ACCOUNT.split(':')
  await scene.plane.kubectl(['create', 'clusterrolebinding', 'reads-widgets', '--clusterrole=reads-widgets', `--serviceaccount=${namespace}:${name}`])
  await untilAnswer(subject, 201)
  await scene.put({ apiVersion: 'context.test/v1', kind: 'Widget', metadata: { name: 'w' } })
  await untilAnswer(subject, 403, 'widgets says no')
})

describe('an author', () => {
  const create = async (as: string, policy: Json) => {
    const { status, body } = await scene.plane.request('POST', '/apis/bylaw.dev/v1/policies?dryRun=All', { as, body: policy })
    return { status, message: String(at(body, 'message') ?? '') }
  }
  const reads = (kind: string): Json =>
    policyOf('reads', 'size(context.others) == 0', { context: [{ name: 'others', apiVersion: 'v1', kind }], enforcement: everywhere('Warn') })

  test('does not make a policy read what he may not', async () => {
    await scene.plane.kubectl(['create', 'clusterrolebinding', 'ctx-author', '--clusterrole=bylaw-policy-author', '--user=ctx-author'])
    await scene.until('the author to be bound', async () => (await create('ctx-author', policyOf('plain', 'true'))).status === 201)
    expect(await create('ctx-author', reads('ConfigMap'))).toEqual({
      status: 403,
      message: expect.stringContaining('spec.context[0]: `ctx-author` may not list ConfigMap (v1) in all namespaces'),
    })
    await scene.plane.kubectl(['create', 'clusterrole', 'lists-config-maps', '--verb=list', '--resource=configmaps'])
    await scene.plane.kubectl(['create', 'clusterrolebinding', 'ctx-lister', '--clusterrole=lists-config-maps', '--user=ctx-author'])
    await scene.until('the right to list', async () => (await create('ctx-author', reads('ConfigMap'))).status === 201)
  })

  test('reads no Secret, whatever he may', async () => {
    expect(await create('admin', reads('Secret'))).toEqual({ status: 422, message: expect.stringContaining('a Secret cannot be read as context') })
  })
})
