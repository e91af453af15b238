import { type AdmissionRequest, BUILT_IN_RESOURCES, defaultEnforcementProfile, type KubernetesObject, type Policy, type ResourceType } from '../api/index.ts'
import { assembleRuleSet, type CompiledPolicy, type CompileIssue, namesResource, POD_TEMPLATES } from '../rules/index.ts'
import { correct } from './correct.ts'
import type { EvaluationInput } from './input.ts'

const NAMESPACE = 'sample'
const CONTAINERS = [
  { name: 'app', image: 'registry.example/app:latest', ports: [{ containerPort: 8080 }], env: [{ name: 'A', value: '1' }], args: ['serve'] },
  { name: 'side', image: 'side' },
]
const POD_SPEC = { containers: CONTAINERS, initContainers: [{ name: 'init', image: 'init' }], volumes: [{ name: 'data', emptyDir: {} }], tolerations: [] }

/** What a sample of a kind has besides its metadata, for kinds that are empty without. */
const BODIES: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  Pod: { spec: POD_SPEC },
  ConfigMap: { data: { a: '1', x: '1' } },
  Secret: { data: { a: 'MQ==' }, type: 'Opaque' },
  Service: { spec: { selector: { app: 'sample' }, ports: [{ name: 'web', port: 80, protocol: 'TCP' }] } },
  Ingress: { spec: { rules: [{ host: 'sample.example', http: { paths: [] } }], tls: [] } },
}

/** The kinds of the resources that a policy names. */
function kindsOf({ spec }: Policy): readonly ResourceType[] {
  const { resourceRules } = spec.matchConstraints
  return BUILT_IN_RESOURCES.filter(({ group, resource }) =>
    resourceRules.some(
      ({ apiGroups, resources }) => (apiGroups.includes(group) || apiGroups.includes('*')) && resources.some((pattern) => namesResource(pattern, resource, '')),
    ),
  )
}

/** Objects of a kind on which a mutation may show what it does: one with next to nothing in it, one with what such objects have, and one with labels. */
function samplesOf({ group, versions, kind, isNamespaced }: ResourceType, { spec }: Policy): readonly KubernetesObject[] {
  const apiVersion = group === '' ? (versions[0] ?? '') : `${group}/${versions[0]}`
  const selected = spec.matchConstraints.objectSelector.matchLabels ?? {}
  const name = { name: 'sample', ...(isNamespaced ? { namespace: NAMESPACE } : {}) }
  const labels = { app: 'sample', ...selected }
  const template = POD_TEMPLATES.find((known) => known.group === group && known.kind === kind)
  const pod = { metadata: { labels: { app: 'sample' } }, spec: POD_SPEC }
  const body = template?.path.reduceRight<unknown>((inner, key) => ({ [key]: inner }), pod) ?? BODIES[kind] ?? { spec: {} }
  const full = { apiVersion, kind, ...(typeof body === 'object' ? body : {}) }
  const bare = Object.keys(selected).length === 0 ? name : { ...name, labels: selected }
  return [
    { ...full, metadata: { ...name, labels, annotations: { note: '1' } } },
    { ...full, metadata: bare },
    { apiVersion, kind, metadata: bare, spec: {} },
  ]
}

function requestFor({ group, versions, kind, resource, isNamespaced }: ResourceType, object: KubernetesObject): AdmissionRequest {
  const gvr = { group, version: versions[0] ?? '', resource }
  const userInfo = { username: 'sample', groups: [], uid: '', extra: {} }
  const place = { name: 'sample', namespace: isNamespaced ? NAMESPACE : '' }
  const base = { uid: 'sample', kind: { group, version: gvr.version, kind }, resource: gvr, operation: 'CREATE', userInfo, dryRun: true } as const
  return { ...base, ...place, subResource: '', requestResource: gvr, object, oldObject: null, wire: { ...base, ...place, object, oldObject: null } }
}

/** Whether a second application of what a policy does to an object changes it again: where; undefined where it does not, or where that cannot be told. */
function secondChange(policy: CompiledPolicy, type: ResourceType, object: KubernetesObject): string | undefined {
  const { spec } = policy.policy
  const profile = defaultEnforcementProfile()
  const environments = profile.spec.environments.map(({ name }) => ({ name, level: 'Correct' as const }))
  const forced = {
    ...policy.policy,
    spec: { ...spec, enforcement: { ...spec.enforcement, environments }, evaluation: { ...spec.evaluation, admission: true } },
  }
  const ruleSet = assembleRuleSet({ policies: [{ ...policy, policy: forced }], profile })
  const input = (request: AdmissionRequest): EvaluationInput => ({
    request,
    lane: 'offline',
    namespace: type.isNamespaced
      ? {
          kind: 'found',
          object: { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE, labels: spec.matchConstraints.namespaceSelector.matchLabels ?? {} } },
        }
      : { kind: 'clusterScoped' },
    params: () => ({ kind: 'missing' }),
    now: new Date(0),
    digestKey: 'sample',
  })
  const first = correct(ruleSet, input(requestFor(type, object)))
  if (first.object === null || !first.outcomes.some((outcome) => outcome.kind === 'corrected' && outcome.diverges)) return undefined
  return correct(ruleSet, input(requestFor(type, first.object))).patch[0]?.path
}

const known = new WeakMap<CompiledPolicy, readonly CompileIssue[]>()

/**
 * What a policy's author should know of its mutations: that they change again what they made, as seen on samples of the kinds that the policy names. The
 * API server may call more than once for one request, and every update calls anew. Samples of built-in kinds prove it where it shows, and nothing where it does not.
 */
export function idempotenceIssues(compiled: CompiledPolicy): readonly CompileIssue[] {
  const issues = known.get(compiled) ?? findIssues(compiled)
  known.set(compiled, issues)
  return issues
}

function findIssues(compiled: CompiledPolicy): readonly CompileIssue[] {
  if (compiled.mutations.length === 0) return []
  for (const type of kindsOf(compiled.policy)) {
    for (const sample of samplesOf(type, compiled.policy)) {
      const path = secondChange(compiled, type, sample)
      if (path === undefined) continue
      const message = `the mutations change again what they made of a sample ${type.kind}, at \`${path}\`: applied twice they should do what they do once`
      return [{ code: 'NotIdempotent', severity: 'warning', policy: compiled.identity.name, path: 'spec.mutations', message }]
    }
  }
  return []
}
