import { isRecord, OperationalError } from '../api/index.ts'
import { type KubeClient, TooLong } from './client.ts'

/** How much of a resource is kept at most: objects, and bytes of their JSON. */
export interface WatchLimits {
  readonly objects: number
  readonly bytes: number
}

/** There is more of a resource than may be kept. */
export class OutOfBounds extends Error {}

type Json = Readonly<Record<string, unknown>>

const PAGE_OBJECTS = 250
const MEBIBYTE = 1024 * 1024
/** Of a page as the API server sends it: what is not kept is as long again. */
const PAGE_BYTES = 64 * MEBIBYTE
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration'

/** Takes off, in place, what no policy has a use for: it is often as large as the object. */
function strip(object: object): void {
  if (!('metadata' in object) || typeof object.metadata !== 'object' || object.metadata === null) return
  const { metadata } = object
  if ('managedFields' in metadata) delete metadata.managedFields
  if (!('annotations' in metadata) || typeof metadata.annotations !== 'object' || metadata.annotations === null) return
  if (LAST_APPLIED in metadata.annotations) Reflect.deleteProperty(metadata.annotations, LAST_APPLIED)
}

function keyOf(object: object): string {
  const metadata = 'metadata' in object && isRecord(object.metadata) ? object.metadata : {}
  return `${String(metadata['namespace'] ?? '')}/${String(metadata['name'] ?? '')}`
}

/** Keeps account of the objects of one resource, and makes them no larger than they have to be. */
export class Account {
  readonly #limits: WatchLimits
  readonly #sizes = new Map<string, number>()
  readonly #measured = new WeakSet<object>()
  #bytes = 0

  constructor(limits: WatchLimits) {
    this.#limits = limits
  }

  /** Why there is too much, or undefined. */
  get excess(): string | undefined {
    const { objects, bytes } = this.#limits
    if (this.#sizes.size > objects) return `there are more than ${objects}`
    return this.#bytes > bytes ? `they take more than ${bytes / MEBIBYTE} MiB` : undefined
  }

  /** Counts an object, in place of an earlier one of its name; what nobody needs is taken off it. */
  put(object: object): void {
    if (this.#measured.has(object)) return
    strip(object)
    this.#measured.add(object)
    this.remove(object)
    const size = JSON.stringify(object).length
    this.#sizes.set(keyOf(object), size)
    this.#bytes += size
  }

  remove(object: object): void {
    const key = keyOf(object)
    this.#bytes -= this.#sizes.get(key) ?? 0
    this.#sizes.delete(key)
  }
}

/** Lists a resource page by page into an account; stops with `OutOfBounds` as soon as there is too much. */
export async function listInPages(client: Pick<KubeClient, 'send'>, path: string, account: Account): Promise<Json & { readonly items: readonly Json[] }> {
  const items: Json[] = []
  let token = ''
  for (;;) {
    const page = await readPage(client, `${path}?limit=${PAGE_OBJECTS}${token === '' ? '' : `&continue=${encodeURIComponent(token)}`}`)
    for (const item of (Array.isArray(page['items']) ? page['items'] : []).filter(isRecord)) {
      account.put(item)
      items.push(item)
      if (account.excess !== undefined) throw new OutOfBounds(account.excess)
    }
    const metadata = isRecord(page['metadata']) ? page['metadata'] : {}
    token = typeof metadata['continue'] === 'string' ? metadata['continue'] : ''
    if (token === '') return { ...page, items }
  }
}

async function readPage(client: Pick<KubeClient, 'send'>, path: string): Promise<Json> {
  try {
    const page = await client.send({ method: 'GET', path, limitBytes: PAGE_BYTES, timeoutMs: 30_000 })
    return isRecord(page) ? page : {}
  } catch (error) {
    if (error instanceof OperationalError && error.cause instanceof TooLong)
      throw new OutOfBounds(`${PAGE_OBJECTS} of them take more than ${PAGE_BYTES / MEBIBYTE} MiB`)
    throw error
  }
}
