import { describe, expect, test } from '@jest/globals'
import { toDecisionRecord, toDenialMessage, toWarnings } from '../../src/evidence/index.ts'
import { configMap, judge, on, policy, requestOf, ruleSet } from '../doors/build.ts'

type Json = Readonly<Record<string, unknown>>

const withoutDigests = (text: string): string => text.replace(/digest [0-9a-f]{6}/g, 'digest')

/** What the only finding of a rule says between the brackets after the path. */
function shown(expression: string, fields: Json, rule: Json = {}): string | undefined {
  const rules = ruleSet([policy('p', { validations: [{ name: 'a', expression, message: 'm', ...rule }] })])
  const { outcomes } = judge(rules, requestOf({ ...configMap(), ...fields }))
  const [outcome] = outcomes
  const [finding] = outcome?.result === 'fail' ? outcome.violation.findings : []
  return finding === undefined ? JSON.stringify(outcome) : withoutDigests(/^\S+ \((.*)\) must/.exec(finding.sentence)?.[1] ?? finding.sentence)
}

describe('a value is shown by the field that it stands in', () => {
  test.each<[string, string, Json, string]>([
    ['a whole number', 'object.spec.replicas == 0', { spec: { replicas: 7 } }, '7'],
    ['a fraction', 'object.spec.share == 0.0', { spec: { share: 0.25 } }, '0.25'],
    ['a truth', 'object.spec.paused == false', { spec: { paused: true } }, 'true'],
    ['null', "object.spec.x == 'a'", { spec: { x: null } }, 'null'],
    ['an image', "object.spec.image == 'a'", { spec: { image: 'nginx:1.27' } }, '"nginx:1.27"'],
    ['a name', "object.metadata.name == 'a'", {}, '"settings"'],
    ['a type', "object.spec.type == 'a'", { spec: { type: 'NodePort' } }, '"NodePort"'],
    ['verbs', "object.rules[0].verbs == ['a']", { rules: [{ verbs: ['get', '*'] }] }, '["get", "*"]'],
    ['a quantity', "object.spec.limits.memory == 'a'", { spec: { limits: { memory: '8Gi' } } }, '"8Gi"'],
    ['no quantity among quantities', "object.spec.limits.memory == 'a'", { spec: { limits: { memory: 'hunter2' } } }, 'a string of 7 characters, digest'],
    ['a name of a variable of the environment', "object.spec.env[0].name == 'a'", { spec: { env: [{ name: 'TOKEN', value: 'x' }] } }, '"TOKEN"'],
    ['its value', "object.spec.env[0].value == 'a'", { spec: { env: [{ name: 'TOKEN', value: 'hunter2' }] } }, 'a string of 7 characters, digest'],
    ['a label called like a field', "object.metadata.labels.type == 'a'", { metadata: { labels: { type: 'hunter2' } } }, 'a string of 7 characters, digest'],
    [
      'an annotation called like a field',
      "object.metadata.annotations.image == 'a'",
      { metadata: { annotations: { image: 'hunter2' } } },
      'a string of 7 characters, digest',
    ],
    ['data called like a field', "object.data.name == 'a'", { data: { name: 'hunter2' } }, 'a string of 7 characters, digest'],
    ['a command', "object.spec.command[0] == 'a'", { spec: { command: ['hunter2'] } }, 'a string of 7 characters, digest'],
    ['a length in letters, not in bytes', "object.spec.note == 'a'", { spec: { note: '🦊漢' } }, 'a string of 2 characters, digest'],
    ['an object', "object.spec == 'a'", { spec: { a: 1, b: 2 } }, 'an object of 2 fields'],
    ['a list of objects', "object.spec.env == 'a'", { spec: { env: [{ a: 'hunter2' }] } }, 'a list of 1'],
    ['a list of hidden texts', "object.spec.args == ['a']", { spec: { args: ['hunter2'] } }, '[a string of 7 characters, digest]'],
    ['a long list of numbers', 'object.spec.ports == [0]', { spec: { ports: [1, 2, 3, 4, 5, 6, 7] } }, '[1, 2, 3, 4, 5, and 2 more]'],
    ['a long image', "object.spec.image == 'a'", { spec: { image: 'x'.repeat(200) } }, `"${'x'.repeat(120)}…"`],
  ])('%s', (_, expression, fields, expected) => {
    expect(shown(expression, fields)).toBe(expected)
  })

  test('a rule that vouches shows any text', () => {
    expect(shown("object.spec.env[0].value == 'a'", { spec: { env: [{ value: 'plain' }] } }, { showValues: true })).toBe('"plain"')
  })

  test('equal values have equal digests under one key, and others under another', () => {
    const rules = ruleSet([policy('p', { validations: [{ name: 'a', expression: "object.data.x == 'a'" }] })])
    const sentence = (x: string, digestKey: string) => JSON.stringify(toDecisionRecord(judge(rules, requestOf(configMap({ x })), { digestKey })).outcomes)
    expect(sentence('one', 'k1')).toBe(sentence('one', 'k1'))
    expect(sentence('one', 'k1')).not.toBe(sentence('two', 'k1'))
    expect(sentence('one', 'k1')).not.toBe(sentence('one', 'k2'))
  })
})

const CANARY = 'hunter2'
/** Everything that people, logs and records get to see of a decision. */
function everythingTold(spec: Json, object: Json, changes: Json = {}): string {
  const rules = ruleSet([policy('p', spec), policy('q', { ...spec, severity: 'medium' })])
  const decision = judge(rules, requestOf(object, changes))
  expect(decision.outcomes.some(({ result }) => result !== 'pass')).toBe(true)
  return [JSON.stringify(toDecisionRecord(decision)), toDenialMessage(decision, 'd'), ...toWarnings(decision)].join('\n')
}

/** Expressions that fail, each in a way of its own, on a value that must not be told. */
const PRYING = [
  'object.data.x == "no"',
  'object.data.x.size() < 2',
  'object.data.x.startsWith("no")',
  'object.data.x in ["no"]',
  'object.data.x.split("-").all(p, p == "no")',
  'object.data.x.lowerAscii() == "no"',
  'object.data.all(k, object.data[k] == "no")',
  'object.metadata.name == object.data.x',
  'object.metadata.name == object.data.x + "no"',
  'object.metadata.name.startsWith(object.data.x)',
  'object.metadata.name in [object.data.x]',
  'variables.x == "no"',
  'object.metadata.name == variables.more',
  'variables.map.all(k, variables.map[k] == "no")',
  'int(object.data.x) > 0',
  'double(object.data.x) > 0.0',
  'bool(object.data.x)',
  'duration(object.data.x) > duration("1s")',
  'timestamp(object.data.x) > timestamp("2020-01-01T00:00:00Z")',
  'quantity(object.data.x).isGreaterThan(quantity("1"))',
  'url(object.data.x).getHost() == "a"',
  'url("https://" + object.data.odd).getHost() == "a"',
  'cidr(object.data.x).prefixLength() > 0',
  'ip(object.data.x).family() == 4',
  'semver(object.data.x).major() > 1',
  '"a".matches(object.data.odd)',
  '"a".matches("(" + object.data.x)',
  '{"a": 1}[object.data.x] == 1',
  'object.metadata.labels[object.data.x] == "a"',
  'object.metadata.labels[variables.x] == "a"',
  'object.metadata.labels[?object.data.x].orValue("") == "b"',
  'object.metadata.?labels[?object.data.x].hasValue()',
  'object.data.x in object.metadata.labels',
  'object.data.x.charAt(100) == "a"',
  '"%d".format([object.data.x]) == "a"',
  'request.userInfo.extra.token[0] == "no"',
  '{"a": 1}[request.userInfo.extra.token[0]] == 1',
]
const VARIABLES = [
  { name: 'x', expression: 'object.data.x' },
  { name: 'more', expression: 'object.data.x + "-more"' },
  { name: 'map', expression: '{"a": object.data.x}' },
]
const DATA = { x: `${CANARY}-canary`, y: `${CANARY}-why`, odd: `${CANARY}"(\`[` }
const USER = { userInfo: { username: 'alice', groups: [], extra: { token: [`${CANARY}-token`] } } }

describe('no value that is not on the list is ever told', () => {
  test.each(PRYING)('by %s', (expression) => {
    const validations = [{ name: 'a', expression, message: 'm' }]
    expect(everythingTold({ variables: VARIABLES, validations }, configMap(DATA, { labels: { a: 'b' } }), USER)).not.toContain(CANARY)
  })

  test.each(PRYING)('by a match condition %s', (expression) => {
    if (expression.includes('variables.')) return
    const matchConditions = [{ name: 'c', expression }]
    expect(everythingTold({ matchConditions }, configMap(DATA, { labels: { a: 'b' } }), USER)).not.toContain(CANARY)
  })
})

describe('no value of a Secret is ever told, whatever the rule asks for', () => {
  const secret = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'db', namespace: 'shop', labels: { a: CANARY } },
    type: 'Opaque',
    data: { ...DATA, number: 4_815_162_342 },
  }
  const changes = { ...USER, resource: { group: '', version: 'v1', resource: 'secrets' } }

  test.each([...PRYING, 'object.metadata.labels.a == "no"', 'object.data.number == 0'])('by %s', (expression) => {
    const validations = [{ name: 'a', expression, message: 'm', showValues: true, messageExpression: '"composed: " + object.data.x' }]
    const told = everythingTold({ matchConstraints: on('secrets'), variables: VARIABLES, validations }, secret, changes)
    expect(told).not.toContain(CANARY)
    expect(told).not.toContain('4815162342')
    expect(told).not.toContain('digest')
  })

  test.each(['exec', 'attach', 'portforward', 'token'])('nor what is sent to %s', (subResource) => {
    const validations = [{ name: 'a', expression: 'object.command == ["no"]', message: 'm', showValues: true, messageExpression: 'object.command[0]' }]
    const constraints = on(`pods/${subResource}`, { operations: ['CONNECT', 'CREATE'] })
    const options = { apiVersion: 'v1', kind: 'PodExecOptions', command: [CANARY] }
    const asked = { operation: 'CONNECT', subResource, resource: { group: '', version: 'v1', resource: 'pods' } }
    expect(everythingTold({ matchConstraints: constraints, validations }, options, asked)).not.toContain(CANARY)
  })
})

describe('an error still says what it is about', () => {
  const errorOf = (expression: string, data: Json): string | undefined => {
    const [outcome] = judge(ruleSet([policy('p', { validations: [{ name: 'a', expression }] })]), requestOf(configMap(data))).outcomes
    return outcome?.result === 'error' ? withoutDigests(outcome.message) : outcome?.result
  }
  test.each<[string, string, Json, string]>([
    ['a key that the policy names', 'object.data.number == 1', {}, 'no such key: number'],
    [
      'a pattern that the policy composes',
      "'a'.matches('(' + object.data.x)",
      { x: 'b' },
      'error parsing regexp: missing closing ): a string of 2 characters, digest',
    ],
    [
      'an address',
      'ip(object.data.x).family() == 4',
      { x: 'no address' },
      'IP Address a string of 10 characters, digest parse error during conversion from string: ParseAddr(a string of 10 characters, digest): unable to parse IP',
    ],
  ])('%s', (_, expression, data, expected) => {
    expect(errorOf(expression, data)).toBe(expected)
  })
})
