import { BUILT_IN_RESOURCES, isEqualJson } from '../api/index.ts'
import type { Logger } from '../evidence/index.ts'
import type { ServedVersions } from '../rules/index.ts'
import type { Cluster, DiscoveredResource } from './cluster.ts'
import { Loop } from './loop.ts'

const REFRESH_MS = 30_000

/** Knows which resources the cluster serves, in which versions; until it does, those of Kubernetes itself. */
export class DiscoverySync {
  readonly #cluster: Cluster
  readonly #onChange: () => void
  readonly #loop: Loop
  #hasStarted = false
  #resources: readonly DiscoveredResource[] = BUILT_IN_RESOURCES
  #byName: ReadonlyMap<string, DiscoveredResource> = indexOf(BUILT_IN_RESOURCES)

  constructor(cluster: Cluster, logger: Logger, onChange: () => void) {
    this.#cluster = cluster
    this.#onChange = onChange
    this.#loop = new Loop('discovery', () => this.#run(), logger)
  }

  /** Resolves after the first complete reading. */
  async start(): Promise<void> {
    await this.#run()
    this.#hasStarted = true
    this.#loop.every(REFRESH_MS)
  }

  stop(): void {
    this.#loop.stop()
  }

  /** Reads again soon, as when a policy names something that is not known. */
  request(): void {
    this.#loop.request()
  }

  readonly servedVersions: ServedVersions = (group, resource) => this.#byName.get(`${group}/${resource}`)?.versions

  readonly isNamespaced = (group: string, resource: string): boolean | undefined => this.#byName.get(`${group}/${resource}`)?.isNamespaced

  /** Everything that is served. */
  resources(): readonly DiscoveredResource[] {
    return this.#resources
  }

  readonly findKind = (group: string, version: string, kind: string): DiscoveredResource | undefined => {
    const found = this.#resources.find((resource) => resource.group === group && resource.kind === kind && resource.versions.includes(version))
    if (found === undefined) this.#loop.request(REFRESH_MS / 10)
    return found
  }

  async #run(): Promise<void> {
    const resources = await this.#cluster.discover()
    if (isEqualJson(resources, this.#resources)) return
    this.#resources = resources
    this.#byName = indexOf(resources)
    // The first reading is nobody's news: whoever needs it waits for `start`.
    if (this.#hasStarted) this.#onChange()
  }
}

function indexOf(resources: readonly DiscoveredResource[]): ReadonlyMap<string, DiscoveredResource> {
  return new Map(resources.map((resource) => [`${resource.group}/${resource.resource}`, resource]))
}
