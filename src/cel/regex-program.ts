import type { RE2JS } from 're2js'

/** One step of a compiled regular expression, as RE2 defines them. */
export type Instruction =
  | { readonly kind: 'rune'; readonly out: number; readonly runes: ArrayLike<number>; readonly matches: (rune: number) => boolean }
  | { readonly kind: 'either'; readonly out: number; readonly other: number }
  | { readonly kind: 'assertion'; readonly out: number; readonly needs: number }
  | { readonly kind: 'jump'; readonly out: number }
  | { readonly kind: 'match' }
  | { readonly kind: 'fail' }

/** The steps of a regular expression and where they start. */
export interface RegexProgram {
  readonly instructions: readonly Instruction[]
  readonly start: number
}

/** What an assertion may ask for: bits of `needs`. */
export const BEGIN_LINE = 1
export const END_LINE = 2
export const BEGIN_TEXT = 4
export const END_TEXT = 8
export const WORD_BOUNDARY = 16
export const NO_WORD_BOUNDARY = 32

const OPERATIONS: ReadonlyMap<number, Instruction['kind']> = new Map<number, Instruction['kind']>([
  [1, 'either'],
  [2, 'either'],
  [3, 'jump'],
  [4, 'assertion'],
  [5, 'fail'],
  [6, 'match'],
  [7, 'jump'],
  [8, 'rune'],
  [9, 'rune'],
  [10, 'rune'],
  [11, 'rune'],
])
const FOLD_CASE = 1

interface RawInstruction {
  readonly op: number
  readonly out: number
  readonly arg: number
  readonly runes: Int32Array
  matchRune(rune: number): boolean
}

function isRaw(value: unknown): value is RawInstruction {
  if (typeof value !== 'object' || value === null) return false
  if (!('op' in value && 'out' in value && 'arg' in value && 'runes' in value && 'matchRune' in value)) return false
  return typeof value.op === 'number' && typeof value.out === 'number' && typeof value.arg === 'number' && value.runes instanceof Int32Array
}

// Bounds of ranges in all steps: a class such as `\pL` has a thousand, and makes more classes than are kept apart.
const MAX_BOUNDS = 1_000

/** Reads the steps that the library compiled a pattern to; `undefined` where there is one whose meaning is not known here, or too much to it. */
export function readProgram(program: RE2JS): RegexProgram | undefined {
  const { inst, start }: { readonly inst: readonly unknown[]; readonly start: number } = program.re2().prog
  const instructions: Instruction[] = []
  let bounds = 0
  for (const raw of inst) {
    const read = isRaw(raw) ? readInstruction(raw) : undefined
    if (read?.kind === 'rune') bounds += read.runes.length
    if (read === undefined || bounds > MAX_BOUNDS) return undefined
    instructions.push(read)
  }
  return { instructions, start }
}

function readInstruction(raw: RawInstruction): Instruction | undefined {
  const { out, arg } = raw
  const kind = OPERATIONS.get(raw.op)
  switch (kind) {
    case 'rune': {
      const runes = raw.runes.length === 1 ? variantsOf(raw.runes[0] ?? 0, (arg & FOLD_CASE) !== 0) : raw.runes
      return runes === undefined ? undefined : { kind, out, runes, matches: (rune) => raw.matchRune(rune) }
    }
    case 'either':
      return { kind, out, other: arg }
    case 'assertion':
      return { kind, out, needs: arg }
    case 'jump':
      return { kind, out }
    case 'match':
    case 'fail':
      return { kind }
    case undefined:
      return undefined
  }
}

const KELVIN_SIGN = 0x212a
const LONG_S = 0x17f

// A single character as ranges, with those that differ from it in case only; beyond ASCII their list is the library's own.
function variantsOf(rune: number, isFolded: boolean): readonly number[] | undefined {
  if (!isFolded) return [rune, rune]
  if (rune >= 128) return undefined
  const letter = String.fromCharCode(rune)
  const [lower, upper] = [letter.toLowerCase().charCodeAt(0), letter.toUpperCase().charCodeAt(0)]
  return [lower, lower, upper, upper, KELVIN_SIGN, KELVIN_SIGN, LONG_S, LONG_S]
}
