import { describe, expect, test } from '@jest/globals'
import { Environment } from '@marcbachmann/cel-js'
import { evaluateLine } from '../../src/cel/index.ts'
import { verdictOf } from '../oracle/compare.ts'
import { generatePairs } from '../oracle/generator.ts'
import { Random } from '../oracle/random.ts'

// What the library does not have, or is known to do otherwise than Kubernetes: it is asked about the core of the language alone.
const BEYOND_THE_CORE =
  /quantity|semver|\bip\(|cidr|isIP|isCIDR|url|isURL|format|optional|\.\?|\[\?|\{\?|sets|lists|sort|distinct|reverse|slice|flatten|isSorted|includes|sum\(|max\(|min\(|transform|first\(|last\(|find|quote|exists_one|bytes|b'|duration|timestamp|get[A-Z]|type|Of\(|charAt|substring|replace|split|join|trim|Ascii|uint|[0-9]u|constructor|toString|indexOf|1e300|0\.0 \/ 0\.0|double\(|string\(|int\(|bool\(|, i,|, v,|a\/b|matches|[<>]/i

function asBigInts(value: unknown): unknown {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : value
  if (Array.isArray(value)) return value.map(asBigInts)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, held]) => [key, asBigInts(held)]))
}

const environment = new Environment({ unlistedVariablesAreDyn: true, homogeneousAggregateLiterals: false })

function secondOpinion(expression: string, object: string): boolean | undefined {
  try {
    const value: unknown = environment.evaluate(expression, { object: asBigInts(JSON.parse(object)) })
    return typeof value === 'boolean' ? value : undefined
  } catch {
    return undefined
  }
}

describe('an independent library is of the same opinion', () => {
  test('on every expression of the core that gives both of us a verdict', () => {
    // The library's reader of numbers has no doubles like `1.0` and no integers beyond 2^53 to tell apart.
    const pairs = generatePairs(new Random(8), 60_000).filter(
      ({ expression, object }) => !BEYOND_THE_CORE.test(expression) && !/[0-9]\.0|[0-9]e[0-9]|[0-9]{16}/.test(object),
    )
    let compared = 0
    const different: unknown[] = []
    for (const { expression, object } of pairs) {
      const { kind, value } = verdictOf(evaluateLine(`{"expression":${JSON.stringify(expression)},"variables":{"object":${object}}}`))
      const theirs = kind === 'value' && (value === 'true' || value === 'false') ? secondOpinion(expression, object) : undefined
      if (theirs === undefined) continue
      compared++
      if (String(theirs) !== value) different.push({ expression, object, ours: value, theirs })
    }
    expect(different).toEqual([])
    expect(compared).toBeGreaterThan(1_000)
  }, 120_000)
})
