import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, test } from '@jest/globals'
import { type FieldIssue, parseEnforcementProfile, parsePolicy, parsePolicyException, type Result } from '../../src/api/index.ts'
import { BAD_FIELDS } from '../api/bad-fields.ts'
import { BROKEN_RULES } from '../api/broken-rules.ts'
import { NATIVE_POLICIES } from '../api/native-policies.ts'
import { collectionOf, exception, fullException, fullPolicy, fullProfile, type Json, policy, profile } from '../api/resources.ts'
import { scramble } from '../api/scramble.ts'
import type { ApiResponse, Cluster } from '../controlplane/control-plane.ts'
import { CONTROL_PLANE_MS, sharedControlPlane } from '../controlplane/shared.ts'

const CRDS = ['policies', 'policyexceptions', 'enforcementprofiles'].map((plural) => `${plural}.bylaw.dev`)

let cluster: Cluster

beforeAll(async () => {
  cluster = await sharedControlPlane()
  for (const name of CRDS) {
    const { code, stderr } = await cluster.kubectl(['apply', '--server-side', '-f', `crds/${name}.yaml`])
    expect({ name, code, stderr }).toEqual({ name, code: 0, stderr: '' })
  }
  await cluster.kubectl(['wait', '--for=condition=Established', '--timeout=30s', ...CRDS.map((name) => `crd/${name}`)])
}, CONTROL_PLANE_MS)

const create = (resource: Json): Promise<ApiResponse> =>
  cluster.request('POST', `${collectionOf(resource)}?dryRun=All&fieldValidation=Strict`, { body: resource })

const isRecord = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)

interface Cause {
  readonly field: string
  readonly message: string
}

/** The causes of a refusal, each with its field. */
function causesOf({ body }: ApiResponse): readonly Cause[] {
  const details = isRecord(body) ? body['details'] : undefined
  const causes = isRecord(details) ? details['causes'] : undefined
  return Array.isArray(causes) ? causes.filter(isRecord).map(({ field, message }) => ({ field: String(field), message: String(message) })) : []
}

const messageOf = ({ body }: ApiResponse): string => (isRecord(body) ? String(body['message']) : String(body))

const quote = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&')

describe('the API server keeps the rules of the CRDs', () => {
  test.each(Object.entries(BROKEN_RULES))('%s', async (_, { resource, path, message }) => {
    const answer = await create(resource)
    // A rule at the root has no path there.
    const field = path === 'metadata.name' ? '<nil>' : path
    expect({ status: answer.status, causes: causesOf(answer).map((cause) => `${cause.field}: ${cause.message}`) }).toEqual({
      status: 422,
      causes: [expect.stringMatching(new RegExp(`^${quote(field)}: .*${quote(message)}$`, 's'))],
    })
  })
})

describe('the API server keeps the bounds of the CRDs', () => {
  test.each(Object.entries(BAD_FIELDS))('%s', async (_, { resource, server = '' }) => {
    const answer = await create(resource)
    expect(answer.status).toBeGreaterThanOrEqual(400)
    expect(server).not.toBe('')
    expect(messageOf(answer)).toContain(server)
  })
})

describe('a good resource is admitted', () => {
  const goods = { policy, fullPolicy, exception, fullException, profile, fullProfile }
  test.each(Object.entries(goods))('%s', async (_, make) => {
    const answer = await create(make())
    expect({ status: answer.status, message: messageOf(answer) }).toEqual({ status: 201, message: 'undefined' })
  })

  test('nothing is added to what was written', async () => {
    const answer = await create(policy())
    expect(isRecord(answer.body) && answer.body['spec']).toEqual(policy()['spec'])
  })

  test('a null is as good as nothing', async () => {
    const answer = await create(policy({ category: null, validations: [{ name: 'a', expression: 'true', message: null }] }))
    expect({ status: answer.status, message: messageOf(answer) }).toEqual({ status: 201, message: 'undefined' })
  })
})

describe('a native admission policy can be pasted', () => {
  test.each(Object.entries(NATIVE_POLICIES))('%s', async (_, { resource, spec }) => {
    const kind = resource === 'validatingadmissionpolicies' ? 'ValidatingAdmissionPolicy' : 'MutatingAdmissionPolicy'
    const native = { apiVersion: 'admissionregistration.k8s.io/v1', kind, metadata: { name: 'native' }, spec }
    const asNative = await cluster.request('POST', `/apis/admissionregistration.k8s.io/v1/${resource}?dryRun=All&fieldValidation=Strict`, { body: native })
    expect({ status: asNative.status, message: messageOf(asNative) }).toEqual({ status: 201, message: 'undefined' })
    const pasted = policy({ validations: undefined, matchConstraints: undefined })
    const ours = await create({ ...pasted, spec: { ...Object(pasted['spec']), ...spec } })
    expect({ status: ours.status, message: messageOf(ours) }).toEqual({ status: 201, message: 'undefined' })
  })
})

function parse(resource: Json): Result<unknown, readonly FieldIssue[]> {
  if (resource['kind'] === 'PolicyException') return parsePolicyException(resource)
  return resource['kind'] === 'Policy' ? parsePolicy(resource) : parseEnforcementProfile(resource)
}

test('parser and API server agree on 400 scrambled resources', async () => {
  const disagreements: string[] = []
  const seen = { good: 0, bad: 0 }
  for (const resource of scramble(400, 20_261_125)) {
    const parsed = parse(resource)
    const answer = await create(resource)
    const isAdmitted = answer.status === 201
    seen[parsed.ok ? 'good' : 'bad'] += 1
    if (parsed.ok === isAdmitted) continue
    disagreements.push(
      `${JSON.stringify(resource)}\n  parser: ${parsed.ok ? 'good' : JSON.stringify(parsed.error)}\n  server: ${answer.status} ${messageOf(answer)}`,
    )
  }
  expect(disagreements).toEqual([])
  expect(Math.min(seen.good, seen.bad)).toBeGreaterThan(40)
}, 120_000)

describe('what people see', () => {
  const explain = async (field: string): Promise<string> => (await cluster.kubectl(['explain', field])).stdout

  test('kubectl explain tells the fields and their defaults', async () => {
    const text = (await explain('policies.bylaw.dev.spec.enforcement')).replaceAll(/\s+/g, ' ')
    expect(text).toContain('Left out, the EnforcementProfile decides by the severity of the policy and the environment of the namespace.')
    expect(text).toContain('existingViolations <string> enum: Allow, Enforce')
    expect(text).toContain('Defaults to `Allow`.')
    expect((await explain('policies.bylaw.dev.spec.enforcement.environments.level')).replaceAll(/\s+/g, ' ')).toContain(
      'What a violation does there. `Observe` records only. `Warn` also tells the client. `Deny` refuses.',
    )
  })

  test.each(['policies', 'policyexceptions', 'enforcementprofiles'])('every field of %s has a description', async (plural) => {
    const { stdout } = await cluster.kubectl(['get', 'crd', `${plural}.bylaw.dev`, '-o', 'json'])
    const crd: unknown = JSON.parse(stdout)
    expect(undescribed(crd)).toEqual([])
  })

  test('no field has a default in the CRD', () => {
    for (const name of CRDS) expect(readFileSync(`crds/${name}.yaml`, 'utf8')).not.toMatch(/^\s*default:/m)
  })

  test('kubectl get shows the columns', async () => {
    const name = `columns-${process.pid}`
    const applied = await cluster.kubectl(['apply', '-f', '-'], { input: JSON.stringify(policy({}, { name })) })
    expect(applied).toMatchObject({ code: 0, stderr: '' })
    const status = {
      summary: { levels: 'dev=Observe prod=Deny' },
      violations: { current: 3, asOf: '2026-11-25T00:00:00Z', complete: true, byNamespace: [{ namespace: '', count: 3 }] },
      conditions: [{ type: 'Enforced', status: 'True', reason: 'InForce', message: '', lastTransitionTime: '2026-11-25T00:00:00Z' }],
    }
    const patch = { contentType: 'application/merge-patch+json', body: { status } }
    expect((await cluster.request('PATCH', `/apis/bylaw.dev/v1/policies/${name}/status`, patch)).status).toBe(200)
    const { stdout } = await cluster.kubectl(['get', 'bypol', name])
    const [head = '', row = ''] = stdout.split('\n')
    expect(head.split(/ {2,}/)).toEqual(['NAME', 'SEVERITY', 'LEVELS', 'VIOLATIONS', 'ENFORCED', 'AGE'])
    expect(row.split(/ {2,}/).slice(1, 5)).toEqual(['high', 'dev=Observe prod=Deny', '3', 'True'])
    expect((await cluster.kubectl(['get', 'bylaw', '-o', 'name'])).stdout).toContain(`policy.bylaw.dev/${name}`)
    await cluster.kubectl(['delete', 'bypol', name])
  })

  test('the time at which an exception ends is shown as it is written', async () => {
    const name = `columns-${process.pid}`
    const applied = await cluster.kubectl(['apply', '-f', '-'], { input: JSON.stringify(exception({}, { name })) })
    expect(applied).toMatchObject({ code: 0, stderr: '' })
    const status = { summary: { policies: 'a, b' }, phase: 'Active' }
    await cluster.request('PATCH', `/apis/bylaw.dev/v1/namespaces/default/policyexceptions/${name}/status`, {
      contentType: 'application/merge-patch+json',
      body: { status },
    })
    const { stdout } = await cluster.kubectl(['get', 'bypolex', name, '-n', 'default'])
    const [head = '', row = ''] = stdout.split('\n')
    expect(head.split(/ {2,}/)).toEqual(['NAME', 'POLICIES', 'PHASE', 'EXPIRES', 'OWNER'])
    expect(row.split(/ {2,}/).slice(1)).toEqual(['a, b', 'Active', '2027-01-31T00:00:00Z', 'payments'])
    await cluster.kubectl(['delete', 'bypolex', name, '-n', 'default'])
  })

  // There is one profile in a cluster, and other tests have theirs: the columns are looked up, not shown.
  test('a profile has its columns', async () => {
    const columns = '{range .spec.versions[0].additionalPrinterColumns[*]}{.name}={.jsonPath} {end}'
    const { stdout } = await cluster.kubectl(['get', 'crd', 'enforcementprofiles.bylaw.dev', '-o', `jsonpath=${columns}`])
    expect(stdout.trim()).toBe('Environments=.status.summary.environments Age=.metadata.creationTimestamp')
  })
})

/** Paths of fields without a description, metadata aside. */
function undescribed(value: unknown, path = ''): string[] {
  if (!isRecord(value)) return Array.isArray(value) ? value.flatMap((item) => undescribed(item, path)) : []
  const { properties } = value
  const own = isRecord(properties)
    ? Object.entries(properties).flatMap(([name, field]) =>
        isRecord(field) && field['description'] === undefined && name !== 'metadata' ? [`${path}.${name}`] : [],
      )
    : []
  return [...own, ...Object.entries(value).flatMap(([key, below]) => undescribed(below, key === 'properties' ? path : `${path}.${key}`))]
}
