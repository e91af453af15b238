import type { AdmissionRequest } from '../../api/index.ts'
import type { Correction, Decision, RuleOutcome } from '../../decide/index.ts'
import type { Lane, PolicyIdentity, RuleSet } from '../../rules/index.ts'
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

/** What is the same in every record of a policy, by its level; most records are made of nothing else. */
interface FixedTexts {
  readonly head: string
  /** The names of all its rules, where all of them passed. */
  allPassed: string | undefined
}

const fixedTexts = new WeakMap<PolicyIdentity, Map<string, FixedTexts>>()

function fixedTextsOf(identity: PolicyIdentity, revision: string, level: string): FixedTexts {
  const byLevel = fixedTexts.get(identity) ?? new Map<string, FixedTexts>()
  fixedTexts.set(identity, byLevel)
  const known = byLevel.get(level)
  if (known !== undefined) return known
  const head = JSON.stringify({ policy: identity.name, revision, level, severity: identity.severity }).slice(0, -1)
  const made: FixedTexts = { head, allPassed: undefined }
  byLevel.set(level, made)
  return made
}

const isPlainPass = ({ result, param }: RuleOutcome): boolean => result === 'pass' && param === undefined

function outcomesText(own: readonly RuleOutcome[], fixed: FixedTexts): string {
  if (own.every(isPlainPass)) {
    fixed.allPassed ??= `,"passed":${JSON.stringify(own.map(({ rule }) => rule.name))}`
    return fixed.allPassed
  }
  const passed = own.filter(({ result }) => result === 'pass').map(({ rule, param }) => (param === undefined ? rule.name : `${rule.name} (${param})`))
  const others = own.filter(({ result }) => result !== 'pass').map(toOutcomeRecord)
  return `${passed.length === 0 ? '' : `,"passed":${JSON.stringify(passed)}`}${others.length === 0 ? '' : `,"outcomes":${JSON.stringify(others)}`}`
}

/** By policy, as JSON: passes as names alone, since they are the mass; all else in full. */
function policiesText({ outcomes, evaluations }: Decision): string {
  const parts: string[] = []
  let from = 0
  for (const { policy, revision, cost, durationMs } of evaluations) {
    let to = from
    while (outcomes[to]?.rule.policy.name === policy) to += 1
    const own = outcomes.slice(from, to)
    from = to
    const [first] = own
    if (first === undefined) continue
    const fixed = fixedTextsOf(first.rule.policy, revision, first.level)
    parts.push(`${fixed.head},"cost":${cost}${durationMs === undefined ? '' : `,"durationMs":${toMs(durationMs)}`}${outcomesText(own, fixed)}}`)
  }
  return `[${parts.join(',')}]`
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

const leavesOf = ({ leafCorrections }: Decision): Readonly<Record<string, unknown>> =>
  leafCorrections.length === 0
    ? {}
    : {
        leafCorrections: leafCorrections.map(({ policy, suggestion }) => ({
          policy: policy.name,
          ...(suggestion.kind === 'patch' ? { patch: suggestion.patch } : { failed: suggestion.reason }),
        })),
      }

/** One decision with all that it depended on, as it stands in the log: one line of JSON. Fields are only ever added. */
export function encodeDecision(id: string, decision: Decision, request: AdmissionRequest, context: ReviewContext): string {
  const { effect, ruleSetRevision, breakGlass, dependsOn } = decision
  const exceptions = exceptionsTried(decision, context.ruleSet, request.namespace)
  const head = JSON.stringify({
    kind: 'decision',
    schemaVersion: 1,
    id,
    time: dependsOn.decidedAt,
    request: toRequest(request),
    ...environmentPart(decision),
    effect,
    ...(breakGlass === undefined ? {} : { breakGlass }),
  })
  const tail = JSON.stringify({
    ...leavesOf(decision),
    dependsOn: {
      ruleSet: ruleSetRevision,
      ...(dependsOn.namespaceResourceVersion === '' ? {} : { namespaceResourceVersion: dependsOn.namespaceResourceVersion }),
      ...(dependsOn.params.length === 0 ? {} : { params: dependsOn.params }),
      ...(dependsOn.contexts.length === 0 ? {} : { contexts: dependsOn.contexts }),
      ...(exceptions.length === 0 ? {} : { exceptions }),
    },
    ...toContext(context),
  })
  return `${head.slice(0, -1)},"policies":${policiesText(decision)},${tail.slice(1)}`
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
