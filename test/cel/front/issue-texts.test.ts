import { expect, test } from '@jest/globals'
import { EXPRESSION_ISSUE_CODES, issueAt, renderIssue } from '../../../src/cel/issue.ts'
import { verdict } from './checks.ts'

test.each([
  [
    "object.metadata.name.startWith('a')",
    "there is no function `startWith` (did you mean `startsWith`?)\n | object.metadata.name.startWith('a')\n | .....................^",
  ],
  ["request.userinfo.username == 'x'", "`request` has no field `userinfo` (did you mean `userInfo`?)\n | request.userinfo.username == 'x'\n | ........^"],
  ['objct.spec.x > 1', '`objct` is not declared (did you mean `object`?)\n | objct.spec.x > 1\n | ^'],
  [
    '[object.spec.replicas, 3].max() < 5',
    'elements of a list must have one type, but this is int beside dyn (wrap the others in `dyn(…)`)\n | [object.spec.replicas, 3].max() < 5\n | .......................^',
  ],
  [
    "duration('1d')",
    "`duration` cannot convert this constant: type conversion error from 'string' to 'google.protobuf.Duration' (the largest unit is `h`: write `24h` for a day)\n | duration('1d')\n | .........^",
  ],
  [
    "'x'.matches('\\\\1')",
    "`matches` needs a regular expression of RE2: error parsing regexp: invalid escape sequence: `\\1` (RE2 has no backreferences)\n | 'x'.matches('\\\\1')\n | ............^",
  ],
  ["'\\d+'", "invalid escape sequence `\\d` (did you mean `\\\\d`, or a raw string r'…'?)\n | '\\d+'\n | .^"],
  ['object.a = 3', '`=` is not an operator (did you mean `==`?)\n | object.a = 3\n | .........^'],
  ['object.a or object.b', 'unexpected `or`, expected an operator or the end (did you mean `||`?)\n | object.a or object.b\n | .........^'],
  ["true &&\n\t'🙂' == x", "`x` is not declared\n |  '🙂' == x\n | ........^"],
  ["[1].join(',')", "there is no function `list(int).join(string)` (there is `list(string).join()`, `list(string).join(string)`)\n | [1].join(',')\n | ....^"],
  ['1 == 1.0', '`==` does not apply to (int, double) (convert one side, for example with `double(…)`)\n | 1 == 1.0\n | ..^'],
])('%j', (source, expected) => {
  expect(verdict(source)).toBe(expected)
})

test('a long line is cut around the caret', () => {
  const source = `${'object.a && '.repeat(50)}nope${' && object.b'.repeat(50)}`
  const [message, line = '', caret = ''] = verdict(source).split('\n')
  expect(message).toBe('`nope` is not declared')
  expect([line.length, line.slice(caret.length - 1, caret.length + 3)]).toEqual([165, 'nope'])
})

test('a place is counted in lines and code points', () => {
  const source = "'🙂' ==\n'🙂🙂' + nope"
  const { line, column } = issueAt(source, 'UndeclaredReference', { start: source.indexOf('nope'), end: source.length }, 'x')
  expect([line, column]).toEqual([2, 8])
})

test('an issue at the end of an empty expression has a caret', () => {
  expect(renderIssue('', issueAt('', 'SyntaxError', { start: 0, end: 0 }, 'nothing here'))).toBe('nothing here\n | \n | ^')
})

test('codes are listed once', () => {
  expect(new Set(EXPRESSION_ISSUE_CODES).size).toBe(EXPRESSION_ISSUE_CODES.length)
})
