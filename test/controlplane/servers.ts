import { existsSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { Assets } from './assets.ts'
import { type Cluster, type Connection, caFileOf, connect } from './cluster.ts'
import { Server } from './server.ts'

/** The user that the controller manager logs in as; Kubernetes itself gives that name its rights. */
export const CONTROLLER_MANAGER = 'system:kube-controller-manager'

/** The files of a control plane that more than one of its parts names. */
export const FILES = { audit: 'audit.log', auditPolicy: 'audit-policy.json', serviceAccountKey: 'service-account.key', tokens: 'tokens.csv' } as const

const ANSWER_MS = 5_000

/** Where a server is to run, and with what. */
export interface Place {
  readonly dir: string
  readonly assets: Assets
  readonly port: number
  /** Flags that come after ours. */
  readonly flags: readonly string[]
}

/** etcd, without waiting for the disk: its data lives no longer than the folder. */
export function etcdServer({ dir, assets, port, flags }: Place): Server {
  const url = `http://127.0.0.1:${port}`
  const name = basename(dir)
  return new Server({
    name: 'etcd',
    command: assets.etcd,
    args: [
      `--data-dir=${join(dir, 'etcd')}`,
      `--listen-client-urls=${url}`,
      `--advertise-client-urls=${url}`,
      '--listen-peer-urls=http://127.0.0.1:0',
      `--name=${name}`,
      `--initial-cluster=${name}=http://localhost:2380`,
      '--unsafe-no-fsync',
      '--log-level=warn',
      ...flags,
    ],
    logFile: join(dir, 'etcd.log'),
    // Whether it is ours that answers: another control plane may have taken the port a moment earlier.
    isReady: async () => {
      const answer = await fetch(`${url}/v3/cluster/member/list`, { method: 'POST', body: '{}', signal: AbortSignal.timeout(ANSWER_MS) })
      return answer.ok && (await answer.text()).includes(`"name":"${name}"`)
    },
  })
}

/** kube-apiserver with RBAC, tokens for users and service accounts, and an audit log. */
export function apiServer({ dir, assets, port, flags }: Place, etcdPort: number, connection: Connection): Server {
  const file = (name: string): string => join(dir, name)
  let cluster: Cluster | undefined
  return new Server({
    name: 'kube-apiserver',
    command: assets.kubeApiserver,
    args: [
      `--etcd-servers=http://127.0.0.1:${etcdPort}`,
      `--secure-port=${port}`,
      '--bind-address=127.0.0.1',
      '--advertise-address=127.0.0.1',
      // A loopback address may not stand in the endpoints of the Service `kubernetes`.
      '--endpoint-reconciler-type=none',
      `--cert-dir=${file('certificates')}`,
      `--token-auth-file=${file(FILES.tokens)}`,
      '--authorization-mode=RBAC',
      '--service-account-issuer=https://kubernetes.default.svc',
      `--service-account-signing-key-file=${file(FILES.serviceAccountKey)}`,
      `--service-account-key-file=${file(FILES.serviceAccountKey)}`,
      '--service-cluster-ip-range=10.0.0.0/24',
      '--allow-privileged',
      `--audit-policy-file=${file(FILES.auditPolicy)}`,
      `--audit-log-path=${file(FILES.audit)}`,
      '--audit-log-maxsize=0',
      ...(connection.hasControllerManager ? [] : ['--disable-admission-plugins=ServiceAccount']),
      ...flags,
    ],
    logFile: file('kube-apiserver.log'),
    isReady: async () => {
      const caFile = caFileOf(dir)
      if (!existsSync(caFile) || !readFileSync(caFile, 'utf8').includes('END CERTIFICATE')) return false
      cluster ??= connect(connection)
      const answers = await Promise.all(['/readyz', '/api/v1/namespaces/default'].map((path) => cluster?.request('GET', path, { timeoutMs: ANSWER_MS })))
      return answers.every((answer) => answer?.status === 200)
    },
  })
}

/** The controller manager, where each controller acts as its own service account, as in a real cluster. */
export function controllerManagerServer({ dir, flags }: Omit<Place, 'port' | 'assets'>, command: string, cluster: Cluster): Server {
  return new Server({
    name: 'kube-controller-manager',
    command,
    args: [
      `--kubeconfig=${cluster.kubeconfigFor(CONTROLLER_MANAGER)}`,
      '--use-service-account-credentials',
      `--service-account-private-key-file=${join(dir, FILES.serviceAccountKey)}`,
      `--root-ca-file=${cluster.caFile}`,
      '--leader-elect=false',
      '--secure-port=0',
      // Its own limit of 20 requests a second makes it start four seconds later.
      '--kube-api-qps=1000',
      '--kube-api-burst=1000',
      ...flags,
    ],
    logFile: join(dir, 'kube-controller-manager.log'),
    isReady: async () => (await cluster.request('GET', '/api/v1/namespaces/default/serviceaccounts/default')).status === 200,
  })
}
