import { isKubernetesObject, isRecord, type KubernetesObject } from '../api/index.ts'
import { type KubeClient, resourcePath } from './client.ts'

const EXCEPTIONS = { group: 'bylaw.dev', version: 'v1', resource: 'policyexceptions' } as const

/** Reads and patches PolicyExceptions, and nothing else. */
export class KubeExceptions {
  readonly #client: KubeClient

  constructor(client: KubeClient) {
    this.#client = client
  }

  find(namespace: string, name: string): Promise<KubernetesObject | undefined> {
    return this.#client.find(resourcePath({ ...EXCEPTIONS, namespace, name }))
  }

  async list(namespace: string | undefined): Promise<readonly KubernetesObject[]> {
    const list = await this.#client.send({ method: 'GET', path: resourcePath({ ...EXCEPTIONS, namespace }) })
    const items = isRecord(list) && Array.isArray(list['items']) ? list['items'] : []
    return items.map((item: unknown) => (isRecord(item) ? { apiVersion: 'bylaw.dev/v1', kind: 'PolicyException', ...item } : item)).filter(isKubernetesObject)
  }

  patch({ metadata }: KubernetesObject, patch: unknown, isDryRun: boolean, onWarning: (text: string) => void): Promise<KubernetesObject> {
    const path = resourcePath({ ...EXCEPTIONS, namespace: metadata.namespace, name: metadata.name })
    return this.#client.sendForObject({
      method: 'PATCH',
      path: `${path}${isDryRun ? '?dryRun=All' : ''}`,
      body: patch,
      contentType: 'application/merge-patch+json',
      onWarning,
    })
  }
}
