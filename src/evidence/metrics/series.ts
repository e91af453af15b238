/** One figure; whoever counts holds on to it, so that counting is no more than an addition. */
export interface Cell {
  value: number
}

/** Something that shows itself in Prometheus' text format. */
export interface Family {
  /** The lines of its series, each ended, under its two lines of explanation. */
  text(): string
}

const escapeLabel = (text: string): string => text.replace(/[\\"\n]/g, (character) => (character === '\n' ? '\\n' : `\\${character}`))

const headOf = (name: string, help: string, type: string): string => `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`

const labelsText = (names: readonly string[], values: readonly string[]): string =>
  names.map((name, index) => `${name}="${escapeLabel(values[index] ?? '')}"`).join(',')

export interface FamilyOptions {
  readonly name: string
  readonly help: string
  readonly labelNames: readonly string[]
}

/** Figures of one name told apart by labels. Unlike those of the library, counting hashes and allocates nothing, and what is shown of a series is put together once. */
export class SeriesFamily implements Family {
  readonly #head: string
  readonly #options: FamilyOptions
  readonly #series = new Map<string, { readonly labels: readonly string[]; readonly prefix: string; readonly cell: Cell }>()

  constructor(type: 'counter' | 'gauge', options: FamilyOptions) {
    this.#options = options
    this.#head = headOf(options.name, options.help, type)
  }

  /** The figure with these values of the labels; made at zero where it is new. */
  cell(...labels: readonly string[]): Cell {
    const { name, labelNames } = this.#options
    const text = labelsText(labelNames, labels)
    const known = this.#series.get(text)
    if (known !== undefined) return known.cell
    const cell: Cell = { value: 0 }
    this.#series.set(text, { labels, prefix: labelNames.length === 0 ? `${name} ` : `${name}{${text}} `, cell })
    return cell
  }

  /** Lets the series go that `keeps` does not hold on to. */
  retain(keeps: (labels: readonly string[], cell: Cell) => boolean): void {
    for (const [key, { labels, cell }] of this.#series) if (!keeps(labels, cell)) this.#series.delete(key)
  }

  text(): string {
    let text = this.#head
    for (const { prefix, cell } of this.#series.values()) text += `${prefix}${cell.value}\n`
    return text
  }
}

/** Figures that are worked out when they are asked for. */
export class ComputedFamily implements Family {
  readonly #head: string
  readonly #options: FamilyOptions
  readonly #compute: () => Iterable<readonly [labels: readonly string[], value: number]>

  constructor(type: 'counter' | 'gauge', options: FamilyOptions, compute: () => Iterable<readonly [labels: readonly string[], value: number]>) {
    this.#options = options
    this.#head = headOf(options.name, options.help, type)
    this.#compute = compute
  }

  text(): string {
    const { name, labelNames } = this.#options
    let text = this.#head
    for (const [labels, value] of this.#compute()) text += `${name}${labelNames.length === 0 ? '' : `{${labelsText(labelNames, labels)}}`} ${value}\n`
    return text
  }
}

/** How measured values of one series are distributed. */
export class Distribution {
  readonly #bounds: readonly number[]
  readonly #counts: Float64Array
  #sum = 0

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds
    this.#counts = new Float64Array(bounds.length + 1)
  }

  observe(value: number): void {
    let index = 0
    for (const bound of this.#bounds) {
      if (value <= bound) break
      index += 1
    }
    this.#counts[index] = (this.#counts[index] ?? 0) + 1
    this.#sum += value
  }

  text(name: string, labels: string): string {
    let text = ''
    let total = 0
    const separator = labels === '' ? '' : ','
    for (const [index, count] of this.#counts.entries()) {
      total += count
      text += `${name}_bucket{${labels}${separator}le="${this.#bounds[index] ?? '+Inf'}"} ${total}\n`
    }
    const braced = labels === '' ? '' : `{${labels}}`
    return `${text}${name}_sum${braced} ${this.#sum}\n${name}_count${braced} ${total}\n`
  }
}

/** Distributions of one name told apart by labels. */
export class HistogramFamily implements Family {
  readonly #head: string
  readonly #options: FamilyOptions
  readonly #bounds: readonly number[]
  readonly #series = new Map<string, Distribution>()

  constructor(options: FamilyOptions, bounds: readonly number[]) {
    this.#options = options
    this.#bounds = bounds
    this.#head = headOf(options.name, options.help, 'histogram')
  }

  /** The distribution with these values of the labels; made empty where it is new. */
  distribution(...labels: readonly string[]): Distribution {
    const text = labelsText(this.#options.labelNames, labels)
    const known = this.#series.get(text)
    if (known !== undefined) return known
    const fresh = new Distribution(this.#bounds)
    this.#series.set(text, fresh)
    return fresh
  }

  text(): string {
    let text = this.#head
    for (const [labels, distribution] of this.#series) text += distribution.text(this.#options.name, labels)
    return text
  }
}

/** The families that are shown, in the order in which they were made. */
export class Families {
  readonly #all: Family[] = []

  counter(name: string, help: string, labelNames: readonly string[] = []): SeriesFamily {
    return this.#add(new SeriesFamily('counter', { name, help, labelNames }))
  }

  gauge(name: string, help: string, labelNames: readonly string[] = []): SeriesFamily {
    return this.#add(new SeriesFamily('gauge', { name, help, labelNames }))
  }

  histogram(name: string, help: string, labelNames: readonly string[], bounds: readonly number[]): HistogramFamily {
    return this.#add(new HistogramFamily({ name, help, labelNames }, bounds))
  }

  /** A gauge whose figures are worked out at every look. */
  computed(name: string, help: string, labelNames: readonly string[], compute: () => Iterable<readonly [labels: readonly string[], value: number]>): void {
    this.#add(new ComputedFamily('gauge', { name, help, labelNames }, compute))
  }

  /** A gauge without labels that is worked out at every look. */
  figure(name: string, help: string, compute: () => number): void {
    this.computed(name, help, [], () => [[[], compute()]])
  }

  [Symbol.iterator](): Iterator<Family> {
    return this.#all[Symbol.iterator]()
  }

  #add<T extends Family>(family: T): T {
    this.#all.push(family)
    return family
  }
}
