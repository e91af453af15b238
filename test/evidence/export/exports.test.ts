import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { exportEvidence } from '../../../src/cli/index.ts'
import { toCell, toControlToken } from '../../../src/evidence/index.ts'
import { at, writeShop } from '../log/judged.ts'

let folder: string

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bylaw-export-'))
  await writeShop(folder)
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

async function exported(format: 'oscal' | 'csv' | 'sarif', period: { readonly since?: string; readonly until?: string } = {}): Promise<string> {
  const parts: string[] = []
  const write = async (text: string): Promise<void> => {
    parts.push(text)
  }
  const result = await exportEvidence({ folder, format, ...period, version: '0.1.0', now: new Date('2026-06-02T00:00:00Z'), write })
  expect(result).toEqual({ exitCode: 0, stdout: '', stderr: '' })
  return parts.join('')
}

describe('CSV', () => {
  test('has a row for each policy that judged a request', async () => {
    const rows = (await exported('csv')).split('\r\n')
    expect(rows[0]).toBe(
      'time,decision,effect,environment,operation,group,version,resource,subresource,namespace,name,user,dry run,policy,level,severity,result,rules,message,waived by,controls,file,number',
    )
    expect(rows[3]).toMatch(
      /^2026-06-01T12:00:00\.000Z,aa11bb22-2,deny,prod,CREATE,,v1,configmaps,,shop,settings,alice,false,no-bad,Deny,high,fail,bad,data\.bad is not allowed,,NIST-800-53r5 AC-6\(1\); CIS Kubernetes 5\.2\.1,pod-1-\S+\.jsonl,5$/,
    )
    expect(rows).toHaveLength(1 + 6 * 2 + 1)
  })

  test('has nothing that a spreadsheet takes for a formula', async () => {
    expect(await exported('csv')).toContain(`,"'=cmd|""calc""!A1",`)
  })

  test.each([
    ['plain', 'plain'],
    ['', ''],
    ['a,b', '"a,b"'],
    ['say "no"', '"say ""no"""'],
    ['two\nlines', '"two\nlines"'],
    ['=1+1', "'=1+1"],
    ['+1', "'+1"],
    ['-1', "'-1"],
    ['@x', "'@x"],
    ['\t=1', "'\t=1"],
    ['\r=1', '"\'\r=1"'],
  ])('writes %j as %j', (text, cell) => {
    expect(toCell(text)).toBe(cell)
  })
})

describe('OSCAL', () => {
  test('has a finding for each control that something was judged for, and no rehearsals', async () => {
    const document: unknown = JSON.parse(await exported('oscal'))
    const result = at(document, 'assessment-results', 'results', 0)
    expect(at(result, 'start')).toBe('2026-06-01T12:00:00.000Z')
    expect(at(result, 'reviewed-controls', 'control-selections', 0, 'include-controls')).toEqual([
      { 'control-id': 'CIS-Kubernetes_5.2.1' },
      { 'control-id': 'ac-6.1' },
      { 'control-id': 'sc-1' },
    ])
    expect(at(result, 'findings', 1, 'target')).toEqual({ type: 'objective-id', 'target-id': 'ac-6.1', status: { state: 'not-satisfied' } })
    expect(at(result, 'findings', 2)).toBeUndefined()
    expect(at(result, 'observations', 1, 'description')).toBe('Policy no-bad judged 5 requests: 3 passed, 1 were refused, 1 warned, 0 observed, 0 waived')
    expect(at(result, 'observations', 0, 'description')).toBe('Policy asleep judged 0 requests: 0 passed, 0 were refused, 0 warned, 0 observed, 0 waived')
  })

  test('points at records by decision, segment and number', async () => {
    const document: unknown = JSON.parse(await exported('oscal'))
    const evidence = at(document, 'assessment-results', 'results', 0, 'observations', 1, 'relevant-evidence', 0)
    expect(at(evidence, 'href')).toMatch(/^pod-1-\S+-000001\.jsonl#5$/)
    expect(at(evidence, 'description')).toBe('CREATE shop/ConfigMap/settings: bad (deny) data.bad is not allowed')
    expect(at(evidence, 'props', 0)).toEqual({ name: 'decision', value: 'aa11bb22-2', ns: 'https://bylaw.dev/ns/oscal' })
  })

  test('is the same for the same log and moment', async () => {
    expect(await exported('oscal')).toBe(await exported('oscal'))
  })

  test.each([
    ['NIST-800-53r5', 'AC-6(1)', 'ac-6.1'],
    ['NIST SP 800-53 Rev. 5', 'SC-7', 'sc-7'],
    ['CIS', '5.2.1', 'CIS_5.2.1'],
    ['PCI DSS 4', '2.2 (b)', 'PCI-DSS-4_2.2-b-'],
  ])('writes %s %s as %s', (framework, id, token) => {
    expect(toControlToken({ framework, id })).toBe(token)
  })
})

describe('SARIF', () => {
  test('has a result for each violation, and no rehearsals', async () => {
    const document: unknown = JSON.parse(await exported('sarif'))
    const results = at(document, 'runs', 0, 'results')
    const told = (Array.isArray(results) ? results : []).map((result) => [at(result, 'ruleId'), at(result, 'level'), at(result, 'properties', 'decision')])
    expect(told).toEqual([
      ['no-bad/bad', 'error', 'aa11bb22-2'],
      ['no-bad/bad', 'warning', 'aa11bb22-3'],
      ['no-bad/small', 'warning', 'aa11bb22-3'],
      ['number/number', 'warning', 'aa11bb22-4'],
    ])
    expect(at(document, 'runs', 0, 'tool', 'driver', 'rules', 0, 'properties', 'tags')).toEqual(['NIST-800-53r5 AC-6(1)', 'CIS Kubernetes 5.2.1'])
  })
})

describe('a period', () => {
  test('leaves out what was before and after', async () => {
    expect((await exported('csv', { since: '2026-06-01T12:00:00Z', until: '2026-06-01T12:00:01Z' })).split('\r\n')).toHaveLength(14)
    expect((await exported('csv', { since: '2026-06-01T12:00:01Z' })).split('\r\n')).toHaveLength(2)
    expect((await exported('csv', { until: '2026-06-01T12:00:00Z' })).split('\r\n')).toHaveLength(2)
  })

  test('that is none is told', async () => {
    const write = async (): Promise<void> => {}
    const result = await exportEvidence({ folder, format: 'csv', since: 'yesterday', version: '', now: new Date(), write })
    expect(result).toEqual({ exitCode: 2, stdout: '', stderr: 'error: --since: `yesterday` is not a time such as 2027-01-31T00:00:00Z\n' })
  })
})
