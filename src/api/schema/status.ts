import type { z } from 'zod'
import { condition, ENFORCEMENT_LEVELS, observedGeneration } from './common.ts'
import { flag, integer, keyedList, list, object, oneOf, optional, text } from './node.ts'

const NAME = { max: 253 } as const
const count = (description: string) => integer(description, { min: 0 })
const time = (description: string) => text(description, { max: 64, format: 'date-time' })
const conditions = optional(keyedList('State of the resource, one condition for each aspect of it.', condition, ['type'], { max: 16 }))

const summaryColumn = (description: string) => text(description, { min: 0, max: 2048 })

const counted = optional(
  list(
    'How much of what each instance of Bylaw counted is in the sums. It is for Bylaw alone, so that no count is lost or doubled when another instance leads.',
    text('An instance and its counts.', { max: 256 }),
    {
      max: 64,
    },
  ),
)

/** The schema of a Policy's status. */
export const policyStatusSchema = object('What became of the policy. It is written by Bylaw; no decision reads it.', {
  observedGeneration,
  revision: optional(text('Digest of the spec that is in force.', NAME)),
  bundle: optional(text('Digest of the bundle that the policy came in.', { max: 512 })),
  conditions,
  environments: optional(
    keyedList(
      'The level that is in force in each environment.',
      object('The level in one environment.', {
        name: text('Name of the environment.', NAME),
        level: oneOf('The level.', ENFORCEMENT_LEVELS),
        source: oneOf('Who set the level: the policy itself, or the EnforcementProfile by the severity of the policy.', ['Policy', 'Profile']),
      }),
      ['name'],
      { max: 16 },
    ),
  ),
  replicas: optional(
    object('How far the instances of Bylaw are.', {
      ready: count('Number of instances that are ready.'),
      atRevision: count('Number of ready instances that have this revision in force.'),
    }),
  ),
  violations: optional(
    object('Objects in the cluster that violate the policy, as of the last scan.', {
      current: count('Number of objects that violate the policy.'),
      asOf: optional(time('When the scan ended.')),
      complete: optional(flag('Whether the scan saw all objects.')),
      byNamespace: optional(
        list(
          'The ten namespaces with the most violations.',
          object('Violations in one namespace.', {
            namespace: text('Name of the namespace; empty for cluster-scoped objects.', { min: 0, max: 253 }),
            count: count('Number of objects there that violate the policy.'),
          }),
          { max: 10 },
        ),
      ),
    }),
  ),
  decisions: optional(
    object('Decisions on requests since the counters began, dry runs aside.', {
      allowed: count('Requests that met the policy, or violated it where it only observes.'),
      warned: count('Requests that were let pass with a warning.'),
      denied: count('Requests that were refused.'),
      corrected: count('Requests whose object was corrected.'),
      waived: count('Requests whose violation an exception waived.'),
      errors: count('Requests for which the policy could not be evaluated.'),
    }),
  ),
  counted,
  recentViolations: optional(
    list(
      'The last violations.',
      object('A violation.', {
        time: time('When it was seen.'),
        rule: text('Name of the rule.', NAME),
        effect: oneOf('What was done about it.', ['allow', 'warn', 'deny']),
        environment: optional(text('Environment that the object is in.', NAME)),
        kind: text('Kind of the object.', NAME),
        namespace: optional(text('Namespace of the object.', NAME)),
        name: text('Name of the object.', { min: 0, max: 253 }),
        message: text('What was wrong.', { min: 0, max: 256 }),
        decisionId: optional(text('Identifier of the decision.', NAME)),
      }),
      { max: 10 },
    ),
  ),
  exceptions: optional(
    object('Exceptions to the policy.', {
      active: count('Number that waive violations now.'),
      expiringSoon: count('Number of those that end within a week.'),
      unused: optional(count('Number of those that waived nothing for a month. It is not there until every object has been looked at.')),
    }),
  ),
  expressionWarnings: optional(
    list(
      'Things about the expressions that their author should know.',
      object('A warning about an expression.', {
        fieldRef: text('Path of the expression, such as `spec.validations[0].expression`.', { max: 512 }),
        warning: text('The warning.', { max: 1024 }),
      }),
      { max: 20 },
    ),
  ),
  summary: optional(
    object('Texts for the columns of `kubectl get`.', {
      levels: optional(summaryColumn('The level in each environment, such as `dev=Observe staging=Warn prod=Deny`.')),
    }),
  ),
})

/** The schema of a PolicyException's status. */
export const policyExceptionStatusSchema = object('What became of the exception. It is written by Bylaw; no decision reads it.', {
  observedGeneration,
  phase: optional(
    oneOf('`Pending` waits for approval, `Active` waives, `Expired` is past its end, and `Invalid` can never waive as it is written.', [
      'Pending',
      'Active',
      'Expired',
      'Invalid',
    ]),
  ),
  conditions,
  waived: optional(
    object('What the exception waived.', {
      count: count('Number of requests whose violation it waived.'),
      lastTime: optional(time('When it waived a violation last.')),
    }),
  ),
  counted,
  unusedSince: optional(time('Since when it waived nothing. It is not there until every object has been looked at.')),
  wouldPassNow: optional(flag('Whether all objects that it is for meet the policies now, so that it can go.')),
  summary: optional(
    object('Texts for the columns of `kubectl get`.', {
      policies: optional(summaryColumn('Names of the policies, such as `require-run-as-non-root, no-host-path`.')),
      state: optional(summaryColumn('Where it stands, such as `active until 2027-01-31T00:00:00Z` or `pending: nobody has approved it`.')),
    }),
  ),
})

/** The schema of an EnforcementProfile's status. */
export const enforcementProfileStatusSchema = object('What became of the profile. It is written by Bylaw; no decision reads it.', {
  observedGeneration,
  conditions,
  summary: optional(
    object('Texts for the columns of `kubectl get`.', {
      environments: optional(summaryColumn('Names of the environments, such as `dev, staging, prod (default)`.')),
    }),
  ),
})

export type PolicyStatusShape = z.output<typeof policyStatusSchema>
export type PolicyExceptionStatusShape = z.output<typeof policyExceptionStatusSchema>
export type EnforcementProfileStatusShape = z.output<typeof enforcementProfileStatusSchema>
export type ConditionShape = z.output<typeof condition>
