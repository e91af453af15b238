import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Cluster } from '../controlplane/cluster.ts'
import { freePort } from '../controlplane/ports.ts'
import { startTied, type TiedProcess } from '../controlplane/tied-process.ts'

const ROOT = join(import.meta.dirname, '../..')
const CRDS = join(ROOT, 'crds')
const READY_MS = 30_000

export interface OperatorOptions {
  /** A kubeconfig; `admin`'s without it. */
  readonly kubeconfig?: string
  /** A configuration file. */
  readonly config?: string
  /** The port of the HTTPS door; a free one without it. */
  readonly admissionPort?: number
  /** Where the API server reaches the door; `Service` is through the Service of the installation, as from a Pod. */
  readonly admissionUrl?: string | 'Service'
  readonly flags?: readonly string[]
  /** Path of the program; from source without it. */
  readonly program?: string
  /** How long to wait until it is ready. */
  readonly readyMs?: number
  /** Further variables of its environment. */
  readonly env?: Readonly<Record<string, string>>
}

/** A running operator, as a process of its own. */
export interface Operator {
  readonly admissionPort: number
  readonly metricsPort: number
  readonly pid: number
  readonly logFile: string
  log(): string
  /** Text of `/metrics`. */
  metrics(): Promise<string>
  /** Status of `/readyz`. */
  readiness(): Promise<number>
  /** Lets it drain and end; resolves with how it ended. */
  stop(): Promise<string>
  /** Ends it at once, as a crash would. */
  kill(): Promise<void>
}

/** Installs the definitions of Bylaw's resources and waits until they are served. */
export async function installDefinitions(cluster: Cluster): Promise<void> {
  const applied = await cluster.kubectl(['apply', '--server-side', '-f', CRDS])
  if (applied.code !== 0) throw new Error(applied.stderr)
  const waited = await cluster.kubectl(['wait', '--for=condition=Established', '--timeout=30s', '-f', CRDS])
  if (waited.code !== 0) throw new Error(waited.stderr)
}

async function get(port: number, path: string): Promise<{ readonly status: number; readonly text: string }> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { signal: AbortSignal.timeout(5000) })
  return { status: response.status, text: await response.text() }
}

/** Starts `bylaw operator` against a cluster and resolves when it is ready. */
export async function startOperator(cluster: Cluster, options: OperatorOptions = {}): Promise<Operator> {
  const admissionPort = options.admissionPort ?? (await freePort())
  const metricsPort = await freePort()
  const healthPort = await freePort()
  const logFile = join(cluster.dir, `operator-${admissionPort}.log`)
  const { admissionUrl = `https://localhost:${admissionPort}`, readyMs = READY_MS } = options
  const flags = [
    ...['--kubeconfig', options.kubeconfig ?? cluster.adminKubeconfig],
    ...['--admission-port', String(admissionPort)],
    ...(admissionUrl === 'Service' ? [] : ['--admission-url', admissionUrl]),
    ...['--metrics-port', String(metricsPort), '--health-port', String(healthPort)],
    ...(options.config === undefined ? [] : ['--config', options.config]),
    ...(options.flags ?? []),
  ]
  const node = join(ROOT, 'node_modules/.bin/node')
  const tied: TiedProcess = await startTied(
    node,
    ['--disable-warning=ExperimentalWarning', join(ROOT, options.program ?? 'src/main.ts'), 'operator', ...flags],
    {
      cwd: ROOT,
      env: { ...process.env, ...options.env },
      logFile,
    },
  )
  const log = (): string => readFileSync(logFile, 'utf8')
  const readiness = async (): Promise<number> => (await get(healthPort, '/readyz')).status
  for (const until = Date.now() + readyMs; ; await sleep(50)) {
    const ended = tied.ended()
    if (ended !== undefined) throw new Error(`the operator ${ended}\n${log().slice(-2000)}`)
    if ((await readiness().catch(() => 0)) === 200) break
    if (Date.now() > until) {
      await tied.stop()
      throw new Error(`the operator was not ready after ${readyMs / 1000} s\n${log().slice(-2000)}`)
    }
  }
  return {
    admissionPort,
    metricsPort,
    pid: tied.pid,
    logFile,
    log,
    readiness,
    metrics: async () => (await get(metricsPort, '/metrics')).text,
    stop: async () => {
      await tied.stop(15_000)
      return tied.end
    },
    kill: async () => {
      process.kill(tied.pid, 'SIGKILL')
      await tied.end
    },
  }
}
