import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { isRecord, parsePolicyException } from '../../src/api/index.ts'
import { specDigestOf } from '../../src/rules/index.ts'
import type { Json } from '../api/resources.ts'
import { inParallel } from '../compare/parallel.ts'
import type { User } from '../controlplane/users.ts'
import { type Cell, changesOf, DATA, expected, OVERRIDES, PLACES, RESULTS, rulesOfCell, SEVERITIES, SITUATIONS } from '../decide/decision-table.ts'
import { EXCEPTION_STATES } from '../decide/exceptions.ts'
import { chooser } from '../doors/random.ts'
import { type Answer, at, pathOf, SCENE_MS, Scene } from './scene.ts'

const CELLS = 360
const POLICIES = 14
const CLIENTS = 8
const CONFIG_MAPS: User = { name: 'worker', grants: [{ apiGroups: [''], resources: ['configmaps'], verbs: ['*'] }] }
const CONTROLLERS = ['job-controller', 'generic-garbage-collector']

/** Where cells are tried; that a namespace cannot be read does not happen here. */
const places = Object.entries(PLACES).flatMap(([place, { labels }], index) => (labels === undefined ? [] : [{ place, namespace: `place-${index}`, labels }]))
const states = Object.keys(EXCEPTION_STATES)
const slug = (text: string): string => text.replaceAll(/[^a-z]+/gi, '-').toLowerCase()

interface Sample {
  readonly cell: Cell
  readonly policy: string
  readonly object: Json
  readonly stored: Json | undefined
  readonly isGoingAway: boolean
  readonly as: string
}

const { one } = chooser(20_260_601)
const pick = <T>(items: readonly T[]): T => {
  const [first, ...rest] = items
  if (first === undefined) throw new Error('nothing to choose from')
  return one([first, ...rest])
}

/** Settings of policies, each for requests of one kind: what is deleted has no new form. */
const settings = Array.from({ length: POLICIES }, (_, index) => ({
  name: `p${index}`,
  isForDeletion: index % 4 === 0,
  severity: pick(SEVERITIES),
  // One policy of each override, at least.
  override: Object.keys(OVERRIDES)[index % Object.keys(OVERRIDES).length] ?? '',
  failurePolicy: pick(['Fail', 'Ignore'] as const),
  existingViolations: pick(['Allow', 'Allow', 'Enforce'] as const),
}))

function policyFor({ name, isForDeletion, severity, override, failurePolicy, existingViolations }: (typeof settings)[number]): Json {
  const seen = isForDeletion ? 'oldObject' : 'object'
  return {
    apiVersion: 'bylaw.dev/v1',
    kind: 'Policy',
    metadata: { name },
    spec: {
      ...{ title: `Title of ${name}`, owner: { team: 'platform', contact: '#platform' }, severity, remediation: 'mend it', failurePolicy },
      matchConstraints: {
        objectSelector: { matchLabels: { cell: name } },
        resourceRules: [
          { apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'], operations: isForDeletion ? ['DELETE'] : ['CREATE', 'UPDATE'] },
          { apiGroups: ['batch'], apiVersions: ['v1'], resources: ['jobs'], operations: ['CREATE'] },
        ],
      },
      ...rulesOfCell({ override, existingViolations }, seen),
    },
  }
}

function sampleOf(index: number): Sample {
  const { name: policy, isForDeletion, severity, override, failurePolicy, existingViolations } = pick(settings)
  const { place, namespace } = pick(places)
  const situation = pick(SITUATIONS.filter((item) => item.startsWith('DELETE') === isForDeletion))
  // Failures are what the table is about.
  const result = pick([...RESULTS, 'fail', 'fail', 'fail', 'error'] as const)
  const cell: Cell = { severity, override, failurePolicy, existingViolations, exception: pick(states), place, result, situation }
  const { object, changes } = changesOf(DATA[result], situation)
  const name = `${slug(cell.exception)}.${index}`
  const placed = (item: Json): Json => {
    const { deletionTimestamp: _gone, ...metadata } = isRecord(item['metadata']) ? item['metadata'] : {}
    const finalizers = situation === 'UPDATE of what goes away' ? { finalizers: ['example.com/a'] } : {}
    const own = Array.isArray(metadata['finalizers']) ? { finalizers: ['example.com/a'] } : finalizers
    return { ...item, metadata: { ...metadata, ...own, name, namespace, labels: { cell: policy } } }
  }
  const old = changes['oldObject']
  const username = at(changes, 'userInfo', 'username')
  const stored = isRecord(old) ? placed(old) : undefined
  return {
    ...{ cell, policy, stored, isGoingAway: situation === 'UPDATE of what goes away' },
    object: object === null ? (stored ?? {}) : placed(object),
    as: typeof username === 'string' ? username : 'worker',
  }
}

const samples = Array.from({ length: CELLS }, (_, index) => sampleOf(index))

let scene: Scene

/** The exceptions of one namespace: one in each state, for objects that are called after it. */
const exceptionsIn = (namespace: string): readonly { readonly state: string; readonly object: Json }[] =>
  states.flatMap((state) => {
    const options = EXCEPTION_STATES[state]?.options
    if (options === undefined) return []
    const conditions =
      state === 'with a condition that fails' ? { conditions: [{ name: 'c', expression: '(object == null ? oldObject : object).data.nothing == true' }] } : {}
    const names = state === 'for others' ? ['other-*'] : [`${slug(state)}.*`]
    const object = {
      apiVersion: 'bylaw.dev/v1',
      kind: 'PolicyException',
      metadata: { name: slug(state), namespace },
      spec: {
        policies: settings.map(({ name }) => ({ name, rules: ['*'] })),
        match: { resources: [{ kinds: ['ConfigMap'], names }], ...conditions },
        reason: 'the vendor needs it',
        owner: { team: 'shop', contact: '#shop' },
        expiresAt: new Date(Date.now() + (state === 'expired' ? -60_000 : 3_600_000)).toISOString(),
      },
    }
    return [{ state, object }]
  })

async function bring(state: string, object: Json): Promise<void> {
  await scene.put(object)
  if (EXCEPTION_STATES[state]?.options?.approvedAt === undefined) return
  const parsed = parsePolicyException(object)
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.error))
  const { apiVersion, kind, metadata } = parsed.value
  const head = { apiVersion, kind, metadata: { name: metadata.name, namespace: metadata.namespace } }
  await scene.put(
    { ...head, metadata: { ...head.metadata, annotations: { 'bylaw.dev/approve': specDigestOf(parsed.value) } } },
    { method: 'PATCH', as: 'approver' },
  )
  if (state === 'changed afterwards') await scene.put({ ...head, spec: { reason: 'another one' } }, { method: 'PATCH' })
  const phase = state === 'expired' ? 'Expired' : state === 'changed afterwards' ? 'Pending' : 'Active'
  await scene.until(`${pathOf(object)} to be ${phase}`, async () => at(await scene.read(object), 'status', 'phase') === phase)
}

beforeAll(async () => {
  scene = await Scene.start({ users: [CONFIG_MAPS] })
  for (const { namespace, labels } of places) await scene.plane.createNamespace(namespace, labels)
  await scene.put({
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: 'controllers' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
    subjects: CONTROLLERS.map((name) => ({ kind: 'ServiceAccount', name, namespace: 'kube-system' })),
  })
  await inParallel(samples, CLIENTS, async ({ stored, isGoingAway }) => {
    if (stored === undefined) return
    await scene.put(stored)
    if (isGoingAway) await scene.submit(stored, { method: 'DELETE' })
  })
  await scene.enforce(...settings.map(policyFor))
  await inParallel(
    places.flatMap(({ namespace }) => exceptionsIn(namespace)),
    4,
    ({ state, object }) => bring(state, object),
  )
}, SCENE_MS)

afterAll(() => scene.stop())

const submit = ({ cell, object, as }: Sample): Promise<Answer> =>
  scene.submit(object, { as, isDryRun: true, method: cell.situation.startsWith('CREATE') ? 'POST' : cell.situation.startsWith('UPDATE') ? 'PUT' : 'DELETE' })

/** What the API server said, in the words of the table. */
function seen({ policy }: Sample, { status, message, warnings }: Answer): string {
  const told = warnings.filter((text) => text.startsWith(`${policy}/rule`)).length
  if (status === 403 && message.includes(`${policy}/rule`)) return 'deny'
  return status >= 300 ? `${status} ${message}` : told > 0 ? 'warn' : 'allow'
}

test('the API server refuses, warns and lets pass as the table of decisions says', async () => {
  const wrong: unknown[] = []
  const effects = new Map<string, number>()
  await inParallel(samples, CLIENTS, async (sample) => {
    const wanted = expected(sample.cell)
    // What descends is told at its owner.
    const effect = wanted.mitigation === 'descended' && wanted.effect === 'warn' ? 'allow' : wanted.effect
    effects.set(effect, (effects.get(effect) ?? 0) + 1)
    const answer = await submit(sample)
    const got = seen(sample, answer)
    // The time of the end differs, and a change has taken the stamp off.
    const note = wanted.note?.replace(/ at .*$|, it was changed.*$/, '')
    const isNoteMissing = effect === 'deny' && note !== undefined && !answer.message.includes(note)
    if (got !== effect || isNoteMissing) wrong.push({ cell: sample.cell, effect, got, note, message: answer.message })
  })
  process.stderr.write(`${samples.length} cells: ${[...effects].map(([effect, count]) => `${count} ${effect}`).join(', ')}\n`)
  expect(wrong.slice(0, 3)).toEqual([])
  for (const effect of ['allow', 'warn', 'deny']) expect(effects.get(effect)).toBeGreaterThan(40)
}, 300_000)
