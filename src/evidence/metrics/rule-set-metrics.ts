import type { RuleSet } from '../../rules/index.ts'
import type { Families, SeriesFamily } from './series.ts'

/** What is known of an exception besides the clock. */
export interface ExceptionLifetime {
  readonly state: 'approved' | 'pending' | 'invalid'
  /** When it ends for the last of its policies. */
  readonly endMs: number
}

const STATES = ['active', 'pending', 'expired', 'invalid'] as const
/** An exception that ends within so many milliseconds is told to end soon. */
export const EXPIRING_SOON_MS = 7 * 24 * 60 * 60 * 1000

const stateOf = ({ state, endMs }: ExceptionLifetime, nowMs: number): (typeof STATES)[number] => {
  if (state === 'invalid') return 'invalid'
  if (endMs <= nowMs) return 'expired'
  return state === 'approved' ? 'active' : 'pending'
}

/** What is in force. */
export class RuleSetMetrics {
  readonly #policies: SeriesFamily
  readonly #revision: SeriesFamily
  readonly #controls: SeriesFamily
  #inForce = ''
  #loadedMs = 0
  #breakGlassUntilMs = 0
  #exceptions: readonly ExceptionLifetime[] = []

  /** What the clock alone changes is worked out at every look. */
  constructor(families: Families, nowMs: () => number) {
    this.#policies = families.gauge('bylaw_policies', 'Policies by state', ['state'])
    for (const state of ['compiled', 'invalid']) this.#policies.cell(state)
    this.#revision = families.gauge('bylaw_rule_set_info', '1 for the revision in force', ['revision'])
    families.figure('bylaw_rule_set_loaded_timestamp_seconds', 'When the revision in force came into force; 0 before the first', () => this.#loadedMs / 1000)
    families.figure('bylaw_break_glass_active', '1 while a break-glass turns every level down to Warn', () => (nowMs() < this.#breakGlassUntilMs ? 1 : 0))
    families.computed('bylaw_exceptions', 'Exceptions by state', ['state'], () => {
      const states = this.#exceptions.map((exception) => stateOf(exception, nowMs()))
      return STATES.map((state) => [[state], states.filter((each) => each === state).length] as const)
    })
    families.figure(
      'bylaw_exceptions_expiring',
      'Active exceptions that end within seven days',
      () => this.#exceptions.filter((exception) => stateOf(exception, nowMs()) === 'active' && exception.endMs - nowMs() <= EXPIRING_SOON_MS).length,
    )
    this.#controls = families.gauge('bylaw_control_policies', 'Policies in force that help to meet a requirement of a control framework', [
      'framework',
      'control',
    ])
  }

  record({ revision, policies, breakGlass }: RuleSet, nowMs: number): void {
    this.#breakGlassUntilMs = breakGlass === undefined ? 0 : Date.parse(breakGlass.until)
    if (revision !== this.#inForce) this.#loadedMs = nowMs
    this.#inForce = revision
    this.#revision.retain(() => false)
    this.#revision.cell(revision).value = 1
    const readable = policies.filter(({ issues }) => issues.every(({ severity }) => severity !== 'error'))
    this.#policies.cell('compiled').value = readable.length
    this.#policies.cell('invalid').value = policies.length - readable.length
    this.#controls.retain(() => false)
    for (const { policy } of policies) for (const { framework, id } of policy.spec.controls) this.#controls.cell(framework, id)
    for (const { policy } of readable) for (const { framework, id } of policy.spec.controls) this.#controls.cell(framework, id).value += 1
  }

  recordExceptions(exceptions: readonly ExceptionLifetime[]): void {
    this.#exceptions = exceptions
  }
}
