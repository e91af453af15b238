import { AdmissionServer } from '../admission/index.ts'
import type { Config } from '../api/index.ts'
import type { ContextSync, DiscoverySync, EventWriter, KeyPair, NamespaceSync, ParamSync, PolicySync, SchemaSync } from '../controllers/index.ts'
import type { DecisionCounter, DecisionLog, Metrics } from '../evidence/index.ts'
import type { KubeCluster } from '../kube/index.ts'
import type { RuleSetStore } from '../rules/index.ts'
import { DecisionEvents } from './decision-events.ts'
import { findForReader } from './decision-log.ts'
import { Recorder } from './recorder.ts'

const MAX_REVIEWS = 2048
const MAX_HELD_BYTES = 64 * 1024 * 1024
/** Kept back from the time that the API server waits, so that our answer is the one that counts. */
const ANSWER_RESERVE_MS = 1000

/** What stands behind the admission door. */
export interface DoorParts {
  readonly config: Config
  readonly ownNamespace: string
  readonly cluster: KubeCluster
  readonly store: RuleSetStore
  readonly metrics: Metrics
  readonly counter: DecisionCounter
  readonly kubernetesMinor: number | undefined
  readonly nextDecisionId: () => string
  readonly certificate: KeyPair
  readonly digestKey: string
  readonly approvalKey: string
  readonly discovery: DiscoverySync
  readonly namespaces: NamespaceSync
  readonly params: ParamSync
  readonly contexts: ContextSync
  readonly policies: PolicySync
  readonly schemas: SchemaSync
  readonly events: EventWriter
  readonly log: DecisionLog
}

/** Without configuration, whoever holds the verb approves by writing into Bylaw's own namespace. */
function isAutomatic(automatic: Config['approval']['automatic'], account: string, namespace: string, ownNamespace: string): boolean {
  if (automatic.length === 0) return namespace === ownNamespace
  return automatic.some((pair) => pair.account === account && pair.namespace === namespace)
}

/** The admission door with its guards: what answers the API server. */
export function admissionServer(parts: DoorParts): AdmissionServer {
  const { config, ownNamespace, cluster, store, metrics, counter, kubernetesMinor } = parts
  const { certificate, digestKey, discovery, namespaces, params, contexts, policies, schemas, events, log } = parts
  const { timeoutSeconds, maxBodyBytes } = config.admission
  const origin = process.hrtime.bigint()
  return new AdmissionServer({
    certificate,
    maxBodyBytes,
    maxReviews: MAX_REVIEWS,
    maxHeldBytes: MAX_HELD_BYTES,
    review: {
      ruleSets: store,
      namespaceOf: namespaces.of,
      params: params.read,
      schemas: schemas.ofKind,
      contexts: contexts.read,
      clock: { now: () => new Date(), elapsedMs: () => Number(process.hrtime.bigint() - origin) / 1e6 },
      nextDecisionId: parts.nextDecisionId,
      recorder: new Recorder({
        metrics,
        counter,
        events,
        decisionEvents: new DecisionEvents({ events, policyOf: (name) => policies.current(name) }),
        namespaces,
        log,
      }),
      refusesUnrecorded: config.evidence.onLogFailure === 'Deny',
      digestKey,
      deadlineMs: timeoutSeconds * 1000 - ANSWER_RESERVE_MS,
    },
    decisions: {
      authenticate: (token) => cluster.authenticate(token),
      mayAccess: (user, question) => cluster.mayAccess(user, question),
      find: (id) => findForReader(log, id),
    },
    guards: {
      mayAccess: (user, question) => cluster.mayAccess(user, question),
      profile: () => policies.profileState().inForce,
      // A new policy may use what the release before has, as Kubernetes demands of its own, so that a cluster can be rolled back;
      // one that is stored already compiles for ever.
      compileOptions: () => (kubernetesMinor === undefined ? {} : { kubernetesMinor: kubernetesMinor - 1 }),
      fieldIssues: schemas.issuesOf,
      findResource: (group, version, kind) => discovery.findKind(group, version, kind)?.resource,
      ownNamespace,
    },
    approval: {
      mayAccess: (user, question) => cluster.mayAccess(user, question),
      approvalKey: () => parts.approvalKey,
      now: () => new Date(),
      isAutomatic: (account, namespace) => isAutomatic(config.approval.automatic, account, namespace, ownNamespace),
      isFourEyes: config.approval.fourEyes,
      ruleSet: () => store.snapshot(),
      onForged: (regarding, account) => {
        const note = `\`${account}\` wrote an approval that is not from Bylaw; it was taken off`
        events.write({ regarding, type: 'Warning', reason: 'ForgedApproval', action: 'Approve', note })
      },
    },
  })
}
