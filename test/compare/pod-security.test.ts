import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { check } from '../../src/cli/index.ts'
import type { ApiResponse } from '../controlplane/cluster.ts'
import { type ControlPlane, startControlPlane } from '../controlplane/control-plane.ts'
import { CONTROL_PLANE_MS } from '../controlplane/shared.ts'
import { Random } from '../oracle/random.ts'
import { installDefinitions, startOperator } from '../support/operator.ts'
import { inParallel } from './parallel.ts'
import { KNOWN_RULES, LEVELS, type Level, LIBRARY, Library, levelOf, reasonsOf, toPodRequest, toReasons } from './pod-security-standards.ts'
import { BASES, GOOD_BASES, generateEphemeralContainers, generatePods } from './pods.ts'

const SEED = 20_261
const RANDOM_PODS = 700
const RANDOM_EPHEMERAL_CONTAINERS = 250
const LEAST_PODS = 1_000
const SAMPLE = 200
const CLIENTS = 12
const TEST_MS = 300_000

/** A Pod that the API server finds valid, and what Pod Security Admission says of it: the reasons for a refusal, sorted. */
interface JudgedPod {
  readonly name: string
  /** As it was submitted. */
  readonly manifest: unknown
  /** As the API server reads it, its defaults filled in. */
  readonly object: unknown
  readonly oldObject: unknown
  readonly patched: string | undefined
  readonly reasons: Readonly<Record<Level, readonly string[]>>
}

/** Where the offline door sees another Pod than the API server judges; each must occur. */
const OFFLINE_DIFFERENCES: Readonly<Record<string, (pod: JudgedPod) => boolean>> = {
  'the API server makes every port of a Pod with `hostNetwork` a port of the host, which a manifest does not show': ({ manifest }) =>
    JSON.stringify(manifest).includes('"hostNetwork":true') && JSON.stringify(manifest).includes('containerPort'),
  'the API server makes a volume without a source an `emptyDir`, which a manifest does not show': ({ manifest }) =>
    JSON.stringify(manifest).includes('"plain"'),
}

/** `procMount: Unmasked` without a user namespace is refused as invalid by now, so the baseline has nothing left to refuse. */
const UNREACHABLE = ['restrict-kernel-settings/proc-mount']

let plane: ControlPlane
let pods: readonly JudgedPod[]
let invalid = 0
const library = new Library()

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null
const messageOf = ({ body }: ApiResponse): string => (isRecord(body) ? String(body['message']) : String(body))
const storedName = (base: string): string => base.replaceAll(' ', '-')

const create = (namespace: string, pod: unknown): Promise<ApiResponse> =>
  plane.request('POST', `/api/v1/namespaces/${namespace}/pods?dryRun=All`, { body: pod })
const debug = (namespace: string, base: string, container: unknown): Promise<ApiResponse> =>
  plane.request('PATCH', `/api/v1/namespaces/${namespace}/pods/${storedName(base)}/ephemeralcontainers?dryRun=All`, {
    contentType: 'application/strategic-merge-patch+json',
    body: { spec: { ephemeralContainers: [container] } },
  })

/** Stores Pods that ephemeral containers can be added to. */
async function storeBases(namespace: string): Promise<void> {
  for (const base of GOOD_BASES) {
    const answer = await plane.request('POST', `/api/v1/namespaces/${namespace}/pods`, { body: { ...BASES[base], metadata: { name: storedName(base) } } })
    if (answer.status !== 201) throw new Error(`${base} in ${namespace}: ${messageOf(answer)}`)
  }
}

/** What Pod Security Admission says at one level; a refusal for another reason is a mistake of the test. */
async function reasonsAt(level: Level, submit: (namespace: string) => Promise<ApiResponse>): Promise<readonly string[]> {
  const answer = await submit(level)
  if (answer.status < 300) return []
  const reasons = reasonsOf(messageOf(answer))
  if (reasons === undefined) throw new Error(messageOf(answer))
  return reasons
}

/** Undefined for a Pod that is invalid, whatever its security. */
async function judge(name: string, manifest: unknown, submit: (namespace: string) => Promise<ApiResponse>, base?: string): Promise<JudgedPod | undefined> {
  const answer = await submit('privileged')
  if (answer.status === 400 || answer.status === 422) {
    invalid += 1
    return undefined
  }
  if (answer.status >= 300) throw new Error(`${name}: ${messageOf(answer)}`)
  const stored = base === undefined ? null : (await plane.request('GET', `/api/v1/namespaces/privileged/pods/${storedName(base)}`)).body
  const [baseline, restricted] = await Promise.all([reasonsAt('baseline', submit), reasonsAt('restricted', submit)])
  return { name, manifest, object: answer.body, oldObject: stored, patched: base, reasons: { baseline, restricted } }
}

beforeAll(async () => {
  plane = await startControlPlane()
  await plane.createNamespace('privileged')
  for (const level of LEVELS) await plane.createNamespace(level, { 'pod-security.kubernetes.io/enforce': level })
  for (const namespace of ['privileged', ...LEVELS]) await storeBases(namespace)
  const random = new Random(SEED)
  const created = await inParallel([...generatePods(random, RANDOM_PODS)], CLIENTS, ({ name, pod }) => judge(name, pod, (namespace) => create(namespace, pod)))
  const debugged = await inParallel([...generateEphemeralContainers(random, RANDOM_EPHEMERAL_CONTAINERS)], CLIENTS, ({ name, base, container }) =>
    judge(name, container, (namespace) => debug(namespace, base, container), base),
  )
  pods = [...created, ...debugged].filter((pod) => pod !== undefined)
}, CONTROL_PLANE_MS)

afterAll(() => plane.stop())

const requestOf = ({ object, oldObject, patched }: JudgedPod) =>
  patched === undefined ? toPodRequest('CREATE', object, null) : toPodRequest('UPDATE', object, oldObject, 'ephemeralcontainers')

describe('the policy library', () => {
  test('has ten policies that compile, with all that people need to know of them', () => {
    expect(library.policies.length).toBe(10)
    expect(library.compiled.flatMap(({ issues }) => issues)).toEqual([])
    for (const { metadata, spec } of library.policies) {
      const { description, category, controls, rationale } = spec
      expect({ name: metadata.name, ok: [description, category, rationale].every(Boolean) && controls.length > 0 }).toEqual({ name: metadata.name, ok: true })
    }
  })

  test('has a rule for every check of Pod Security Admission, and no other', () => {
    expect(library.compiled.flatMap(({ identity, rules }) => rules.map(({ name }) => `${identity.name}/${name}`)).sort()).toEqual(KNOWN_RULES)
  })
})

describe('against Pod Security Admission of the API server', () => {
  test('the corpus is large, and every check refuses some of its Pods', () => {
    process.stderr.write(`${pods.length} Pods judged by Pod Security Admission, ${invalid} more were invalid\n`)
    expect(pods.length).toBeGreaterThanOrEqual(LEAST_PODS)
    expect(pods.filter(({ patched }) => patched !== undefined).length).toBeGreaterThanOrEqual(100)
    const failing = new Set(pods.flatMap((pod) => library.failedRules('restricted', requestOf(pod))))
    expect(KNOWN_RULES.filter((rule) => !failing.has(rule))).toEqual(UNREACHABLE)
    for (const level of LEVELS) expect(pods.filter(({ reasons }) => reasons[level].length === 0).length).toBeGreaterThanOrEqual(100)
  })

  test.each(LEVELS)('`decide` refuses the same Pods for the same reasons at the level %s', (level) => {
    const differences = pods.flatMap((pod) => {
      const failed = library.failedRules(level, requestOf(pod))
      const agrees = failed.length > 0 === pod.reasons[level].length > 0 && toReasons(level, failed).join() === pod.reasons[level].join()
      return agrees ? [] : [{ pod: pod.name, native: pod.reasons[level], failed }]
    })
    expect(differences).toEqual([])
  })

  test('`check` says the same of the manifests, defaults of the API server aside', () => {
    const created = pods.filter(({ patched }) => patched === undefined)
    const folder = mkdtempSync(join(tmpdir(), 'bylaw-pods-'))
    const items = created.map(({ manifest }, index) => ({
      ...(isRecord(manifest) ? manifest : {}),
      metadata: { ...metadataOf(manifest), name: `pod-${index}` },
    }))
    writeFileSync(join(folder, 'pods.json'), JSON.stringify({ apiVersion: 'v1', kind: 'List', items }))
    const { stdout, stderr } = check({ policies: [LIBRARY], resources: [folder], now: new Date(0), output: 'json' })
    rmSync(folder, { recursive: true })
    expect(stderr).toBe('')
    const rows: readonly {
      readonly decision: { readonly outcomes: readonly { readonly result: string; readonly policy: string; readonly rule: string }[] }
    }[] = JSON.parse(stdout)
    const seen = new Set<string>()
    const differences = created.flatMap((pod, index) => {
      const failed = rows[index]?.decision.outcomes.filter(({ result }) => result !== 'pass' && result !== 'skip') ?? []
      const told = failed.map(({ policy, rule }) => `${policy}/${rule}`)
      if (toReasons('restricted', told).join() === pod.reasons.restricted.join()) return []
      const reason = Object.entries(OFFLINE_DIFFERENCES).find(([, isExpected]) => isExpected(pod))?.[0]
      if (reason !== undefined) seen.add(reason)
      return reason === undefined ? [{ pod: pod.name, native: pod.reasons.restricted, told }] : []
    })
    expect(differences).toEqual([])
    expect([...seen].sort()).toEqual(Object.keys(OFFLINE_DIFFERENCES).sort())
  })

  test(
    'the running operator refuses the same Pods',
    async () => {
      await installDefinitions(plane)
      for (const level of LEVELS) await plane.createNamespace(`bylaw-${level}`, { 'compare.example.com/level': level })
      for (const level of LEVELS) await storeBases(`bylaw-${level}`)
      const stored = Object.entries(BASES).filter(([name]) => name !== 'bare')
      for (const [name, pod] of stored) {
        for (const level of LEVELS)
          await plane.request('POST', `/api/v1/namespaces/bylaw-${level}/pods`, { body: { ...pod, metadata: { name: storedName(name) } } })
      }
      const operator = await startOperator(plane)
      try {
        for (const policy of library.policies) {
          const values = levelOf(policy) === 'baseline' ? LEVELS : ['restricted']
          const namespaceSelector = { matchExpressions: [{ key: 'compare.example.com/level', operator: 'In', values }] }
          const { spec } = policy
          const body = {
            ...policy,
            spec: {
              ...spec,
              matchConstraints: { ...spec.matchConstraints, namespaceSelector },
              enforcement: { environments: [{ name: 'prod', level: 'Deny' }] },
            },
          }
          const answer = await plane.request('POST', '/apis/bylaw.dev/v1/policies', { body })
          if (answer.status !== 201) throw new Error(messageOf(answer))
        }
        const waited = await plane.kubectl(['wait', '--for=condition=Enforced', '--timeout=30s', 'policies.bylaw.dev', '--all'])
        expect(waited.stderr).toBe('')
        const step = Math.floor(pods.length / SAMPLE)
        const sample = pods.filter((_, index) => index % step === 0)
        const differences = await inParallel(sample, CLIENTS, async (pod) => {
          const rows = []
          for (const level of LEVELS) {
            const namespace = `bylaw-${level}`
            const answer = await (pod.patched === undefined ? create(namespace, pod.manifest) : debug(namespace, pod.patched, pod.manifest))
            const told = answer.status < 300 ? [] : [...messageOf(answer).matchAll(/^([a-z-]+\/[a-z-]+) \([a-z]+\): /gm)].map(([, rule = '']) => rule).sort()
            const expected = library.failedRules(level, requestOf(pod))
            if (told.join() !== expected.join() || told.length > 0 !== pod.reasons[level].length > 0) rows.push({ pod: pod.name, level, told, expected })
          }
          return rows
        })
        expect(sample.length).toBeGreaterThanOrEqual(SAMPLE)
        expect(differences.flat()).toEqual([])
      } finally {
        await operator.stop()
      }
    },
    TEST_MS,
  )
})

function metadataOf(manifest: unknown): Readonly<Record<string, unknown>> {
  const metadata = isRecord(manifest) ? manifest['metadata'] : undefined
  return isRecord(metadata) ? metadata : {}
}
