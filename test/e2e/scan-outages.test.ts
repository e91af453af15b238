import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { REPORT_DEFINITIONS } from '../../src/evidence/index.ts'
import type { Grant } from '../controlplane/users.ts'
import { reportsOf, rowsOf, versionsOfWritten } from './reports.ts'
import { at, deployment, everywhere, listAt, pod, policyOf, SCENE_MS, Scene } from './scene.ts'

const ALL = ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete']
const OTHERS: Grant = {
  apiGroups: [
    'bylaw.dev',
    'wgpolicyk8s.io',
    'apps',
    'batch',
    'admissionregistration.k8s.io',
    'apiextensions.k8s.io',
    'coordination.k8s.io',
    'events.k8s.io',
    'authorization.k8s.io',
  ],
  resources: ['*'],
  verbs: ALL,
}
const CORE: Grant = { apiGroups: [''], resources: ['namespaces', 'secrets', 'configmaps', 'replicationcontrollers'], verbs: ALL }
const PODS: Grant = { apiGroups: [''], resources: ['pods'], verbs: ['list', 'watch'] }
const PODS_BINDING = '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/controlplane:scanner:2'
const DEFINITIONS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'
const BINDINGS = '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings'

const POLICY = policyOf('no-root', 'object.spec.?securityContext.?runAsNonRoot.orValue(false) == true', { enforcement: everywhere('Observe') })
const POD_ROW = 'warn no-root/rule Pod/bad prod=Observe'
const GAP_ROW = 'error no-root/* Policy/no-root *=Observe'
const OUTAGE_MS = 240_000
/** A watch is opened anew about once a minute, and only then are rights asked for. */
const NOTICE_MS = 120_000

let scene: Scene

beforeAll(async () => {
  scene = await Scene.start({ users: [{ name: 'scanner', grants: [OTHERS, CORE, PODS] }] }, async (plane) => {
    for (const definition of REPORT_DEFINITIONS) {
      const body = { ...definition, metadata: { name: definition.metadata.name, labels: { 'example.com/owner': 'somebody' } } }
      await plane.request('POST', DEFINITIONS, { body })
    }
    return { kubeconfig: plane.kubeconfigFor('scanner') }
  })
  await scene.plane.createNamespace('shop')
  await scene.put(pod('shop', 'bad'))
  await scene.enforce(POLICY)
  await scene.until('the row', async () => (await rowsOf(scene.plane, 'shop')).includes(POD_ROW))
}, SCENE_MS)

afterAll(() => scene.stop())

const status = async (...path: readonly string[]): Promise<unknown> => at(await scene.read(POLICY), 'status', ...path)

describe('the scan', () => {
  test('leaves definitions of reports as they are that somebody else has brought', async () => {
    for (const { metadata } of REPORT_DEFINITIONS) {
      const { body } = await scene.plane.request('GET', `${DEFINITIONS}/${metadata.name ?? ''}`)
      expect({ labels: at(body, 'metadata', 'labels'), generation: at(body, 'metadata', 'generation') }).toEqual({
        labels: { 'example.com/owner': 'somebody' },
        generation: 1,
      })
    }
  })

  test(
    'says what it does not know where it may not read a kind any more, and heals',
    async () => {
      const { body: binding } = await scene.plane.request('GET', PODS_BINDING)
      await scene.plane.request('DELETE', PODS_BINDING)
      expect(await scene.waitForCondition(POLICY, 'Scanned', 'False', NOTICE_MS)).toMatchObject({
        reason: 'Forbidden',
        message: expect.stringContaining('pods is forbidden'),
      })
      expect(await status('violations')).toMatchObject({ current: 1, complete: false })
      await scene.until('the row about the policy', async () => (await rowsOf(scene.plane, '')).includes(GAP_ROW))
      await scene.until(
        'a report that says so',
        async () => at((await reportsOf(scene.plane, 'shop'))[0], 'metadata', 'annotations', 'bylaw.dev/complete') === 'false',
      )
      // What is known from before stays: nobody has mended it.
      expect(await rowsOf(scene.plane, 'shop')).toEqual([POD_ROW])
      expect(await scene.metric('bylaw_scan_complete')).toBe(0)

      const { status: created } = await scene.plane.request('POST', BINDINGS, {
        body: { ...Object(binding), metadata: { name: at(binding, 'metadata', 'name') } },
      })
      expect(created).toBe(201)
      await scene.waitForCondition(POLICY, 'Scanned', 'True', NOTICE_MS)
      await scene.until(
        'the report to be whole',
        async () => at((await reportsOf(scene.plane, 'shop'))[0], 'metadata', 'annotations', 'bylaw.dev/complete') === 'true',
      )
      expect(await rowsOf(scene.plane, '')).toEqual([])
    },
    OUTAGE_MS * 2,
  )

  test(
    'survives a restart of the API server, and sees what has changed meanwhile',
    async () => {
      await scene.plane.restartApiServer()
      await scene.put(pod('shop', 'bad-too'))
      await scene.put(deployment('shop', 'web'))
      const rows = [POD_ROW, 'warn no-root/rule Deployment/web prod=Observe', 'warn no-root/rule Pod/bad-too prod=Observe'].sort()
      await scene.until('the rows', async () => JSON.stringify(await rowsOf(scene.plane, 'shop')) === JSON.stringify(rows), NOTICE_MS)
      await scene.waitForCondition(POLICY, 'Scanned', 'True', NOTICE_MS)
      expect(scene.bylaw.log()).not.toContain('the scan ended')
    },
    OUTAGE_MS,
  )

  test(
    'notices where nothing is answered any more, and heals',
    async () => {
      scene.plane.pauseApiServer()
      await sleep(15_000)
      scene.plane.resumeApiServer()
      await scene.put(pod('shop', 'bad-too'), { method: 'DELETE' })
      await scene.until('the row to go', async () => (await rowsOf(scene.plane, 'shop')).every((row) => !row.includes('bad-too')), NOTICE_MS)
    },
    OUTAGE_MS,
  )

  test(
    'repairs a report that somebody deleted when it starts, and otherwise writes nothing then',
    async () => {
      await scene.waitForCondition(POLICY, 'Scanned', 'True', NOTICE_MS)
      // Counts of the status are written once a minute.
      await scene.until('the figure', async () => (await status('violations', 'current')) === 2, 90_000)
      // The last outage's row about the policy goes away a moment after.
      const hasClusterReport = async (): Promise<boolean> =>
        Object.keys(await versionsOfWritten(scene.plane)).some((key) => key.includes('clusterpolicyreports'))
      await scene.until('what was not known to be known', async () => !(await hasClusterReport()), 90_000)
      await scene.killBylaw()
      // Whether the policy is enforced is found out anew, and written: that is not the scan's.
      const writtenByScan = async (): Promise<unknown> => ({
        reports: Object.entries(await versionsOfWritten(scene.plane)).filter(([key]) => key.includes('wgpolicyk8s.io')),
        violations: await status('violations'),
        condition: listAt(await status(), 'conditions').find((condition) => at(condition, 'type') === 'Scanned'),
      })
      const before = await writtenByScan()
      await scene.startBylaw()
      await scene.until('the scan', async () => (await scene.metric('bylaw_scan_complete')) === 1)
      await sleep(5_000)
      expect(await writtenByScan()).toEqual(before)
      await scene.killBylaw()
      await scene.plane.request('DELETE', '/apis/wgpolicyk8s.io/v1alpha2/namespaces/shop/policyreports/bylaw-0')
      await scene.startBylaw()
      await scene.until('the report', async () => (await rowsOf(scene.plane, 'shop')).length === 2)
    },
    OUTAGE_MS,
  )
})
