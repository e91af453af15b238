/** A kind of an OpenAPI document: its resource, the fields of its `spec`, and other versions or subresources by name. */
export interface KindDraft {
  readonly resource: string
  readonly kind: string
  /** Schemas by field of the object. */
  readonly fields: Readonly<Record<string, unknown>>
  readonly subResources?: readonly string[]
}

const TEXT = { type: 'string' }

/** An OpenAPI v3 document as an API server serves it for one group and version. */
export function openApiDocument(group: string, version: string, kinds: readonly KindDraft[]): Readonly<Record<string, unknown>> {
  const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`
  const paths = kinds.flatMap(({ resource, kind, subResources = [] }) => {
    const operation = { 'x-kubernetes-group-version-kind': { group, version, kind } }
    const at = `${root}/namespaces/{namespace}/${resource}`
    return [
      [at, { get: operation, post: operation }],
      [`${at}/{name}`, { get: operation, put: operation, delete: {} }],
      [`${root}/watch/${resource}`, { get: operation }],
      ...subResources.map((subResource) => [`${at}/{name}/${subResource}`, { put: operation }] as const),
    ]
  })
  const schemas = kinds.map(({ kind, fields }) => [
    `test.${version}.${kind}`,
    {
      description: `${kind} is a kind.`,
      type: 'object',
      properties: { apiVersion: TEXT, kind: TEXT, metadata: { default: {}, allOf: [{ $ref: '#/components/schemas/test.ObjectMeta' }] }, ...fields },
      'x-kubernetes-group-version-kind': [{ group, version, kind }],
    },
  ])
  return {
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version: 'v1.37.2' },
    paths: Object.fromEntries(paths),
    components: {
      schemas: {
        ...Object.fromEntries(schemas),
        'test.ObjectMeta': { type: 'object', properties: { name: TEXT, namespace: TEXT, labels: { type: 'object', additionalProperties: TEXT } } },
      },
    },
  }
}

/** The schema of an object with these fields. */
export const objectSchema = (properties: Readonly<Record<string, unknown>>) => ({ type: 'object', properties })
