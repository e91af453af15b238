import { describe, expect, test } from '@jest/globals'
import { BUILT_IN_RESOURCES, type EnforcementProfile, type Policy } from '../../src/api/index.ts'
import { computeMutatingWebhooks, computeWebhooks, type Webhook } from '../../src/controllers/index.ts'
import { on, policy, profile, ruleSet } from '../doors/build.ts'

const PROTECTED = ['kube-system', 'kube-node-lease', 'bylaw-system']
const FACTS = {
  servedVersions: (group: string, resource: string) => BUILT_IN_RESOURCES.find((type) => type.group === group && type.resource === resource)?.versions,
  isNamespaced: (group: string, resource: string) => BUILT_IN_RESOURCES.find((type) => type.group === group && type.resource === resource)?.isNamespaced,
}

interface Options {
  readonly inForce?: EnforcementProfile
  readonly instance?: string
  readonly protectedNamespaces?: readonly string[]
}

function webhooksFor(policies: readonly Policy[], { inForce, instance = '', protectedNamespaces = PROTECTED }: Options = {}): readonly Webhook[] {
  return computeWebhooks(ruleSet(policies, inForce), { instance, protectedNamespaces, timeoutSeconds: 5, clientConfig: (path) => ({ path }), facts: FACTS })
}

const isGuard = ({ name }: Webhook): boolean => name.includes('guard-')
const shortName = ({ name }: Webhook): string => name.replace(/^bylaw-/, '').replace(/\.validate\.bylaw\.dev$/, '')

/** An entry in a line: what it is called for. */
const called = ({ rules }: Webhook): readonly string[] =>
  rules.flatMap(({ apiGroups, apiVersions, operations, resources, scope }) =>
    resources.map((resource) => `${operations.join('+')} ${resource}.${apiVersions.join('+')}.${apiGroups.join('+')} ${scope}`),
  )
const overview = (policies: readonly Policy[], options?: Options): Readonly<Record<string, readonly string[]>> =>
  Object.fromEntries(
    webhooksFor(policies, options)
      .filter((webhook) => !isGuard(webhook))
      .map((webhook) => [shortName(webhook), called(webhook)]),
  )
const find = (webhooks: readonly Webhook[], name: string): Webhook => {
  const found = webhooks.find((webhook) => shortName(webhook) === name)
  if (found === undefined) throw new Error(`no entry ${name}, only ${webhooks.map(shortName).join(', ')}`)
  return found
}

const DENY_ALL = { environments: ['dev', 'staging', 'prod'].map((name) => ({ name, level: 'Deny' })) }

describe('without policies', () => {
  test('only the guards are called', () => {
    const webhooks = webhooksFor([])
    expect(webhooks.map((webhook) => [shortName(webhook), webhook.failurePolicy, webhook.clientConfig['path'], called(webhook)])).toEqual([
      ['guard-definitions', 'Fail', '/guard/definitions', ['DELETE customresourcedefinitions.v1.apiextensions.k8s.io Cluster']],
      [
        'guard-environment',
        'Fail',
        '/guard/environment',
        ['namespaces', 'namespaces/finalize', 'namespaces/status'].map((resource) => `CREATE+UPDATE ${resource}.v1. Cluster`),
      ],
      [
        'guard-resources',
        'Ignore',
        '/guard/resources',
        [
          'CREATE+UPDATE policies.v1.bylaw.dev Cluster',
          'CREATE+DELETE+UPDATE enforcementprofiles.v1.bylaw.dev Cluster',
          'CREATE+UPDATE policyexceptions.v1.bylaw.dev Namespaced',
        ],
      ],
    ])
  })

  test('and the guards that fail closed are called only where something is at stake', () => {
    for (const webhook of webhooksFor([]).filter(({ failurePolicy }) => failurePolicy === 'Fail')) expect(webhook.matchConditions?.length).toBe(1)
  })
})

describe('a policy', () => {
  const SETTINGS = ['CREATE+UPDATE configmaps.v1. Namespaced']

  test('is called in each environment by how strict it is there, and for what is protected', () => {
    expect(overview([policy('p')])).toEqual({ 'dev-ignore': SETTINGS, 'staging-ignore': SETTINGS, 'prod-fail': SETTINGS, 'prod-left-out': SETTINGS })
  })

  test('has entries that choose their namespaces', () => {
    const webhooks = webhooksFor([policy('p')])
    const label = { key: 'bylaw.dev/environment' }
    const name = { key: 'kubernetes.io/metadata.name', operator: 'NotIn', values: PROTECTED }
    expect(find(webhooks, 'dev-ignore').namespaceSelector).toEqual({ matchExpressions: [{ ...label, operator: 'In', values: ['dev'] }] })
    expect(find(webhooks, 'prod-fail').namespaceSelector).toEqual({ matchExpressions: [{ ...label, operator: 'NotIn', values: ['dev', 'staging'] }, name] })
    expect(find(webhooks, 'prod-left-out').namespaceSelector).toEqual({ matchExpressions: [{ ...label, operator: 'NotIn', values: ['dev', 'staging'] }] })
  })

  test('is a whole entry, every field spelt out', () => {
    const { matchConditions, namespaceSelector: _, ...rest } = find(webhooksFor([policy('p')]), 'prod-fail')
    expect(rest).toEqual({
      name: 'bylaw-prod-fail.validate.bylaw.dev',
      clientConfig: { path: '/validate/fail/equivalent' },
      rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE', 'UPDATE'], resources: ['configmaps'], scope: 'Namespaced' }],
      failurePolicy: 'Fail',
      matchPolicy: 'Equivalent',
      objectSelector: {},
      sideEffects: 'None',
      timeoutSeconds: 5,
      admissionReviewVersions: ['v1'],
    })
    expect(matchConditions?.map(({ name }) => name)).toEqual(['standing-exclusion'])
  })

  test.each<[string, object]>([
    ['that fails open', { failurePolicy: 'Ignore' }],
    ['that only warns', { severity: 'medium' }],
    ['that only observes', { enforcement: { environments: ['dev', 'staging', 'prod'].map((name) => ({ name, level: 'Observe' })) } }],
    ['for the scan', { evaluation: { admission: false } }],
  ])('%s has no entry that fails closed', (_, spec) => {
    const policies = webhooksFor([policy('p', { ...spec })]).filter((webhook) => !isGuard(webhook))
    expect(policies.map(({ failurePolicy }) => failurePolicy)).toEqual(policies.map(() => 'Ignore'))
    expect(policies.every(({ clientConfig }) => String(clientConfig['path']).startsWith('/validate/ignore/'))).toBe(true)
  })

  test('that denies in a strict environment alone fails closed for labels that mean nothing, too', () => {
    const dev = policy('p', { severity: 'low', enforcement: { environments: [{ name: 'dev', level: 'Deny' }] } })
    expect(Object.keys(overview([dev]))).toEqual(['dev-fail', 'dev-left-out', 'staging-ignore', 'prod-fail', 'prod-left-out'])
  })

  test('on Pods is called for all that makes or changes them, and for nothing else', () => {
    const dev = overview([policy('p', { matchConstraints: on('pods') })])['dev-ignore'] ?? []
    expect([...dev].sort()).toEqual(
      [
        'CREATE+UPDATE pods.v1. Namespaced',
        'CREATE+UPDATE replicationcontrollers.v1. Namespaced',
        'UPDATE pods/ephemeralcontainers.v1. Namespaced',
        'UPDATE pods/resize.v1. Namespaced',
        ...['daemonsets', 'deployments', 'replicasets', 'statefulsets'].map((resource) => `CREATE+UPDATE ${resource}.v1.apps Namespaced`),
        ...['cronjobs', 'jobs'].map((resource) => `CREATE+UPDATE ${resource}.v1.batch Namespaced`),
      ].sort(),
    )
  })

  test('that leaves templates alone is called for Pods alone', () => {
    expect(overview([policy('p', { matchConstraints: on('pods'), podTemplates: 'Ignore' })])['dev-ignore']).toEqual(['CREATE+UPDATE pods.v1. Namespaced'])
  })

  test('on what is cluster-scoped has no entry by environment', () => {
    const roles = policy('p', { matchConstraints: on('clusterroles', { group: 'rbac.authorization.k8s.io' }) })
    expect(overview([roles])).toEqual({
      'cluster-fail': ['CREATE+UPDATE clusterroles.v1.rbac.authorization.k8s.io Cluster'],
      'cluster-left-out': ['CREATE+UPDATE clusterroles.v1.rbac.authorization.k8s.io Cluster'],
    })
  })

  test('on Namespaces has an entry for the Namespaces of each environment', () => {
    const namespaces = ['CREATE+UPDATE namespaces.v1. Cluster']
    expect(overview([policy('p', { matchConstraints: on('namespaces') })])).toEqual({
      'namespaces-dev-ignore': namespaces,
      'namespaces-staging-ignore': namespaces,
      'namespaces-prod-fail': namespaces,
      'namespaces-prod-left-out': namespaces,
    })
  })

  test('on a resource of unknown scope is called in both', () => {
    expect(Object.keys(overview([policy('p', { matchConstraints: on('widgets', { group: 'example.com' }) })]))).toEqual([
      'dev-ignore',
      'staging-ignore',
      'prod-fail',
      'prod-left-out',
      'cluster-fail',
      'cluster-left-out',
    ])
    expect(Object.keys(overview([policy('p', { matchConstraints: on('widgets', { group: 'example.com', scope: 'Cluster' }) })]))).toEqual([
      'cluster-fail',
      'cluster-left-out',
    ])
  })
})

describe('several policies', () => {
  test('share their entries', () => {
    const policies = [
      policy('a'),
      policy('b', { matchConstraints: on('services') }),
      policy('c', { matchConstraints: on('configmaps', { operations: ['DELETE'] }) }),
    ]
    const webhooks = webhooksFor(policies).filter((webhook) => !isGuard(webhook))
    expect(webhooks.map(shortName)).toEqual(['dev-ignore', 'staging-ignore', 'prod-fail', 'prod-left-out'])
    expect(called(find(webhooks, 'prod-fail'))).toEqual(['CREATE+DELETE+UPDATE configmaps.v1. Namespaced', 'CREATE+UPDATE services.v1. Namespaced'])
  })

  test('never stand in both kinds of entry for one resource: the one that fails closed has it', () => {
    const webhooks = webhooksFor([policy('strict'), policy('mild', { severity: 'low' })])
    expect(webhooks.filter((webhook) => !isGuard(webhook)).map(shortName)).toEqual(['dev-ignore', 'staging-ignore', 'prod-fail', 'prod-left-out'])
  })

  test('with a wildcard among them leave to the entry that fails open only what the other does not have', () => {
    const webhooks = webhooksFor([policy('strict'), policy('mild', { severity: 'low', matchConstraints: on('*', { group: '*', operations: ['*'] }) })])
    expect(called(find(webhooks, 'prod-fail'))).toEqual(['CREATE+UPDATE configmaps.v1. Namespaced'])
    expect(called(find(webhooks, 'prod-ignore'))).toEqual([
      'CONNECT+CREATE+DELETE+UPDATE *.v1.* Namespaced',
      'UPDATE pods/ephemeralcontainers.v1. Namespaced',
      'UPDATE pods/resize.v1. Namespaced',
    ])
    expect(find(webhooks, 'prod-ignore').matchConditions?.map(({ name }) => name)).toEqual(['not-in-the-fail-entry'])
    expect(find(webhooks, 'dev-ignore').matchConditions).toBe(undefined)
  })

  test('in different versions of a resource have an entry each', () => {
    const autoscalers = (name: string, version: string) => policy(name, { matchConstraints: on('horizontalpodautoscalers', { group: 'autoscaling', version }) })
    const found = overview([autoscalers('old', 'v1'), autoscalers('new', 'v2')])
    expect(found['prod-fail']).toEqual(['CREATE+UPDATE horizontalpodautoscalers.v1.autoscaling Namespaced'])
    expect(found['prod-fail-2']).toEqual(['CREATE+UPDATE horizontalpodautoscalers.v2.autoscaling Namespaced'])
    expect(overview([autoscalers('old', 'v1'), autoscalers('older', 'v1')])['prod-fail-2']).toBe(undefined)
  })

  test('of different ways to get their objects have an entry each', () => {
    const webhooks = webhooksFor([
      policy('equivalent'),
      policy('any', { matchConstraints: on('configmaps', { version: '*' }) }),
      policy('exact', { matchConstraints: { ...on('configmaps'), matchPolicy: 'Exact' } }),
    ])
    const entry = (name: string) => {
      const { clientConfig, matchPolicy, rules } = find(webhooks, name)
      return [clientConfig['path'], matchPolicy, rules[0]?.apiVersions]
    }
    expect(entry('prod-fail')).toEqual(['/validate/fail/equivalent', 'Equivalent', ['v1']])
    expect(entry('prod-fail-any')).toEqual(['/validate/fail/any', 'Equivalent', ['*']])
    expect(entry('prod-fail-exact')).toEqual(['/validate/fail/exact', 'Exact', ['v1']])
  })
})

describe('names', () => {
  const environment = (name: string) => ({ name, levels: { critical: 'Deny', high: 'Deny', medium: 'Deny', low: 'Deny' } })
  const odd = profile({
    defaultEnvironment: 'cluster',
    environments: ['cluster', 'Cluster', 'protected', 'guard', 'namespaces-x', 'x', 'a_b', 'a.b', 'a-b'].map(environment),
  })
  const policies = [
    policy('p', { enforcement: {}, matchConstraints: { resourceRules: [{ apiGroups: ['*'], apiVersions: ['v1'], resources: ['*'], operations: ['*'] }] } }),
  ]

  test('are fully qualified, and no two are the same, however environments are called', () => {
    const names = webhooksFor(policies, { inForce: odd }).map(({ name }) => name)
    expect(names.filter((name) => !/^bylaw-[a-z0-9]([-a-z0-9]*[a-z0-9])?\.validate\.bylaw\.dev$/.test(name))).toEqual([])
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([])
  })

  test('carry the name of the instance', () => {
    const names = webhooksFor([policy('p', { enforcement: DENY_ALL })], { instance: 'second' }).map(({ name }) => name)
    expect(names.every((name) => name.startsWith('bylaw-second-'))).toBe(true)
  })
})

test('with no namespace protected nothing is left out by name', () => {
  const { namespaceSelector } = find(webhooksFor([policy('p')], { protectedNamespaces: [] }), 'prod-fail')
  expect(namespaceSelector).toEqual({ matchExpressions: [{ key: 'bylaw.dev/environment', operator: 'NotIn', values: ['dev', 'staging'] }] })
})

test('the same policies in another order give the same entries', () => {
  const policies = [policy('a'), policy('b', { matchConstraints: on('services') }), policy('c', { matchConstraints: on('*', { group: '*' }), severity: 'low' })]
  expect(webhooksFor(policies.toReversed())).toEqual(webhooksFor(policies))
})

describe('the mutating entries', () => {
  const setting = { name: 'set', patchType: 'JSONPatch', jsonPatch: { expression: "[JSONPatch{op: 'add', path: '/metadata/labels', value: {'a': 'b'}}]" } }
  const correcting = (name: string, spec: Readonly<Record<string, unknown>> = {}): Policy =>
    policy(name, { mutations: [setting], matchConstraints: on('pods'), enforcement: { environments: [{ name: 'staging', level: 'Correct' }] }, ...spec })
  function mutating(policies: readonly Policy[]): Readonly<Record<string, readonly string[]>> {
    const options = { instance: '', protectedNamespaces: PROTECTED, timeoutSeconds: 5, clientConfig: (path: string) => ({ path }), facts: FACTS }
    const webhooks = computeMutatingWebhooks(ruleSet(policies), options).filter(({ name }) => !name.includes('stamp-exceptions'))
    return Object.fromEntries(
      webhooks.map((webhook) => [
        webhook.name.replace('.mutate.bylaw.dev', ''),
        [`${webhook.failurePolicy} ${webhook.reinvocationPolicy} ${String(webhook.clientConfig['path'])}`, ...called(webhook)],
      ]),
    )
  }

  test('are for environments where some policy is at level Correct, and for namespaces whose label means nothing', () => {
    expect(mutating([correcting('a')])).toEqual({
      'bylaw-staging-ignore': ['Ignore IfNeeded /mutate/ignore/equivalent', 'CREATE pods.v1. Namespaced'],
      'bylaw-prod-ignore': ['Ignore IfNeeded /mutate/ignore/equivalent', 'CREATE pods.v1. Namespaced'],
    })
  })

  test('are not for what no mutation is applied to', () => {
    expect(mutating([policy('no-mutations'), correcting('too-low', { enforcement: { environments: [{ name: 'staging', level: 'Deny' }] } })])).toEqual({})
    const both = correcting('a', { mutations: [{ ...setting, operations: ['UPDATE'], templates: 'Apply' }] })
    expect(mutating([both])['bylaw-staging-ignore']).toContain('UPDATE deployments.v1.apps Namespaced')
    expect(
      Object.values(mutating([both]))
        .flat()
        .join(' '),
    ).not.toContain('ephemeralcontainers')
  })

  test('fail closed only where no rule would catch what was not corrected', () => {
    const [first = []] = Object.values(mutating([correcting('a', { validations: [] })]))
    expect(first[0]).toBe('Fail IfNeeded /mutate/fail/equivalent')
    const [open = []] = Object.values(mutating([correcting('a', { validations: [], failurePolicy: 'Ignore' })]))
    expect(open[0]).toBe('Ignore IfNeeded /mutate/ignore/equivalent')
  })
})
