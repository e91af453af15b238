import { createHash } from 'node:crypto'
import type { KubernetesObject } from '../api/index.ts'
import type { Logger } from '../evidence/index.ts'
import type { Cluster } from './cluster.ts'

export interface EventDraft {
  readonly regarding: KubernetesObject
  readonly type: 'Normal' | 'Warning'
  readonly reason: string
  readonly action: string
  readonly note: string
}

/** Equal Events within this time are one. */
const SILENCE_MS = 10 * 60 * 1000
const MAX_REMEMBERED = 1000
const MAX_NOTE_CHARACTERS = 1000
const CONTROLLER = 'bylaw.dev/operator'

/** Writes Events, never on the way of a request: what is told already is not told again for ten minutes, and what fails is logged and left. */
export class EventWriter {
  readonly #cluster: Cluster
  readonly #instance: string
  readonly #now: () => Date
  readonly #logger: Logger
  readonly #told = new Map<string, number>()

  constructor(options: { readonly cluster: Cluster; readonly instance: string; readonly now: () => Date; readonly logger: Logger }) {
    this.#cluster = options.cluster
    this.#instance = options.instance
    this.#now = options.now
    this.#logger = options.logger
  }

  write(draft: EventDraft): void {
    const { metadata, kind } = draft.regarding
    const key = [kind, metadata.namespace ?? '', metadata.name ?? '', draft.reason, draft.note].join('\n')
    const now = this.#now()
    const last = this.#told.get(key)
    if (last !== undefined && now.getTime() - last < SILENCE_MS) return
    this.#told.delete(key)
    this.#told.set(key, now.getTime())
    const [oldest] = this.#told.keys()
    if (this.#told.size > MAX_REMEMBERED && oldest !== undefined) this.#told.delete(oldest)
    this.#post(draft, key, now).catch((error: unknown) => {
      this.#logger.warn('event could not be written', { reason: draft.reason, error: error instanceof Error ? error.message : String(error) })
    })
  }

  async #post({ regarding, type, reason, action, note }: EventDraft, key: string, now: Date): Promise<void> {
    // Events of cluster-scoped objects live in `default`.
    const namespace = regarding.metadata.namespace ?? 'default'
    const digest = createHash('sha256').update(key).digest('hex').slice(0, 8)
    const name = `${regarding.metadata.name ?? 'object'}.${digest}${now.getTime().toString(16)}`
    const { apiVersion, kind, metadata } = regarding
    await this.#cluster.create(
      { group: 'events.k8s.io', version: 'v1', resource: 'events', namespace, name },
      {
        apiVersion: 'events.k8s.io/v1',
        kind: 'Event',
        metadata: { name, namespace },
        eventTime: now.toISOString().replace('Z', '000Z'),
        type,
        reason,
        action,
        note: [...note].slice(0, MAX_NOTE_CHARACTERS).join(''),
        regarding: {
          apiVersion,
          kind,
          name: metadata.name ?? '',
          ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }),
          ...(metadata.uid === undefined ? {} : { uid: metadata.uid }),
        },
        reportingController: CONTROLLER,
        reportingInstance: this.#instance,
      },
    )
  }
}
