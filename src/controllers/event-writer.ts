import { createHash } from 'node:crypto'
import { type KubernetesObject, OperationalError } from '../api/index.ts'
import type { Logger } from '../evidence/index.ts'
import type { Cluster } from './cluster.ts'

export interface EventDraft {
  readonly regarding: KubernetesObject
  readonly type: 'Normal' | 'Warning'
  readonly reason: string
  readonly action: string
  readonly note: string
  /** What makes two of them the same; the note without it. */
  readonly about?: string
  /** Told once, whichever instance tells it, for as long as the cluster keeps Events. */
  readonly isOnce?: boolean
}

/** What became of an Event. */
export type EventFate = 'written' | 'repeated' | 'dropped' | 'failed'

export interface EventWriterOptions {
  readonly cluster: Cluster
  readonly instance: string
  readonly now: () => Date
  readonly logger: Logger
  readonly onFate?: (fate: EventFate) => void
}

/** Equal Events within this time are one. */
const SILENCE_MS = 10 * 60 * 1000
const MAX_REMEMBERED = 2000
const MAX_NOTE_CHARACTERS = 1000
/** So many at once, and so many a second in the long run. */
const BURST = 30
const PER_SECOND = 2
const CONTROLLER = 'bylaw.dev/operator'

interface Told {
  readonly atMs: number
  /** How often it came again since. */
  repeats: number
}

/** Writes Events, never on the way of a request: what is told already is counted for ten minutes instead of told again, their rate is bounded, and what fails is logged and left. */
export class EventWriter {
  readonly #options: EventWriterOptions
  readonly #told = new Map<string, Told>()
  #allowance = BURST
  #refilledMs = 0

  constructor(options: EventWriterOptions) {
    this.#options = options
  }

  write(draft: EventDraft): void {
    const { now, logger, onFate = () => {} } = this.#options
    const { metadata, kind } = draft.regarding
    const key = [kind, metadata.namespace ?? '', metadata.name ?? '', metadata.uid ?? '', draft.reason, draft.about ?? draft.note].join('\n')
    const nowMs = now().getTime()
    const last = this.#told.get(key)
    if (last !== undefined && (draft.isOnce === true || nowMs - last.atMs < SILENCE_MS)) {
      last.repeats += 1
      onFate('repeated')
      return
    }
    if (!this.#takeAllowance(nowMs)) {
      onFate('dropped')
      return
    }
    this.#told.delete(key)
    this.#told.set(key, { atMs: nowMs, repeats: 0 })
    const [oldest] = this.#told.keys()
    if (this.#told.size > MAX_REMEMBERED && oldest !== undefined) this.#told.delete(oldest)
    const note =
      last === undefined || last.repeats === 0 ? draft.note : `${draft.note} (and ${last.repeats} times more since ${new Date(last.atMs).toISOString()})`
    this.#post({ ...draft, note }, key).then(
      () => onFate('written'),
      (error: unknown) => {
        onFate('failed')
        logger.warn('event could not be written', { reason: draft.reason, error: error instanceof Error ? error.message : String(error) })
      },
    )
  }

  #takeAllowance(nowMs: number): boolean {
    this.#allowance = Math.min(BURST, this.#allowance + (Math.max(0, nowMs - this.#refilledMs) / 1000) * PER_SECOND)
    this.#refilledMs = nowMs
    if (this.#allowance < 1) return false
    this.#allowance -= 1
    return true
  }

  async #post({ regarding, type, reason, action, note, isOnce }: EventDraft, key: string): Promise<void> {
    const { cluster, instance } = this.#options
    const now = this.#options.now()
    // Events of cluster-scoped objects live in `default`.
    const namespace = regarding.metadata.namespace ?? 'default'
    const digest = createHash('sha256').update(key).digest('hex').slice(0, 12)
    const name = `${regarding.metadata.name ?? 'object'}.${digest}${isOnce === true ? '' : now.getTime().toString(16)}`
    const { apiVersion, kind, metadata } = regarding
    try {
      await cluster.create(
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
          reportingInstance: instance,
        },
      )
    } catch (error) {
      // Another instance has told it.
      if (!(isOnce === true && error instanceof OperationalError && error.code === 'KubeConflict')) throw error
    }
  }
}
