import { isRecord, OperationalError } from '../api/index.ts'
import { type KubeClient, resourcePath } from './client.ts'
import type { PooledKubeConfig } from './kube-config.ts'

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')

/** What reading evidence asks of a cluster. */
export class KubeEvidence {
  readonly #client: KubeClient
  readonly #config: PooledKubeConfig

  constructor(client: KubeClient, config: PooledKubeConfig) {
    this.#client = client
    this.#config = config
  }

  /** The data of a ConfigMap. */
  async heads(namespace: string, name: string): Promise<Readonly<Record<string, unknown>>> {
    const object = await this.#client.find(resourcePath({ group: '', version: 'v1', resource: 'configmaps', namespace, name }))
    if (object === undefined) throw new OperationalError('KubeNotFound', `there is no ConfigMap \`${namespace}/${name}\``, { isRetryable: false })
    return isRecord(object['data']) ? object['data'] : {}
  }

  /** Where a registration says that its operator is, where that can be reached from outside, and the authorities that it names. */
  async door(registration: string): Promise<{ readonly url: string | undefined; readonly ca: string }> {
    const address = { group: 'admissionregistration.k8s.io', version: 'v1', resource: 'validatingwebhookconfigurations', name: registration }
    const object = await this.#client.find(resourcePath(address))
    const webhooks: readonly unknown[] = Array.isArray(object?.['webhooks']) ? object['webhooks'] : []
    const config = webhooks
      .filter(isRecord)
      .map((webhook) => webhook['clientConfig'])
      .find(isRecord)
    if (config === undefined) throw new OperationalError('KubeNotFound', `there is no registration \`${registration}\``, { isRetryable: false })
    const url = textOf(config['url'])
    return { url: url === '' ? undefined : new URL(url).origin, ca: Buffer.from(textOf(config['caBundle']), 'base64').toString('utf8') }
  }

  /** The bearer token of the kubeconfig, from whatever gives it. */
  async token(): Promise<string | undefined> {
    const options: { headers?: Readonly<Record<string, unknown>> } = {}
    await this.#config.applyToHTTPSOptions(options)
    const header = Object.entries(options.headers ?? {}).find(([name]) => name.toLowerCase() === 'authorization')?.[1]
    return /^Bearer (\S+)$/i.exec(textOf(header))?.[1]
  }
}
