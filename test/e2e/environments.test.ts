import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Json } from '../api/resources.ts'
import type { User } from '../controlplane/users.ts'
import { type CuttingProxy, proxyTo } from './cutting-proxy.ts'
import { at, isRecord, listAt, pod, policyOf, SCENE_MS, Scene, TEST_MS } from './scene.ts'

const LABEL = 'bylaw.dev/environment'
const NAMESPACES = { apiGroups: [''], resources: ['*'], verbs: ['get', 'list', 'create', 'update', 'patch', 'delete'] }
const assign = (...names: readonly string[]) => ({
  apiGroups: ['bylaw.dev'],
  resources: ['environments'],
  verbs: ['assign'],
  ...(names.length === 0 ? {} : { resourceNames: names }),
})

/** `mover` may assign every environment, `half` only `dev`, `dev` none although it may write every namespace. */
const PEOPLE: readonly User[] = [
  { name: 'mover', grants: [NAMESPACES, assign()] },
  { name: 'half', grants: [NAMESPACES, assign('dev')] },
]

/** Denies in prod, warns in staging, observes in dev. */
const POLICY = policyOf('never', "object.metadata.name == ''")

let scene: Scene
let proxy: CuttingProxy

beforeAll(async () => {
  scene = await Scene.start({ users: PEOPLE }, async (plane) => {
    const through = await proxyTo(plane)
    proxy = through.proxy
    return { kubeconfig: through.kubeconfig }
  })
  await scene.enforce(POLICY)
}, SCENE_MS)

afterAll(() => {
  proxy.close()
  return scene.stop()
})

const namespace = (name: string, environment?: string): Json => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name, ...(environment === undefined ? {} : { labels: { [LABEL]: environment } }) },
})

describe('the environment of a request', () => {
  test.each<readonly [string, environment: string | undefined, status: number, warnings: number]>([
    ['is the one that the label names: dev', 'dev', 201, 0],
    ['is the one that the label names: staging', 'staging', 201, 1],
    ['is the one that the label names: prod', 'prod', 403, 0],
    ['is the default one without a label', undefined, 403, 0],
    ['is the strictest where the label is misspelt', 'porduction', 403, 0],
    ['is the strictest where the label names another case', 'Dev', 403, 0],
    ['is the strictest where the label is empty', '', 403, 0],
  ])('%s', async (title, environment, status, count) => {
    const name = title
      .toLowerCase()
      .replaceAll(/[^a-z]+/g, '-')
      .slice(-40)
      .replace(/^-/, '')
    await scene.put(namespace(name, environment))
    const { warnings, ...answer } = await scene.submit(pod(name, 'any'))
    expect({ status: answer.status, count: warnings.length }).toEqual({ status, count })
  })

  test('that is not known is counted and told in an Event about the namespace', async () => {
    const before = await scene.metric('bylaw_environment_unknown_total', { reason: 'LabelUnknown' })
    await scene.put(namespace('odd', 'prodd'))
    await scene.submit(pod('odd', 'any'))
    expect(await scene.metric('bylaw_environment_unknown_total', { reason: 'LabelUnknown' })).toBe(before + 1)
    await scene.until('the Event', async () => {
      const { body } = await scene.plane.request('GET', '/apis/events.k8s.io/v1/events')
      return listAt(body, 'items').some(
        (event) => at(event, 'reason') === 'EnvironmentUnknown' && at(event, 'regarding', 'name') === 'odd' && String(at(event, 'note')).includes('`prodd`'),
      )
    })
  })

  test(
    'is the right one from the first instant of a namespace, fifty times',
    async () => {
      const expected = { dev: '201 ', staging: '201 never/rule', prod: '403 ' } as const
      const outcomes = await Promise.all(
        Array.from({ length: 50 }, async (_, index) => {
          const environment = (['dev', 'staging', 'prod'] as const)[index % 3] ?? 'prod'
          const name = `fresh-${index}`
          await scene.put(namespace(name, environment))
          const { status, warnings } = await scene.submit(pod(name, 'any'))
          const [policy = ''] = warnings[0]?.split(' ') ?? []
          return { environment, got: `${status} ${policy}`, wanted: expected[environment] }
        }),
      )
      expect(outcomes.filter(({ got, wanted }) => got !== wanted)).toEqual([])
    },
    TEST_MS,
  )

  test(
    'of an object that comes together with its namespace is never a laxer one, fifty times',
    async () => {
      const outcomes = await Promise.all(
        Array.from({ length: 50 }, async (_, index) => {
          const name = `instant-${index}`
          const [, { status }] = await Promise.all([scene.put(namespace(name, 'prod')), scene.submit(pod(name, 'any'))])
          return status
        }),
      )
      // 404: the namespace was not there yet.
      expect(outcomes.filter((status) => status !== 403 && status !== 404)).toEqual([])
    },
    TEST_MS,
  )
})

describe('a namespace that the watch has not told of yet', () => {
  const create = async (prefix: string): Promise<void> => {
    for (const environment of ['dev', 'staging', 'prod']) await scene.put(namespace(`${prefix}-${environment}`, environment))
  }
  const statusIn = async (name: string): Promise<number> => (await scene.submit(pod(name, 'any'), { isDryRun: true })).status

  test(
    'is read when a request comes for it',
    async () => {
      proxy.hold()
      try {
        await create('late')
        const seen = new Set<number>()
        await scene.until('the namespaces to be read', async () => {
          seen.add(await statusIn('late-prod'))
          return (await statusIn('late-staging')) === 201 && (await statusIn('late-dev')) === 201
        })
        expect([...seen]).toEqual([403])
      } finally {
        proxy.release()
      }
    },
    TEST_MS,
  )

  test(
    'and cannot be read is judged at the strictest level, until it can be',
    async () => {
      const before = await scene.metric('bylaw_environment_unknown_total', { reason: 'NamespaceUnknown' })
      proxy.hold()
      try {
        await create('unread')
        proxy.cutAfter(0)
        for (const environment of ['dev', 'staging', 'prod'])
          expect({ environment, status: await statusIn(`unread-${environment}`) }).toEqual({ environment, status: 403 })
        expect(await scene.metric('bylaw_environment_unknown_total', { reason: 'NamespaceUnknown' })).toBe(before + 3)
      } finally {
        proxy.release()
        proxy.heal()
      }
      await scene.until('the namespace to be read', async () => (await statusIn('unread-dev')) === 201)
    },
    TEST_MS,
  )
})

/** The ways in which the label of a namespace can be written. */
const DOORS = {
  'a patch of the namespace': async (name: string, to: string | null, as: string) =>
    scene.plane.request('PATCH', `/api/v1/namespaces/${name}`, {
      as,
      body: { metadata: { labels: { [LABEL]: to } } },
      contentType: 'application/merge-patch+json',
    }),
  'a patch of its status': async (name: string, to: string | null, as: string) =>
    scene.plane.request('PATCH', `/api/v1/namespaces/${name}/status`, {
      as,
      body: { metadata: { labels: { [LABEL]: to } } },
      contentType: 'application/merge-patch+json',
    }),
  'its finalization': async (name: string, to: string | null, as: string) => {
    const { body } = await scene.plane.request('GET', `/api/v1/namespaces/${name}`)
    const metadata = at(body, 'metadata')
    const labels = at(metadata, 'labels')
    const { [LABEL]: _before, ...others } = isRecord(labels) ? labels : {}
    const changed = {
      ...(isRecord(body) ? body : {}),
      metadata: { ...(isRecord(metadata) ? metadata : {}), labels: to === null ? others : { ...others, [LABEL]: to } },
    }
    return scene.plane.request('PUT', `/api/v1/namespaces/${name}/finalize`, { as, body: changed })
  },
} as const
type Door = keyof typeof DOORS

describe('the label that puts a namespace into an environment', () => {
  let count = 0
  async function fresh(environment?: string): Promise<string> {
    count += 1
    await scene.put(namespace(`moved-${count}`, environment))
    return `moved-${count}`
  }

  const REFUSAL = (from: string, to: string, missing: string, who: string): string =>
    `admission webhook "bylaw-guard-environment.validate.bylaw.dev" denied the request: moving a namespace from environment \`${from}\` to \`${to}\` needs the verb \`assign\` on \`environments.bylaw.dev\` ${missing}, which \`${who}\` does not have`

  test.each<readonly [Door, from: string | undefined, to: string | null, as: string, refusal: string | undefined]>(
    (['a patch of the namespace', 'a patch of its status', 'its finalization'] as const).flatMap((door) => [
      [door, 'prod', 'dev', 'dev', REFUSAL('prod', 'dev', '`prod` and `dev`', 'dev')] as const,
      [door, undefined, 'dev', 'dev', REFUSAL('prod', 'dev', '`prod` and `dev`', 'dev')] as const,
      [door, 'staging', null, 'dev', REFUSAL('staging', 'prod', '`staging` and `prod`', 'dev')] as const,
      [door, 'prod', 'dev', 'half', REFUSAL('prod', 'dev', '`prod`', 'half')] as const,
      [door, 'prod', 'dev', 'mover', undefined] as const,
      [door, 'staging', null, 'mover', undefined] as const,
    ]),
  )('by %s from %s to %s as %s', async (door, from, to, as, refusal) => {
    const { status, body } = await DOORS[door](await fresh(from), to, as)
    expect({ status, message: refusal === undefined ? undefined : at(body, 'message') }).toEqual({
      status: refusal === undefined ? 200 : 403,
      message: refusal,
    })
  })

  test('cannot be given at birth by whoever may not assign it', async () => {
    expect((await scene.submit(namespace('born-1', 'dev'), { as: 'dev' })).status).toBe(403)
    expect((await scene.submit(namespace('born-2'), { as: 'dev' })).status).toBe(201)
    expect((await scene.submit(namespace('born-3', 'dev'), { as: 'mover' })).status).toBe(201)
  })

  describe('while Bylaw is dead', () => {
    let name = ''
    beforeAll(async () => {
      name = await fresh('prod')
      await scene.killBylaw()
    })

    const merge = (path: string, metadata: Json) =>
      scene.plane.request('PATCH', `/api/v1/namespaces/${name}${path}`, { as: 'dev', body: { metadata }, contentType: 'application/merge-patch+json' })

    test.each(Object.keys(DOORS).filter((door): door is Door => door in DOORS))('cannot be changed by %s', async (door) => {
      expect(await DOORS[door](name, 'dev', 'admin')).toMatchObject({ status: 500, body: { message: expect.stringContaining('failed calling webhook') } })
    })

    test("stands in nobody's way: every other write of a namespace passes", async () => {
      expect((await merge('', { labels: { other: 'label' } })).status).toBe(200)
      expect((await merge('/status', { annotations: { other: 'annotation' } })).status).toBe(200)
      expect((await DOORS['its finalization'](name, 'prod', 'dev')).status).toBe(200)
      expect((await scene.submit(namespace('born-while-dead'), { as: 'dev' })).status).toBe(201)
      expect((await scene.submit(namespace('born-while-dead'), { as: 'dev', method: 'DELETE' })).status).toBe(200)
    })
  })
})
