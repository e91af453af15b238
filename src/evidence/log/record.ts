import type { AdmissionRequest } from '../../api/index.ts'
import type { Correction, Decision, RuleOutcome } from '../../decide/index.ts'
import type { Lane, RuleSet } from '../../rules/index.ts'
import { toCorrectionRecord } from '../correction-record.ts'
import { toOutcomeRecord } from '../decision-record.ts'

/** What a door knows of a review besides its request and what came of it. */
export interface ReviewContext {
  readonly ruleSet: RuleSet
  readonly lane: Lane | 'offline'
  /** Class of the registration entry that called. */
  readonly failureClass: 'fail' | 'ignore'
  readonly decidedAt: Date
  /** Milliseconds from the arrival of the request until it was taken up, and from then to the decision. */
  readonly waitedMs: number
  readonly durationMs: number
}

/** What is known of a review that ended without a decision. */
export interface UndecidedReview {
  readonly reason: string
  readonly failureClass: 'fail' | 'ignore'
  readonly time: Date
  /** What is known of the request: all, its UID, or nothing. */
  readonly uid?: string
  readonly id?: string
  readonly request?: AdmissionRequest
}

const MAX_GROUPS = 100
const MAX_NAME_CHARACTERS = 1024
const MICRO = 1000

const bounded = (text: string): string => (text.length <= MAX_NAME_CHARACTERS ? text : `${text.slice(0, MAX_NAME_CHARACTERS)}...`)
const toMs = (ms: number): number => Math.round(ms * MICRO) / MICRO

function toUser({ username, groups }: AdmissionRequest['userInfo']): Readonly<Record<string, unknown>> {
  if (groups.length <= MAX_GROUPS) return { name: bounded(username), groups }
  return { name: bounded(username), groups: groups.slice(0, MAX_GROUPS), groupsOmitted: groups.length - MAX_GROUPS }
}

function toRequest(request: AdmissionRequest): Readonly<Record<string, unknown>> {
  const { uid, operation, resource, subResource, requestResource, kind, namespace, object, userInfo, dryRun } = request
  const name = request.name === '' ? object?.metadata.name : request.name
  const generateName = name === undefined ? object?.metadata.generateName : undefined
  const isConverted = requestResource.version !== resource.version || requestResource.resource !== resource.resource || requestResource.group !== resource.group
  return {
    uid: bounded(uid),
    operation,
    group: resource.group,
    version: resource.version,
    resource: resource.resource,
    ...(subResource === '' ? {} : { subResource }),
    kind: kind.kind,
    ...(isConverted ? { requestResource } : {}),
    ...(namespace === '' ? {} : { namespace: bounded(namespace) }),
    ...(name === undefined ? {} : { name: bounded(name) }),
    ...(generateName === undefined ? {} : { generateName: bounded(generateName) }),
    user: toUser(userInfo),
    dryRun,
  }
}

interface PolicyPart {
  readonly outcomes: RuleOutcome[]
}

/** By policy: passes as names alone, since they are the mass; all else in full. */
function toPolicies({ outcomes, evaluations }: Decision): readonly Readonly<Record<string, unknown>>[] {
  const parts = new Map<string, PolicyPart>()
  for (const outcome of outcomes) {
    const { name } = outcome.rule.policy
    const part = parts.get(name)
    if (part === undefined) parts.set(name, { outcomes: [outcome] })
    else part.outcomes.push(outcome)
  }
  return evaluations.map(({ policy, revision, cost, durationMs }) => {
    const own = parts.get(policy)?.outcomes ?? []
    const passed = own.filter(({ result }) => result === 'pass')
    const others = own.filter(({ result }) => result !== 'pass')
    return {
      policy,
      revision,
      level: own[0]?.level,
      severity: own[0]?.rule.policy.severity,
      cost,
      ...(durationMs === undefined ? {} : { durationMs: toMs(durationMs) }),
      ...(passed.length === 0 ? {} : { passed: passed.map(({ rule, param }) => (param === undefined ? rule.name : `${rule.name} (${param})`)) }),
      ...(others.length === 0 ? {} : { outcomes: others.map(toOutcomeRecord) }),
    }
  })
}

/** The exceptions that were tried, each in its state; none where nothing failed. */
function exceptionsTried({ outcomes }: Decision, ruleSet: RuleSet, namespace: string): readonly Readonly<Record<string, unknown>>[] {
  const tried = new Map<string, Readonly<Record<string, unknown>>>()
  for (const { result, rule } of outcomes) {
    if (result !== 'fail' && result !== 'error') continue
    for (const exception of ruleSet.exceptionsTo(rule.policy.name)) {
      if (!exception.names(rule.policy.name, rule.name) || !exception.reaches(namespace)) continue
      tried.set(exception.id, { exception: exception.id, digest: exception.specDigest, approval: exception.approval.kind })
    }
  }
  return [...tried.values()]
}

const toContext = ({ lane, failureClass, waitedMs, durationMs }: ReviewContext): Readonly<Record<string, unknown>> => ({
  lane,
  failureClass,
  waitedMs: toMs(waitedMs),
  durationMs: toMs(durationMs),
})

const environmentPart = ({ environment }: Pick<Decision, 'environment'>): Readonly<Record<string, unknown>> =>
  environment.kind === 'known' ? { environment: environment.name } : { environmentUnknown: environment.reason }

/** One decision with all that it depended on, as it stands in the log: one line of JSON. Fields are only ever added. */
export function encodeDecision(id: string, decision: Decision, request: AdmissionRequest, context: ReviewContext): string {
  const { effect, ruleSetRevision, breakGlass, leafCorrections, dependsOn } = decision
  const exceptions =
    effect === 'allow' && decision.outcomes.every(({ result }) => result === 'pass') ? [] : exceptionsTried(decision, context.ruleSet, request.namespace)
  return JSON.stringify({
    kind: 'decision',
    schemaVersion: 1,
    id,
    time: dependsOn.decidedAt,
    request: toRequest(request),
    ...environmentPart(decision),
    effect,
    ...(breakGlass === undefined ? {} : { breakGlass }),
    policies: toPolicies(decision),
    ...(leafCorrections.length === 0
      ? {}
      : {
          leafCorrections: leafCorrections.map(({ policy, suggestion }) => ({
            policy: policy.name,
            ...(suggestion.kind === 'patch' ? { patch: suggestion.patch } : { failed: suggestion.reason }),
          })),
        }),
    dependsOn: {
      ruleSet: ruleSetRevision,
      ...(dependsOn.namespaceResourceVersion === '' ? {} : { namespaceResourceVersion: dependsOn.namespaceResourceVersion }),
      ...(dependsOn.params.length === 0 ? {} : { params: dependsOn.params }),
      ...(dependsOn.contexts.length === 0 ? {} : { contexts: dependsOn.contexts }),
      ...(exceptions.length === 0 ? {} : { exceptions }),
    },
    ...toContext(context),
  })
}

/** One correction as it stands in the log; objects as digests only. */
export function encodeCorrection(id: string, correction: Correction, request: AdmissionRequest, context: ReviewContext): string {
  const { schemaVersion: _version, id: _id, environment: _environment, ruleSet, ...corrected } = toCorrectionRecord(correction, id, request.object)
  return JSON.stringify({
    kind: 'correction',
    schemaVersion: 1,
    id,
    time: context.decidedAt,
    request: toRequest(request),
    ...environmentPart(correction),
    ...corrected,
    dependsOn: { ruleSet },
    ...toContext(context),
  })
}

/** What is known of a review that ended without a decision, as it stands in the log. */
export function encodeUndecided({ reason, failureClass, time, uid, id, request }: UndecidedReview): string {
  const known = request === undefined ? (uid === undefined || uid === '' ? {} : { request: { uid: bounded(uid) } }) : { request: toRequest(request) }
  return JSON.stringify({ kind: 'undecided', schemaVersion: 1, ...(id === undefined ? {} : { id }), time, reason, failureClass, ...known })
}

/** What a rule set is made of, once before the first decision by it in a segment: so that a segment can be read by itself. */
export function encodeRuleSet(ruleSet: RuleSet, time: Date, cel: string): string {
  return JSON.stringify({
    kind: 'ruleSet',
    schemaVersion: 1,
    time,
    ruleSet: ruleSet.revision,
    cel,
    policies: ruleSet.policies.map(({ policy, identity, revision }) => ({
      policy: identity.name,
      revision,
      title: identity.title,
      severity: identity.severity,
      owner: identity.owner.team,
      ...(policy.spec.category === undefined ? {} : { category: policy.spec.category }),
      controls: policy.spec.controls,
      rules: policy.spec.validations.map(({ name }) => name),
    })),
  })
}
