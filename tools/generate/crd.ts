import { stringify } from 'yaml'
import { API_VERSION } from '../../src/api/schema/common.ts'
import type { ResourceDefinition } from './definitions.ts'
import { toStructural } from './structural-schema.ts'

const [GROUP = '', VERSION = ''] = API_VERSION.split('/')

const API_VERSION_TEXT = `Version of the schema of this object: \`${API_VERSION}\`.`

/** Deleting a CRD deletes all of its objects, so the tools that sync and prune are told to leave it alone. */
const ANNOTATIONS = { 'argocd.argoproj.io/sync-options': 'Prune=false', 'helm.sh/resource-policy': 'keep' }

/** The CustomResourceDefinition of a resource. */
export function toCrd({ kind, plural, singular, shortName, scope, columns, schema, spec, status }: ResourceDefinition): Readonly<Record<string, unknown>> {
  const openAPIV3Schema = {
    ...toStructural(schema),
    required: ['spec'],
    properties: {
      apiVersion: { description: API_VERSION_TEXT, type: 'string' },
      kind: { description: `Kind of this object: \`${kind}\`.`, type: 'string' },
      metadata: { type: 'object' },
      spec: toStructural(spec),
      status: toStructural(status),
    },
  }
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${GROUP}`, annotations: ANNOTATIONS },
    spec: {
      group: GROUP,
      scope,
      names: { kind, listKind: `${kind}List`, plural, singular, shortNames: [shortName], categories: ['bylaw'] },
      versions: [
        {
          name: VERSION,
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: columns,
          schema: { openAPIV3Schema },
        },
      ],
    },
  }
}

/** The CustomResourceDefinition as a file. */
export function toCrdFile(definition: ResourceDefinition): string {
  return `# Written by \`npm run generate\` from src/api/schema.\n${stringify(toCrd(definition), { lineWidth: 140 })}`
}

/** Name of the file. */
export const crdFileName = ({ plural }: ResourceDefinition): string => `${plural}.${GROUP}.yaml`
