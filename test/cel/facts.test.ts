import { readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import { evaluateLine, KNOWN_DIFFERENCES, type KnownDifference } from '../../src/cel/index.ts'

interface Answer {
  readonly value?: unknown
  readonly error?: string
  readonly compileError?: string
  readonly oracleError?: string
  readonly type?: string
  readonly cost?: number
}

interface Fact extends Answer {
  readonly topic: string
  readonly expression: string
}

function isFact(value: unknown): value is Fact {
  return typeof value === 'object' && value !== null && 'topic' in value && 'expression' in value
}

function isAnswer(value: unknown): value is Answer {
  return typeof value === 'object' && value !== null
}

const facts = readFileSync(new URL('./facts.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as unknown)
  .filter(isFact)

const OBJECT =
  '{"i":1,"d":1.5,"s":"abc","n":null,"b":true,"l":[1,2],"m":{"a":1},"big":9007199254740993,"mixed":[1,"a",null],"strs":["b","a"],"args":null,"labels":{"app":"x"},"e":[]}'

function ask(expression: string): Answer {
  const answer: unknown = JSON.parse(evaluateLine(`{"expression":${JSON.stringify(expression)},"variables":{"object":${OBJECT}}}`))
  return isAnswer(answer) ? answer : {}
}

/** What Kubernetes and we have to agree on: value and type, or that there is an error, or that it does not compile. */
function verdict({ value, error, compileError, oracleError, type }: Answer): unknown {
  if (oracleError !== undefined) return 'panic'
  if (compileError !== undefined) return 'compile error'
  return error !== undefined ? { error: 'error', type } : { value, type }
}

function known(aspect: KnownDifference['aspect']): ReadonlySet<string> {
  return new Set(KNOWN_DIFFERENCES.filter((difference) => difference.aspect === aspect).flatMap((difference) => difference.expressions))
}

const differing = known('verdict')

describe('every fact about Kubernetes holds here', () => {
  test('there are 437 of them', () => {
    expect(facts.length).toBe(437)
  })

  const topics = [...new Set(facts.map((fact) => fact.topic))]
  test.each(topics)('%s', (topic) => {
    const rows = facts.filter((fact) => fact.topic === topic && !differing.has(fact.expression))
    const ours = rows.map(({ expression }) => [expression, verdict(ask(expression))])
    expect(ours).toEqual(rows.map((fact) => [fact.expression, verdict(fact)]))
  })

  test('a known difference among them still differs', () => {
    const gone = facts
      .filter((fact) => differing.has(fact.expression))
      .filter((fact) => JSON.stringify(verdict(ask(fact.expression))) === JSON.stringify(verdict(fact)))
    expect(gone).toEqual([])
  })
})

describe('costs are those of Kubernetes', () => {
  const priced = facts
    .map((fact) => ({ expression: fact.expression, cost: fact.cost, ours: ask(fact.expression).cost }))
    .filter((fact) => fact.cost !== undefined && fact.ours !== undefined)

  test('exactly, but for the expressions listed as different', () => {
    const different = priced.filter((fact) => fact.ours !== fact.cost).map((fact) => fact.expression)
    const listed = [...known('cost')].filter((expression) => facts.some((fact) => fact.expression === expression))
    expect(new Set(different)).toEqual(new Set(listed))
  })

  test('within two units also there, but for what really is much work', () => {
    const far = priced.filter((fact) => Math.abs((fact.ours ?? 0) - (fact.cost ?? 0)) > 2).map((fact) => fact.expression)
    expect(new Set(far)).toEqual(new Set(['lists.range(-1)', "'%s'.format([{'a': 1, 'b': [1.5, 'x', null]}])", "'%s'.format([object])"]))
  })
})
