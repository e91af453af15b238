import { BEGIN_LINE, END_LINE, NO_WORD_BOUNDARY, type RegexProgram, WORD_BOUNDARY } from './regex-program.ts'

const NEWLINE: readonly number[] = [10, 10]
const WORDS: readonly number[] = [48, 57, 65, 90, 95, 95, 97, 122]

/** All characters, in classes of neighbours that no step of a program, and none of its assertions, tells apart. */
export class RuneClasses {
  // Where each class but the first begins.
  readonly #bounds: readonly number[]
  /** The class of each ASCII character. */
  readonly ascii: Uint8Array

  constructor({ instructions }: RegexProgram, asserts: number) {
    const bounds = new Set<number>()
    const add = (ranges: ArrayLike<number>): void => {
      for (let at = 0; at + 1 < ranges.length; at += 2) bounds.add(ranges[at] ?? 0).add((ranges[at + 1] ?? 0) + 1)
    }
    for (const step of instructions) if (step.kind === 'rune') add(step.runes)
    if ((asserts & (BEGIN_LINE | END_LINE)) !== 0) add(NEWLINE)
    if ((asserts & (WORD_BOUNDARY | NO_WORD_BOUNDARY)) !== 0) add(WORDS)
    bounds.delete(0)
    this.#bounds = Array.from(bounds).sort((a, b) => a - b)
    this.ascii = Uint8Array.from({ length: 128 }, (_, rune) => this.of(rune))
  }

  /** How many classes there are. */
  get count(): number {
    return this.#bounds.length + 1
  }

  /** The class of a character. */
  of(rune: number): number {
    let low = 0
    let high = this.#bounds.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#bounds[middle] ?? 0) <= rune) low = middle + 1
      else high = middle
    }
    return low
  }

  /** A character of a class. */
  member(kind: number): number {
    return kind === 0 ? 0 : (this.#bounds[kind - 1] ?? 0)
  }
}
