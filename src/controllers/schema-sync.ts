import { OperationalError, type Policy, parseApiVersion } from '../api/index.ts'
import type { Logger } from '../evidence/index.ts'
import {
  type CompileIssue,
  fieldIssues,
  type KindSchema,
  meetsNeed,
  type ResourceSchema,
  readOpenApi,
  type SchemaNeed,
  type ServedVersions,
  schemaCatalogue,
  schemaNeeds,
} from '../rules/index.ts'
import type { OpenApiReader } from './cluster.ts'
import { Loop } from './loop.ts'

export interface SchemaSyncOptions {
  readonly reader: OpenApiReader
  /** The policies whose kinds are of interest. */
  readonly policies: () => readonly Policy[]
  readonly servedVersions: ServedVersions
  readonly logger: Logger
  /** Called where policies may be judged differently than before. */
  readonly onChange: () => void
}

const SETTLE_MS = 500
/** A definition can change its schema without a change of what is served. */
const REFRESH_MS = 30_000
const MOST_DOCUMENTS = 100

interface ReadDocument {
  /** The address, which has a digest of the document in it, and what of it was needed. */
  readonly key: string
  readonly resources: readonly ResourceSchema[]
}

/** Knows the schemas of the kinds that policies judge, and of no others; what it does not know is not judged. */
export class SchemaSync {
  readonly #options: SchemaSyncOptions
  readonly #loop: Loop
  #documents: ReadonlyMap<string, ReadDocument> = new Map()
  #catalogue = schemaCatalogue([])
  #issues = new WeakMap<Policy, readonly CompileIssue[]>()
  #refusal = ''

  constructor(options: SchemaSyncOptions) {
    this.#options = options
    this.#loop = new Loop('schemas', () => this.#run(), options.logger, SETTLE_MS)
    this.#loop.every(REFRESH_MS)
  }

  /** Asks for a run: the policies, or what the cluster serves, may have changed. */
  request(): void {
    this.#loop.request()
  }

  stop(): void {
    this.#loop.stop()
  }

  /** The fields that a policy reads and its kinds do not have, as far as their schemas have been read; remembered for each policy. */
  readonly issuesOf = (policy: Policy): readonly CompileIssue[] => {
    const known = this.#issues.get(policy)
    if (known !== undefined) return known
    const issues = fieldIssues(policy, this.#catalogue, this.#options.servedVersions)
    this.#issues.set(policy, issues)
    return issues
  }

  /** The schema of a kind, as far as a policy names it and it has been read. */
  readonly ofKind = (apiVersion: string, kind: string): KindSchema | undefined => {
    const { group, version } = parseApiVersion(apiVersion)
    return this.#catalogue.ofKind(group, version, kind)
  }

  async #run(): Promise<void> {
    const needs = this.#needs()
    const documents = needs.size === 0 ? new Map<string, ReadDocument>() : await this.#read(needs)
    this.#issues = new WeakMap()
    const isSame = documents.size === this.#documents.size && [...documents].every(([name, document]) => this.#documents.get(name) === document)
    if (isSame) return
    this.#documents = documents
    this.#catalogue = schemaCatalogue([...documents.values()].flatMap(({ resources }) => resources))
    this.#options.onChange()
  }

  /** What is needed of each document, by the document's name. */
  #needs(): ReadonlyMap<string, readonly SchemaNeed[]> {
    const { policies, servedVersions } = this.#options
    const all = policies().flatMap((policy) => schemaNeeds(policy, servedVersions))
    const byName = Map.groupBy(all, ({ group, version }) => (group === '' ? `api/${version}` : `apis/${group}/${version}`))
    return new Map([...byName].toSorted(([a], [b]) => (a < b ? -1 : 1)).slice(0, MOST_DOCUMENTS))
  }

  async #read(needs: ReadonlyMap<string, readonly SchemaNeed[]>): Promise<ReadonlyMap<string, ReadDocument>> {
    const index = await this.#index()
    const documents = new Map<string, ReadDocument>()
    // One after the other: each may have some megabytes until what is needed has been taken out.
    for (const [name, wanted] of needs) {
      const address = index.get(name)
      if (address === undefined) continue
      const key = `${address} ${[...new Set(wanted.map((need) => ('kind' in need ? need.kind : need.resource)))].toSorted().join(' ')}`
      const known = this.#documents.get(name)
      documents.set(name, known?.key === key ? known : { key, resources: await this.#resourcesAt(address, wanted) })
    }
    return documents
  }

  async #index(): Promise<ReadonlyMap<string, string>> {
    try {
      return await this.#options.reader.openApiIndex()
    } catch (error) {
      if (!(error instanceof OperationalError && (error.code === 'KubeForbidden' || error.code === 'KubeNotFound'))) throw error
      if (error.message !== this.#refusal) this.#options.logger.warn('schemas cannot be read; fields of policies are not checked', { error: error.message })
      this.#refusal = error.message
      return new Map()
    }
  }

  async #resourcesAt(address: string, wanted: readonly SchemaNeed[]): Promise<readonly ResourceSchema[]> {
    const read = readOpenApi(await this.#options.reader.openApiDocument(address), (resource) => wanted.some((need) => meetsNeed(need, resource)))
    if (read.ok) return read.value
    this.#options.logger.warn('schemas could not be read', { address, error: read.error })
    return []
  }
}
