import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseYamlDocuments } from '../../src/api/index.ts'
import { isRecord, type Json } from './json.ts'

/** A policy of Kubernetes, and what binds it. */
export interface NativePolicy {
  readonly name: string
  /** As a ValidatingAdmissionPolicy has it. */
  readonly spec: Json
  readonly paramKind: Json | undefined
  /** As a ValidatingAdmissionPolicyBinding has it. */
  readonly paramRef: Json | undefined
}

const FOLDER = join(import.meta.dirname, 'native')

function read(value: unknown): NativePolicy {
  if (!isRecord(value) || typeof value['name'] !== 'string' || !isRecord(value['spec'])) throw new Error(`not a policy: ${JSON.stringify(value)}`)
  const { name, spec, paramKind, paramRef } = value
  return { name, spec, paramKind: isRecord(paramKind) ? paramKind : undefined, paramRef: isRecord(paramRef) ? paramRef : undefined }
}

/** All policies of the folder `native`. */
export function readNativePolicies(): readonly NativePolicy[] {
  return readdirSync(FOLDER)
    .sort()
    .flatMap((file) => {
      const documents = parseYamlDocuments(readFileSync(join(FOLDER, file), 'utf8'))
      if (!documents.ok) throw new Error(`${file}: ${documents.error}`)
      return documents.value.map(read)
    })
}

const ADMISSION = 'admissionregistration.k8s.io/v1'

/** What the API server needs: the policy, a binding that refuses, and one that warns, since a refusal tells one policy only. */
export function toNative({ name, spec, paramKind, paramRef }: NativePolicy): readonly Json[] {
  const bind = (action: string): Json => ({
    apiVersion: ADMISSION,
    kind: 'ValidatingAdmissionPolicyBinding',
    metadata: { name: `${name}-${action.toLowerCase()}` },
    spec: { policyName: name, validationActions: [action], ...(paramRef === undefined ? {} : { paramRef }) },
  })
  const policy = {
    apiVersion: ADMISSION,
    kind: 'ValidatingAdmissionPolicy',
    metadata: { name },
    spec: { ...spec, ...(paramKind === undefined ? {} : { paramKind }) },
  }
  return [policy, bind('Deny'), bind('Warn')]
}

/** The same as a Policy: the spec as it is, with what Bylaw asks for besides. Extras of Bylaw are off. */
export function toBylaw({ name, spec, paramKind, paramRef }: NativePolicy): Json {
  return {
    apiVersion: 'bylaw.dev/v1',
    kind: 'Policy',
    metadata: { name },
    spec: {
      ...spec,
      ...(paramKind === undefined ? {} : { paramKind }),
      ...(paramRef === undefined ? {} : { paramRef }),
      title: name,
      owner: { team: 'compare', contact: '#compare' },
      severity: 'critical',
      remediation: 'read the message',
      podTemplates: 'Ignore',
      enforcement: { existingViolations: 'Enforce' },
    },
  }
}
