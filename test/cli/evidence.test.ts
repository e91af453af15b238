import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { type EvidenceClient, explain, verifyEvidence } from '../../src/cli/index.ts'
import { makeEvidenceKey, readSegments, verifyLog, withHead } from '../../src/evidence/index.ts'
import { writeShop } from '../evidence/log/judged.ts'

let folder: string
let ids: readonly string[] = []
let headsFile: string

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bylaw-verify-'))
  ids = await writeShop(folder)
  const { chains } = await verifyLog({ segments: await readSegments(folder) })
  const [chain] = chains
  const last = lines().at(-1) ?? ''
  const hash = createHash('sha256').update(last).digest('hex')
  const head = { chain: chain?.chain ?? '', segment: 1, seq: chain?.lastSeq ?? 0, hash, time: '2026-06-01T12:00:00Z', isEnded: true }
  headsFile = join(folder, 'heads.json')
  writeFileSync(headsFile, JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', data: withHead({}, head, chain?.publicKey ?? '') }))
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

const segment = (): string => join(folder, readdirSync(folder).find((file) => file.endsWith('.jsonl')) ?? '')
const lines = (): string[] => readFileSync(segment(), 'utf8').split('\n').slice(0, -1)
const write = (kept: readonly string[]): void => writeFileSync(segment(), kept.map((line) => `${line}\n`).join(''))

const noClient = (): EvidenceClient => {
  throw new Error('no cluster is asked')
}

describe('bylaw evidence verify', () => {
  test('says what it verified, and by which key', async () => {
    const { exitCode, stdout } = await verifyEvidence({ folder, headsFile, isStrict: true, output: 'text' })
    expect(exitCode).toBe(0)
    expect(stdout).toMatch(
      /^chain pod-1-20260601T120000000Z: 1 segment, 6 decisions, 0 corrections, 1 undecided, from \S+ to \S+\nverified: 1 chain, 6 decisions, 0 problems, 0 notes; key [0-9a-f]{16}\n$/,
    )
  })

  test('says what nobody can tell without the key and the heads', async () => {
    const { exitCode, stdout } = await verifyEvidence({ folder, isStrict: false, output: 'text' })
    expect(exitCode).toBe(0)
    expect(stdout).toContain('note: the key is the one that the log names itself: give --key, or --heads, to know whose log it is\n')
    expect(stdout).toContain('note: without --heads or --kubeconfig nobody can tell whether the end was cut off\n')
  })

  test('names what was changed, and fails', async () => {
    write(lines().map((line) => line.replace('"effect":"deny"', '"effect":"allow"')))
    const { exitCode, stdout } = await verifyEvidence({ folder, headsFile, isStrict: false, output: 'text' })
    expect(exitCode).toBe(1)
    expect(stdout).toContain(
      'problem: Changed: pod-1-20260601T120000000Z-000001.jsonl, number 5: the record was changed: its digest is not the one that the chain names\n',
    )
    expect(stdout).toContain('not verified: 1 chain, 6 decisions, ')
  })

  test('fails for an open end only where that is asked for', async () => {
    write(lines().slice(0, -1))
    expect(await verifyEvidence({ folder, isStrict: false, output: 'text' })).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('note: OpenEnd: ') })
    expect(await verifyEvidence({ folder, isStrict: true, output: 'text' })).toMatchObject({ exitCode: 1 })
    expect(await verifyEvidence({ folder, headsFile, isStrict: false, output: 'text' })).toMatchObject({
      exitCode: 1,
      stdout: expect.stringContaining('CutTail'),
    })
  })

  test('fails by another key', async () => {
    const key = join(folder, 'key.pem')
    writeFileSync(key, makeEvidenceKey())
    expect(await verifyEvidence({ folder, key, isStrict: false, output: 'text' })).toMatchObject({ exitCode: 1, stdout: expect.stringContaining('WrongKey') })
  })

  test('gives JSON', async () => {
    const { stdout } = await verifyEvidence({ folder, headsFile, isStrict: false, output: 'json' })
    expect(JSON.parse(stdout)).toMatchObject({
      isGood: true,
      problems: 0,
      notes: 0,
      hasHeads: true,
      key: { source: 'heads' },
      chains: [{ decisions: 6, isEnded: true }],
    })
  })

  test('expects only the chains of one instance', async () => {
    write([])
    rmSync(segment())
    expect(await verifyEvidence({ folder, headsFile, isStrict: false, output: 'text' })).toMatchObject({
      exitCode: 1,
      stdout: expect.stringContaining('MissingChain'),
    })
    const another = await verifyEvidence({ folder, headsFile, instance: 'pod-2', isStrict: false, output: 'text' })
    expect(another).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('there are no segments of a decision log') })
  })

  test.each([
    ['a folder that is not there', { folder: '/nowhere/at/all' }, /^error: \/nowhere\/at\/all: ENOENT/],
    ['a key that is none', { key: 'package.json' }, /^error: --key: `package.json` has no Ed25519 key\n$/],
    ['a key that is not there', { key: '/nowhere' }, /^error: --key: ENOENT/],
    ['heads that are none', { headsFile: 'package.json' }, /^error: --heads: expected a ConfigMap with `data`\n$/],
  ])('refuses %s', async (_, more, message) => {
    const { exitCode, stderr } = await verifyEvidence({ folder, isStrict: false, output: 'text', ...more })
    expect(exitCode).toBe(2)
    expect(stderr).toMatch(message)
  })
})

describe('bylaw explain', () => {
  const options = { output: 'text', namespace: 'bylaw-system', registration: 'bylaw' } as const

  test('shows a decision from files', async () => {
    const { exitCode, stdout } = await explain({ ...options, id: ids[1] ?? '', folder }, noClient)
    expect(exitCode).toBe(0)
    expect(stdout).toContain('decision aa11bb22-2: deny\n')
    const json = await explain({ ...options, output: 'json', id: ids[1] ?? '', folder }, noClient)
    expect(JSON.parse(json.stdout)).toMatchObject({ seq: 5, record: { id: 'aa11bb22-2' }, ruleSet: { kind: 'ruleSet' } })
  })

  test.each([
    ['there is none of that id', 'aa11bb22-zz', 1, /^error: no decision `aa11bb22-zz` in `/],
    ['it is no id', 'a b', 2, /^error: `a b` is not the id of a decision\n$/],
  ])('says where %s', async (_, id, code, message) => {
    const { exitCode, stderr } = await explain({ ...options, id, folder }, noClient)
    expect(exitCode).toBe(code)
    expect(stderr).toMatch(message)
  })

  test('says how to reach an operator behind its Service', async () => {
    const client = () => ({ heads: async () => ({}), door: async () => ({ url: undefined, ca: '' }), token: async () => 't' })
    expect(await explain({ ...options, id: 'aa-1' }, client)).toEqual({
      exitCode: 1,
      stdout: '',
      stderr:
        'error: the operator is reached through its Service: run `kubectl -n bylaw-system port-forward service/bylaw 9443:443` and give --operator https://localhost:9443\n',
    })
  })
})
