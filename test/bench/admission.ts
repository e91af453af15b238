import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isRecord } from '../../src/api/index.ts'
import { makeAuthority, makeServingCertificate } from '../../src/controllers/index.ts'
import { type ControlPlane, startControlPlane } from '../controlplane/control-plane.ts'
import { freePort } from '../controlplane/ports.ts'
import { startTied, type TiedProcess } from '../controlplane/tied-process.ts'
import { installDefinitions, type Operator, startOperator } from '../support/operator.ts'
import { closedLoop, openLoop, quantile, type Run, type Shot, send, usageOf } from './load.ts'
import { BAD_POD, GOOD_POD, nativePolicies, otherPolicies, podPolicies } from './policies.ts'

const REPEATS = Number(process.env['BENCH_REPEATS'] ?? 10)
const REQUESTS = Number(process.env['BENCH_REQUESTS'] ?? 600)
const RATE = 100
const RATE_SECONDS = Number(process.env['BENCH_SECONDS'] ?? 4)
const POLICIES = 500
const STARTS = 3
const SETTLE_MS = 3000
const NODE = join(import.meta.dirname, '../../node_modules/.bin/node')

// The API server speaks HTTP/2 to loopback addresses that are named literally, and HTTP/1.1 to Services as to this name.
const HOST = hostname()
const NAMESPACE = 'bench'
const PATH = `/api/v1/namespaces/${NAMESPACE}/pods?dryRun=All`

interface Arm {
  readonly name: string
  readonly shot: Shot
  /** The webhook's process, where there is one. */
  readonly pid: number | undefined
}

interface BylawArm extends Arm {
  readonly plane: ControlPlane
  readonly operator: Operator
  readonly port: number
}

async function applyAll(plane: ControlPlane, objects: readonly unknown[]): Promise<void> {
  const input = objects.map((object) => JSON.stringify(object)).join('\n---\n')
  const { code, stderr } = await plane.kubectl(['apply', '--server-side', '-f', '-'], { input, timeoutMs: 300_000 })
  if (code !== 0) throw new Error(stderr)
}

/** Writing the first status of many policies takes its time, which is not what is measured. */
async function untilStatusesAreWritten(plane: ControlPlane): Promise<void> {
  for (;;) {
    const { body } = await plane.request('GET', '/apis/bylaw.dev/v1/policies')
    const items = isRecord(body) && Array.isArray(body['items']) ? body['items'].filter(isRecord) : []
    if (items.length > 0 && items.every((item) => isRecord(item['status']) && JSON.stringify(item['status']).includes('"reason":"Enforced"'))) return
    await sleep(1000)
  }
}

class Bench {
  readonly #planes: ControlPlane[] = []
  readonly #operators: Operator[] = []
  readonly #processes: TiedProcess[] = []
  readonly #folder = mkdtempSync(join(tmpdir(), 'bylaw-bench-'))

  async plane(): Promise<ControlPlane> {
    const plane = await startControlPlane()
    this.#planes.push(plane)
    await plane.createNamespace(NAMESPACE)
    return plane
  }

  #arm(name: string, plane: ControlPlane, pid?: number): Arm {
    return { name, shot: { cluster: plane, path: PATH, body: JSON.stringify(GOOD_POD) }, pid }
  }

  async bare(name: string): Promise<Arm> {
    return this.#arm(name, await this.plane())
  }

  async native(): Promise<Arm> {
    const plane = await this.plane()
    await applyAll(plane, nativePolicies())
    return this.#arm('16 ValidatingAdmissionPolicies', plane)
  }

  async noOp(): Promise<Arm> {
    const plane = await this.plane()
    const authority = await makeAuthority(new Date())
    const serving = await makeServingCertificate(authority, [HOST], new Date())
    const [certFile, keyFile] = [join(this.#folder, 'tls.crt'), join(this.#folder, 'tls.key')]
    writeFileSync(certFile, serving.cert)
    writeFileSync(keyFile, serving.key)
    const port = await freePort()
    const webhook = await startTied(NODE, [join(import.meta.dirname, 'no-op-webhook.ts'), String(port), certFile, keyFile], {
      logFile: join(this.#folder, 'no-op.log'),
    })
    this.#processes.push(webhook)
    await applyAll(plane, [
      {
        apiVersion: 'admissionregistration.k8s.io/v1',
        kind: 'ValidatingWebhookConfiguration',
        metadata: { name: 'no-op' },
        webhooks: [
          {
            name: 'no-op.bench.example',
            clientConfig: { url: `https://${HOST}:${port}/`, caBundle: Buffer.from(authority.cert).toString('base64') },
            rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }],
            sideEffects: 'None',
            admissionReviewVersions: ['v1'],
          },
        ],
      },
    ])
    return this.#arm('no-op webhook', plane, webhook.pid)
  }

  /** With a folder, every decision is on record before it is answered. */
  async bylaw(name: string, policies: readonly unknown[], hasLog = false): Promise<BylawArm> {
    const plane = await this.plane()
    await installDefinitions(plane)
    await applyAll(plane, policies)
    const port = await freePort()
    const flags = hasLog ? ['--evidence-dir', mkdtempSync(join(this.#folder, 'evidence-'))] : []
    const operator = await this.operator(plane, port, flags)
    await untilStatusesAreWritten(plane)
    return { ...this.#arm(name, plane, operator.pid), plane, operator, port }
  }

  async operator(plane: ControlPlane, port: number, flags: readonly string[] = []): Promise<Operator> {
    // As it is shipped: built, with the settings of the image.
    const env = { NODE_OPTIONS: '--max-semi-space-size=4' }
    const operator = await startOperator(plane, { admissionPort: port, admissionUrl: `https://${HOST}:${port}`, program: 'dist/main.js', env, flags })
    this.#operators.push(operator)
    return operator
  }

  async stop(): Promise<void> {
    for (const operator of this.#operators) await operator.stop()
    for (const process of this.#processes) await process.stop()
    for (const plane of this.#planes) await plane.stop()
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

interface Sample {
  readonly p50: number
  readonly p99: number
  readonly cpuMs: number
}

const shuffled = <T>(items: readonly T[]): T[] =>
  items
    .map((item) => ({ item, key: Math.random() }))
    .sort((a, b) => a.key - b.key)
    .map(({ item }) => item)

const median = (values: readonly number[]): number =>
  quantile(
    [...values].sort((a, b) => a - b),
    0.5,
  )

const spread = (values: readonly number[]): string => {
  const sorted = [...values].sort((a, b) => a - b)
  return `${median(sorted).toFixed(2)} (${quantile(sorted, 0.25).toFixed(2)}–${quantile(sorted, 0.75).toFixed(2)})`
}

/** Runs every arm once in each repeat, in random order, and prints each arm's ratio to the others of its own repeat. */
async function compare(arms: readonly Arm[], title: string, run: (shot: Shot) => Promise<Run>): Promise<void> {
  const samples = new Map<string, Sample[]>(arms.map(({ name }) => [name, []]))
  let unexpected = 0
  for (let repeat = 0; repeat < REPEATS; repeat++) {
    for (const { name, shot, pid } of shuffled(arms)) {
      const before = pid === undefined ? 0 : usageOf(pid).cpuMs
      const { latencies, unexpected: wrong } = await run(shot)
      const cpuMs = pid === undefined ? Number.NaN : (usageOf(pid).cpuMs - before) / latencies.length
      unexpected += wrong
      samples.get(name)?.push({ p50: quantile(latencies, 0.5), p99: quantile(latencies, 0.99), cpuMs })
    }
  }
  const of = (name: string, pick: (sample: Sample) => number): number[] => (samples.get(name) ?? []).map(pick)
  const ratios = (name: string, other: string, pick: (sample: Sample) => number): number[] => {
    const base = of(other, pick)
    return of(name, pick).map((value, index) => value / (base[index] ?? Number.NaN))
  }
  process.stdout.write(`\n### ${title}\n\n| | p50 ms | p99 ms | p99 / no-op | p99 / native | webhook CPU ms per request |\n|---|---|---|---|---|---|\n`)
  for (const { name } of arms) {
    const cpu = median(of(name, ({ cpuMs }) => cpuMs))
    const cells = [
      median(of(name, ({ p50 }) => p50)).toFixed(2),
      median(of(name, ({ p99 }) => p99)).toFixed(2),
      spread(ratios(name, 'no-op webhook', ({ p99 }) => p99)),
      spread(ratios(name, '16 ValidatingAdmissionPolicies', ({ p99 }) => p99)),
      Number.isNaN(cpu) ? '' : cpu.toFixed(2),
    ]
    process.stdout.write(`| ${name} | ${cells.join(' | ')} |\n`)
  }
  if (unexpected > 0) process.stdout.write(`\n${unexpected} answers were not 201: the figures above mean nothing\n`)
}

/** Starts the operator anew and gives the time from the start of the process to the first refusal of a bad Pod, in milliseconds. */
async function timeToVerdict(bench: Bench, { plane, port }: BylawArm, running: Operator): Promise<{ readonly elapsedMs: number; readonly operator: Operator }> {
  await running.stop()
  const shot: Shot = { cluster: plane, path: PATH, body: JSON.stringify(BAD_POD) }
  const start = performance.now()
  const starting = bench.operator(plane, port)
  while (!(await send(shot)).text.includes('bench-own-registry')) await sleep(10)
  return { elapsedMs: performance.now() - start, operator: await starting }
}

/** Measures what admission costs, beside what it is compared with, and prints Markdown. */
export async function benchAdmission(): Promise<void> {
  const bench = new Bench()
  try {
    const few = podPolicies()
    const small = await bench.bylaw(`Bylaw, ${few.length} policies`, few)
    const logged = await bench.bylaw(`Bylaw, ${few.length} policies, with the decision log`, few, true)
    const large = await bench.bylaw(`Bylaw, ${POLICIES} policies, ${few.length} match`, [...few, ...otherPolicies(POLICIES - few.length)])
    const arms: Arm[] = [await bench.bare('no webhook'), await bench.bare('no webhook, again'), await bench.noOp(), small, logged, large, await bench.native()]
    await sleep(SETTLE_MS)
    for (const { shot } of arms) await closedLoop(shot, 10, REQUESTS)
    process.stdout.write(
      `Pod CREATE, \`dryRun=All\`; ${REPEATS} repeats of ${REQUESTS} requests, arms in random order; medians, and quartiles of paired ratios.\n`,
    )
    for (const clients of [1, 10, 50]) await compare(arms, `${clients} client${clients === 1 ? '' : 's'}`, (shot) => closedLoop(shot, clients, REQUESTS))
    await compare(arms, `${RATE} requests a second`, (shot) => openLoop(shot, RATE, RATE_SECONDS))
    const { residentMb } = usageOf(large.operator.pid)
    process.stdout.write(`\nResident memory with ${POLICIES} policies after the load: ${residentMb.toFixed(0)} MB\n`)
    const starts: number[] = []
    let running = large.operator
    for (let index = 0; index < STARTS; index++) {
      const { elapsedMs, operator } = await timeToVerdict(bench, large, running)
      starts.push(elapsedMs)
      running = operator
    }
    process.stdout.write(`First correct verdict with ${POLICIES} policies: ${median(starts).toFixed(0)} ms after the start of the process\n`)
  } finally {
    await bench.stop()
  }
}
