import type { Random } from '../oracle/random.ts'
import { ABSENT, isRecord, type Json, type Path, withValue } from './json.ts'

/** One change of a Pod, with a name to know it by. */
interface Mutation {
  readonly name: string
  readonly path: Path
  readonly value: unknown
}

/** A Pod of the corpus, and how it came to be. */
export interface GeneratedPod {
  readonly name: string
  readonly pod: Json
}

/** An ephemeral container for a Pod that is stored. */
export interface GeneratedPatch {
  readonly name: string
  readonly base: string
  readonly container: Json
}

const FLAGS = [ABSENT, null, false, true]
const USERS = [ABSENT, null, 0, 1000]
const SECCOMP = [ABSENT, null, { type: 'RuntimeDefault' }, { type: 'Unconfined' }, { type: 'Localhost', localhostProfile: 'a/b.json' }]
const APP_ARMOR = [ABSENT, null, { type: 'RuntimeDefault' }, { type: 'Unconfined' }, { type: 'Localhost', localhostProfile: 'web' }]
const SE_LINUX = [
  ...[ABSENT, null, {}, { level: 's0' }, { type: '' }, { user: '' }, { role: null }, { user: 'system_u' }, { role: 'system_r' }],
  ...['container_t', 'container_init_t', 'container_kvm_t', 'container_engine_t', 'spc_t', 'Container_t'].map((type) => ({ type })),
  { type: 'container_t', user: 'system_u', role: 'system_r' },
]
const WINDOWS = [ABSENT, null, {}, { hostProcess: false }, { hostProcess: true }, { hostProcess: null }, { runAsUserName: 'ContainerUser' }]
const SYSCTLS = [
  ...['kernel.shm_rmid_forced', 'net.ipv4.ip_local_port_range', 'net.ipv4.tcp_syncookies', 'net.ipv4.ping_group_range'],
  ...['net.ipv4.ip_unprivileged_port_start', 'net.ipv4.ip_local_reserved_ports', 'net.ipv4.tcp_keepalive_time', 'net.ipv4.tcp_fin_timeout'],
  ...['net.ipv4.tcp_keepalive_intvl', 'net.ipv4.tcp_keepalive_probes', 'net.ipv4.tcp_rmem', 'net.ipv4.tcp_wmem'],
  ...['net.ipv4.tcp_slow_start_after_idle', 'net.ipv4.tcp_notsent_lowat', 'kernel.msgmax', 'net.core.somaxconn', 'net/ipv4/tcp_rmem', 'fs.mqueue.msg_max'],
]
const CAPABILITIES = [
  ...['AUDIT_WRITE', 'CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'FSETID', 'KILL', 'MKNOD', 'NET_BIND_SERVICE', 'SETFCAP', 'SETGID', 'SETPCAP', 'SETUID'],
  ...['SYS_CHROOT', 'NET_RAW', 'SYS_ADMIN', 'ALL', 'chown', 'CAP_CHOWN', 'NET_ADMIN'],
]
const VOLUMES: Readonly<Record<string, unknown>> = {
  awsElasticBlockStore: { volumeID: 'v' },
  azureDisk: { diskName: 'd', diskURI: 'https://blob.example.com/d' },
  azureFile: { secretName: 's', shareName: 's' },
  cephfs: { monitors: ['m'] },
  cinder: { volumeID: 'v' },
  configMap: { name: 'c' },
  csi: { driver: 'd.example.com' },
  downwardAPI: { items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }] },
  emptyDir: {},
  ephemeral: { volumeClaimTemplate: { spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } } },
  fc: { wwids: ['w'] },
  flexVolume: { driver: 'd/e' },
  flocker: { datasetName: 'd' },
  gcePersistentDisk: { pdName: 'd' },
  gitRepo: { repository: 'https://example.com/r.git' },
  glusterfs: { endpoints: 'e', path: 'p' },
  hostPath: { path: '/var/run' },
  image: { reference: 'registry.example.com/data:1', pullPolicy: 'IfNotPresent' },
  iscsi: { targetPortal: '10.0.0.1', iqn: 'iqn.2001-04.com.example:storage.disk1', lun: 0 },
  nfs: { server: 's', path: '/p' },
  persistentVolumeClaim: { claimName: 'c' },
  photonPersistentDisk: { pdID: 'p' },
  portworxVolume: { volumeID: 'v' },
  projected: { sources: [{ configMap: { name: 'c' } }] },
  quobyte: { registry: 'r:7861', volume: 'v' },
  rbd: { monitors: ['m'], image: 'i' },
  scaleIO: { gateway: 'https://g.example.com', system: 's', secretRef: { name: 's' }, volumeName: 'v' },
  secret: { secretName: 's' },
  storageos: { volumeName: 'v' },
  vsphereVolume: { volumePath: '[d] v' },
}
const PROBES = [
  ...[ABSENT, null, { exec: { command: ['true'] } }, { grpc: { port: 1 } }],
  ...['httpGet', 'tcpSocket'].flatMap((kind) =>
    [ABSENT, null, '', '10.0.0.1', 'metadata.example.com'].map((host) => ({ [kind]: withValue({ port: 80 }, ['host'], host) })),
  ),
]
const LIFECYCLES = [
  ABSENT,
  null,
  {},
  ...['postStart', 'preStop'].flatMap((hook) => PROBES.filter((probe) => !isRecord(probe) || !('grpc' in probe)).map((probe) => withValue({}, [hook], probe))),
]
const PORTS = [
  ...[ABSENT, null, [], [{ containerPort: 80 }], [{ containerPort: 80, hostPort: 0 }], [{ containerPort: 80, hostPort: null }]],
  ...[[{ containerPort: 80, hostPort: 8080 }], [{ containerPort: 80 }, { containerPort: 81, hostPort: 81, protocol: 'UDP' }]],
]

const show = (value: unknown): string => (value === ABSENT ? 'absent' : (JSON.stringify(value) ?? 'undefined'))

const mutationsAt = (path: Path, values: readonly unknown[]): Mutation[] => values.map((value) => ({ name: `${path.join('.')}=${show(value)}`, path, value }))

const ANNOTATION = 'container.apparmor.security.beta.kubernetes.io'

const POD_MUTATIONS: readonly Mutation[] = [
  ...['hostNetwork', 'hostPID', 'hostIPC', 'hostUsers'].flatMap((field) => mutationsAt(['spec', field], FLAGS)),
  ...mutationsAt(['spec', 'os'], [ABSENT, null, { name: 'linux' }, { name: 'windows' }]),
  ...mutationsAt(['spec', 'securityContext'], [ABSENT, null, {}]),
  ...mutationsAt(['spec', 'securityContext', 'runAsNonRoot'], FLAGS),
  ...mutationsAt(['spec', 'securityContext', 'runAsUser'], USERS),
  ...mutationsAt(['spec', 'securityContext', 'seccompProfile'], SECCOMP),
  ...mutationsAt(['spec', 'securityContext', 'appArmorProfile'], APP_ARMOR),
  ...mutationsAt(['spec', 'securityContext', 'seLinuxOptions'], SE_LINUX),
  ...mutationsAt(['spec', 'securityContext', 'windowsOptions'], WINDOWS),
  ...mutationsAt(['spec', 'securityContext', 'sysctls'], [ABSENT, null, [], ...SYSCTLS.map((name) => [{ name, value: '1' }])]),
  ...mutationsAt(['spec', 'volumes'], [ABSENT, null, [], ...Object.entries(VOLUMES).map(([type, source]) => [{ name: 'data', [type]: source }])]),
  ...mutationsAt(
    ['spec', 'volumes'],
    [
      [{ name: 'plain' }],
      [{ name: 'plain', hostPath: null }],
      [
        { name: 'a', emptyDir: {} },
        { name: 'b', hostPath: { path: '/' } },
      ],
    ],
  ),
  ...mutationsAt(['metadata', 'annotations'], [ABSENT, null, {}, { 'example.com/other': 'unconfined' }]),
  ...mutationsAt(['metadata', 'annotations', `${ANNOTATION}/main`], ['', 'runtime/default', 'localhost/web', 'unconfined', 'localhost/', 'runtime/defaults']),
  ...mutationsAt(['metadata', 'annotations', 'seccomp.security.alpha.kubernetes.io/pod'], ['unconfined']),
]

/** Changes of one container, of those fields that an ephemeral container may have too. */
const securityMutations = (at: Path): readonly Mutation[] => [
  ...mutationsAt([...at, 'securityContext'], [ABSENT, null, {}]),
  ...['privileged', 'allowPrivilegeEscalation', 'runAsNonRoot'].flatMap((field) => mutationsAt([...at, 'securityContext', field], FLAGS)),
  ...mutationsAt([...at, 'securityContext', 'runAsUser'], USERS),
  ...mutationsAt([...at, 'securityContext', 'procMount'], [ABSENT, null, 'Default', 'Unmasked']),
  ...mutationsAt(
    [...at, 'securityContext', 'capabilities'],
    [ABSENT, null, {}, { add: [] }, { add: null, drop: null }, { drop: ['ALL'] }, { drop: ['all'] }, { drop: ['NET_RAW'] }, { drop: ['NET_RAW', 'ALL'] }],
  ),
  ...mutationsAt(
    [...at, 'securityContext', 'capabilities', 'add'],
    CAPABILITIES.map((capability) => [capability]),
  ),
  ...mutationsAt(
    [...at, 'securityContext', 'capabilities', 'add'],
    [
      ['NET_BIND_SERVICE', 'CHOWN'],
      ['CHOWN', 'SYS_ADMIN'],
    ],
  ),
  ...mutationsAt([...at, 'securityContext', 'seccompProfile'], SECCOMP),
  ...mutationsAt([...at, 'securityContext', 'appArmorProfile'], APP_ARMOR),
  ...mutationsAt([...at, 'securityContext', 'seLinuxOptions'], SE_LINUX),
  ...mutationsAt([...at, 'securityContext', 'windowsOptions'], WINDOWS),
]

const containerMutations = (at: Path): readonly Mutation[] => [
  ...securityMutations(at),
  ...mutationsAt([...at, 'ports'], PORTS),
  ...['livenessProbe', 'readinessProbe', 'startupProbe'].flatMap((probe) => mutationsAt([...at, probe], PROBES)),
  ...mutationsAt([...at, 'lifecycle'], LIFECYCLES),
]

const image = 'registry.example.com/app:1'
const RESTRICTED = { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } }
const POD_RESTRICTED = { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } }
const pod = (spec: Json): Json => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'generated' }, spec })

const sidecar = (securityContext: Json): Json => ({ name: 'sidecar', image, restartPolicy: 'Always', securityContext })

/** Pods to start from. */
export const BASES: Readonly<Record<string, Json>> = {
  bare: pod({
    containers: [
      { name: 'main', image },
      { name: 'second', image },
    ],
    initContainers: [{ name: 'sidecar', image, restartPolicy: 'Always' }],
  }),
  'of the pod': pod({
    securityContext: POD_RESTRICTED,
    containers: [
      { name: 'main', image, securityContext: RESTRICTED },
      { name: 'second', image, securityContext: RESTRICTED },
    ],
    initContainers: [sidecar(RESTRICTED), { name: 'init', image, securityContext: RESTRICTED }],
  }),
  'of the containers': pod({
    containers: [{ name: 'main', image, securityContext: { ...RESTRICTED, ...POD_RESTRICTED } }],
    initContainers: [sidecar({ ...RESTRICTED, ...POD_RESTRICTED })],
  }),
  'in a user namespace': pod({
    hostUsers: false,
    securityContext: { seccompProfile: { type: 'RuntimeDefault' } },
    containers: [{ name: 'main', image, securityContext: RESTRICTED }],
    initContainers: [sidecar(RESTRICTED)],
  }),
  'of windows': pod({
    os: { name: 'windows' },
    securityContext: { runAsNonRoot: true },
    containers: [{ name: 'main', image }],
    initContainers: [{ name: 'sidecar', image, restartPolicy: 'Always' }],
  }),
  'on the network of the host': pod({
    hostNetwork: true,
    containers: [{ name: 'main', image, ports: [{ containerPort: 80 }] }],
    initContainers: [sidecar({})],
  }),
  'of windows, as host processes': pod({
    os: { name: 'windows' },
    hostNetwork: true,
    securityContext: { runAsNonRoot: true, windowsOptions: { hostProcess: true, runAsUserName: 'ContainerUser' } },
    containers: [{ name: 'main', image }],
    initContainers: [{ name: 'sidecar', image, restartPolicy: 'Always' }],
  }),
}

/** Those that `restricted` allows, so that they can be stored anywhere and be changed there. */
export const GOOD_BASES: readonly string[] = ['of the pod', 'of the containers', 'in a user namespace', 'of windows']

const ALL_MUTATIONS: readonly Mutation[] = [
  ...POD_MUTATIONS,
  ...containerMutations(['spec', 'containers', 0]),
  ...containerMutations(['spec', 'initContainers', 0]),
]

const apply = (base: unknown, mutations: readonly Mutation[]): unknown =>
  mutations.reduce((value, { path, value: wanted }) => withValue(value, path, wanted), base)

const named = (base: string, mutations: readonly Mutation[]): string => [base, ...mutations.map(({ name }) => name)].join('; ')

/** Every single change of two bases, then `count` random pairs and triples of changes of all of them. */
export function* generatePods(random: Random, count: number): Generator<GeneratedPod> {
  const build = (name: string, mutations: readonly Mutation[]): GeneratedPod => {
    const mutated = apply(BASES[name], mutations)
    if (!isRecord(mutated)) throw new Error(`no base \`${name}\``)
    return { name: named(name, mutations), pod: mutated }
  }
  const bases = Object.keys(BASES)
  for (const base of bases) yield build(base, [])
  for (const mutation of ALL_MUTATIONS) for (const base of ['of the pod', random.pick(bases)]) yield build(base, [mutation])
  for (let made = 0; made < count; made += 1) {
    const mutations = Array.from({ length: random.chance(0.7) ? 2 : 3 }, () => random.pick(ALL_MUTATIONS))
    yield build(random.pick(bases), mutations)
  }
}

/** Ephemeral containers for the bases, each with up to three changes. */
export function* generateEphemeralContainers(random: Random, count: number): Generator<GeneratedPatch> {
  const mutations = securityMutations([])
  for (let made = 0; made < count; made += 1) {
    const base = random.pick(GOOD_BASES)
    const start = { name: 'debugger', image, ...(base === 'of windows' ? {} : { securityContext: { ...RESTRICTED, ...POD_RESTRICTED } }) }
    const chosen = Array.from({ length: random.below(4) }, () => random.pick(mutations))
    const container = apply(start, chosen)
    if (isRecord(container)) yield { name: `ephemeral container; ${named(base, chosen)}`, base, container }
  }
}
