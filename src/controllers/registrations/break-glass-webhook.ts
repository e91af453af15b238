import { BREAK_GLASS } from '../../rules/index.ts'
import type { RegistrationOptions, Webhook } from './compute.ts'

/** The mutating entry that seals the ConfigMap by which all policies are turned down. Without the seal it has no effect, so nothing is lost while Bylaw is away. */
export const breakGlassWebhook = ({ instance, timeoutSeconds, clientConfig }: RegistrationOptions, ownNamespace: string): Webhook => ({
  name: `bylaw-${instance === '' ? '' : `${instance}-`}stamp-break-glass.mutate.bylaw.dev`,
  clientConfig: clientConfig('/stamp/break-glass'),
  rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE', 'UPDATE'], resources: ['configmaps'], scope: 'Namespaced' }],
  failurePolicy: 'Ignore',
  matchPolicy: 'Equivalent',
  namespaceSelector: { matchExpressions: [{ key: 'kubernetes.io/metadata.name', operator: 'In', values: [ownNamespace] }] },
  objectSelector: {},
  sideEffects: 'None',
  timeoutSeconds,
  admissionReviewVersions: ['v1'],
  matchConditions: [{ name: 'break-glass', expression: `object.metadata.?name.orValue('') == '${BREAK_GLASS.name}'` }],
  reinvocationPolicy: 'Never',
})
