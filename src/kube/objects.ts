import { isKubernetesObject, isRecord, type KubernetesObject, OperationalError, parseJson } from '../api/index.ts'
import { type KubeClient, resourcePath } from './client.ts'

interface Collection {
  readonly group: string
  readonly version: string
  readonly resource: string
  readonly namespace?: string
}

interface PageRequest {
  readonly limit: number
  readonly limitBytes: number
  /** From the page before. */
  readonly next?: string
  readonly labelSelector?: string
}

interface Page {
  readonly items: readonly KubernetesObject[]
  /** The state that all pages of one list show. */
  readonly resourceVersion: string
  /** Undefined after the last page. */
  readonly next: string | undefined
}

type WatchEvent =
  | { readonly kind: 'changed' | 'deleted'; readonly object: KubernetesObject; readonly resourceVersion: string }
  | { readonly kind: 'bookmark'; readonly resourceVersion: string }

const PAGE_TIMEOUT_MS = 60_000
const WATCH_SLACK_MS = 20_000

/** Reads all objects of a resource once and follows them, page by page and event by event: nothing is kept. */
export class KubeObjects {
  readonly #client: KubeClient

  constructor(client: KubeClient) {
    this.#client = client
  }

  /** One page of a list; the first one shows the present state, the others the same state as the first. */
  async page(target: Collection, { limit, limitBytes, next, labelSelector }: PageRequest): Promise<Page> {
    const query = new URLSearchParams({ limit: String(limit) })
    if (next !== undefined) query.set('continue', next)
    if (labelSelector !== undefined) query.set('labelSelector', labelSelector)
    const path = `${resourcePath(target)}?${query}`
    const list = await this.#client.send({ method: 'GET', path, timeoutMs: PAGE_TIMEOUT_MS, limitBytes })
    const { metadata, items, apiVersion, kind } = isRecord(list) ? list : {}
    const { resourceVersion, continue: token } = isRecord(metadata) ? metadata : {}
    if (!Array.isArray(items) || typeof resourceVersion !== 'string' || typeof kind !== 'string') {
      throw new OperationalError('KubeUnavailable', `GET ${path}: not a list`, { isRetryable: true })
    }
    // The items of a list come without their own kind.
    const own = { apiVersion: String(apiVersion), kind: kind.replace(/List$/, '') }
    const objects = items.map((item: unknown) => (isRecord(item) ? { ...own, ...item } : item)).filter(isKubernetesObject)
    if (objects.length < items.length) throw new OperationalError('KubeUnavailable', `GET ${path}: not Kubernetes objects`, { isRetryable: true })
    return { items: objects, resourceVersion, next: typeof token === 'string' && token !== '' ? token : undefined }
  }

  /** What happens after a state, until the API server ends the watch; it begins with a bookmark of that state once the API server has accepted it. */
  async *watch(target: Collection, resourceVersion: string, seconds: number, signal: AbortSignal): AsyncGenerator<WatchEvent> {
    const query = new URLSearchParams({ watch: '1', resourceVersion, allowWatchBookmarks: 'true', timeoutSeconds: String(seconds) })
    const path = `${resourcePath(target)}?${query}`
    for await (const line of this.#client.lines({ path, idleMs: seconds * 1000 + WATCH_SLACK_MS, signal })) {
      yield line === '' ? { kind: 'bookmark', resourceVersion } : toEvent(path, line)
    }
  }

  /** Writes an object by server-side apply; it is made where there is none. */
  async apply(path: string, manager: string, object: KubernetesObject): Promise<void> {
    await this.#client.send({ method: 'PATCH', path: `${path}?fieldManager=${manager}&force=true`, contentType: 'application/apply-patch+yaml', body: object })
  }

  /** Deletes an object; one that is not there any more is no error. */
  async remove(path: string): Promise<void> {
    try {
      await this.#client.send({ method: 'DELETE', path })
    } catch (error) {
      if (!(error instanceof OperationalError && error.code === 'KubeNotFound')) throw error
    }
  }
}

function toEvent(path: string, line: string): WatchEvent {
  const json = parseJson(line)
  const { type, object } = json.ok && isRecord(json.value) ? json.value : {}
  if (type === 'ERROR') {
    const { code, message } = isRecord(object) ? object : {}
    throw new OperationalError(code === 410 ? 'KubeExpired' : 'KubeUnavailable', `GET ${path}: ${String(message)}`, { isRetryable: true })
  }
  if (type === 'BOOKMARK' && isRecord(object) && isRecord(object['metadata'])) {
    return { kind: 'bookmark', resourceVersion: String(object['metadata']['resourceVersion']) }
  }
  if (!isKubernetesObject(object)) throw new OperationalError('KubeUnavailable', `GET ${path}: not an event of a watch`, { isRetryable: true })
  return { kind: type === 'DELETED' ? 'deleted' : 'changed', object, resourceVersion: object.metadata.resourceVersion ?? '' }
}
