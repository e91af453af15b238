import { defaultEnforcementProfile, isKubernetesObject, parseAdmissionReview, parsePolicy } from '../../src/api/index.ts'
import { type Correction, correct, type SchemaReader } from '../../src/decide/index.ts'
import { assembleRuleSet, compilePolicy, kindsOfDefinition, type RuleSet } from '../../src/rules/index.ts'
import type { Json } from '../api/resources.ts'
import type { MutationText } from './cases.ts'
import { GADGETS, WIDGETS } from './custom-cases.ts'

/** A mutation as the specs of both kinds of policy have it. */
export const toMutation = ({ patchType, expression }: MutationText): Json =>
  patchType === 'JSONPatch' ? { patchType, jsonPatch: { expression } } : { patchType, applyConfiguration: { expression } }

const RESOURCES: Readonly<Record<string, readonly [group: string, version: string, resource: string]>> = {
  Pod: ['', 'v1', 'pods'],
  Deployment: ['apps', 'v1', 'deployments'],
  ReplicaSet: ['apps', 'v1', 'replicasets'],
  Service: ['', 'v1', 'services'],
  ConfigMap: ['', 'v1', 'configmaps'],
  NetworkPolicy: ['networking.k8s.io', 'v1', 'networkpolicies'],
  Widget: ['example.com', 'v1', 'widgets'],
  Gadget: ['example.com', 'v1', 'gadgets'],
}

/** Group, version and resource of a kind that the cases are about. */
export function resourceOf(kind: unknown): readonly [group: string, version: string, resource: string] {
  const found = RESOURCES[String(kind)]
  if (found === undefined) throw new Error(`no resource of ${String(kind)} is known`)
  return found
}

/** A Policy at level `Correct` everywhere; `spec` is put over its spec. */
export function correctingPolicy(name: string, kind: unknown, mutations: readonly Json[], spec: Json = {}): Json {
  const [group, version, resource] = resourceOf(kind)
  return {
    apiVersion: 'bylaw.dev/v1',
    kind: 'Policy',
    metadata: { name },
    spec: {
      title: name,
      owner: { team: 'platform', contact: '#platform' },
      severity: 'high',
      remediation: 'mend it',
      matchConstraints: { resourceRules: [{ apiGroups: [group], apiVersions: [version], resources: [resource], operations: ['CREATE', 'UPDATE'] }] },
      mutations,
      enforcement: { environments: ['dev', 'staging', 'prod'].map((environment) => ({ name: environment, level: 'Correct' })) },
      ...spec,
    },
  }
}

/** Compiles policies under the built-in profile. */
export function ruleSetOf(policies: readonly Json[]): RuleSet {
  const compiled = policies.map((policy) => {
    const parsed = parsePolicy(policy)
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.error))
    return compilePolicy(parsed.value)
  })
  return assembleRuleSet({ policies: compiled, profile: defaultEnforcementProfile() })
}

const definitions = [WIDGETS, GADGETS].flatMap((definition) => (isKubernetesObject(definition) ? kindsOfDefinition(definition) : []))

/** The schemas of the custom resources that the cases are about, as their definitions have them. */
export const schemasOfDefinitions: SchemaReader = (apiVersion, kind) =>
  definitions.find((known) => `${known.group}/${known.version}` === apiVersion && known.kind === kind)

/** What is done with an object. */
export interface Attempt {
  readonly object: Json
  readonly oldObject?: Json
  readonly namespaceLabels?: Readonly<Record<string, string>>
  /** Those of the definitions, unless others are given. */
  readonly schemas?: SchemaReader
}

/** The input for a decision about a write by `alice`. */
export function inputFor({ object, oldObject, namespaceLabels = {}, schemas = schemasOfDefinitions }: Attempt) {
  if (!isKubernetesObject(object)) throw new Error('not an object')
  const [group, version, resource] = resourceOf(object.kind)
  const { name, namespace = '' } = object.metadata
  const parsed = parseAdmissionReview({
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid: 'u',
      kind: { group, version, kind: object.kind },
      resource: { group, version, resource },
      name: name ?? '',
      namespace,
      operation: oldObject === undefined ? 'CREATE' : 'UPDATE',
      userInfo: { username: 'alice', groups: [] },
      object,
      oldObject: oldObject ?? null,
    },
  })
  if (!parsed.ok) throw new Error(parsed.error)
  return {
    request: parsed.value,
    lane: 'offline',
    namespace: { kind: 'found', object: { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace, labels: namespaceLabels } } },
    params: () => ({ kind: 'missing' }) as const,
    schemas,
    now: new Date('2026-06-01T12:00:00Z'),
    digestKey: 'test',
  } as const
}

/** Corrects an object by policies. */
export const correctWith = (policies: readonly Json[], attempt: Attempt): Correction => correct(ruleSetOf(policies), inputFor(attempt))
