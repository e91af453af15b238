import type { Json } from '../api/resources.ts'

/** One mutation, as both kinds of policy have it. */
export interface MutationText {
  readonly patchType: 'JSONPatch' | 'ApplyConfiguration'
  readonly expression: string
}

/** A mutation to be tried on an object of one kind. */
export interface MutationCase {
  readonly name: string
  readonly mutation: MutationText
  readonly object: Json
}

const patch = (expression: string): MutationText => ({ patchType: 'JSONPatch', expression })
const apply = (expression: string): MutationText => ({ patchType: 'ApplyConfiguration', expression })
const step = (op: string, path: string, value?: string): string => `JSONPatch{op: '${op}', path: '${path}'${value === undefined ? '' : `, value: ${value}`}}`

const POD_PATCHES: readonly string[] = [
  `[${step('add', '/metadata/labels', "{'team': 'a'}")}]`,
  `[${step('add', '/metadata/labels/team', "'a'")}]`,
  `[JSONPatch{op: 'add', path: '/metadata/labels/' + jsonpatch.escapeKey('example.com/team~1'), value: 'a'}]`,
  `has(object.metadata.labels) ? [${step('add', '/metadata/labels/team', "'b'")}] : [${step('add', '/metadata/labels', "{'team': 'b'}")}]`,
  `[${step('add', '/metadata/annotations', "{'a/b': 'c'}")}, JSONPatch{op: 'replace', path: '/metadata/annotations/' + jsonpatch.escapeKey('a/b'), value: 'd'}]`,
  `[${step('remove', '/metadata/labels')}]`,
  `[${step('remove', '/metadata/labels/app')}]`,
  `[${step('replace', '/spec/containers/0/image', "'mirror/' + object.spec.containers[0].image")}]`,
  `[${step('replace', '/spec/containers/1/image', "'other:2'")}]`,
  `[${step('replace', '/spec/containers/-1/image', "'last:1'")}]`,
  `[${step('add', '/spec/containers/-', "Object.spec.containers{name: 'side', image: 'side:1'}")}]`,
  `[${step('add', '/spec/containers/0', "Object.spec.containers{name: 'first', image: 'first:1'}")}]`,
  `[${step('add', '/spec/containers/9', "Object.spec.containers{name: 'far', image: 'far:1'}")}]`,
  `[${step('add', '/spec/securityContext', 'Object.spec.securityContext{runAsNonRoot: true, runAsUser: 1000}')}]`,
  `[${step('add', '/spec/securityContext/runAsNonRoot', 'true')}]`,
  `[${step('add', '/spec/initContainers', '[]')}, ${step('add', '/spec/initContainers/-', "Object.spec.initContainers{name: 'init', image: 'init:1'}")}]`,
  `[${step('test', '/metadata/labels/app', "'web'")}, ${step('replace', '/metadata/labels/app', "'tested'")}]`,
  `[${step('test', '/spec/hostNetwork', 'true')}, ${step('replace', '/spec/hostNetwork', 'false')}]`,
  `[${step('test', '/metadata/labels/none', 'null')}, ${step('add', '/metadata/annotations', "{'x': 'y'}")}]`,
  `[JSONPatch{op: 'move', from: '/metadata/labels', path: '/metadata/annotations'}]`,
  `[JSONPatch{op: 'copy', from: '/spec/containers/0', path: '/spec/initContainers'}]`,
  `[JSONPatch{op: 'copy', from: '/metadata/labels', path: '/metadata/annotations'}]`,
  `[JSONPatch{op: 'copy', from: '/spec/containers/0/image', path: '/spec/schedulerName'}]`,
  `[${step('add', '/spec/tolerations', "[Object.spec.tolerations{key: 'gpu', operator: 'Exists'}]")}]`,
  `[${step('add', '/spec/nodeSelector', "{'disk': 'ssd'}")}]`,
  `object.spec.containers.map(c, ${step('add', '/metadata/annotations', "{'images': c.image}")})`,
  `object.spec.containers.filter(c, c.image.endsWith(':latest')).map(c, ${step('add', '/spec/priority', '5')})`,
  `[${step('add', '/spec/priority', '9')}].filter(p, object.spec.?hostNetwork.orValue(false))`,
  `[${step('replace', '/spec/terminationGracePeriodSeconds', '1 + 4')}]`,
  `[${step('add', '/spec/terminationGracePeriodSeconds', '60')}]`,
  `[${step('nonsense', '/spec/priority', '1')}]`,
  `[${step('replace', 'spec/priority', '1')}]`,
  `[${step('replace', '/spec/nothing/deeper', '1')}]`,
  `[${step('add', '/spec/containers/x', '1')}]`,
  `[${step('add', '/spec/securityContext', 'Object.spec.securityContext{seccompProfile: Object.spec.securityContext.seccompProfile{type: "RuntimeDefault"}}')}]`,
  `[${step('add', '/spec/securityContext', 'Object.spec.securityContext{seccompProfile: Object.spec.wrong{type: "RuntimeDefault"}}')}]`,
  `[${step('add', '/spec/activeDeadlineSeconds', 'object.spec.containers[5].x')}]`,
  `[${step('add', '/spec/containers/0/env', "[Object.spec.containers.env{name: 'A', value: string(object.spec.containers.size())}]")}]`,
  `[JSONPatch{op: 'add', path: '/spec/containers/0/resources', value: Object.spec.containers.resources{limits: {'cpu': '1', 'memory': '1Gi'}}}]`,
  `[${step('add', '/spec/hostNetwork', 'false')}, ${step('remove', '/spec/hostNetwork')}]`,
]

const POD_CONFIGURATIONS: readonly string[] = [
  "Object{metadata: Object.metadata{labels: {'team': 'a'}}}",
  "Object{metadata: Object.metadata{annotations: {'a/b': 'c'}, labels: {'app': 'over'}}}",
  'Object{spec: Object.spec{securityContext: Object.spec.securityContext{runAsNonRoot: true}}}',
  'Object{spec: Object.spec{hostNetwork: false, priority: 7}}',
  "Object{spec: Object.spec{containers: [Object.spec.containers{name: 'app', imagePullPolicy: 'Always'}]}}",
  "Object{spec: Object.spec{containers: [Object.spec.containers{name: 'new', image: 'new:1'}]}}",
  "Object{spec: Object.spec{containers: [Object.spec.containers{name: 'side', image: 'side:2'}, Object.spec.containers{name: 'app', image: 'app:2'}]}}",
  "Object{spec: Object.spec{containers: [Object.spec.containers{name: 'new', image: 'new:1'}, Object.spec.containers{name: 'side', image: 'side:2'}]}}",
  'Object{spec: Object.spec{containers: object.spec.containers.map(c, Object.spec.containers{name: c.name, securityContext: Object.spec.containers.securityContext{allowPrivilegeEscalation: false}})}}',
  "Object{spec: Object.spec{containers: [Object.spec.containers{name: 'app', env: [Object.spec.containers.env{name: 'B', value: 'two'}, Object.spec.containers.env{name: 'A', value: 'one'}]}]}}",
  "Object{spec: Object.spec{containers: [Object.spec.containers{name: 'app', ports: [Object.spec.containers.ports{containerPort: 8080, protocol: 'TCP', name: 'http'}]}]}}",
  "Object{spec: Object.spec{containers: [Object.spec.containers{name: 'app', ports: [Object.spec.containers.ports{containerPort: 8080, name: 'web'}, Object.spec.containers.ports{containerPort: 53, protocol: 'UDP'}]}]}}",
  "Object{spec: Object.spec{containers: [Object.spec.containers{name: 'app', args: ['a']}]}}",
  "Object{spec: Object.spec{containers: [Object.spec.containers{name: 'app', securityContext: Object.spec.containers.securityContext{capabilities: Object.spec.containers.securityContext.capabilities{drop: ['ALL']}}}]}}",
  "Object{spec: Object.spec{containers: [Object.spec.containers{image: 'x'}]}}",
  "Object{spec: Object.spec{containers: [Object.spec.containers{name: 'a', image: 'x'}, Object.spec.containers{name: 'a', image: 'y'}]}}",
  "Object{spec: Object.spec{nodeSelector: {'disk': 'ssd'}}}",
  "Object{spec: Object.spec{tolerations: [Object.spec.tolerations{key: 'gpu', operator: 'Exists'}]}}",
  "Object{spec: Object.spec{volumes: [Object.spec.volumes{name: 'tmp', emptyDir: Object.spec.volumes.emptyDir{}}]}}",
  "Object{spec: Object.spec{imagePullSecrets: [Object.spec.imagePullSecrets{name: 'pull'}]}}",
  "Object{spec: Object.spec{initContainers: [Object.spec.initContainers{name: 'init', image: 'init:1'}]}}",
  "Object{metadata: Object.metadata{finalizers: ['example.com/a', 'example.com/b']}}",
  "Object{spec: Object.spec{containers: [Object.spec.containers{name: 'app', resources: Object.spec.containers.resources{limits: {'memory': '2Gi'}}}]}}",
  "Object{spec: Object.spec{containers: [Object.spec.containers{name: 'app', volumeMounts: [Object.spec.containers.volumeMounts{name: 'tmp', mountPath: '/tmp'}]}]}}",
  'Object{spec: Object.spec{affinity: Object.spec.affinity{nodeAffinity: Object.spec.affinity.nodeAffinity{}}}}',
  'Object{spec: Object.spec{containers: []}}',
  'Object{}',
  'Object{spec: Object.spec{securityContext: Object.wrong{runAsNonRoot: true}}}',
  'Object{spec: Object.spec{priority: object.spec.nothing}}',
  "Object{spec: Object.spec{hostAliases: [Object.spec.hostAliases{ip: '10.0.0.1'}]}}",
  "Object{spec: Object.spec{topologySpreadConstraints: [Object.spec.topologySpreadConstraints{topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule', maxSkew: 2}]}}",
  'Object{spec: Object.spec{?priority: object.spec.?hostNetwork.orValue(false) ? optional.of(3) : optional.none()}}',
  "Object{spec: Object.spec{dnsConfig: Object.spec.dnsConfig{nameservers: ['10.0.0.10']}}}",
]

const pod = (metadata: Json, spec: Json): Json => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web', namespace: 'prod', ...metadata }, spec })

const PODS: readonly Json[] = [
  pod({}, { containers: [{ name: 'app', image: 'app:1' }] }),
  pod(
    { labels: { app: 'web', 'a/b': 'x' }, annotations: { 'a/b': 'before' } },
    {
      hostNetwork: true,
      nodeSelector: { disk: 'hdd' },
      securityContext: { runAsUser: 5 },
      tolerations: [{ key: 'spot', operator: 'Exists' }],
      topologySpreadConstraints: [{ topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule', maxSkew: 1 }],
      volumes: [{ name: 'data', emptyDir: {} }],
      containers: [
        {
          name: 'app',
          image: 'app:latest',
          args: ['x', 'y'],
          env: [
            { name: 'A', value: '1' },
            { name: 'Z', value: '26' },
          ],
          ports: [{ containerPort: 8080, protocol: 'TCP' }, { containerPort: 9090 }],
          resources: { limits: { cpu: '500m' } },
          volumeMounts: [{ name: 'data', mountPath: '/data' }],
        },
        { name: 'side', image: 'side:latest', securityContext: { privileged: true } },
      ],
    },
  ),
  pod(
    { labels: { app: 'other' }, finalizers: ['example.com/b', 'example.com/c'] },
    { terminationGracePeriodSeconds: 5, initContainers: [{ name: 'pre', image: 'pre:1' }], containers: [{ name: 'side', image: 'side:1' }] },
  ),
]

const template = (spec: Json): Json => ({ metadata: { labels: { app: 'web' } }, spec })
const DEPLOYMENT: Json = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', namespace: 'prod' },
  spec: { replicas: 2, selector: { matchLabels: { app: 'web' } }, template: template({ containers: [{ name: 'app', image: 'app:1' }] }) },
}
const SERVICE: Json = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'web', namespace: 'prod' },
  spec: {
    selector: { app: 'web' },
    ports: [
      { port: 80, protocol: 'TCP', targetPort: 8080 },
      { port: 53, protocol: 'UDP' },
    ],
  },
}
const CONFIG_MAP: Json = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'web', namespace: 'prod' }, data: { a: '1' } }
const WIDGET: Json = {
  apiVersion: 'example.com/v1',
  kind: 'Widget',
  metadata: { name: 'web', namespace: 'prod' },
  spec: { size: 1, ratio: 0.5, big: 9007199254740991, parts: [{ name: 'a', value: 1 }], tags: ['x'], nested: { deep: { a: 1 } } },
}
const POLICY: Json = {
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name: 'web', namespace: 'prod' },
  spec: { podSelector: { matchLabels: { app: 'web' } }, policyTypes: ['Ingress'] },
}

const OTHERS: readonly (readonly [Json, readonly MutationText[]])[] = [
  [
    DEPLOYMENT,
    [
      apply(
        "Object{spec: Object.spec{template: Object.spec.template{spec: Object.spec.template.spec{containers: [Object.spec.template.spec.containers{name: 'app', imagePullPolicy: 'Always'}]}}}}",
      ),
      apply('Object{spec: Object.spec{replicas: 3}}'),
      apply('Object{spec: Object.spec{replicas: 3, strategy: Object.spec.strategy{type: "Recreate"}}}'),
      apply("Object{spec: Object.spec{selector: Object.spec.selector{matchLabels: {'a': 'b'}}}}"),
      apply("Object{spec: Object.spec{template: Object.spec.template{metadata: Object.spec.template.metadata{labels: {'team': 'a'}}}}}"),
      patch("[JSONPatch{op: 'replace', path: '/spec/replicas', value: object.spec.replicas * 2}]"),
      patch(
        "[JSONPatch{op: 'add', path: '/spec/template/spec/volumes', value: [Object.spec.template.spec.volumes{name: 'tmp', emptyDir: Object.spec.template.spec.volumes.emptyDir{}}]}]",
      ),
      patch("[JSONPatch{op: 'remove', path: '/spec/template/spec/containers/0'}]"),
    ],
  ],
  [
    SERVICE,
    [
      apply("Object{spec: Object.spec{ports: [Object.spec.ports{port: 80, protocol: 'TCP', name: 'http'}]}}"),
      apply("Object{spec: Object.spec{ports: [Object.spec.ports{port: 443, protocol: 'TCP', name: 'https'}]}}"),
      apply("Object{spec: Object.spec{ports: [Object.spec.ports{port: 53, protocol: 'UDP', name: 'dns'}, Object.spec.ports{port: 80, name: 'http'}]}}"),
      apply("Object{spec: Object.spec{type: 'ClusterIP', internalTrafficPolicy: 'Local'}}"),
      apply("Object{spec: Object.spec{selector: {'a': 'b'}}}"),
      patch("[JSONPatch{op: 'replace', path: '/spec/ports/1/port', value: 54}, JSONPatch{op: 'remove', path: '/spec/ports/0'}]"),
    ],
  ],
  [
    CONFIG_MAP,
    [
      apply("Object{data: {'b': '2'}}"),
      apply("Object{data: {'a': 'over'}, immutable: true}"),
      patch("[JSONPatch{op: 'add', path: '/data/b', value: object.data.a + '!'}]"),
      patch("[JSONPatch{op: 'remove', path: '/data'}]"),
      patch("[JSONPatch{op: 'replace', path: '/data/missing', value: 'x'}]"),
    ],
  ],
  [
    POLICY,
    [
      apply("Object{spec: Object.spec{podSelector: Object.spec.podSelector{matchLabels: {'a': 'b'}}}}"),
      apply("Object{spec: Object.spec{policyTypes: ['Egress']}}"),
      patch("[JSONPatch{op: 'add', path: '/spec/policyTypes/-', value: 'Egress'}]"),
    ],
  ],
  [
    WIDGET,
    [
      apply('Object{spec: Object.spec{size: 2}}'),
      apply('Object{spec: Object.spec{nested: Object.spec.nested{deep: Object.spec.nested.deep{b: 2}}}}'),
      apply("Object{spec: Object.spec{parts: [Object.spec.parts{name: 'b'}]}}"),
      apply("Object{spec: Object.spec{tags: ['y']}}"),
      apply("Object{spec: Object.spec{fresh: {'a': 'b'}}}"),
      patch("[JSONPatch{op: 'replace', path: '/spec/size', value: object.spec.size + 1}]"),
      patch("[JSONPatch{op: 'add', path: '/spec/ratio', value: object.spec.ratio * 3.0}]"),
      patch("[JSONPatch{op: 'copy', from: '/spec/big', path: '/spec/copy'}]"),
      patch("[JSONPatch{op: 'add', path: '/spec/parts/1', value: Object.spec.parts{name: 'c', value: 3}}]"),
      patch("[JSONPatch{op: 'test', path: '/spec/tags', value: ['x']}, JSONPatch{op: 'add', path: '/spec/tags/-', value: 'y'}]"),
      patch("[JSONPatch{op: 'test', path: '/spec/size', value: 2}, JSONPatch{op: 'add', path: '/spec/tags/-', value: 'y'}]"),
    ],
  ],
]

const shorten = (text: string): string => (text.length > 100 ? `${text.slice(0, 99)}…` : text)

/** Every mutation on every object of its kind. */
export const MUTATION_CASES: readonly MutationCase[] = [
  ...PODS.flatMap((object, index) =>
    [...POD_PATCHES.map(patch), ...POD_CONFIGURATIONS.map(apply)].map((mutation) => ({
      name: `${shorten(mutation.expression)} on Pod ${index + 1}`,
      mutation,
      object,
    })),
  ),
  ...OTHERS.flatMap(([object, mutations]) =>
    mutations.map((mutation) => ({ name: `${shorten(mutation.expression)} on a ${String(object['kind'])}`, mutation, object })),
  ),
]
