import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import type { Json } from '../api/resources.ts'
import { TENANT_NAMESPACE } from '../controlplane/users.ts'
import { at, everywhere, listAt, pod, policyOf, SCENE_MS, Scene, TEST_MS } from './scene.ts'

const WARNS = policyOf('no-bad-pod', "object.metadata.name != 'bad' && !object.metadata.name.startsWith('web-')", { enforcement: everywhere('Warn') })
const OBSERVES = policyOf('no-worse-pod', "object.metadata.name != 'worse'", { enforcement: everywhere('Observe') })

const run = promisify(execFile)

jest.setTimeout(TEST_MS)

let scene: Scene

beforeAll(async () => {
  scene = await Scene.start()
  for (const name of ['shop', 'bank']) await scene.plane.createNamespace(name)
  await scene.enforce(WARNS, OBSERVES)
}, SCENE_MS)

afterAll(() => scene.stop())

interface Told {
  readonly kind: string
  readonly name: string
  readonly reason: string
  readonly type: string
  readonly note: string
}

/** Bylaw's Events in a namespace. */
async function told(namespace: string): Promise<readonly Told[]> {
  const { body } = await scene.plane.request('GET', `/apis/events.k8s.io/v1/namespaces/${namespace}/events`)
  const events = listAt(body, 'items').filter((event) => at(event, 'reportingController') === 'bylaw.dev/operator')
  return events.map((event) => ({
    kind: String(at(event, 'regarding', 'kind')),
    name: String(at(event, 'regarding', 'name')),
    reason: String(at(event, 'reason')),
    type: String(at(event, 'type')),
    note: String(at(event, 'note')),
  }))
}

/** Waits for Events with a reason, and gives them. */
async function untilTold(namespace: string, reason: string, count: number): Promise<readonly Told[]> {
  const wanted = async () => (await told(namespace)).filter((event) => event.reason === reason)
  await scene.until(`${count} Events ${reason}`, async () => (await wanted()).length >= count)
  return wanted()
}

const ownedPod = (name: string): Json =>
  pod('shop', name, {}, { ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web', uid: 'b0c1', controller: true }] })

test('a policy tells when it is in force', async () => {
  expect(await untilTold('default', 'Enforced', 2)).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ kind: 'Policy', name: 'no-bad-pod', type: 'Normal', note: 'Enforced is True: in force: dev=Warn staging=Warn prod=Warn' }),
    ]),
  )
})

test('a policy tells of its first violation in each namespace, at whatever level, and of no dry run', async () => {
  await scene.submit(pod('bank', 'bad'), { isDryRun: true })
  for (const namespace of ['shop', 'bank', 'bank']) await scene.submit(pod(namespace, 'bad'))
  await scene.submit(pod('shop', 'worse'))
  expect((await untilTold('default', 'FirstViolation', 3)).map(({ name, type, note }) => `${type} ${name}: ${note.replace(/: [^:]*$/, '')}`).sort()).toEqual([
    'Warning no-bad-pod: first violation in namespace `bank`: a Pod',
    'Warning no-bad-pod: first violation in namespace `shop`: a Pod',
    'Warning no-worse-pod: first violation in namespace `shop`: a Pod',
  ])
})

test('a workload is told once what is wrong with what it makes', async () => {
  for (const name of ['web-1', 'web-2', 'web-3']) await scene.submit(ownedPod(name))
  const [event, ...more] = await untilTold('shop', 'PolicyWarned', 1)
  expect(event).toMatchObject({
    kind: 'ReplicaSet',
    name: 'web',
    type: 'Warning',
    note: expect.stringMatching(/^policy `no-bad-pod` warns of each Pod made here: .*; mend no-bad-pod$/),
  })
  expect(more).toEqual([])
  expect(await scene.metric('bylaw_events_total', { outcome: 'repeated' })).toBeGreaterThanOrEqual(2)
})

test(
  'an exception tells of its approval, and of its end by the clock',
  async () => {
    const exception = {
      apiVersion: 'bylaw.dev/v1',
      kind: 'PolicyException',
      metadata: { name: 'soon-over', namespace: TENANT_NAMESPACE },
      spec: {
        policies: [{ name: 'no-bad-pod', rules: ['*'] }],
        match: { resources: [{ kinds: ['Pod'], names: ['bad'] }] },
        reason: 'the migration of the shop runs until then',
        owner: { team: 'shop', contact: '#shop' },
        expiresAt: new Date(Date.now() + 20_000).toISOString(),
      },
    }
    await scene.put(exception)
    const flags = [
      '--disable-warning=ExperimentalWarning',
      'src/main.ts',
      'approve',
      '--kubeconfig',
      scene.plane.adminKubeconfig,
      'soon-over',
      '-n',
      TENANT_NAMESPACE,
    ]
    await run('node_modules/.bin/node', flags)
    const [approval] = await untilTold(TENANT_NAMESPACE, 'Approved', 1)
    expect(approval).toMatchObject({ kind: 'PolicyException', name: 'soon-over', type: 'Normal' })
    await scene.until('the end', async () => (await told(TENANT_NAMESPACE)).some(({ reason }) => reason === 'Expired'), TEST_MS)
    expect((await told(TENANT_NAMESPACE)).find(({ reason }) => reason === 'Expired')).toMatchObject({ name: 'soon-over', type: 'Warning' })
    expect(await scene.metric('bylaw_exceptions', { state: 'expired' })).toBe(1)
  },
  2 * TEST_MS,
)
