import type { ExportedDecision, ExportedPolicy } from './exported-record.ts'

const COLUMNS = [
  ...['time', 'decision', 'effect', 'environment', 'operation', 'group', 'version', 'resource', 'subresource', 'namespace', 'name', 'user', 'dry run'],
  ...['policy', 'level', 'severity', 'result', 'rules', 'message', 'waived by', 'controls', 'file', 'number'],
]

/** One cell by RFC 4180; what a spreadsheet would take for a formula is written as text. */
export function toCell(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}

const toRow = (cells: readonly string[]): string => `${cells.map(toCell).join(',')}\r\n`

/** The first line. */
export const csvHeader = (): string => toRow(COLUMNS)

const RANKS = ['pass', 'skip', 'fail', 'error']

function policyCells({ policy, level, severity, passed, outcomes }: ExportedPolicy, { descriptions }: ExportedDecision): readonly string[] {
  const results = [...(passed > 0 ? ['pass'] : []), ...outcomes.map(({ result }) => result)]
  const worst = results.toSorted((a, b) => RANKS.indexOf(b) - RANKS.indexOf(a))[0] ?? ''
  const bad = outcomes.filter(({ result }) => result === 'fail' || result === 'error')
  const controls = (descriptions.get(policy)?.controls ?? []).map(({ framework, id }) => `${framework} ${id}`)
  return [
    policy,
    level,
    severity,
    worst,
    bad.map(({ rule }) => rule).join('; '),
    bad.map(({ message }) => message).join('; '),
    bad.flatMap(({ waivedBy }) => (waivedBy === '' ? [] : waivedBy)).join('; '),
    controls.join('; '),
  ]
}

const NO_POLICY = ['', '', '', '', '', '', '', '']

/** The lines of a decision: one for each policy that judged it, one where none did. */
export function toCsv(decision: ExportedDecision): string {
  const { time, id, effect, environment, operation, group, version, resource, subResource, namespace, name, user, isDryRun, policies, file, seq } = decision
  const first = [time, id, effect, environment, operation, group, version, resource, subResource, namespace, name, user, String(isDryRun)]
  const parts = policies.length === 0 ? [NO_POLICY] : policies.map((policy) => policyCells(policy, decision))
  return parts.map((part) => toRow([...first, ...part, file, String(seq)])).join('')
}
