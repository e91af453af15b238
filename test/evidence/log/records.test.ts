import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { explainRecord, findRecordIn, type SunkRecord } from '../../../src/evidence/index.ts'
import { NOW } from '../../doors/world.ts'
import { contextAt, decisionLogIn, judged, RULES, writeShop } from './judged.ts'
import { Folder } from './logs.ts'

let folder: Folder

beforeEach(() => {
  folder = new Folder()
})

afterEach(() => folder.dispose())

const WITHOUT_LIMIT = { maxBytes: Number.POSITIVE_INFINITY }

describe('a decision on record', () => {
  test('is who, what, when, what was decided by which policies, and what that depended on', async () => {
    const [, id = ''] = await writeShop(folder.path)
    const found = await findRecordIn(folder.path, id, WITHOUT_LIMIT)
    const noBad = RULES.policies.find(({ identity }) => identity.name === 'no-bad')
    const number = RULES.policies.find(({ identity }) => identity.name === 'number')
    expect(found?.record).toEqual({
      seq: 5,
      prev: expect.stringMatching(/^[0-9a-f]{64}$/),
      kind: 'decision',
      schemaVersion: 1,
      id,
      time: '2026-06-01T12:00:00.000Z',
      request: {
        uid: 'uid-1',
        operation: 'CREATE',
        group: '',
        version: 'v1',
        resource: 'configmaps',
        kind: 'ConfigMap',
        namespace: 'shop',
        name: 'settings',
        user: { name: expect.any(String), groups: expect.any(Array) },
        dryRun: false,
      },
      environment: 'prod',
      effect: 'deny',
      policies: [
        {
          policy: 'no-bad',
          revision: noBad?.revision,
          level: 'Deny',
          severity: 'high',
          cost: expect.any(Number),
          passed: ['small'],
          outcomes: [
            {
              policy: 'no-bad',
              rule: 'bad',
              severity: 'high',
              result: 'fail',
              level: 'Deny',
              effect: 'deny',
              message: 'data.bad is not allowed',
              findings: [{ path: 'data.bad', sentence: expect.stringContaining('data.bad') }],
            },
          ],
        },
        { policy: 'number', revision: number?.revision, level: 'Warn', severity: 'medium', cost: expect.any(Number), passed: ['number'] },
      ],
      dependsOn: { ruleSet: RULES.revision },
      lane: 'equivalent',
      failureClass: 'fail',
      waitedMs: 0.25,
      durationMs: 0.5,
    })
    expect(found?.ruleSet).toMatchObject({ kind: 'ruleSet', ruleSet: RULES.revision, cel: '1.37' })
  })

  test('names what is not named yet by what its name will begin with, and bounds groups', async () => {
    const log = decisionLogIn(folder.path)
    const { decision, request } = judged({}, { name: '', object: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { generateName: 'made-' }, data: {} } })
    const groups = Array.from({ length: 150 }, (_, index) => `g${index}`)
    log.recordDecision('aa11bb22-1', decision, { ...request, userInfo: { username: 'u', groups } }, contextAt(NOW))
    await log.commit()
    await log.close()
    const found = await findRecordIn(folder.path, 'aa11bb22-1', WITHOUT_LIMIT)
    expect(found?.record['request']).toMatchObject({ generateName: 'made-', user: { name: 'u', groupsOmitted: 50 } })
    expect(found?.record['request']).not.toHaveProperty('name')
  })

  test('is not looked for in logs whose ids begin otherwise, nor beyond a limit', async () => {
    await writeShop(folder.path)
    expect(await findRecordIn(folder.path, 'ffffffff-1', WITHOUT_LIMIT)).toBeUndefined()
    expect(await findRecordIn(folder.path, 'aa11bb22-zz', WITHOUT_LIMIT)).toBeUndefined()
    await expect(findRecordIn(folder.path, 'aa11bb22-zz', { maxBytes: 500 })).rejects.toThrow('more than 500 bytes would have to be read')
  })
})

test('a review without a decision is on record with its reason', async () => {
  await writeShop(folder.path)
  const [undecided] = folder.lines().filter(({ kind }) => kind === 'undecided')
  expect(undecided).toMatchObject({ reason: 'shed', failureClass: 'ignore', request: { uid: 'uid-9' }, time: NOW.toISOString() })
})

test('other sinks get the same records, and a plain allow that is not sampled is in none', async () => {
  const sunk: SunkRecord[] = []
  const sink = { append: (record: SunkRecord) => sunk.push(record), close: async () => {} }
  const log = decisionLogIn(folder.path, [sink])
  const { decision, request } = judged({ bad: 'x' })
  log.recordDecision('aa11bb22-1', decision, request, contextAt(NOW))
  await log.commit()
  await log.close()
  expect(sunk.map(({ kind, body }) => [kind, JSON.parse(body).id])).toEqual([['deny', 'aa11bb22-1']])
})

describe('a decision in full, for a person,', () => {
  test('tells everything in words', async () => {
    const [, id = ''] = await writeShop(folder.path)
    const found = await findRecordIn(folder.path, id, WITHOUT_LIMIT)
    if (found === undefined) throw new Error('no record')
    const text = explainRecord(found)
      .replace(/[0-9a-f]{16}/g, 'REVISION')
      .replace(/cost \d+/g, 'cost N')
      .replace(/digest [0-9a-f]{6}/, 'digest DIGEST')
      .replace(/pod-1-\S+jsonl/, 'FILE')
    expect(text).toBe(
      [
        'decision aa11bb22-2: deny',
        '  when   2026-06-01T12:00:00.000Z; took 0.50 ms, after 0.25 ms of waiting',
        '  who    alice (system:authenticated)',
        '  what   CREATE v1 configmaps shop/settings',
        '  where  environment prod; an entry of class fail, equivalent versions',
        '  uid    uid-1',
        '  stands FILE, number 5',
        '',
        'policies',
        '  no-bad (high) at level Deny, revision REVISION, cost N',
        '    Title of no-bad; owner platform; NIST-800-53r5 AC-6(1), CIS Kubernetes 5.2.1',
        '    pass   small',
        '    fail   bad: data.bad is not allowed',
        '           asks for deny',
        '           - data.bad (a string of 1 characters, digest DIGEST) must not be set',
        '  number (medium) at level Warn, revision REVISION, cost N',
        '    Title of number; owner platform',
        '    pass   number',
        '',
        'it depended on',
        '  rule set REVISION, expressions of Kubernetes 1.37',
        '  clock 2026-06-01T12:00:00.000Z',
        '',
      ].join('\n'),
    )
  })

  test('names the other objects that it read', () => {
    const context = { policy: 'p', name: 'quotas', kind: 'ResourceQuota', namespace: 'shop', count: 2, resourceVersion: '77' }
    const record = { kind: 'decision', id: 'a-1', effect: 'allow', dependsOn: { ruleSet: 'r', contexts: [context] } }
    expect(explainRecord({ record, file: 'f', seq: 1 })).toContain('  `quotas` of p: 2 ResourceQuota in shop at resourceVersion 77\n')
  })

  test('lets no name steer a terminal', () => {
    const record = { kind: 'decision', id: 'a-1', effect: 'allow', request: { operation: 'CREATE', name: 'x\u001b[2J\ny', user: { name: 'eve\r\u0007' } } }
    expect(explainRecord({ record, file: 'f', seq: 1 })).not.toMatch(/[^\P{Cc}\n]/u)
  })
})
