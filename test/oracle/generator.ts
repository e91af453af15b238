import { GRAMMAR, type GrammarType } from './grammar.ts'
import { randomObject } from './objects.ts'
import type { Random } from './random.ts'

/** An expression and the object it is asked of, both as text. */
export interface Pair {
  readonly expression: string
  readonly object: string
}

const TYPES = Object.keys(GRAMMAR).filter((name): name is GrammarType => name in GRAMMAR)
const WRONG_TYPE = 0.01

/** Generates expressions by the grammar; deep ones end in the shortest ways to write a type. */
class Generator {
  readonly #random: Random
  #variables = 0

  constructor(random: Random) {
    this.#random = random
  }

  expression(type: GrammarType, depth: number): string {
    const wanted = this.#random.chance(WRONG_TYPE) ? this.#random.pick(TYPES) : type
    const choices = GRAMMAR[wanted]
    const leaves = choices.filter((choice) => !choice.includes('{') || choice === '{}')
    const template = depth <= 0 && leaves.length > 0 ? this.#random.pick(leaves) : this.#random.pick(choices)
    return this.#fill(template, depth)
  }

  #fill(template: string, depth: number): string {
    let variable = ''
    return template.replace(/\{(#|@|[a-z]+)\}/g, (whole, name: string) => {
      if (name === '#') {
        variable = `x${this.#variables++}`
        return variable
      }
      if (name === '@') return variable
      const type = TYPES.find((candidate) => candidate === name)
      if (type === undefined) return whole
      const text = this.expression(type, depth - 1)
      return /^(?:[a-zA-Z0-9_.]+|'[^']*'|\[[^\]]*\])$/.test(text) && !/^[0-9]/.test(text) ? text : `(${text})`
    })
  }
}

/** Makes pairs; the same seed makes the same ones. */
export function generatePairs(random: Random, count: number): readonly Pair[] {
  const objects = Array.from({ length: Math.max(1, Math.ceil(count / 100)) }, () => randomObject(random))
  return Array.from({ length: count }, () => {
    const generator = new Generator(random)
    const type = random.chance(0.6) ? 'bool' : random.pick(TYPES)
    return { expression: generator.expression(type, 1 + random.below(4)), object: random.pick(objects) }
  })
}
