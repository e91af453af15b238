export { CertificateSync, type CertificateSyncOptions } from './certificate-sync.ts'
export { type KeyPair, makeAuthority, makeServingCertificate, remainingMs } from './certificates.ts'
export type { AccessAttributes, CacheProblem, Cluster, DiscoveredResource, FollowTarget, ObjectAddress, ObjectCache, OpenApiReader } from './cluster.ts'
export { CONTEXT_LIMITS, ContextSync } from './context-sync.ts'
export { DiscoverySync } from './discovery-sync.ts'
export { type EventDraft, type EventFate, EventWriter, type EventWriterOptions } from './event-writer.ts'
export { type EvidenceHeadsOptions, EvidenceHeadsSync } from './evidence-heads-sync.ts'
export { LeaseSync } from './lease-sync.ts'
export { NamespaceSync } from './namespace-sync.ts'
export { ParamSync } from './param-sync.ts'
export { lifetimeOf } from './policy-status.ts'
export { type ExceptionState, type PolicyState, PolicySync, type PolicySyncOptions } from './policy-sync.ts'
export {
  breakGlassWebhook,
  computeMutatingWebhooks,
  computeWebhooks,
  type RegistrationOptions,
  RegistrationSync,
  type RegistrationSyncOptions,
  type ResourceFacts,
  type Webhook,
} from './registrations/index.ts'
export { type Replica, ReplicaSync, type ReplicaSyncOptions } from './replica-sync.ts'
export {
  judgeObject,
  type ObjectSource,
  type PolicyPrint,
  planScan,
  printOf,
  ReportWriter,
  reachOfChange,
  type ScanGap,
  Scanner,
  type ScannerOptions,
  type ScanPlan,
  ScanStore,
  type ScanTarget,
  tally,
  toldFindings,
} from './scan/index.ts'
export { scannedStatus } from './scanned-status.ts'
export { SchemaSync, type SchemaSyncOptions } from './schema-sync.ts'
export { ShrinkGuard } from './shrink-guard.ts'
export { StatusSync, type StatusSyncOptions } from './status-sync.ts'
