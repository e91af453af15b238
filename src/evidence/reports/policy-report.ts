import { createHash } from 'node:crypto'
import { canonicalJson, isRecord, type KubernetesObject } from '../../api/index.ts'
import { isDenying } from '../../rules/index.ts'
import type { Finding } from './finding.ts'
import { type Keyed, partition } from './partition.ts'

/** The object that a row is about. */
export interface ReportSubject {
  readonly apiVersion: string
  readonly kind: string
  readonly name: string
  readonly namespace: string
  readonly uid: string
}

/** What the reports of one namespace, or of the cluster's own objects, are made of. */
export interface ReportContent {
  /** Empty for cluster-scoped objects. */
  readonly namespace: string
  /** Rules that passed. */
  readonly passes: number
  readonly rows: readonly { readonly subject: ReportSubject; readonly finding: Finding }[]
  /** Violations that are counted without a row. */
  readonly omitted: Readonly<Partial<Record<ReportResult, number>>>
  /** Policies of which not everything here was judged. */
  readonly notEvaluated: readonly string[]
}

export type ReportResult = 'pass' | 'fail' | 'warn' | 'error' | 'skip'

/** What stands on every report of one instance of Bylaw. */
export interface ReportNaming {
  /** Reports are called by it, followed by `-` and a number. */
  readonly prefix: string
  readonly labels: Readonly<Record<string, string>>
}

export const REPORT_API = { group: 'wgpolicyk8s.io', version: 'v1alpha2' } as const
const API_VERSION = `${REPORT_API.group}/${REPORT_API.version}`
const SOURCE = 'bylaw'
/** Annotations that say whether a report is about all that there is. */
export const REPORT_ANNOTATIONS = { complete: 'bylaw.dev/complete', notEvaluated: 'bylaw.dev/not-evaluated' } as const
const MAX_ANNOTATION_CHARACTERS = 1024

/** How PolicyReports call an outcome: `fail` where the policy would refuse, `warn` where it only tells or observes, `skip` where an exception waives. */
export function resultOf({ outcome, level }: Pick<Finding, 'outcome' | 'level'>): ReportResult {
  if (outcome === 'error') return 'error'
  if (outcome === 'waived') return 'skip'
  return isDenying(level) ? 'fail' : 'warn'
}

interface Row extends Keyed {
  readonly order: string
  readonly result: ReportResult
  readonly json: Readonly<Record<string, unknown>>
}

function toRow(subject: ReportSubject, finding: Finding): Row {
  const { apiVersion, kind, name, namespace, uid } = subject
  const { policy, rule, param, category, severity, controls, level, environment, revision, path, code, waivedBy, message } = finding
  const result = resultOf(finding)
  const optional = (key: string, value: string) => (value === '' ? {} : { [key]: value })
  const json = {
    source: SOURCE,
    policy,
    rule,
    ...optional('category', category),
    severity,
    result,
    scored: result === 'fail',
    message,
    resources: [{ apiVersion, kind, name, ...optional('namespace', namespace), uid }],
    properties: {
      level,
      environment,
      policyRevision: revision,
      ...optional('path', path),
      ...optional('controls', controls),
      ...optional('param', param),
      ...optional('reason', code),
      ...optional('waivedBy', waivedBy),
    },
  }
  const key = `${uid}\n${policy}\n${rule}\n${param}`
  return { key, order: `${kind}\n${name}\n${key}`, result, json, bytes: Buffer.byteLength(JSON.stringify(json)) + TIMESTAMP_BYTES }
}

const TIMESTAMP_BYTES = 50

/** A report without the times of its rows: those are kept from the report before where a row stays the same. */
export interface DraftReport {
  readonly name: string
  readonly namespace: string
  readonly object: KubernetesObject
  readonly digest: ReportDigest
}

/** Digests of a report without times: of all of it, and of all but the counts. */
export interface ReportDigest {
  readonly whole: string
  readonly rows: string
}

const NO_COUNTS: Readonly<Record<ReportResult, number>> = { pass: 0, fail: 0, warn: 0, error: 0, skip: 0 }

/** Puts the reports of one namespace together; `before` is the number of them so far. Equal contents give equal reports. */
export function toReports(content: ReportContent, before: number, { prefix, labels }: ReportNaming): readonly DraftReport[] {
  const { namespace, passes, omitted, notEvaluated } = content
  const rows = content.rows.map(({ subject, finding }) => toRow(subject, finding)).sort((a, b) => (a.order < b.order ? -1 : 1))
  const annotations = {
    [REPORT_ANNOTATIONS.complete]: String(notEvaluated.length === 0),
    ...(notEvaluated.length === 0 ? {} : { [REPORT_ANNOTATIONS.notEvaluated]: notEvaluated.join(',').slice(0, MAX_ANNOTATION_CHARACTERS) }),
  }
  return partition(rows, before).map((own, index) => {
    // What has no row is counted in the first report, so that the sum over all is right.
    const summary = index === 0 ? { ...NO_COUNTS, ...omitted, pass: passes } : { ...NO_COUNTS }
    for (const { result } of own) summary[result] += 1
    const name = `${prefix}-${index}`
    const object: KubernetesObject = {
      apiVersion: API_VERSION,
      kind: namespace === '' ? 'ClusterPolicyReport' : 'PolicyReport',
      metadata: { name, ...(namespace === '' ? {} : { namespace }), labels, annotations },
      summary,
      results: own.map(({ json }) => json),
    }
    return { name, namespace, object, digest: digestOf(object) }
  })
}

function withoutTimes(results: unknown): readonly unknown[] {
  return (Array.isArray(results) ? results : []).map((row: unknown) => {
    if (!isRecord(row)) return row
    const { timestamp: _timestamp, ...rest } = row
    return rest
  })
}

/** Digests of what a report tells, times aside. */
export function digestOf({ metadata, summary, results }: KubernetesObject): ReportDigest {
  const { labels = {}, annotations = {} } = metadata
  const rows = createHash('sha256')
    .update(canonicalJson({ labels, annotations, results: withoutTimes(results) }))
    .digest('base64')
  return { rows, whole: `${rows} ${canonicalJson(summary)}` }
}

/** A report with the time of each row: that of the same row in the stored report, else now. */
export function withTimes(draft: KubernetesObject, stored: KubernetesObject | undefined, now: Date): KubernetesObject {
  const results: readonly unknown[] = Array.isArray(stored?.['results']) ? stored['results'] : []
  const known = new Map(withoutTimes(results).map((row, index) => [canonicalJson(row), isRecord(results[index]) ? results[index]['timestamp'] : undefined]))
  const present = { seconds: Math.floor(now.getTime() / 1000), nanos: 0 }
  const own: readonly unknown[] = Array.isArray(draft['results']) ? draft['results'] : []
  return { ...draft, results: own.filter(isRecord).map((row) => ({ ...row, timestamp: known.get(canonicalJson(row)) ?? present })) }
}
