import { type Json, podRule } from '../api/resources.ts'
import { type ApiResponse, poll } from '../controlplane/cluster.ts'
import { type ControlPlane, type ControlPlaneOptions, startControlPlane } from '../controlplane/control-plane.ts'
import { installDefinitions, type Operator, type OperatorOptions, startOperator } from '../support/operator.ts'

/** A time limit for hooks that start a control plane and an operator. */
export const SCENE_MS = 900_000
/** A time limit for a test, generous since the machine may be busy. */
export const TEST_MS = 60_000
/** What an author may rely on in quiet times. */
export const ENFORCED_MS = 10_000
const WAIT_MS = 30_000
/** Entries that there are without any policy. */
const GUARDS = 3

/** What the API server said to one request. */
export interface Answer {
  readonly status: number
  /** Of a refusal; empty otherwise. */
  readonly message: string
  readonly warnings: readonly string[]
}

/** How an object is submitted. */
export interface Submission {
  readonly as?: string
  /** `POST` unless said otherwise. */
  readonly method?: 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly subResource?: string
  readonly isDryRun?: boolean
  readonly timeoutMs?: number
}

export const isRecord = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')

/** The value at a path of keys. */
export function at(value: unknown, ...path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>((held, key) => (Array.isArray(held) ? held[Number(key)] : isRecord(held) ? held[key] : undefined), value)
}

/** The items of a list. */
export const listAt = (value: unknown, ...path: readonly (string | number)[]): readonly unknown[] => {
  const found = at(value, ...path)
  return Array.isArray(found) ? found : []
}

/** Headers are read byte by byte, as HTTP has them; the API server writes UTF-8 into them. */
const decodeHeader = (value: string): string => Buffer.from(value, 'latin1').toString('utf8')

function toAnswer({ status, body, warnings }: ApiResponse): Answer {
  return { status, message: status < 400 ? '' : isRecord(body) ? textOf(body['message']) : textOf(body), warnings: warnings.map(decodeHeader) }
}

/** The path of a collection that an object belongs to. */
export function collectionOf(object: Json): string {
  const apiVersion = textOf(object['apiVersion'])
  const kind = textOf(object['kind']).toLowerCase()
  const namespace = textOf(at(object, 'metadata', 'namespace'))
  const base = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`
  return `${base}${namespace === '' ? '' : `/namespaces/${namespace}`}/${kind.endsWith('y') ? `${kind.slice(0, -1)}ies` : kind.endsWith('s') ? `${kind}es` : `${kind}s`}`
}

/** The path of an object. */
export const pathOf = (object: Json): string => `${collectionOf(object)}/${textOf(at(object, 'metadata', 'name'))}`

/** The sum of the samples of a metric that carry all the labels. */
export function sumOf(exposition: string, name: string, labels: Readonly<Record<string, string>> = {}): number {
  const wanted = Object.entries(labels).map(([key, value]) => `${key}="${value}"`)
  return exposition
    .split('\n')
    .filter((line) => (line.startsWith(`${name}{`) || line.startsWith(`${name} `)) && wanted.every((label) => line.includes(label)))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0)
}

/** A policy for tests: on Pods and at the profile's levels unless `spec` says otherwise. */
export function policyOf(name: string, expression: string, spec: Json = {}): Json {
  return {
    apiVersion: 'bylaw.dev/v1',
    kind: 'Policy',
    metadata: { name },
    spec: {
      title: `Title of ${name}`,
      owner: { team: 'platform', contact: '#platform' },
      severity: 'high',
      remediation: `mend ${name}`,
      matchConstraints: { resourceRules: [podRule] },
      validations: [{ name: 'rule', expression, message: `${name} says no` }],
      ...spec,
    },
  }
}

/** Match constraints on one resource. */
export const on = (group: string, version: string, resources: readonly string[], operations: readonly string[]): Json => ({
  matchConstraints: { resourceRules: [{ apiGroups: [group], apiVersions: [version], resources, operations }] },
})

/** One level in every environment of the built-in profile. */
export const everywhere = (level: string): Json => ({ environments: ['dev', 'staging', 'prod'].map((name) => ({ name, level })) })

export const configMap = (namespace: string, name: string, data: Json = {}): Json => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace },
  data,
})

/** A Pod with one container; `spec` is put over its spec. */
export const pod = (namespace: string, name: string, spec: Json = {}, metadata: Json = {}): Json => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace, ...metadata },
  spec: { containers: [{ name: 'app', image: 'registry.example/app:1' }], ...spec },
})

/** A Deployment of one replica whose Pods have such a spec. */
export const deployment = (namespace: string, name: string, podSpec: Json = {}): Json => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name, namespace },
  spec: {
    replicas: 1,
    selector: { matchLabels: { app: name } },
    template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'app', image: 'registry.example/app:1' }], ...podSpec } },
  },
})

/** A control plane of its own with Bylaw's definitions, and an operator that comes and goes. */
export class Scene {
  readonly plane: ControlPlane
  readonly #options: OperatorOptions
  #bylaw: Operator | undefined
  #port: number | undefined

  private constructor(plane: ControlPlane, options: OperatorOptions) {
    this.plane = plane
    this.#options = options
  }

  /** Starts both; the operator's options may depend on the control plane. */
  static async start(
    options: ControlPlaneOptions = {},
    operatorOf: (plane: ControlPlane) => OperatorOptions | Promise<OperatorOptions> = () => ({}),
  ): Promise<Scene> {
    const plane = await startControlPlane(options)
    const scene = new Scene(plane, await operatorOf(plane))
    try {
      await installDefinitions(plane)
      await scene.startBylaw()
      return scene
    } catch (error) {
      await plane.stop()
      throw error
    }
  }

  /** The operator; throws while it is away. */
  get bylaw(): Operator {
    if (this.#bylaw === undefined) throw new Error('the operator does not run')
    return this.#bylaw
  }

  /** Starts an operator, on the port of the one before where there was one; resolves when the API server knows of it too. */
  async startBylaw(): Promise<void> {
    this.#bylaw = await startOperator(this.plane, { ...this.#options, ...(this.#port === undefined ? {} : { admissionPort: this.#port }) })
    this.#port = this.#bylaw.admissionPort
    await this.until('the registration', async () => (await this.entries()).length >= GUARDS)
  }

  /** Ends the operator as a crash would; nobody listens on its port afterwards. */
  async killBylaw(): Promise<void> {
    await this.#bylaw?.kill()
    this.#bylaw = undefined
  }

  async stop(): Promise<void> {
    await this.killBylaw()
    await this.plane.stop()
  }

  /** Submits an object to the API server. */
  async submit(object: Json, { as, method = 'POST', subResource, isDryRun = false, timeoutMs }: Submission = {}): Promise<Answer> {
    const path = `${method === 'POST' && subResource === undefined ? collectionOf(object) : pathOf(object)}${subResource === undefined ? '' : `/${subResource}`}`
    const answer = await this.plane.request(method, `${path}${isDryRun ? '?dryRun=All' : ''}`, {
      ...(as === undefined ? {} : { as }),
      ...(method === 'DELETE' ? {} : { body: object }),
      // Custom resources know no strategic merge.
      ...(method === 'PATCH'
        ? { contentType: `application/${textOf(object['apiVersion']).startsWith('bylaw.dev/') ? '' : 'strategic-'}merge-patch+json` }
        : {}),
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    })
    return toAnswer(answer)
  }

  /** Submits an object that must be taken. */
  async put(object: Json, submission: Submission = {}): Promise<void> {
    const answer = await this.submit(object, submission)
    if (answer.status >= 300) throw new Error(`${pathOf(object)}: ${answer.status} ${answer.message}`)
  }

  /** The object as it is stored. */
  async read(object: Json): Promise<unknown> {
    return (await this.plane.request('GET', pathOf(object))).body
  }

  /** Creates or changes policies (or a profile) by server-side apply. */
  async apply(...resources: readonly Json[]): Promise<void> {
    for (const resource of resources) {
      const options = { body: resource, contentType: 'application/apply-patch+yaml' }
      const { status, body } = await this.plane.request('PATCH', `${pathOf(resource)}?fieldManager=test&force=true`, options)
      if (status >= 300) throw new Error(JSON.stringify(body))
    }
  }

  /** Applies policies and waits until each is `Enforced` as it now is. */
  async enforce(...policies: readonly Json[]): Promise<void> {
    await this.apply(...policies)
    await Promise.all(policies.map((policy) => this.waitForCondition(policy, 'Enforced', 'True')))
  }

  /** Waits until a condition for the present generation has this status; resolves with its reason and message. */
  waitForCondition(resource: Json, type: string, status: string, timeoutMs = WAIT_MS): Promise<{ readonly reason: string; readonly message: string }> {
    let seen: unknown
    return poll(
      async () => {
        const stored = await this.read(resource)
        const found = listAt(stored, 'status', 'conditions').find((condition) => at(condition, 'type') === type)
        seen = found
        const isCurrent = at(found, 'observedGeneration') === at(stored, 'metadata', 'generation')
        if (found === undefined || !isCurrent || at(found, 'status') !== status) return undefined
        return { reason: textOf(at(found, 'reason')), message: textOf(at(found, 'message')) }
      },
      timeoutMs,
      () => `${pathOf(resource)}: ${type} is not ${status}: ${JSON.stringify(seen)}`,
    )
  }

  /** Deletes policies and waits until the rule set in force knows nothing of them any more. */
  async withdraw(...policies: readonly Json[]): Promise<void> {
    for (const policy of policies) await this.submit(policy, { method: 'DELETE' })
    await this.until('deleted policies to be out of force', async () => {
      const { body } = await this.plane.request('GET', '/apis/bylaw.dev/v1/policies')
      return (await this.metric('bylaw_policies')) === listAt(body, 'items').length
    })
  }

  /** The present value of a metric. */
  async metric(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
    return sumOf(await this.bylaw.metrics(), name, labels)
  }

  /** Waits until something holds. */
  async until(what: string, holds: () => Promise<boolean> | boolean, timeoutMs = WAIT_MS): Promise<void> {
    await poll(
      async () => ((await holds()) ? true : undefined),
      timeoutMs,
      () => `waited ${timeoutMs} ms for ${what}`,
    )
  }

  /** The entries that the API server has. */
  async entries(): Promise<readonly unknown[]> {
    const { body } = await this.plane.request('GET', '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/bylaw')
    return listAt(body, 'webhooks')
  }
}
