import { isEqualJson } from '../../api/index.ts'
import type { PolicyScan, ScannedState } from '../../evidence/index.ts'
import type { RuleSet } from '../../rules/index.ts'
import type { ScanGap, ScanPlan } from './plan.ts'
import type { PolicyTally } from './store.ts'
import type { TargetScan, TargetState } from './target-scan.ts'

const MOST_NAMESPACES = 10

interface Known {
  readonly key: string
  readonly state: TargetState
}

function scannedState(gaps: readonly ScanGap[], targets: readonly Known[], errors: number): ScannedState {
  const whole = gaps.find(({ isWhole }) => isWhole)
  if (whole !== undefined) return { status: whole.reason === 'NothingToScan' ? 'True' : 'False', reason: whole.reason, message: whole.message }
  const failing = targets.filter(({ state }) => state.kind === 'failing')
  const forbidden = failing.find(({ state }) => state.reason === 'Forbidden')
  const [failed] = failing
  const found = forbidden ?? failed
  if (found !== undefined) {
    const { reason } = found.state
    const message = failing.map(({ key, state }) => `${key}: ${state.message}`).join('\n')
    return { status: reason === 'Forbidden' ? 'False' : 'Unknown', reason, message }
  }
  const unread = targets.find(({ state }) => state.kind === 'unread')
  if (unread !== undefined) return { status: 'Unknown', reason: 'Scanning', message: `${unread.key}: ${unread.state.message}` }
  const [gap] = gaps
  if (gap !== undefined) return { status: 'False', reason: gap.reason, message: gaps.map(({ message }) => message).join('\n') }
  const unevaluated = errors === 0 ? '' : `; ${errors} could not be evaluated`
  return { status: 'True', reason: 'Scanned', message: `every object that the policy is about has been judged, and is followed${unevaluated}` }
}

/** As of when a figure is, is told by what was seen least lately. */
const oldest = (known: readonly Known[]): string => new Date(Math.min(...known.map(({ state }) => state.knownMs))).toISOString().replace(/\.\d+Z$/, 'Z')

/** What is known of every policy. A figure that is not known to be complete says so; what was never judged has no figure. */
export function summarize(
  ruleSet: RuleSet,
  plan: ScanPlan,
  scans: ReadonlyMap<string, TargetScan>,
  tallies: ReadonlyMap<string, PolicyTally>,
): Record<string, PolicyScan> {
  const known = [...scans.values()].map((scan) => ({ key: scan.target.key, policies: scan.target.policies, state: scan.state() }))
  const states: Record<string, PolicyScan> = {}
  for (const { identity } of ruleSet.policies) {
    const own = known.filter(({ policies }) => policies.has(identity.name))
    const counts = tallies.get(identity.name)
    const errors = counts?.errors ?? 0
    const scanned = scannedState(plan.gaps.get(identity.name) ?? [], own, errors)
    const isRead = own.length > 0 && own.some(({ state }) => state.knownMs > 0)
    const byNamespace = [...(counts?.byNamespace ?? [])]
      .map(([namespace, count]) => ({ namespace, count }))
      .sort((a, b) => b.count - a.count || (a.namespace < b.namespace ? -1 : 1))
      .slice(0, MOST_NAMESPACES)
    const violations = isRead ? { current: counts?.objects ?? 0, complete: scanned.status === 'True', asOf: oldest(own), byNamespace } : undefined
    states[identity.name] = { scanned, violations, errors, byLevel: counts?.byLevel ?? [] }
  }
  return states
}

/** A figure that is the same as before keeps its time. */
export function settled(found: Record<string, PolicyScan>, before: Record<string, PolicyScan>): Record<string, PolicyScan> {
  return Object.fromEntries(
    Object.entries(found).map(([name, state]) => {
      const known = before[name]
      if (known?.violations === undefined || state.violations === undefined) return [name, state]
      const violations = { ...state.violations, asOf: known.violations.asOf }
      return [name, isEqualJson(violations, known.violations) ? { ...state, violations } : state]
    }),
  )
}
