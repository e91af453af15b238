import { Gauge, type Registry } from 'prom-client'
import type { RuleSet } from '../../rules/index.ts'

/** What is in force. */
export class RuleSetMetrics {
  readonly #policies: Gauge<'state'>
  readonly #ruleSet: Gauge<'revision'>
  #breakGlassUntilMs = 0

  constructor(registry: Registry) {
    const registers = [registry]
    this.#policies = new Gauge({ name: 'bylaw_policies', help: 'Policies by state', labelNames: ['state'], registers })
    this.#ruleSet = new Gauge({ name: 'bylaw_rule_set_info', help: '1 for the revision in force', labelNames: ['revision'], registers })
    const isTurnedDown = (): number => (Date.now() < this.#breakGlassUntilMs ? 1 : 0)
    new Gauge({
      name: 'bylaw_break_glass_active',
      help: '1 while a break-glass turns every level down to Warn',
      registers,
      // Its end is a matter of the clock, not of an event.
      collect() {
        this.set(isTurnedDown())
      },
    })
    for (const state of ['compiled', 'invalid']) this.#policies.set({ state }, 0)
  }

  record({ revision, policies, breakGlass }: RuleSet): void {
    this.#breakGlassUntilMs = breakGlass === undefined ? 0 : Date.parse(breakGlass.until)
    this.#ruleSet.reset()
    this.#ruleSet.set({ revision }, 1)
    const isInvalid = policies.filter(({ issues }) => issues.some(({ severity }) => severity === 'error')).length
    this.#policies.set({ state: 'compiled' }, policies.length - isInvalid)
    this.#policies.set({ state: 'invalid' }, isInvalid)
  }
}
