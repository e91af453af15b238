import { beforeAll, describe, expect, test } from '@jest/globals'
import { evaluateLine } from '../../src/cel/index.ts'
import { isSameVerdict, verdictOf } from '../oracle/compare.ts'
import { askOracle, buildOracle } from '../oracle/oracle.ts'
import { type ConformanceCase, comparable, conformanceCases } from './conformance.ts'
import { DECIDED_OTHERWISE_BY_KUBERNETES, FILES_LEFT_OUT, MAKES_MESSAGES, REFUSED_BY_KUBERNETES } from './conformance-left-out.ts'

const differing = new Set([...REFUSED_BY_KUBERNETES, ...DECIDED_OTHERWISE_BY_KUBERNETES])

const fileOf = ({ name }: { readonly name: string }): string => name.slice(0, name.indexOf('/'))

const all = conformanceCases()
const cases: ConformanceCase[] = []
for (const { name, expression, variables, expected } of all) {
  if (fileOf({ name }) in FILES_LEFT_OUT || MAKES_MESSAGES.test(expression) || expected === undefined || variables === undefined) continue
  cases.push({ name, expression, variables, expected })
}

function line({ expression, variables }: ConformanceCase): string {
  return `{"expression":${JSON.stringify(expression)},"variables":${variables ?? '{}'}}`
}

function ask(conformanceCase: ConformanceCase): string {
  const answer: unknown = JSON.parse(evaluateLine(line(conformanceCase)))
  return typeof answer === 'object' && answer !== null && 'value' in answer ? comparable(answer.value) : 'error'
}

describe('the suite of the CEL specification', () => {
  test('has as many cases as counted, of which these apply to Kubernetes', () => {
    expect({ all: all.length, used: cases.length }).toEqual({ all: 2344, used: 1338 })
  })

  const files = [...new Set(cases.map(fileOf))]
  test.each(files)('%s', (file) => {
    const applicable = cases.filter((one) => fileOf(one) === file && !differing.has(one.name))
    expect(applicable.map((one) => [one.name, one.expression, ask(one)])).toEqual(applicable.map((one) => [one.name, one.expression, one.expected]))
  })
})

describe('what is left out of it for Kubernetes’ sake', () => {
  const listed = cases.filter((one) => differing.has(one.name))
  let answers: readonly string[] = []
  beforeAll(async () => {
    answers = await askOracle(await buildOracle(), listed.map(line))
  }, 600_000)

  test('is all there and differs from the specification', () => {
    expect(new Set(listed.map((one) => one.name))).toEqual(differing)
    expect(listed.filter((one) => ask(one) === one.expected)).toEqual([])
  })

  test('is judged as Kubernetes judges it', () => {
    const wrong = listed.filter((one, position) => !isSameVerdict(verdictOf(answers[position] ?? '{}'), verdictOf(evaluateLine(line(one)))))
    expect(wrong).toEqual([])
  })
})
