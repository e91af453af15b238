import { describe, expect, test } from '@jest/globals'
import { parseConfig } from '../../src/api/index.ts'

const issuesOf = (source: string): readonly string[] => {
  const parsed = parseConfig(source)
  return parsed.ok ? [] : parsed.error.map(({ path, message, code }) => `${path}: ${message} (${code})`)
}

const DEFAULTS = {
  instance: '',
  failClosedNamespaces: [],
  workloadControllers: [],
  logLevel: 'info',
  admission: { port: 9443, timeoutSeconds: 5, maxBodyBytes: 16 * 1024 * 1024 },
  approval: { automatic: [], fourEyes: false },
  certificates: { source: 'Own' },
  evidence: {
    durability: 'written',
    onLogFailure: 'Allow',
    sampleAllows: 1,
    sinks: [],
    retention: { maxAgeDays: 400, maxBytes: 10 * 1024 * 1024 * 1024, segmentBytes: 64 * 1024 * 1024, segmentAgeMinutes: 1440 },
  },
  scan: { enabled: true, intervalSeconds: 43_200, pageSize: 100, qps: 5 },
}

describe('a configuration', () => {
  test.each<[string, string]>([
    ['that is empty', ''],
    ['that is a comment', '# nothing\n'],
    ['that is an empty object', '{}'],
    ['with empty sections', 'admission: {}\napproval: {}\ncertificates: {}\nevidence: { retention: {} }\nscan: {}\n'],
  ])('%s has the defaults', (_, source) => {
    expect(parseConfig(source)).toEqual({ ok: true, value: DEFAULTS })
  })

  test('that sets everything is read as it is', () => {
    const source = `
namespace: policies
instance: critical
policySelector: { matchLabels: { tier: critical } }
failClosedNamespaces: [kube-system]
admission: { port: 0, host: 127.0.0.1, url: "https://10.0.0.1:9443", timeoutSeconds: 10, maxBodyBytes: 1048576 }
approval: { automatic: [{ account: "system:serviceaccount:argocd:argocd", namespace: policies }], fourEyes: true }
workloadControllers: [{ account: "system:serviceaccount:argo:rollouts", group: argoproj.io, kind: Rollout, resource: rollouts }]
certificates: { source: Files, certFile: /a, keyFile: /b, caFile: /c }
evidence:
  dir: /var/lib/bylaw
  durability: synced
  onLogFailure: Deny
  sampleAllows: 100
  keyFile: /k
  retention: { maxAgeDays: 30, maxBytes: 1048576, segmentBytes: 4096, segmentAgeMinutes: 5 }
  sinks: [{ type: Stdout }, { type: Otlp, url: "http://collector:4318/v1/logs", tokenFile: /t }]
scan: { enabled: false, intervalSeconds: 60, pageSize: 100, qps: 1 }
kubernetesVersion: "1.37"
logLevel: debug
`
    expect(parseConfig(source)).toEqual({
      ok: true,
      value: {
        namespace: 'policies',
        instance: 'critical',
        policySelector: { matchLabels: { tier: 'critical' } },
        failClosedNamespaces: ['kube-system'],
        admission: { port: 0, host: '127.0.0.1', url: 'https://10.0.0.1:9443', timeoutSeconds: 10, maxBodyBytes: 1048576 },
        approval: { automatic: [{ account: 'system:serviceaccount:argocd:argocd', namespace: 'policies' }], fourEyes: true },
        workloadControllers: [{ account: 'system:serviceaccount:argo:rollouts', group: 'argoproj.io', kind: 'Rollout', resource: 'rollouts' }],
        certificates: { source: 'Files', certFile: '/a', keyFile: '/b', caFile: '/c' },
        evidence: {
          dir: '/var/lib/bylaw',
          durability: 'synced',
          onLogFailure: 'Deny',
          sampleAllows: 100,
          keyFile: '/k',
          retention: { maxAgeDays: 30, maxBytes: 1048576, segmentBytes: 4096, segmentAgeMinutes: 5 },
          sinks: [{ type: 'Stdout' }, { type: 'Otlp', url: 'http://collector:4318/v1/logs', tokenFile: '/t' }],
        },
        scan: { enabled: false, intervalSeconds: 60, pageSize: 100, qps: 1 },
        kubernetesVersion: '1.37',
        logLevel: 'debug',
      },
    })
  })
})

describe('a mistake is named by its path', () => {
  test.each<[string, string, readonly string[]]>([
    ['an unknown key', 'admision: {}', ['admision: unknown field, did you mean `admission`? (UnknownField)']],
    ['an unknown key in a section', 'admission: { prot: 1 }', ['admission.prot: unknown field, did you mean `port`? (UnknownField)']],
    [
      'an unknown key in a list',
      'approval: { automatic: [{ acount: a, namespace: b }] }',
      ['approval.automatic[0].account: required (Required)', 'approval.automatic[0].acount: unknown field, did you mean `account`? (UnknownField)'],
    ],
    ['a number that is a text', 'admission: { port: "9443" }', ['admission.port: must be a number, is a text (WrongType)']],
    ['an address without TLS', 'admission: { url: "http://x" }', ['admission.url: must be an address such as `https://host:9443` (BadFormat)']],
    ['a word that is none of the list', 'logLevel: loud', ['logLevel: must be `debug`, `info`, `warn` or `error`, is `loud` (NotAllowed)']],
    ['a collector without an address', 'evidence: { sinks: [{ type: Otlp }] }', ['evidence.sinks[0]: `Otlp` needs `url` (RuleBroken)']],
    ['refusing without a log', 'evidence: { onLogFailure: Deny }', ['evidence.onLogFailure: `Deny` needs `dir` (RuleBroken)']],
    ['an unknown key of the retention', 'evidence: { retention: { maxDays: 1 } }', ['evidence.retention.maxDays: unknown field (UnknownField)']],
    [
      'files that are missing',
      'certificates: { source: Files, certFile: /a }',
      ['certificates: `Files` needs `certFile`, `keyFile` and `caFile` (RuleBroken)'],
    ],
    ['a page that is too long', 'scan: { pageSize: 501 }', ['scan: `pageSize` is at most 500 (RuleBroken)']],
    ['a list', '[]', [': must be an object, is a list (WrongType)']],
    ['a section that is a text', 'admission: here', ['admission: must be an object, is a text (WrongType)']],
    [
      'all of them at once',
      'logLevel: loud\nadmision: {}\n',
      ['logLevel: must be `debug`, `info`, `warn` or `error`, is `loud` (NotAllowed)', 'admision: unknown field, did you mean `admission`? (UnknownField)'],
    ],
  ])('%s', (_, source, issues) => {
    expect(issuesOf(source)).toEqual(issues)
  })

  test.each<[string, string, string]>([
    ['YAML that is none', 'a: [1', ': not valid YAML: line 1, column 6: '],
    ['a key that stands twice', 'logLevel: info\nlogLevel: warn\n', ': not valid YAML: line 2, column 1: Map keys must be unique'],
    ['an alias of nothing', 'admission: *a\n', ': not valid YAML: '],
    ['a second document', 'logLevel: info\n---\nlogLevel: warn\n', ': expected one document (TooMany)'],
  ])('%s is an error too', (_, source, beginning) => {
    const [issue = '', ...others] = issuesOf(source)
    expect(others).toEqual([])
    expect(issue.slice(0, beginning.length)).toBe(beginning)
  })

  test('an alias stands for what it names', () => {
    expect(parseConfig('failClosedNamespaces: &all [a]\napproval: { automatic: [] }\nworkloadControllers: []\n')).toMatchObject({
      ok: true,
      value: { failClosedNamespaces: ['a'] },
    })
    expect(parseConfig('admission: &own { port: 1 }\ncertificates: *own\n')).toMatchObject({ ok: false })
  })
})
