import { setTimeout as sleep } from 'node:timers/promises'
import type { Json } from '../api/resources.ts'
import { poll } from '../controlplane/cluster.ts'
import { type ControlPlane, startControlPlane } from '../controlplane/control-plane.ts'
import { freePort } from '../controlplane/ports.ts'
import { at, collectionOf, listAt, pathOf, pod } from '../e2e/scene.ts'
import { installDefinitions, type Operator, startOperator } from '../support/operator.ts'
import { Balancer } from './balancer.ts'

const WAIT_MS = 30_000
const REGISTRATION = '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/bylaw'

/** Replicas by name; each is a user of its own, so that the audit log tells them apart. */
export const REPLICAS = ['replica-a', 'replica-b', 'replica-c'] as const
export type ReplicaName = (typeof REPLICAS)[number]

/** What a stretch of load came to. */
export interface Load {
  /** Ends it; gives the number of requests, and the answers that were not the expected ones. */
  stop(): Promise<{ readonly count: number; readonly failures: readonly string[] }>
}

/** A control plane with several replicas of one Bylaw behind one address. */
export class ReplicaScene {
  readonly plane: ControlPlane
  readonly balancer = new Balancer()
  readonly #replicas = new Map<ReplicaName, Operator>()
  readonly #url: string

  private constructor(plane: ControlPlane, balancer: Balancer, url: string) {
    this.plane = plane
    this.balancer = balancer
    this.#url = url
  }

  static async start(): Promise<ReplicaScene> {
    const plane = await startControlPlane({ users: REPLICAS.map((name) => ({ name, groups: ['system:masters'] })) })
    const balancer = new Balancer()
    try {
      await installDefinitions(plane)
      return new ReplicaScene(plane, balancer, `https://localhost:${await balancer.listen()}`)
    } catch (error) {
      await plane.stop()
      throw error
    }
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#replicas.keys()].map((name) => this.kill(name)))
    this.balancer.close()
    await this.plane.stop()
  }

  /** Starts a replica; connections go to it only when `balancer.use` says so. */
  async startReplica(name: ReplicaName): Promise<Operator> {
    const kubeconfig = this.plane.kubeconfigFor(name)
    const operator = await startOperator(this.plane, { kubeconfig, admissionPort: await freePort(), admissionUrl: this.#url, env: { HOSTNAME: name } })
    this.#replicas.set(name, operator)
    return operator
  }

  async kill(name: ReplicaName): Promise<void> {
    await this.#replicas.get(name)?.kill()
    this.#replicas.delete(name)
  }

  /** Lets a replica end as the kubelet would. */
  async drain(name: ReplicaName): Promise<string> {
    const ended = (await this.#replicas.get(name)?.stop()) ?? ''
    this.#replicas.delete(name)
    return ended
  }

  async read(path: string): Promise<unknown> {
    return (await this.plane.request('GET', path)).body
  }

  /** Who holds the Lease. */
  async leader(): Promise<string> {
    return String(at(await this.read('/apis/coordination.k8s.io/v1/namespaces/bylaw-system/leases/bylaw'), 'spec', 'holderIdentity'))
  }

  /** The certificates that the stored registration trusts, PEM; empty without one. */
  async bundle(): Promise<string> {
    const caBundle = at(listAt(await this.read(REGISTRATION), 'webhooks')[0], 'clientConfig', 'caBundle')
    return typeof caBundle === 'string' ? Buffer.from(caBundle, 'base64').toString('utf8') : ''
  }

  /** Creates or changes a policy and waits until it is `Enforced` as it now is; resolves with the milliseconds that it took. */
  async enforce(policy: Json, timeoutMs = WAIT_MS): Promise<number> {
    const startMs = Date.now()
    const options = { body: policy, contentType: 'application/apply-patch+yaml' }
    const { status, body } = await this.plane.request('PATCH', `${pathOf(policy)}?fieldManager=test&force=true`, options)
    if (status >= 300) throw new Error(JSON.stringify(body))
    let seen: unknown
    await poll(
      async () => {
        const stored = await this.read(pathOf(policy))
        seen = listAt(stored, 'status', 'conditions').find((condition) => at(condition, 'type') === 'Enforced')
        const isCurrent = at(seen, 'observedGeneration') === at(stored, 'metadata', 'generation')
        return isCurrent && at(seen, 'status') === 'True' ? true : undefined
      },
      timeoutMs,
      () => `${pathOf(policy)} is not enforced: ${JSON.stringify(seen)}`,
    )
    return Date.now() - startMs
  }

  async until(what: string, holds: () => Promise<boolean> | boolean, timeoutMs = WAIT_MS): Promise<void> {
    await poll(
      async () => ((await holds()) ? true : undefined),
      timeoutMs,
      () => `waited ${timeoutMs} ms for ${what}`,
    )
  }

  /** Creates Pods without end and without a trace, some at a time: each must be answered as the policy says that denies the name `bad`. */
  startLoad(namespace: string, clients = 6, pauseMs = 10): Load {
    const failures: string[] = []
    let count = 0
    let isOver = false
    const work = Array.from({ length: clients }, async (_, client) => {
      for (let index = client; !isOver; index += 1) {
        const isBad = index % 4 === 0
        const object = pod(namespace, isBad ? 'bad' : `good-${client}`)
        const { status, body } = await this.plane.request('POST', `${collectionOf(object)}?dryRun=All`, { body: object })
        const message = String(at(body, 'message') ?? '')
        const isExpected = isBad ? status === 403 && message.includes('says no') : status === 201
        if (!isExpected) failures.push(`${status} ${message}`)
        count += 1
        await sleep(pauseMs)
      }
    })
    return {
      stop: async () => {
        isOver = true
        await Promise.all(work)
        return { count, failures }
      },
    }
  }

  /** Successful writes of a resource, as the API server logged them: who and how. */
  writes(resource: string, subresource?: string): readonly string[] {
    return this.plane
      .auditEvents()
      .filter(
        ({ verb, objectRef }) => ['create', 'update', 'patch'].includes(verb) && objectRef?.resource === resource && objectRef.subresource === subresource,
      )
      .filter(({ user, responseStatus }) => user.username.startsWith('replica-') && (responseStatus?.code ?? 500) < 300)
      .map(({ user, verb }) => `${user.username} ${verb}`)
  }
}

/** The value of a metric without labels. */
export async function metricOf(operator: Operator, name: string): Promise<number> {
  const line = (await operator.metrics()).split('\n').find((text) => text.startsWith(`${name} `))
  return Number(line?.split(' ')[1] ?? Number.NaN)
}
