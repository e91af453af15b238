import { durationMs, type PolicyStatus } from '../api/index.ts'
import { type CompiledException, type CompiledPolicy, effectiveExpiryMs } from '../rules/index.ts'
import type { ExceptionState } from './policy-sync.ts'

/** What a look at every object of the cluster told of an exception. */
export interface ExceptionUse {
  /** Whether it waives a violation of some object as it is stored now. */
  readonly waivesNow: boolean
  /** Whether all objects that it is for would pass without it; undefined where that could not be told. */
  readonly wouldPassNow: boolean | undefined
}

/** What is known of the use of an exception (`namespace/name`); undefined until every object has been seen. */
export type ExceptionUseReader = (exception: string) => ExceptionUse | undefined

const DAY_MS = 86_400_000
const SOON_MS = 7 * DAY_MS
const UNUSED_MS = 30 * DAY_MS

/** When an exception ends for a policy, in milliseconds since 1970. */
export const endFor = (exception: CompiledException, { policy }: Pick<CompiledPolicy, 'policy'>): number =>
  effectiveExpiryMs(exception, durationMs(policy.spec.exceptions.maxDuration))

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
    return isNamed && endFor(compiled, policy) > nowMs ? [compiled] : []
  })
  const isUnused = (exception: CompiledException): boolean => {
    const since = unusedSince(exception, useOf(exception.id), lastTimeOf(exception.id))
    return since !== undefined && nowMs - Date.parse(since) >= UNUSED_MS
  }
  const isKnown = active.every(({ id }) => useOf(id) !== undefined)
  return {
    active: active.length,
    expiringSoon: active.filter((exception) => endFor(exception, policy) - nowMs < SOON_MS).length,
    ...(isKnown ? { unused: active.filter(isUnused).length } : {}),
  }
}
