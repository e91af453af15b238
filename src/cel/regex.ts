import { RE2JS } from 're2js'
import type { CostBudget } from './cost.ts'
import { type CelError, fail } from './failure.ts'
import { RegexAutomaton } from './regex-automaton.ts'
import { readProgram } from './regex-program.ts'
import type { CelValue } from './values.ts'

/** A compiled regular expression of RE2: linear time, no lookaround, no backreference. */
export class Regex {
  readonly program: RE2JS
  /** How many instructions it has; matching costs by it. */
  readonly size: number
  readonly sourceLength: number
  // Made when it is first used; null where the library has to match.
  #automaton: RegexAutomaton | null | undefined

  constructor(program: RE2JS, sourceLength: number) {
    this.program = program
    this.size = program.programSize()
    this.sourceLength = sourceLength
  }

  /** Whether it matches somewhere in a text. */
  test(text: string): boolean {
    if (this.#automaton === undefined) this.#automaton = this.#makeAutomaton()
    const verdict = this.#automaton?.test(text)
    if (verdict !== undefined) return verdict
    this.#automaton = null
    return this.program.test(text)
  }

  #makeAutomaton(): RegexAutomaton | null {
    const program = this.size > MAX_AUTOMATON ? undefined : readProgram(this.program)
    return program === undefined ? null : new RegexAutomaton(program)
  }
}

const MAX_SOURCE = 10_000
const MAX_PROGRAM = 20_000
const MAX_AUTOMATON = 500
const CACHE_SIZE = 256

const cache = new Map<string, Regex | CelError>()

/** Compiles a pattern, or says why it is none. Recent patterns are kept. */
export function compileRegex(source: string): Regex | CelError {
  const known = cache.get(source)
  if (known !== undefined) return known
  const made = compileFresh(source)
  const oldest = cache.keys().next()
  if (cache.size >= CACHE_SIZE && oldest.done !== true) cache.delete(oldest.value)
  cache.set(source, made)
  return made
}

function compileFresh(source: string): Regex | CelError {
  if (source.length > MAX_SOURCE) return fail('InvalidArgument', `error parsing regexp: expression is longer than ${MAX_SOURCE} characters`)
  try {
    const program = compileProgram(source)
    if (program.programSize() > MAX_PROGRAM) return fail('InvalidArgument', 'error parsing regexp: expression is too large')
    return new Regex(program, source.length)
  } catch (cause) {
    return fail('InvalidArgument', cause instanceof Error ? cause.message : 'error parsing regexp')
  }
}

// Groups may share a name in Go, and names mean nothing here: where they clash they are dropped.
function compileProgram(source: string): RE2JS {
  try {
    return RE2JS.compile(source)
  } catch (cause) {
    if (!(cause instanceof Error && cause.message.includes('duplicate capture group name'))) throw cause
    return RE2JS.compile(source.replace(GROUP_NAME, (token) => (token.startsWith('(') ? '(' : token)))
  }
}

// Quoted texts, escapes and classes are matched first, so that nothing in them is taken for a group.
const GROUP_NAME = /\\Q[\s\S]*?(?:\\E|$)|\\[\s\S]|\[\^?\]?(?:\\[\s\S]|\[:[^\]]*:\]|[^\]\\])*\]|\(\?P?<\w+>/g

/** Charges a match: Kubernetes' formula by the length of the pattern, or by the size of the program where that is more. */
function chargeMatch(budget: CostBudget, text: string, regex: Regex): void {
  const perCharacter = Math.ceil(Math.max(regex.sourceLength, regex.size > 200 ? regex.size : 0) / 4)
  budget.charge(Math.ceil((1 + text.length) / 10) * perCharacter)
}

/** `text.matches(regex)`. */
export function matches(budget: CostBudget, text: string, regex: Regex): boolean {
  chargeMatch(budget, text, regex)
  return regex.test(text)
}

/** Whether a text has a match of a schema's pattern, as a schema means it; a pattern that cannot be read refuses nothing. */
export function fitsPattern(text: string, pattern: string): boolean {
  const regex = compileRegex(pattern)
  return !('program' in regex) || regex.program.test(text)
}

/** `text.find(regex)`: the first match, or an empty string. */
export function find(budget: CostBudget, text: string, regex: Regex): string {
  chargeMatch(budget, text, regex)
  const matcher = regex.program.matcher(text)
  return matcher.find() ? (matcher.group() ?? '') : ''
}

/** `text.findAll(regex, limit)`: all matches, or the first `limit` where that is not negative. */
export function findAll(budget: CostBudget, text: string, regex: Regex, limit: number): CelValue {
  chargeMatch(budget, text, regex)
  const found: string[] = []
  const matcher = regex.program.matcher(text)
  let end = -1
  while (found.length !== limit && matcher.find()) {
    const match = matcher.group() ?? ''
    // Go skips an empty match right behind the previous one.
    if (match === '' && matcher.start() === end) continue
    found.push(match)
    end = matcher.end()
  }
  return found
}
