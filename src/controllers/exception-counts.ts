import type { PolicyStatus } from '../api/index.ts'
import { EXPIRING_SOON_MS, type ScanState } from '../evidence/index.ts'
import { type CompiledException, type CompiledPolicy, effectiveExpiryMs, type RuleSet } from '../rules/index.ts'
import type { ExceptionState } from './policy-sync.ts'

/** What a look at every object of the cluster told of an exception. */
export interface ExceptionUse {
  /** Whether it waives a violation of some object as it is stored now. */
  readonly waivesNow: boolean
  /** Whether all objects that it is for would pass without it, so that it can go. */
  readonly wouldPassNow: boolean
}

/** What is known of the use of an exception; undefined until every object has been seen. */
export type ExceptionUseReader = (exception: CompiledException) => ExceptionUse | undefined

const DAY_MS = 86_400_000
const UNUSED_MS = 30 * DAY_MS
/** What has just been approved is not called unused: the scan may not have come to it yet. */
const GRACE_MS = 5 * 60_000

/** What a scan of all objects tells of an exception that counts; undefined where it has not seen all that the exception's policies are about. */
export function useByScan({ id, exception, approval }: CompiledException, scan: ScanState | 'stopped' | undefined, now: Date): ExceptionUse | undefined {
  if (scan === undefined || scan === 'stopped' || approval.kind !== 'approved') return undefined
  if (now.getTime() - Date.parse(approval.stamp.approvedAt) < GRACE_MS) return undefined
  if (!exception.spec.policies.every(({ name }) => scan.policies[name]?.scanned.status === 'True')) return undefined
  const waivesNow = (scan.waived[id] ?? 0) > 0
  return { waivesNow, wouldPassNow: !waivesNow }
}

/** When an exception ends for each policy that it names, in milliseconds since 1970. */
export function endsOf(exception: CompiledException, { policies }: RuleSet): readonly number[] {
  return exception.exception.spec.policies.map(({ name }) =>
    effectiveExpiryMs(
      exception,
      policies.find(({ identity }) => identity.name === name),
    ),
  )
}

/** Since when an exception has waived nothing; undefined where it does, or where that is not known. */
export function unusedSince(exception: CompiledException, use: ExceptionUse | undefined, lastTime: string | undefined): string | undefined {
  if (use === undefined || use.waivesNow || exception.approval.kind !== 'approved') return undefined
  return lastTime ?? exception.approval.stamp.approvedAt
}

/** Where exceptions to one policy stand. */
export interface CountContext {
  readonly now: Date
  readonly useOf: ExceptionUseReader
  /** When an exception (`namespace/name`) waived something last. */
  readonly lastTimeOf: (exception: string) => string | undefined
}

/** Counts the exceptions that waive violations of a policy now. How many of them nobody uses is told only where it is known of each. */
export function countExceptions(
  policy: Pick<CompiledPolicy, 'policy' | 'identity'>,
  states: readonly ExceptionState[],
  { now, useOf, lastTimeOf }: CountContext,
): NonNullable<PolicyStatus['exceptions']> {
  const nowMs = now.getTime()
  const { allowed } = policy.policy.spec.exceptions
  const active = states.flatMap(({ compiled, issues }) => {
    if (!allowed || compiled === undefined || issues.length > 0 || compiled.approval.kind !== 'approved') return []
    const isNamed = compiled.exception.spec.policies.some(({ name }) => name === policy.identity.name)
    return isNamed && effectiveExpiryMs(compiled, policy) > nowMs ? [compiled] : []
  })
  const isUnused = (exception: CompiledException): boolean => {
    const since = unusedSince(exception, useOf(exception), lastTimeOf(exception.id))
    return since !== undefined && nowMs - Date.parse(since) >= UNUSED_MS
  }
  const isKnown = active.every((exception) => useOf(exception) !== undefined)
  return {
    active: active.length,
    expiringSoon: active.filter((exception) => effectiveExpiryMs(exception, policy) - nowMs < EXPIRING_SOON_MS).length,
    ...(isKnown ? { unused: active.filter(isUnused).length } : {}),
  }
}
