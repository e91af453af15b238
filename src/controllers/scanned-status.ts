import { isEqualJson, type PolicyStatus } from '../api/index.ts'
import type { ScanState } from '../evidence/index.ts'
import type { ConditionDraft } from './policy-status.ts'

interface ScannedStatus {
  /** None where another has to be kept. */
  readonly conditions: readonly ConditionDraft[]
  readonly violations: PolicyStatus['violations']
}

/** A figure that is the same as before keeps its time: what does not change is not written. */
function settleFigure(found: PolicyStatus['violations'], before: PolicyStatus['violations']): PolicyStatus['violations'] {
  if (found === undefined || before === undefined) return found
  return isEqualJson({ ...found, asOf: '' }, { ...before, asOf: '' }) ? before : found
}

/**
 * What the status of a policy tells of existing objects. As long as a scan has not come to its first end, and after it has broken,
 * the last figures stay, as of when they were; after a break they do not count as complete.
 */
export function scannedStatus(name: string, before: PolicyStatus | undefined, scan: ScanState | 'stopped' | undefined): ScannedStatus {
  const stored = before?.conditions?.find(({ type }) => type === 'Scanned')
  const kept = stored === undefined ? [] : [{ type: 'Scanned', status: stored.status, reason: stored.reason, message: stored.message }]
  if (scan === undefined) return { conditions: kept, violations: before?.violations }
  if (scan === 'stopped') {
    const message = 'the scan has ended and is being started again; the figures are those before'
    const violations = before?.violations === undefined ? undefined : { ...before.violations, complete: false }
    return { conditions: [{ type: 'Scanned', status: 'Unknown', reason: 'ScanStopped', message }], violations }
  }
  const policy = scan.policies[name]
  if (policy === undefined) return { conditions: kept, violations: before?.violations }
  const { scanned, violations } = policy
  if (scanned.reason === 'Scanning' && stored !== undefined) return { conditions: kept, violations: before?.violations }
  const figure = violations === undefined ? undefined : { ...violations, byNamespace: [...violations.byNamespace] }
  // What is not known any more keeps its last figure.
  const last = before?.violations === undefined ? undefined : { ...before.violations, complete: false }
  const isUnknown = scanned.reason === 'Forbidden' || scanned.reason === 'ListFailed'
  return { conditions: [{ type: 'Scanned', ...scanned }], violations: settleFigure(figure ?? (isUnknown ? last : undefined), before?.violations) }
}
