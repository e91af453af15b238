import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Json } from '../api/resources.ts'
import { at, configMap, deployment, listAt, on, pathOf, pod, policyOf, SCENE_MS, Scene, TEST_MS } from './scene.ts'

const CREATE_UPDATE = ['CREATE', 'UPDATE']
const GARBAGE_COLLECTOR = 'system:serviceaccount:kube-system:generic-garbage-collector'
const NAMESPACE_CONTROLLER = 'system:serviceaccount:kube-system:namespace-controller'
const ROOMY = { cpu: '64', memory: '64Gi', pods: '100' }
const STRATEGIC = 'application/strategic-merge-patch+json'

let scene: Scene

beforeAll(async () => {
  scene = await Scene.start()
  await scene.plane.createNamespace('doors')
}, SCENE_MS)

afterAll(() => scene.stop())

/** Changes an object, or a subresource of it, by a patch. */
async function patch(
  object: Json,
  subResource: string,
  body: Json,
  { as, contentType = STRATEGIC }: { readonly as?: string; readonly contentType?: string } = {},
) {
  const path = `${pathOf(object)}${subResource === '' ? '' : `/${subResource}`}`
  const { status, body: answer } = await scene.plane.request('PATCH', path, { body, contentType, ...(as === undefined ? {} : { as }) })
  return { status, message: status < 400 ? '' : String(at(answer, 'message')) }
}

describe('a policy on Pods judges what changes a Pod through another door', () => {
  const FROM_REGISTRY = policyOf(
    'from-registry',
    "(object.spec.containers + object.spec.?ephemeralContainers.orValue([])).all(c, c.image.startsWith('registry.example/'))",
  )
  const SMALL = policyOf('small', "object.spec.containers.all(c, !has(c.resources.limits) || quantity(c.resources.limits.cpu).isLessThan(quantity('4')))")
  const running = pod('doors', 'running', {
    nodeName: 'node-1',
    containers: [{ name: 'app', image: 'registry.example/app:1', resources: { limits: { cpu: '1', memory: '1Gi' } } }],
  })

  beforeAll(async () => {
    await scene.enforce(FROM_REGISTRY, SMALL)
    await scene.put({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'node-1' }, status: { capacity: ROOMY, allocatable: ROOMY } })
    await scene.put(running)
  }, TEST_MS)

  afterAll(() => scene.withdraw(FROM_REGISTRY, SMALL), TEST_MS)

  const debugger_ = (image: string): Json => ({ spec: { ephemeralContainers: [{ name: 'debugger', image, targetContainerName: 'app' }] } })

  test('an ephemeral container, as a client adds it', async () => {
    expect(await patch(running, 'ephemeralcontainers', debugger_('elsewhere.example/shell'))).toMatchObject({
      status: 403,
      message: expect.stringContaining('from-registry/rule (high): Title of from-registry\n  from-registry says no\n'),
    })
    expect(await patch(running, 'ephemeralcontainers', debugger_('registry.example/shell'))).toEqual({ status: 200, message: '' })
  })

  test(
    'an ephemeral container, as `kubectl debug` adds it',
    async () => {
      const debug = (image: string) => scene.plane.kubectl(['debug', 'running', '-n', 'doors', `--image=${image}`, '--attach=false', '--profile=general'])
      const refused = await debug('elsewhere.example/shell')
      expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('from-registry says no') })
      expect(await debug('registry.example/shell')).toMatchObject({ code: 0 })
    },
    TEST_MS,
  )

  test('a resize', async () => {
    const resize = (cpu: string): Json => ({
      spec: { containers: [{ name: 'app', resources: { limits: { cpu, memory: '1Gi' }, requests: { cpu, memory: '1Gi' } } }] },
    })
    expect(await patch(running, 'resize', resize('8'))).toMatchObject({ status: 403, message: expect.stringContaining('small/rule (high): ') })
    expect(await patch(running, 'resize', resize('2'))).toEqual({ status: 200, message: '' })
  })

  test('a template: every kind that makes Pods', async () => {
    const template = { metadata: { labels: { app: 'x' } }, spec: { restartPolicy: 'Never', containers: [{ name: 'app', image: 'elsewhere.example/app' }] } }
    const forever = { ...template, spec: { ...template.spec, restartPolicy: 'Always' } }
    const selector = { matchLabels: { app: 'x' } }
    const owners: readonly (readonly [apiVersion: string, kind: string, spec: Json, path: string])[] = [
      ['apps/v1', 'Deployment', { selector, template: forever }, 'spec.template.spec.containers[0].image'],
      ['apps/v1', 'ReplicaSet', { selector, template: forever }, 'spec.template.spec.containers[0].image'],
      ['apps/v1', 'StatefulSet', { selector, serviceName: 'x', template: forever }, 'spec.template.spec.containers[0].image'],
      ['apps/v1', 'DaemonSet', { selector, template: forever }, 'spec.template.spec.containers[0].image'],
      ['v1', 'ReplicationController', { selector: { app: 'x' }, template: forever }, 'spec.template.spec.containers[0].image'],
      ['batch/v1', 'Job', { template }, 'spec.template.spec.containers[0].image'],
      ['batch/v1', 'CronJob', { schedule: '0 0 * * *', jobTemplate: { spec: { template } } }, 'spec.jobTemplate.spec.template.spec.containers[0].image'],
    ]
    for (const [apiVersion, kind, spec, path] of owners) {
      const answer = await scene.submit({ apiVersion, kind, metadata: { name: 'x', namespace: 'doors' }, spec })
      expect({ kind, ...answer }).toMatchObject({ kind, status: 403, message: expect.stringContaining(path) })
    }
  })
})

describe('doors that a policy has to name', () => {
  const labels = (resources: readonly string[]): Json =>
    policyOf('team-label', "object.metadata.?labels[?'team'].orValue('ours') == 'ours'", { ...on('', 'v1', resources, CREATE_UPDATE), podTemplates: 'Ignore' })
  const replicas = (resources: readonly string[]): Json =>
    policyOf('few-replicas', 'object.spec.replicas <= 3', { ...on('apps', 'v1', resources, CREATE_UPDATE), podTemplates: 'Ignore' })
  const scaled = deployment('doors', 'scaled')
  const theirs: Json = { metadata: { labels: { team: 'theirs' } } }
  let count = 0

  /** A Pod that no node has yet. */
  async function freshPod(): Promise<Json> {
    count += 1
    const fresh = pod('doors', `labelled-${count}`)
    await scene.put(fresh)
    return fresh
  }

  async function binding(target: Json) {
    const body = {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name: at(target, 'metadata', 'name'), namespace: 'doors', labels: { team: 'theirs' } },
      target: { kind: 'Node', name: 'node-1' },
    }
    return (await scene.plane.request('POST', `${pathOf(target)}/binding`, { body })).status
  }

  beforeAll(() => scene.put(scaled), TEST_MS)
  afterAll(() => scene.withdraw(labels([]), replicas([])), TEST_MS)

  test(
    'labels set through `pods/status` and `pods/binding` are judged where the policy names these',
    async () => {
      await scene.enforce(labels(['pods', 'pods/status', 'pods/binding']))
      expect((await patch(await freshPod(), 'status', theirs)).status).toBe(403)
      expect(await binding(await freshPod())).toBe(403)
    },
    TEST_MS,
  )

  test(
    "and are not where it names only `pods`, as with the API server's own policies",
    async () => {
      await scene.enforce(labels(['pods']))
      const fresh = await freshPod()
      expect((await patch(fresh, '', theirs)).status).toBe(403)
      expect((await patch(fresh, 'status', theirs)).status).toBe(200)
      expect(await binding(await freshPod())).toBe(201)
    },
    TEST_MS,
  )

  test(
    'a scale is judged where the policy names `deployments/scale`, and not where it names only `deployments`',
    async () => {
      const scale = (to: number) => scene.plane.kubectl(['scale', 'deployment/scaled', '-n', 'doors', `--replicas=${to}`])
      await scene.enforce(replicas(['deployments']))
      expect((await scene.submit({ ...deployment('doors', 'wide'), spec: { ...Object(at(scaled, 'spec')), replicas: 4 } })).status).toBe(403)
      expect(await scale(4)).toMatchObject({ code: 0 })
      await scene.enforce(replicas(['deployments', 'deployments/scale']))
      expect(await scale(5)).toMatchObject({ code: 1, stderr: expect.stringContaining('few-replicas says no') })
      expect(await scale(2)).toMatchObject({ code: 0 })
    },
    TEST_MS,
  )
})

describe('what is never denied', () => {
  const NO_CHANGE = policyOf('no-change', 'false', on('', 'v1', ['configmaps'], ['UPDATE']))
  const NO_DELETION = policyOf('no-deletion', 'false', on('', 'v1', ['configmaps'], ['DELETE']))
  const held = (name: string): Json => ({ ...configMap('doors', name), metadata: { name, namespace: 'doors', finalizers: ['example.com/hold'] } })

  beforeAll(() => scene.enforce(NO_CHANGE), TEST_MS)
  afterAll(() => scene.withdraw(NO_CHANGE, NO_DELETION), TEST_MS)

  test('the finalizer of an object that is being deleted can be removed, even together with another change', async () => {
    const going = held('going')
    await scene.put(going)
    expect((await scene.submit(going, { method: 'DELETE' })).status).toBe(200)
    const { status, warnings } = await scene.plane.request('PATCH', pathOf(going), {
      body: { metadata: { finalizers: [], labels: { last: 'words' } } },
      contentType: 'application/merge-patch+json',
    })
    expect({ status, warnings }).toEqual({
      status: 200,
      warnings: [expect.stringMatching(/^no-change\/rule \(high\): .*\[not refused: this kind of request is never denied\]/)],
    })
    expect((await scene.plane.request('GET', pathOf(going))).status).toBe(404)
  })

  test('a change of finalizers or owners alone passes; any other change with it does not', async () => {
    const kept = configMap('doors', 'kept')
    await scene.put(kept)
    const merge = (metadata: Json) => patch(kept, '', { metadata }, { contentType: 'application/merge-patch+json' })
    expect((await merge({ finalizers: ['example.com/hold'] })).status).toBe(200)
    expect(
      (await merge({ ownerReferences: [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'other', uid: '00000000-0000-0000-0000-000000000001' }] })).status,
    ).toBe(200)
    expect((await merge({ finalizers: [], labels: { a: 'b' } })).status).toBe(403)
    expect((await merge({ finalizers: [], ownerReferences: [] })).status).toBe(200)
  })

  test(
    'a deletion by the garbage collector or the namespace controller passes, by anyone else it does not',
    async () => {
      await scene.enforce(NO_DELETION)
      for (const name of ['collected', 'emptied', 'wanted']) await scene.put(configMap('doors', name))
      expect((await scene.submit(configMap('doors', 'wanted'), { method: 'DELETE' })).status).toBe(403)
      expect((await scene.submit(configMap('doors', 'wanted'), { method: 'DELETE', as: 'dev' })).status).toBe(403)
      expect((await scene.submit(configMap('doors', 'collected'), { method: 'DELETE', as: GARBAGE_COLLECTOR })).status).toBe(200)
      expect((await scene.submit(configMap('doors', 'emptied'), { method: 'DELETE', as: NAMESPACE_CONTROLLER })).status).toBe(200)
    },
    TEST_MS,
  )

  test(
    'a namespace can be emptied as a whole by the namespace controller',
    async () => {
      await scene.plane.createNamespace('going')
      for (const name of ['a', 'b']) await scene.put(configMap('going', name))
      const { status } = await scene.plane.request('DELETE', '/api/v1/namespaces/going/configmaps', { as: NAMESPACE_CONTROLLER })
      const { body } = await scene.plane.request('GET', '/api/v1/namespaces/going/configmaps')
      expect({ status, left: listAt(body, 'items').length }).toEqual({ status: 200, left: 0 })
    },
    TEST_MS,
  )
})

describe('a deletion of a collection', () => {
  const remaining = async (): Promise<readonly unknown[]> =>
    listAt((await scene.plane.request('GET', '/api/v1/namespaces/collection/configmaps')).body, 'items').map((item) => at(item, 'metadata', 'name'))
  const deleteAll = () => scene.plane.request('DELETE', '/api/v1/namespaces/collection/configmaps')

  beforeAll(() => scene.plane.createNamespace('collection'), TEST_MS)

  const rule = { apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'], operations: ['DELETE'] }

  test.each<readonly [string, Json]>([
    ['the name in the old object', policyOf('keeps', "oldObject.metadata.name != 'keep'", { matchConstraints: { resourceRules: [rule] } })],
    ['`resourceNames`', policyOf('keeps', 'false', { matchConstraints: { resourceRules: [{ ...rule, resourceNames: ['keep'] }] } })],
    [
      '`request.name`, which is not there, and so cannot be judged',
      policyOf('keeps', "request.name != 'keep'", { matchConstraints: { resourceRules: [rule] } }),
    ],
  ])(
    'does not get past a policy that goes by %s',
    async (_, keeps) => {
      await scene.put(configMap('collection', 'keep'))
      await scene.enforce(keeps)
      expect((await deleteAll()).status).toBe(403)
      expect(await remaining()).toContain('keep')
      await scene.withdraw(keeps)
      expect((await deleteAll()).status).toBe(200)
      expect(await remaining()).toEqual([])
    },
    TEST_MS,
  )
})
