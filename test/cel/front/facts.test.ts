import { readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import { DYN } from '../../../src/cel/types.ts'
import { verdict } from './checks.ts'

interface Fact {
  readonly expression: string
  readonly type?: string
  readonly compileError?: string
}

const parseFact = (line: string): Fact => JSON.parse(line)

/** Answers of a Kubernetes API server; without a type and an error it failed on the expression, which we accept. */
const facts = readFileSync('test/cel/facts.jsonl', 'utf8').trim().split('\n').map(parseFact)

const environment = { variables: new Map([['object', DYN]]) }
const kubernetesNames = (type: string): string =>
  type
    .replace(/\bnull\b/g, 'null_type')
    .replace(/\btimestamp\b/g, 'google.protobuf.Timestamp')
    .replace(/\bduration\b/g, 'google.protobuf.Duration')

describe('Kubernetes and the checker agree', () => {
  const accepted = facts.filter(({ compileError }) => compileError === undefined)
  const refused = facts.filter(({ compileError }) => compileError !== undefined)

  test('there are facts of both kinds', () => {
    expect([accepted.length > 300, refused.length > 40]).toEqual([true, true])
  })

  test.each(accepted)('$expression is of the same type', ({ expression, type }) => {
    const found = verdict(expression, environment)
    expect(type === undefined ? found.includes('\n') : kubernetesNames(found)).toBe(type ?? false)
  })

  test.each(refused)('$expression is refused', ({ expression }) => {
    expect(verdict(expression, environment)).toMatch(/\n \| /)
  })
})
