import type { Cluster } from '../controlplane/cluster.ts'
import { at, isRecord, listAt } from './scene.ts'

/** A row as a reader of reports sees it, in one line: result, policy/rule, kind/name, environment and level. */
export type Row = string

const REPORTS = '/apis/wgpolicyk8s.io/v1alpha2'

const rowOf = (result: unknown): Row => {
  const text = (...path: readonly (string | number)[]): string => String(at(result, ...path))
  return `${text('result')} ${text('policy')}/${text('rule')} ${text('resources', 0, 'kind')}/${text('resources', 0, 'name')} ${text('properties', 'environment')}=${text('properties', 'level')}`
}

const pathOf = (namespace: string): string => `${REPORTS}/${namespace === '' ? 'clusterpolicyreports' : `namespaces/${namespace}/policyreports`}`

/** The reports of a namespace, of the cluster's own objects for an empty one. */
export async function reportsOf(cluster: Cluster, namespace: string): Promise<readonly unknown[]> {
  const { body } = await cluster.request('GET', pathOf(namespace))
  return listAt(body, 'items')
}

/** The rows of all reports of a namespace, sorted. */
export async function rowsOf(cluster: Cluster, namespace: string): Promise<readonly Row[]> {
  return (await reportsOf(cluster, namespace)).flatMap((report) => listAt(report, 'results').map(rowOf)).sort()
}

/** The sum of all counts of a namespace. */
export async function countsOf(cluster: Cluster, namespace: string): Promise<Readonly<Record<string, number>>> {
  const sums: Record<string, number> = {}
  for (const report of await reportsOf(cluster, namespace)) {
    const summary = at(report, 'summary')
    for (const [key, count] of Object.entries(isRecord(summary) ? summary : {})) sums[key] = (sums[key] ?? 0) + Number(count)
  }
  return sums
}

/** Versions of everything that a scan may write: reports, and the statuses of policies and exceptions. */
export async function versionsOfWritten(cluster: Cluster): Promise<Readonly<Record<string, string>>> {
  const versions: Record<string, string> = {}
  for (const path of [`${REPORTS}/policyreports`, `${REPORTS}/clusterpolicyreports`, '/apis/bylaw.dev/v1/policies', '/apis/bylaw.dev/v1/policyexceptions']) {
    const { body } = await cluster.request('GET', path)
    for (const item of listAt(body, 'items')) {
      versions[`${path} ${String(at(item, 'metadata', 'namespace'))}/${String(at(item, 'metadata', 'name'))}`] = String(at(item, 'metadata', 'resourceVersion'))
    }
  }
  return versions
}
