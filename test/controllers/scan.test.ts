import { describe, expect, test } from '@jest/globals'
import { BUILT_IN_RESOURCES, defaultEnforcementProfile, type KubernetesObject, parsePolicyException } from '../../src/api/index.ts'
import {
  judgeObject,
  type PolicyPrint,
  planScan,
  printOf,
  reachOfChange,
  type ScanPlan,
  ScanStore,
  type ScanTarget,
  tally,
  toldFindings,
} from '../../src/controllers/index.ts'
import {
  assembleRuleSet,
  compileException,
  compilePolicy,
  type EnforcedPolicy,
  type NamespaceState,
  type RuleSet,
  type ServedVersions,
} from '../../src/rules/index.ts'
import { exception } from '../api/resources.ts'
import { on, policy } from '../doors/build.ts'

type Json = Readonly<Record<string, unknown>>

const served: ServedVersions = (group, resource) => BUILT_IN_RESOURCES.find((known) => known.group === group && known.resource === resource)?.versions
const ruleSetOf = (...specs: readonly Json[]): RuleSet =>
  assembleRuleSet({
    policies: specs.map((spec, index) => compilePolicy(policy(`p${index}`, { matchConstraints: on('pods'), ...spec }))),
    profile: defaultEnforcementProfile(),
    servedVersions: served,
  })
const planOf = (...specs: readonly Json[]): ScanPlan => planScan(ruleSetOf(...specs), BUILT_IN_RESOURCES)

const rule = (group: string, resources: readonly string[], operations: readonly string[] = ['CREATE'], versions: readonly string[] = ['v1']): Json => ({
  matchConstraints: { resourceRules: [{ apiGroups: [group], apiVersions: versions, resources, operations }] },
})
const says = (expression: string): Json => ({ validations: [{ name: 'rule', expression }] })

describe('what has to be listed', () => {
  test.each<[string, readonly Json[], readonly string[]]>([
    ['a kind that a policy names', [{ ...rule('', ['configmaps']), ...says('true') }], ['/v1/configmaps']],
    [
      'with Pods all that makes them',
      [says('true')],
      [
        '/v1/pods',
        '/v1/replicationcontrollers',
        'apps/v1/daemonsets',
        'apps/v1/deployments',
        'apps/v1/replicasets',
        'apps/v1/statefulsets',
        'batch/v1/cronjobs',
        'batch/v1/jobs',
      ],
    ],
    ['Pods alone where templates are ignored', [{ ...says('true'), podTemplates: 'Ignore' }], ['/v1/pods']],
    [
      'the version that the policy names',
      [{ ...rule('autoscaling', ['horizontalpodautoscalers'], ['CREATE'], ['v1']), ...says('true') }],
      ['autoscaling/v1/horizontalpodautoscalers'],
    ],
    [
      'the preferred version where it takes any',
      [{ ...rule('autoscaling', ['*'], ['CREATE'], ['*']), ...says('true') }],
      ['autoscaling/v2/horizontalpodautoscalers'],
    ],
    [
      'each version that some policy names',
      ['v1', 'v2'].map((version) => ({ ...rule('autoscaling', ['horizontalpodautoscalers'], ['CREATE'], [version]), ...says('true') })),
      ['autoscaling/v1/horizontalpodautoscalers', 'autoscaling/v2/horizontalpodautoscalers'],
    ],
    ['nothing for a policy on deletions', [{ ...rule('', ['configmaps'], ['DELETE']), ...says('true') }], []],
    ['nothing for a policy on connections', [{ ...rule('', ['pods/exec'], ['CONNECT']), ...says('true') }], []],
    ['nothing for a policy that is for requests only', [{ ...says('true'), evaluation: { background: false } }], []],
    ['nothing that tells of other objects', [{ ...rule('', ['events']), ...says('true') }], []],
  ])('%s', (_, specs, keys) => {
    expect([...planOf(...specs).targets.keys()].sort()).toEqual([...keys].sort())
  })

  test.each<[string, Json, string | undefined]>([
    ['a policy that is read whole', says('object.spec.hostNetwork != true'), undefined],
    ['one that asks what the object is called', says("request.name != 'x' && request.namespace != 'y' && request.operation == 'CREATE'"), undefined],
    ['one that asks who makes it', says("request.userInfo.username != 'x'"), 'NeedsRequest: the policy reads `request.userInfo`, which only a request has'],
    ['one that asks whether it is asked', says('has(request.options)'), 'NeedsRequest: the policy reads `request.options`, which only a request has'],
    [
      'one that compares with before',
      says('oldObject == null || object.spec == oldObject.spec'),
      'NeedsRequest: the policy reads `oldObject`, which only a request has',
    ],
    [
      'one that does so by a variable of a variable',
      {
        variables: [
          { name: 'old', expression: 'oldObject' },
          { name: 'was', expression: 'variables.old != null' },
        ],
        ...says('variables.was'),
      },
      'NeedsRequest: the policy reads `oldObject`, which only a request has',
    ],
    [
      'one that chooses requests by who makes them',
      { matchConditions: [{ name: 'people', expression: "!request.userInfo.username.startsWith('system:')" }], ...says('true') },
      'NeedsRequest: the policy reads `request.userInfo`, which only a request has',
    ],
    [
      'one of which a rule is for requests',
      {
        validations: [
          { name: 'plain', expression: 'true' },
          { name: 'asks', expression: 'request.userInfo.username != "x"' },
        ],
      },
      'NeedsRequest: rule `asks` reads `request.userInfo`, which only a request has',
    ],
    ['one that does not compile', says('objct.spec'), 'NotEvaluable: the policy does not compile'],
    [
      'one of which a rule does not compile',
      {
        validations: [
          { name: 'plain', expression: 'true' },
          { name: 'broken', expression: 'objct.spec' },
        ],
      },
      'NotEvaluable: rules that do not compile are not judged: `broken`',
    ],
    [
      'one on deletions',
      { ...rule('', ['configmaps'], ['DELETE']), ...says('true') },
      'NothingToScan: the policy judges neither the creation nor the change of objects',
    ],
    [
      'one on what is not served',
      { ...rule('example.com', ['things']), ...says('true') },
      'NotServed: the cluster serves none of the resources, in the versions that the policy names',
    ],
  ])('%s', (_, spec, gap) => {
    const gaps = planOf(spec).gaps.get('p0') ?? []
    expect(gaps.map(({ reason, message }) => `${reason}: ${message}`)).toEqual(gap === undefined ? [] : [gap])
  })
})

const NAMESPACE: NamespaceState = { kind: 'found', object: { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } } }

/** A store into which objects are judged. */
class Judged {
  readonly store = new ScanStore()
  readonly #plan: ScanPlan
  readonly #byName: ReadonlyMap<string, EnforcedPolicy>

  constructor(...specs: readonly Json[]) {
    const ruleSet = ruleSetOf(...specs)
    this.#plan = planScan(ruleSet, BUILT_IN_RESOURCES)
    this.#byName = new Map(ruleSet.policies.map((own) => [own.identity.name, own]))
  }

  target(resource: string): ScanTarget {
    const target = [...this.#plan.targets.values()].find((known) => known.resource === resource)
    if (target === undefined) throw new Error(resource)
    return target
  }

  put(resource: string, object: KubernetesObject): void {
    const target = this.target(resource)
    const context = {
      policyOf: (name: string) => this.#byName.get(name),
      params: () => ({ kind: 'missing' }) as const,
      contexts: () => ({ kind: 'unknown', reason: '' }) as const,
      now: new Date(0),
      digestKey: 'test',
    }
    const { uid = '', name = '', namespace = '', ownerReferences } = object.metadata
    const facts = { target, uid, name, namespace, ownerUid: ownerReferences?.[0]?.uid ?? '', resourceVersion: '1', epoch: 0, seen: 1 }
    this.store.put(facts, judgeObject(target, object, NAMESPACE, context))
  }

  told(): readonly string[] {
    return [...this.store.entries()].flatMap((entry) => toldFindings(this.store, entry).map(({ policy: name }) => `${name} ${entry.name}`)).sort()
  }
}

const HOST = { hostNetwork: true, containers: [] }
const owner = (kind: string, name: string) => ({ ownerReferences: [{ apiVersion: 'apps/v1', kind, name, uid: name, controller: true }] })
const podOf = (name: string, spec: Json, metadata: Json = {}): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, uid: name, namespace: 'shop', ...metadata },
  spec,
})
const workload = (kind: string, name: string, spec: Json, metadata: Json = {}): KubernetesObject => ({
  apiVersion: 'apps/v1',
  kind,
  metadata: { name, uid: name, namespace: 'shop', ...metadata },
  spec: { replicas: 1, template: { spec } },
})
const NO_HOST = says('object.spec.?hostNetwork.orValue(false) == false')

describe('a violation is told once', () => {
  test('at the Deployment, whatever came first', () => {
    const judged = new Judged(NO_HOST)
    judged.put('pods', podOf('pod', HOST, owner('ReplicaSet', 'rs')))
    judged.put('replicasets', workload('ReplicaSet', 'rs', HOST, owner('Deployment', 'web')))
    judged.put('deployments', workload('Deployment', 'web', HOST))
    expect(judged.told()).toEqual(['p0 web'])
    expect(tally(judged.store).policies.get('p0')).toMatchObject({ objects: 1 })
  })

  test('at the Pod where its owners are right', () => {
    const judged = new Judged(NO_HOST)
    judged.put('deployments', workload('Deployment', 'web', {}))
    judged.put('replicasets', workload('ReplicaSet', 'rs', {}, owner('Deployment', 'web')))
    judged.put('pods', podOf('pod', HOST, owner('ReplicaSet', 'rs')))
    expect(judged.told()).toEqual(['p0 pod'])
  })

  test('at the Pod again when the owner has gone', () => {
    const judged = new Judged(NO_HOST)
    judged.put('replicasets', workload('ReplicaSet', 'rs', HOST))
    judged.put('pods', podOf('pod', HOST, owner('ReplicaSet', 'rs')))
    expect(judged.told()).toEqual(['p0 rs'])
    judged.store.remove(judged.target('replicasets').key, 'rs')
    expect(judged.told()).toEqual(['p0 pod'])
  })

  test('for each policy and rule by itself', () => {
    const judged = new Judged(NO_HOST, says('object.kind == "Pod" && !has(object.spec.nodeName)'))
    judged.put('replicasets', workload('ReplicaSet', 'rs', HOST))
    judged.put('pods', podOf('pod', { ...HOST, nodeName: 'node' }, owner('ReplicaSet', 'rs')))
    expect(judged.told()).toEqual(['p0 rs', 'p1 pod'])
  })

  test('and an owner that names itself is no riddle', () => {
    const judged = new Judged(NO_HOST)
    judged.put('pods', podOf('pod', HOST, owner('Pod', 'other')))
    judged.put('pods', podOf('other', {}, owner('Pod', 'pod')))
    expect(judged.told()).toEqual([])
    judged.put('pods', podOf('lonely', HOST, owner('Pod', 'nobody')))
    expect(judged.told()).toEqual(['p0 lonely'])
  })
})

describe('what is remembered', () => {
  test('is the same value for equal outcomes', () => {
    const judged = new Judged(NO_HOST)
    for (const name of ['a', 'b']) judged.put('pods', podOf(name, HOST))
    for (const name of ['c', 'd']) judged.put('pods', podOf(name, {}))
    const [a, b, c, d] = [...judged.store.entries()]
    expect({ findings: a?.findings[0] === b?.findings[0], signatures: c?.signature === d?.signature }).toEqual({ findings: true, signatures: true })
  })

  test('counts as changed only where something came out otherwise', () => {
    const judged = new Judged(NO_HOST)
    judged.put('pods', podOf('a', HOST))
    expect([...judged.store.takeChanges()]).toEqual(['shop'])
    judged.put('pods', podOf('a', HOST))
    expect(judged.store.hasChanges).toBe(false)
    judged.put('pods', podOf('a', {}))
    expect([...judged.store.takeChanges()]).toEqual(['shop'])
    judged.store.sweep(judged.target('pods').key, 2, 'elsewhere')
    expect(judged.store.size).toBe(1)
    judged.store.sweep(judged.target('pods').key, 2, 'shop')
    expect({ size: judged.store.size, changes: [...judged.store.takeChanges()] }).toEqual({ size: 0, changes: ['shop'] })
  })
})

describe('where a change has objects judged again', () => {
  const plain = ruleSetOf(NO_HOST)
  const print = (ruleSet: RuleSet, params = ''): PolicyPrint => {
    const [own] = ruleSet.policies
    if (own === undefined) throw new Error('no policy')
    return printOf(ruleSet, own, params, new Date(0))
  }
  const withException = (namespace: string, expiresAt = '2030-01-01T00:00:00Z'): RuleSet => {
    const parsed = parsePolicyException(exception({ policies: [{ name: 'p0', rules: ['*'] }], expiresAt }, { name: 'e', namespace }))
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.error))
    const { compiled } = compileException(parsed.value, { apiVersion: '', kind: '', metadata: {} }, { approvalKey: '', ownNamespace: 'bylaw-system' })
    return assembleRuleSet({
      policies: [compilePolicy(policy('p0', { matchConstraints: on('pods'), ...NO_HOST }))],
      profile: defaultEnforcementProfile(),
      exceptions: [compiled],
    })
  }

  test.each<[string, PolicyPrint | undefined, PolicyPrint | undefined, readonly string[] | 'everywhere']>([
    ['nowhere where nothing has changed', print(plain), print(ruleSetOf(NO_HOST)), []],
    ['everywhere for a new policy', undefined, print(plain), 'everywhere'],
    ['everywhere for another expression', print(plain), print(ruleSetOf(says('false'))), 'everywhere'],
    ['everywhere for another level', print(plain), print(ruleSetOf({ ...NO_HOST, severity: 'low' })), 'everywhere'],
    ['everywhere for another parameter', print(plain, 'a@1'), print(plain, 'a@2'), 'everywhere'],
    ['in the namespace of an exception', print(plain), print(withException('shop')), ['shop']],
    ['in the namespace of one that has gone', print(withException('shop')), print(plain), ['shop']],
    ['in the namespace of one that has ended', print(withException('shop')), print(withException('shop', '1970-01-01T00:00:00Z')), ['shop']],
  ])('%s', (_, before, after, reach) => {
    const found = reachOfChange(before, after)
    expect(found === undefined ? 'everywhere' : [...found]).toEqual(reach)
  })
})
