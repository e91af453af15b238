import { X509Certificate } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect } from 'node:tls'
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import { everywhere, policyOf, SCENE_MS, TEST_MS } from '../e2e/scene.ts'
import type { Operator } from '../support/operator.ts'
import { metricOf, ReplicaScene } from './replicas.ts'

const ROTATIONS = 3
/** API servers know of a registration a little later than it was written. */
const LATE_MS = 3000
const SAMPLE_MS = 100

jest.setTimeout(TEST_MS)

let scene: ReplicaScene
let replicas: readonly Operator[] = []

beforeAll(async () => {
  scene = await ReplicaScene.start()
  replicas = await Promise.all([scene.startReplica('replica-a'), scene.startReplica('replica-b')])
  scene.balancer.use(...replicas.map(({ admissionPort }) => admissionPort))
  await scene.plane.createNamespace('busy')
  await scene.enforce(policyOf('no-bad-pod', "object.metadata.name != 'bad'", { enforcement: everywhere('Deny') }))
}, SCENE_MS)

afterAll(() => scene.stop())

/** The certificate that a door shows to whoever trusts the bundle, or why it is not trusted. */
const greet = (port: number, ca: string): Promise<{ readonly issuer: string; readonly objection: string | undefined }> =>
  new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, servername: 'localhost', ca, rejectUnauthorized: false }, () => {
      const { raw } = socket.getPeerCertificate()
      resolve({ issuer: new X509Certificate(raw).issuer, objection: socket.authorized ? undefined : String(socket.authorizationError) })
      socket.destroy()
    })
    socket.on('error', reject)
  })

interface Sample {
  readonly atMs: number
  readonly bundle: string
}

/** Opens connections all the time, as an API server would that has the registration of now, and one that is late. */
function watchDoors() {
  const samples: Sample[] = []
  const objections: string[] = []
  const issuers = replicas.map(() => new Set<string>())
  let isOver = false
  const work = (async () => {
    while (!isOver) {
      samples.push({ atMs: Date.now(), bundle: await scene.bundle() })
      const late = samples.findLast(({ atMs }) => atMs <= Date.now() - LATE_MS)
      for (const [index, { admissionPort }] of replicas.entries()) {
        for (const bundle of [samples.at(-1)?.bundle ?? '', late?.bundle ?? '']) {
          if (bundle === '') continue
          const { issuer, objection } = await greet(admissionPort, bundle)
          issuers[index]?.add(issuer)
          if (objection !== undefined) objections.push(`${issuer}: ${objection}`)
        }
      }
      await sleep(SAMPLE_MS)
    }
  })()
  return {
    issuers,
    stop: async (): Promise<readonly string[]> => {
      isOver = true
      await work
      return objections
    },
  }
}

const authorityOf = async (): Promise<unknown> => {
  const { stdout } = await scene.plane.kubectl(['-n', 'bylaw-system', 'get', 'secret', 'bylaw-keys', '-o', 'jsonpath={.data.ca\\.crt}'])
  return stdout
}

test(
  `${ROTATIONS} rotations under load fail no request, and no certificate is shown that the registration does not trust`,
  async () => {
    const load = scene.startLoad('busy')
    const doors = watchDoors()
    for (let index = 0; index < ROTATIONS; index++) {
      const before = await authorityOf()
      const asked = await scene.plane.kubectl(['-n', 'bylaw-system', 'annotate', 'secret', 'bylaw-keys', `bylaw.dev/rotate=${index}`])
      expect(asked.stderr).toBe('')
      await scene.until('another authority', async () => (await authorityOf()) !== before, TEST_MS)
      await scene.until('both doors to show its certificate', () => doors.issuers.every((seen) => seen.size === index + 2))
    }
    expect(await doors.stop()).toEqual([])
    const { count, failures } = await load.stop()
    expect(failures).toEqual([])
    expect(count).toBeGreaterThan(500)
    expect((await scene.bundle()).match(/BEGIN CERTIFICATE/g)).toHaveLength(1 + ROTATIONS)
    expect(await Promise.all(replicas.map((operator) => metricOf(operator, 'bylaw_registration_drift_total')))).toEqual([0, 0])
  },
  (ROTATIONS + 1) * TEST_MS,
)

test('a lost Secret comes back as it was', async () => {
  const before = await authorityOf()
  await scene.plane.request('DELETE', '/api/v1/namespaces/bylaw-system/secrets/bylaw-keys')
  await scene.until('the Secret', async () => (await authorityOf()) !== '')
  expect(await authorityOf()).toBe(before)
})

test('a registration without its certificates is repaired', async () => {
  const bundle = await scene.bundle()
  const path = '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/bylaw'
  const body = [{ op: 'remove', path: '/webhooks/0/clientConfig/caBundle' }]
  expect((await scene.plane.request('PATCH', path, { body, contentType: 'application/json-patch+json' })).status).toBe(200)
  await scene.until('the certificates', async () => (await scene.bundle()) === bundle)
})
