import type { EnforcedPolicy } from '../rules/index.ts'

/** What a policy is and does everywhere, as one text: equal texts need no new registration. */
export const levelStateOf = ({ revision, levels }: EnforcedPolicy): string =>
  [revision, ...[...levels.byEnvironment].map(([name, { level }]) => `${name}=${level}`)].join(' ')
