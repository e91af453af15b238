import type { Effect, Mitigation, RuleOutcome } from '../../src/decide/index.ts'
import { configMap } from '../doors/build.ts'
import { EXCEPTION_STATES, type ExceptionState } from './exceptions.ts'

type Json = Readonly<Record<string, unknown>>

/** From the mildest. */
export const SEVERITIES = ['low', 'medium', 'high', 'critical'] as const
export type Severity = (typeof SEVERITIES)[number]
export type Level = 'Observe' | 'Warn' | 'Deny' | 'Correct'
type Levels = Readonly<Record<string, Level>>

// The table of the built-in profile, written down once more.
const PROFILE: Readonly<Record<string, Readonly<Record<Severity, Level>>>> = {
  dev: { critical: 'Warn', high: 'Observe', medium: 'Observe', low: 'Observe' },
  staging: { critical: 'Deny', high: 'Warn', medium: 'Warn', low: 'Observe' },
  prod: { critical: 'Deny', high: 'Deny', medium: 'Warn', low: 'Warn' },
}
/** From the mildest. */
export const LADDER: readonly Level[] = ['Observe', 'Warn', 'Deny', 'Correct']
const everywhere = (level: Level): Levels => ({ dev: level, staging: level, prod: level })
/** Levels that a policy may set itself. */
export const OVERRIDES: Readonly<Record<string, Levels>> = {
  'no level of its own': {},
  'Observe everywhere': everywhere('Observe'),
  'Warn everywhere': everywhere('Warn'),
  'Deny everywhere': everywhere('Deny'),
  'Correct everywhere': everywhere('Correct'),
  'Deny in dev alone': { dev: 'Deny' },
  'Observe in prod alone': { prod: 'Observe' },
}
/** Where an object may be, and which environment that is. */
export const PLACES: Readonly<Record<string, { readonly labels: Readonly<Record<string, string>> | undefined; readonly environment: string | undefined }>> = {
  dev: { labels: { 'bylaw.dev/environment': 'dev' }, environment: 'dev' },
  staging: { labels: { 'bylaw.dev/environment': 'staging' }, environment: 'staging' },
  prod: { labels: { 'bylaw.dev/environment': 'prod' }, environment: 'prod' },
  'a namespace without a label': { labels: {}, environment: 'prod' },
  'a label that means nothing': { labels: { 'bylaw.dev/environment': 'porduction' }, environment: undefined },
  'a namespace that cannot be read': { labels: undefined, environment: undefined },
}
/** What a policy may come to. */
export const RESULTS = ['pass', 'fail', 'error', 'skip', 'condition fails', 'one condition fails, another is false'] as const
export type Result = (typeof RESULTS)[number]

/** What there was before an update, or who makes or deletes the object. */
export const SITUATIONS = [
  'CREATE',
  'CREATE, descended',
  'UPDATE, was right',
  'UPDATE, was as wrong',
  'UPDATE, was wrong otherwise',
  'UPDATE, could not be judged before',
  'UPDATE, was left out by a condition',
  'UPDATE of what goes away',
  'UPDATE of finalizers',
  'DELETE',
  'DELETE by the garbage collector',
] as const
export type Situation = (typeof SITUATIONS)[number]

/** One cell of the matrix. */
export interface Cell {
  readonly severity: Severity
  readonly override: string
  readonly failurePolicy: 'Fail' | 'Ignore'
  readonly existingViolations: 'Allow' | 'Enforce'
  readonly exception: ExceptionState
  readonly place: string
  readonly result: Result
  readonly situation: Situation
}

/** What has to come of it. */
export interface Expected {
  readonly result: RuleOutcome['result']
  readonly level: Level
  readonly effect: Effect
  readonly mitigation?: Mitigation
  readonly waivedBy?: string
  readonly wouldHave?: Effect
  readonly note?: string
}

function levelOf({ severity, override, place }: Cell): Level {
  const own = OVERRIDES[override] ?? {}
  const of = (environment: string): Level => own[environment] ?? PROFILE[environment]?.[severity] ?? 'Deny'
  const environment = PLACES[place]?.environment
  if (environment !== undefined) return of(environment)
  return LADDER.findLast((level) => ['dev', 'staging', 'prod'].some((name) => of(name) === level)) ?? 'Correct'
}

/** The table of decisions, from the top; the first row that fits counts. */
export function expected(cell: Cell): Expected {
  const { result, situation, exception, failurePolicy, existingViolations } = cell
  const level = levelOf(cell)
  const isDenying = level === 'Deny' || level === 'Correct'
  const at = (denying: Effect): Effect => (level === 'Observe' ? 'allow' : level === 'Warn' ? 'warn' : denying)
  // Row 1.
  if (result === 'skip' || result === 'one condition fails, another is false') return { result: 'skip', level, effect: 'allow' }
  // Row 2.
  if (result === 'pass') return { result: 'pass', level, effect: 'allow' }
  const failed = result === 'fail' ? 'fail' : 'error'
  // Row 3.
  if (situation === 'UPDATE of what goes away' || situation === 'UPDATE of finalizers' || situation === 'DELETE by the garbage collector') {
    return { result: failed, level, effect: at('warn'), wouldHave: at('warn'), ...(isDenying ? { mitigation: 'protected' as const } : {}) }
  }
  // Rows 6 to 10: what would be without an exception.
  const mitigation: Mitigation | undefined =
    failed === 'error' || existingViolations === 'Enforce' || !isDenying
      ? undefined
      : situation === 'UPDATE, was as wrong'
        ? 'existing'
        : situation === 'CREATE, descended'
          ? 'descended'
          : undefined
  const without = at(mitigation !== undefined || (failed === 'error' && failurePolicy === 'Ignore') ? 'warn' : 'deny')
  const more = mitigation === undefined ? {} : { mitigation }
  // Row 4.
  if (exception === 'approved') return { result: failed, level, effect: 'allow', wouldHave: without, waivedBy: 'shop/e', ...more }
  // Row 5.
  const note = EXCEPTION_STATES[exception]?.note
  return { result: failed, level, effect: without, wouldHave: without, ...more, ...(note === undefined ? {} : { note }) }
}

const JOB = { apiVersion: 'batch/v1', kind: 'Job', name: 'j', uid: 'u', controller: true }
/** Data of a ConfigMap by which a policy comes to a result. */
export const DATA: Readonly<Record<Result, Json>> = {
  pass: { verdict: 'ok' },
  fail: { verdict: 'bad' },
  error: { other: 'x' },
  skip: { verdict: 'bad', skip: 'x' },
  'condition fails': { verdict: 'bad', broken: 'x' },
  'one condition fails, another is false': { verdict: 'bad', broken: 'x', skip: 'x' },
}

/** The object of a request, and what there is to the request besides. */
export function changesOf(data: Json, situation: Situation): { readonly object: Json | null; readonly changes: Json } {
  const by = (username: string): Json => ({ userInfo: { username, groups: [] } })
  const update = (object: Json, oldObject: Json) => ({ object, changes: { operation: 'UPDATE', oldObject } })
  const noted = configMap({ ...data, note: 'new' })
  switch (situation) {
    case 'CREATE':
      return { object: configMap(data), changes: {} }
    case 'CREATE, descended':
      return { object: configMap(data, { ownerReferences: [JOB] }), changes: by('system:serviceaccount:kube-system:job-controller') }
    case 'UPDATE, was right':
      return update(noted, configMap({ verdict: 'ok' }))
    case 'UPDATE, was as wrong':
      return update(noted, configMap({ verdict: 'bad' }))
    case 'UPDATE, was wrong otherwise':
      return update(noted, configMap({ verdict: 'worse' }))
    case 'UPDATE, could not be judged before':
      return update(noted, configMap({ other: 'x' }))
    case 'UPDATE, was left out by a condition':
      return update(noted, configMap({ verdict: 'bad', skip: 'x' }))
    case 'UPDATE of what goes away':
      return update(noted, configMap({ verdict: 'ok' }, { deletionTimestamp: '2026-01-01T00:00:00Z' }))
    case 'UPDATE of finalizers':
      return update(configMap(data), configMap(data, { finalizers: ['a'] }))
    case 'DELETE':
      return { object: null, changes: { operation: 'DELETE', oldObject: configMap(data) } }
    case 'DELETE by the garbage collector':
      return {
        object: null,
        changes: { operation: 'DELETE', oldObject: configMap(data), ...by('system:serviceaccount:kube-system:generic-garbage-collector') },
      }
  }
}

/** What the policy of a cell says of the object that it sees (`object`, or `oldObject` for a deletion), and at which levels of its own. */
export const rulesOfCell = ({ override, existingViolations }: Pick<Cell, 'override' | 'existingViolations'>, seen: string) => ({
  matchConditions: [
    { name: 'broken', expression: `!has(${seen}.data.broken) || int(${seen}.data.broken) > 0` },
    { name: 'wanted', expression: `!has(${seen}.data.skip)` },
  ],
  validations: [{ name: 'rule', expression: `${seen}.data.verdict == 'ok'` }],
  mutations: [
    { name: 'mend', patchType: 'JSONPatch', jsonPatch: { expression: "[JSONPatch{op: 'test', path: '/metadata/name', value: object.metadata.name}]" } },
  ],
  enforcement: { existingViolations, environments: Object.entries(OVERRIDES[override] ?? {}).map(([name, level]) => ({ name, level })) },
})
