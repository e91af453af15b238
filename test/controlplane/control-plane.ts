import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { mkdtempSync, realpathSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Assets, type AssetsOptions, findAssets } from './assets.ts'
import { AUDIT_POLICY } from './audit-log.ts'
import { type Cluster, type Connection, connect, connectionFile, kubeconfigText } from './cluster.ts'
import { freePort } from './ports.ts'
import { PortTaken, type Server } from './server.ts'
import { apiServer, CONTROLLER_MANAGER, controllerManagerServer, etcdServer, FILES } from './servers.ts'
import { startJanitor } from './tied-process.ts'
import { creationsFor, DEVELOPERS, TENANT_NAMESPACE, USERS, type User } from './users.ts'

export type { AuditEvent } from './audit-log.ts'
export type { ApiRequest, ApiResponse, Cluster, KubectlOptions, KubectlResult } from './cluster.ts'
export type { Grant, User } from './users.ts'

/** What a control plane is started with. */
export interface ControlPlaneOptions {
  /**
   * Runs the controller manager where its binary is to be had; `hasControllerManager` tells. Without it the admission plugin
   * `ServiceAccount` is off, for it would refuse every Pod, deleted namespaces stay `Terminating`, and workloads have no Pods.
   */
  readonly controllerManager?: boolean
  /** Further users, or others in the place of those with the same name. */
  readonly users?: readonly User[]
  /** Further flags of kube-apiserver; of a flag that is given twice the last counts. */
  readonly apiServerFlags?: readonly string[]
  readonly etcdFlags?: readonly string[]
  readonly controllerManagerFlags?: readonly string[]
  /** How the binaries are found. */
  readonly assets?: AssetsOptions
  /** Gives a port that is thought to be free, for tests. */
  readonly choosePort?: () => Promise<number>
}

/** A control plane of one's own. It is gone when `stop` was called, or when this process ends, however that ends. */
export interface ControlPlane extends Cluster {
  /** Stops kube-apiserver as a shutdown would, and waits until it is gone. */
  stopApiServer(): Promise<void>
  /** Starts it again, on the same port and with the same data, and waits until it is ready. */
  startApiServer(): Promise<void>
  restartApiServer(): Promise<void>
  /** Freezes kube-apiserver: connections stay open and nothing is answered. */
  pauseApiServer(): void
  resumeApiServer(): void
  /** Process ids by name of server, of those that run. */
  pids(): Readonly<Record<string, number>>
  /** Ends all processes and removes the folder. May be called twice. */
  stop(): Promise<void>
}

const START_ATTEMPTS = 5
/** kube-apiserver would wait a minute for open watches to end; what is left after this time is cut off. */
const GRACE_MS = 2_000

/** Starts etcd, kube-apiserver and, if asked for, the controller manager on free loopback ports, and resolves when they are ready. */
export async function startControlPlane(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  const assets = await findAssets(options.assets)
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'bylaw-control-plane-')))
  const janitor = await startJanitor(dir)
  const servers = new Map<string, Server>()
  const stop = async (): Promise<void> => {
    await Promise.all([...servers.values()].map((server) => server.stop()))
    await janitor.stop()
  }
  try {
    return { ...(await startServers(options, assets, dir, servers)), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Starts the servers one after the other; what has been started is in the map at once, so that a failure leaves nothing running. */
async function startServers(options: ControlPlaneOptions, assets: Assets, dir: string, servers: Map<string, Server>): Promise<Omit<ControlPlane, 'stop'>> {
  const { apiServerFlags = [], etcdFlags = [], controllerManagerFlags = [], choosePort = freePort } = options
  const users = usersOf(options.users)
  const tokens = writeIdentities(dir, users)
  const managerCommand = options.controllerManager === true ? assets.kubeControllerManager : undefined
  const connectionAt = (port: number): Connection => ({
    url: `https://127.0.0.1:${port}`,
    dir,
    kubectl: assets.kubectl,
    hasControllerManager: managerCommand !== undefined,
    tokens,
  })
  const startOnFreePort = async (name: string, serverAt: (port: number) => Server): Promise<{ readonly port: number; readonly server: Server }> => {
    for (let attempt = 1; ; attempt += 1) {
      const port = await choosePort()
      const server = serverAt(port)
      servers.set(name, server)
      try {
        await server.start()
        return { port, server }
      } catch (error) {
        if (!(error instanceof PortTaken) || attempt === START_ATTEMPTS) throw error
      }
    }
  }

  const etcd = await startOnFreePort('etcd', (port) => etcdServer({ dir, assets, port, flags: etcdFlags }))
  const { port, server } = await startOnFreePort('kube-apiserver', (port) =>
    apiServer({ dir, assets, port, flags: apiServerFlags }, etcd.port, connectionAt(port)),
  )
  const connection = connectionAt(port)
  const cluster = connect(connection)
  writeFileSync(cluster.adminKubeconfig, kubeconfigText(connection, tokensOfPeople(tokens)), { mode: 0o600 })
  await createRights(cluster, users)
  if (managerCommand !== undefined) {
    const manager = controllerManagerServer({ dir, flags: controllerManagerFlags }, managerCommand, cluster)
    servers.set('kube-controller-manager', manager)
    await manager.start()
  }
  writeFileSync(connectionFile(dir), JSON.stringify(connection), { mode: 0o600 })
  return {
    ...cluster,
    stopApiServer: () => server.stop(GRACE_MS),
    startApiServer: () => server.start(),
    restartApiServer: async () => {
      await server.stop(GRACE_MS)
      await server.start()
    },
    pauseApiServer: () => server.signal('SIGSTOP'),
    resumeApiServer: () => server.signal('SIGCONT'),
    pids: () => Object.fromEntries([...servers].flatMap(([name, { pid }]) => (pid === undefined ? [] : [[name, pid]]))),
  }
}

function usersOf(further: readonly User[] = []): readonly User[] {
  return [...new Map([...USERS, ...further].map((user) => [user.name, user])).values()]
}

/** Writes what the API server knows its users, service accounts and audit policy from; gives the users' tokens. */
function writeIdentities(dir: string, users: readonly User[]): Readonly<Record<string, string>> {
  const write = (name: string, content: string): void => writeFileSync(join(dir, name), content, { mode: 0o600 })
  const accounts: readonly User[] = [...users, { name: CONTROLLER_MANAGER }]
  const tokens = Object.fromEntries(accounts.map(({ name }) => [name, randomBytes(16).toString('hex')]))
  write(
    FILES.tokens,
    accounts.map(({ name, groups = [] }) => `${[tokens[name], name, name, ...(groups.length > 0 ? [`"${groups.join(',')}"`] : [])].join(',')}\n`).join(''),
  )
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  write(FILES.serviceAccountKey, privateKey.export({ type: 'sec1', format: 'pem' }).toString())
  write(FILES.auditPolicy, JSON.stringify(AUDIT_POLICY))
  return tokens
}

function tokensOfPeople(tokens: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(tokens).filter(([name]) => name !== CONTROLLER_MANAGER))
}

async function createRights(cluster: Cluster, users: readonly User[]): Promise<void> {
  const namespace = { path: '/api/v1/namespaces', body: { apiVersion: 'v1', kind: 'Namespace', metadata: { name: TENANT_NAMESPACE } } }
  const rights = [...creationsFor('Group', DEVELOPERS), ...users.flatMap((user) => creationsFor('User', user))]
  for (const { path, body } of [namespace, ...rights]) {
    const answer = await cluster.request('POST', path, { body })
    if (answer.status !== 201) throw new Error(`${path}: ${JSON.stringify(answer.body)}`)
  }
}
