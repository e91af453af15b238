import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'

interface Room {
  /** Rooms that it may import, by their door (`index.ts`) only. */
  readonly rooms: readonly string[]
  /** Third-party packages that live in it. */
  readonly packages: readonly string[]
  /** A pure room uses no clock, no network and no file: it imports nothing from Node. */
  readonly isPure: boolean
}

/** The map of the house. */
const ROOMS: Readonly<Record<string, Room>> = {
  api: { rooms: [], packages: ['yaml', 'zod'], isPure: true },
  cel: { rooms: ['api'], packages: ['re2js'], isPure: true },
  rules: { rooms: ['api', 'cel'], packages: [], isPure: true },
  decide: { rooms: ['api', 'cel', 'rules'], packages: [], isPure: true },
  evidence: { rooms: ['api', 'rules', 'decide'], packages: ['prom-client', 'winston'], isPure: false },
  kube: { rooms: ['api'], packages: ['@kubernetes/client-node', '@dot-i/k8s-operator'], isPure: false },
  admission: { rooms: ['api', 'rules', 'decide', 'evidence'], packages: ['express'], isPure: false },
  controllers: { rooms: ['api', 'rules', 'decide', 'evidence'], packages: ['@peculiar/x509', 'reflect-metadata'], isPure: false },
  cli: { rooms: ['api', 'cel', 'rules', 'decide', 'evidence'], packages: ['commander'], isPure: false },
  operator: { rooms: ['api', 'rules', 'evidence', 'decide', 'kube', 'admission', 'controllers', 'cli'], packages: [], isPure: false },
  dashboard: { rooms: ['api', 'evidence'], packages: [], isPure: false },
}

const LONGEST_FILE_LINES = 500

const sources = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.ts'))
const importsOf = (path: string): string[] =>
  [...readFileSync(`src/${path}`, 'utf8').matchAll(/(?:^(?:import|export|\}).* from |^import |\bimport\()'([^']+)'/gm)].map(([, specifier = '']) => specifier)

/** What is wrong with an import, or undefined. */
function objection(path: string, specifier: string): string | undefined {
  const name = path.split('/')[0] ?? ''
  const room = ROOMS[name]
  if (room === undefined) return `\`${name}\` is not a room of the map`
  if (specifier.startsWith('node:')) {
    return room.isPure && specifier !== 'node:crypto' ? `the pure room \`${name}\` may not import \`${specifier}\`` : undefined
  }
  if (!specifier.startsWith('.')) {
    const owner = specifier
      .split('/')
      .slice(0, specifier.startsWith('@') ? 2 : 1)
      .join('/')
    return room.packages.includes(owner) ? undefined : `package \`${owner}\` does not live in room \`${name}\``
  }
  const depth = path.split('/').length - 1
  const climbed = specifier.match(/\.\.\//g)?.length ?? 0
  if (climbed < depth) return undefined
  const neighbour = /^(?:\.\.\/)+([a-z]+)\/index\.ts$/.exec(specifier)?.[1]
  return neighbour !== undefined && room.rooms.includes(neighbour) ? undefined : `room \`${name}\` may not import \`${specifier}\``
}

describe('the map of rooms', () => {
  test.each(sources.filter((path) => path.includes('/')))('src/%s keeps to its room', (path) => {
    expect(importsOf(path).flatMap((specifier) => objection(path, specifier) ?? [])).toEqual([])
  })

  test('only main.ts stands outside the rooms', () => {
    expect(sources.filter((path) => !path.includes('/') && path !== 'main.ts')).toEqual([])
  })

  test('no room exports everything', () => {
    expect(sources.filter((path) => /^export \*/m.test(readFileSync(`src/${path}`, 'utf8')))).toEqual([])
  })

  test(`no file is longer than ${LONGEST_FILE_LINES} lines`, () => {
    expect(sources.filter((path) => readFileSync(`src/${path}`, 'utf8').split('\n').length > LONGEST_FILE_LINES)).toEqual([])
  })

  test('an import against the arrows is seen', () => {
    expect(objection('decide/decide.ts', '../kube/index.ts')).toBe('room `decide` may not import `../kube/index.ts`')
    expect(objection('decide/decide.ts', '../rules/compile.ts')).toBe('room `decide` may not import `../rules/compile.ts`')
    expect(objection('rules/compile.ts', 'node:fs')).toBe('the pure room `rules` may not import `node:fs`')
    expect(objection('decide/decide.ts', 'express')).toBe('package `express` does not live in room `decide`')
  })
})

test('AGENTS.md names every room that there is', () => {
  const rooms = new Set(sources.filter((path) => path.includes('/')).map((path) => path.split('/')[0]))
  const page = readFileSync('AGENTS.md', 'utf8')
  expect([...rooms].filter((room) => !page.includes(`\`src/${room}\``))).toEqual([])
})
