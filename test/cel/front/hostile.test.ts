import { readFileSync } from 'node:fs'
import { expect, test } from '@jest/globals'
import { checkExpression } from '../../../src/cel/check.ts'
import { renderIssue } from '../../../src/cel/issue.ts'
import { parseExpression } from '../../../src/cel/parse.ts'
import { admission } from './checks.ts'

const ROUNDS = 20_000

const PIECES = [
  ...['(', ')', '[', ']', '{', '}', ',', '.', '?', ':', '!', '-', '+', '*', '/', '%', '==', '<', '&&', '||', ' in ', ' ', '\n', '//', '=', '&', '\\'],
  ...[
    'object',
    'request',
    'variables.replicas',
    'x',
    '.a',
    '.?a',
    '[?',
    '`a-b`',
    "'a'",
    "r'\\",
    '"""',
    "'''",
    "b'",
    '\\x',
    '\\u12',
    '1',
    '1u',
    '0x',
    '1.5',
    '1e999',
  ],
  ...[
    'true',
    'null',
    'if',
    'has(',
    '.map(x,',
    '.all(x, x)',
    '.sortBy(',
    'optional.of(',
    'Object{',
    '{?',
    "'%s'.format([",
    "matches('(",
    '🙂',
    '\ud800',
    '\u0000',
  ],
]

/** A generator of numbers below a limit, the same for the same seed. */
function seeded(seed: number): (limit: number) => number {
  let state = seed
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * limit)
  }
}

test('no text makes parser or checker throw, and each issue has its place', () => {
  const below = seeded(7)
  const known = readFileSync('test/cel/facts.jsonl', 'utf8')
    .trim()
    .split('\n')
    .map((line): string => JSON.parse(line).expression)
  const piece = (): string => PIECES[below(PIECES.length)] ?? ''
  for (let round = 0; round < ROUNDS; round += 1) {
    const start = below(3) === 0 ? '' : (known[below(known.length)] ?? '')
    let source = start
    for (let edits = 1 + below(6); edits > 0; edits -= 1) {
      const at = below(source.length + 1)
      source = source.slice(0, at) + piece() + source.slice(at + below(3))
    }
    const parsed = parseExpression(source)
    const checked = parsed.ok ? checkExpression(source, parsed.value, admission) : parsed
    if (checked.ok) continue
    expect(checked.error.length).toBeGreaterThan(0)
    for (const issue of checked.error) {
      expect(renderIssue(source, issue)).toMatch(/^[^\n]+\n \| .*\n \| \.*\^$/u)
      expect([issue.start >= 0, issue.start <= issue.end, issue.end <= source.length]).toEqual([true, true, true])
    }
  }
})

test.each([
  ['brackets', '('.repeat(100_000)],
  ['lists', '['.repeat(100_000)],
  ['signs', `${'-'.repeat(99_999)}1`],
  ['a sum', `1${'+1'.repeat(49_999)}`],
  ['a chain of fields', `a${'.b'.repeat(49_999)}`],
  ['a chain of calls', `a${'.size()'.repeat(14_000)}`],
  ['choices', `${'a?1:'.repeat(24_000)}1`],
  ['a long `&&`', `a${'&&a'.repeat(33_000)}`],
  ['a number of many digits', '9'.repeat(100_000)],
  ['a long list', `[${'1,'.repeat(49_000)}]`],
  ['undeclared names', `[${'a,'.repeat(49_000)}]`],
  ['nested macros', `${'[1].map(x,'.repeat(240)}1${')'.repeat(240)}`],
  ['nested lists of optionals', `${'[?optional.of('.repeat(120)}1${')]'.repeat(120)}`],
])('an endless row of %s ends soon', (_, source) => {
  // Time of this process: others may keep the machine busy.
  const begin = process.cpuUsage()
  const parsed = parseExpression(source)
  if (parsed.ok) checkExpression(source, parsed.value, admission)
  expect(process.cpuUsage(begin).user / 1_000).toBeLessThan(2000)
})
