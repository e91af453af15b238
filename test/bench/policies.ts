import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Policy, parsePolicy, parseYamlDocuments } from '../../src/api/index.ts'

const LIBRARY = join(import.meta.dirname, '../../config/policies')

/** The Pod Security policies as they are shipped. */
function library(): Policy[] {
  return readdirSync(LIBRARY)
    .filter((file) => file.endsWith('.yaml') && file !== 'kustomization.yaml')
    .flatMap((file) => {
      const documents = parseYamlDocuments(readFileSync(join(LIBRARY, file), 'utf8'))
      return documents.ok ? documents.value : []
    })
    .flatMap((document) => {
      const parsed = parsePolicy(document)
      return parsed.ok ? [parsed.value] : []
    })
}

const ALL_CONTAINERS = 'object.spec.containers + object.spec.?initContainers.orValue([]) + object.spec.?ephemeralContainers.orValue([])'

/** Six more that clusters often have, each with what it asks of a container `c` or of the Pod. */
const HABITS: Readonly<Record<string, string>> = {
  'no-latest-tag':
    "variables.containers.all(c, c.image.contains('@') || (c.image.split('/')[c.image.split('/').size() - 1].contains(':') && !c.image.endsWith(':latest')))",
  'own-registry': "variables.containers.all(c, ['registry.example/', 'mirror.example/'].exists(prefix, c.image.startsWith(prefix)))",
  'memory-limits': 'variables.containers.all(c, c.?resources.?limits.?memory.hasValue() && quantity(c.resources.limits.memory).isLessThan(quantity("8Gi")))',
  'team-label': "'team' in object.metadata.?labels.orValue({}) && object.metadata.labels.team.matches('^[a-z][a-z0-9-]{1,30}$')",
  probes: 'object.spec.containers.all(c, c.?readinessProbe.hasValue())',
  'read-only-root': 'object.spec.containers.all(c, c.?securityContext.?readOnlyRootFilesystem.orValue(false))',
}

const base = (name: string, resource: { readonly group: string; readonly resource: string }) => ({
  apiVersion: 'bylaw.dev/v1',
  kind: 'Policy',
  metadata: { name },
  spec: {
    title: `Bench policy ${name}`,
    owner: { team: 'bench', contact: '#bench' },
    severity: 'critical',
    remediation: 'none',
    matchConstraints: {
      resourceRules: [{ apiGroups: [resource.group], apiVersions: ['v1'], resources: [resource.resource], operations: ['CREATE', 'UPDATE'] }],
    },
  },
})

/** Sixteen policies that judge every Pod. */
export function podPolicies(): unknown[] {
  const own = Object.entries(HABITS).map(([name, expression]) => {
    const policy = base(`bench-${name}`, { group: '', resource: 'pods' })
    return {
      ...policy,
      spec: {
        ...policy.spec,
        variables: [{ name: 'containers', expression: ALL_CONTAINERS }],
        validations: [{ name: 'check', expression, message: `violates ${name}` }],
      },
    }
  })
  const shipped = library().map(({ apiVersion, kind, metadata, spec }) => ({
    apiVersion,
    kind,
    metadata: { name: metadata.name },
    spec: { ...spec, severity: 'critical' },
  }))
  return [...shipped, ...own]
}

const OTHERS = [
  { group: '', resource: 'services' },
  { group: '', resource: 'configmaps' },
  { group: 'networking.k8s.io', resource: 'ingresses' },
  { group: 'rbac.authorization.k8s.io', resource: 'rolebindings' },
] as const

/** Policies on other resources, which a Pod never meets. */
export function otherPolicies(count: number): unknown[] {
  return Array.from({ length: count }, (_, index) => {
    const policy = base(`bench-other-${index}`, OTHERS[index % OTHERS.length] ?? OTHERS[0])
    const expression = `object.metadata.?labels['team-${index}'].orValue('x') != 'forbidden' && object.metadata.name.size() < ${200 + index}`
    return { ...policy, spec: { ...policy.spec, validations: [{ name: 'check', expression, message: 'violates it' }] } }
  })
}

/** The sixteen as the API server's own policies, with their bindings. */
export function nativePolicies(): unknown[] {
  return podPolicies().flatMap((value) => {
    const parsed = parsePolicy(value)
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.error))
    const { metadata, spec } = parsed.value
    const { failurePolicy, matchConstraints, matchConditions, variables } = spec
    const validations = spec.validations.map(({ expression, message, messageExpression }) => ({ expression, message, messageExpression }))
    return [
      {
        apiVersion: 'admissionregistration.k8s.io/v1',
        kind: 'ValidatingAdmissionPolicy',
        metadata: { name: metadata.name },
        spec: { failurePolicy, matchConstraints, matchConditions, variables, validations },
      },
      {
        apiVersion: 'admissionregistration.k8s.io/v1',
        kind: 'ValidatingAdmissionPolicyBinding',
        metadata: { name: metadata.name },
        spec: { policyName: metadata.name, validationActions: ['Deny'] },
      },
    ]
  })
}

/** A Pod that meets all sixteen. */
export const GOOD_POD = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { generateName: 'bench-', labels: { team: 'bench', app: 'web' }, annotations: { 'example.com/owner': 'bench' } },
  spec: {
    securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
    containers: ['web', 'proxy', 'metrics'].map((name) => ({
      name,
      image: `registry.example/bench/${name}:1.2.3`,
      env: [
        { name: 'MODE', value: 'production' },
        { name: 'REGION', value: 'north' },
      ],
      ports: [{ containerPort: 8080 }],
      readinessProbe: { httpGet: { path: '/', port: 8080 } },
      resources: { requests: { cpu: '100m', memory: '128Mi' }, limits: { memory: '256Mi' } },
      securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
      volumeMounts: [{ name: 'config', mountPath: '/etc/config' }],
    })),
    volumes: [{ name: 'config', configMap: { name: 'config' } }],
  },
}

/** The same with one image from elsewhere: `bench-own-registry` refuses it. */
export const BAD_POD = {
  ...GOOD_POD,
  spec: { ...GOOD_POD.spec, containers: GOOD_POD.spec.containers.map((container) => ({ ...container, image: 'docker.io/library/nginx:1.2.3' })) },
}
