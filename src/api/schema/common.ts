import { z } from 'zod'
import { integer, line, META, object, oneOf, optional, type SchemaRule, text, toCheck } from './node.ts'
import { NAME_LENGTH, PATTERNS } from './text.ts'

/** API group and version of Bylaw's resources. */
export const API_VERSION = 'bylaw.dev/v1'

export const SEVERITIES = ['low', 'medium', 'high', 'critical'] as const
export const ENFORCEMENT_LEVELS = ['Observe', 'Warn', 'Deny', 'Correct'] as const

/** The ladder, in the words of `kubectl explain`. */
export const LEVELS_EXPLAINED =
  '`Observe` records only. `Warn` also tells the client. `Deny` refuses. `Correct` applies the mutations of the policy first and then judges the result as `Deny` would.'

/** Who answers for a resource. */
export const owner = (description: string) =>
  object(description, {
    team: line('Team that owns it.', { max: NAME_LENGTH }),
    contact: line('Where people reach the team: a channel, a mail address or a page.', { max: 256 }),
  })

/** The part of an object's metadata that is kept; the rest is the API server's business. */
const metadata = z.object({
  name: text('Name of the object.', { max: 253, pattern: PATTERNS.name }),
  namespace: z.string().exactOptional(),
  uid: z.string().exactOptional(),
  resourceVersion: z.string().exactOptional(),
  generation: z.number().exactOptional(),
  labels: z.record(z.string(), z.string()).exactOptional(),
  annotations: z.record(z.string(), z.string()).exactOptional(),
  creationTimestamp: z.string().exactOptional(),
  deletionTimestamp: z.string().exactOptional(),
  ownerReferences: z
    .array(
      z.object({
        apiVersion: z.string(),
        kind: z.string(),
        name: z.string(),
        uid: z.string().exactOptional(),
        controller: z.boolean().exactOptional(),
      }),
    )
    .exactOptional(),
})

interface Named {
  readonly name: string
}

/** A name that fits where names of this kind are used. */
export const shortName = (whose: string): SchemaRule<Named> => ({
  rule: `self.name.size() <= ${NAME_LENGTH}`,
  message: `${whose} name must be at most ${NAME_LENGTH} characters: it is a label value in reports and metrics`,
  at: 'name',
  holds: ({ name }) => name.length <= NAME_LENGTH,
})

/** A resource of Bylaw's as a whole, with a rule for its metadata. Its status is not part of it: no decision depends on one. */
export function resource<K extends string, S extends z.ZodType>(kind: K, description: string, spec: S, nameRule: SchemaRule<Named>) {
  // A CRD cannot have rules on its metadata, nor a path into it: there the rule stands at the root.
  const rootRule = { rule: nameRule.rule.replaceAll('self.', 'self.metadata.'), message: nameRule.message }
  const shape = { apiVersion: z.literal(API_VERSION), kind: z.literal(kind), metadata: metadata.check(toCheck(nameRule)), spec }
  return object(description, shape, [], { [META.rules]: [rootRule] })
}

/** A condition as `metav1.Condition` has it. */
export const condition = object('One aspect of the state of the resource.', {
  type: text('Aspect that the condition is about.', { max: 316 }),
  status: oneOf('Whether it is so.', ['True', 'False', 'Unknown']),
  reason: text('Why it is so, in one word.', { max: 1024 }),
  message: text('Why it is so, for people.', { min: 0, max: 32_768 }),
  lastTransitionTime: text('When `status` changed last.', { max: 64, format: 'date-time' }),
  observedGeneration: optional(integer('Generation of the resource that the condition is about.', { min: 0 })),
})

/** Generation that the status tells of. */
export const observedGeneration = optional(integer('Generation of the spec that this status is about.', { min: 0 }))
