import type { Finding, PolicyScan, ReportContent, ReportResult } from '../../evidence/index.ts'
import { resultOf } from '../../evidence/index.ts'
import type { EnforcedPolicy, RuleSet } from '../../rules/index.ts'
import { SHARED_ERRORS } from './judge.ts'
import { COUNTED_ONLY, type Entry, type ScanStore, toldFindings } from './store.ts'

export interface ReportContext {
  readonly ruleSet: RuleSet
  readonly store: ScanStore
  readonly policies: Readonly<Record<string, PolicyScan>>
  /** Those of which not everything has been judged. */
  readonly incomplete: ReadonlyMap<string, PolicyScan>
}

/** What the reports of one namespace are to tell; undefined where there is nothing. */
export function reportContent(
  namespace: string,
  entries: readonly Entry[],
  { ruleSet, store, policies, incomplete }: ReportContext,
): ReportContent | undefined {
  const enforced = new Map(ruleSet.policies.map((policy) => [policy.identity.name, policy]))
  const rows: { readonly subject: ReportContent['rows'][number]['subject']; readonly finding: Finding }[] = []
  const shared = new Map<string, Finding>()
  const omitted: Partial<Record<ReportResult, number>> = {}
  let passes = 0
  for (const entry of entries) {
    passes += entry.signature.passCount
    for (const finding of toldFindings(store, entry)) {
      if (SHARED_ERRORS.has(finding.code)) shared.set(`${finding.policy}\n${finding.rule}\n${finding.param}`, finding)
      else if (finding.message === COUNTED_ONLY) omitted[resultOf(finding)] = (omitted[resultOf(finding)] ?? 0) + 1
      else rows.push({ subject: subjectOf(entry), finding })
    }
  }
  for (const finding of shared.values()) rows.push({ subject: policySubject(finding.policy, enforced), finding })
  if (namespace === '') rows.push(...gapRows(ruleSet, policies, incomplete, enforced))
  if (entries.length === 0 && rows.length === 0) return undefined
  const judging = new Set(entries.flatMap(({ target }) => [...target.policies]))
  const notEvaluated = [...incomplete.keys()].filter((policy) => namespace === '' || judging.has(policy) || isAnywhere(policies[policy])).sort()
  return { namespace, passes, rows, omitted, notEvaluated }
}

/** Whether a policy may be about objects that nobody has seen. */
const isAnywhere = (policy: PolicyScan | undefined): boolean => policy?.scanned.reason === 'Forbidden' || policy?.scanned.reason === 'ListFailed'

function subjectOf({ target, name, namespace, uid }: Entry): ReportContent['rows'][number]['subject'] {
  const { group, version, kind } = target
  return { apiVersion: group === '' ? version : `${group}/${version}`, kind, name, namespace, uid }
}

function policySubject(name: string, policies: ReadonlyMap<string, EnforcedPolicy>): ReportContent['rows'][number]['subject'] {
  return { apiVersion: 'bylaw.dev/v1', kind: 'Policy', name, namespace: '', uid: policies.get(name)?.policy.metadata.uid ?? '' }
}

/** What is not evaluated is a row about the policy: `error` where that is a fault, `skip` where it is in the nature of the policy. */
function gapRows(
  ruleSet: RuleSet,
  policies: Readonly<Record<string, PolicyScan>>,
  incomplete: ReadonlyMap<string, PolicyScan>,
  enforced: ReadonlyMap<string, EnforcedPolicy>,
) {
  return ruleSet.policies.flatMap(({ identity, revision, policy: { spec } }) => {
    const state = incomplete.get(identity.name) === undefined ? undefined : policies[identity.name]
    if (state === undefined) return []
    const { reason, message } = state.scanned
    const finding: Finding = {
      policy: identity.name,
      rule: '*',
      param: '',
      outcome: reason === 'NeedsRequest' ? 'waived' : 'error',
      level: 'Observe',
      environment: '*',
      severity: identity.severity,
      category: spec.category ?? '',
      controls: spec.controls.map(({ framework, id }) => `${framework} ${id}`).join(', '),
      revision,
      message: `existing objects are not evaluated: ${message}`.slice(0, 400),
      path: '',
      code: reason,
      waivedBy: '',
    }
    return [{ subject: policySubject(identity.name, enforced), finding }]
  })
}
