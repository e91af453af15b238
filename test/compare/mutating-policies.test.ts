import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { ApiResponse } from '../controlplane/cluster.ts'
import { type ControlPlane, startControlPlane } from '../controlplane/control-plane.ts'
import { CONTROL_PLANE_MS } from '../controlplane/shared.ts'
import { MUTATION_CASES, type MutationText } from '../mutations/cases.ts'
import { CUSTOM_CASES, GADGETS, REFUSED_BY_SCHEMA, WIDGETS } from '../mutations/custom-cases.ts'
import { correctingPolicy, resourceOf, toMutation } from '../mutations/ours.ts'
import { installDefinitions, type Operator, startOperator } from '../support/operator.ts'
import { isRecord, type Json } from './json.ts'
import { inParallel } from './parallel.ts'

const CLIENTS = 6
const READY_MS = 90_000
const ADMISSION = 'admissionregistration.k8s.io/v1'
const NATIVE = 'native'
const BYLAW = 'bylaw'

const CASES = [...MUTATION_CASES, ...CUSTOM_CASES]

/** One policy for each mutation, of the kinds of objects that it is tried on. */
const keyOf = ({ expression }: MutationText, kind: unknown): string => `${String(kind)} ${expression}`
const KEYS = [...new Set(CASES.map(({ mutation, object }) => keyOf(mutation, object['kind'])))]
const numberOf = (mutation: MutationText, kind: unknown): number => KEYS.indexOf(keyOf(mutation, kind))

/** The object of a case under the name by which the policy of its mutation knows it. */
function objectOf(index: number, namespace: string): Json {
  const subject = CASES[index]
  if (subject === undefined) throw new Error(`there is no case ${index}`)
  const { object, mutation } = subject
  const metadata = isRecord(object['metadata']) ? object['metadata'] : {}
  return { ...object, metadata: { ...metadata, namespace, name: `m${numberOf(mutation, object['kind'])}-${index}` } }
}

let plane: ControlPlane
let operator: Operator
let pairs: readonly { readonly name: string; readonly native: Outcome; readonly bylaw: Outcome }[] = []

interface Outcome {
  readonly status: number
  readonly object: unknown
  readonly warnings: readonly string[]
  readonly message: string
}

async function mustCreate(collection: string, body: Json): Promise<void> {
  const answer = await plane.request('POST', collection, { body })
  if (answer.status !== 201) throw new Error(`${collection}: ${JSON.stringify(answer.body)}`)
}

function distinctCases() {
  const seen = new Map(CASES.map((subject) => [keyOf(subject.mutation, subject.object['kind']), subject]))
  return [...seen.values()].map((subject) => {
    const number = numberOf(subject.mutation, subject.object['kind'])
    return { ...subject, kind: subject.object['kind'], name: `m${number}`, isMeant: `object.metadata.name.startsWith('m${number}-')` }
  })
}

async function makeNative(): Promise<void> {
  await inParallel(distinctCases(), CLIENTS, async ({ name, kind, mutation, isMeant }) => {
    const [group, version, resource] = resourceOf(kind)
    await mustCreate(`/apis/${ADMISSION}/mutatingadmissionpolicies`, {
      apiVersion: ADMISSION,
      kind: 'MutatingAdmissionPolicy',
      metadata: { name },
      spec: {
        failurePolicy: 'Ignore',
        reinvocationPolicy: 'Never',
        matchConstraints: { resourceRules: [{ apiGroups: [group], apiVersions: [version], resources: [resource], operations: ['CREATE'] }] },
        matchConditions: [{ name: 'meant', expression: isMeant }],
        mutations: [toMutation(mutation)],
      },
    })
    await mustCreate(`/apis/${ADMISSION}/mutatingadmissionpolicybindings`, {
      apiVersion: ADMISSION,
      kind: 'MutatingAdmissionPolicyBinding',
      metadata: { name },
      spec: { policyName: name, matchResources: { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': NATIVE } } } },
    })
  })
}

async function makeBylaw(): Promise<void> {
  await inParallel(distinctCases(), CLIENTS, async ({ name, kind, mutation, isMeant }) => {
    const [group, version, resource] = resourceOf(kind)
    const policy = correctingPolicy(name, kind, [toMutation(mutation)], {
      failurePolicy: 'Ignore',
      podTemplates: 'Ignore',
      matchConstraints: {
        namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': BYLAW } },
        resourceRules: [{ apiGroups: [group], apiVersions: [version], resources: [resource], operations: ['CREATE'] }],
      },
      matchConditions: [{ name: 'meant', expression: isMeant }],
    })
    await mustCreate('/apis/bylaw.dev/v1/policies', policy)
  })
}

async function submit(index: number, namespace: string): Promise<Outcome> {
  const object = objectOf(index, namespace)
  const [group, version, resource] = resourceOf(object['kind'])
  const base = group === '' ? `/api/${version}` : `/apis/${group}/${version}`
  const answer: ApiResponse = await plane.request('POST', `${base}/namespaces/${namespace}/${resource}?dryRun=All`, { body: object })
  const { status, body, warnings } = answer
  return { status, object: status === 201 ? comparable(body) : undefined, warnings, message: status < 300 || !isRecord(body) ? '' : String(body['message']) }
}

const OWN: readonly string[] = ['uid', 'creationTimestamp', 'managedFields', 'namespace', 'resourceVersion', 'generation']

/** Where the object came into being is not compared, nor what is drawn by lot. */
function comparable(body: unknown): unknown {
  if (!isRecord(body) || !isRecord(body['metadata'])) return body
  const metadata = Object.fromEntries(Object.entries(body['metadata']).filter(([key]) => !OWN.includes(key)))
  return JSON.parse(JSON.stringify({ ...body, metadata }).replace(/kube-api-access-[a-z0-9]{5}/g, 'kube-api-access'))
}

/** A policy of either kind takes some time to come into force: this mutation always shows. */
async function untilInForce(namespace: string): Promise<void> {
  const index = CASES.findIndex(({ mutation }) => mutation.expression === "Object{data: {'b': '2'}}")
  for (const untilMs = Date.now() + READY_MS; Date.now() < untilMs; await sleep(500)) {
    const { object } = await submit(index, namespace)
    if (isRecord(object) && JSON.stringify(object['data']) === '{"a":"1","b":"2"}') return
  }
  throw new Error(`the policies of \`${namespace}\` did not come into force: ${operator.log().slice(-2000)}`)
}

beforeAll(async () => {
  plane = await startControlPlane()
  await mustCreate('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', WIDGETS)
  await mustCreate('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', GADGETS)
  await plane.kubectl(['wait', '--for=condition=Established', '--timeout=30s', 'crd', '--all'])
  for (const namespace of [NATIVE, BYLAW]) await plane.createNamespace(namespace)
  await installDefinitions(plane)
  operator = await startOperator(plane)
  await Promise.all([makeNative(), makeBylaw()])
  const waited = await plane.kubectl(['wait', '--for=condition=Enforced', '--timeout=300s', 'policies.bylaw.dev', '--all'], { timeoutMs: 310_000 })
  if (waited.code !== 0) throw new Error(`${waited.stderr.slice(0, 800)}\n${operator.log().slice(-2000)}`)
  await untilInForce(NATIVE)
  await untilInForce(BYLAW)
  // The last policies of Kubernetes come into force a little after the first.
  await sleep(3000)
  pairs = await inParallel([...CASES.keys()], CLIENTS, async (index) => ({
    name: CASES[index]?.name ?? '',
    native: await submit(index, NATIVE),
    bylaw: await submit(index, BYLAW),
  }))
}, CONTROL_PLANE_MS)

afterAll(async () => {
  await operator?.stop()
  await plane?.stop()
})

type Pair = (typeof pairs)[number]

const isLeftAlone = ({ native, bylaw }: Pair): boolean =>
  [422, 500].includes(native.status) && bylaw.status === 201 && bylaw.warnings.some((warning) => warning.includes('the API server would refuse'))

/** Where the outcomes differ, and why; each must occur. */
const DIFFERENCES: Readonly<Record<string, (pair: Pair) => boolean>> = {
  'the API server adds tolerations after its own policies and before it calls Bylaw': ({ name }) => name.includes("'/spec/tolerations'"),
  'where the API server refuses an object for what its own policy made of it, Bylaw leaves the object as it came, and says so': isLeftAlone,
  'a pointer without a slash puts a field where no kind has one, which the API server takes for an error of its own': ({ native, bylaw }) =>
    native.message.includes('strict decoding error') && bylaw.warnings.some((warning) => warning.includes('is no JSON pointer')),
}
const isExplained = (pair: Pair): boolean => Object.values(DIFFERENCES).some((isExpected) => isExpected(pair))
const isSame = ({ native, bylaw }: Pair): boolean =>
  native.status === bylaw.status && JSON.stringify(native.object) === JSON.stringify(bylaw.object) && messageOf(native) === messageOf(bylaw)

const summary = ({ status, object, message, warnings }: Outcome): string => [status, JSON.stringify(object), message, ...warnings].join(' | ')

const messageOf = ({ message }: Outcome): string => message.replace(/\b(?:native|bylaw)\b/g, 'namespace')

describe('the API server’s own mutating policies and Bylaw’s', () => {
  test(`make the same of ${CASES.length} objects on a real API server`, () => {
    const different = pairs.filter((pair) => !isSame(pair) && !isExplained(pair))
    expect(different.map(({ name, native, bylaw }) => ({ name, native: summary(native), bylaw: summary(bylaw) }))).toEqual([])
  })

  test.each(Object.entries(DIFFERENCES))('differ in that %s', (_why, isExpected) => {
    expect(pairs.some((pair) => isExpected(pair) && !isSame(pair))).toBe(true)
  })

  test(`differ so for each of ${REFUSED_BY_SCHEMA.length} mutations that break a schema`, () => {
    const broken = REFUSED_BY_SCHEMA.map(({ expression }) => pairs.find(({ name }) => name.includes(expression)))
    expect(broken.filter((pair) => pair === undefined || !isLeftAlone(pair))).toEqual([])
  })

  test('change most of them, and tell by which policy what was changed', () => {
    const corrected = pairs.filter(({ bylaw }) => bylaw.warnings.some((warning) => /^m[0-9]+: corrected \//.test(warning)))
    expect(pairs.length).toBeGreaterThanOrEqual(200)
    expect(pairs.filter(({ native }) => native.status === 201).length).toBeGreaterThan(200)
    expect(corrected.length).toBeGreaterThan(100)
    expect(pairs.filter(({ bylaw }) => bylaw.warnings.some((warning) => warning.includes('could not correct this object'))).length).toBeGreaterThan(30)
  })
})
