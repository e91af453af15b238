import { setPriority } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'
import { canonicalJson } from '../api/index.ts'
import { ContextSync, DiscoverySync, NamespaceSync, ParamSync, PolicySync, ReportWriter, Scanner } from '../controllers/index.ts'
import type { Logger } from '../evidence/index.ts'
import { KubeClient, KubeCluster, KubeObjects, loadKubeConfig, WatchingOperator } from '../kube/index.ts'
import { RuleSetStore } from '../rules/index.ts'
import type { FromScan, ScanThreadData, ToScan } from './scan-messages.ts'
import { workloadControllersOf } from './workload-controllers.ts'

const NICENESS = 10
const START_RETRY_MS = 2_000

const tell = (message: FromScan): void => parentPort?.postMessage(message)

const logTo =
  (severity: 'debug' | 'info' | 'warn' | 'error') =>
  (message: string, fields: Readonly<Record<string, unknown>> = {}) =>
    tell({ kind: 'log', severity, message, fields })
const logger: Logger = { debug: logTo('debug'), info: logTo('info'), warn: logTo('warn'), error: logTo('error') }

/** The thread that judges what exists already: a small operator without doors, which reads policies for itself and writes reports alone. */
async function scan({ config, flags, namespace, name, approvalKey, digestKey }: ScanThreadData): Promise<void> {
  const { kubeconfig: file, context } = flags
  const kubeConfig = loadKubeConfig({ file, context })
  const client = new KubeClient(kubeConfig)
  const cluster = new KubeCluster(client, new WatchingOperator(kubeConfig, client, logger), (target, reason) => {
    logger.info('watch of the scan started again', { resource: target.resource, reason })
  })
  const source = new KubeObjects(client)
  let policiesInForce = -1
  let reviewsPerSecond = 0
  let onShrink = (): void => {}
  parentPort?.on('message', (message: ToScan) => {
    const isOtherSize = policiesInForce !== message.policiesInForce
    ;({ policiesInForce, reviewsPerSecond } = message)
    if (isOtherSize) onShrink()
  })
  let labels: ReadonlyMap<string, string> = new Map()
  const namespaces = new NamespaceSync(cluster, logger, () => {
    const found = new Map(namespaces.list().map(({ metadata }) => [metadata.name ?? '', canonicalJson([metadata.labels, metadata.annotations])]))
    const changed = [...found].flatMap(([known, text]) => (labels.has(known) && labels.get(known) !== text ? [known] : []))
    labels = found
    if (changed.length > 0) scanner.namespacesChanged(new Set(changed))
  })
  const discovery = new DiscoverySync(cluster, logger, () => policies.request())
  for (;;) {
    try {
      await discovery.start()
      break
    } catch (error) {
      logger.warn('the scan waits for the API server', { error: error instanceof Error ? error.message : String(error) })
      await sleep(START_RETRY_MS)
    }
  }
  const params = new ParamSync(cluster, discovery.findKind, () => policies.request())
  const contexts = new ContextSync(cluster, discovery.findKind, () => policies.request())
  const reports = new ReportWriter({
    source,
    find: (path) => client.find(path),
    create: async (path, body) => void (await client.send({ method: 'POST', path, body })),
    naming: { prefix: name, labels: { 'app.kubernetes.io/managed-by': 'bylaw', 'app.kubernetes.io/instance': name } },
    now: () => new Date(),
    logger,
  })
  const scanner = new Scanner({
    source,
    resources: () => discovery.resources(),
    namespaceOf: namespaces.of,
    params: params.read,
    contexts: contexts.read,
    surroundingsOf: ({ policy }) => `${params.versionOf(policy)} ${contexts.versionOf(policy)}`,
    reports,
    digestKey,
    pageSize: config.scan.pageSize,
    qps: config.scan.qps,
    reviewsPerSecond: () => reviewsPerSecond,
    intervalMs: config.scan.intervalSeconds * 1000,
    logger,
    onState: (state, isNews) => tell({ kind: 'state', state, isNews }),
  })
  const store = new RuleSetStore()
  const policies: PolicySync = new PolicySync({
    cluster,
    store,
    params,
    contexts,
    // What the admission path holds back is held back here too.
    shrinkGuard: { mayReplace: async (_previous, size) => size * 2 >= policiesInForce },
    servedVersions: discovery.servedVersions,
    policySelector: config.policySelector,
    workloadControllers: workloadControllersOf(config),
    approvalKey: () => approvalKey,
    ownNamespace: namespace,
    logger,
    onRuleSet: (ruleSet) => scanner.update(ruleSet),
  })
  onShrink = () => policies.request()
  scanner.start()
}

// A thread of its own in the eyes of Linux too: whoever answers the API server goes first.
try {
  setPriority(0, NICENESS)
} catch {
  // Not every sandbox allows it.
}
await scan(workerData)
