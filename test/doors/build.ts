import {
  type AdmissionRequest,
  defaultEnforcementProfile,
  type EnforcementProfile,
  type KubernetesObject,
  type Policy,
  parseAdmissionReview,
  parseEnforcementProfile,
  parsePolicy,
} from '../../src/api/index.ts'
import { type Decision, decide, type EvaluationInput } from '../../src/decide/index.ts'
import { assembleRuleSet, compilePolicy, type RuleSet } from '../../src/rules/index.ts'
import { DIGEST_KEY, NOW } from './world.ts'

type Json = Readonly<Record<string, unknown>>

/** Constraints on one resource of one group and version. */
export const on = (
  resource: string,
  {
    group = '',
    version = 'v1',
    operations = ['CREATE', 'UPDATE'] as readonly string[],
    ...more
  }: Json & {
    readonly group?: string
    readonly version?: string
    readonly operations?: readonly string[]
  } = {},
): Json => ({ resourceRules: [{ apiGroups: [group], apiVersions: [version], resources: [resource], operations, ...more }] })

/** A policy that nothing fulfils, unless its spec says otherwise. */
export function policy(name: string, spec: Json = {}): Policy {
  const parsed = parsePolicy({
    apiVersion: 'bylaw.dev/v1',
    kind: 'Policy',
    metadata: { name },
    spec: {
      title: `Title of ${name}`,
      owner: { team: 'platform', contact: '#platform' },
      severity: 'high',
      remediation: 'do it right',
      matchConstraints: on('configmaps'),
      validations: [{ name: 'never', expression: 'false', message: 'never right' }],
      ...spec,
    },
  })
  if (!parsed.ok) throw new Error(`${name}: ${JSON.stringify(parsed.error)}`)
  return parsed.value
}

/** A profile with the given spec over the built-in one. */
export function profile(spec: Json): EnforcementProfile {
  const builtIn = defaultEnforcementProfile()
  const parsed = parseEnforcementProfile({ ...builtIn, spec: { ...builtIn.spec, ...spec } })
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.error))
  return parsed.value
}

/** Compiles policies into a rule set. */
export function ruleSet(policies: readonly Policy[], inForce: EnforcementProfile = defaultEnforcementProfile()): RuleSet {
  return assembleRuleSet({ policies: policies.map((item) => compilePolicy(item)), profile: inForce })
}

/** A ConfigMap of namespace `shop`. */
export const configMap = (data: Json = {}, metadata: Json = {}): Json => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'settings', namespace: 'shop', ...metadata },
  data,
})

/** The AdmissionReview that creates an object of the core group, unless the changes say otherwise. */
export function reviewOf(object: Json | null, changes: Json = {}): Json {
  return {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid: 'uid-1',
      kind: { group: '', version: 'v1', kind: object?.['kind'] ?? 'ConfigMap' },
      resource: { group: '', version: 'v1', resource: 'configmaps' },
      name: 'settings',
      namespace: 'shop',
      operation: 'CREATE',
      userInfo: { username: 'alice', groups: ['system:authenticated'] },
      object,
      oldObject: null,
      dryRun: false,
      ...changes,
    },
  }
}

/** The request of such a review. */
export function requestOf(object: Json | null, changes: Json = {}): AdmissionRequest {
  const parsed = parseAdmissionReview(reviewOf(object, changes))
  if (!parsed.ok) throw new Error(parsed.error)
  return parsed.value
}

/** A Namespace as the cache has it. */
export const namespaceObject = (name: string, labels: Readonly<Record<string, string>> = {}): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name, labels },
})

/** Judges a request in a namespace of prod. */
export function judge(rules: RuleSet, request: AdmissionRequest, changes: Partial<EvaluationInput> = {}): Decision {
  return decide(rules, {
    request,
    lane: 'offline',
    namespace: request.namespace === '' ? { kind: 'clusterScoped' } : { kind: 'found', object: namespaceObject(request.namespace) },
    params: () => ({ kind: 'missing' }),
    now: NOW,
    digestKey: DIGEST_KEY,
    ...changes,
  })
}
