import { list, object, objectWithDefaults, oneOf, optional, type SchemaRule, set, text } from './node.ts'
import { labelSelector, NAME_LENGTH } from './text.ts'

const onlyOne = <F extends string>(field: F, wildcard: string, message: string): SchemaRule<{ readonly [K in F]: readonly string[] }> => ({
  rule: `!self.${field}.exists(x, x == '${wildcard}') || self.${field}.size() == 1`,
  message,
  at: field,
  holds: (self) => !self[field].includes(wildcard) || self[field].length === 1,
})

const resourceRule = object(
  'Operations on resources. An object fits if it fits each of the fields.',
  {
    apiGroups: list('API groups of the resources. The core group is the empty text; `*` alone means all.', text('An API group.', { min: 0, max: 253 }), {
      min: 1,
      max: 32,
    }),
    apiVersions: list(
      'Versions that the policy is written for; `*` alone means any version, as it comes. An object in another version is converted to the first of them that the cluster serves, unless `matchPolicy` is `Exact`.',
      text('A version.', { max: NAME_LENGTH }),
      { min: 1, max: 8 },
    ),
    resources: list(
      'Resources, in the plural, such as `pods`; a subresource is named as `pods/status`. `*` means all resources without their subresources, `*/scale` that subresource of all, and `*/*` alone everything.',
      text('A resource, or a resource and its subresource.', { max: 253 }),
      { min: 1, max: 64 },
    ),
    operations: set('Operations on the resources; `*` alone means all.', oneOf('An operation.', ['CREATE', 'UPDATE', 'DELETE', 'CONNECT', '*']), {
      min: 1,
      max: 5,
    }),
    resourceNames: optional(set('Names of the objects. Left out or empty, every name fits.', text('The name of an object.', { max: 253 }), { max: 64 })),
    scope: optional(
      oneOf('Whether the rule is about cluster-scoped objects, namespaced ones, or both (`*`). Left out it is about both.', ['*', 'Cluster', 'Namespaced']),
    ),
  },
  [
    onlyOne('apiGroups', '*', '`*` must be the only API group'),
    onlyOne('apiVersions', '*', '`*` must be the only API version'),
    onlyOne('operations', '*', '`*` must be the only operation'),
    onlyOne('resources', '*/*', '`*/*` must be the only resource'),
    {
      rule: "!self.resources.exists(r, r == '*') || self.resources.all(r, r == '*' || r.contains('/'))",
      message: 'beside `*` only subresources can be named',
      at: 'resources',
      holds: ({ resources }) => !resources.includes('*') || resources.every((resource) => resource === '*' || resource.includes('/')),
    },
  ],
)

/** What a policy looks at. */
export const matchConstraints = objectWithDefaults(
  'What the policy looks at: an object must fit at least one of `resourceRules`, none of `excludeResourceRules`, and both selectors. The fields are those of a ValidatingAdmissionPolicy.',
  {
    resourceRules: list('Operations and resources that the policy is about. At least one is needed.', resourceRule, { min: 1, max: 32 }),
    excludeResourceRules: optional(
      list('Operations and resources that the policy is not about, although `resourceRules` name them.', resourceRule, { max: 32 }),
    ),
    namespaceSelector: optional(
      labelSelector(
        'Labels of the namespace that the object is in. For a Namespace its own labels count; other cluster-scoped objects always fit. Left out or empty, every namespace fits.',
      ),
    ),
    objectSelector: optional(labelSelector('Labels of the object, in its new form or its old one. Left out or empty, every object fits.')),
    matchPolicy: optional(
      oneOf(
        '`Equivalent` also looks at objects that come in another version of a resource that the rules name. `Exact` looks only at the versions that the rules name.',
        ['Equivalent', 'Exact'],
      ),
    ),
  },
  { excludeResourceRules: [], namespaceSelector: {}, objectSelector: {}, matchPolicy: 'Equivalent' },
)
