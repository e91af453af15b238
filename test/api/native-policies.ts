import type { Json } from './resources.ts'

/** Specs of admission policies of Kubernetes, as people have them. */
export const NATIVE_POLICIES: Readonly<
  Record<string, { readonly resource: 'validatingadmissionpolicies' | 'mutatingadmissionpolicies'; readonly spec: Json }>
> = {
  'replicas within a limit': {
    resource: 'validatingadmissionpolicies',
    spec: {
      failurePolicy: 'Fail',
      matchConstraints: {
        resourceRules: [{ apiGroups: ['apps'], apiVersions: ['v1'], operations: ['CREATE', 'UPDATE'], resources: ['deployments'] }],
      },
      validations: [{ expression: 'object.spec.replicas <= 5' }],
    },
  },
  'everything that a ValidatingAdmissionPolicy can have, parameters aside': {
    resource: 'validatingadmissionpolicies',
    spec: {
      failurePolicy: 'Ignore',
      matchConstraints: {
        matchPolicy: 'Exact',
        namespaceSelector: { matchExpressions: [{ key: 'kubernetes.io/metadata.name', operator: 'NotIn', values: ['kube-system'] }] },
        objectSelector: { matchLabels: { app: 'x' } },
        resourceRules: [
          { apiGroups: ['*'], apiVersions: ['*'], operations: ['*'], resources: ['*', 'pods/exec'], scope: 'Namespaced', resourceNames: ['a'] },
          { apiGroups: ['', 'apps'], apiVersions: ['v1', 'v1beta1'], operations: ['CREATE', 'DELETE', 'CONNECT'], resources: ['*/*'], scope: '*' },
        ],
        excludeResourceRules: [{ apiGroups: ['coordination.k8s.io'], apiVersions: ['v1'], operations: ['UPDATE'], resources: ['leases'] }],
      },
      matchConditions: [
        { name: 'exclude-leases', expression: '!(request.resource.group == "coordination.k8s.io" && request.resource.resource == "leases")' },
        { name: 'example.com/Exclude_Nodes.v1', expression: '!("system:nodes" in request.userInfo.groups)' },
      ],
      variables: [
        { name: 'environment', expression: "'environment' in namespaceObject.metadata.labels ? namespaceObject.metadata.labels['environment'] : 'prod'" },
      ],
      validations: [
        { expression: 'object.metadata.name != "a"', reason: 'Invalid', message: 'must not be called a\n' },
        { expression: 'variables.environment == "prod"', messageExpression: '"must be " + variables.environment', reason: 'Forbidden' },
      ],
      auditAnnotations: [{ key: 'high-replica-count', valueExpression: "'replicas: ' + string(1)" }],
    },
  },
  'a MutatingAdmissionPolicy with both forms of a change': {
    resource: 'mutatingadmissionpolicies',
    spec: {
      failurePolicy: 'Fail',
      reinvocationPolicy: 'IfNeeded',
      matchConstraints: { resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }] },
      matchConditions: [{ name: 'not-yet', expression: '!object.spec.?initContainers.orValue([]).exists(c, c.name == "mesh")' }],
      variables: [{ name: 'one', expression: '1' }],
      mutations: [
        { patchType: 'ApplyConfiguration', applyConfiguration: { expression: 'Object{spec: Object.spec{hostNetwork: false}}' } },
        { patchType: 'JSONPatch', jsonPatch: { expression: '[JSONPatch{op: "add", path: "/metadata/labels/a", value: "b"}]' } },
      ],
    },
  },
}
