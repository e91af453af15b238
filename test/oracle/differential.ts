import { evaluateLine, KNOWN_DIFFERENCES } from '../../src/cel/index.ts'
import { isSameVerdict, type Verdict, verdictOf } from './compare.ts'
import { generatePairs, type Pair } from './generator.ts'
import { askOracle } from './oracle.ts'
import { randomPatternCase } from './patterns.ts'
import { Random } from './random.ts'

/** A pair on which Kubernetes and we differ. */
export interface Difference extends Pair {
  readonly kubernetes: Verdict
  readonly ours: Verdict
}

/** What came of comparing many pairs. */
export interface Comparison {
  readonly differences: readonly Difference[]
  /** How many pairs Kubernetes gave each kind of verdict. */
  readonly kinds: Readonly<Record<Verdict['kind'], number>>
  /** Pairs that differ in a way that is listed. */
  readonly known: number
  /** Pairs on which Kubernetes differs from itself: Go walks maps in random order. */
  readonly undecided: number
}

const BATCH = 5_000
const markers = KNOWN_DIFFERENCES.filter((difference) => difference.aspect === 'verdict').flatMap((difference) => difference.marker ?? [])

/** The line that asks for one expression. */
export function questionLine(id: number, expression: string, object: string): string {
  return `{"id":${id},"expression":${JSON.stringify(expression)},"variables":{"object":${object}}}`
}

/** Asks both engines all lines, and tells on which they differ. */
export async function compareLines(
  oracle: string,
  lines: readonly string[],
): Promise<readonly { readonly line: string; readonly kubernetes: Verdict; readonly ours: Verdict }[]> {
  const answers = await askOracle(oracle, lines)
  return lines
    .map((line, position) => ({ line, kubernetes: verdictOf(answers[position] ?? '{}'), ours: verdictOf(evaluateLine(line)) }))
    .filter(({ kubernetes, ours }) => !isSameVerdict(kubernetes, ours))
}

const TEXTS_PER_PATTERN = 25

/** Lines that ask which texts match a pattern, of `pairs` patterns with texts in all; half of the patterns stand in the expression. */
export function patternLines(random: Random, pairs: number): readonly string[] {
  return Array.from({ length: Math.ceil(pairs / TEXTS_PER_PATTERN) }, (_, position) => {
    const { pattern, texts } = randomPatternCase(random, TEXTS_PER_PATTERN)
    const object = JSON.stringify({ p: pattern, t: texts })
    return questionLine(position, `object.t.map(s, s.matches(${random.chance(0.5) ? 'object.p' : JSON.stringify(pattern)}))`, object)
  })
}

const ASKED_AGAIN = 20

async function isUndecided(oracle: string, line: string, first: Verdict): Promise<boolean> {
  const answers = await askOracle(
    oracle,
    Array.from({ length: ASKED_AGAIN }, () => line),
  )
  return answers.some((answer) => !isSameVerdict(verdictOf(answer), first))
}

/** Compares `count` random pairs, in batches; `report` hears how many are done. */
export async function compareRandomPairs(oracle: string, seed: number, count: number, report: (done: number) => void = () => {}): Promise<Comparison> {
  const random = new Random(seed)
  const differences: Difference[] = []
  const kinds = { value: 0, error: 0, 'compile error': 0, 'no answer': 0 }
  let known = 0
  let undecided = 0
  for (let done = 0; done < count; done += BATCH) {
    const pairs = generatePairs(random, Math.min(BATCH, count - done))
    const lines = pairs.map(({ expression, object }, position) => questionLine(position, expression, object))
    const answers = await askOracle(oracle, lines)
    for (const [position, pair] of pairs.entries()) {
      const kubernetes = verdictOf(answers[position] ?? '{}')
      const ours = verdictOf(evaluateLine(lines[position] ?? ''))
      kinds[kubernetes.kind]++
      if (isSameVerdict(kubernetes, ours)) continue
      if (markers.some((marker) => kubernetes.text?.includes(marker) === true)) known++
      else if (await isUndecided(oracle, lines[position] ?? '', kubernetes)) undecided++
      else differences.push({ ...pair, kubernetes, ours })
    }
    report(done + pairs.length)
  }
  return { differences, kinds, known, undecided }
}
