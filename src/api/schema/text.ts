import { list, object, oneOf, optional, type Pattern, text, textMap } from './node.ts'

const lowerCaseLabel = '[a-z0-9]([-a-z0-9]*[a-z0-9])?'

/** Patterns of Kubernetes names, in words that people know. */
export const PATTERNS = {
  name: {
    expression: `^${lowerCaseLabel}(\\.${lowerCaseLabel})*$`,
    asks: 'lower case letters, digits, `-` and `.`, beginning and ending with a letter or digit',
  },
  ruleName: { expression: `^${lowerCaseLabel}$`, asks: 'lower case letters, digits and `-`, beginning and ending with a letter or digit' },
  contextNamespace: {
    expression: `^(Request|${lowerCaseLabel})$`,
    asks: '`Request`, or lower case letters, digits and `-`, beginning and ending with a letter or digit',
  },
  labelValue: {
    expression: '^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$',
    asks: 'a label value: letters, digits, `-`, `_` and `.`, beginning and ending with a letter or digit',
  },
  emptyOrLabelValue: {
    expression: '^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$',
    asks: 'empty or a label value: letters, digits, `-`, `_` and `.`, beginning and ending with a letter or digit',
  },
  qualifiedName: {
    expression: `^(${lowerCaseLabel}(\\.${lowerCaseLabel})*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$`,
    asks: 'a qualified name: up to 63 letters, digits, `-`, `_` and `.`, after an optional DNS prefix and `/`',
  },
  identifier: { expression: '^[A-Za-z_][A-Za-z0-9_]*$', asks: 'letters, digits and `_`, not beginning with a digit' },
  kind: { expression: '^[A-Z][A-Za-z0-9]*$', asks: 'a kind, such as `Deployment`' },
  duration: { expression: '^([0-9]+(h|m|s))+$', asks: 'a duration in hours, minutes and seconds, such as `720h`' },
  time: {
    expression: '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]+)?(Z|[-+][0-9]{2}:[0-9]{2})$',
    asks: 'a time with its zone, such as `2027-01-31T00:00:00Z`',
  },
} as const satisfies Readonly<Record<string, Pattern>>

/** Longest name of anything of Bylaw's: names are label values in reports and metrics. */
export const NAME_LENGTH = 63

/** A CEL expression. */
export const expression = (description: string) => text(description, { max: 10_240 })

/** A named expression that must hold for anything else to be judged. */
export const matchCondition = object('A condition on the request as a whole.', {
  name: text('Name of the condition. It must be unique in its list.', { max: 317, pattern: PATTERNS.qualifiedName }),
  expression: expression('CEL expression that gives true or false.'),
})

const qualifiedNameRegExp = new RegExp(PATTERNS.qualifiedName.expression, 'u')
const labelValue = text('A label value.', { min: 0, max: NAME_LENGTH, pattern: PATTERNS.emptyOrLabelValue })

const requirement = object(
  'A requirement on one label.',
  {
    key: text('Key of the label.', { max: 317, pattern: PATTERNS.qualifiedName }),
    operator: oneOf('How the label is compared with `values`.', ['In', 'NotIn', 'Exists', 'DoesNotExist']),
    values: optional(
      list(
        'Values to compare with. `In` and `NotIn` need at least one; `Exists` and `DoesNotExist` must have none.',
        text('A label value.', { min: 0, max: NAME_LENGTH }),
        {
          max: 64,
        },
      ),
    ),
  },
  [
    {
      rule: "self.operator in ['In', 'NotIn'] ? has(self.values) && self.values.size() > 0 : !has(self.values) || self.values.size() == 0",
      message: '`In` and `NotIn` need `values`; `Exists` and `DoesNotExist` must have none',
      holds: ({ operator, values = [] }) => (operator === 'In' || operator === 'NotIn') === values.length > 0,
    },
  ],
)

/** A label selector as Kubernetes has it. */
export const labelSelector = (description: string) =>
  object(
    description,
    {
      matchLabels: optional(textMap('Labels that must be there with exactly these values.', labelValue, 64)),
      matchExpressions: optional(list('Requirements on labels. All must hold.', requirement, { max: 64 })),
    },
    [
      {
        rule: `!has(self.matchLabels) || self.matchLabels.all(k, k.matches('${PATTERNS.qualifiedName.expression.replaceAll('\\', '\\\\')}'))`,
        message: 'a key is not a label key',
        at: 'matchLabels',
        holds: ({ matchLabels = {} }) => Object.keys(matchLabels).every((key) => qualifiedNameRegExp.test(key)),
      },
    ],
    { 'x-kubernetes-map-type': 'atomic' },
  )
