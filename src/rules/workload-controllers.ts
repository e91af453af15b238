import type { WorkloadController } from './rule-set.ts'

const account = (name: string): string => `system:serviceaccount:kube-system:${name}`

/** Kubernetes' own workload controllers and whose objects they make. */
const BUILT_IN: readonly WorkloadController[] = [
  { account: account('deployment-controller'), ownerGroup: 'apps', ownerKind: 'Deployment', ownerResource: 'deployments' },
  { account: account('replicaset-controller'), ownerGroup: 'apps', ownerKind: 'ReplicaSet', ownerResource: 'replicasets' },
  { account: account('statefulset-controller'), ownerGroup: 'apps', ownerKind: 'StatefulSet', ownerResource: 'statefulsets' },
  { account: account('daemon-set-controller'), ownerGroup: 'apps', ownerKind: 'DaemonSet', ownerResource: 'daemonsets' },
  { account: account('job-controller'), ownerGroup: 'batch', ownerKind: 'Job', ownerResource: 'jobs' },
  { account: account('cronjob-controller'), ownerGroup: 'batch', ownerKind: 'CronJob', ownerResource: 'cronjobs' },
  { account: account('replication-controller'), ownerGroup: '', ownerKind: 'ReplicationController', ownerResource: 'replicationcontrollers' },
]

/** The built-in pairs, also for a controller manager that runs all controllers as one account. */
export const WORKLOAD_CONTROLLERS: readonly WorkloadController[] = [
  ...BUILT_IN,
  ...BUILT_IN.map((pair) => ({ ...pair, account: 'system:kube-controller-manager' })),
]
