import type { RuleSet } from '../../rules/index.ts'
import { UNKNOWN_ENVIRONMENT } from '../reports/finding.ts'
import type { ScanState } from '../reports/scan-state.ts'
import type { Cell, Families, SeriesFamily } from './series.ts'

const KINDS_WITH_SERIES = 500

/** What is known of the objects that exist, and how well. Only the replica that scans has figures other than zero. */
export class ScanMetrics {
  readonly #violations: SeriesFamily
  readonly #complete: SeriesFamily
  readonly #objects: SeriesFamily
  readonly #cells: Readonly<
    Record<'running' | 'isComplete' | 'lastComplete' | 'duration' | 'judged' | 'seconds' | 'reports' | 'written' | 'failed' | 'restarts', Cell>
  >
  #policies: readonly (readonly [policy: string, environment: string, level: string])[] = []

  constructor(families: Families) {
    this.#violations = families.gauge('bylaw_violations', 'Objects that violate a policy, by the level that it has in their environment', [
      'policy',
      'environment',
      'level',
    ])
    this.#complete = families.gauge('bylaw_scan_policy_complete', '1 for a policy by which every existing object that it is about has been judged', ['policy'])
    this.#objects = families.gauge('bylaw_coverage_objects', 'Existing objects of the kinds that policies name, by whether some policy judged them', [
      'kind',
      'judged',
    ])
    const cell = (name: string, help: string): Cell => families.gauge(name, help).cell()
    const writes = families.counter('bylaw_report_writes_total', 'Reports that were written, by outcome', ['outcome'])
    this.#cells = {
      running: cell('bylaw_scan_running', '1 on the replica that scans'),
      isComplete: cell('bylaw_scan_complete', '1 where everything that policies name has been read and is followed'),
      lastComplete: cell('bylaw_scan_last_complete_timestamp_seconds', 'When everything was known last; 0 for never'),
      duration: cell('bylaw_scan_first_duration_seconds', 'How long it took to judge everything for the first time; 0 before'),
      judged: families.counter('bylaw_scan_judged_objects_total', 'Judgements of existing objects').cell(),
      seconds: families.counter('bylaw_scan_judging_seconds_total', 'Time that judging existing objects took').cell(),
      reports: cell('bylaw_reports', 'Reports that are stored'),
      written: writes.cell('written'),
      failed: writes.cell('failed'),
      restarts: families.counter('bylaw_scan_restarts_total', 'Times that the scan ended by itself and was started again').cell(),
    }
  }

  /** Makes every series of the policies in force. */
  recordRuleSet({ policies }: RuleSet): void {
    this.#policies = policies.flatMap(({ identity, levels }) => [
      ...[...levels.byEnvironment].map(([environment, { level }]) => [identity.name, environment, level] as const),
      [identity.name, UNKNOWN_ENVIRONMENT, levels.strictest] as const,
    ])
    for (const labels of this.#policies) this.#violations.cell(...labels)
    const names = new Set(policies.map(({ identity }) => identity.name))
    for (const name of names) this.#complete.cell(name)
    this.#complete.retain(([name = '']) => names.has(name))
    const known = new Set(this.#policies.map((labels) => labels.join('\n')))
    this.#violations.retain((labels) => known.has(labels.join('\n')))
  }

  /** Shows what the scan has told last; `undefined` where this replica does not scan. */
  record(state: ScanState | undefined): void {
    this.#violations.retain(() => false)
    for (const labels of this.#policies) this.#violations.cell(...labels)
    this.#objects.retain(() => false)
    const { running, isComplete, lastComplete, duration, judged, seconds, reports, written, failed } = this.#cells
    running.value = state === undefined ? 0 : 1
    for (const [policy] of this.#policies) this.#complete.cell(policy).value = state?.policies[policy]?.violations?.complete === true ? 1 : 0
    isComplete.value = state?.figures.isComplete === true ? 1 : 0
    if (state === undefined) return
    const { figures, policies } = state
    for (const [policy, { byLevel }] of Object.entries(policies)) {
      for (const { environment, level, count } of byLevel) this.#violations.cell(policy, environment, level).value = count
    }
    for (const { kind, objects, judged: own } of figures.kinds.slice(0, KINDS_WITH_SERIES)) {
      this.#objects.cell(kind, 'true').value = own
      this.#objects.cell(kind, 'false').value = objects - own
    }
    lastComplete.value = figures.lastCompleteMs / 1000
    duration.value = figures.firstScanSeconds
    judged.value = figures.judgedTotal
    seconds.value = figures.judgingSeconds
    reports.value = figures.reports
    written.value = figures.reportsWritten
    failed.value = figures.reportsFailed
  }

  recordRestart(): void {
    this.#cells.restarts.value += 1
  }
}
