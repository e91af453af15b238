export { KubeClient, type KubeRequest, type Method, resourcePath } from './client.ts'
export { KubeCluster } from './cluster.ts'
export { type KubeConfigSource, loadKubeConfig, ownPodNamespace, PooledKubeConfig } from './kube-config.ts'
export { type ResourceCache, type WatchHandlers, WatchingOperator, type WatchTarget } from './watching-operator.ts'
