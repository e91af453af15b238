import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { describe, expect, test } from '@jest/globals'
import { runEval } from '../../src/cli/eval.ts'
import { EvalSession } from '../../src/cli/eval-session.ts'

const FILES: Readonly<Record<string, string>> = {
  'pod.yaml': 'kind: Pod\nspec: { hostNetwork: true, priority: 9007199254740993 }\n---\nkind: Other\n',
  'pod.json': '{"kind": "Pod", "weight": 1.0}',
  'broken.yaml': 'a: [',
}

function session(...lines: readonly string[]): string {
  const held = new EvalSession((path) => {
    const content = FILES[path]
    if (content === undefined) throw new Error('no such file')
    return content
  })
  return lines.map((line) => held.answer(line).text).at(-1) ?? ''
}

const OBJECT = 'object = {"spec": {"replicas": 1, "image": "nginx"}}'

describe('a person who types', () => {
  test.each<[string, readonly string[], string]>([
    ['an expression sees its value, type and cost', ['[1, 2].map(i, i * 2)'], 'value  [2,4]\ntype   list(int)\ncost   29'],
    ['a true test sees no reason', [OBJECT, 'object.spec.replicas == 1'], 'value  true\ntype   bool\ncost   4'],
    [
      'a false test sees why',
      [OBJECT, 'object.spec.replicas >= 2 && object.spec.image.startsWith("corp/")'],
      'value  false\ntype   bool\ncost   4\nwhy    spec.replicas (1) must be at least 2\n       spec.image ("nginx") must start with "corp/"',
    ],
    ['a test in error sees why', [OBJECT, 'object.spec.nope == 1'], 'error  no such key: nope\ntype   bool\ncost   4\nwhy    spec.nope is not set'],
    [
      'a mistake sees its place',
      [OBJECT, 'object.spec.replicas +'],
      'error: expression ends where a value is expected\n | object.spec.replicas +\n | ......................^',
    ],
    ['a name that there is not is told', ['objct.spec'], 'error: `objct` is not declared\n | objct.spec\n | ^'],
    ['JSON sets a variable', ['x = {"a": [1, "b"]}', 'x.a[1]'], 'value  "b"\ntype   dyn\ncost   3'],
    ['an expression sets a variable', [OBJECT, 'n = object.spec.replicas + 1', 'n'], 'value  2\ntype   dyn\ncost   1'],
    ['a comparison sets none', ['x = 1', 'x == 2'], 'value  false\ntype   bool\ncost   2\nwhy    x (1) must be 2'],
    ['a failing expression sets none', ['x = 1 / 0', ':vars'], 'no variables: `name = VALUE` sets one'],
    ['a file sets a variable', [':load pod pod.yaml', 'pod.spec.hostNetwork'], 'value  true\ntype   dyn\ncost   3'],
    ['JSON in a file is read exactly', [':load pod pod.json', 'type(pod.weight) == double'], 'value  true\ntype   bool\ncost   4'],
    ['a file that there is not is told', [':load pod nope.yaml'], 'error: nope.yaml: no such file'],
    ['a variable may go', ['x = 1', ':unset x', 'x'], 'error: `x` is not declared\n | x\n | ^'],
    ['variables are listed', [OBJECT, 'x = 1', ':vars'], 'object = {"spec":{"replicas":1,"image":"nginx"}}\nx = 1'],
    ['nothing gets nothing', ['  '], ''],
    ['a command that there is not is told', [':frobnicate'], 'error: there is no command `:frobnicate`, only :help, :load, :unset, :vars and :quit'],
  ])('%s', (_name, lines, answer) => {
    expect(session(...lines)).toBe(answer)
  })

  test('may make any mistake', () => {
    for (const line of [':load', ':load a', ':load a broken.yaml', ':unset', 'x =', '= 1', 'a.b = 1', '"', '\u0000', ':', 'x'.repeat(100_010)]) {
      expect(typeof session(line)).toBe('string')
    }
  })
})

async function run(isTerminal: boolean, lines: readonly string[]): Promise<{ readonly code: number; readonly printed: string }> {
  const input = new PassThrough()
  const output = new PassThrough()
  const printed = text(output)
  input.end(lines.map((line) => `${line}\n`).join(''))
  const code = await runEval({ input, output, isTerminal })
  output.end()
  return { code, printed: await printed }
}

test('on a terminal the session ends with :quit', async () => {
  const { code, printed } = await run(true, ['1 + 1', ':quit', '2 + 2'])
  expect(code).toBe(0)
  expect(printed).toContain('value  2\ntype   int\ncost   1\n')
  expect(printed).not.toContain('value  4')
})

test('on a terminal the session ends with the input', async () => {
  expect((await run(true, ['1 + 1'])).code).toBe(0)
})

test('elsewhere every line has an answer, in order, and bad ones stop nothing', async () => {
  const lines = [
    '{"id":1,"expression":"1 + 1"}',
    'no json',
    '',
    '[]',
    '{"id":2,"mode":"policy","policy":{}}',
    '{"id":3,"mode":"nope"}',
    '{"id":4,"expression":"1 +"}',
  ]
  const { code, printed } = await run(false, lines)
  expect(code).toBe(0)
  const answers = printed
    .trimEnd()
    .split('\n')
    .map((line): unknown => JSON.parse(line))
  expect(answers).toEqual([
    { id: 1, value: { $int: '2' }, type: 'int', cost: 1 },
    { id: null, oracleError: expect.stringContaining('unreadable line') },
    { id: null, oracleError: 'unreadable line: not an object' },
    { id: 2, validations: [], cost: { matchConditions: 0, validations: 0, messageExpressions: 0, auditAnnotations: 0 } },
    { id: 3, oracleError: 'unknown mode "nope"' },
    { id: 4, compileError: expect.stringContaining('1:4: expression ends where a value is expected') },
  ])
})
