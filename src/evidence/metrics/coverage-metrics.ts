import type { AdmissionRequest } from '../../api/index.ts'
import type { Decision } from '../../decide/index.ts'
import type { RuleSet } from '../../rules/index.ts'
import type { Cell, Families, SeriesFamily } from './series.ts'

/** A resource that the cluster serves. */
export interface ServedResource {
  readonly group: string
  readonly resource: string
  /** Whether there are objects of it that can be listed; where that is not known, there may be. */
  readonly isListable?: boolean
}

/** Resources that have series of their own; what comes after is counted together. */
const MAX_RESOURCES = 500
const OTHER = 'other'
/** Counting anew pauses after this time, so that no review waits longer for it. */
const SLICE_MS = 2

interface RequestCells {
  readonly judged: Cell
  readonly unjudged: Cell
}

/** How much of what happens in the cluster some policy judges. */
export class CoverageMetrics {
  readonly #requests: SeriesFamily
  readonly #unjudged: SeriesFamily
  readonly #resources: SeriesFamily
  readonly #byResource = new Map<string, Map<string, RequestCells>>()
  readonly #other: RequestCells
  #served: ReadonlySet<string> = new Set()
  #counting = 0

  constructor(families: Families) {
    this.#requests = families.counter(
      'bylaw_coverage_requests_total',
      'Requests that the API server asked about, by whether some policy judged them, dry runs aside',
      ['group', 'resource', 'judged'],
    )
    this.#resources = families.gauge('bylaw_resources', 'Kinds of objects that the cluster serves, by whether some policy judges them', ['judged'])
    for (const judged of ['true', 'false']) this.#resources.cell(judged)
    this.#unjudged = families.gauge('bylaw_resource_unjudged', '1 for a kind of objects that no policy judges', ['group', 'resource'])
    this.#other = this.#cellsOf(OTHER, OTHER)
  }

  recordDecision({ outcomes }: Decision, { resource, dryRun }: Pick<AdmissionRequest, 'resource' | 'dryRun'>): void {
    if (dryRun) return
    const cells = this.#byResource.get(resource.group)?.get(resource.resource) ?? this.#register(resource)
    const isJudged = outcomes.some(({ result }) => result !== 'skip')
    if (isJudged) cells.judged.value += 1
    else cells.unjudged.value += 1
  }

  /** Works out anew which resources some policy judges, a little at a time; a later call takes over. */
  async count(resources: readonly ServedResource[], { candidates }: Pick<RuleSet, 'candidates'>): Promise<void> {
    this.#counting += 1
    const turn = this.#counting
    const listable = resources.filter(({ isListable }) => isListable !== false)
    this.#served = new Set(listable.map(({ group, resource }) => `${group}/${resource}`))
    const unjudged: ServedResource[] = []
    let pauseMs = performance.now() + SLICE_MS
    for (const served of listable) {
      if (candidates(served.group, served.resource, '').length === 0) unjudged.push(served)
      if (performance.now() < pauseMs) continue
      await new Promise((resolve) => setImmediate(resolve))
      if (turn !== this.#counting) return
      pauseMs = performance.now() + SLICE_MS
    }
    this.#resources.cell('true').value = listable.length - unjudged.length
    this.#resources.cell('false').value = unjudged.length
    this.#unjudged.retain(() => false)
    for (const { group, resource } of unjudged.slice(0, MAX_RESOURCES)) this.#unjudged.cell(group, resource).value = 1
  }

  /** Names come from whoever can reach the door: only what the cluster serves gets series of its own. */
  #register({ group, resource }: AdmissionRequest['resource']): RequestCells {
    const known = [...this.#byResource.values()].reduce((sum, { size }) => sum + size, 0)
    return known < MAX_RESOURCES && this.#served.has(`${group}/${resource}`) ? this.#cellsOf(group, resource) : this.#other
  }

  #cellsOf(group: string, resource: string): RequestCells {
    const ofGroup = this.#byResource.get(group) ?? new Map<string, RequestCells>()
    this.#byResource.set(group, ofGroup)
    const cells = { judged: this.#requests.cell(group, resource, 'true'), unjudged: this.#requests.cell(group, resource, 'false') }
    ofGroup.set(resource, cells)
    return cells
  }
}
