import { describe, expect, test } from '@jest/globals'
import type { AdmissionRequest } from '../../src/api/index.ts'
import { environmentOf, levelIn, type RequestEnvironment } from '../../src/decide/index.ts'
import type { NamespaceState } from '../../src/rules/index.ts'
import { configMap, namespaceObject, policy, profile, requestOf, ruleSet } from '../doors/build.ts'

const RULES = ruleSet([policy('p')])
const found = (labels: Readonly<Record<string, string>>): NamespaceState => ({ kind: 'found', object: namespaceObject('shop', labels) })
const known = (name: string): RequestEnvironment => ({ kind: 'known', name })
const namespaceRequest = (object: object | null, oldObject: object | null): AdmissionRequest =>
  requestOf(object === null ? null : { ...object }, {
    resource: { group: '', version: 'v1', resource: 'namespaces' },
    name: 'shop',
    operation: oldObject === null ? 'CREATE' : object === null ? 'DELETE' : 'UPDATE',
    oldObject,
  })
const labelled = (environment: string): object => namespaceObject('shop', { 'bylaw.dev/environment': environment })
const bare = namespaceObject('shop')

describe('the environment of a request', () => {
  const request = requestOf(configMap())
  test.each<[string, AdmissionRequest, NamespaceState, RequestEnvironment]>([
    ['is the label of its namespace', request, found({ 'bylaw.dev/environment': 'dev' }), known('dev')],
    ['is the default one without the label', request, found({ team: 'shop' }), known('prod')],
    ['is the default one for what is cluster-scoped', requestOf(configMap(), { namespace: '' }), { kind: 'clusterScoped' }, known('prod')],
    ['is not known where the label means nothing', request, found({ 'bylaw.dev/environment': 'qa' }), { kind: 'unknown', reason: 'LabelUnknown', label: 'qa' }],
    ['is not known where the label is empty', request, found({ 'bylaw.dev/environment': '' }), { kind: 'unknown', reason: 'LabelUnknown', label: '' }],
    ['is not known where the namespace is not', request, { kind: 'unknown', reason: 'gone' }, { kind: 'unknown', reason: 'NamespaceUnknown' }],
    ['is that of a new Namespace itself', namespaceRequest(labelled('dev'), null), { kind: 'clusterScoped' }, known('dev')],
    ['is the stored one where a Namespace changes', namespaceRequest(labelled('dev'), labelled('staging')), { kind: 'clusterScoped' }, known('staging')],
    ['is the stored one where a Namespace had none', namespaceRequest(labelled('dev'), bare), { kind: 'clusterScoped' }, known('prod')],
    ['is the stored one where a Namespace is deleted', namespaceRequest(null, labelled('dev')), { kind: 'clusterScoped' }, known('dev')],
    [
      'cannot be called like what every object has',
      request,
      found({ 'bylaw.dev/environment': 'constructor' }),
      { kind: 'unknown', reason: 'LabelUnknown', label: 'constructor' },
    ],
  ])('%s', (_, asked, namespace, expected) => {
    expect(environmentOf(RULES, asked, namespace)).toEqual(expected)
  })

  test('goes by the label that the profile names', () => {
    const rules = ruleSet([policy('p')], profile({ namespaceLabel: 'constructor' }))
    expect(environmentOf(rules, request, found({ 'bylaw.dev/environment': 'dev' }))).toEqual(known('prod'))
    expect(environmentOf(rules, request, found({ constructor: 'dev' }))).toEqual(known('dev'))
  })
})

describe('the level in an environment', () => {
  const [strict] = ruleSet([policy('p', { severity: 'low', enforcement: { environments: [{ name: 'dev', level: 'Deny' }] } })]).policies
  test.each<[string, RequestEnvironment, string]>([
    ['that is known', known('staging'), 'Observe'],
    ['that the policy names', known('dev'), 'Deny'],
    ['that has no cell is the strictest', known('moon'), 'Deny'],
    ['that is not known is the strictest', { kind: 'unknown', reason: 'NamespaceUnknown' }, 'Deny'],
  ])('%s', (_, environment, level) => {
    expect(strict === undefined ? undefined : levelIn(environment, strict.levels)).toBe(level)
  })
})
