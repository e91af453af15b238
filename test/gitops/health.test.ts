import { join } from 'node:path'
import { beforeAll, describe, expect, test } from '@jest/globals'
import type { Json } from '../api/resources.ts'
import { expressionsOf, scriptOf } from './health.ts'
import { askJudge, findArgo, findFlux } from './parts.ts'

interface Case {
  readonly name: string
  readonly object: Json
  /** The health in Argo CD, and what it says. */
  readonly argo: readonly [status: string, message: string]
  /** The health in Flux; it waits on `Unknown` as on `InProgress`. */
  readonly flux: string
}

const BUILD_MS = 900_000

const condition = (type: string, status: string, reason: string, message: string): Json => ({ type, status, reason, message, observedGeneration: 3 })
const policy = (status?: Json): Json => ({
  apiVersion: 'bylaw.dev/v1',
  kind: 'Policy',
  metadata: { name: 'no-root', generation: 3 },
  spec: { title: 'No root' },
  ...(status === undefined ? {} : { status }),
})
const exception = (status?: Json): Json => ({
  apiVersion: 'bylaw.dev/v1',
  kind: 'PolicyException',
  metadata: { name: 'old-app', namespace: 'shop', generation: 3 },
  spec: { policies: [{ name: 'no-root' }, { name: 'no-latest' }] },
  ...(status === undefined ? {} : { status }),
})
const profile = (status?: Json): Json => ({
  apiVersion: 'bylaw.dev/v1',
  kind: 'EnforcementProfile',
  metadata: { name: 'default', generation: 3 },
  ...(status === undefined ? {} : { status }),
})

const COMPILED = condition('Compiled', 'True', 'Compiled', 'all expressions compile')
const ENFORCED = condition('Enforced', 'True', 'Enforced', 'in force: prod=Deny')
const BROKEN = condition('Compiled', 'False', 'InvalidExpression', 'spec.validations[0].expression: undeclared reference to `x`')
const NOT_EVALUABLE = condition('Enforced', 'False', 'NotEvaluable', 'rules that cannot be evaluated are judged by failurePolicy `Fail`')
const PENDING_REGISTRATION = condition('Enforced', 'False', 'RegistrationPending', 'the registration with the API server is not in place yet')
const SHRINK = condition('Enforced', 'Unknown', 'SuspiciousShrink', 'more than half of the policies went away within a minute')
const PENDING = condition('Approved', 'False', 'Pending', 'nobody has approved it')
const APPROVED = condition('Approved', 'True', 'Approved', 'approved by `security` at 2026-11-25T00:00:00Z')
const ENDS = condition('Expired', 'False', 'NotExpired', 'ends at 2026-12-01T00:00:00.000Z')
const ENDED = condition('Expired', 'True', 'Expired', 'ended at 2026-11-24T00:00:00.000Z')
const INVALID = condition('Approved', 'False', 'Invalid', 'spec.match: is required')
const HOW = 'whoever holds the verb except on policies.bylaw.dev no-root, no-latest approves it by: bylaw approve old-app -n shop'

const CASES: readonly Case[] = [
  { name: 'a policy that Bylaw has not seen is in progress', object: policy(), argo: ['Progressing', 'waiting for Bylaw to read the policy'], flux: 'Unknown' },
  {
    name: 'a policy whose status is about an older spec is in progress, whatever it says',
    object: policy({ observedGeneration: 2, conditions: [BROKEN, NOT_EVALUABLE] }),
    argo: ['Progressing', 'waiting for Bylaw to read the policy'],
    flux: 'InProgress',
  },
  {
    name: 'a policy without conditions is in progress',
    object: policy({ observedGeneration: 3 }),
    argo: ['Progressing', 'waiting for Bylaw to compile the policy'],
    flux: 'InProgress',
  },
  {
    name: 'a policy that is not known to be enforced is in progress',
    object: policy({ observedGeneration: 3, conditions: [COMPILED] }),
    argo: ['Progressing', 'waiting for Bylaw to enforce the policy'],
    flux: 'InProgress',
  },
  {
    name: 'a policy that the API server does not call for yet is in progress',
    object: policy({ observedGeneration: 3, conditions: [COMPILED, PENDING_REGISTRATION] }),
    argo: ['Progressing', 'the registration with the API server is not in place yet'],
    flux: 'InProgress',
  },
  {
    name: 'a policy in force is healthy',
    object: policy({ observedGeneration: 3, conditions: [COMPILED, ENFORCED] }),
    argo: ['Healthy', 'in force: prod=Deny'],
    flux: 'Current',
  },
  {
    name: 'a policy whose context cannot be read waits for the grant, and tells which',
    object: policy({ observedGeneration: 3, conditions: [COMPILED, condition('Enforced', 'False', 'ContextUnknown', 'context `quotas` may not be listed')] }),
    argo: ['Progressing', 'context `quotas` may not be listed'],
    flux: 'InProgress',
  },
  {
    name: 'a policy that does not compile is degraded, with its mistake',
    object: policy({ observedGeneration: 3, conditions: [BROKEN, NOT_EVALUABLE] }),
    argo: ['Degraded', 'spec.validations[0].expression: undeclared reference to `x`'],
    flux: 'Failed',
  },
  {
    name: 'a policy behind a suspicious shrink waits for a person',
    object: policy({ observedGeneration: 3, conditions: [COMPILED, SHRINK] }),
    argo: ['Suspended', 'more than half of the policies went away within a minute'],
    flux: 'InProgress',
  },
  {
    name: 'an exception that Bylaw has not seen is in progress',
    object: exception(),
    argo: ['Progressing', 'waiting for Bylaw to read the exception'],
    flux: 'Unknown',
  },
  {
    name: 'an exception whose status is about an older spec is in progress, approved or not',
    object: exception({ observedGeneration: 2, phase: 'Active', conditions: [APPROVED, ENDS] }),
    argo: ['Progressing', 'waiting for Bylaw to read the exception'],
    flux: 'InProgress',
  },
  {
    name: 'an exception without a phase is in progress',
    object: exception({ observedGeneration: 3 }),
    argo: ['Progressing', 'waiting for Bylaw to read the exception'],
    flux: 'InProgress',
  },
  {
    name: 'a pending exception waits, and tells who can approve it, and how',
    object: exception({ observedGeneration: 3, phase: 'Pending', conditions: [PENDING, ENDS] }),
    argo: ['Suspended', `nobody has approved it; ${HOW}`],
    flux: 'InProgress',
  },
  {
    name: 'an active exception is healthy, and tells who approved it',
    object: exception({ observedGeneration: 3, phase: 'Active', conditions: [APPROVED, ENDS] }),
    argo: ['Healthy', 'approved by `security` at 2026-11-25T00:00:00Z'],
    flux: 'Current',
  },
  {
    name: 'an expired exception is healthy, since it is safe, and asks to be removed',
    object: exception({ observedGeneration: 3, phase: 'Expired', conditions: [APPROVED, ENDED] }),
    argo: ['Healthy', 'expired, waives nothing any more: remove it from Git; ended at 2026-11-24T00:00:00.000Z'],
    flux: 'Current',
  },
  {
    name: 'an invalid exception is degraded, with its mistake',
    object: exception({ observedGeneration: 3, phase: 'Invalid', conditions: [INVALID] }),
    argo: ['Degraded', 'spec.match: is required'],
    flux: 'Failed',
  },
  {
    name: 'a profile that Bylaw has not seen is in progress',
    object: profile(),
    argo: ['Progressing', 'waiting for Bylaw to read the profile'],
    flux: 'Unknown',
  },
  {
    name: 'a profile whose status is about an older spec is in progress',
    object: profile({ observedGeneration: 2, conditions: [condition('InForce', 'True', 'InForce', 'in force')] }),
    argo: ['Progressing', 'waiting for Bylaw to read the profile'],
    flux: 'InProgress',
  },
  {
    name: 'a profile without conditions is in progress',
    object: profile({ observedGeneration: 3, conditions: [] }),
    argo: ['Progressing', 'waiting for Bylaw to put the profile in force'],
    flux: 'InProgress',
  },
  {
    name: 'a profile in force is healthy',
    object: profile({ observedGeneration: 3, conditions: [condition('InForce', 'True', 'InForce', 'the levels of this profile are in force')] }),
    argo: ['Healthy', 'the levels of this profile are in force'],
    flux: 'Current',
  },
  {
    name: 'a profile that cannot be read is degraded, with its mistake',
    object: profile({ observedGeneration: 3, conditions: [condition('InForce', 'False', 'Unreadable', 'the last good profile stays in force')] }),
    argo: ['Degraded', 'the last good profile stays in force'],
    flux: 'Failed',
  },
]

const kindOf = ({ object }: Case): string => String(object['kind'])

let argo: string
let flux: string

beforeAll(async () => {
  argo = await findArgo()
  flux = await findFlux()
}, BUILD_MS)

describe('the health of Bylaw’s resources', () => {
  test('in Argo CD', async () => {
    const questions = CASES.map((asked) => ({ object: asked.object, script: scriptOf(kindOf(asked)) }))
    const verdicts = await askJudge(join(argo, 'argo-judge'), questions)
    const told = verdicts.map((verdict, index) => ({ name: CASES[index]?.name, verdict }))
    expect(told).toEqual(CASES.map(({ name, argo: [status, message] }) => ({ name, verdict: { status, message } })))
  })

  test('in Flux', async () => {
    const questions = CASES.map((asked) => ({ object: asked.object, expressions: expressionsOf(kindOf(asked)) }))
    const verdicts = await askJudge(join(flux, 'flux-judge'), questions)
    const told = verdicts.map((verdict, index) => ({ name: CASES[index]?.name, verdict }))
    expect(told).toEqual(CASES.map(({ name, flux: status }) => ({ name, verdict: expect.objectContaining({ status }) })))
  })

  test('of an application in Argo CD is what it says itself, so that waves of applications wait', async () => {
    const script = scriptOf('Application', 'argoproj.io')
    const application = { apiVersion: 'argoproj.io/v1alpha1', kind: 'Application', metadata: { name: 'a' } }
    const health = { status: 'Degraded', message: 'why' }
    const statuses: readonly (Json | undefined)[] = [
      undefined,
      { sync: { status: 'Unknown' }, health: { status: 'Healthy' }, conditions: [{ type: 'ComparisonError', message: 'no such path' }] },
      { sync: { status: 'OutOfSync' } },
      { sync: { status: 'Synced' }, health },
    ]
    const verdicts = await askJudge(
      join(argo, 'argo-judge'),
      statuses.map((status) => ({ object: { ...application, ...(status === undefined ? {} : { status }) }, script })),
    )
    expect(verdicts).toEqual([
      { status: 'Progressing', message: 'waiting for Argo CD to compare it with Git' },
      { status: 'Progressing', message: 'no such path' },
      { status: 'Progressing', message: '' },
      { status: 'Degraded', message: 'why' },
    ])
  })
})
