import { describe, expect, test } from '@jest/globals'
import { computeWebhooks, type Webhook } from '../../src/controllers/index.ts'
import { namespaceObject, on, policy, profile, ruleSet } from '../doors/build.ts'
import { compileCondition, holds } from './registration-conditions.ts'

type Json = Readonly<Record<string, unknown>>

const levels = { critical: 'Deny', high: 'Deny', medium: 'Deny', low: 'Deny' }
const WEBHOOKS: readonly Webhook[] = computeWebhooks(
  ruleSet(
    [
      policy('settings'),
      policy('everything', {
        severity: 'low',
        enforcement: { environments: [{ name: 'prod', level: 'Warn' }] },
        matchConstraints: on('*/*', { group: '*', operations: ['*'] }),
      }),
      policy('namespaces', { matchConstraints: on('namespaces', { operations: ['*'] }) }),
      policy('scales', { matchConstraints: on('*/scale', { group: 'apps' }) }),
    ],
    profile({
      environments: [
        { name: 'dev', levels: { ...levels, low: 'Observe' } },
        { name: 'prod', levels },
      ],
      protectedNamespaceLabels: ['example.com/tenant'],
    }),
  ),
  {
    instance: '',
    protectedNamespaces: ['kube-system', 'bylaw-system'],
    timeoutSeconds: 5,
    clientConfig: (path) => ({ path }),
    facts: {
      servedVersions: () => undefined,
      isNamespaced: (_group, resource) => (resource === 'configmaps' ? true : resource === 'namespaces' ? false : undefined),
    },
  },
)

function condition(entry: string, name: string): string {
  const webhook = WEBHOOKS.find((candidate) => candidate.name === `bylaw-${entry}.validate.bylaw.dev`)
  const found = webhook?.matchConditions?.find((candidate) => candidate.name === name)
  if (found === undefined) throw new Error(`no condition ${name} in ${entry}, only in ${WEBHOOKS.map((candidate) => candidate.name).join(', ')}`)
  return found.expression
}

const request = (changes: Json = {}): Json => ({
  kind: { group: '', version: 'v1', kind: 'ConfigMap' },
  resource: { group: '', version: 'v1', resource: 'configmaps' },
  operation: 'CREATE',
  namespace: 'shop',
  userInfo: { username: 'alice', groups: ['system:authenticated'] },
  object: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' } },
  oldObject: null,
  ...changes,
})
const resource = (name: string, group = ''): Json => ({ resource: { group, version: 'v1', resource: name } })
const by = (username: string, groups?: readonly string[]): Json => ({ userInfo: groups === undefined ? { username } : { username, groups } })

describe('every condition', () => {
  const all = WEBHOOKS.flatMap(({ name, matchConditions = [] }) => matchConditions.map((item) => [name, item.name, item.expression] as const))

  test.each(all)('%s: %s compiles', (_entry, _name, expression) => {
    expect(() => compileCondition(expression)).not.toThrow()
  })

  test('never reads the name of the request, which a deletion of a collection and a generateName have not', () => {
    expect(all.filter(([, , expression]) => /request\.name\b/.test(expression))).toEqual([])
  })

  test('stands in an entry at most 64 times, with a name of its own', () => {
    for (const { matchConditions = [] } of WEBHOOKS) {
      const names = matchConditions.map(({ name }) => name)
      expect(new Set(names).size).toBe(names.length)
      expect(names.length).toBeLessThanOrEqual(64)
    }
  })
})

describe('what a failing-closed entry leaves out', () => {
  const isKept = condition('prod-fail', 'standing-exclusion')
  test.each<[string, Json, boolean]>([
    ['an ordinary request', {}, true],
    ['a deletion without objects', { operation: 'DELETE', object: null }, true],
    ['a requester without groups', by('alice', undefined), true],
    ['the API server itself', by('system:apiserver'), false],
    ["one of Bylaw's own objects", resource('policies', 'bylaw.dev'), false],
    ['a lease', resource('leases', 'coordination.k8s.io'), false],
    ['a lease of somebody else', resource('leases', 'example.com'), true],
    ['an event', resource('events'), false],
    ['an event of the newer kind', resource('events', 'events.k8s.io'), false],
    ['an event of somebody else', resource('events', 'example.com'), true],
    ['a node by its kubelet', { ...resource('nodes'), ...by('system:node:n1', ['system:nodes']) }, false],
    ['a node by a person', { ...resource('nodes'), ...by('alice', ['system:authenticated']) }, true],
    ['a node by a person without groups', { ...resource('nodes'), ...by('alice') }, true],
    [
      'a signing request by a node that joins',
      { ...resource('certificatesigningrequests', 'certificates.k8s.io'), ...by('system:bootstrap:x', ['system:bootstrappers']) },
      false,
    ],
    [
      'a signing request by a controller',
      { ...resource('certificatesigningrequests', 'certificates.k8s.io'), ...by('system:serviceaccount:kube-system:csr') },
      false,
    ],
    ['a signing request by a person', { ...resource('certificatesigningrequests', 'certificates.k8s.io'), ...by('alice', ['system:masters']) }, true],
    ['a Pod by a controller', { ...resource('pods'), ...by('system:serviceaccount:kube-system:replicaset-controller') }, true],
    ['a config map by a kubelet', by('system:node:n1', ['system:nodes']), true],
  ])('%s', (_, changes, expected) => {
    expect(holds(isKept, request(changes))).toBe(expected)
  })

  const isLeftOut = condition('prod-left-out', 'left-out-of-the-fail-entry')
  test.each<[string, Json, boolean]>([
    ['an ordinary request', {}, false],
    ['what the standing exclusion leaves out', by('system:apiserver'), true],
    ['a protected namespace', { namespace: 'kube-system' }, true],
    ['a namespace of a similar name', { namespace: 'kube-systems' }, false],
  ])('is judged by the entry for it: %s', (_, changes, expected) => {
    expect(holds(isLeftOut, request(changes))).toBe(expected)
  })
})

describe('where a wildcard overlaps', () => {
  const isElsewhere = condition('prod-ignore', 'not-in-the-fail-entry')
  test.each<[string, Json, boolean]>([
    ['what the other entry has', {}, false],
    ['the same at another operation', { operation: 'DELETE' }, true],
    ['a subresource of it', { subResource: 'status' }, true],
    ['another resource', resource('services'), true],
    ['a resource of the same name in another group', resource('configmaps', 'example.com'), true],
    ['a scale that the other entry has', { ...resource('deployments', 'apps'), operation: 'UPDATE', subResource: 'scale' }, false],
  ])('%s', (_, changes, expected) => {
    // `prod` warns of everything and denies a few things; both ask for these.
    expect(holds(isElsewhere, request(changes))).toBe(expected)
  })
})

describe('Namespaces', () => {
  const of = (entry: string) => condition(entry, 'environment')
  const label = (environment?: string): Json => ({ ...namespaceObject('x', environment === undefined ? {} : { 'bylaw.dev/environment': environment }) })
  const isIn = (entry: string, object: Json | null, oldObject: Json | null): boolean =>
    holds(of(entry), request({ ...resource('namespaces'), object, oldObject }))
  test.each<[string, Json | null, Json | null, 'dev' | 'prod']>([
    ['a new one of dev', label('dev'), null, 'dev'],
    ['a new one without a label', label(), null, 'prod'],
    ['a new one without any labels at all', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'x' } }, null, 'prod'],
    ['a new one whose label means nothing', label('moon'), null, 'prod'],
    ['one that leaves dev', label('prod'), label('dev'), 'dev'],
    ['one that comes to dev', label('dev'), label('prod'), 'prod'],
    ['a deletion in dev', null, label('dev'), 'dev'],
  ])('%s', (_, object, oldObject, expected) => {
    const zones = ['dev', 'prod'].filter((zone) => isIn(`namespaces-${zone}-fail`, object, oldObject))
    expect(zones).toEqual([expected])
  })

  const changes = condition('guard-environment', 'label-changes')
  const tenant = (name: string): Json => ({ ...namespaceObject('x', { 'example.com/tenant': name }) })
  test.each<[string, Json, Json | null, boolean]>([
    ['a new one without a label', label(), null, false],
    ['a new one with one', label('dev'), null, true],
    ['another label', label('prod'), label('dev'), true],
    ['a label that goes', label(), label('dev'), true],
    ['the same label', label('dev'), label('dev'), false],
    ['another of the labels that are guarded', tenant('b'), tenant('a'), true],
    ['a label that is not guarded', { ...namespaceObject('x', { team: 'a' }) }, label(), false],
  ])('the guard is called for %s: %s', (_, object, oldObject, expected) => {
    expect(holds(changes, request({ ...resource('namespaces'), operation: oldObject === null ? 'CREATE' : 'UPDATE', object, oldObject }))).toBe(expected)
  })
})

describe('the deletion of a definition', () => {
  const isOurs = condition('guard-definitions', 'own-definition')
  const definition = (group: string, annotations?: Json): Json => ({
    metadata: { name: `x.${group}`, ...(annotations === undefined ? {} : { annotations }) },
    spec: { group },
  })
  test.each<[string, Json, boolean]>([
    ["of Bylaw's", definition('bylaw.dev'), true],
    ["of Bylaw's, with another annotation", definition('bylaw.dev', { a: 'b' }), true],
    ["of Bylaw's, allowed", definition('bylaw.dev', { 'bylaw.dev/allow-deletion': 'true' }), false],
    ["of Bylaw's, allowed by another word", definition('bylaw.dev', { 'bylaw.dev/allow-deletion': 'yes' }), true],
    ['of somebody else', definition('example.com'), false],
  ])('%s', (_, oldObject, expected) => {
    expect(holds(isOurs, request({ operation: 'DELETE', object: null, oldObject }))).toBe(expected)
  })
})

test('names with quotes and backslashes are quoted', () => {
  const webhooks = computeWebhooks(ruleSet([policy('p', { matchConstraints: on('namespaces') })]), {
    instance: '',
    protectedNamespaces: ["it's", 'back\\slash'],
    timeoutSeconds: 5,
    clientConfig: () => ({}),
    facts: { servedVersions: () => undefined, isNamespaced: () => undefined },
  })
  for (const { matchConditions = [] } of webhooks) for (const { expression } of matchConditions) expect(() => compileCondition(expression)).not.toThrow()
})
