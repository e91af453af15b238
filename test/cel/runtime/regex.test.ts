import { describe, expect, test } from '@jest/globals'
import { CostBudget, compileExpression, DYN } from '../../../src/cel/index.ts'
import { Random } from '../../oracle/random.ts'

function matched(pattern: string, text: string): unknown {
  const program = compileExpression(`object.text.matches(${JSON.stringify(pattern)})`, { variables: new Map([['object', DYN]]) })
  if (!program.ok) return program.error.map(({ message }) => message)
  const result = program.value.evaluate({ object: { text } }, new CostBudget({ perExpression: 1e9, total: 1e9 }))
  return result.ok ? result.value : result.error.message
}

describe('a regular expression', () => {
  test.each([
    ['matches anywhere in the text', 'b+', 'aabbaa', true],
    ['is bound to the beginning by `^`', '^b', 'ab', false],
    ['is bound to the end by `$`, not to a last line', 'a$', 'a\n', false],
    ['ends at a line with `(?m)`', '(?m)a$', 'a\nb', true],
    ['takes no line feed for `.`, but every other separator', '^.$', '\u2028', true],
    ['takes a line feed for `.` with `(?s)` only', '^.$', '\n', false],
    ['counts an emoji as one character', '^.{2}$', '😀é', true],
    ['folds the Kelvin sign', '(?i)^k$', '\u212a', true],
    ['folds the long s', '(?i)^[r-t]$', '\u017f', true],
    ['knows the edges of words in ASCII only', '\\bé', 'aé', true],
    ['matches the empty text where it may be empty', '^(?:a*)*$', '', true],
    ['may match nothing at all', '[^\\x00-\\x{10FFFF}]', 'a', false],
  ])('%s', (_name, pattern, text, expected) => {
    expect(matched(pattern, text)).toBe(expected)
  })
})

describe('takes time in proportion to the text', () => {
  const LONG = 20_000
  const random = new Random(1)
  const NOISE = Array.from({ length: LONG }, () => random.pick(['a', 'b'])).join('')

  test.each([
    ['with repeats in repeats', '^(?:a+)+$', `${'a'.repeat(LONG)}!`, false],
    ['with alternatives that overlap', '^(?:a|aa|a?b)*$', `${'a'.repeat(LONG)}!`, false],
    ['that starts anywhere', '[a-z]+:', 'a'.repeat(LONG), false],
    ['with more states than are kept', '(?:a|b)*a(?:a|b){14}$', `${NOISE}b${'b'.repeat(14)}`, false],
    ['with more states than are kept, where it matches', '(?:a|b)*a(?:a|b){14}$', `${NOISE}a${'b'.repeat(14)}`, true],
    ['with a large count', '^(?:[ab]{0,50}c)+$', `${'ab'.repeat(20)}c`.repeat(200), true],
  ])('%s', (_name, pattern, text, expected) => {
    const start = process.cpuUsage()
    expect(matched(pattern, text)).toBe(expected)
    expect(process.cpuUsage(start).user / 1_000).toBeLessThan(2_000)
  })
})
