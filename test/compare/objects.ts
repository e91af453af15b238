import { ABSENT, type Json, type Path } from './json.ts'

/** A kind of object to submit: one that is good in every way, and values that make it another. */
export interface Kind {
  readonly apiVersion: string
  readonly kind: string
  readonly resource: string
  readonly isNamespaced: boolean
  readonly base: Json
  /** Values for the fields that policies look at; a symbol stands for no field. */
  readonly values: readonly (readonly [Path, readonly unknown[]])[]
  /** Whether objects are changed by a merge patch, because they cannot be replaced without knowing their version. */
  readonly isPatched?: boolean
  /** Whether only creations make sense. */
  readonly isCreatedOnly?: boolean
}

const image = 'registry.example.com/app:1.2'
const template = { metadata: { labels: { app: 'a' } }, spec: { containers: [{ name: 'main', image }] } }
const selector = { matchLabels: { app: 'a' } }
const IMAGES = [image, 'nginx', 'registry.example.com/app', 'nginx:latest', `nginx@sha256:${'0a'.repeat(32)}`, 'registry.example.com/debug:1']
const TEMPLATE_IMAGE: Path = ['spec', 'template', 'spec', 'containers', 0, 'image']
const REPLICAS = [0, 1, 2, 3, 4, 5, 6, 9]
const limits = (memory: string, more: Json = {}): Json => ({ limits: { memory, ...more } })

const namespaced = (apiVersion: string, kind: string, resource: string, base: Json, values: Kind['values'], more: Partial<Kind> = {}): Kind => ({
  ...{ apiVersion, kind, resource, base, values, isNamespaced: true },
  ...more,
})

/** Stored, it would limit the other objects. */
const NEVER_STORED = { isCreatedOnly: true }

/** Values that every kind of object may have. */
export const COMMON_VALUES: Kind['values'] = [
  [
    ['metadata', 'labels'],
    [
      ...[ABSENT, { team: 'web' }, { team: 'web', tier: 'frontend' }, { quarantine: 'yes' }, { quarantine: 'no' }, { quarantine: '' }],
      ...[{ keep: 'true' }, { env: 'prod' }, { env: 'test' }, { kind: 'settings' }, { tier: 'low' }, { a: 'b' }, { a: 'c', team: 'web' }],
    ],
  ],
  [
    ['metadata', 'annotations'],
    [ABSENT, { owner: 'web' }, { owner: 'far-too-long' }, { lock: 'a' }, { lock: 'b' }, { 'example.com/internal': 'true' }],
  ],
]

/** The kinds that are submitted. */
export const KINDS: readonly Kind[] = [
  namespaced('apps/v1', 'Deployment', 'deployments', { spec: { replicas: 3, selector, template } }, [
    [
      ['spec', 'replicas'],
      [...REPLICAS, ABSENT],
    ],
    [TEMPLATE_IMAGE, IMAGES],
    [
      ['spec', 'revisionHistoryLimit'],
      [ABSENT, 0, 5, 10, 20],
    ],
    [
      ['spec', 'strategy'],
      [
        ABSENT,
        { type: 'Recreate' },
        { rollingUpdate: { maxUnavailable: 1 } },
        { rollingUpdate: { maxUnavailable: '50%' } },
        { rollingUpdate: { maxUnavailable: 2 } },
      ],
    ],
  ]),
  namespaced('apps/v1', 'StatefulSet', 'statefulsets', { spec: { replicas: 3, selector, template, serviceName: 's' } }, [
    [['spec', 'replicas'], REPLICAS],
    [TEMPLATE_IMAGE, IMAGES],
    [
      ['spec', 'revisionHistoryLimit'],
      [ABSENT, 5, 10],
    ],
  ]),
  namespaced('apps/v1', 'DaemonSet', 'daemonsets', { spec: { selector, template } }, [[TEMPLATE_IMAGE, IMAGES]]),
  namespaced(
    'batch/v1',
    'CronJob',
    'cronjobs',
    { spec: { schedule: '5 4 * * *', jobTemplate: { spec: { template: { spec: { ...template.spec, restartPolicy: 'Never' } } } } } },
    [
      [
        ['spec', 'schedule'],
        ['5 4 * * *', '* 4 * * *', '@daily', '0 0 1 1 0'],
      ],
      [
        ['spec', 'startingDeadlineSeconds'],
        [ABSENT, 0, 59, 60, 600],
      ],
    ],
  ),
  namespaced(
    'batch/v1',
    'Job',
    'jobs',
    { spec: { ttlSecondsAfterFinished: 60, template: { spec: { ...template.spec, restartPolicy: 'Never' } } } },
    [
      [
        ['spec', 'ttlSecondsAfterFinished'],
        [ABSENT, 0, 86_400, 86_401],
      ],
    ],
    {
      isCreatedOnly: true,
    },
  ),
  namespaced('v1', 'Pod', 'pods', { spec: { containers: [{ name: 'main', image, resources: limits('1Gi') }] } }, [
    [
      ['spec', 'hostNetwork'],
      [ABSENT, true, false],
    ],
    [
      ['spec', 'containers', 0, 'resources'],
      [ABSENT, limits('2Gi'), limits('2049Mi'), limits('1e9'), limits('1Gi', { cpu: '4' }), limits('1Gi', { cpu: '3900m' }), { limits: { cpu: '8' } }],
    ],
    [['spec', 'containers', 0, 'image'], IMAGES],
  ]),
  namespaced('v1', 'Service', 'services', { spec: { type: 'ClusterIP', ports: [{ port: 80 }] } }, [
    [
      ['spec', 'type'],
      [ABSENT, 'LoadBalancer', 'NodePort'],
    ],
    [
      ['spec', 'externalIPs'],
      [ABSENT, [], ['10.1.2.3'], ['10.1.2.3', '11.1.2.3'], ['fd00::1']],
    ],
    [
      ['spec', 'ports'],
      [
        [{ port: 666 }],
        [{ port: 1666 }],
        [
          { name: 'a', port: 15_000 },
          { name: 'b', port: 5_000 },
        ],
        [
          { name: 'a', port: 15_000 },
          { name: 'b', port: 4_999 },
        ],
      ],
    ],
  ]),
  namespaced('v1', 'ConfigMap', 'configmaps', { data: { level: 'info' } }, [
    [
      ['data', 'level'],
      [ABSENT, 'debug', 'trace'],
    ],
    [
      ['data', 'note'],
      ['é'.repeat(99), 'é'.repeat(100), 'x'.repeat(101)],
    ],
    [
      ['data', 'since'],
      [ABSENT, '2026-01-01T00:00:00Z', '2019-12-31T23:59:59.999Z', '2020-01-01T00:00:00+01:00', 'yesterday'],
    ],
    [
      ['data', 'share'],
      ['0.5', '1', '1.5', '-0.0', 'half', 'NaN'],
    ],
    [
      ['metadata', 'labels'],
      [{ kind: 'settings' }, { kind: 'settings', team: 'web' }],
    ],
    [['data'], [ABSENT, {}]],
  ]),
  namespaced(
    'v1',
    'ConfigMap',
    'configmaps',
    { metadata: { labels: { size: 'large' } }, data: Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`key-${index}`, 'v'])) },
    [[['data'], [60, 90, 120].map((size) => Object.fromEntries(Array.from({ length: size }, (_, index) => [`k${index}`, 'v'])))]],
    { isCreatedOnly: true },
  ),
  namespaced('v1', 'Secret', 'secrets', { type: 'Opaque', data: { password: 'c2VjcmV0' } }, [
    [['type'], ['kubernetes.io/basic-auth', 'example.com/other', ABSENT]],
    [['data'], [ABSENT, {}, { empty: '' }]],
  ]),
  namespaced('v1', 'ServiceAccount', 'serviceaccounts', { automountServiceAccountToken: false }, [[['automountServiceAccountToken'], [ABSENT, true, false]]]),
  namespaced(
    'v1',
    'LimitRange',
    'limitranges',
    { spec: { limits: [{ type: 'Pod', max: { cpu: '1' } }] } },
    [
      [
        ['spec', 'limits'],
        [
          [],
          [
            { type: 'Pod', max: { cpu: '1' } },
            { type: 'Container', max: { cpu: '1' } },
          ],
        ],
      ],
      [
        ['metadata', 'labels'],
        [{ a: 'b' }, { a: 'c' }],
      ],
    ],
    NEVER_STORED,
  ),
  namespaced(
    'v1',
    'ResourceQuota',
    'resourcequotas',
    { spec: { hard: { pods: '0', cpu: '2' } } },
    [
      [
        ['spec', 'hard', 'pods'],
        [ABSENT, '1', '2', '3', '4', '10', '1k'],
      ],
      [
        ['spec', 'hard', 'cpu'],
        [ABSENT, '2500m', '2499m', '3.5'],
      ],
    ],
    NEVER_STORED,
  ),
  namespaced(
    'v1',
    'PersistentVolumeClaim',
    'persistentvolumeclaims',
    { spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } },
    [
      [
        ['spec', 'resources', 'requests', 'storage'],
        ['10Gi', '9.99Gi', '1Ti', '10737418239'],
      ],
      [
        ['spec', 'accessModes'],
        [['ReadWriteMany'], ['ReadWriteOnce', 'ReadWriteMany'], ['ReadOnlyMany']],
      ],
      [['metadata', 'labels'], [{ nothing: 'x' }]],
    ],
  ),
  namespaced('networking.k8s.io/v1', 'Ingress', 'ingresses', { spec: { rules: [{ host: 'www.example.com' }] } }, [
    [
      ['spec', 'rules'],
      [[{ host: 'www.example.org' }], [{ http: { paths: [] } }], [{ host: '*.example.com' }], [{ host: 'a.example.com' }, { host: 'b.example.net' }]],
    ],
    [['spec', 'defaultBackend'], [{ service: { name: 's', port: { number: 80 } } }]],
  ]),
  namespaced(
    'networking.k8s.io/v1',
    'NetworkPolicy',
    'networkpolicies',
    { spec: { podSelector: {}, egress: [{ to: [{ ipBlock: { cidr: '10.1.0.0/16' } }] }] } },
    [
      [
        ['spec', 'egress'],
        [
          ABSENT,
          [],
          [{}],
          [{ to: [{ podSelector: {} }] }],
          [{ to: [{ ipBlock: { cidr: '0.0.0.0/0' } }] }],
          [{ to: [{ ipBlock: { cidr: '10.0.0.0/7' } }] }],
          [{ to: [{ ipBlock: { cidr: 'fd00::/8' } }] }],
        ],
      ],
    ],
  ),
  namespaced('policy/v1', 'PodDisruptionBudget', 'poddisruptionbudgets', { spec: { selector, minAvailable: 1 } }, [
    [
      ['spec', 'minAvailable'],
      [0, 2, 3, 4, '50%', ABSENT],
    ],
  ]),
  namespaced(
    'autoscaling/v2',
    'HorizontalPodAutoscaler',
    'horizontalpodautoscalers',
    { spec: { maxReplicas: 5, scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'd' } } },
    [
      [
        ['spec', 'maxReplicas'],
        [1, 10, 11],
      ],
      [
        ['spec', 'metrics'],
        [
          ABSENT,
          [{ type: 'Pods', pods: { metric: { name: 'm' }, target: { type: 'AverageValue', averageValue: '1' } } }],
          [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 40 } } }],
        ],
      ],
    ],
  ),
  namespaced(
    'autoscaling/v1',
    'HorizontalPodAutoscaler',
    'horizontalpodautoscalers',
    { spec: { maxReplicas: 5, scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'd' } } },
    [
      [
        ['spec', 'maxReplicas'],
        [1, 10, 11],
      ],
      [
        ['spec', 'targetCPUUtilizationPercentage'],
        [ABSENT, 49, 50, 80],
      ],
    ],
  ),
  namespaced('rbac.authorization.k8s.io/v1', 'Role', 'roles', { rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }] }, [
    [['rules'], [ABSENT, [], [{ apiGroups: [''], resources: ['pods'], verbs: ['get', '*'] }]]],
  ]),
  namespaced(
    'rbac.authorization.k8s.io/v1',
    'RoleBinding',
    'rolebindings',
    { roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' }, subjects: [] },
    [
      [
        ['roleRef', 'name'],
        ['cluster-admin', 'edit'],
      ],
    ],
  ),
  namespaced('coordination.k8s.io/v1', 'Lease', 'leases', { spec: { holderIdentity: 'a' } }, []),
  namespaced('v1', 'Event', 'events', { involvedObject: {}, reason: 'Test', message: 'm' }, [], { isCreatedOnly: true }),
  ...['example.com/v1', 'example.com/v1beta1'].map((apiVersion) =>
    namespaced(
      apiVersion,
      'Widget',
      'widgets',
      { spec: { size: 3, ratio: 1.5 } },
      [
        [
          ['spec', 'size'],
          [0, 4, 5, 9, 10, ABSENT],
        ],
        [
          ['spec', 'color'],
          ['red', 'blue', ABSENT],
        ],
        [
          ['spec', 'ratio'],
          [1, 1.25, 1.26, ABSENT],
        ],
        [
          ['spec', 'extra'],
          [ABSENT, {}, { deep: {} }, { deep: { list: [1, 'good'] } }, { deep: { list: [1.5, 'bad'] } }, { deep: null }],
        ],
      ],
      { isPatched: true },
    ),
  ),
  {
    apiVersion: 'example.com/v1',
    kind: 'Gadget',
    resource: 'gadgets',
    isNamespaced: false,
    isPatched: true,
    base: { spec: { a: 1 } },
    values: [[['spec'], [{}, { a: 2 }]]],
  },
  {
    apiVersion: 'v1',
    kind: 'Namespace',
    resource: 'namespaces',
    isNamespaced: false,
    base: {},
    values: [
      [
        ['metadata', 'labels'],
        [{ env: 'prod', team: 'x' }, { env: 'dev' }],
      ],
    ],
  },
  {
    apiVersion: 'scheduling.k8s.io/v1',
    kind: 'PriorityClass',
    resource: 'priorityclasses',
    isNamespaced: false,
    base: { value: 5, description: 'for tests' },
    values: [
      [['description'], [ABSENT, '', 'abc', 'abcd']],
      [['value'], [5, 5000]],
    ],
  },
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    resource: 'clusterroles',
    isNamespaced: false,
    base: { rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }] },
    values: [[['rules'], [ABSENT, [{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }], [{ nonResourceURLs: ['/healthz'], verbs: ['get'] }]]]],
  },
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    resource: 'clusterrolebindings',
    isNamespaced: false,
    base: { roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' } },
    values: [
      [
        ['roleRef', 'name'],
        ['cluster-admin', 'edit'],
      ],
    ],
  },
]

const schema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }

function definition(kind: string, plural: string, scope: string, versions: readonly string[]): Json {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.example.com` },
    spec: {
      group: 'example.com',
      scope,
      names: { kind, plural, singular: kind.toLowerCase() },
      versions: versions.map((name, index) => ({
        name,
        served: true,
        storage: index === 0,
        schema: { openAPIV3Schema: schema },
        subresources: { status: {}, scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas' } },
      })),
    },
  }
}

/** Custom resources that some of the objects and parameters are of. */
export const DEFINITIONS: readonly Json[] = [
  definition('Widget', 'widgets', 'Namespaced', ['v1', 'v1beta1']),
  definition('Gadget', 'gadgets', 'Cluster', ['v1']),
  definition('Limit', 'limits', 'Cluster', ['v1']),
]
