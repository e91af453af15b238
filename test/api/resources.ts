/** A JSON object, as it comes from a file. */
export type Json = Readonly<Record<string, unknown>>

const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)

/** Puts changes over a value: objects are merged, everything else is replaced, and `undefined` takes a field away. */
function merge(base: Json, changes: Json): Json {
  const merged: Record<string, unknown> = { ...base }
  for (const [key, change] of Object.entries(changes)) {
    const before = merged[key]
    if (change === undefined) delete merged[key]
    else merged[key] = isObject(before) && isObject(change) ? merge(before, change) : change
  }
  return merged
}

export const podRule = { apiGroups: [''], apiVersions: ['v1'], resources: ['pods'], operations: ['CREATE', 'UPDATE'] }

const smallPolicy: Json = {
  apiVersion: 'bylaw.dev/v1',
  kind: 'Policy',
  metadata: { name: 'run-as-non-root' },
  spec: {
    title: 'Containers run as a non-root user',
    owner: { team: 'platform-security', contact: '#sec-platform' },
    severity: 'high',
    remediation: 'set `runAsNonRoot: true`',
    matchConstraints: { resourceRules: [podRule] },
    validations: [{ name: 'run-as-non-root', expression: 'object.spec.hostNetwork != true' }],
  },
}

/** A policy with no more than it needs. */
export const policy = (spec: Json = {}, metadata: Json = {}): Json => merge(smallPolicy, { spec, metadata })

/** A policy that sets every field. */
export const fullPolicy = (): Json =>
  policy({
    description: 'Two\nlines.',
    category: 'pod-security',
    controls: [
      { framework: 'NIST-800-53r5', id: 'AC-6' },
      { framework: 'NIST-800-53r5', id: 'AC-7' },
    ],
    rationale: 'Root in a container is root on the node, one kernel bug later.',
    matchConstraints: {
      resourceRules: [{ ...podRule, resourceNames: ['a', 'b'], scope: 'Namespaced' }],
      excludeResourceRules: [{ apiGroups: ['*'], apiVersions: ['*'], resources: ['*', '*/scale'], operations: ['*'] }],
      namespaceSelector: { matchLabels: { 'example.com/team': 'a', constructor: '' } },
      objectSelector: {
        matchExpressions: [
          { key: 'app', operator: 'In', values: ['x', 'y'] },
          { key: 'skip', operator: 'DoesNotExist' },
        ],
      },
      matchPolicy: 'Exact',
    },
    podTemplates: 'Ignore',
    matchConditions: [{ name: 'example.com/not-mirror', expression: 'true' }],
    paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
    paramRef: { name: 'limits', namespace: 'policy', parameterNotFoundAction: 'Deny' },
    context: [
      {
        name: 'quotas',
        apiVersion: 'v1',
        kind: 'ResourceQuota',
        namespace: 'Request',
        selector: { matchLabels: { 'example.com/team': 'a' } },
        names: ['compute', 'storage.example'],
      },
      { name: 'ingresses', apiVersion: 'networking.k8s.io/v1', kind: 'Ingress' },
    ],
    variables: [{ name: 'containers', expression: 'object.spec.containers' }],
    validations: [
      { name: 'run-as-non-root', expression: 'true', message: 'no root', messageExpression: '"no root"', reason: 'Forbidden', showValues: true },
      { name: 'other', expression: 'true' },
    ],
    auditAnnotations: [{ key: 'seen', valueExpression: '"yes"' }],
    mutations: [
      { name: 'set-it', operations: ['CREATE', 'UPDATE'], templates: 'Apply', patchType: 'JSONPatch', jsonPatch: { expression: '[]' } },
      { name: 'apply-it', patchType: 'ApplyConfiguration', applyConfiguration: { expression: 'Object{}' } },
    ],
    reinvocationPolicy: 'IfNeeded',
    failurePolicy: 'Ignore',
    enforcement: { environments: [{ name: 'prod', level: 'Correct' }], existingViolations: 'Enforce' },
    exceptions: { allowed: true, maxDuration: '24h30m' },
    evaluation: { admission: true, background: false },
  })

const smallException: Json = {
  apiVersion: 'bylaw.dev/v1',
  kind: 'PolicyException',
  metadata: { name: 'legacy-importer', namespace: 'default' },
  spec: {
    policies: [{ name: 'run-as-non-root', rules: ['run-as-non-root'] }],
    match: { resources: [{ kinds: ['Deployment'], names: ['importer-*'] }] },
    reason: 'the image of the vendor needs root until 4.2',
    owner: { team: 'payments', contact: '#payments' },
    expiresAt: '2027-01-31T00:00:00Z',
  },
}

/** An exception with no more than it needs. */
export const exception = (spec: Json = {}, metadata: Json = {}): Json => merge(smallException, { spec, metadata })

/** An exception that sets every field. */
export const fullException = (): Json =>
  exception({
    policies: [
      { name: 'a', rules: ['*'] },
      { name: 'b', rules: ['x', 'y'] },
    ],
    match: {
      resources: [{ kinds: ['Deployment', 'Pod'], names: ['*'] }],
      namespaces: ['*'],
      objectSelector: { matchLabels: { app: 'importer' } },
      images: ['registry.example/importer:*'],
      conditions: [{ name: 'old', expression: 'true' }],
    },
    ticket: 'PAY-1234',
    expiresAt: '2027-01-31T00:00:00.5+01:00',
  })

export const lax = { critical: 'Warn', high: 'Observe', medium: 'Observe', low: 'Observe' }
export const strict = { critical: 'Deny', high: 'Deny', medium: 'Warn', low: 'Warn' }

const smallProfile: Json = {
  apiVersion: 'bylaw.dev/v1',
  kind: 'EnforcementProfile',
  metadata: { name: 'default' },
  spec: {
    defaultEnvironment: 'prod',
    environments: [
      { name: 'dev', levels: lax },
      { name: 'prod', levels: strict },
    ],
  },
}

/** A profile with no more than it needs. */
export const profile = (spec: Json = {}, metadata: Json = {}): Json => merge(smallProfile, { spec, metadata })

/** A profile that sets every field. */
export const fullProfile = (): Json =>
  profile({ namespaceLabel: 'example.com/stage', defaultEnvironment: 'dev', allowLaxDefault: true, protectedNamespaceLabels: ['example.com/team', 'owner'] })

/** So many of the same kind. */
export const many = <T>(count: number, make: (index: number) => T): T[] => Array.from({ length: count }, (_, index) => make(index))

/** The path of a resource's collection in the API. */
export function collectionOf({ kind }: Json): string {
  const base = '/apis/bylaw.dev/v1'
  if (kind === 'PolicyException') return `${base}/namespaces/default/policyexceptions`
  return kind === 'Policy' ? `${base}/policies` : `${base}/enforcementprofiles`
}
