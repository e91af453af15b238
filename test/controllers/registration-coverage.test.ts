import { describe, expect, test } from '@jest/globals'
import { type AdmissionRequest, compileSelector, type KubernetesObject, type LabelSelectorLike } from '../../src/api/index.ts'
import { computeWebhooks, type Webhook } from '../../src/controllers/index.ts'
import { decide } from '../../src/decide/index.ts'
import { isDenying, type Lane, type RuleSet } from '../../src/rules/index.ts'
import { namespaceObject, policy, requestOf, ruleSet } from '../doors/build.ts'
import { chooser, fitsAsDocumented } from '../doors/random.ts'
import { DIGEST_KEY, NOW } from '../doors/world.ts'
import { holds } from './registration-conditions.ts'

const PROTECTED = ['kube-system', 'bylaw-system']
interface Served {
  readonly group: string
  readonly resource: string
  readonly isNamespaced: boolean
  readonly versions: readonly [string, ...string[]]
}

/** The resources of a little cluster. */
const RESOURCES: readonly [Served, ...Served[]] = [
  { group: '', resource: 'configmaps', isNamespaced: true, versions: ['v1'] },
  { group: '', resource: 'pods', isNamespaced: true, versions: ['v1'] },
  { group: '', resource: 'namespaces', isNamespaced: false, versions: ['v1'] },
  { group: 'apps', resource: 'deployments', isNamespaced: true, versions: ['v1'] },
  { group: 'example.com', resource: 'widgets', isNamespaced: true, versions: ['v1', 'v2'] },
  { group: 'example.com', resource: 'gadgets', isNamespaced: false, versions: ['v1'] },
]
const find = (group: string, resource: string): Served | undefined => RESOURCES.find((served) => served.group === group && served.resource === resource)
const FACTS = {
  servedVersions: (group: string, resource: string) => find(group, resource)?.versions,
  isNamespaced: (group: string, resource: string) => find(group, resource)?.isNamespaced,
}
const SUBRESOURCES = ['', '', '', 'status', 'scale', 'ephemeralcontainers', 'resize'] as const
const ENVIRONMENTS = ['dev', 'staging', 'prod'] as const
const LANES: readonly Lane[] = ['equivalent', 'any', 'exact']

const { one, some, chance } = chooser(4)

function randomRule() {
  const isWide = chance(0.25)
  const resources = some<string>(['configmaps', 'pods', 'namespaces', 'deployments', 'widgets', 'gadgets', 'widgets/status', 'pods/*', 'deployments/scale'])
  return {
    apiGroups: chance(0.3) ? ['*'] : some(['', 'apps', 'example.com'], 3),
    apiVersions: chance(0.2) ? ['*'] : one([['v1'], ['v1'], ['v2', 'v1'], ['v2'], ['v3', 'v1']]),
    operations: chance(0.2) ? ['*'] : some(['CREATE', 'UPDATE', 'DELETE'], 3),
    resources: isWide ? one([['*'], ['*/*'], ['*', '*/scale']]) : resources,
    ...(chance(0.2) ? { scope: one(['Cluster', 'Namespaced', '*']) } : {}),
    ...(chance(0.15) ? { resourceNames: [one(['thing', 'other'])] } : {}),
  }
}

function randomPolicy(index: number) {
  return policy(`p${index}`, {
    severity: one(['low', 'medium', 'high', 'critical']),
    failurePolicy: one(['Fail', 'Fail', 'Ignore']),
    podTemplates: one(['Include', 'Include', 'Ignore']),
    evaluation: { admission: chance(0.9) },
    matchConstraints: { matchPolicy: chance(0.2) ? 'Exact' : 'Equivalent', resourceRules: chance(0.4) ? [randomRule(), randomRule()] : [randomRule()] },
    enforcement: { environments: chance(0.3) ? [{ name: one(ENVIRONMENTS), level: one(['Observe', 'Warn', 'Deny']) }] : [] },
  })
}

interface Asked {
  readonly request: AdmissionRequest
  /** Labels that a webhook's namespaceSelector is held against; undefined for what is cluster-scoped. */
  readonly labels: Readonly<Record<string, string>> | undefined
  readonly namespace: KubernetesObject | undefined
}

function randomRequest(): Asked {
  const { group, resource, isNamespaced, versions } = one(RESOURCES)
  const version = one(versions)
  const environment = one(['dev', 'staging', 'prod', 'moon', undefined])
  const labels = environment === undefined ? {} : { 'bylaw.dev/environment': environment }
  const place = one(['shop', 'shop', 'kube-system'])
  const operation = one(['CREATE', 'UPDATE', 'DELETE'])
  const isNamespace = resource === 'namespaces'
  const name = isNamespace ? place : 'thing'
  const object = isNamespace
    ? { ...namespaceObject(name, labels) }
    : { apiVersion: group === '' ? version : `${group}/${version}`, kind: 'X', metadata: { name }, spec: { template: { spec: { containers: [] } } } }
  const namespace = isNamespaced ? namespaceObject(place, { 'kubernetes.io/metadata.name': place, ...labels }) : undefined
  const request = requestOf(operation === 'DELETE' ? null : object, {
    resource: { group, version, resource },
    subResource: one(SUBRESOURCES),
    operation,
    oldObject: operation === 'CREATE' ? null : object,
    name,
    namespace: isNamespaced ? place : isNamespace ? name : '',
    userInfo: { username: one(['alice', 'alice', 'alice', 'system:apiserver']), groups: [] },
  })
  return { request, namespace, labels: namespace?.metadata.labels ?? (isNamespace ? { 'kubernetes.io/metadata.name': name, ...labels } : undefined) }
}

/** The versions of a resource in which the API server can hand an object to a webhook. */
const versionsOf = ({ resource }: AdmissionRequest): readonly string[] => FACTS.servedVersions(resource.group, resource.resource) ?? []

/** Whether the API server calls a webhook for a request, with the object in the given version. */
function isCalled({ clientConfig, rules, namespaceSelector, matchConditions = [] }: Webhook, { request, labels }: Asked, lane: Lane, version: string): boolean {
  if (!String(clientConfig['path']).endsWith(`/${lane}`)) return false
  const { group, resource } = request.resource
  if (!rules.some((rule) => fitsAsDocumented(rule, { ...request, group, resource, version }))) return false
  const selector: LabelSelectorLike = namespaceSelector
  if (labels !== undefined && !compileSelector(selector)(labels)) return false
  const wire = { ...request.wire, resource: { group, version, resource } }
  return matchConditions.every(({ expression }) => holds(expression, wire))
}

/** Names of the policies that judge a request when it comes by a lane in a version, and of those that must hold even when Bylaw is down. */
function judging(rules: RuleSet, { request, namespace }: Asked, lane: Lane, version: string) {
  const inVersion = { ...request, resource: { ...request.resource, version }, requestResource: { ...request.resource, version } }
  const state = namespace === undefined ? ({ kind: 'clusterScoped' } as const) : ({ kind: 'found', object: namespace } as const)
  const { outcomes } = decide(rules, { request: inVersion, lane, namespace: state, params: () => ({ kind: 'missing' }), now: NOW, digestKey: DIGEST_KEY })
  const strict = outcomes.filter(
    ({ rule, level }) => isDenying(level) && rules.policies.find(({ identity }) => identity.name === rule.policy.name)?.failurePolicy === 'Fail',
  )
  return { all: outcomes.map(({ rule }) => rule.policy.name), strict: strict.map(({ rule }) => rule.policy.name) }
}

const distinctBy = <T>(items: readonly T[], key: (item: T) => string): T[] => [...new Map(items.map((item) => [key(item), item])).values()]

const isLeftOut = ({ request }: Asked): boolean =>
  request.userInfo.username === 'system:apiserver' || (PROTECTED.includes(request.namespace) && request.resource.resource !== 'namespaces')

describe('whatever policies there are', () => {
  const ROUNDS = 120
  const REQUESTS = 60

  test('every request that a policy judges is called for by exactly one entry of its lane, which fails closed exactly where it has to', () => {
    const seen = { judged: 0, failClosed: 0, leftOut: 0, idle: 0 }
    for (let round = 0; round < ROUNDS; round++) {
      const rules = ruleSet(Array.from({ length: 1 + (round % 4) }, (_, index) => randomPolicy(index)))
      const webhooks = computeWebhooks(rules, {
        instance: '',
        protectedNamespaces: PROTECTED,
        timeoutSeconds: 5,
        clientConfig: (path) => ({ path }),
        facts: FACTS,
      })
      const policyEntries = webhooks.filter(({ clientConfig }) => String(clientConfig['path']).startsWith('/validate/'))
      for (let index = 0; index < REQUESTS; index++) {
        const asked = randomRequest()
        const { version: own } = asked.request.resource
        for (const lane of LANES) {
          for (const version of lane === 'equivalent' ? versionsOf(asked.request) : [own]) {
            const { all, strict } = judging(rules, asked, lane, version)
            // Parts of one entry, made where policies ask for a resource in several versions, may overlap in a wildcard.
            const called = distinctBy(
              policyEntries.filter((webhook) => isCalled(webhook, asked, lane, version)),
              ({ name }) => name.replace(/-[0-9]+(?=\.validate)/, ''),
            )
            const found = {
              called: called.map(({ name, failurePolicy }) => `${failurePolicy} ${name}`),
              all,
              strict,
              lane,
              version,
              resource: asked.request.resource,
              subResource: asked.request.subResource,
              operation: asked.request.operation,
              labels: asked.labels,
            }
            if (all.length === 0) {
              // A call that nothing comes of is no mistake, but two would be.
              if (called.length > 1) expect(found).toBe('called for at most once')
              seen.idle += called.length
              continue
            }
            seen.judged += 1
            if (called.length !== 1) expect(found).toBe('called for exactly once')
            const isFail = called.some(({ failurePolicy }) => failurePolicy === 'Fail')
            if (isLeftOut(asked)) {
              seen.leftOut += 1
              if (isFail) expect(found).toBe('left out of what fails closed')
            } else if (strict.length > 0) {
              seen.failClosed += 1
              if (!isFail) expect(found).toBe('failing closed')
            }
          }
        }
      }
    }
    // The test is worth something only if all of it happens.
    expect(Object.entries(seen).filter(([, count]) => count < 100)).toEqual([])
  })
})
