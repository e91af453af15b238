import type { Condition, EnforcementProfileStatus, FieldIssue, KubernetesObject, Policy, PolicyExceptionStatus, PolicyStatus } from '../api/index.ts'
import { clip, describeFieldIssue, isEqualJson } from '../api/index.ts'
import { idempotenceIssues } from '../decide/index.ts'
import type { ExceptionLifetime, PolicyCounters, ScanState, WaiverCount } from '../evidence/index.ts'
import type { CompiledException, CompileIssue, EnforcedPolicy, RuleSet } from '../rules/index.ts'
import { conflictIssues, describeIssue, profileIssues } from '../rules/index.ts'
import { type CountContext, countExceptions, type ExceptionUse, endsOf, unusedSince } from './exception-counts.ts'
import type { ExceptionState, PolicyState } from './policy-sync.ts'
import { scannedStatus } from './scanned-status.ts'

/** What the status of a policy tells besides the policy itself. */
export interface StatusContext {
  readonly ruleSet: RuleSet
  /** Whether the API server has been read back to call for a policy as it is now. */
  readonly isRegistered: (policy: EnforcedPolicy) => boolean
  /** Whether a suspicious shrink keeps an older rule set in force. */
  readonly isHeld: boolean
  /** What the schemas of its kinds tell of a policy. */
  readonly fieldIssues: (policy: Policy) => readonly CompileIssue[]
  /** What a policy declares as context and cannot be gathered, with the reason. */
  readonly contextProblems: (policy: Policy) => readonly string[]
  readonly exceptions: readonly ExceptionState[]
  readonly exceptionUse: Omit<CountContext, 'now'>
  /** What is known of existing objects. */
  readonly scan: ScanState | 'stopped' | undefined
  /** Whether all instances that are ready have a policy in force as it is now. */
  readonly isEverywhere: (policy: EnforcedPolicy) => boolean
  readonly replicas: { readonly ready: number; readonly atRevision: number }
  readonly counters: SummedCounters
  readonly now: Date
}

/** What all instances counted, and how much of each is in it. */
export interface SummedCounters extends PolicyCounters {
  readonly counted: readonly string[]
}

const MAX_MESSAGE_CHARACTERS = 2048
const MAX_WARNINGS = 20
const MAX_RECENT = 10

/** A condition without its times. */
export interface ConditionDraft {
  readonly type: string
  readonly status: 'True' | 'False' | 'Unknown'
  readonly reason: string
  readonly message: string
}

/** Completes conditions; the time of transition stays where the status does. */
function settle(drafts: readonly ConditionDraft[], before: readonly Condition[], observedGeneration: number, now: Date): Condition[] {
  return drafts.map((draft) => {
    const previous = before.find(({ type }) => type === draft.type)
    const lastTransitionTime = previous?.status === draft.status ? previous.lastTransitionTime : now.toISOString().replace(/\.\d+Z$/, 'Z')
    return { ...draft, message: clip(draft.message, MAX_MESSAGE_CHARACTERS), observedGeneration, lastTransitionTime }
  })
}

function compiledCondition({ compiled, issues }: PolicyState): ConditionDraft {
  const type = 'Compiled'
  const errors = issues.filter(({ severity }) => severity === 'error')
  if (compiled === undefined) return { type, status: 'False', reason: 'Unreadable', message: errors.map(describeIssue).join('\n') }
  if (errors.length > 0) {
    const reason = errors.some(({ code }) => code === 'InvalidField') ? 'Unreadable' : 'InvalidExpression'
    return { type, status: 'False', reason, message: errors.map(describeIssue).join('\n') }
  }
  const missing = issues.filter(({ code }) => code === 'NotYetSupported')
  if (missing.length > 0) return { type, status: 'True', reason: 'PartlySupported', message: missing.map(describeIssue).join('\n') }
  return { type, status: 'True', reason: 'Compiled', message: 'all expressions compile' }
}

function enforcedCondition({ compiled, issues }: PolicyState, policy: EnforcedPolicy | undefined, context: StatusContext): ConditionDraft {
  const type = 'Enforced'
  if (context.isHeld) {
    const message = 'more than half of the policies went away within a minute; the rule set before that stays in force until it is confirmed'
    return { type, status: 'Unknown', reason: 'SuspiciousShrink', message }
  }
  if (compiled === undefined) return { type, status: 'False', reason: 'Unreadable', message: 'the policy names no objects that could be read' }
  if (issues.some(({ severity }) => severity === 'error')) {
    const message = `rules that cannot be evaluated are judged by failurePolicy \`${compiled.failurePolicy}\``
    return { type, status: 'False', reason: 'NotEvaluable', message }
  }
  if (policy === undefined || policy.revision !== compiled.revision || !context.isRegistered(policy)) {
    return { type, status: 'False', reason: 'RegistrationPending', message: 'the registration with the API server is not in place yet' }
  }
  const problems = context.contextProblems(compiled.policy)
  if (problems.length > 0) {
    const message = [...problems, `rules that read it are judged by failurePolicy \`${compiled.failurePolicy}\``].join('\n')
    return { type, status: 'False', reason: 'ContextUnknown', message }
  }
  if (!context.isEverywhere(policy)) {
    const { ready, atRevision } = context.replicas
    return { type, status: 'False', reason: 'InstancesPending', message: `${atRevision} of ${ready} instances have the policies in force as they are now` }
  }
  return { type, status: 'True', reason: 'Enforced', message: `in force: ${levelsText(policy)}` }
}

const levelsText = ({ levels }: EnforcedPolicy): string => [...levels.byEnvironment].map(([name, { level }]) => `${name}=${level}`).join(' ')

const toWarning = ({ path, message }: CompileIssue) => ({ fieldRef: clip(path, 512), warning: clip(message, 1024) })

/** Puts the status of a policy together; `before` is the stored one, whose times of transition are kept. */
export function toPolicyStatus(state: PolicyState, before: PolicyStatus | undefined, context: StatusContext): PolicyStatus {
  const { object, compiled } = state
  const { name = '', generation = 0 } = object.metadata
  const policy = context.ruleSet.policies.find(({ identity }) => identity.name === name)
  const { counts, counted, recent } = context.counters
  const warnings =
    compiled === undefined
      ? []
      : [
          ...compiled.issues.filter(({ severity }) => severity === 'warning'),
          ...profileIssues(compiled, context.ruleSet.profile),
          ...conflictIssues(compiled, context.ruleSet),
          ...idempotenceIssues(compiled),
          ...context.fieldIssues(compiled.policy),
        ]
  const scanned = scannedStatus(name, before, context.scan)
  const { ready, atRevision } = context.replicas
  const isInForce = policy !== undefined && policy.revision === compiled?.revision
  return {
    observedGeneration: generation,
    ...(compiled === undefined ? {} : { revision: compiled.revision }),
    conditions: settle(
      [compiledCondition(state), enforcedCondition(state, policy, context), ...scanned.conditions],
      before?.conditions ?? [],
      generation,
      context.now,
    ),
    ...(policy === undefined
      ? {}
      : {
          environments: [...policy.levels.byEnvironment].map(([environment, { level, source }]) => ({ name: environment, level, source })),
          summary: { levels: clip(levelsText(policy), 1024) },
        }),
    replicas: { ready, atRevision: isInForce ? (context.isEverywhere(policy) ? ready : atRevision) : 0 },
    decisions: counts,
    ...(counted.length === 0 ? {} : { counted }),
    ...(scanned.violations === undefined ? {} : { violations: scanned.violations }),
    ...(policy === undefined ? {} : { exceptions: countExceptions(policy, context.exceptions, { ...context.exceptionUse, now: context.now }) }),
    recentViolations: recent.slice(0, MAX_RECENT).map(({ time, rule, effect, kind, namespace, name: objectName, message }) => ({
      time,
      rule,
      effect,
      kind,
      ...(namespace === '' ? {} : { namespace }),
      name: objectName,
      message,
    })),
    ...(warnings.length === 0 ? {} : { expressionWarnings: warnings.slice(0, MAX_WARNINGS).map(toWarning) }),
  }
}

/** Whether two statuses tell a person the same but for counters, which may wait. */
export function differsOnlyInCounters(a: PolicyStatus, b: PolicyStatus): boolean {
  const rest = ({ decisions: _decisions, counted: _counted, recentViolations: _recent, violations: _violations, ...others }: PolicyStatus) => others
  return isEqualJson(rest(a), rest(b))
}

/** When an exception ends for the last of its policies, in milliseconds. */
const endOf = (exception: CompiledException, ruleSet: RuleSet): number => Math.max(...endsOf(exception, ruleSet))

/** What the clock need not tell of an exception. */
export function lifetimeOf({ compiled, issues }: ExceptionState, ruleSet: RuleSet): ExceptionLifetime {
  if (compiled === undefined || issues.length > 0) return { state: 'invalid', endMs: 0 }
  return { state: compiled.approval.kind, endMs: endOf(compiled, ruleSet) }
}

/** The status of an exception: where it stands by the clock, what it waived, and why it does not count where it does not. */
export function toExceptionStatus(
  { object, compiled, issues }: ExceptionState,
  before: PolicyExceptionStatus | undefined,
  {
    ruleSet,
    waivers,
    now,
    use,
  }: {
    readonly ruleSet: RuleSet
    readonly waivers: WaiverCount & { readonly counted?: readonly string[] }
    readonly now: Date
    readonly use?: ExceptionUse | undefined
  },
): PolicyExceptionStatus {
  const { generation = 0 } = object.metadata
  const end = (conditions: readonly ConditionDraft[]) => settle(conditions, before?.conditions ?? [], generation, now)
  if (compiled === undefined || issues.length > 0) {
    const message = issues.map(describeIssue).join('\n')
    return { observedGeneration: generation, phase: 'Invalid', conditions: end([{ type: 'Approved', status: 'False', reason: 'Invalid', message }]) }
  }
  const { approval, exception } = compiled
  const endMs = endOf(compiled, ruleSet)
  const isExpired = endMs <= now.getTime()
  const endsAt = new Date(endMs).toISOString()
  const known = new Set(ruleSet.policies.map(({ identity }) => identity.name))
  const missing = exception.spec.policies.filter(({ name }) => !known.has(name)).map(({ name }) => `there is no policy \`${name}\``)
  const approved: ConditionDraft =
    approval.kind === 'approved'
      ? {
          type: 'Approved',
          status: 'True',
          reason: 'Approved',
          message: [`approved by \`${approval.stamp.approver}\` at ${approval.stamp.approvedAt}`, ...missing].join('\n'),
        }
      : { type: 'Approved', status: 'False', reason: 'Pending', message: [approval.reason, ...missing].join('\n') }
  const ended: ConditionDraft = isExpired
    ? { type: 'Expired', status: 'True', reason: 'Expired', message: `ended at ${endsAt}` }
    : { type: 'Expired', status: 'False', reason: 'NotExpired', message: `ends at ${endsAt}` }
  const { count, lastTime, counted = [] } = waivers
  const idleSince = isExpired ? undefined : unusedSince(compiled, use, lastTime)
  return {
    observedGeneration: generation,
    phase: isExpired ? 'Expired' : approval.kind === 'approved' ? 'Active' : 'Pending',
    conditions: end([approved, ended]),
    waived: { count, ...(lastTime === undefined ? {} : { lastTime }) },
    ...(counted.length === 0 ? {} : { counted }),
    ...(idleSince === undefined ? {} : { unusedSince: idleSince }),
    ...(use === undefined || isExpired || approval.kind !== 'approved' ? {} : { wouldPassNow: use.wouldPassNow }),
    summary: {
      policies: clip(exception.spec.policies.map(({ name }) => name).join(', '), 1024),
      state: clip(isExpired ? `ended at ${endsAt}` : approval.kind === 'approved' ? `active until ${endsAt}` : `pending: ${approval.reason}`, 1024),
    },
  }
}

/** The status of a profile object; only the one named `default` counts. */
export function toProfileStatus(
  object: KubernetesObject,
  mistakes: readonly FieldIssue[],
  before: EnforcementProfileStatus | undefined,
  now: Date,
): EnforcementProfileStatus {
  const { generation = 0 } = object.metadata
  const draft: ConditionDraft =
    mistakes.length === 0
      ? { type: 'InForce', status: 'True', reason: 'InForce', message: 'the levels of this profile are in force' }
      : {
          type: 'InForce',
          status: 'False',
          reason: 'Unreadable',
          message: `the last good profile stays in force\n${mistakes.map(describeFieldIssue).join('\n')}`,
        }
  return { observedGeneration: generation, conditions: settle([draft], before?.conditions ?? [], generation, now), ...environmentsSummary(object, mistakes) }
}

function environmentsSummary({ spec }: KubernetesObject, mistakes: readonly FieldIssue[]): Pick<EnforcementProfileStatus, 'summary'> {
  if (mistakes.length > 0 || typeof spec !== 'object' || spec === null || !('environments' in spec) || !Array.isArray(spec.environments)) return {}
  const names = spec.environments.map((item: { readonly name: string }) => item.name)
  const fallback = 'defaultEnvironment' in spec ? spec.defaultEnvironment : undefined
  return { summary: { environments: clip(names.map((name) => (name === fallback ? `${name} (default)` : name)).join(', '), 1024) } }
}
