import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { Agent, request as httpsRequest } from 'node:https'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { type AuditEvent, auditLogReader } from './audit-log.ts'
import { startTied } from './tied-process.ts'

/** All that another process needs to use a running control plane; kept in `connection.json` of its folder. */
export const Connection = z.object({
  url: z.string(),
  dir: z.string(),
  kubectl: z.string(),
  hasControllerManager: z.boolean(),
  /** Tokens by name of user. */
  tokens: z.record(z.string(), z.string()),
})
export type Connection = z.infer<typeof Connection>

/** Who asks (default: `admin`). A name without a token of its own is impersonated by `admin`. */
export interface Asker {
  readonly as?: string
}

/** How kubectl is called. */
export interface KubectlOptions extends Asker {
  /** For `-f -`. */
  readonly input?: string
  /** Another kubeconfig instead of the one that belongs to `as`. */
  readonly kubeconfig?: string
  readonly timeoutMs?: number
}

/** What kubectl said. */
export interface KubectlResult {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** A request to the API server. */
export interface ApiRequest extends Asker {
  readonly body?: unknown
  /** Default `application/json`; a PATCH needs another. */
  readonly contentType?: string
  readonly timeoutMs?: number
}

/** Its answer: the body parsed where it is JSON, else the text; the texts of its `Warning` headers. */
export interface ApiResponse {
  readonly status: number
  readonly body: unknown
  readonly warnings: readonly string[]
}

/** A running control plane as its users see it. */
export interface Cluster {
  readonly url: string
  /** The certificates that the API server is trusted by. */
  readonly caFile: string
  /** Where everything of this control plane is: logs, data, kubeconfigs. */
  readonly dir: string
  /** A kubeconfig of `admin`, with a context for every user, named like the user. */
  readonly adminKubeconfig: string
  /** Whether a controller manager runs: Deployments become Pods, and deleted namespaces go away. */
  readonly hasControllerManager: boolean
  /** The kubectl that fits the API server. */
  readonly kubectlPath: string
  /** The path of a kubeconfig that has nothing but this user's token in it. */
  kubeconfigFor(user: string): string
  kubectl(args: readonly string[], options?: KubectlOptions): Promise<KubectlResult>
  /** One HTTPS request; a hundredth of the price of `kubectl`. Rejects only if there was no answer. */
  request(method: string, path: string, options?: ApiRequest): Promise<ApiResponse>
  /** Creates a namespace and waits until Pods can be created in it. */
  createNamespace(name: string, labels?: Readonly<Record<string, string>>): Promise<void>
  /** All events of the audit log so far; an event may come a moment after the answer to its request. */
  auditEvents(): readonly AuditEvent[]
  /** The first event that is wanted, once there is one. */
  waitForAuditEvent(isWanted: (event: AuditEvent) => boolean, timeoutMs?: number): Promise<AuditEvent>
}

const POLL_MS = 20
const WAIT_MS = 10_000
const ANSWER_MS = 60_000

/** The file of a folder that has the connection. */
export function connectionFile(dir: string): string {
  return join(dir, 'connection.json')
}

/** Reads the file that `connectionFile` names. */
export function readConnection(file: string): Connection {
  return Connection.parse(JSON.parse(readFileSync(file, 'utf8')))
}

/** Where the API server keeps the certificate that it makes for itself, followed by that of its CA. */
export function caFileOf(dir: string): string {
  return join(dir, 'certificates', 'apiserver.crt')
}

/** A kubeconfig in JSON, which is YAML too: a context for each user, the first being the current one. */
export function kubeconfigText({ url, dir }: Pick<Connection, 'url' | 'dir'>, tokens: Readonly<Record<string, string>>): string {
  const names = Object.keys(tokens)
  return JSON.stringify(
    {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'controlplane', cluster: { server: url, 'certificate-authority': caFileOf(dir) } }],
      users: names.map((name) => ({ name, user: { token: tokens[name] } })),
      contexts: names.map((name) => ({ name, context: { cluster: 'controlplane', user: name } })),
      'current-context': names[0],
    },
    undefined,
    2,
  )
}

/** Polls until `attempt` gives something, or throws what `onTimeout` says. */
export async function poll<T>(attempt: () => Promise<T | undefined> | T | undefined, timeoutMs: number, onTimeout: () => string): Promise<T> {
  for (const endMs = Date.now() + timeoutMs; ; await sleep(POLL_MS)) {
    const found = await attempt()
    if (found !== undefined) return found
    if (Date.now() > endMs) throw new Error(onTimeout())
  }
}

/** The users' view of the control plane that a connection names. */
export function connect(connection: Connection): Cluster {
  const { url, dir, tokens, hasControllerManager, kubectl } = connection
  const agent = new Agent({ keepAlive: true, ca: existsSync(caFileOf(dir)) ? readFileSync(caFileOf(dir)) : undefined })
  const readAuditLog = auditLogReader(join(dir, 'audit.log'))

  const kubeconfigFor = (user: string): string => {
    const token = tokens[user]
    if (token === undefined) throw new Error(`\`${user}\` is not a user of this control plane: ${Object.keys(tokens).join(', ')}`)
    const file = join(dir, `${encodeURIComponent(user)}.kubeconfig`)
    if (!existsSync(file)) writeFileSync(file, kubeconfigText(connection, { [user]: token }), { mode: 0o600 })
    return file
  }

  const request: Cluster['request'] = (method, path, { as = 'admin', body, contentType = 'application/json', timeoutMs = ANSWER_MS } = {}) =>
    new Promise((resolve, reject) => {
      const token = tokens[as]
      const who = token === undefined ? { authorization: `Bearer ${tokens['admin']}`, 'impersonate-user': as } : { authorization: `Bearer ${token}` }
      const headers = { accept: 'application/json', ...who, ...(body === undefined ? {} : { 'content-type': contentType }) }
      const message = httpsRequest(`${url}${path}`, { method, headers, agent, signal: AbortSignal.timeout(timeoutMs) }, (response) => {
        text(response).then((content) => {
          const isJson = response.headers['content-type']?.startsWith('application/json') ?? false
          resolve({ status: response.statusCode ?? 0, body: isJson ? parseBody(content) : content, warnings: warningTexts(response.rawHeaders) })
        }, reject)
      })
      message.on('error', reject)
      message.end(body === undefined ? undefined : JSON.stringify(body))
    })

  return {
    url,
    dir,
    hasControllerManager,
    kubectlPath: kubectl,
    caFile: caFileOf(dir),
    adminKubeconfig: join(dir, 'kubeconfig'),
    kubeconfigFor,
    request,
    auditEvents: readAuditLog,
    waitForAuditEvent: (isWanted, timeoutMs = WAIT_MS) =>
      poll(
        () => readAuditLog().find(isWanted),
        timeoutMs,
        () => `no such event in the audit log after ${timeoutMs} ms`,
      ),
    kubectl: async (args, { as = 'admin', input, kubeconfig, timeoutMs = ANSWER_MS } = {}) => {
      const hasToken = tokens[as] !== undefined
      const identity = ['--kubeconfig', kubeconfig ?? kubeconfigFor(hasToken ? as : 'admin'), ...(hasToken ? [] : ['--as', as])]
      const env = { ...process.env, KUBECONFIG: '', KUBECACHEDIR: join(dir, 'kubectl-cache') }
      const { child, end, stop } = await startTied(kubectl, [...identity, ...args], { env, ...(input === undefined ? {} : { input }) })
      const timer = setTimeout(() => void stop(), timeoutMs)
      const [stdout, stderr] = await Promise.all([child.stdout === null ? '' : text(child.stdout), child.stderr === null ? '' : text(child.stderr), end])
      clearTimeout(timer)
      return { code: child.exitCode ?? 128, stdout, stderr }
    },
    createNamespace: async (name, labels = {}) => {
      const { status, body } = await request('POST', '/api/v1/namespaces', { body: { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } } })
      if (status !== 201) throw new Error(`namespace \`${name}\` was not created: ${JSON.stringify(body)}`)
      if (!hasControllerManager) return
      const account = `/api/v1/namespaces/${name}/serviceaccounts/default`
      await poll(
        async () => ((await request('GET', account)).status === 200 ? true : undefined),
        WAIT_MS,
        () => `namespace \`${name}\` has no service account after ${WAIT_MS} ms`,
      )
    },
  }
}

/** A watch is answered with a line for each event: that is text, as what is no JSON at all. */
function parseBody(content: string): unknown {
  try {
    return JSON.parse(content)
  } catch {
    return content
  }
}

/** The texts of `Warning: 299 - "text"` headers, of which there may be many. */
function warningTexts(rawHeaders: readonly string[]): readonly string[] {
  return rawHeaders.flatMap((value, index) => {
    if (index % 2 === 0 || rawHeaders[index - 1]?.toLowerCase() !== 'warning') return []
    const quoted = /^299 \S+ ("(?:[^"\\]|\\.)*")/.exec(value)?.[1]
    return quoted === undefined ? [value] : [quoted.slice(1, -1).replace(/\\(.)/g, '$1')]
  })
}
