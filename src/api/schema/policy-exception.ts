import type { z } from 'zod'
import { owner, resource, shortName } from './common.ts'
import { keyedList, line, list, object, objectWithDefaults, optional, set, text } from './node.ts'
import { labelSelector, matchCondition, NAME_LENGTH, PATTERNS } from './text.ts'
import { time } from './time.ts'

const waivedPolicy = object(
  'A policy and those of its rules that are waived.',
  {
    name: text('Name of the policy.', { max: NAME_LENGTH, pattern: PATTERNS.name }),
    rules: set(
      'Names of the rules that are waived. `*` alone means all; it must be written, since an empty list never means all.',
      text('The name of a rule, or `*`.', { max: NAME_LENGTH }),
      {
        min: 1,
        max: 80,
      },
    ),
  },
  [
    {
      rule: "!self.rules.exists(r, r == '*') || self.rules.size() == 1",
      message: '`*` must be the only rule',
      at: 'rules',
      holds: ({ rules }) => !rules.includes('*') || rules.length === 1,
    },
  ],
)

const exceptedResource = object('Objects by kind and name.', {
  kinds: set('Kinds of the objects. A workload also stands for the Pods that it makes.', text('A kind.', { max: NAME_LENGTH, pattern: PATTERNS.kind }), {
    min: 1,
    max: 16,
  }),
  names: set('Names of the objects; `*` in a name stands for any text.', text('A name or a pattern.', { max: 253 }), { min: 1, max: 64 }),
})

const match = objectWithDefaults(
  'Objects that the exception is for. An object must fit one of `resources` and everything else that is set here.',
  {
    resources: list('Kinds and names of the objects.', exceptedResource, { min: 1, max: 16 }),
    namespaces: optional(
      set(
        "Namespaces of the objects; `*` alone means all. It is required in an exception in Bylaw's own namespace and forbidden in every other, where an exception counts for its own namespace only.",
        text('A namespace, or `*`.', { max: NAME_LENGTH }),
        { max: 64 },
      ),
    ),
    objectSelector: optional(labelSelector('Labels of the objects.')),
    images: optional(
      list(
        'Patterns of container images, with `*` for any text. Every container of the object must have an image that fits one of them.',
        text('An image or a pattern.', { max: 512 }),
        {
          max: 32,
        },
      ),
    ),
    conditions: optional(
      keyedList('Conditions on the object, in CEL. One that is false or cannot be evaluated means that nothing is waived.', matchCondition, ['name'], {
        max: 16,
      }),
    ),
  },
  { images: [], conditions: [] },
  [
    {
      rule: "self.resources.all(r, !r.names.exists(n, n == '*')) || has(self.objectSelector) || has(self.conditions)",
      message: 'name `*` needs an `objectSelector` or `conditions` beside it',
      at: 'resources',
      holds: ({ resources, objectSelector, conditions }) =>
        resources.every(({ names }) => !names.includes('*')) || objectSelector !== undefined || conditions !== undefined,
    },
    {
      rule: "!has(self.namespaces) || !self.namespaces.exists(n, n == '*') || self.namespaces.size() == 1",
      message: '`*` must be the only namespace',
      at: 'namespaces',
      holds: ({ namespaces = [] }) => !namespaces.includes('*') || namespaces.length === 1,
    },
  ],
)

const spec = object('What is waived, for which objects, why and until when.', {
  policies: keyedList('Policies whose violations are waived.', waivedPolicy, ['name'], { min: 1, max: 16 }),
  match,
  reason: text('Why the exception is needed.', { max: 1024 }),
  owner: owner('Who needs the exception and will end it.'),
  ticket: optional(line('Ticket in which the exception is discussed.', { max: 256 })),
  expiresAt: time(
    'When the exception ends, such as `2027-01-31T00:00:00Z`. For each policy it ends at the latest when the longest time that the policy allows has passed since its approval.',
  ),
})

/** The schema of a PolicyException: the CRD, the type, the parser and the reference all come from it. */
export const policyExceptionSchema = resource(
  'PolicyException',
  'A waiver of violations for some objects of one namespace, with an owner, an approval and an end.',
  spec,
  shortName("an exception's"),
)

/** A PolicyException as it is when all defaults are filled in. */
export type ParsedPolicyException = z.output<typeof policyExceptionSchema>
