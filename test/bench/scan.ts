import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { REPORT_API } from '../../src/evidence/index.ts'
import { type ControlPlane, startControlPlane } from '../controlplane/control-plane.ts'
import { reportsOf, versionsOfWritten } from '../e2e/reports.ts'
import { at, listAt, sumOf } from '../e2e/scene.ts'
import { installDefinitions, type Operator, startOperator } from '../support/operator.ts'
import { judgedPairsPerSecond, manyPodPolicies } from './judging.ts'
import { openLoop, quantile, type Shot, send, usageOf } from './load.ts'
import { GOOD_POD } from './policies.ts'

const OBJECTS = Number(process.env['BENCH_OBJECTS'] ?? 20_000)
const POLICIES = 50
const NAMESPACES = 20
/** One object in so many violates one policy. */
const BAD_EVERY = 20
const CREATORS = 24
const REPEATS = Number(process.env['BENCH_REPEATS'] ?? 6)
const RATE = Number(process.env['BENCH_RATE'] ?? 100)
const SECONDS = Number(process.env['BENCH_SECONDS'] ?? 8)
const WAIT_MS = 600_000
/** Changes of counts alone are written twice a minute. */
const COUNTS_MS = 35_000

const namespaceOf = (index: number): string => `scan-${index % NAMESPACES}`
const TITLE = 'The marked one'

/** The policy that some of the objects violate; another title is another revision, and has everything judged again. */
const marked = (title: string) => ({
  apiVersion: 'bylaw.dev/v1',
  kind: 'Policy',
  metadata: { name: 'bench-marked' },
  spec: {
    title,
    owner: { team: 'bench', contact: '#bench' },
    severity: 'low',
    category: 'bench',
    controls: [{ framework: 'NIST-800-53r5', id: 'AC-6' }],
    remediation: 'none',
    matchConstraints: { resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], resources: ['pods'], operations: ['CREATE', 'UPDATE'] }] },
    validations: [{ name: 'check', expression: "object.metadata.?labels.?marked.orValue('no') != 'yes'", message: 'the Pod is marked' }],
  },
})

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  // On a busy machine an answer may come too late; the next one will do.
  const isSo = (): Promise<boolean> => holds().catch(() => false)
  for (const endMs = Date.now() + WAIT_MS; !(await isSo()); await sleep(200)) if (Date.now() > endMs) throw new Error(`waited in vain for ${what}`)
}

async function createObjects(plane: ControlPlane): Promise<void> {
  let next = 0
  const creator = async (): Promise<void> => {
    while (next < OBJECTS) {
      const index = next++
      const labels = { ...GOOD_POD.metadata.labels, ...(index % BAD_EVERY === 0 ? { marked: 'yes' } : {}) }
      const pod = { ...GOOD_POD, metadata: { name: `pod-${index}`, labels, annotations: GOOD_POD.metadata.annotations } }
      const shot: Shot = { cluster: plane, path: `/api/v1/namespaces/${namespaceOf(index)}/pods`, body: JSON.stringify(pod) }
      const { status, text } = await send(shot)
      if (status !== 201) throw new Error(text)
    }
  }
  await Promise.all(Array.from({ length: CREATORS }, creator))
}

async function apply(plane: ControlPlane, objects: readonly unknown[]): Promise<void> {
  const { code, stderr } = await plane.kubectl(['apply', '--server-side', '-f', '-'], {
    input: objects.map((object) => JSON.stringify(object)).join('\n---\n'),
    timeoutMs: WAIT_MS,
  })
  if (code !== 0) throw new Error(stderr)
}

const start = (plane: ControlPlane): Promise<Operator> => {
  const config = join(plane.dir, 'bench.yaml')
  writeFileSync(config, 'logLevel: info\n')
  // As it is shipped: built, with the settings of the image.
  return startOperator(plane, { config, program: 'dist/main.js', env: { NODE_OPTIONS: '--max-semi-space-size=4' }, readyMs: 60_000 })
}

interface Scan {
  readonly seconds: number
  readonly residentMb: number
}

/** Waits until everything has been judged and written. */
async function firstScan(plane: ControlPlane, operator: Operator): Promise<Scan> {
  let residentMb = 0
  const sampler = setInterval(() => {
    residentMb = Math.max(residentMb, usageOf(operator.pid).residentMb)
  }, 100)
  try {
    await until('the first scan', async () => sumOf(await operator.metrics(), 'bylaw_scan_first_duration_seconds') > 0)
    await until('the rows', async () => (await rowCount(plane)) === Math.ceil(OBJECTS / BAD_EVERY))
  } finally {
    clearInterval(sampler)
  }
  return { seconds: sumOf(await operator.metrics(), 'bylaw_scan_first_duration_seconds'), residentMb }
}

async function allReports(plane: ControlPlane): Promise<readonly unknown[]> {
  const lists = await Promise.all(Array.from({ length: NAMESPACES }, (_, index) => reportsOf(plane, namespaceOf(index))))
  return lists.flat()
}

const rowCount = async (plane: ControlPlane): Promise<number> =>
  (await allReports(plane)).reduce<number>((sum, report) => sum + listAt(report, 'results').length, 0)

/** Reports, and figures in statuses, each with what changes where it is written. */
async function writtenByScan(plane: ControlPlane): Promise<Readonly<Record<string, string>>> {
  const reports = Object.entries(await versionsOfWritten(plane)).filter(([key]) => key.includes(REPORT_API.group))
  const { body } = await plane.request('GET', '/apis/bylaw.dev/v1/policies')
  const figures = listAt(body, 'items').map((policy): [string, string] => [
    String(at(policy, 'metadata', 'name')),
    JSON.stringify(at(policy, 'status', 'violations')),
  ])
  return Object.fromEntries([...reports, ...figures])
}

const median = (values: readonly number[]): number =>
  quantile(
    [...values].sort((a, b) => a - b),
    0.5,
  )

/** Latencies of admission with and without a scan of everything at the same time, in pairs. */
async function besideAdmission(plane: ControlPlane, operator: Operator): Promise<{ readonly quiet: number; readonly busy: number; readonly ratio: number }> {
  const shot: Shot = { cluster: plane, path: `/api/v1/namespaces/${namespaceOf(0)}/pods?dryRun=All`, body: JSON.stringify(GOOD_POD) }
  const quiet: number[] = []
  const busy: number[] = []
  await openLoop(shot, RATE, 2)
  for (let repeat = 0; repeat < REPEATS; repeat++) {
    quiet.push(quantile((await openLoop(shot, RATE, SECONDS)).latencies, 0.99))
    const judged = sumOf(await operator.metrics(), 'bylaw_scan_judged_objects_total')
    await apply(plane, [marked(`${TITLE}, ${repeat}`)])
    await until('the scan to begin', async () => sumOf(await operator.metrics(), 'bylaw_scan_judged_objects_total') > judged)
    busy.push(quantile((await openLoop(shot, RATE, SECONDS)).latencies, 0.99))
    await until('the scan to end', async () => sumOf(await operator.metrics(), 'bylaw_scan_judged_objects_total') >= judged + OBJECTS)
    await sleep(3000)
  }
  return { quiet: median(quiet), busy: median(busy), ratio: median(busy.map((value, index) => value / (quiet[index] ?? Number.NaN))) }
}

/** Measures what the scan of many objects costs, and prints Markdown. */
export async function benchScan(): Promise<void> {
  const pairs = [0, 1 / BAD_EVERY].map((share) => judgedPairsPerSecond(POLICIES, share))
  const plane = await startControlPlane()
  let operator: Operator | undefined
  try {
    await installDefinitions(plane)
    for (let index = 0; index < NAMESPACES; index++) await plane.createNamespace(namespaceOf(index))
    await createObjects(plane)
    await apply(plane, [...manyPodPolicies(POLICIES - 1), marked(TITLE)])
    operator = await start(plane)
    const first = await firstScan(plane, operator)
    const reports = await allReports(plane)
    const bytes = reports.reduce<number>((sum, report) => sum + JSON.stringify(report).length, 0)
    await sleep(COUNTS_MS)
    const before = await writtenByScan(plane)
    await operator.stop()
    operator = await start(plane)
    const second = await firstScan(plane, operator)
    await sleep(COUNTS_MS)
    const after = await writtenByScan(plane)
    const puts = Object.keys(after).filter((key) => after[key] !== before[key]).length
    const beside = await besideAdmission(plane, operator)
    const inPlace = await operator.metrics()
    const placed = (sumOf(inPlace, 'bylaw_scan_judged_objects_total') * POLICIES) / sumOf(inPlace, 'bylaw_scan_judging_seconds_total')
    const violating = Math.ceil(OBJECTS / BAD_EVERY)
    const lines = [
      ['pairs of object and policy judged in a second of one core, nothing violated', Math.round(pairs[0] ?? 0)],
      [`the same, one object in ${BAD_EVERY} violates something`, Math.round(pairs[1] ?? 0)],
      ['the same by the clock, in the thread beside the API server and the load', Math.round(placed)],
      ['first scan, seconds', first.seconds.toFixed(1)],
      ['scan after a restart, seconds', second.seconds.toFixed(1)],
      ['most resident memory, MB', Math.round(Math.max(first.residentMb, second.residentMb))],
      ['reports', reports.length],
      ['bytes of reports for each violating object', Math.round(bytes / violating)],
      ['objects written by the second scan', puts],
      [`p99 of admission at ${RATE} requests a second, ms`, beside.quiet.toFixed(2)],
      ['p99 of admission during a scan of everything, ms', beside.busy.toFixed(2)],
      ['ratio of the two, median of pairs', beside.ratio.toFixed(2)],
    ]
    process.stdout.write(
      `${OBJECTS} Pods in ${NAMESPACES} namespaces, ${POLICIES} policies on Pods, ${violating} Pods violate one of them.\n\n| | |\n|---|---|\n`,
    )
    for (const [what, figure] of lines) process.stdout.write(`| ${what} | ${figure} |\n`)
  } finally {
    await operator?.stop()
    await plane.stop()
  }
}
