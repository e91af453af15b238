import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import { makeAuthority, makeServingCertificate } from '../../src/controllers/index.ts'
import { TENANT_NAMESPACE } from '../controlplane/users.ts'
import { everywhere, pod, policyOf, SCENE_MS, Scene, TEST_MS } from './scene.ts'

const run = promisify(execFile)

jest.setTimeout(2 * TEST_MS)

let scene: Scene

beforeAll(async () => {
  scene = await Scene.start({}, async ({ dir }) => {
    const now = new Date()
    const authority = await makeAuthority(now)
    const { cert, key } = await makeServingCertificate(authority, ['localhost'], now)
    const files = { certFile: join(dir, 'given.crt'), keyFile: join(dir, 'given.key'), caFile: join(dir, 'given-ca.crt') }
    for (const [file, text] of [[files.certFile, cert] as const, [files.keyFile, key] as const, [files.caFile, authority.cert] as const])
      writeFileSync(file, text)
    const config = join(dir, 'given.yaml')
    writeFileSync(config, JSON.stringify({ certificates: { source: 'Files', ...files } }))
    return { config }
  })
}, SCENE_MS)

afterAll(() => scene.stop())

test('with a given certificate, an approval counts after a restart as before', async () => {
  await scene.enforce(policyOf('no-bad-pod', "object.metadata.name != 'bad'", { enforcement: everywhere('Deny') }))
  await scene.put({
    apiVersion: 'bylaw.dev/v1',
    kind: 'PolicyException',
    metadata: { name: 'bad', namespace: TENANT_NAMESPACE },
    spec: {
      policies: [{ name: 'no-bad-pod', rules: ['*'] }],
      match: { resources: [{ kinds: ['Pod'], names: ['bad'] }] },
      reason: 'the migration of the shop runs until then',
      owner: { team: 'shop', contact: '#shop' },
      expiresAt: new Date(Date.now() + 3_600_000).toISOString(),
    },
  })
  const attempt = async (): Promise<number> => (await scene.submit(pod(TENANT_NAMESPACE, 'bad'), { isDryRun: true })).status
  expect(await attempt()).toBe(403)
  const flags = ['--disable-warning=ExperimentalWarning', 'src/main.ts', 'approve', '--kubeconfig', scene.plane.adminKubeconfig, 'bad', '-n', TENANT_NAMESPACE]
  await run('node_modules/.bin/node', flags)
  await scene.until('the approval', async () => (await attempt()) === 201)
  await scene.killBylaw()
  await scene.startBylaw()
  await scene.until('the approval after the restart', async () => (await attempt()) === 201)
})
