import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { KubeConfig, type RequestContext, type User } from '@kubernetes/client-node'
import { isRecord, OperationalError, parseYamlDocuments } from '../api/index.ts'

type Dispatcher = ReturnType<RequestContext['getDispatcher']>

/** The files that users of a kubeconfig have their tokens in, by name of user. */
function tokenFilesOf(text: string): ReadonlyMap<string, string> {
  const documents = parseYamlDocuments(text)
  const [root] = documents.ok ? documents.value : []
  const users: readonly unknown[] = isRecord(root) && Array.isArray(root['users']) ? root['users'] : []
  return new Map(
    users.filter(isRecord).flatMap(({ name, user }): (readonly [string, string])[] => {
      const file = isRecord(user) ? user['tokenFile'] : undefined
      return typeof name === 'string' && typeof file === 'string' ? [[name, file]] : []
    }),
  )
}

/** The user with the token that its file has at that time: such tokens end, and the next one is put there before. */
function withTokenFile({ authProvider: _provider, ...user }: User, file: string): User {
  let last = readFileSync(file, 'utf8').trim()
  return {
    ...user,
    get token() {
      try {
        last = readFileSync(file, 'utf8').trim()
      } catch {
        // A file that is just being replaced: the token before is good for a while.
      }
      return last
    },
  }
}

function tokenFileOf({ authProvider }: User): string | undefined {
  const config: unknown = authProvider?.config
  const file = isRecord(config) ? config['tokenFile'] : undefined
  return typeof file === 'string' ? file : undefined
}

/** A KubeConfig that keeps its connections (the library would open one, with a TLS handshake, for every request) and reads files of tokens again. */
export class PooledKubeConfig extends KubeConfig {
  #dispatcher: Dispatcher | undefined

  /** Knows `tokenFile`, which the library leaves out. */
  override loadFromFile(...given: Parameters<KubeConfig['loadFromFile']>): void {
    super.loadFromFile(...given)
    const [file] = given
    const tokenFiles = tokenFilesOf(readFileSync(file, 'utf8'))
    this.users = this.users.map((user) => {
      const tokenFile = tokenFiles.get(user.name)
      return tokenFile === undefined ? user : withTokenFile(user, resolve(dirname(file), tokenFile))
    })
  }

  override loadFromCluster(pathPrefix?: string): void {
    super.loadFromCluster(pathPrefix)
    this.users = this.users.map((user) => {
      const tokenFile = tokenFileOf(user)
      return tokenFile === undefined ? user : withTokenFile(user, tokenFile)
    })
  }

  override async applySecurityAuthentication(context: RequestContext): Promise<void> {
    await super.applySecurityAuthentication(context)
    this.#dispatcher ??= context.getDispatcher()
    if (this.#dispatcher !== undefined) context.setDispatcher(this.#dispatcher)
  }
}

export interface KubeConfigSource {
  /** A kubeconfig file; without it the usual places are tried, the Pod's own account last. */
  readonly file?: string | undefined
  readonly context?: string | undefined
}

/** Loads the credentials; throws an OperationalError that names the file. */
export function loadKubeConfig({ file, context }: KubeConfigSource): PooledKubeConfig {
  const config = new PooledKubeConfig()
  try {
    if (file === undefined) config.loadFromDefault()
    else config.loadFromFile(file)
  } catch (error) {
    const what = error instanceof Error ? error.message : 'unreadable'
    throw new OperationalError('ConfigUnreadable', `kubeconfig ${file === undefined ? '' : `\`${file}\``}: ${what}`, { isRetryable: false, cause: error })
  }
  if (context !== undefined) {
    if (config.getContextObject(context) === null) {
      throw new OperationalError('ConfigUnreadable', `kubeconfig: no context \`${context}\``, { isRetryable: false })
    }
    config.setCurrentContext(context)
  }
  if (config.getCurrentCluster() === null) throw new OperationalError('ConfigUnreadable', 'kubeconfig: no current cluster', { isRetryable: false })
  return config
}

const POD_NAMESPACE_FILE = '/var/run/secrets/kubernetes.io/serviceaccount/namespace'

/** The namespace of the Pod that this process runs in; undefined outside a cluster. */
export function ownPodNamespace(): string | undefined {
  try {
    return readFileSync(POD_NAMESPACE_FILE, 'utf8').trim()
  } catch {
    return undefined
  }
}
