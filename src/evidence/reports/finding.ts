import { clip, type EnforcementLevel } from '../../api/index.ts'
import { type Decision, type FailedOutcome, levelIn, type RuleOutcome } from '../../decide/index.ts'
import type { EnforcedPolicy } from '../../rules/index.ts'

/** What one rule said of one object that did not pass. Equal findings of several objects are one value in memory. */
export interface Finding {
  readonly policy: string
  readonly rule: string
  readonly param: string
  readonly outcome: 'fail' | 'error' | 'waived'
  readonly level: EnforcementLevel
  readonly environment: string
  readonly severity: string
  readonly category: string
  /** `framework id`, separated by commas. */
  readonly controls: string
  readonly revision: string
  readonly message: string
  readonly path: string
  /** Set where the rule could not be evaluated. */
  readonly code: string
  readonly waivedBy: string
}

/** What a scan keeps of one decision. */
export interface Judgement {
  readonly environment: string
  /** Rules that passed, by policy; policies without one that passed are left out. */
  readonly passes: ReadonlyMap<string, number>
  readonly findings: readonly Finding[]
  /** Whether any rule was judged at all. */
  readonly isJudged: boolean
}

const MAX_MESSAGE_CHARACTERS = 400
const MAX_PATH_CHARACTERS = 200
/** What is said of an environment that is not known. */
export const UNKNOWN_ENVIRONMENT = 'unknown'

function messageOf(outcome: FailedOutcome): string {
  if (outcome.result === 'error') return `could not be evaluated: ${outcome.message}`
  const { message, findings, findingsOmitted } = outcome.violation
  const [first] = findings
  const more = findings.length + findingsOmitted - 1
  return first === undefined ? message : `${message}: ${first.sentence}${more > 0 ? ` (and ${more} more)` : ''}`
}

function toFinding(outcome: FailedOutcome, { policy: { spec }, identity, levels, revision }: EnforcedPolicy, { environment }: Decision): Finding {
  return {
    policy: identity.name,
    rule: outcome.rule.name,
    param: outcome.param ?? '',
    outcome: outcome.waivedBy !== undefined ? 'waived' : outcome.result,
    // The level that the policy is configured with, whatever keeps it from counting at admission.
    level: levelIn(environment, levels),
    environment: environment.kind === 'known' ? environment.name : UNKNOWN_ENVIRONMENT,
    severity: identity.severity,
    category: spec.category ?? '',
    controls: spec.controls.map(({ framework, id }) => `${framework} ${id}`).join(', '),
    revision,
    message: clip(messageOf(outcome), MAX_MESSAGE_CHARACTERS),
    path: outcome.result === 'fail' ? clip(outcome.violation.findings[0]?.path ?? '', MAX_PATH_CHARACTERS) : '',
    code: outcome.result === 'error' ? outcome.code : '',
    waivedBy: outcome.waivedBy ?? '',
  }
}

const isFailed = (outcome: RuleOutcome): outcome is FailedOutcome => outcome.result === 'fail' || outcome.result === 'error'

/** Takes out of a decision what a scan keeps: counts of what passed, and what did not. `policyOf` finds the policy that a rule is of. */
export function toJudgement(decision: Decision, policyOf: (name: string) => EnforcedPolicy | undefined): Judgement {
  const passes = new Map<string, number>()
  const findings: Finding[] = []
  let isJudged = false
  for (const outcome of decision.outcomes) {
    const { name } = outcome.rule.policy
    if (outcome.result === 'pass') passes.set(name, (passes.get(name) ?? 0) + 1)
    if (outcome.result !== 'skip') isJudged = true
    if (!isFailed(outcome)) continue
    const policy = policyOf(name)
    if (policy !== undefined) findings.push(toFinding(outcome, policy, decision))
  }
  const { environment } = decision
  return { environment: environment.kind === 'known' ? environment.name : UNKNOWN_ENVIRONMENT, passes, findings, isJudged }
}
