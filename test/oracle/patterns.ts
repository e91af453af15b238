import type { Random } from './random.ts'

/** A part of a pattern as policies have it, with texts that match it. */
type Part = readonly [pattern: string, ...matching: readonly string[]]

const PARTS: readonly Part[] = [
  ['registry[.]', 'registry.'],
  ['v[0-9]+', 'v1', 'v20', 'v007'],
  ['[a-z0-9-]+', 'a', 'web-1', 'x-y-z'],
  ['[a-z]([-a-z0-9]*[a-z0-9])?', 'a', 'a-1', 'abc'],
  ['[^/]+', 'team', 'é😀', 'a b'],
  ['[^a]', 'b', '😀', '\n', '\u2028'],
  ['/', '/'],
  [':', ':'],
  ['\\.', '.'],
  ['.', 'x', 'é', '😀', '\r'],
  ['.*', '', 'anything', 'two words'],
  ['.+?', 'x', 'lazy'],
  ['(?s:.)', '\n', 'x'],
  ['\\d{1,3}', '1', '255'],
  ['\\d{2}', '12'],
  ['\\w+', 'word', 'a_1'],
  ['\\W', ' ', 'é', '😀'],
  ['\\s', ' ', '\t', '\n', '\f'],
  ['\\S+', 'solid', '\u00a0'],
  ['(?:prod|staging|dev)', 'prod', 'staging', 'dev'],
  ['(a|ab)(c|bcd)?', 'a', 'abc', 'abcd', 'abbcd'],
  ['(?:a*)*', '', 'aaa'],
  ['(?:a|b)+', 'ab', 'bba'],
  ['(x+x+)+y', 'xxy', 'xxxxy'],
  ['(?i:key)', 'key', 'KEY', '\u212aey'],
  ['(?i:s)', 's', 'S', '\u017f'],
  ['(?i:é)', 'é', 'É'],
  ['(?i:[j-l])', 'k', 'K', '\u212a'],
  ['[😀-😂]', '😀', '😁'],
  ['😀', '😀'],
  ['\\pL', 'a', 'é', 'α', '中'],
  ['\\p{Lu}?', '', 'A', 'Σ'],
  ['[[:alpha:]]', 'a', 'Z'],
  ['\\b', ''],
  ['\\B', ''],
  ['(?m:^)', ''],
  ['(?m:$)', ''],
  ['\\A', ''],
  ['\\z', ''],
  ['^', ''],
  ['$', ''],
]
const NOISE = ['a', 'Z', '0', '-', '.', '/', ':', ' ', '\n', '\r', 'é', '😀', '\u212a', '\u017f', 'x', 'k', '_']
const MOST_PARTS = 5

/** A pattern like those of policies, and texts that match it, nearly match it, or have nothing to do with it. */
export interface PatternCase {
  readonly pattern: string
  readonly texts: readonly string[]
}

/** Makes a pattern out of parts, and `count` texts for it. */
export function randomPatternCase(random: Random, count: number): PatternCase {
  const parts = Array.from({ length: 1 + random.below(MOST_PARTS) }, () => random.pick(PARTS))
  const body = parts.map(([pattern]) => pattern).join('')
  const [start, end] = [random.chance(0.6) ? '^' : '', random.chance(0.6) ? '$' : '']
  const pattern = random.chance(0.15) ? `${start}(?:${body}|${random.pick(PARTS)[0]})${end}` : `${start}${body}${end}`
  return { pattern, texts: Array.from({ length: count }, () => textFor(random, parts)) }
}

function textFor(random: Random, parts: readonly Part[]): string {
  if (random.chance(0.1)) return Array.from({ length: random.below(8) }, () => random.pick(NOISE)).join('')
  const text = parts.map(([, ...matching]) => random.pick(matching)).join('')
  if (random.chance(0.5)) return text
  const chars = Array.from(text)
  const at = random.below(chars.length + 1)
  chars.splice(at, random.below(2), ...(random.chance(0.6) ? [random.pick(NOISE)] : []))
  return chars.join('')
}
