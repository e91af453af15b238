import type { z } from 'zod'
import { ENFORCEMENT_LEVELS, LEVELS_EXPLAINED, resource, SEVERITIES } from './common.ts'
import { flag, keyedList, object, objectWithDefaults, oneOf, optional, type SchemaRule, set, text } from './node.ts'
import { NAME_LENGTH, PATTERNS } from './text.ts'

type Severity = (typeof SEVERITIES)[number]
type Level = (typeof ENFORCEMENT_LEVELS)[number]

const levelFor = (severity: Severity) => oneOf(`Level of policies of severity \`${severity}\`.`, ENFORCEMENT_LEVELS)

const levels = object(`Level of enforcement for each severity. ${LEVELS_EXPLAINED}`, {
  critical: levelFor('critical'),
  high: levelFor('high'),
  medium: levelFor('medium'),
  low: levelFor('low'),
})

const environmentName = (description: string) => text(description, { max: NAME_LENGTH, pattern: PATTERNS.labelValue })

const environment = object('An environment and how strict it is.', {
  name: environmentName('Name of the environment: the value of the label `namespaceLabel` on its namespaces.'),
  levels,
})

interface Environments {
  readonly defaultEnvironment: string
  readonly environments: readonly { readonly name: string; readonly levels: Readonly<Record<Severity, Level>> }[]
  readonly allowLaxDefault?: boolean
}

/** Rank of each level, in CEL: the cost of `indexOf` on a list is estimated as unbounded. */
const RANK = `{${ENFORCEMENT_LEVELS.map((level, rank) => `'${level}': ${rank}`).join(', ')}}`

/** A namespace that lost its label falls into the default environment, so that must not be a way out. */
const strictDefault = (severity: Severity): SchemaRule<Environments> => ({
  rule: `(has(self.allowLaxDefault) && self.allowLaxDefault) || self.environments.all(d, d.name != self.defaultEnvironment || self.environments.all(e, ${RANK}[e.levels.${severity}] <= ${RANK}[d.levels.${severity}]))`,
  message: `the default environment must be at least as strict as every other for severity \`${severity}\`, unless \`allowLaxDefault\` is true`,
  at: 'environments',
  holds: ({ allowLaxDefault = false, defaultEnvironment, environments }) => {
    const rank = (one: Environments['environments'][number]): number => ENFORCEMENT_LEVELS.indexOf(one.levels[severity])
    const lowest = environments.filter(({ name }) => name === defaultEnvironment).map(rank)
    return allowLaxDefault || lowest.every((least) => environments.every((other) => rank(other) <= least))
  },
})

const spec = objectWithDefaults(
  'Which environments there are and how strictly policies are enforced in each.',
  {
    namespaceLabel: optional(text('Label of a Namespace that tells its environment.', { max: 317, pattern: PATTERNS.qualifiedName })),
    defaultEnvironment: environmentName('Environment of namespaces without the label and of cluster-scoped objects. It must be one of `environments`.'),
    environments: keyedList('The environments.', environment, ['name'], { min: 1, max: 16 }),
    allowLaxDefault: optional(flag('Whether the default environment may be less strict than another, severity by severity.')),
    protectedNamespaceLabels: optional(
      set(
        'Further labels of Namespaces that are guarded as the environment label is, since policies select by them.',
        text('Key of a label.', { max: 317, pattern: PATTERNS.qualifiedName }),
        {
          max: 16,
        },
      ),
    ),
  },
  { namespaceLabel: 'bylaw.dev/environment', allowLaxDefault: false, protectedNamespaceLabels: [] },
  [
    {
      rule: 'self.environments.exists(e, e.name == self.defaultEnvironment)',
      message: '`defaultEnvironment` must be one of `environments`',
      at: 'defaultEnvironment',
      holds: ({ environments, defaultEnvironment }) => environments.some(({ name }) => name === defaultEnvironment),
    },
    ...[...SEVERITIES].reverse().map(strictDefault),
  ],
)

/** The schema of an EnforcementProfile: the CRD, the type, the parser and the reference all come from it. */
export const enforcementProfileSchema = resource(
  'EnforcementProfile',
  'The environments of a cluster and how strictly policies are enforced in each. The one named `default` counts.',
  spec,
  {
    rule: "self.name == 'default'",
    message: 'the enforcement profile must be named `default`',
    at: 'name',
    holds: ({ name }) => name === 'default',
  },
)

/** An EnforcementProfile as it is when all defaults are filled in. */
export type ParsedEnforcementProfile = z.output<typeof enforcementProfileSchema>
