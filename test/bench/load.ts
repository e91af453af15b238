import { readFileSync } from 'node:fs'
import { Agent, request } from 'node:https'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Cluster } from '../controlplane/cluster.ts'

/** A request that is sent again and again. */
export interface Shot {
  readonly cluster: Cluster
  readonly path: string
  readonly body: string
}

export interface Answer {
  readonly status: number
  readonly text: string
}

const agents = new Map<string, Agent>()
const tokens = new Map<string, string>()

function agentOf(cluster: Cluster): Agent {
  const known = agents.get(cluster.dir)
  if (known !== undefined) return known
  const made = new Agent({ keepAlive: true, maxSockets: 256, ca: readFileSync(cluster.caFile) })
  agents.set(cluster.dir, made)
  return made
}

function tokenOf(cluster: Cluster): string {
  const known = tokens.get(cluster.dir)
  if (known !== undefined) return known
  const token = /"?token"?:\s*"?([^"\s,}]+)/.exec(readFileSync(cluster.kubeconfigFor('admin'), 'utf8'))?.[1] ?? ''
  tokens.set(cluster.dir, token)
  return token
}

/** Sends one request over a kept connection. */
export function send({ cluster, path, body }: Shot): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${tokenOf(cluster)}`, 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
    const sent = request(`${cluster.url}${path}`, { method: 'POST', agent: agentOf(cluster), headers }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') }))
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

/** Latencies in milliseconds, sorted, of one run, and how many answers were not 201. */
export interface Run {
  readonly latencies: readonly number[]
  readonly unexpected: number
}

async function timed(shot: Shot, latencies: number[]): Promise<boolean> {
  const start = performance.now()
  const { status } = await send(shot)
  latencies.push(performance.now() - start)
  return status === 201
}

const sorted = (latencies: number[]): number[] => latencies.sort((a, b) => a - b)

/** As many requests as told, by a number of clients that each wait for an answer before the next. */
export async function closedLoop(shot: Shot, clients: number, requests: number): Promise<Run> {
  const latencies: number[] = []
  let left = requests
  let unexpected = 0
  const client = async (): Promise<void> => {
    while (left > 0) {
      left -= 1
      if (!(await timed(shot, latencies))) unexpected += 1
    }
  }
  await Promise.all(Array.from({ length: clients }, client))
  return { latencies: sorted(latencies), unexpected }
}

/** Requests at a fixed rate, whether or not earlier ones were answered. */
export async function openLoop(shot: Shot, perSecond: number, seconds: number): Promise<Run> {
  const latencies: number[] = []
  const running: Promise<boolean>[] = []
  const start = performance.now()
  for (let index = 0; index < perSecond * seconds; index++) {
    const wait = start + (index * 1000) / perSecond - performance.now()
    if (wait > 0) await sleep(wait)
    running.push(timed(shot, latencies))
  }
  const answers = await Promise.all(running)
  return { latencies: sorted(latencies), unexpected: answers.filter((isExpected) => !isExpected).length }
}

/** The value below which a share of sorted values lies. */
export function quantile(values: readonly number[], share: number): number {
  return values[Math.min(values.length - 1, Math.floor(values.length * share))] ?? Number.NaN
}

/** CPU time that a process has used, in milliseconds; resident memory in MB. */
export function usageOf(pid: number): { readonly cpuMs: number; readonly residentMb: number } {
  // The name of the command may have spaces: fields are counted after the parenthesis that ends it.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  const ticks = Number(fields[11]) + Number(fields[12])
  const resident = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return { cpuMs: ticks * 10, residentMb: Number(resident) / 1024 }
}
