import type { KubernetesObject } from '../../api/index.ts'
import { REPORT_API } from './policy-report.ts'

type Schema = Readonly<Record<string, unknown>>

const TEXT: Schema = { type: 'string' }
const textOf = (description: string): Schema => ({ ...TEXT, description })
const texts: Schema = { type: 'object', additionalProperties: TEXT }
const listOf = (items: Schema): Schema => ({ type: 'array', items })
const objectOf = (description: string, properties: Readonly<Record<string, Schema>>, rest: Schema = {}): Schema => ({
  type: 'object',
  description,
  properties,
  ...rest,
})
const ATOMIC: Schema = { 'x-kubernetes-map-type': 'atomic' }

const REFERENCE = objectOf(
  'An object.',
  Object.fromEntries(['apiVersion', 'kind', 'namespace', 'name', 'uid', 'resourceVersion', 'fieldPath'].map((field) => [field, TEXT])),
  ATOMIC,
)

const SELECTOR = objectOf(
  'Objects by their labels.',
  {
    matchLabels: texts,
    matchExpressions: listOf(objectOf('A requirement on one label.', { key: TEXT, operator: TEXT, values: listOf(TEXT) }, { required: ['key', 'operator'] })),
  },
  ATOMIC,
)

const RESULT = objectOf(
  'What one rule of a policy said of some objects.',
  {
    source: textOf('Who judged.'),
    policy: textOf('Name of the policy.'),
    rule: textOf('Name of the rule in the policy.'),
    category: textOf('Topic that the policy belongs to.'),
    severity: { ...textOf('How bad it is where the rule is not met.'), enum: ['critical', 'high', 'low', 'medium', 'info'] },
    result: {
      ...textOf('`pass`: met; `fail`: not met; `warn`: not met, and not scored; `error`: could not be evaluated; `skip`: was not to be evaluated.'),
      enum: ['pass', 'fail', 'warn', 'error', 'skip'],
    },
    scored: { type: 'boolean', description: 'Whether the result counts.' },
    message: textOf('What was found.'),
    resources: listOf(REFERENCE),
    resourceSelector: SELECTOR,
    properties: { ...texts, description: 'Whatever else is to be known of it.' },
    timestamp: objectOf(
      'When it was found.',
      { seconds: { type: 'integer', format: 'int64' }, nanos: { type: 'integer', format: 'int32' } },
      { required: ['seconds', 'nanos'] },
    ),
  },
  { required: ['policy'] },
)

const COUNTS = ['pass', 'fail', 'warn', 'error', 'skip'] as const

const SCHEMA = objectOf('Results of policies for objects that exist, as the Kubernetes Policy Working Group defines them.', {
  apiVersion: TEXT,
  kind: TEXT,
  metadata: { type: 'object' },
  scope: REFERENCE,
  scopeSelector: SELECTOR,
  summary: objectOf('How many results of each kind there are.', Object.fromEntries(COUNTS.map((name) => [name, { type: 'integer' }]))),
  results: listOf(RESULT),
})

const column = (name: string, jsonPath: string, type: string, priority = 0): Schema => ({ name, jsonPath, type, ...(priority === 0 ? {} : { priority }) })

const COLUMNS = [
  column('Kind', '.scope.kind', 'string', 1),
  column('Name', '.scope.name', 'string', 1),
  ...COUNTS.map((name) => column(`${name[0]?.toUpperCase() ?? ''}${name.slice(1)}`, `.summary.${name}`, 'integer')),
  column('Age', '.metadata.creationTimestamp', 'date'),
]

function definition(kind: string, shortName: string, scope: 'Namespaced' | 'Cluster'): KubernetesObject {
  const singular = kind.toLowerCase()
  const plural = `${singular}s`
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: {
      name: `${plural}.${REPORT_API.group}`,
      labels: { 'app.kubernetes.io/managed-by': 'bylaw' },
    },
    spec: {
      group: REPORT_API.group,
      names: { kind, listKind: `${kind}List`, plural, singular, shortNames: [shortName] },
      scope,
      versions: [
        {
          name: REPORT_API.version,
          served: true,
          storage: true,
          additionalPrinterColumns: COLUMNS,
          schema: { openAPIV3Schema: SCHEMA },
        },
      ],
    },
  }
}

/** The definitions of PolicyReport and ClusterPolicyReport, for clusters where nobody has brought them. */
export const REPORT_DEFINITIONS: readonly KubernetesObject[] = [
  definition('PolicyReport', 'polr', 'Namespaced'),
  definition('ClusterPolicyReport', 'cpolr', 'Cluster'),
]
