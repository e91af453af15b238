import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { check } from '../../src/cli/index.ts'
import { on, policy } from '../doors/build.ts'
import { objectSchema, openApiDocument } from '../support/open-api.ts'

let folder = ''
const at = (name: string): string => join(folder, name)
const write = (name: string, value: unknown): void => writeFileSync(at(name), typeof value === 'string' ? value : JSON.stringify(value))

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bylaw-schemas-'))
  const widgets = openApiDocument('test.dev', 'v1', [{ resource: 'widgets', kind: 'Widget', fields: { spec: objectSchema({ size: { type: 'integer' } }) } }])
  mkdirSync(at('documents'))
  write('documents/widgets.json', widgets)
  write('documents/notes.txt', 'not read')
  write('broken.json', '{')
  write('other.json', { swagger: '2.0' })
  const { spec } = policy('sizes', {
    matchConstraints: on('widgets', { group: 'test.dev' }),
    validations: [{ name: 'small', expression: 'object.spec.sise < 3' }],
  })
  write('policy.json', { apiVersion: 'bylaw.dev/v1', kind: 'Policy', metadata: { name: 'sizes' }, spec })
  write('widget.json', { apiVersion: 'other.dev/v1', kind: 'Thing', metadata: { name: 'a', namespace: 'b' } })
})

afterAll(() => rmSync(folder, { recursive: true }))

const run = (...openapi: readonly string[]) =>
  check({ policies: [at('policy.json')], resources: [at('widget.json')], openapi: openapi.map(at), now: new Date(0), output: 'text' })

const WARNING = [
  'warning: Policy sizes: spec.validations[0].expression: `spec` has no field `sise` in Widget (did you mean `size`?)',
  ' | object.spec.sise < 3',
  ' | ............^',
  '',
].join('\n')

test.each([
  ['a file', 'documents/widgets.json'],
  ['a folder', 'documents'],
])('misspelt fields are told by the schemas of %s, and change no exit code', (_what, path) => {
  expect(run(path)).toMatchObject({ exitCode: 0, stderr: WARNING })
})

test('without schemas nothing is told', () => {
  expect(run()).toMatchObject({ exitCode: 0, stderr: '' })
})

test.each([
  ['nope.json', 'nope.json: no such file'],
  ['other.json', 'other.json: not an OpenAPI v3 document'],
  ['broken.json', 'broken.json: '],
])('%s is a mistake of usage', (path, message) => {
  const { exitCode, stderr } = run(path)
  expect(exitCode).toBe(2)
  expect(stderr).toContain(`error: --openapi: ${at(message)}`)
})
