import { describe, expect, test } from '@jest/globals'
import { parsePolicy, type ResourceRule } from '../../src/api/index.ts'
import { fitsRules, fittingMatch, matchResource, namesResource } from '../../src/rules/index.ts'
import { policy, requestOf } from '../doors/build.ts'
import { type AskedResource, chooser, fitsAsDocumented } from '../doors/random.ts'

type Json = Readonly<Record<string, unknown>>

const rule = (changes: Json = {}): Json => ({ apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'], operations: ['CREATE'], ...changes })
const constraintsOf = (matchConstraints: Json) => policy('p', { matchConstraints }).spec.matchConstraints
const target = (text: string): { readonly group: string; readonly resource: string; readonly subResource: string } => {
  const [path = '', group = ''] = text.split('.apps').length > 1 ? [text.replace('.apps', ''), 'apps'] : [text, '']
  const [resource = '', subResource = ''] = path.split('/')
  return { group, resource, subResource }
}

describe('an entry of `resources`', () => {
  test.each<[pattern: string, names: readonly string[], leavesOut: readonly string[]]>([
    ['pods', ['pods'], ['pods/status', 'services']],
    ['pods/status', ['pods/status'], ['pods', 'pods/exec', 'nodes/status']],
    ['pods/*', ['pods', 'pods/status', 'pods/exec'], ['services', 'services/status']],
    ['*', ['pods', 'services', 'widgets'], ['pods/status', 'widgets/scale']],
    ['*/scale', ['widgets/scale', 'deployments/scale'], ['widgets', 'widgets/status']],
    ['*/*', ['pods', 'pods/status', 'widgets/scale'], []],
  ])('%s', (pattern, named, leftOut) => {
    const isNamed = (text: string): boolean => namesResource(pattern, target(text).resource, target(text).subResource)
    expect(named.filter((text) => !isNamed(text))).toEqual([])
    expect(leftOut.filter(isNamed)).toEqual([])
  })
})

describe('the version in which a policy judges', () => {
  const served = (group: string, resource: string) => (group === 'autoscaling' && resource === 'horizontalpodautoscalers' ? ['v2', 'v1'] : undefined)
  const matchOf = (apiVersions: readonly string[], more: Json = {}) => {
    const constraints = constraintsOf({ resourceRules: [rule({ apiGroups: ['autoscaling'], resources: ['horizontalpodautoscalers'], apiVersions })], ...more })
    const match = matchResource(constraints, true, { group: 'autoscaling', resource: 'horizontalpodautoscalers', subResource: '' }, served)
    return match === undefined ? undefined : [match.lane, match.version]
  }
  test.each<[string, readonly string[], Json, readonly string[]]>([
    ['the only one', ['v1'], {}, ['equivalent', 'v1']],
    ['the first listed that is served', ['v2beta2', 'v2', 'v1'], {}, ['equivalent', 'v2']],
    ['in the order of the policy, not of the cluster', ['v1', 'v2'], {}, ['equivalent', 'v1']],
    ['the first listed where none is served', ['v3', 'v4'], {}, ['equivalent', 'v3']],
    ['any', ['*'], {}, ['any', '*']],
    ['exactly those that are named', ['v1'], { matchPolicy: 'Exact' }, ['exact', 'v1']],
  ])('%s', (_, apiVersions, more, expected) => {
    expect(matchOf(apiVersions, more)).toEqual(expected)
  })
})

describe('rules of one policy for one resource in several versions', () => {
  const served = () => ['v2', 'v1']
  const chainOf = (resourceRules: readonly Json[]) => {
    const chain: string[] = []
    for (
      let match = matchResource(constraintsOf({ resourceRules }), true, { group: '', resource: 'configmaps', subResource: '' }, served);
      match !== undefined;
      match = match.otherwise
    ) {
      chain.push(`${match.lane} ${match.version} ${[...match.operations].join('+')}`)
    }
    return chain
  }
  test.each<[string, readonly Json[], readonly string[]]>([
    ['of one version judge together', [rule(), rule({ operations: ['DELETE'] })], ['equivalent v1 CREATE+DELETE']],
    [
      'of two versions judge each in its own',
      [rule({ apiVersions: ['v2'] }), rule({ operations: ['DELETE'] })],
      ['equivalent v2 CREATE', 'equivalent v1 DELETE'],
    ],
    [
      'of any version and of one judge each in its own way',
      [rule({ apiVersions: ['*'] }), rule({ operations: ['DELETE'] })],
      ['any * CREATE', 'equivalent v1 DELETE'],
    ],
    ['that the cluster does not serve stand last', [rule({ apiVersions: ['v9'] }), rule()], ['equivalent v1 CREATE', 'equivalent v9 CREATE']],
  ])('%s', (_, resourceRules, chain) => {
    expect(chainOf(resourceRules)).toEqual(chain)
  })
})

describe('the side doors of Pods', () => {
  const pods = (changes: Json = {}) => constraintsOf({ resourceRules: [rule({ resources: ['pods'], operations: ['CREATE', 'UPDATE'], ...changes })] })
  const found = (constraints: ReturnType<typeof pods>, text: string, judgesTemplates = true) => {
    const match = matchResource(constraints, judgesTemplates, target(text), () => undefined)
    return match === undefined ? undefined : { path: match.template?.path.join('.'), operations: [...match.operations] }
  }
  const both = ['CREATE', 'UPDATE']

  test.each<[string, object | undefined]>([
    ['pods', { path: undefined, operations: both }],
    ['pods/ephemeralcontainers', { path: undefined, operations: ['UPDATE'] }],
    ['pods/resize', { path: undefined, operations: ['UPDATE'] }],
    ['pods/status', undefined],
    ['pods/exec', undefined],
    ['pods/binding', undefined],
    ['deployments.apps', { path: 'spec.template', operations: both }],
    ['deployments/scale.apps', undefined],
    ['deployments/status.apps', undefined],
    ['deployments', undefined],
    ['replicationcontrollers', { path: 'spec.template', operations: both }],
    ['services', undefined],
  ])('a policy on Pods meets %s', (text, expected) => {
    expect(found(pods(), text)).toEqual(expected)
  })

  test('not where it leaves templates alone', () => {
    expect(found(pods(), 'deployments.apps', false)).toBe(undefined)
    expect(found(pods(), 'pods/resize', false)).toBe(undefined)
  })

  test('not where it judges Pods at other operations alone', () => {
    expect(found(pods({ operations: ['DELETE'] }), 'deployments.apps')).toBe(undefined)
    expect(found(pods({ operations: ['*'] }), 'deployments.apps')).toEqual({ path: 'spec.template', operations: both })
  })

  test('not where it names another version of Pods', () => {
    expect(found(pods({ apiVersions: ['v2'] }), 'deployments.apps')).toBe(undefined)
  })

  test('at an operation at which the policy does not name the workload itself', () => {
    const both = constraintsOf({
      resourceRules: [rule({ resources: ['pods'] }), rule({ apiGroups: ['apps'], resources: ['deployments'], operations: ['DELETE'] })],
    })
    const match = matchResource(both, true, target('deployments.apps'), () => undefined)
    const fits = (operation: string): string | undefined => {
      const fitting =
        match === undefined
          ? undefined
          : fittingMatch(match, requestOf({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web' } }, { operation }))
      return fitting === undefined ? undefined : (fitting.template?.path.join('.') ?? 'as it is')
    }
    expect([fits('CREATE'), fits('DELETE')]).toEqual(['spec.template', 'as it is'])
  })

  test('a workload that the policy names itself is judged as it is, not through its template', () => {
    const named = constraintsOf({ resourceRules: [rule({ apiGroups: ['*'], resources: ['*'] })] })
    expect(found(named, 'deployments.apps')).toEqual({ path: undefined, operations: ['CREATE'] })
  })

  test('a rule for Pods of certain names says nothing of workloads', () => {
    const match = matchResource(pods({ resourceNames: ['web-0'] }), true, target('deployments.apps'), () => undefined)
    const request = requestOf(
      { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web' } },
      { resource: { group: 'apps', version: 'v1', resource: 'deployments' } },
    )
    expect(match === undefined ? undefined : fitsRules(match, request)).toBeUndefined()
  })
})

describe('a policy fits as Kubernetes documents it', () => {
  const { one, some, chance } = chooser(20260601)
  const groups = ['', 'apps', 'example.com'] as const
  const versions = ['v1', 'v2'] as const
  const names = ['a', 'b'] as const
  const aloneOr = <T extends string>(wildcard: T, items: readonly [T, ...T[]]): T[] => (chance(0.2) ? [wildcard] : some(items))

  const randomRule = (): Json => ({
    apiGroups: aloneOr<string>('*', groups),
    apiVersions: aloneOr<string>('*', versions),
    operations: aloneOr<string>('*', ['CREATE', 'UPDATE', 'DELETE', 'CONNECT']),
    resources: chance(0.1)
      ? ['*/*']
      : chance(0.2)
        ? ['*', '*/scale']
        : some<string>(['widgets', 'gadgets', 'namespaces', 'widgets/status', 'widgets/*', '*/status']),
    ...(chance(0.3) ? { scope: one(['*', 'Cluster', 'Namespaced']) } : {}),
    ...(chance(0.3) ? { resourceNames: chance(0.2) ? [] : some(names) } : {}),
  })
  const randomRequest = (): AskedResource => {
    const resource = one(['widgets', 'gadgets', 'namespaces'])
    const group = resource === 'namespaces' ? '' : one(groups)
    const name = one(['a', 'b', ''])
    return {
      group,
      version: one(versions),
      resource,
      subResource: one(['', '', 'status', 'scale']),
      namespace: resource === 'namespaces' ? name : one(['', 'shop']),
      name,
      operation: one(['CREATE', 'UPDATE', 'DELETE', 'CONNECT']),
    }
  }

  const TRIES = 1500
  const ourAnswer = (matchConstraints: Json, asked: AskedResource): boolean => {
    const parsed = parsePolicy({ ...policy('p'), spec: { ...policy('p').spec, podTemplates: 'Ignore', matchConstraints } })
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.error))
    const constraints = parsed.value.spec.matchConstraints
    const { group, version, resource, subResource, ...rest } = asked
    const request = requestOf({ apiVersion: version, kind: 'X', metadata: {} }, { resource: { group, version, resource }, subResource, ...rest })
    const match = matchResource(constraints, false, { group, resource, subResource }, () => undefined)
    return match !== undefined && fitsRules(match, request)
  }

  test('with exact versions', () => {
    let fitting = 0
    for (let index = 0; index < TRIES; index++) {
      const resourceRules = Array.from({ length: 1 + (chance(0.5) ? 1 : 0) }, randomRule)
      const excludeResourceRules = chance(0.5) ? [] : [randomRule()]
      const constraints = { resourceRules, excludeResourceRules, matchPolicy: 'Exact' }
      const asked = randomRequest()
      const read = constraintsOf(constraints)
      const expected =
        read.resourceRules.some((wanted) => fitsAsDocumented(wanted, asked)) && !read.excludeResourceRules.some((wanted) => fitsAsDocumented(wanted, asked))
      if (expected) fitting += 1
      expect({ constraints, asked, fits: ourAnswer(constraints, asked) }).toEqual({ constraints, asked, fits: expected })
    }
    expect(fitting).toBeGreaterThan(TRIES / 20)
    expect(fitting).toBeLessThan(TRIES / 2)
  })

  test('with whatever version came', () => {
    const anyVersion = (wanted: ResourceRule): ResourceRule => ({ ...wanted, apiVersions: ['*'] })
    for (let index = 0; index < TRIES; index++) {
      const constraints = { resourceRules: [randomRule()], excludeResourceRules: chance(0.5) ? [] : [randomRule()] }
      const asked = randomRequest()
      const read = constraintsOf(constraints)
      const expected =
        read.resourceRules.some((wanted) => fitsAsDocumented(anyVersion(wanted), asked)) &&
        !read.excludeResourceRules.some((wanted) => fitsAsDocumented(anyVersion(wanted), asked))
      expect({ constraints, asked, fits: ourAnswer(constraints, asked) }).toEqual({ constraints, asked, fits: expected })
    }
  })
})
