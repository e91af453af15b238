/** One rule of an RBAC role, cluster-wide unless `namespace` is given. */
export interface Grant {
  readonly namespace?: string
  readonly apiGroups: readonly string[]
  readonly resources: readonly string[]
  readonly verbs: readonly string[]
  readonly resourceNames?: readonly string[]
}

/** A person or program that can log in with a token. */
export interface User {
  readonly name: string
  readonly groups?: readonly string[]
  readonly grants?: readonly Grant[]
}

const READ = ['get', 'list', 'watch']
const WRITE = [...READ, 'create', 'update', 'patch', 'delete', 'deletecollection']
const WORKLOADS: Grant = { apiGroups: ['', 'apps', 'batch', 'networking.k8s.io'], resources: ['*'], verbs: WRITE }
const EXCEPTIONS: Grant = { apiGroups: ['bylaw.dev'], resources: ['policyexceptions'], verbs: WRITE }

/** The namespace in which `tenant` may do everything. */
export const TENANT_NAMESPACE = 'tenant'

/** Who can log in to every control plane, and what they may do; everyone may also do what `system:authenticated` may. */
export const USERS: readonly User[] = [
  { name: 'admin', groups: ['system:masters'] },
  { name: 'alice' },
  { name: 'bob' },
  { name: 'dev', groups: ['developers'] },
  { name: 'author', grants: [{ apiGroups: ['bylaw.dev'], resources: ['policies', 'enforcementprofiles'], verbs: WRITE }] },
  {
    name: 'approver',
    grants: [
      { apiGroups: ['bylaw.dev'], resources: ['policyexceptions'], verbs: [...READ, 'update', 'patch'] },
      { apiGroups: ['bylaw.dev'], resources: ['policies'], verbs: [...READ, 'except'] },
    ],
  },
  { name: 'viewer', grants: [{ apiGroups: ['*'], resources: ['*'], verbs: READ }] },
  { name: 'requester', grants: [WORKLOADS, EXCEPTIONS] },
  { name: 'tenant', grants: [{ namespace: TENANT_NAMESPACE, apiGroups: ['*'], resources: ['*'], verbs: ['*'] }] },
  // What the operator needs is what its manifests grant: a test binds that role.
  { name: 'operator' },
]

/** What the group `developers` may do. */
export const DEVELOPERS = { name: 'developers', grants: [WORKLOADS] } as const

/** A Kubernetes object and the path that creates it. */
export interface Creation {
  readonly path: string
  readonly body: Readonly<Record<string, unknown>>
}

/** The roles and bindings that give a user or group what it may do, each named `controlplane:<name>` with a number where needed. */
export function creationsFor(
  kind: 'User' | 'Group',
  { name, grants = [] }: { readonly name: string; readonly grants?: readonly Grant[] },
): readonly Creation[] {
  return grants.flatMap(({ namespace, ...rule }, index) => {
    const prefix = namespace === undefined ? 'Cluster' : ''
    const metadata = { name: `controlplane:${name}${index === 0 ? '' : `:${index}`}` }
    const base = `/apis/rbac.authorization.k8s.io/v1${namespace === undefined ? '' : `/namespaces/${namespace}`}/${prefix.toLowerCase()}role`
    const apiVersion = 'rbac.authorization.k8s.io/v1'
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: `${prefix}Role`, name: metadata.name }
    const subjects = [{ apiGroup: 'rbac.authorization.k8s.io', kind, name }]
    return [
      { path: `${base}s`, body: { apiVersion, kind: `${prefix}Role`, metadata, rules: [rule] } },
      { path: `${base}bindings`, body: { apiVersion, kind: `${prefix}RoleBinding`, metadata, roleRef, subjects } },
    ]
  })
}
