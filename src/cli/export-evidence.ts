import {
  csvHeader,
  type ExportedDecision,
  OscalWriter,
  readDecision,
  readDescriptions,
  readSegments,
  recordsOf,
  SarifWriter,
  toCsv,
} from '../evidence/index.ts'
import { type CommandResult, EXIT, parseTime } from './check.ts'

export interface ExportEvidenceOptions {
  readonly folder: string
  readonly format: 'oscal' | 'csv' | 'sarif'
  readonly since?: string
  readonly until?: string
  readonly version: string
  readonly now: Date
  /** Takes the next piece of the output; resolves when there is room for more. */
  readonly write: (text: string) => Promise<void>
}

/** One form of export, fed with decisions in order. */
interface Exporter {
  begin(): string
  add(decision: ExportedDecision): string
  end(): string
}

function exporterFor({ format, since, until, version, now }: ExportEvidenceOptions): { readonly exporter: Exporter; readonly oscal: OscalWriter | undefined } {
  if (format === 'csv') return { exporter: { begin: csvHeader, add: toCsv, end: () => '' }, oscal: undefined }
  if (format === 'sarif') return { exporter: new SarifWriter(version), oscal: undefined }
  const oscal = new OscalWriter(version)
  const add = (decision: ExportedDecision): string => {
    oscal.add(decision)
    return ''
  }
  const period = { ...(since === undefined ? {} : { since }), ...(until === undefined ? {} : { until }) }
  return { exporter: { begin: () => '', add, end: () => oscal.end(period, now) }, oscal }
}

const usage = (message: string): CommandResult => ({ exitCode: EXIT.usage, stdout: '', stderr: `error: ${message}\n` })

/** Writes what a decision log tells of a period in another form. It does not verify the log: `bylaw evidence verify` does. */
export async function exportEvidence(options: ExportEvidenceOptions): Promise<CommandResult> {
  const { folder, since, until, write } = options
  const limits = [since, until].map((time) => (time === undefined ? undefined : parseTime(time)))
  for (const [index, limit] of limits.entries())
    if (limit !== undefined && !limit.ok) return usage(limit.error.replace('--now', index === 0 ? '--since' : '--until'))
  const [fromMs = Number.NEGATIVE_INFINITY, toMs = Number.POSITIVE_INFINITY] = limits.map((limit) => (limit?.ok ? limit.value.getTime() : undefined))
  const { exporter, oscal } = exporterFor(options)
  try {
    const segments = await readSegments(folder)
    if (segments.length === 0) return usage(`${folder}: there are no segments of a decision log`)
    await write(exporter.begin())
    for await (const found of recordsOf(segments)) {
      const { kind, time } = found.record
      const ms = typeof time === 'string' ? Date.parse(time) : Number.NaN
      if (!(ms >= fromMs && ms < toMs)) continue
      if (kind === 'ruleSet') oscal?.addDescriptions(readDescriptions(found.record))
      const decision = readDecision(found)
      if (decision !== undefined) await write(exporter.add(decision))
    }
    await write(exporter.end())
    return { exitCode: EXIT.clean, stdout: '', stderr: '' }
  } catch (error) {
    return usage(`${folder}: ${error instanceof Error ? error.message : String(error)}`)
  }
}
