import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { ApiResponse } from '../controlplane/cluster.ts'
import { type ControlPlane, startControlPlane } from '../controlplane/control-plane.ts'
import { CONTROL_PLANE_MS } from '../controlplane/shared.ts'
import { Random } from '../oracle/random.ts'
import { installDefinitions, type Operator, startOperator } from '../support/operator.ts'
import { isRecord, type Json } from './json.ts'
import { readNativePolicies, toBylaw, toNative } from './native-policies.ts'
import { DEFINITIONS } from './objects.ts'
import { inParallel } from './parallel.ts'
import {
  certificateRequest,
  generateSubmissions,
  leavingPaths,
  NAMESPACES,
  PARAMETERS,
  POLICY_NAMESPACE,
  REAL_COLLECTIONS,
  type Submission,
  storedObjects,
  submissionsOf,
} from './submissions.ts'

const SEED = 77
const GENERATED = 1_800
const LEAST_POLICIES = 40
const LEAST_PAIRS = 2_000
const CLIENTS = 8
const NATIVE_READY_MS = 60_000

/** What one world says to a request. */
interface Verdict {
  readonly status: number
  readonly isRefused: boolean
  /** The policies that it names, each with its messages. */
  readonly failed: ReadonlyMap<string, readonly string[]>
  readonly message: string
  readonly warnings: readonly string[]
}

interface Pair {
  readonly submission: Submission
  readonly native: Verdict
  readonly bylaw: Verdict
}

/** Where the verdicts differ, and why; each must occur. */
const DIFFERENCES: Readonly<Record<string, (pair: Pair) => boolean>> = {
  'what is going away, what changes nothing but housekeeping, and what garbage collection deletes is never refused by Bylaw': ({ native, bylaw }) =>
    native.isRefused && !bylaw.isRefused && bylaw.warnings.some((warning) => warning.includes('this kind of request is never denied')),
}

const isExplained = (reasons: Readonly<Record<string, (pair: Pair) => boolean>>, pair: Pair): boolean =>
  Object.values(reasons).some((isExpected) => isExpected(pair))

const policies = readNativePolicies()
/** Never refuses anything, since its parameter is missing and that is allowed. */
const NEVER = ['missing-parameter-allows']
/** What decides by which entry of the registration a policy is asked: how it takes versions, and what its failure means. */
const ENTRIES: ReadonlyMap<string, string> = new Map(policies.map(({ name, spec }) => [name, `${laneOf(spec)} ${String(spec['failurePolicy'] ?? 'Fail')}`]))

let worlds: { readonly native: ControlPlane; readonly bylaw: ControlPlane }
let operator: Operator
let pairs: readonly Pair[]
let lengthMs = 0

function laneOf({ matchConstraints }: Json): string {
  if (!isRecord(matchConstraints)) return ''
  if (matchConstraints['matchPolicy'] === 'Exact') return 'exact'
  return JSON.stringify(matchConstraints['resourceRules']).includes('"apiVersions":["*"]') ? 'any' : 'equivalent'
}

const messageOf = ({ body }: ApiResponse): string => (isRecord(body) ? String(body['message']) : String(body))

async function mustCreate(plane: ControlPlane, collection: string, body: Json): Promise<void> {
  const answer = await plane.request('POST', collection, { body })
  if (answer.status !== 201) throw new Error(`${collection}: ${messageOf(answer)}`)
}

/** Everything that both worlds have in common. */
async function furnish(plane: ControlPlane): Promise<void> {
  for (const definition of DEFINITIONS) await mustCreate(plane, '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', definition)
  await plane.kubectl(['wait', '--for=condition=Established', '--timeout=30s', 'crd', '--all'])
  for (const [name, labels] of Object.entries({ ...NAMESPACES, [POLICY_NAMESPACE]: {} })) await plane.createNamespace(name, labels)
  const subject = { apiGroup: 'rbac.authorization.k8s.io', kind: 'User' }
  await mustCreate(plane, '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
    metadata: { name: 'compare' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
    subjects: ['alice', 'system:serviceaccount:kube-system:namespace-controller'].map((name) => ({ ...subject, name })),
  })
  await mustCreate(plane, '/apis/certificates.k8s.io/v1/certificatesigningrequests', certificateRequest('stored', 'example.com/a', 3600))
  await inParallel([...PARAMETERS, ...storedObjects()], CLIENTS, ({ collection, object }) => mustCreate(plane, collection, object))
  await inParallel(leavingPaths(), CLIENTS, (path) => plane.request('DELETE', path))
}

async function makeNativeWorld(): Promise<ControlPlane> {
  const plane = await startControlPlane()
  await furnish(plane)
  for (const object of policies.flatMap(toNative)) {
    await mustCreate(
      plane,
      `/apis/admissionregistration.k8s.io/v1/${object['kind'] === 'ValidatingAdmissionPolicy' ? 'validatingadmissionpolicies' : 'validatingadmissionpolicybindings'}`,
      object,
    )
  }
  return plane
}

async function makeBylawWorld(): Promise<ControlPlane> {
  const plane = await startControlPlane()
  await furnish(plane)
  await installDefinitions(plane)
  operator = await startOperator(plane)
  for (const policy of policies) await mustCreate(plane, '/apis/bylaw.dev/v1/policies', toBylaw(policy))
  const waited = await plane.kubectl(['wait', '--for=condition=Enforced', '--timeout=40s', 'policies.bylaw.dev', '--all'])
  if (waited.code !== 0) {
    const seen = await plane.kubectl(['get', 'policies.bylaw.dev', '-o', 'jsonpath={range .items[*]}{.metadata.name} {.status.conditions}{"\\n"}{end}'])
    throw new Error(`${waited.stderr.slice(0, 500)}\n${seen.stdout.slice(0, 3000)}\n${operator.log().slice(-3000)}`)
  }
  return plane
}

const NATIVE = /ValidatingAdmissionPolicy '([a-z0-9-]+)'(?: with binding '[a-z0-9-]+')?(?: denied request)?: (.*)$/s

function gather(found: readonly (readonly [string, string])[]): ReadonlyMap<string, readonly string[]> {
  const byPolicy = Map.groupBy(found, ([policy]) => policy)
  return new Map([...byPolicy].map(([policy, own]) => [policy, [...new Set(own.map(([, message]) => message))]]))
}

function toNativeVerdict(answer: ApiResponse): Verdict {
  const message = answer.status < 300 ? '' : messageOf(answer)
  const isRefused = NATIVE.test(message)
  const found = [message, ...answer.warnings].flatMap((text) => {
    const [, policy = '', told = ''] = NATIVE.exec(text) ?? []
    return policy === '' ? [] : [[policy, told] as const]
  })
  return { status: answer.status, isRefused, failed: gather(found), message, warnings: answer.warnings }
}

function toBylawVerdict(answer: ApiResponse): Verdict {
  const message = answer.status < 300 ? '' : messageOf(answer)
  const isRefused = message.includes('admission webhook "bylaw-')
  const found = [...message.matchAll(/^([a-z0-9-]+)\/[a-z0-9-]+ \(critical(?:, parameter [a-z0-9/-]+)?\): .*\n {2}(.*)$/gm)].map(
    ([, policy = '', told = '']) => [policy, told] as const,
  )
  return { status: answer.status, isRefused, failed: gather(found), message, warnings: answer.warnings }
}

async function submit(plane: ControlPlane, { method, path, body, contentType, as }: Submission): Promise<ApiResponse> {
  return plane.request(method, path, { as, ...(body === undefined ? {} : { body }), ...(contentType === undefined ? {} : { contentType }) })
}

/** Objects of the control plane itself, which both worlds have alike. */
async function realSubmissions(plane: ControlPlane): Promise<readonly Submission[]> {
  const lists = await Promise.all(REAL_COLLECTIONS.map(async (collection) => ({ collection, list: (await plane.request('GET', collection)).body })))
  return lists.flatMap(({ collection, list }) => {
    const { apiVersion, kind, items }: Json = isRecord(list) ? list : {}
    const objects: readonly unknown[] = Array.isArray(items) ? items : []
    return objects.filter(isRecord).flatMap((object) => submissionsOf(collection, { ...object, apiVersion, kind: String(kind).replace(/List$/, '') }))
  })
}

/** Native policies say nothing of whether they are in force: the last one made and one with a parameter of a new kind must refuse. */
async function waitForNative(plane: ControlPlane): Promise<void> {
  const probes: readonly Submission[] = [
    {
      method: 'POST',
      path: '/apis/policy/v1/namespaces/beta/poddisruptionbudgets?dryRun=All',
      as: 'admin',
      body: { metadata: { name: 'probe' }, spec: { minAvailable: 9 } },
    },
  ]
  for (const until = Date.now() + NATIVE_READY_MS; ; await sleep(100)) {
    const answers = await Promise.all(probes.map(async (probe) => toNativeVerdict(await submit(plane, probe))))
    if (answers.every(({ failed }) => failed.get('budget-by-limit')?.includes('at most 3'))) break
    if (Date.now() > until) throw new Error(`the native policies are not in force: ${JSON.stringify(answers.map(({ message }) => message))}`)
  }
  await sleep(2_000)
}

beforeAll(async () => {
  const [native, bylaw] = await Promise.all([makeNativeWorld(), makeBylawWorld()])
  worlds = { native, bylaw }
  await waitForNative(native)
  const submissions = [...(await realSubmissions(native)), ...generateSubmissions(new Random(SEED), GENERATED)]
  const startedMs = Date.now()
  pairs = await inParallel(submissions, CLIENTS, async (submission) => {
    const [one, other] = await Promise.all([submit(native, submission), submit(bylaw, submission)])
    return { submission, native: toNativeVerdict(one), bylaw: toBylawVerdict(other) }
  })
  lengthMs = Date.now() - startedMs
}, CONTROL_PLANE_MS)

afterAll(async () => {
  await operator?.stop()
  await Promise.all([worlds?.native.stop(), worlds?.bylaw.stop()])
})

const CONNECTION = /\/(?:exec|attach|portforward|proxy)\b/

/** A request that the API server finds invalid, or an object that is not there, says nothing of policies. */
const isJudged = ({ submission, native, bylaw }: Pair): boolean => {
  // A connection is judged before it turns out that there is no node to connect to.
  if (CONNECTION.test(submission.path)) return true
  const isOther = (verdict: Verdict): boolean => !verdict.isRefused && [400, 403, 404, 409, 415, 422].includes(verdict.status)
  return !(isOther(native) && isOther(bylaw))
}

const describePair = ({ submission, native, bylaw }: Pair) => ({
  submission: `${submission.method} ${submission.path} as ${submission.as}: ${JSON.stringify(submission.body)}`,
  native: { status: native.status, failed: Object.fromEntries(native.failed), message: native.message.slice(0, 300) },
  bylaw: { status: bylaw.status, failed: Object.fromEntries(bylaw.failed), message: bylaw.message.slice(0, 300), warnings: bylaw.warnings },
})

/** Policies that one answer names, by the entry of the registration that they belong to. */
const entryOf = (policy: string): string => ENTRIES.get(policy) ?? ''

/**
 * Whether Bylaw names the policies that the API server names. It answers the API server for each entry of its registration
 * apart, of which the client gets one: of the policies of that entry all must be named, and none that the API server does not name.
 */
function namesTheSame(pair: Pair): boolean {
  const { native, bylaw } = pair
  const told = [...bylaw.failed.keys()].filter((policy) => native.failed.has(policy) || !isHidden(policy, pair))
  const entries = new Set(told.map(entryOf))
  const expected = [...native.failed.keys()].filter((policy) => entries.has(entryOf(policy)))
  return told.sort().join() === expected.sort().join()
}

/** What Bylaw tells and the API server does not, and why. */
const HIDDEN: Readonly<Record<string, (policy: string, pair: Pair) => boolean>> = {
  'the API server tells of a parameter that is missing only where it refuses for nothing before that': (policy, { native }) =>
    (policy === 'missing-parameter-denies' || policy === 'no-parameter-with-such-labels') && native.isRefused,
  'in the deletion of a collection Bylaw knows every object by its name, where the API server matches no `resourceNames`': (policy, { submission }) =>
    policy === 'by-name' && submission.path.includes('labelSelector='),
}

const isHidden = (policy: string, pair: Pair): boolean => Object.values(HIDDEN).some((isExpected) => isExpected(policy, pair))

/** Where the messages differ, and why; each must occur. */
const OTHER_WORDS: Readonly<Record<string, (pair: Pair) => boolean>> = {
  'of Secrets, tokens and connections Bylaw shows no value, and so no message that is made of values': ({ submission }) =>
    CONNECTION.test(submission.path) || /\/(?:secrets|token)\b/.test(submission.path),
}

/** Names that the API server makes up differ from world to world. */
const withoutMadeNames = (message: string): string => message.replace(/\bmade-[a-z0-9]{5}\b/g, 'made-*')

/** Whether the two give the same messages; what could not be evaluated each tells in words of its own. */
function saysTheSame(pair: Pair): boolean {
  const { native, bylaw } = pair
  return [...bylaw.failed].every(([policy, messages]) => {
    if (!native.failed.has(policy) && isHidden(policy, pair)) return true
    const own = messages.filter((message) => !message.startsWith('could not be evaluated'))
    const told = (native.failed.get(policy) ?? []).map(withoutMadeNames)
    return own.every((message) => told.includes(withoutMadeNames(message)))
  })
}

describe('the same policies, as ValidatingAdmissionPolicies and as Policies', () => {
  test('there are many of each, and every policy refuses something and lets something pass', () => {
    const judged = pairs.filter(isJudged)
    process.stderr.write(
      `${policies.length} policies, ${judged.length} pairs judged twice of ${pairs.length} in ${(lengthMs / 1000).toFixed(1)} s (${Math.round((2000 * pairs.length) / lengthMs)} requests a second), ${judged.filter(({ native }) => native.isRefused).length} refused\n`,
    )
    expect(policies.length).toBeGreaterThanOrEqual(LEAST_POLICIES)
    expect(judged.length).toBeGreaterThanOrEqual(LEAST_PAIRS)
    const failing = new Set(judged.flatMap(({ native }) => [...native.failed.keys()]))
    expect(policies.map(({ name }) => name).filter((name) => !failing.has(name))).toEqual(NEVER)
    expect(judged.filter(({ native }) => !native.isRefused).length).toBeGreaterThanOrEqual(500)
  })

  test('README.md tells every difference', () => {
    const readme = readFileSync(join(import.meta.dirname, 'README.md'), 'utf8').replace(/\s+/g, ' ')
    expect([...Object.keys(DIFFERENCES), ...Object.keys(OTHER_WORDS), ...Object.keys(HIDDEN)].filter((reason) => !readme.includes(reason))).toEqual([])
  })

  test('both refuse the same requests', () => {
    const differing = pairs.filter(({ native, bylaw }) => native.isRefused !== bylaw.isRefused || (!native.isRefused && native.status !== bylaw.status))
    expect(differing.filter((pair) => !isExplained(DIFFERENCES, pair)).map(describePair)).toEqual([])
    for (const [reason, isExpected] of Object.entries(DIFFERENCES)) expect({ reason, occurs: differing.some(isExpected) }).toEqual({ reason, occurs: true })
  })

  test('both name the same policies', () => {
    const differing = pairs.filter((pair) => pair.bylaw.isRefused && !namesTheSame(pair))
    expect(differing.map(describePair)).toEqual([])
  })

  test('both say the same, in the words of the policy', () => {
    const differing = pairs.filter((pair) => pair.bylaw.isRefused && !saysTheSame(pair))
    expect(differing.filter((pair) => !isExplained(OTHER_WORDS, pair)).map(describePair)).toEqual([])
    for (const [reason, isExpected] of Object.entries(OTHER_WORDS)) expect({ reason, occurs: differing.some(isExpected) }).toEqual({ reason, occurs: true })
  })
})
