import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Json } from '../api/resources.ts'
import { TENANT_NAMESPACE } from '../controlplane/users.ts'
import { runApprove } from '../support/approve.ts'
import { countsOf, type Row, reportsOf, rowsOf, versionsOfWritten } from './reports.ts'
import { at, configMap, deployment, everywhere, listAt, on, pod, policyOf, SCENE_MS, Scene, TEST_MS } from './scene.ts'

const INTERVAL_SECONDS = 20
const NO_ROOT = policyOf('no-root', 'object.spec.?securityContext.?runAsNonRoot.orValue(false) == true', {
  category: 'pod-security',
  controls: [{ framework: 'NIST-800-53r5', id: 'AC-6' }],
})
const NAMED = policyOf('named', "'team' in object.metadata.?labels.orValue({})", {
  ...on('', 'v1', ['configmaps'], ['CREATE']),
  severity: 'low',
  enforcement: everywhere('Warn'),
  matchConditions: [{ name: 'not-the-systems', expression: "object.metadata.namespace != 'kube-system'" }],
})
const SAFE = { securityContext: { runAsNonRoot: true } }

let scene: Scene

/** Objects are made before any policy is there: nobody refuses them. */
beforeAll(async () => {
  scene = await Scene.start({}, ({ dir }) => {
    const config = join(dir, 'scan.yaml')
    writeFileSync(config, `scan: { intervalSeconds: ${INTERVAL_SECONDS}, pageSize: 3 }\n`)
    return { config }
  })
  for (const [name, environment] of [
    ['shop', undefined],
    ['shop-dev', 'dev'],
    ['shop-odd', 'nowhere'],
  ] as const) {
    await scene.plane.createNamespace(name, environment === undefined ? {} : { 'bylaw.dev/environment': environment })
    await scene.put(pod(name, 'good', SAFE))
    await scene.put(pod(name, 'bad'))
    await scene.put(deployment(name, 'web'))
    await scene.put(configMap(name, 'nameless'))
  }
  await scene.put(pod(TENANT_NAMESPACE, 'importer-1'))
}, SCENE_MS)

afterAll(() => scene.stop())

async function untilRows(namespace: string, rows: readonly Row[]): Promise<void> {
  let seen: readonly Row[] = []
  try {
    await scene.until('rows', async () => {
      seen = await rowsOf(scene.plane, namespace)
      return JSON.stringify(seen) === JSON.stringify([...rows].sort())
    })
  } catch {
    expect(seen).toEqual([...rows].sort())
  }
}

const violations = async (policy: Json): Promise<unknown> => at(await scene.read(policy), 'status', 'violations')

const DEV_ROWS = ['warn no-root/rule Pod/bad dev=Observe', 'warn no-root/rule Deployment/web dev=Observe', 'warn named/rule ConfigMap/nameless dev=Warn']
const SHOP_ROWS = ['fail no-root/rule Pod/bad prod=Deny', 'fail no-root/rule Deployment/web prod=Deny', 'warn named/rule ConfigMap/nameless prod=Warn']

describe('what exists already', () => {
  test(
    'is reported within half a minute, at the level of its environment',
    async () => {
      await scene.enforce(NO_ROOT, NAMED)
      await untilRows('shop', SHOP_ROWS)
      await untilRows('shop-dev', DEV_ROWS)
      await untilRows(
        'shop-odd',
        SHOP_ROWS.map((row) => row.replace('prod', 'unknown')),
      )
      expect(await countsOf(scene.plane, 'shop')).toEqual({ pass: 1, fail: 2, warn: 1, error: 0, skip: 0 })
      expect(await scene.waitForCondition(NO_ROOT, 'Scanned', 'True')).toMatchObject({ reason: 'Scanned' })
    },
    TEST_MS,
  )

  test(
    'is reported with everything that readers of reports look for',
    async () => {
      const [report] = await reportsOf(scene.plane, 'shop')
      const row = listAt(report, 'results').find((result) => at(result, 'resources', 0, 'kind') === 'Deployment')
      const stored = await scene.read(deployment('shop', 'web'))
      expect(row).toEqual({
        source: 'bylaw',
        policy: 'no-root',
        rule: 'rule',
        category: 'pod-security',
        severity: 'high',
        result: 'fail',
        scored: true,
        message: 'no-root says no: spec.template.spec.securityContext.runAsNonRoot is not set',
        resources: [{ apiVersion: 'apps/v1', kind: 'Deployment', name: 'web', namespace: 'shop', uid: at(stored, 'metadata', 'uid') }],
        timestamp: { seconds: expect.any(Number), nanos: 0 },
        properties: {
          level: 'Deny',
          environment: 'prod',
          path: 'spec.template.spec.securityContext.runAsNonRoot',
          policyRevision: at(await scene.read(NO_ROOT), 'status', 'revision'),
          controls: 'NIST-800-53r5 AC-6',
        },
      })
      expect(at(report, 'metadata', 'labels', 'app.kubernetes.io/managed-by')).toBe('bylaw')
      const { stdout } = await scene.plane.kubectl(['get', 'policyreports', '-n', 'shop', '--no-headers'])
      expect(stdout.trim().split(/\s+/).slice(0, 6)).toEqual(['bylaw-0', '1', '2', '1', '0', '0'])
    },
    TEST_MS,
  )

  test(
    'is counted in the status of each policy, by namespace',
    async () => {
      await scene.until('the figure', async () => at(await violations(NAMED), 'current') === 3)
      expect(await violations(NAMED)).toEqual({
        current: 3,
        asOf: expect.any(String),
        complete: true,
        byNamespace: ['shop', 'shop-dev', 'shop-odd'].map((namespace) => ({ namespace, count: 1 })),
      })
      expect(await scene.metric('bylaw_violations', { policy: 'no-root', environment: 'prod', level: 'Deny' })).toBe(3)
      expect(await scene.metric('bylaw_violations', { policy: 'no-root', environment: 'dev', level: 'Observe' })).toBe(2)
      expect(await scene.metric('bylaw_scan_complete')).toBe(1)
    },
    TEST_MS,
  )

  test(
    'is judged no second time, and written no second time, where nothing changes',
    async () => {
      await scene.until('figures of counts', async () => at(await violations(NO_ROOT), 'current') === 7)
      const before = await versionsOfWritten(scene.plane)
      const judged = await scene.metric('bylaw_scan_judged_objects_total')
      await sleep(INTERVAL_SECONDS * 1000 + 5_000)
      expect(await versionsOfWritten(scene.plane)).toEqual(before)
      expect(await scene.metric('bylaw_scan_judged_objects_total')).toBe(judged)
    },
    TEST_MS * 2,
  )
})

describe('a report follows', () => {
  test(
    'an object that is mended, one that is made and one that goes',
    async () => {
      await scene.put(deployment('shop', 'web', SAFE), { method: 'PATCH' })
      await untilRows('shop', ['fail no-root/rule Pod/bad prod=Deny', 'warn named/rule ConfigMap/nameless prod=Warn'])
      await scene.put(pod('shop', 'bad'), { method: 'DELETE' })
      await scene.put(configMap('shop', 'nameless-too'))
      await untilRows('shop', ['warn named/rule ConfigMap/nameless prod=Warn', 'warn named/rule ConfigMap/nameless-too prod=Warn'])
    },
    TEST_MS,
  )

  test(
    'a row keeps its time as long as it stays',
    async () => {
      const times = async (): Promise<unknown> =>
        (await reportsOf(scene.plane, 'shop')).flatMap((report) =>
          listAt(report, 'results').map((row) => [at(row, 'resources', 0, 'name'), at(row, 'timestamp')]),
        )
      const before = await times()
      await sleep(1100)
      await scene.put(configMap('shop', 'nameless-last'))
      await scene.until('the row', async () => (await rowsOf(scene.plane, 'shop')).length === 3)
      expect(await times()).toEqual(expect.arrayContaining(Array.isArray(before) ? before : []))
    },
    TEST_MS,
  )

  test(
    'the environment of a namespace',
    async () => {
      const moved = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop-dev', labels: { 'bylaw.dev/environment': 'staging' } } }
      await scene.put(moved, { method: 'PATCH' })
      await untilRows(
        'shop-dev',
        DEV_ROWS.map((row) => row.replace('dev=Observe', 'staging=Warn').replace('dev=Warn', 'staging=Warn')),
      )
    },
    TEST_MS,
  )

  test(
    'an exception that is approved, and its end',
    async () => {
      await untilRows(TENANT_NAMESPACE, ['fail no-root/rule Pod/importer-1 prod=Deny'])
      const exception = {
        apiVersion: 'bylaw.dev/v1',
        kind: 'PolicyException',
        metadata: { name: 'importer', namespace: TENANT_NAMESPACE },
        spec: {
          policies: [{ name: 'no-root', rules: ['*'] }],
          match: { resources: [{ kinds: ['Pod'], names: ['importer-*'] }] },
          reason: 'the vendor needs it',
          owner: { team: 'shop', contact: '#shop' },
          expiresAt: new Date(Date.now() + 15_000).toISOString(),
        },
      }
      await scene.put(exception)
      await runApprove(scene.plane.kubeconfigFor('approver'), ['importer', '-n', TENANT_NAMESPACE])
      await untilRows(TENANT_NAMESPACE, ['skip no-root/rule Pod/importer-1 prod=Deny'])
      expect(await countsOf(scene.plane, TENANT_NAMESPACE)).toMatchObject({ skip: 1, fail: 0 })
      await untilRows(TENANT_NAMESPACE, ['fail no-root/rule Pod/importer-1 prod=Deny'])
    },
    TEST_MS,
  )

  test(
    'a parameter',
    async () => {
      await scene.put(configMap('default', 'limits', { most: '10' }))
      const limited = policyOf('limited', 'object.value <= int(params.data.most)', {
        ...on('scheduling.k8s.io', 'v1', ['priorityclasses'], ['CREATE']),
        paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
        paramRef: { name: 'limits', namespace: 'default', parameterNotFoundAction: 'Deny' },
        matchConditions: [{ name: 'not-the-systems', expression: "!object.metadata.name.startsWith('system-')" }],
      })
      await scene.put({ apiVersion: 'scheduling.k8s.io/v1', kind: 'PriorityClass', metadata: { name: 'mine' }, value: 7 })
      await scene.enforce(limited)
      await scene.waitForCondition(limited, 'Scanned', 'True')
      await untilRows('', [])
      await scene.put(configMap('default', 'limits', { most: '5' }), { method: 'PATCH' })
      await untilRows('', ['fail limited/rule PriorityClass/mine prod=Deny'])
      await scene.submit(configMap('default', 'limits'), { method: 'DELETE' })
      // One row for all, since the fault is not the objects'.
      await untilRows('', ['error limited/rule Policy/limited prod=Deny'])
      await scene.withdraw(limited)
      await untilRows('', [])
    },
    TEST_MS * 2,
  )
})

describe('a policy of which not everything can be judged', () => {
  test.each<[string, Json, string, Row, string]>([
    [
      'since it reads who asks',
      policyOf('by-whom', "request.userInfo.username != 'eve'"),
      'NeedsRequest',
      'skip by-whom/* Policy/by-whom *=Observe',
      'the policy reads `request.userInfo`, which only a request has',
    ],
    [
      'since it reads what was before',
      policyOf('fixed', 'oldObject == null || object.spec == oldObject.spec'),
      'NeedsRequest',
      'skip fixed/* Policy/fixed *=Observe',
      'the policy reads `oldObject`, which only a request has',
    ],
    [
      'since nothing of the kind is served',
      policyOf('elsewhere', 'true', on('example.com', 'v1', ['things'], ['CREATE'])),
      'NotServed',
      'error elsewhere/* Policy/elsewhere *=Observe',
      'the cluster serves none of the resources, in the versions that the policy names',
    ],
  ])(
    '%s, says so and never passes',
    async (_, policy, reason, row, message) => {
      await scene.apply(policy)
      expect(await scene.waitForCondition(policy, 'Scanned', 'False')).toEqual({ reason, message })
      expect(await violations(policy)).toBeUndefined()
      await untilRows('', [row])
      await scene.submit(policy, { method: 'DELETE' })
      await untilRows('', [])
    },
    TEST_MS,
  )

  test(
    'by its own wish is left alone',
    async () => {
      const policy = policyOf('door-only', 'false', { evaluation: { background: false }, enforcement: everywhere('Observe') })
      await scene.apply(policy)
      expect(await scene.waitForCondition(policy, 'Scanned', 'False')).toMatchObject({ reason: 'NotScanned' })
      await untilRows('', [])
      await scene.submit(policy, { method: 'DELETE' })
    },
    TEST_MS,
  )
})

describe('a violation is told once', () => {
  test(
    'at the workload, and at the Pod only where the workload is right',
    async () => {
      await scene.plane.createNamespace('once')
      const owned = (owner: unknown): Json => ({
        ownerReferences: [
          {
            apiVersion: 'apps/v1',
            kind: 'ReplicaSet',
            name: String(at(owner, 'metadata', 'name')),
            uid: String(at(owner, 'metadata', 'uid')),
            controller: true,
          },
        ],
      })
      const replicaSet = (name: string, spec: Json, replicas = 1): Json => ({
        apiVersion: 'apps/v1',
        kind: 'ReplicaSet',
        metadata: { name, namespace: 'once' },
        spec: {
          replicas,
          selector: { matchLabels: { app: name } },
          template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'app', image: 'registry.example/app:1' }], ...spec } },
        },
      })
      await scene.enforce({ ...NO_ROOT, spec: { ...Object(NO_ROOT['spec']), enforcement: everywhere('Observe') } })
      await scene.until('nothing to be refused', async () => (await scene.submit(pod('once', 'any'), { isDryRun: true })).status === 201)
      await scene.put(replicaSet('wrong', {}))
      await scene.put(replicaSet('right', SAFE))
      await scene.put(pod('once', 'wrong-1', {}, owned(await scene.read(replicaSet('wrong', {})))))
      await scene.put(pod('once', 'right-1', {}, owned(await scene.read(replicaSet('right', SAFE)))))
      await untilRows('once', ['warn no-root/rule ReplicaSet/wrong prod=Observe', 'warn no-root/rule Pod/right-1 prod=Observe'])
      // When the owner is mended, what it made is still wrong.
      await scene.put(replicaSet('wrong', SAFE), { method: 'PATCH' })
      await untilRows('once', ['warn no-root/rule Pod/wrong-1 prod=Observe', 'warn no-root/rule Pod/right-1 prod=Observe'])
    },
    TEST_MS,
  )
})

describe('a Secret', () => {
  test(
    'is judged without a word of what is in it',
    async () => {
      const canary = 'canary-4711'
      const secret: Json = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'keys', namespace: 'once' }, stringData: { password: canary } }
      const policy = policyOf('no-such-secret', 'false', {
        ...on('', 'v1', ['secrets'], ['CREATE']),
        enforcement: everywhere('Observe'),
        matchConditions: [{ name: 'in-once', expression: "object.metadata.namespace == 'once'" }],
        validations: [
          {
            name: 'shown',
            expression: "!('password' in object.data)",
            showValues: true,
            messageExpression: "'it is ' + object.data.password",
          },
          { name: 'broken', expression: 'int(object.data.password) > 0', showValues: true },
        ],
      })
      await scene.put(secret)
      await scene.enforce(policy)
      await scene.until('the rows', async () => (await rowsOf(scene.plane, 'once')).filter((row) => row.includes('no-such-secret')).length === 2)
      const written = JSON.stringify([await reportsOf(scene.plane, 'once'), await scene.read(policy), scene.bylaw.log()])
      expect(written).not.toContain(canary)
      expect(written).not.toContain(Buffer.from(canary).toString('base64'))
      await scene.withdraw(policy)
    },
    TEST_MS,
  )
})

describe('reports of what is gone', () => {
  test(
    'go with the policy',
    async () => {
      await scene.withdraw(NAMED)
      await scene.until('no row of it', async () => (await rowsOf(scene.plane, 'shop')).every((row) => !row.includes('named')))
      await scene.withdraw(NO_ROOT)
      await scene.until('no report', async () => (await reportsOf(scene.plane, 'shop')).length === 0)
    },
    TEST_MS,
  )
})
