import type { z } from 'zod'
import { enforcementProfileSchema } from '../../src/api/schema/enforcement-profile.ts'
import { policySchema } from '../../src/api/schema/policy.ts'
import { policyExceptionSchema } from '../../src/api/schema/policy-exception.ts'
import { enforcementProfileStatusSchema, policyExceptionStatusSchema, policyStatusSchema } from '../../src/api/schema/status.ts'
import { readSchema, type SchemaNode } from './structural-schema.ts'

/** A column of `kubectl get`. */
export interface PrinterColumn {
  readonly name: string
  readonly type: 'string' | 'integer' | 'date'
  readonly jsonPath: string
  readonly description: string
}

/** Everything that the CRD and the reference of a resource are written from. */
export interface ResourceDefinition {
  readonly kind: string
  readonly plural: string
  readonly singular: string
  readonly shortName: string
  readonly scope: 'Cluster' | 'Namespaced'
  readonly columns: readonly PrinterColumn[]
  readonly schema: SchemaNode
  readonly spec: SchemaNode
  readonly status: SchemaNode
}

const AGE: PrinterColumn = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp', description: 'How long the resource has existed.' }

type Names = Omit<ResourceDefinition, 'schema' | 'spec' | 'status'>

function define(names: Names, schema: z.ZodType, statusSchema: z.ZodType): ResourceDefinition {
  const root = readSchema(schema, names.kind)
  const spec = root.properties.get('spec')
  if (spec === undefined) throw new Error(`${names.kind}: no spec`)
  return { ...names, schema: root, spec, status: readSchema(statusSchema, `${names.kind}.status`) }
}

/** The resources of Bylaw. */
export const DEFINITIONS: readonly ResourceDefinition[] = [
  define(
    {
      kind: 'Policy',
      plural: 'policies',
      singular: 'policy',
      shortName: 'bypol',
      scope: 'Cluster',
      columns: [
        { name: 'Severity', type: 'string', jsonPath: '.spec.severity', description: 'How bad a violation is.' },
        { name: 'Levels', type: 'string', jsonPath: '.status.summary.levels', description: 'The level in each environment.' },
        { name: 'Violations', type: 'integer', jsonPath: '.status.violations.current', description: 'Number of objects that violate the policy.' },
        { name: 'Enforced', type: 'string', jsonPath: '.status.conditions[?(@.type=="Enforced")].status', description: 'Whether the policy is in force.' },
        AGE,
      ],
    },
    policySchema,
    policyStatusSchema,
  ),
  define(
    {
      kind: 'PolicyException',
      plural: 'policyexceptions',
      singular: 'policyexception',
      shortName: 'bypolex',
      scope: 'Namespaced',
      columns: [
        { name: 'Policies', type: 'string', jsonPath: '.status.summary.policies', description: 'Policies whose violations are waived.' },
        { name: 'Phase', type: 'string', jsonPath: '.status.phase', description: 'Whether the exception counts.' },
        // A column of type `date` prints `<invalid>` for a time to come.
        { name: 'Expires', type: 'string', jsonPath: '.spec.expiresAt', description: 'When the exception ends.' },
        { name: 'Owner', type: 'string', jsonPath: '.spec.owner.team', description: 'Team that needs the exception.' },
      ],
    },
    policyExceptionSchema,
    policyExceptionStatusSchema,
  ),
  define(
    {
      kind: 'EnforcementProfile',
      plural: 'enforcementprofiles',
      singular: 'enforcementprofile',
      shortName: 'byprof',
      scope: 'Cluster',
      columns: [{ name: 'Environments', type: 'string', jsonPath: '.status.summary.environments', description: 'Names of the environments.' }, AGE],
    },
    enforcementProfileSchema,
    enforcementProfileStatusSchema,
  ),
]
