import { execFile } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createConnection } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { z } from 'zod'
import type { Json } from '../api/resources.ts'
import { poll } from '../controlplane/cluster.ts'
import type { ControlPlane } from '../controlplane/control-plane.ts'
import { freePort } from '../controlplane/ports.ts'
import { Server } from '../controlplane/server.ts'
import { argoSettings } from './health.ts'

/** The namespace of Argo CD and of its Applications. */
export const ARGO_NAMESPACE = 'argocd'
/** The account by which it writes to the cluster, as in its own installation. */
export const ARGO_ACCOUNT = `system:serviceaccount:${ARGO_NAMESPACE}:argocd-application-controller`

const APPLICATIONS = `/apis/argoproj.io/v1alpha1/namespaces/${ARGO_NAMESPACE}/applications`
const PART_OF_ARGO = { 'app.kubernetes.io/part-of': ARGO_NAMESPACE }
const RESYNC_SECONDS = 5
const SERVED_MS = 60_000
const DAY_SECONDS = 86_400

const Health = z.object({ status: z.string().optional(), message: z.string().optional() })
const Resource = z.object({ kind: z.string(), name: z.string(), status: z.string().optional(), health: Health.optional() })
const Result = z.object({ kind: z.string(), name: z.string(), status: z.string().optional(), message: z.string().optional() })
const Application = z.object({
  status: z
    .object({
      sync: z.object({ status: z.string(), revision: z.string().optional() }).optional(),
      health: Health.optional(),
      resources: z.array(Resource).optional(),
      history: z.array(z.object({ revision: z.string() })).optional(),
      conditions: z.array(z.object({ type: z.string(), message: z.string() })).optional(),
      operationState: z
        .object({
          phase: z.string(),
          message: z.string().optional(),
          startedAt: z.string(),
          syncResult: z.object({ revision: z.string().optional(), resources: z.array(Result).optional() }).optional(),
        })
        .optional(),
    })
    .optional(),
})

/** What Argo CD says of an Application. */
export interface ApplicationState {
  /** `Synced` or `OutOfSync`, and as of which commit. */
  readonly sync: string
  readonly revision: string
  readonly health: string
  /** `Running`, `Succeeded`, `Failed`. */
  readonly phase: string
  readonly message: string
  readonly startedAt: string
  readonly syncs: number
  /** Why it could not be compared with Git, and other warnings. */
  readonly complaints: readonly string[]
  readonly resources: readonly z.infer<typeof Resource>[]
  readonly results: readonly z.infer<typeof Result>[]
}

function toState(body: unknown): ApplicationState {
  const { status } = Application.parse(body)
  return {
    sync: status?.sync?.status ?? '',
    revision: status?.sync?.revision ?? '',
    health: status?.health?.status ?? '',
    phase: status?.operationState?.phase ?? '',
    message: status?.operationState?.message ?? '',
    startedAt: status?.operationState?.startedAt ?? '',
    syncs: status?.history?.length ?? 0,
    complaints: status?.conditions?.map(({ message }) => message) ?? [],
    resources: status?.resources ?? [],
    results: status?.operationState?.syncResult?.resources ?? [],
  }
}

const run = promisify(execFile)

/** Whether something accepts connections at a port. */
const accepts = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = createConnection(port, '127.0.0.1')
    const end = (isAccepted: boolean) => () => {
      socket.destroy()
      resolve(isAccepted)
    }
    socket.once('connect', end(true)).once('error', end(false))
  })

/** Argo CD's application controller and repository server with Redis, against a control plane; it has no door for people. */
export class ArgoCd {
  readonly #plane: ControlPlane
  readonly #servers: readonly Server[]
  readonly #scratch: string
  /** The server that an Application names as its destination. */
  readonly destination: string

  private constructor(plane: ControlPlane, servers: readonly Server[], scratch: string) {
    this.#plane = plane
    this.#servers = servers
    this.#scratch = scratch
    this.destination = plane.url
  }

  /** Installs its definitions and settings, those of manifests/gitops among them, and starts it; `parts` is the folder of its programs. */
  static async start(plane: ControlPlane, parts: string): Promise<ArgoCd> {
    await run('redis-server', ['--version']).catch((cause: unknown) => {
      throw new Error('Argo CD needs Redis: `apt-get install --no-install-recommends redis-server`', { cause })
    })
    await install(plane, parts)
    const [redisPort, repositoryPort, metricsPort, repositoryMetricsPort] = [await freePort(), await freePort(), await freePort(), await freePort()]
    const redis = `127.0.0.1:${redisPort}`
    const repository = `127.0.0.1:${repositoryPort}`
    const scratch = join(plane.dir, 'argo')
    mkdirSync(scratch)
    // Argo CD calls `kustomize`; kubectl has the same code.
    const shim = join(scratch, 'kustomize')
    writeFileSync(shim, `#!/bin/sh\nif [ "$1" = version ]; then echo v5.0.0; else shift; exec '${plane.kubectlPath}' kustomize "$@"; fi\n`)
    chmodSync(shim, 0o755)
    const environment = [`PATH=${scratch}:${parts}:${process.env['PATH'] ?? ''}`, `TMPDIR=${scratch}`, 'ARGOCD_GPG_ENABLED=false']
    const part = (name: string, args: readonly string[], isReady: () => Promise<boolean>): Server =>
      new Server({ name, command: 'env', args: [...environment, ...args], logFile: join(plane.dir, `${name}.log`), isReady })
    const servers = [
      part('redis', ['redis-server', '--port', String(redisPort), '--bind', '127.0.0.1', '--save', '', '--dir', scratch], () => accepts(redisPort)),
      part(
        'argocd-repo-server',
        [
          ...[join(parts, 'argocd-repo-server'), '--address', '127.0.0.1', '--port', String(repositoryPort), '--redis', redis, '--redis-compress', 'none'],
          ...['--metrics-address', '127.0.0.1', '--metrics-port', String(repositoryMetricsPort), '--disable-tls', '--client-ca-path', ''],
        ],
        () => accepts(repositoryPort),
      ),
      part(
        'argocd-application-controller',
        [
          ...[join(parts, 'argocd-application-controller'), '--kubeconfig', plane.adminKubeconfig, '-n', ARGO_NAMESPACE, '--metrics-port', String(metricsPort)],
          ...['--redis', redis, '--redis-compress', 'none', '--repo-server', repository, '--repo-server-plaintext'],
          // In the Application besides the cache that Argo CD's own pages read.
          ...['--persist-resource-health', '--app-resync', String(RESYNC_SECONDS), '--app-resync-jitter', '0'],
        ],
        () => accepts(metricsPort),
      ),
    ]
    for (const server of servers) await server.start()
    return new ArgoCd(plane, servers, scratch)
  }

  async stop(): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.stop()))
    // Checkouts are kept in folders that nobody may enter, so that nobody could remove them either.
    await run('chmod', ['-R', 'u+rwX', this.#scratch]).catch(() => undefined)
  }

  /** What it says of an Application now. */
  async state(name: string): Promise<ApplicationState> {
    const { status, body } = await this.#plane.request('GET', `${APPLICATIONS}/${name}`)
    if (status === 404) return toState({})
    return toState(body)
  }

  /** Has it look at Git and the cluster now, as the webhook of a Git server would. */
  async refresh(name: string): Promise<void> {
    await this.#plane.request('PATCH', `${APPLICATIONS}/${name}`, {
      body: { metadata: { annotations: { 'argocd.argoproj.io/refresh': 'normal' } } },
      contentType: 'application/merge-patch+json',
    })
  }

  /** Waits until an Application is as wanted; resolves with what it is then. */
  async until(name: string, what: string, isWanted: (state: ApplicationState) => boolean, timeoutMs: number): Promise<ApplicationState> {
    let seen: ApplicationState | undefined
    return poll(
      async () => {
        seen = await this.state(name)
        return isWanted(seen) ? seen : undefined
      },
      timeoutMs,
      () => `application ${name}: waited ${timeoutMs} ms for ${what}: ${JSON.stringify(seen)}`,
    )
  }

  /** Waits until an Application is synced, at whatever commit, and healthy. */
  untilHealthy(name: string, timeoutMs: number): Promise<ApplicationState> {
    return this.until(name, 'Synced and Healthy', ({ sync, health }) => sync === 'Synced' && health === 'Healthy', timeoutMs)
  }

  /** Has it look at Git, and waits until an Application is synced at a commit and as healthy as wanted. */
  async untilSynced(name: string, revision: string, health: string, timeoutMs: number): Promise<ApplicationState> {
    await this.refresh(name)
    const isWanted = (state: ApplicationState): boolean =>
      state.sync === 'Synced' && state.revision === revision && state.health === health && state.phase === 'Succeeded'
    return this.until(name, `Synced at ${revision.slice(0, 8)} and ${health}`, isWanted, timeoutMs)
  }

  /** How many syncs of an Application have begun, by the Events that tell so. */
  async syncsBegun(name: string): Promise<number> {
    const { body } = await this.#plane.request(
      'GET',
      `/api/v1/namespaces/${ARGO_NAMESPACE}/events?fieldSelector=reason=OperationStarted,involvedObject.name=${name}`,
    )
    return z
      .object({ items: z.array(z.object({ count: z.number().optional() })) })
      .parse(body)
      .items.reduce((sum, { count = 1 }) => sum + count, 0)
  }

  /** How often it compared an Application with Git because something in the cluster changed, by its own log. */
  comparisonsByChange(name: string): number {
    const lines = readFileSync(join(this.#plane.dir, 'argocd-application-controller.log'), 'utf8').split('\n')
    return lines.filter((line) => line.includes('controller refresh requested') && line.includes(`"application":"${name}"`)).length
  }
}

async function install(plane: ControlPlane, parts: string): Promise<void> {
  const crds = ['application-crd.yaml', 'appproject-crd.yaml'].flatMap((name) => ['-f', join(parts, name)])
  const { code, stderr } = await plane.kubectl(['apply', '--server-side', ...crds])
  if (code !== 0) throw new Error(stderr)
  // `kubectl wait` gives up on a definition that has no conditions yet.
  for (const resource of ['applications', 'appprojects']) {
    await poll(
      async () => ((await plane.request('GET', `/apis/argoproj.io/v1alpha1/${resource}`)).status === 200 ? true : undefined),
      SERVED_MS,
      () => `${resource} are not served`,
    )
  }
  await plane.createNamespace(ARGO_NAMESPACE)
  const core = `/api/v1/namespaces/${ARGO_NAMESPACE}`
  const post = async (path: string, body: Json): Promise<unknown> => {
    const answer = await plane.request('POST', path, { body })
    if (answer.status >= 300) throw new Error(`${path}: ${JSON.stringify(answer.body)}`)
    return answer.body
  }
  const account = 'argocd-application-controller'
  await post(`${core}/serviceaccounts`, { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: account } })
  await post('/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: account },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
    subjects: [{ kind: 'ServiceAccount', name: account, namespace: ARGO_NAMESPACE }],
  })
  const asked = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: DAY_SECONDS } }
  const { status } = z.object({ status: z.object({ token: z.string() }) }).parse(await post(`${core}/serviceaccounts/${account}/token`, asked))
  const caData = readFileSync(plane.caFile).toString('base64')
  // Another name for the cluster than that of its own Service, which Argo CD takes for the cluster that it runs in.
  await post(`${core}/secrets`, {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'cluster', labels: { ...PART_OF_ARGO, 'argocd.argoproj.io/secret-type': 'cluster' } },
    stringData: { name: 'cluster', server: plane.url, config: JSON.stringify({ bearerToken: status.token, tlsClientConfig: { caData } }) },
  })
  await post(`${core}/secrets`, { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'argocd-secret', labels: PART_OF_ARGO } })
  await post(`${core}/configmaps`, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'argocd-rbac-cm', labels: PART_OF_ARGO } })
  await post(`${core}/configmaps`, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'argocd-cm', labels: PART_OF_ARGO }, data: argoSettings() })
  await post(`/apis/argoproj.io/v1alpha1/namespaces/${ARGO_NAMESPACE}/appprojects`, {
    apiVersion: 'argoproj.io/v1alpha1',
    kind: 'AppProject',
    metadata: { name: 'default' },
    spec: { sourceRepos: ['*'], destinations: [{ server: '*', namespace: '*' }], clusterResourceWhitelist: [{ group: '*', kind: '*' }] },
  })
}
