import { setTimeout as sleep } from 'node:timers/promises'
import { type KubernetesObject, OperationalError } from '../../api/index.ts'
import {
  type DraftReport,
  digestOf,
  type Logger,
  REPORT_API,
  REPORT_DEFINITIONS,
  type ReportContent,
  type ReportDigest,
  type ReportNaming,
  toReports,
  withTimes,
} from '../../evidence/index.ts'
import type { ObjectSource } from './ports.ts'

export interface ReportWriterOptions {
  readonly source: ObjectSource
  readonly create: (path: string, object: KubernetesObject) => Promise<void>
  readonly find: (path: string) => Promise<KubernetesObject | undefined>
  readonly naming: ReportNaming
  readonly now: () => Date
  readonly logger: Logger
}

const MANAGER = 'bylaw-scan'
const WRITES_PER_SECOND = 10
const PAGE = 50
const DEFINITIONS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'
const PAGE_BYTES = 32 * 1024 * 1024

const collectionOf = (namespace: string): string => {
  const root = `/apis/${REPORT_API.group}/${REPORT_API.version}`
  return namespace === '' ? `${root}/clusterpolicyreports` : `${root}/namespaces/${encodeURIComponent(namespace)}/policyreports`
}
const pathOf = ({ namespace, name }: { readonly namespace: string; readonly name: string }): string => `${collectionOf(namespace)}/${name}`

interface Stored {
  readonly digest: ReportDigest
  /** When it was written from here; 0 where it was there before. */
  readonly writtenMs: number
}

/** A change of counts alone waits that long: Pods come and go all the time. */
const COUNTS_EVERY_MS = 30_000

/** Writes reports where they differ from what is stored: nothing is written that is there already, and what is ours and not wanted any more goes. */
export class ReportWriter {
  readonly #options: ReportWriterOptions
  /** The stored reports, by namespace and name. */
  #stored = new Map<string, Map<string, Stored>>()
  written = 0
  failed = 0

  constructor(options: ReportWriterOptions) {
    this.#options = options
  }

  /** Number of reports that are stored. */
  get count(): number {
    return [...this.#stored.values()].reduce((sum, reports) => sum + reports.size, 0)
  }

  /** The namespaces that have reports. */
  namespaces(): readonly string[] {
    return [...this.#stored.keys()]
  }

  /** Makes the definitions of reports that nobody has brought; those of others are left as they are. */
  async #define(): Promise<void> {
    for (const definition of REPORT_DEFINITIONS) {
      try {
        await this.#options.create(DEFINITIONS, definition)
      } catch (error) {
        if (error instanceof OperationalError && error.code === 'KubeConflict') continue
        const message = `the cluster has no PolicyReports: apply \`manifests/reports\` (${error instanceof Error ? error.message : String(error)})`
        throw new OperationalError('KubeForbidden', message, { isRetryable: true, cause: error })
      }
      this.#options.logger.info('definition of reports made', { name: definition.metadata.name })
    }
  }

  /** Reads what is stored; returns the namespaces where others have changed it since. */
  async load(): Promise<readonly string[]> {
    const found = new Map<string, Map<string, Stored>>()
    try {
      for (const resource of ['policyreports', 'clusterpolicyreports']) await this.#loadAll(resource, found)
    } catch (error) {
      if (!(error instanceof OperationalError && error.code === 'KubeNotFound')) throw error
      await this.#define()
      throw new OperationalError('KubeUnavailable', 'reports are not served yet', { isRetryable: true, cause: error })
    }
    const before = this.#stored
    this.#stored = found
    const isSame = (namespace: string): boolean => {
      const [a, b] = [before.get(namespace), found.get(namespace)]
      return a?.size === b?.size && [...(a ?? [])].every(([name, { digest }]) => b?.get(name)?.digest.whole === digest.whole)
    }
    return [...new Set([...before.keys(), ...found.keys()])].filter((namespace) => !isSame(namespace))
  }

  async #loadAll(resource: string, found: Map<string, Map<string, Stored>>): Promise<void> {
    const { source, naming } = this.#options
    const labelSelector = Object.entries(naming.labels)
      .map(([key, value]) => `${key}=${value}`)
      .join(',')
    let next: string | undefined
    do {
      const page = await source.page(
        { ...REPORT_API, resource },
        { limit: PAGE, limitBytes: PAGE_BYTES, labelSelector, ...(next === undefined ? {} : { next }) },
      )
      for (const report of page.items) {
        const { name = '', namespace = '' } = report.metadata
        const own = found.get(namespace) ?? new Map<string, Stored>()
        found.set(namespace, own.set(name, { digest: digestOf(report), writtenMs: 0 }))
      }
      next = page.next
    } while (next !== undefined)
  }

  /** Brings the reports of one namespace in line; false where a change may wait, and does. */
  async write(content: ReportContent | undefined, namespace: string): Promise<boolean> {
    const stored = this.#stored.get(namespace) ?? new Map<string, Stored>()
    const wanted = content === undefined ? [] : toReports(content, stored.size, this.#options.naming)
    let isDone = true
    for (const draft of wanted) {
      const known = stored.get(draft.name)
      if (known?.digest.whole === draft.digest.whole) continue
      if (known?.digest.rows === draft.digest.rows && Date.now() - known.writtenMs < COUNTS_EVERY_MS) {
        isDone = false
        continue
      }
      await this.#rated(() => this.#put(draft))
      stored.set(draft.name, { digest: draft.digest, writtenMs: Date.now() })
      this.#stored.set(namespace, stored)
    }
    const names = new Set(wanted.map(({ name }) => name))
    for (const name of [...stored.keys()].filter((known) => !names.has(known))) {
      await this.#rated(() => this.#options.source.remove(pathOf({ namespace, name })))
      stored.delete(name)
    }
    if (stored.size === 0) this.#stored.delete(namespace)
    return isDone
  }

  async #put({ namespace, name, object }: DraftReport): Promise<void> {
    const { source, find, now } = this.#options
    const path = pathOf({ namespace, name })
    await source.apply(path, MANAGER, withTimes(object, await find(path), now()))
    this.written += 1
  }

  async #rated(work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      this.failed += 1
      throw error
    }
    await sleep(1000 / WRITES_PER_SECOND, undefined, { ref: false })
  }
}
