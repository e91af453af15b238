import { execFile } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { parseYamlDocuments } from '../../src/api/index.ts'
import { at } from '../e2e/scene.ts'

const run = promisify(execFile)
const BUILD_MS = 120_000
/** Inside the checkout, so that packages are found. */
const OUT = join(import.meta.dirname, '../../node_modules/.cache/bylaw-image')
const DOCKERFILE = readFileSync('Dockerfile', 'utf8')

beforeAll(async () => {
  await run('npm', ['run', '-s', 'build', '--', '--outDir', OUT])
}, BUILD_MS)

afterAll(() => rmSync(OUT, { recursive: true, force: true }))

const bylaw = (...args: readonly string[]) =>
  run('node_modules/.bin/node', [join(OUT, 'main.js'), ...args], {
    env: { ...process.env, NODE_OPTIONS: /NODE_OPTIONS="([^"]+)"/.exec(DOCKERFILE)?.[1] ?? 'missing' },
  })

test('what the image runs starts with the options that the image gives it', async () => {
  expect((await bylaw('--version')).stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
})

test('what the image runs judges as the source does', async () => {
  const flags = ['check', '-f', 'config/policies', '-r', 'manifests/install/deployment.yaml', '--environment', 'prod', '-o', 'json']
  const source = await run('npm', ['run', '-s', 'bylaw', '--', ...flags])
  expect((await bylaw(...flags)).stdout).toBe(source.stdout)
})

test('the image runs as the account that the Deployment names, at the version that it names', () => {
  const read = (file: string): unknown => {
    const parsed = parseYamlDocuments(readFileSync(file, 'utf8'))
    return parsed.ok ? parsed.value[0] : undefined
  }
  const user = at(read('manifests/install/deployment.yaml'), 'spec', 'template', 'spec', 'securityContext', 'runAsUser')
  expect(DOCKERFILE).toContain(`USER ${String(user)}:${String(user)}\n`)
  const { version }: { readonly version: string } = JSON.parse(readFileSync('package.json', 'utf8'))
  expect(at(read('manifests/install/kustomization.yaml'), 'images', 0, 'newTag')).toBe(version)
  expect(DOCKERFILE).toContain(`docker build -t bylaw:${version} .`)
})
