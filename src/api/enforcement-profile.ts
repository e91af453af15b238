import type { FieldIssue } from './issue.ts'
import type { Result } from './result.ts'
import { API_VERSION } from './schema/common.ts'
import { enforcementProfileSchema, type ParsedEnforcementProfile } from './schema/enforcement-profile.ts'
import { parseResource } from './schema/parse.ts'
import type { ReadOnly } from './schema/read-only.ts'

type Spec = ReadOnly<ParsedEnforcementProfile['spec']>

/** The environments of a cluster and their levels, with all defaults filled in. */
export interface EnforcementProfile extends ReadOnly<ParsedEnforcementProfile> {}
/** Which environments there are and how strict each is. */
export interface EnforcementProfileSpec extends Spec {}
/** An environment and how strict it is. */
export type ProfileEnvironment = Spec['environments'][number]

/** Reads an EnforcementProfile: defaults filled in, or everything that is wrong with it. */
export function parseEnforcementProfile(value: unknown): Result<EnforcementProfile, readonly FieldIssue[]> {
  return parseResource(enforcementProfileSchema, value)
}

/** The profile that is in force where there is none. */
export function defaultEnforcementProfile(): EnforcementProfile {
  return {
    apiVersion: API_VERSION,
    kind: 'EnforcementProfile',
    metadata: { name: 'default' },
    spec: {
      namespaceLabel: 'bylaw.dev/environment',
      defaultEnvironment: 'prod',
      environments: [
        { name: 'dev', levels: { critical: 'Warn', high: 'Observe', medium: 'Observe', low: 'Observe' } },
        { name: 'staging', levels: { critical: 'Deny', high: 'Warn', medium: 'Warn', low: 'Observe' } },
        { name: 'prod', levels: { critical: 'Deny', high: 'Deny', medium: 'Warn', low: 'Warn' } },
      ],
      allowLaxDefault: false,
      protectedNamespaceLabels: [],
    },
  }
}
