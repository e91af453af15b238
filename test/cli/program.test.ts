import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import type { KubernetesObject } from '../../src/api/index.ts'
import { type OperatorFlags, runProgram } from '../../src/cli/index.ts'
import { configMap, policy } from '../doors/build.ts'
import { type Folder, makeFolder } from './files.ts'

let folder: Folder
let printed: string[]
beforeEach(() => {
  folder = makeFolder()
  printed = []
  for (const stream of [process.stdout, process.stderr]) {
    jest.spyOn(stream, 'write').mockImplementation((text) => {
      printed.push(String(text))
      return true
    })
  }
})
afterEach(() => {
  jest.restoreAllMocks()
  folder.remove()
})

/** Runs a command line; the operator is told apart by its flags. */
async function run(...argv: readonly string[]): Promise<{ readonly exitCode: number; readonly text: string; readonly flags: OperatorFlags | undefined }> {
  let flags: OperatorFlags | undefined
  const runOperator = async (given: OperatorFlags): Promise<number> => {
    flags = given
    return 7
  }
  const exceptionClient = () => ({ find: async () => undefined, list: async () => [], patch: async (object: KubernetesObject) => object })
  const evidenceClient = () => ({ heads: async () => ({}), door: async () => ({ url: undefined, ca: '' }), token: async () => undefined })
  const exitCode = await runProgram(argv, { version: '1.2.3', runOperator, exceptionClient, evidenceClient })
  return { exitCode, text: printed.join(''), flags }
}

describe('a command line that is wrong ends with 2', () => {
  test.each<[string, readonly string[], string]>([
    ['no such command', ['chek'], "error: unknown command 'chek'\n(Did you mean check?)\n"],
    ['no such flag', ['check', '-f', 'x', '-r', 'y', '--polices', 'x'], "error: unknown option '--polices'\n(Did you mean --policies?)\n"],
    ['a flag that is needed', ['check', '-f', 'x'], "error: required option '-r, --resources <path>' not specified\n"],
    [
      'a form that is none',
      ['check', '-f', 'x', '-r', 'y', '-o', 'xml'],
      "error: option '-o, --output <format>' argument 'xml' is invalid. Allowed choices are text, json.\n",
    ],
    ['a time that is none', ['check', '-f', 'x', '-r', 'y', '--now', 'soon'], 'error: --now: `soon` is not a time such as 2027-01-31T00:00:00Z\n'],
    [
      'a port that is none',
      ['operator', '--admission-port', '70000'],
      "error: option '--admission-port <port>' argument '70000' is invalid. expected a port from 0 to 65535\n",
    ],
    ['a file that is not there', ['check', '-f', '/no/such', '-r', '/no/such'], 'error: /no/such: no such file\n'],
  ])('%s', async (_, argv, text) => {
    expect(await run(...argv)).toEqual({ exitCode: 2, text, flags: undefined })
  })
})

describe('what was asked for ends with 0', () => {
  test.each<[string, readonly string[], RegExp]>([
    ['the version', ['--version'], /^1\.2\.3\n$/],
    ['help', ['--help'], /^Usage: bylaw /],
    ['help of a command', ['check', '--help'], /^Usage: bylaw check /],
  ])('%s', async (_, argv, text) => {
    const { exitCode, text: seen } = await run(...argv)
    expect(exitCode).toBe(0)
    expect(seen).toMatch(text)
  })
})

test('check takes files from flags that may be given again', async () => {
  const a = folder.write('a.json', policy('a'))
  const b = folder.write('b.json', policy('b', { severity: 'low' }))
  const resource = folder.write('c.json', configMap())
  const { exitCode, text } = await run('check', '-f', a, '-f', b, '-r', resource, '-r', resource, '--now', '2026-01-01T00:00:00Z')
  expect(exitCode).toBe(1)
  expect(text).toContain('2 objects judged by 2 policies: 2 denied, 0 warned, 0 allowed\n')
})

test('the operator gets its flags, and its exit code counts', async () => {
  const { exitCode, flags } = await run('operator', '--kubeconfig', '/k', '--admission-port', '0', '--admission-url', 'https://h:1', '--health-port', '1')
  expect(exitCode).toBe(7)
  expect(flags).toEqual({ kubeconfig: '/k', admissionPort: 0, admissionUrl: 'https://h:1', metricsPort: 8080, healthPort: 1 })
})
