import { describe, expect, test } from '@jest/globals'
import { toDenialMessage, toWarnings } from '../../src/evidence/index.ts'
import { configMap, judge, namespaceObject, on, policy, requestOf, ruleSet } from '../doors/build.ts'

const POD = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web', namespace: 'shop' },
  spec: {
    hostNetwork: true,
    containers: [
      { name: 'web', image: 'docker.io/library/nginx:latest', securityContext: { runAsNonRoot: true } },
      { name: 'log', image: 'registry.example.com/log:2', securityContext: { runAsNonRoot: false } },
      { name: 'mesh', image: 'registry.example.com/mesh:1' },
    ],
  },
}
const POD_POLICIES = [
  policy('require-run-as-non-root', {
    title: 'Containers run as a non-root user',
    owner: { team: 'platform-security', contact: '#sec-platform' },
    severity: 'high',
    remediation: 'set `securityContext.runAsNonRoot: true`\non every container',
    matchConstraints: on('pods'),
    validations: [
      {
        name: 'run-as-non-root',
        expression: 'object.spec.containers.all(c, c.?securityContext.?runAsNonRoot.orValue(false))',
        message: 'every container must run as a non-root user',
      },
    ],
  }),
  policy('no-host-network', {
    title: 'Pods do not use the network of the node',
    severity: 'critical',
    remediation: 'remove `hostNetwork`',
    matchConstraints: on('pods'),
    validations: [{ name: 'host-network', expression: '!object.spec.?hostNetwork.orValue(false)' }],
  }),
  policy('image-tags', {
    title: 'Images carry a tag that does not move',
    severity: 'medium',
    remediation: 'name a version',
    matchConstraints: on('pods'),
    validations: [{ name: 'not-latest', expression: "object.spec.containers.all(c, !c.image.endsWith(':latest'))", message: 'latest moves' }],
  }),
  policy('cpu', {
    title: 'Containers ask for CPU',
    severity: 'high',
    remediation: 'set requests',
    matchConstraints: on('pods'),
    validations: [{ name: 'requests', expression: "object.spec.containers.all(c, quantity(c.resources.requests.cpu).isGreaterThan(quantity('0')))" }],
  }),
]
const podRequest = requestOf(POD, { resource: { group: '', version: 'v1', resource: 'pods' } })

const text = (...lines: readonly string[]): string => lines.join('\n')
const staging = { kind: 'found', object: namespaceObject('shop', { 'bylaw.dev/environment': 'staging' }) } as const
const CONTROL = /\p{Cc}/u

describe('what the person sees', () => {
  test('a denial tells every rule that refuses, with place, fix and owner', () => {
    expect(toDenialMessage(judge(ruleSet(POD_POLICIES), podRequest), 'a1b2-7')).toBe(
      text(
        '3 rules refuse this request (decision a1b2-7)',
        '',
        'no-host-network/host-network (critical): Pods do not use the network of the node',
        '  failed expression: !object.spec.?hostNetwork.orValue(false)',
        '  - spec.hostNetwork (true) must not be true',
        '  fix: remove `hostNetwork`',
        '  owner: platform (#platform)',
        '',
        'cpu/requests (high): Containers ask for CPU',
        '  could not be evaluated (EvaluationFailed): no such key: resources',
        '  fix: set requests',
        '  owner: platform (#platform)',
        '',
        'require-run-as-non-root/run-as-non-root (high): Containers run as a non-root user',
        '  every container must run as a non-root user',
        '  - spec.containers[1].securityContext.runAsNonRoot (false) must be true',
        '  - spec.containers[2].securityContext.runAsNonRoot is not set',
        '  fix: set `securityContext.runAsNonRoot: true` on every container',
        '  owner: platform-security (#sec-platform)',
      ),
    )
  })

  test('what only warns stands in the warnings', () => {
    expect(toWarnings(judge(ruleSet(POD_POLICIES), podRequest))).toEqual([
      'image-tags/not-latest (medium): latest moves: spec.containers[0].image ("docker.io/library/nginx:latest") must not end with ":latest"; owner platform (#platform)',
    ])
  })

  test('in staging one rule refuses and the others warn', () => {
    const decision = judge(ruleSet(POD_POLICIES), podRequest, { namespace: staging })
    expect(toDenialMessage(decision, 'a1b2-8')).toBe(
      text(
        '1 rule refuses this request (decision a1b2-8)',
        '',
        'no-host-network/host-network (critical): Pods do not use the network of the node',
        '  failed expression: !object.spec.?hostNetwork.orValue(false)',
        '  - spec.hostNetwork (true) must not be true',
        '  fix: remove `hostNetwork`',
        '  owner: platform (#platform)',
      ),
    )
    expect(toWarnings(decision)).toEqual([
      'cpu/requests (high): could not be evaluated (EvaluationFailed): no such key: resources; owner platform (#platform)',
      'require-run-as-non-root/run-as-non-root (high): every container must run as a non-root user: spec.containers[1].securityContext.runAsNonRoot (false) must be true (and 1 more); owner platform-security (#sec-platform)',
      'image-tags/not-latest (medium): latest moves: spec.containers[0].image ("docker.io/library/nginx:latest") must not end with ":latest"; owner platform (#platform)',
    ])
  })

  test('a warning says why the request was not refused', () => {
    const rules = ruleSet([policy('digests', { validations: [{ name: 'marked', expression: "'mark' in object.data", message: 'data.mark is missing' }] })])
    const object = configMap({ a: 'b' })
    const going = configMap({ a: 'b' }, { deletionTimestamp: '2026-01-01T00:00:00Z' })
    const update = (oldObject: object, next: object) => judge(rules, requestOf({ ...next }, { operation: 'UPDATE', oldObject }))
    expect(toWarnings(update(object, { ...object, status: { seen: true } }))).toEqual([
      'digests/marked (high): data.mark is missing: data.mark is not set [not refused: the violation was there before and did not get worse]; owner platform (#platform)',
    ])
    expect(toWarnings(update(going, { ...going, data: { c: 'd' } }))).toEqual([
      'digests/marked (high): data.mark is missing: data.mark is not set [not refused: this kind of request is never denied]; owner platform (#platform)',
    ])
  })

  test('what is judged at its owner is told there, and not at every Pod', () => {
    const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web', uid: 'u', controller: true }
    const pod = { ...POD, metadata: { ...POD.metadata, ownerReferences: [owner] } }
    const request = requestOf(pod, {
      resource: { group: '', version: 'v1', resource: 'pods' },
      userInfo: { username: 'system:serviceaccount:kube-system:replicaset-controller', groups: [] },
    })
    const decision = judge(ruleSet(POD_POLICIES.slice(0, 1)), request)
    expect(decision.effect).toBe('warn')
    expect(toWarnings(decision)).toEqual([])
  })

  test('an error that all rules of a policy share is told once', () => {
    const broken = policy('limits', {
      paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
      paramRef: { name: 'gone', namespace: 'policy', parameterNotFoundAction: 'Deny' },
      validations: [
        { name: 'a', expression: 'params != null' },
        { name: 'b', expression: 'params == null' },
      ],
    })
    expect(toDenialMessage(judge(ruleSet([broken]), requestOf(configMap())), 'd')).toBe(
      text(
        '1 rule refuses this request (decision d)',
        '',
        'limits/a (high): Title of limits',
        '  could not be evaluated (ParamNotFound): the parameter ConfigMap `gone` does not exist',
        '  fix: do it right',
        '  owner: platform (#platform)',
      ),
    )
  })

  test('of many places five are told, and how many more there are', () => {
    const rules = ruleSet([
      policy('letters', { validations: [{ name: 'upper', expression: 'object.data.all(k, object.data[k] == k)', message: 'as the key' }] }),
    ])
    const places = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${String(index).padStart(2, '0')}`, 'x']))
    const lines = (count: number) =>
      toDenialMessage(judge(rules, requestOf(configMap(places(count)))), 'd')
        .split('\n')
        .filter((line) => line.startsWith('  - '))
    expect(lines(5).length).toBe(5)
    expect(lines(6).at(-1)).toBe('  - and 1 more place')
    expect(lines(30).at(-1)).toBe('  - and 25 more places')
  })
})

describe('the limits of the API server', () => {
  const long = (count: number, severity: string, words: string) =>
    ruleSet(
      Array.from({ length: count }, (_, index) =>
        policy(`p-${String(index + 1).padStart(2, '0')}`, {
          severity,
          title: 'ü'.repeat(120),
          remediation: 'do this '.repeat(100),
          validations: [{ name: 'never', expression: 'false', message: words.slice(0, 512) }],
        }),
      ),
    )

  test('a denial is at most 8 kB, and says how many rules it leaves out', () => {
    const message = toDenialMessage(judge(long(40, 'high', 'wrong '.repeat(80).trim()), requestOf(configMap())), 'd')
    expect(Buffer.byteLength(message)).toBeLessThanOrEqual(8192)
    expect(Buffer.byteLength(message)).toBeGreaterThan(6500)
    const told = message.match(/^p-\d\d\/never/gm) ?? []
    expect(told).toEqual(told.map((_, index) => `p-${String(index + 1).padStart(2, '0')}/never`))
    expect(message.split('\n')[0]).toBe('40 rules refuse this request (decision d)')
    expect(message.split('\n').at(-1)).toBe(`and ${40 - told.length} more rules: the text would be longer than an answer may be`)
  })

  test('one rule that would fill it alone is told all the same', () => {
    const message = toDenialMessage(judge(long(1, 'high', '漢'.repeat(512)), requestOf(configMap())), 'd')
    expect(Buffer.byteLength(message)).toBeLessThanOrEqual(8192)
    expect(message).toContain('p-01/never')
  })

  test('a line is at most 512 characters and ends with an ellipsis', () => {
    const lines = toDenialMessage(judge(long(1, 'high', 'x'), requestOf(configMap())), 'd').split('\n')
    const fix = lines.find((line) => line.startsWith('  fix: ')) ?? ''
    expect([...fix.slice(2)].length).toBe(512)
    expect(fix.endsWith('…')).toBe(true)
  })

  test('twelve warnings at most, the last says how many more', () => {
    const twelve = toWarnings(judge(long(12, 'medium', 'short'), requestOf(configMap())))
    expect(twelve.length).toBe(12)
    expect(twelve.at(-1)).toContain('p-12/never')
    const fifteen = toWarnings(judge(long(15, 'medium', 'short'), requestOf(configMap())))
    expect(fifteen.length).toBe(12)
    expect(fifteen.at(-1)).toBe('and 4 more warnings of other rules')
  })

  test.each([
    ['plain words', 'wrong '.repeat(80)],
    ['letters of several bytes', '漢字'.repeat(200)],
    ['letters outside the basic plane', '🦊'.repeat(200)],
  ])('a warning of %s has at most 240 characters and keeps its owner', (_, words) => {
    const [warning = '', ...others] = toWarnings(judge(long(1, 'medium', words), requestOf(configMap())))
    expect(others).toEqual([])
    expect([...warning].length).toBeLessThanOrEqual(240)
    expect([...warning].length).toBeGreaterThan(230)
    expect(warning.isWellFormed()).toBe(true)
    expect(warning.endsWith('…; owner platform (#platform)')).toBe(true)
  })

  test('no control character survives, wherever it comes from', () => {
    const rules = (severity: string) =>
      ruleSet([
        policy('odd', {
          severity,
          remediation: 'first line\n\tsecond line',
          validations: [
            { name: 'text', expression: "object.data.text == 'x'", message: 'plain', messageExpression: "'bad: ' + object.data.text", showValues: true },
          ],
        }),
        policy('keys', { severity, validations: [{ name: 'key', expression: "object.data.all(k, k == 'text')", message: 'only `text`' }] }),
      ])
    const request = requestOf(configMap({ text: 'a\nb\u0007\u001b[31mc\u0085\u2028d', 'k\ney\u0000': 'v' }))
    const message = toDenialMessage(judge(rules('high'), request), 'd')
    expect(message.split('\n').filter((line) => CONTROL.test(line))).toEqual([])
    expect(toWarnings(judge(rules('medium'), request)).filter((line) => CONTROL.test(line))).toEqual([])
    expect(message).toContain('  bad: a b [31mc')
    expect(message).toContain('  fix: first line second line')
  })

  test('the most severe warning comes first, then the name', () => {
    const warn = (severity: string) => ({ severity, enforcement: { environments: [{ name: 'prod', level: 'Warn' }] } })
    const rules = ruleSet([policy('b', warn('low')), policy('c', warn('critical')), policy('a', warn('low')), policy('d', warn('medium'))])
    expect(toWarnings(judge(rules, requestOf(configMap()))).map((line) => line.split('/')[0])).toEqual(['c', 'd', 'a', 'b'])
  })
})
