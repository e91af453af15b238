import type { z } from 'zod'
import type { FieldIssue } from './issue.ts'
import { err, type Result } from './result.ts'
import { evidenceConfig } from './schema/evidence-config.ts'
import { flag, integer, list, object, objectWithDefaults, oneOf, optional, set, text } from './schema/node.ts'
import { parseValue } from './schema/parse.ts'
import type { ReadOnly } from './schema/read-only.ts'
import { labelSelector } from './schema/text.ts'
import { parseYamlDocuments } from './yaml.ts'

const NAMESPACE = { expression: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$', asks: 'a name of lower-case letters, digits and `-`' }
const VERSION = { expression: '^1\\.[0-9]{2}$', asks: 'a version of Kubernetes such as `1.37`' }
const namespaceName = text('Name of a namespace.', { max: 63, pattern: NAMESPACE })

const automaticApproval = object('An account whose writes in a namespace count as approval.', {
  account: text('Name of the account, such as `system:serviceaccount:argocd:argocd-application-controller`.', { max: 253 }),
  namespace: namespaceName,
})

const workloadController = object('An account that makes objects from templates, like the workload controllers of Kubernetes.', {
  account: text('Name of the account.', { max: 253 }),
  group: text('API group of the owner, empty for the core group.', { max: 253, min: 0 }),
  kind: text('Kind of the owner, such as `Rollout`.', { max: 63 }),
  resource: text('Resource of the owner, such as `rollouts`.', { max: 63 }),
})

const configSchema = objectWithDefaults(
  'Configuration of the operator.',
  {
    namespace: optional(namespaceName),
    instance: optional(
      text('Name of this instance, where a cluster has several.', {
        max: 20,
        min: 0,
        pattern: { expression: '^([a-z]([-a-z0-9]*[a-z0-9])?)?$', asks: NAMESPACE.asks },
      }),
    ),
    policySelector: optional(labelSelector('Labels of the policies that this instance serves; all without it.')),
    failClosedNamespaces: optional(set('Namespaces that are never left out of entries that fail closed.', namespaceName, { max: 64 })),
    admission: optional(
      objectWithDefaults(
        'The HTTPS door.',
        {
          port: optional(integer('Port to listen on; 0 for any.', { min: 0 })),
          host: optional(text('Address to listen on; all without it.', { max: 253 })),
          url: optional(
            text('Address under which the API server reaches an operator that runs outside the cluster.', {
              max: 1024,
              pattern: { expression: '^https://[^/?#]+/?$', asks: 'an address such as `https://host:9443`' },
            }),
          ),
          timeoutSeconds: optional(integer('Time that the API server waits for an answer.', { min: 2 })),
          maxBodyBytes: optional(integer('Largest review that is read.', { min: 1024 })),
        },
        { port: 9443, timeoutSeconds: 5, maxBodyBytes: 16 * 1024 * 1024 },
      ),
    ),
    approval: optional(
      objectWithDefaults(
        'Approval of exceptions.',
        {
          automatic: optional(list('Accounts whose writes count as approval, by namespace.', automaticApproval, { max: 64 })),
          fourEyes: optional(flag('Whether who wrote an exception may not approve it.')),
        },
        { automatic: [], fourEyes: false },
      ),
    ),
    workloadControllers: optional(list('Further accounts that make objects from templates.', workloadController, { max: 64 })),
    certificates: optional(
      objectWithDefaults(
        'Where the serving certificate comes from.',
        {
          source: optional(oneOf('`Own` makes and rotates one; `Files` reads one.', ['Own', 'Files'])),
          certFile: optional(text('Certificate, PEM.', { max: 1024 })),
          keyFile: optional(text('Its key, PEM.', { max: 1024 })),
          caFile: optional(text('The CA that the API server is to trust, PEM.', { max: 1024 })),
        },
        { source: 'Own' },
        [
          {
            rule: 'true',
            message: '`Files` needs `certFile`, `keyFile` and `caFile`',
            holds: ({ source, certFile, keyFile, caFile }) => source !== 'Files' || (certFile !== undefined && keyFile !== undefined && caFile !== undefined),
          },
        ],
      ),
    ),
    evidence: optional(evidenceConfig),
    scan: optional(
      objectWithDefaults(
        'The scan of objects that exist already.',
        {
          enabled: optional(flag('Whether they are judged at all.')),
          intervalSeconds: optional(integer('Time after which everything is listed once more; what has not changed is not judged again.', { min: 5 })),
          pageSize: optional(integer('Objects in one page of a list; at most 500.', { min: 1 })),
          qps: optional(integer('Pages that are read in a second, at most.', { min: 1 })),
        },
        { enabled: true, intervalSeconds: 43_200, pageSize: 100, qps: 5 },
        [{ rule: 'true', message: '`pageSize` is at most 500', holds: ({ pageSize }) => pageSize === undefined || pageSize <= 500 }],
      ),
    ),
    kubernetesVersion: optional(text('Version of Kubernetes whose expressions are accepted; that of the cluster without it.', { max: 16, pattern: VERSION })),
    logLevel: optional(oneOf('Least important messages that are logged.', ['debug', 'info', 'warn', 'error'])),
  },
  {
    instance: '',
    failClosedNamespaces: [],
    workloadControllers: [],
    logLevel: 'info',
  },
)

type Written = ReadOnly<z.output<typeof configSchema>>
type Evidence = NonNullable<Written['evidence']>

/** The operator's configuration, defaults filled in; limits that are no one's choice are constants elsewhere. */
export interface Config extends Written {
  readonly admission: NonNullable<Written['admission']>
  readonly approval: NonNullable<Written['approval']>
  readonly certificates: NonNullable<Written['certificates']>
  readonly evidence: Omit<Evidence, 'retention'> & { readonly retention: NonNullable<Evidence['retention']> }
  readonly scan: NonNullable<Written['scan']>
}

const NO_SECTIONS = { admission: {}, approval: {}, certificates: {}, evidence: {}, scan: {} }

/** A section in a section is filled in as the others are. */
function withEvidence(value: typeof NO_SECTIONS): unknown {
  const evidence: unknown = value.evidence
  return typeof evidence === 'object' && evidence !== null && !Array.isArray(evidence) ? { ...value, evidence: { retention: {}, ...evidence } } : value
}

/** Reads the configuration from YAML; every mistake is named by its path, unknown keys included. An empty text gives the defaults. */
export function parseConfig(source: string): Result<Config, readonly FieldIssue[]> {
  const documents = parseYamlDocuments(source)
  if (!documents.ok) return err([{ path: '', message: `not valid YAML: ${documents.error}`, code: 'BadFormat' }])
  if (documents.value.length > 1) return err([{ path: '', message: 'expected one document', code: 'TooMany' }])
  const value: unknown = documents.value[0] ?? {}
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  const parsed = parseValue(configSchema, isObject ? withEvidence({ ...NO_SECTIONS, ...value }) : value)
  if (!parsed.ok) return parsed
  const { admission, approval, certificates, evidence, scan } = parsed.value
  if (admission === undefined || approval === undefined || certificates === undefined || evidence?.retention === undefined || scan === undefined) {
    return err([{ path: '', message: 'a section must be an object', code: 'WrongType' }])
  }
  return { ok: true, value: { ...parsed.value, admission, approval, certificates, evidence: { ...evidence, retention: evidence.retention }, scan } }
}
