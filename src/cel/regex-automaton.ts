import { BEGIN_LINE, BEGIN_TEXT, END_LINE, END_TEXT, type Instruction, NO_WORD_BOUNDARY, type RegexProgram, WORD_BOUNDARY } from './regex-program.ts'
import { RuneClasses } from './rune-classes.ts'

// What stood before the place a state stands for.
type Before = 'nothing' | 'newline' | 'word' | 'other'

interface State {
  readonly places: readonly number[]
  readonly before: Before
}

const END = -1
const UNKNOWN = -1
const NEWLINE = 10
/** The first two rows of the table: nothing can match any more, and something matched. */
const REFUSED = 0
const ACCEPTED = 1

const MAX_STATES = 128
const MAX_CLASSES = 64
/** Steps of the program looked at, over all states made: a pattern that needs more is left to the library. */
const MAX_WORK = 20_000

const isWord = (rune: number): boolean => (rune >= 48 && rune <= 57) || (rune >= 65 && rune <= 90) || rune === 95 || (rune >= 97 && rune <= 122)

/**
 * Tells whether a regular expression matches somewhere in a text, reading each character once. A state is a set of places in the program,
 * and is made when a text first leads to it. Where there would be too many, it gives up for good, and its maker lets it go.
 */
export class RegexAutomaton {
  readonly #program: RegexProgram
  readonly #classes: RuneClasses
  readonly #ascii: Uint8Array
  readonly #isAnchored: boolean
  readonly #asserts: number
  readonly #width: number
  readonly #states: State[] = []
  readonly #rows = new Map<string, number>()
  // A row for each state: the row that each class of characters, and last the end of the text, leads to.
  // An array: the engine reads one faster than an Int32Array it knows nothing about.
  readonly #table: number[] = []
  #work = 0
  #hasGivenUp: boolean
  readonly #first: number
  readonly #accepted: number
  // Where `scan` met a step that is not in the table yet.
  #stoppedAt = 0
  #stoppedIn = 0

  constructor(program: RegexProgram) {
    this.#program = program
    this.#asserts = program.instructions.reduce((all, step) => (step.kind === 'assertion' ? all | step.needs : all), 0)
    this.#classes = new RuneClasses(program, this.#asserts)
    this.#ascii = this.#classes.ascii
    this.#width = this.#classes.count + 1
    this.#accepted = ACCEPTED * this.#width
    this.#hasGivenUp = this.#classes.count > MAX_CLASSES
    this.#isAnchored = !this.#reach([program.start], ~BEGIN_TEXT).some(({ kind }) => kind === 'rune' || kind === 'match')
    this.#addRow([], 'other')
    this.#addRow([], 'other')
    this.#first = this.#rowOf([program.start], 'nothing')
  }

  /** Whether the expression matches somewhere in the text; `undefined` where only the library can tell. */
  test(text: string): boolean | undefined {
    if (this.#hasGivenUp) return undefined
    let row = this.#scan(text, 0, this.#first)
    while (row === UNKNOWN) {
      const at = this.#stoppedAt
      const next = this.#step(this.#stoppedIn, at < text.length ? this.#classAt(text, at) : this.#width - 1)
      if (next === UNKNOWN) return undefined
      row = next <= this.#accepted ? next : this.#scan(text, at + unitsAt(text, at), next)
    }
    return row === this.#accepted
  }

  // Reads on from a row, up to a verdict or to where the table says nothing yet.
  #scan(text: string, from: number, start: number): number {
    const table = this.#table
    const ascii = this.#ascii
    const accepted = this.#accepted
    const { length } = text
    let row = start
    let at = from
    while (at < length) {
      const unit = text.charCodeAt(at)
      const isAscii = unit < 128
      const next = table[row + (isAscii ? (ascii[unit] ?? 0) : this.#classAt(text, at))] ?? UNKNOWN
      if (next <= accepted) return next === UNKNOWN ? this.#stop(at, row) : next
      at += isAscii ? 1 : unitsAt(text, at)
      row = next
    }
    const last = table[row + this.#width - 1] ?? UNKNOWN
    return last === UNKNOWN ? this.#stop(length, row) : last
  }

  #stop(at: number, row: number): number {
    this.#stoppedAt = at
    this.#stoppedIn = row
    return UNKNOWN
  }

  #classAt(text: string, at: number): number {
    return this.#classes.of(text.codePointAt(at) ?? 0)
  }

  // Follows a state over a class of characters, and remembers where that leads; `UNKNOWN` where it gives up.
  #step(row: number, kind: number): number {
    const state = this.#states[row / this.#width]
    const next = state === undefined ? UNKNOWN : this.#follow(state, kind === this.#width - 1 ? END : this.#classes.member(kind))
    if (next === UNKNOWN || this.#work > MAX_WORK) {
      this.#hasGivenUp = true
      return UNKNOWN
    }
    this.#table[row + kind] = next
    return next
  }

  #follow({ places, before }: State, rune: number): number {
    const reached = this.#reach(places, assertionsAt(before, rune))
    const next: number[] = []
    for (const step of reached) {
      if (step.kind === 'match') return this.#accepted
      if (step.kind === 'rune' && rune !== END && step.matches(rune)) next.push(step.out)
    }
    if (rune === END) return REFUSED
    // A match may begin at every character, unless it has to begin with the text.
    if (!this.#isAnchored) next.push(this.#program.start)
    return next.length === 0 ? REFUSED : this.#rowOf(next, this.#contextOf(rune))
  }

  // Only what an assertion of this program can tell apart.
  #contextOf(rune: number): Before {
    if ((this.#asserts & BEGIN_LINE) !== 0 && rune === NEWLINE) return 'newline'
    return (this.#asserts & (WORD_BOUNDARY | NO_WORD_BOUNDARY)) !== 0 && isWord(rune) ? 'word' : 'other'
  }

  #rowOf(places: readonly number[], before: Before): number {
    const set = Array.from(new Set(places)).sort((a, b) => a - b)
    const key = `${before} ${set.join(' ')}`
    const known = this.#rows.get(key)
    if (known !== undefined) return known
    if (this.#states.length >= MAX_STATES) return UNKNOWN
    const row = this.#addRow(set, before)
    this.#rows.set(key, row)
    return row
  }

  #addRow(places: readonly number[], before: Before): number {
    this.#states.push({ places, before })
    for (let kind = 0; kind < this.#width; kind++) this.#table.push(UNKNOWN)
    return this.#table.length - this.#width
  }

  // The steps that are reached from some places without reading a character, where the assertions in `holds` hold.
  #reach(places: readonly number[], holds: number): readonly Instruction[] {
    const seen = new Set<number>()
    const open = Array.from(places)
    const reached: Instruction[] = []
    for (let place = open.pop(); place !== undefined; place = open.pop()) {
      const step = this.#program.instructions[place]
      if (step === undefined || seen.has(place)) continue
      seen.add(place)
      this.#work++
      if (step.kind === 'rune' || step.kind === 'match') reached.push(step)
      else if (step.kind === 'jump' || (step.kind === 'assertion' && (step.needs & ~holds) === 0)) open.push(step.out)
      else if (step.kind === 'either') open.push(step.out, step.other)
    }
    return reached
  }
}

const unitsAt = (text: string, at: number): number => ((text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1)

function assertionsAt(before: Before, rune: number): number {
  let holds = (before === 'word') === (rune !== END && isWord(rune)) ? NO_WORD_BOUNDARY : WORD_BOUNDARY
  if (before === 'nothing') holds |= BEGIN_TEXT | BEGIN_LINE
  if (before === 'newline') holds |= BEGIN_LINE
  if (rune === END) holds |= END_TEXT | END_LINE
  if (rune === NEWLINE) holds |= END_LINE
  return holds
}
