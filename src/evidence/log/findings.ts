/** What verification can find. A `note` says what nobody has to have done; a `problem` says that the log is not what was written. */
export type FindingCode =
  | 'Changed'
  | 'Missing'
  | 'Repeated'
  | 'Reordered'
  | 'MissingSegment'
  | 'MissingChain'
  | 'CutTail'
  | 'WrongKey'
  | 'ClockBackwards'
  | 'OpenEnd'
  | 'TornLine'
  | 'Dropped'

/** One thing that verification found. */
export interface LogFinding {
  readonly severity: 'problem' | 'note'
  readonly code: FindingCode
  readonly chain: string
  readonly file?: string
  /** Number of the line in the chain. */
  readonly seq?: number
  readonly message: string
}

const MAX_OF_A_KIND = 100

/** Gathers findings; of each kind no more than a hundred, the rest as a number. */
export class Findings {
  readonly #all: LogFinding[] = []
  readonly #counts = new Map<FindingCode, number>()
  #problems = 0

  add(finding: LogFinding): void {
    const count = (this.#counts.get(finding.code) ?? 0) + 1
    this.#counts.set(finding.code, count)
    if (finding.severity === 'problem') this.#problems += 1
    if (count <= MAX_OF_A_KIND) this.#all.push(finding)
  }

  get list(): readonly LogFinding[] {
    return this.#all
  }

  get problems(): number {
    return this.#problems
  }

  /** How many there are of each kind, those that are not listed included. */
  get counts(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counts)
  }
}
