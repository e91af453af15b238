import { readFileSync } from 'node:fs'
import { expect, test } from '@jest/globals'
import { BOOL, type CelType, compileExpression, DYN, functionTable, requestType } from '../../../src/cel/index.ts'
import { ABSENT, REFUSED } from '../../../tools/generate/dialect-claims.ts'

const variables = new Map<string, CelType>([
  ['object', DYN],
  ['request', requestType()],
])
const compiles = (source: string): boolean => compileExpression(source, { variables, resultTypes: [BOOL] }).ok

test.each(ABSENT.map(({ what, example }) => [what, example]))('the page says that there is no %s, and `%s` is refused', (_what, example) => {
  expect(compiles(example)).toBe(false)
})

test.each(REFUSED.map(({ example, instead }) => [example, instead]))('the page says that `%s` is refused and `%s` works', (example, instead) => {
  expect([compiles(example), compiles(instead)]).toEqual([false, true])
})

test('the page has every overload of every function', () => {
  const page = readFileSync('config/reference/cel.md', 'utf8')
  expect(functionTable().filter(({ signature }) => !page.includes(`\`${signature}\``))).toEqual([])
})

test('what the page says of the sizes of expressions is so', () => {
  const comparison = (length: number): string => `object.a == '${'x'.repeat(length - 14)}'`
  expect([compiles(comparison(99_999)), compiles(comparison(100_001 + 10))]).toEqual([true, false])
  const nested = (depth: number): string => `${'['.repeat(depth)}1${']'.repeat(depth)}.size() == 1`
  expect([compiles(nested(200)), compiles(nested(260))]).toEqual([true, false])
})
