import { randomUUID } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { request as httpsRequest } from 'node:https'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { Json } from '../api/resources.ts'
import { Door } from './door.ts'
import { expressionOf, type Place, type PlantedObject, Planter } from './planted.ts'
import { at, policyOf, SCENE_MS, Scene } from './scene.ts'

const KINDS: readonly (readonly [group: string, version: string, kind: string, resource: string])[] = [
  ['', 'v1', 'Pod', 'pods'],
  ['', 'v1', 'Secret', 'secrets'],
  ['', 'v1', 'ConfigMap', 'configmaps'],
  ['', 'v1', 'Service', 'services'],
  ['', 'v1', 'ServiceAccount', 'serviceaccounts'],
  ['', 'v1', 'PersistentVolumeClaim', 'persistentvolumeclaims'],
  ['', 'v1', 'PersistentVolume', 'persistentvolumes'],
  ['', 'v1', 'Namespace', 'namespaces'],
  ['apps', 'v1', 'Deployment', 'deployments'],
  ['batch', 'v1', 'CronJob', 'cronjobs'],
  ['networking.k8s.io', 'v1', 'Ingress', 'ingresses'],
  ['networking.k8s.io', 'v1', 'NetworkPolicy', 'networkpolicies'],
  ['rbac.authorization.k8s.io', 'v1', 'Role', 'roles'],
  ['rbac.authorization.k8s.io', 'v1', 'RoleBinding', 'rolebindings'],
  ['apiextensions.k8s.io', 'v1', 'CustomResourceDefinition', 'customresourcedefinitions'],
]
/** Expressions that fail, or cannot be evaluated, each with the text in its hands in another way. */
const PRYING: readonly ((path: string) => Json)[] = [
  (path) => ({ expression: `${path} == 'x'` }),
  (path) => ({ expression: `int(${path}) > 0` }),
  (path) => ({ expression: `duration(${path}) > duration('1s')` }),
  (path) => ({ expression: `${path} in ['a', 'b']` }),
  (path) => ({ expression: `${path}.startsWith('no')` }),
  (path) => ({ expression: `object[${path}] == 'x'` }),
  (path) => ({ expression: `'a'.matches('(' + ${path})` }),
  (path) => ({ expression: `quantity(${path}).isInteger()` }),
]
const RULES_PER_POLICY = 60
const MAX_PLACES = 120

let scene: Scene
let folder: string

beforeAll(async () => {
  scene = await Scene.start({}, (plane) => {
    folder = join(plane.dir, 'evidence')
    mkdirSync(folder)
    const config = join(plane.dir, 'config.yaml')
    writeFileSync(config, `evidence: { dir: ${JSON.stringify(folder)}, sinks: [{ type: Stdout }] }\n`)
    return { config }
  })
}, SCENE_MS)

afterAll(() => scene.stop())

/** Evenly taken, so that every part of a large kind is looked at. */
function someOf<T>(items: readonly T[], count: number): readonly T[] {
  const step = Math.max(1, items.length / count)
  return Array.from({ length: Math.min(items.length, count) }, (_, index) => items[Math.floor(index * step)]).filter((item) => item !== undefined)
}

/** Policies that look at every one of these places. */
function policiesOn(name: string, group: string, version: string, resource: string, places: readonly Place[]): readonly Json[] {
  const rules = places.map((place, index) => {
    const path = expressionOf(place)
    // For other kinds whoever writes a `messageExpression` answers for what it shows; of a Secret it shows nothing.
    const composed = resource === 'secrets' ? { messageExpression: `'found ' + ${path}` } : {}
    return { name: `rule-${index}`, message: 'not right', ...composed, ...PRYING[index % PRYING.length]?.(path) }
  })
  const parts = Array.from({ length: Math.ceil(rules.length / RULES_PER_POLICY) }, (_, index) =>
    rules.slice(index * RULES_PER_POLICY, (index + 1) * RULES_PER_POLICY),
  )
  return parts.map((validations, index) =>
    policyOf(`canary-${name}-${index}`, '', {
      matchConstraints: { resourceRules: [{ apiGroups: [group], apiVersions: [version], resources: [resource], operations: ['CREATE', 'UPDATE', 'DELETE'] }] },
      podTemplates: 'Ignore',
      validations,
    }),
  )
}

const reviewOf = (kind: (typeof KINDS)[number], operation: string, object: Json | null, oldObject: Json | null): string => {
  const [group, version, name, resource] = kind
  const target = { group, version, resource }
  const isCluster = /^(?:PersistentVolume|CustomResourceDefinition)$/.test(name)
  const request = {
    ...{ uid: randomUUID(), kind: { group, version, kind: name }, resource: target, requestResource: target, operation, name: 'planted', dryRun: false },
    ...(isCluster ? {} : { namespace: 'planted' }),
    ...{ userInfo: { username: 'canary-keeper', groups: [] }, object, oldObject },
  }
  return JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', request })
}

test(
  'no text of an object that is not on the list comes out anywhere',
  async () => {
    await scene.plane.createNamespace('planted')
    const planted: { readonly kind: (typeof KINDS)[number]; readonly first: PlantedObject; readonly second: PlantedObject }[] = []
    for (const kind of KINDS) {
      const [group, version, name] = kind
      const { body } = await scene.plane.request('GET', `/openapi/v3/${group === '' ? `api/${version}` : `apis/${group}/${version}`}`)
      const planter = new Planter(body)
      planted.push({ kind, first: planter.plant(group, version, name), second: planter.plant(group, version, name) })
    }
    const policies = planted.flatMap(({ kind: [group, version, name, resource], first }) =>
      policiesOn(
        name.toLowerCase(),
        group,
        version,
        resource,
        someOf(first.secret, MAX_PLACES).map(({ place }) => place),
      ),
    )
    await scene.apply(...policies)
    await scene.until('the policies', async () => (await scene.metric('bylaw_policies')) === policies.length)
    const door = await Door.of(scene)
    const agent = door.agent()
    const told: string[] = []
    const send = (path: string, body: string): Promise<void> =>
      new Promise((resolve, reject) => {
        const headers = { 'content-type': 'application/json' }
        const request = httpsRequest({ agent, host: '127.0.0.1', port: scene.bylaw.admissionPort, method: 'POST', path, headers }, (response) => {
          text(response).then((answer) => {
            told.push(answer)
            resolve()
          }, reject)
        })
        request.on('error', reject)
        request.end(body)
      })
    for (const { kind, first, second } of planted) {
      for (const path of ['/validate/fail/equivalent', '/validate/ignore/equivalent', '/mutate/ignore/equivalent']) {
        await send(path, reviewOf(kind, 'CREATE', first.object, null))
        await send(path, reviewOf(kind, 'UPDATE', first.object, second.object))
        await send(path, reviewOf(kind, 'DELETE', null, first.object))
      }
    }
    agent.destroy()
    // An instance shows what it has counted every five seconds.
    await sleep(6000)
    const policiesNow = await scene.plane.request('GET', '/apis/bylaw.dev/v1/policies')
    const events = await scene.plane.request('GET', '/apis/events.k8s.io/v1/events')
    const leases = await scene.plane.request('GET', '/apis/coordination.k8s.io/v1/namespaces/bylaw-system/leases')
    const places: Readonly<Record<string, string>> = {
      answers: told.join('\n'),
      log: readdirSync(folder)
        .map((file) => readFileSync(join(folder, file), 'utf8'))
        .join('\n'),
      'standard output and error': scene.bylaw.log(),
      metrics: await scene.bylaw.metrics(),
      policies: JSON.stringify(policiesNow.body),
      Events: JSON.stringify(events.body),
      Leases: JSON.stringify(leases.body),
    }
    // The test must be able to fail: what may be read, and what hides the rest, is there.
    expect(places['log']).toMatch(/digest [0-9a-f]{6}/)
    expect(places['standard output and error']).toContain('"kind":"decision"')
    expect(told.join('\n')).toContain('digest')
    expect(places['Leases']).toContain('bylaw.dev/violations')
    expect(places['Leases']).toMatch(/digest [0-9a-f]{6}/)
    expect(at(policiesNow.body, 'items')).toHaveLength(policies.length)
    const secrets = planted.flatMap(({ kind, first, second }) =>
      [...first.secret, ...second.secret].map(({ place, text: secret }) => ({ where: `${kind[2]} ${place.join('.')}`, secret })),
    )
    expect(secrets.length).toBeGreaterThan(1000)
    const found = Object.entries(places).flatMap(([place, content]) => {
      const seen = new Set(content.match(/canary[0-9a-f]{12}/g))
      return secrets.filter(({ secret }) => seen.has(secret)).map(({ where }) => `${place}: ${where}`)
    })
    expect(found).toEqual([])
  },
  SCENE_MS,
)
