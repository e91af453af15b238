import { readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import { evaluateLine } from '../../../src/cel/index.ts'

const ask = (line: string): unknown => JSON.parse(evaluateLine(line))

describe('a line is answered by a line', () => {
  test.each<readonly [name: string, line: string, answer: unknown]>([
    [
      'a value',
      '{"id":"a","expression":"object.spec.replicas + 1","variables":{"object":{"spec":{"replicas":3}}}}',
      { id: 'a', value: { $int: '4' }, type: 'int', cost: 4 },
    ],
    ['an error', '{"id":2,"expression":"object.spec.nope","variables":{"object":{"spec":{}}}}', { id: 2, error: 'no such key: nope', type: 'dyn', cost: 3 }],
    ['without an id', '{"expression":"1 + 1"}', { id: null, value: { $int: '2' }, type: 'int', cost: 1 }],
    ['an id of any kind', '{"id":{"a":[1,null,"x"]},"expression":"true"}', { id: { a: [1, null, 'x'] }, value: true, type: 'bool', cost: 0 }],
    ['the mode by name', '{"mode":"eval","expression":"null"}', { id: null, value: null, type: 'null_type', cost: 0 }],
    [
      'a uint and a double',
      '{"expression":"[dyn(1u), dyn(1.5), dyn(2.0)]"}',
      { id: null, value: [{ $uint: '1' }, { $double: '1.5' }, { $double: '2' }], type: 'list(dyn)', cost: 0 },
    ],
    ['bytes', `{"expression":"b'abc'"}`, { id: null, value: { $bytes: 'YWJj' }, type: 'bytes', cost: 0 }],
    [
      'a timestamp in UTC',
      `{"expression":"timestamp('2024-02-29T23:59:59+02:00')"}`,
      { id: null, value: { $timestamp: '2024-02-29T21:59:59Z' }, type: 'google.protobuf.Timestamp', cost: 0 },
    ],
    ['a duration', `{"expression":"duration('90m')"}`, { id: null, value: { $duration: '5400s' }, type: 'google.protobuf.Duration', cost: 0 }],
    ['a type', '{"expression":"type(1)"}', { id: null, value: { $type: 'int' }, type: 'type(int)', cost: 0 }],
    [
      'optionals',
      '{"expression":"[optional.none(), optional.of(1)]"}',
      { id: null, value: [{ $optional: [] }, { $optional: [{ $int: '1' }] }], type: 'list(optional_type(int))', cost: 12 },
    ],
    ['a map with other keys', '{"expression":"{1: true}"}', { id: null, value: { $map: [[{ $int: '1' }, true]] }, type: 'map(int, bool)', cost: 0 }],
    [
      'a map with a key that looks like a tag',
      `{"expression":"{'$int': true}"}`,
      { id: null, value: { $map: [['$int', true]] }, type: 'map(string, bool)', cost: 0 },
    ],
    [
      'a quantity',
      `{"expression":"quantity('1024Mi')"}`,
      { id: null, value: { $opaque: ['kubernetes.Quantity', '1Gi'] }, type: 'kubernetes.Quantity', cost: 1 },
    ],
    ['an address', `{"expression":"ip('::1')"}`, { id: null, value: { $opaque: ['net.IP', '::1'] }, type: 'net.IP', cost: 1 }],
    [
      'numbers as they are written',
      '{"expression":"[type(object.a), type(object.b), type(object.c)]","variables":{"object":{"a":1.0,"b":1,"c":9007199254740993}}}',
      { id: null, value: [{ $type: 'double' }, { $type: 'int' }, { $type: 'int' }], type: 'list(type(dyn))', cost: 19 },
    ],
    [
      'an integer beyond 2^53',
      '{"expression":"object.c + 1","variables":{"object":{"c":9007199254740993}}}',
      { id: null, value: { $int: '9007199254740994' }, type: 'int', cost: 3 },
    ],
    [
      'an integer beyond 2^63 is a double',
      '{"expression":"type(object.c)","variables":{"object":{"c":9223372036854775808}}}',
      { id: null, value: { $type: 'double' }, type: 'type(dyn)', cost: 3 },
    ],
    [
      'a costly one',
      '{"expression":"lists.range(1000).all(a, lists.range(1000).all(b, true))"}',
      { id: null, error: 'operation cancelled: actual cost limit exceeded', type: 'bool', cost: expect.any(Number) },
    ],
    ['a later library', `{"expression":"ip('::1').family() == 6","kubernetesVersion":"1.29"}`, { id: null, compileError: expect.stringContaining('1.30') }],
  ])('%s', (_name, line, answer) => {
    expect(ask(line)).toEqual(answer)
  })

  test('the places of compile errors are Kubernetes’ places', () => {
    expect(ask('{"expression":"1 == 1.0"}')).toEqual({ id: null, compileError: expect.stringMatching(/^ERROR: <input>:1:3: .*\n \| 1 == 1\.0\n \| \.\.\^$/) })
  })
})

describe('a line that cannot be judged is answered as well', () => {
  test.each<readonly [name: string, line: string, text: string]>([
    ['no JSON', 'nonsense', 'unreadable line: '],
    ['an empty line', '', 'unreadable line: '],
    ['no object', '[1]', 'unreadable line: not an object'],
    ['null', 'null', 'unreadable line: not an object'],
    ['half a line', '{"expression":"1', 'unreadable line: '],
    ['an unknown mode', '{"mode":"guess"}', 'unknown mode "guess"'],
    ['a mode that is no text', '{"mode":{"a":1}}', 'unknown mode {"a":1}'],
    ['an expression that is no text', '{"expression":1}', 'unreadable line: expression is no string'],
    ['variables that are no object', '{"expression":"1","variables":[]}', 'unreadable line: variables are no object'],
    ['a version that is none', '{"expression":"1","kubernetesVersion":"new"}', 'unreadable line: "new" is no version'],
    ['too deep', `{"expression":"1","variables":{"object":${'['.repeat(200_000)}1.5${']'.repeat(200_000)}}}`, 'unreadable line: '],
  ])('%s', (_name, line, text) => {
    expect(ask(line)).toEqual({ id: null, oracleError: expect.stringContaining(text) })
  })

  test('the examples that come with the facts are all answered', () => {
    const facts = readFileSync(new URL('../facts.jsonl', import.meta.url), 'utf8')
      .trim()
      .split('\n')
    for (const line of facts) expect(evaluateLine(line)).toMatch(/^\{"id":null,/)
  })

  test('a variable named like something of JavaScript is a variable', () => {
    expect(ask('{"expression":"constructor + toString","variables":{"constructor":1,"toString":2}}')).toMatchObject({ value: { $int: '3' } })
  })
})
