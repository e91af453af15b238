import { createHmac, randomBytes } from 'node:crypto'
import type { Server } from 'node:http'
import { hostname } from 'node:os'
import { type AdmissionServer, makeHealthApp, makeMetricsApp } from '../admission/index.ts'
import { type Config, isRecord, OperationalError } from '../api/index.ts'
import type { OperatorFlags } from '../cli/index.ts'
import {
  breakGlassWebhook,
  ContextSync,
  computeMutatingWebhooks,
  computeWebhooks,
  DiscoverySync,
  EventWriter,
  LeaseSync,
  lifetimeOf,
  NamespaceSync,
  ParamSync,
  PolicySync,
  type RegistrationOptions,
  RegistrationSync,
  ReplicaSync,
  SchemaSync,
  ShrinkGuard,
  StatusSync,
} from '../controllers/index.ts'
import { DecisionCounter, type DropReason, type Logger, LogMetrics, Metrics, makeLogger, type ScanState } from '../evidence/index.ts'
import { KubeClient, KubeCluster, loadKubeConfig, ownPodNamespace, WatchingOperator } from '../kube/index.ts'
import { BREAK_GLASS, isInForce, type RuleSet, RuleSetStore } from '../rules/index.ts'
import { admissionServer } from './admission-door.ts'
import { startDecisionLog } from './decision-log.ts'
import { ScanThread } from './scan-thread.ts'
import { endOfCertificate, servingCertificate } from './serving-certificate.ts'
import { VERSION } from './version.ts'
import { workloadControllersOf } from './workload-controllers.ts'

const OPERATOR_NAME = 'bylaw-operator'
/** Namespaces whose workloads the cluster, or Bylaw itself, cannot start without. */
const VITAL_NAMESPACES = ['kube-system', 'kube-node-lease']
const LEADING_EVERY_MS = 500
/** Reviews a second. */
const LOAD_STEP = 10

/** The key of approvals is derived, so that one Secret is enough and digests in messages tell nothing of it. */
const approvalKeyOf = (key: string): string => (key === '' ? '' : createHmac('sha256', key).update('approval').digest('hex'))

const earliest = (a: number | undefined, b: number | undefined): number | undefined => (a === undefined || b === undefined ? undefined : Math.min(a, b))

const listen = (start: (onListening: () => void) => Server): Promise<Server> =>
  new Promise((resolve, reject) => {
    const server = start(() => resolve(server))
    server.once('error', (error) => reject(new OperationalError('PortUnavailable', error.message, { isRetryable: false, cause: error })))
  })

/** The operator: every part of it, put together. */
export class BylawOperator {
  readonly #config: Config
  readonly #flags: OperatorFlags
  readonly #logger: Logger
  readonly #namespace: string
  readonly #name: string
  /** A container that was started again in the same Pod is the same replica. */
  readonly #identity = process.env['HOSTNAME'] ?? hostname()
  readonly #client: KubeClient
  readonly #watching: WatchingOperator
  readonly #cluster: KubeCluster
  readonly #metrics = new Metrics()
  /** Of this process: what its counts are kept by, and what the ids of its decisions begin with. */
  readonly #instance = randomBytes(4).toString('hex')
  readonly #counter = new DecisionCounter(this.#instance)
  readonly #store = new RuleSetStore()
  readonly #stops: (() => Promise<void> | void)[] = []
  #kubernetesMinor: number | undefined
  #certificateEndMs = 0
  #isListening = false
  #isRegistrationDue: () => boolean = () => true
  #isStopping = false
  #decisions = 0
  #decisionsTold = 0
  #loadTold = 0
  /** Undefined before the scan has told anything, and where another replica scans. */
  #scanState: ScanState | 'stopped' | undefined

  constructor(config: Config, flags: OperatorFlags) {
    this.#config = config
    this.#flags = flags
    this.#logger = makeLogger(config.logLevel)
    this.#namespace = config.namespace ?? ownPodNamespace() ?? 'bylaw-system'
    this.#name = config.instance === '' ? 'bylaw' : `bylaw-${config.instance}`
    const { kubeconfig: file, context } = flags
    const kubeConfig = loadKubeConfig({ file, context })
    this.#client = new KubeClient(kubeConfig)
    this.#watching = new WatchingOperator(kubeConfig, this.#client, this.#logger)
    this.#cluster = new KubeCluster(this.#client, this.#watching, (target, reason) => {
      this.#metrics.cluster.recordWatchRestart()
      this.#logger.warn('watch started again', { resource: target.resource, reason })
    })
  }

  async start(): Promise<void> {
    await this.#serveHealth()
    await this.#readKubernetesVersion()
    await this.#ensureNamespace()
    const cel = this.#kubernetesMinor === undefined ? '' : `1.${this.#kubernetesMinor}`
    this.#metrics.cluster.recordBuild({ version: VERSION, node: process.version, celDialect: cel })
    const cluster = this.#cluster
    const logger = this.#logger
    const now = (): Date => new Date()
    const discovery = new DiscoverySync(cluster, logger, () => policies.request())
    this.#stops.push(() => discovery.stop())
    await discovery.start()
    const events = new EventWriter({ cluster, instance: this.#identity, now, logger, onFate: (fate) => this.#metrics.cluster.recordEvent(fate) })
    const lease = new LeaseSync({ cluster, namespace: this.#namespace, name: this.#name, holder: this.#identity, now, logger, onLeading: () => lead() })
    const namespaces = new NamespaceSync(cluster, logger, () => {})
    const params = new ParamSync(cluster, discovery.findKind, () => policies.request())
    const contexts = new ContextSync(cluster, discovery.findKind, () => policies.request())
    const certificates = servingCertificate(this.#config.certificates, {
      cluster,
      namespace: this.#namespace,
      name: `${this.#name}-keys`,
      hosts: this.#hosts(),
      now,
      logger,
      trustedForMs: (authority) => earliest(registrations.trustedForMs(authority), stamping.trustedForMs(authority)),
      onBundle: () => {
        registrations.request()
        stamping.request()
      },
    })
    const registration = (): RegistrationOptions => ({
      instance: this.#config.instance,
      protectedNamespaces: this.#protectedNamespaces(),
      timeoutSeconds: this.#config.admission.timeoutSeconds,
      clientConfig: (path) => this.#clientConfig(path, certificates.bundle()),
      facts: { servedVersions: discovery.servedVersions, isNamespaced: discovery.isNamespaced },
    })
    const registering = {
      cluster,
      name: this.#name,
      ownerName: OPERATOR_NAME,
      logger,
      isLeader: () => lease.isLeader,
      refresh: () => certificates.refresh(),
      now,
      onDrift: () => this.#metrics.cluster.recordDrift(),
      onTrust: () => certificates.request(),
      onRegistered: () => {
        replicas.request()
        status.request()
      },
    }
    const registrations = new RegistrationSync({ ...registering, type: 'Validating', webhooks: (ruleSet) => computeWebhooks(ruleSet, registration()) })
    const stamping = new RegistrationSync({
      ...registering,
      type: 'Mutating',
      webhooks: (ruleSet) => [...computeMutatingWebhooks(ruleSet, registration()), breakGlassWebhook(registration(), this.#namespace)],
    })
    const policies: PolicySync = new PolicySync({
      cluster,
      store: this.#store,
      params,
      contexts,
      shrinkGuard: new ShrinkGuard({ now: Date.now, confirmation: () => lease.confirmation(), logger }),
      servedVersions: discovery.servedVersions,
      policySelector: this.#config.policySelector,
      workloadControllers: workloadControllersOf(this.#config),
      approvalKey: () => approvalKeyOf(certificates.digestKey),
      ownNamespace: this.#namespace,
      logger,
      onRuleSet: (ruleSet) => {
        this.#metrics.recordRuleSet(ruleSet)
        this.#metrics.ruleSet.recordExceptions(policies.exceptions().map((state) => lifetimeOf(state, ruleSet)))
        void this.#metrics.coverage.count(discovery.resources(), ruleSet)
        this.#tellBreakGlass(ruleSet, events)
        if (this.#isListening) for (const sync of [registrations, stamping]) sync.update(ruleSet)
        replicas.request()
        status.request()
        schemas.request()
        scan.tell({ policiesInForce: ruleSet.policies.length })
      },
    })
    const scan = new ScanThread({
      data: () => ({
        config: this.#config,
        flags: this.#flags,
        namespace: this.#namespace,
        name: this.#name,
        approvalKey: approvalKeyOf(certificates.digestKey),
        digestKey: certificates.digestKey,
      }),
      logger,
      onState: (state, isNews) => {
        this.#scanState = state
        this.#metrics.scan.record(state)
        if (isNews) status.request()
      },
      onCrash: () => {
        this.#scanState = 'stopped'
        this.#metrics.scan.record(undefined)
        this.#metrics.scan.recordRestart()
        status.request()
      },
    })
    const schemas: SchemaSync = new SchemaSync({
      reader: cluster,
      policies: () => policies.states().flatMap(({ compiled }) => compiled?.policy ?? []),
      servedVersions: discovery.servedVersions,
      logger,
      onChange: () => status.request(),
    })
    const replicas: ReplicaSync = new ReplicaSync({
      cluster,
      namespace: this.#namespace,
      name: this.#name,
      holder: this.#identity,
      instance: this.#instance,
      counter: this.#counter,
      revision: () => (this.#notReadyReason() === undefined ? (this.#store.snapshot()?.revision ?? '') : ''),
      now,
      logger,
      onChange: () => status.request(),
    })
    const status: StatusSync = new StatusSync({
      cluster,
      policies,
      store: this.#store,
      counter: this.#counter,
      replicas,
      isRegistered: (policy) => registrations.isRegistered(policy) && stamping.isRegistered(policy),
      fieldIssues: schemas.issuesOf,
      contextProblems: (policy) => contexts.problemsOf(policy),
      scan: () => this.#scanState,
      isLeader: () => lease.isLeader,
      events,
      now,
      logger,
    })
    this.#isRegistrationDue = () => !(registrations.hasLooked && stamping.hasLooked)
    const lead = (): void => {
      registrations.request()
      stamping.request()
      status.request()
    }
    const leading = setInterval(() => void this.#scanWhile(lease.isLeader && this.#isListening, scan), LEADING_EVERY_MS)
    this.#stops.push(
      () => clearInterval(leading),
      () => scan.stop(),
      () => schemas.stop(),
      () => status.stop(),
      () => replicas.stop(),
      () => registrations.stop(),
      () => stamping.stop(),
      () => policies.stop(),
      () => certificates.stop(),
      () => this.#watching.stop(),
    )
    await lease.start()
    replicas.start()
    const certificate = await certificates.start((pair) => {
      server?.replaceCertificate(pair)
      this.#certificateEndMs = endOfCertificate(pair.cert)
    })
    this.#certificateEndMs = endOfCertificate(certificate.cert)
    this.#metrics.cluster.observe(() => ({
      isReady: this.#notReadyReason() === undefined,
      isLeader: lease.isLeader,
      certificateEndMs: this.#certificateEndMs,
    }))
    const { log, stop: stopLog } = await startDecisionLog({
      config: this.#config.evidence,
      cluster,
      namespace: this.#namespace,
      headsName: `${this.#name}-evidence-heads`,
      instance: this.#identity,
      decisionPrefix: this.#instance,
      version: VERSION,
      cel: () => cel,
      secretKey: certificates.evidenceKey,
      metrics: new LogMetrics(this.#metrics.registry, (reason, message) => this.#tellLogFailure(reason, message)),
      logger,
    })
    this.#stops.push(stopLog)
    const server: AdmissionServer = admissionServer({
      config: this.#config,
      ownNamespace: this.#namespace,
      cluster,
      store: this.#store,
      metrics: this.#metrics,
      counter: this.#counter,
      kubernetesMinor: this.#kubernetesMinor,
      nextDecisionId: () => {
        this.#decisions += 1
        return `${this.#instance}-${this.#decisions.toString(36)}`
      },
      certificate,
      digestKey: certificates.digestKey,
      approvalKey: approvalKeyOf(certificates.digestKey),
      discovery,
      namespaces,
      params,
      contexts,
      policies,
      schemas,
      events,
      log,
    })
    this.#metrics.admission.observeDoor(() => server.load())
    const port = await server.listen(this.#config.admission.port, this.#config.admission.host)
    this.#isListening = true
    // What stops first: the Lease is free for another replica while this one still answers.
    this.#stops.push(
      () => server.close(),
      () => lease.stop(),
    )
    logger.info('admission door is open', { port })
    policies.request()
  }

  /** Lets what is under way finish, then closes everything. */
  async stop(): Promise<void> {
    if (this.#isStopping) return
    this.#isStopping = true
    this.#logger.info('stopping')
    for (const stop of this.#stops.toReversed()) await stop()
  }

  /** Who leads scans: two of them would write the same reports. */
  async #scanWhile(isLeading: boolean, scan: ScanThread): Promise<void> {
    this.#tellLoad(scan)
    if (isLeading && this.#config.scan.enabled && !this.#isStopping) scan.start()
    else {
      if (this.#scanState !== undefined) this.#metrics.scan.record(undefined)
      this.#scanState = undefined
      await scan.stop()
    }
  }

  /** The scan gives way to admission, as far as it knows of it: by steps, so that little is told. */
  #tellLoad(scan: ScanThread): void {
    const perSecond = ((this.#decisions - this.#decisionsTold) * 1000) / LEADING_EVERY_MS
    this.#decisionsTold = this.#decisions
    const reviewsPerSecond = Math.ceil(perSecond / LOAD_STEP) * LOAD_STEP
    if (reviewsPerSecond !== this.#loadTold) scan.tell({ reviewsPerSecond })
    this.#loadTold = reviewsPerSecond
  }

  #protectedNamespaces(): readonly string[] {
    return [...VITAL_NAMESPACES, this.#namespace].filter((name) => !this.#config.failClosedNamespaces.includes(name))
  }

  #clientConfig(path: string, bundle: string): Readonly<Record<string, unknown>> {
    const caBundle = Buffer.from(bundle, 'utf8').toString('base64')
    const { url } = this.#config.admission
    if (url !== undefined) return { url: `${url}${path}`, caBundle }
    return { service: { namespace: this.#namespace, name: this.#name, path, port: 443 }, caBundle }
  }

  #hosts(): readonly string[] {
    const service = `${this.#name}.${this.#namespace}.svc`
    const { url } = this.#config.admission
    const own = url === undefined ? [] : [new URL(url).hostname.replace(/^\[|\]$/g, '')]
    return [...own, service, `${service}.cluster.local`]
  }

  #tellLogFailure(reason: DropReason | undefined, message: string): void {
    if (reason === undefined) this.#logger.info('the decision log can be written again')
    else this.#logger.error('the decision log cannot be written', { reason, message })
  }

  #tellBreakGlass({ breakGlass }: RuleSet, events: EventWriter): void {
    if (breakGlass === undefined || !isInForce(breakGlass, new Date())) return
    const { account, until, reason, owner } = breakGlass
    this.#logger.warn('break-glass: no policy refuses anything', { account, until, reason, owner })
    const regarding = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: BREAK_GLASS.name, namespace: this.#namespace } }
    const note = `\`${account}\` turned every policy down to warnings until ${until}: ${reason}; owner ${owner}`
    events.write({ regarding, type: 'Warning', reason: 'BreakGlass', action: 'TurnDown', note })
  }

  #notReadyReason(): string | undefined {
    if (this.#isStopping) return 'stopping'
    if (!this.#isListening) return 'the admission door is not open yet'
    if (this.#store.snapshot() === undefined) return 'the policies are not loaded yet'
    return this.#isRegistrationDue() ? 'the registration has not been looked at yet' : undefined
  }

  async #serveHealth(): Promise<void> {
    const { healthPort, metricsPort } = this.#flags
    const health = makeHealthApp({ notReadyReason: () => this.#notReadyReason() })
    const metrics = makeMetricsApp(() => this.#metrics.expose())
    for (const [app, port] of [[health, healthPort] as const, [metrics, metricsPort] as const]) {
      const server = await listen((onListening) => app.listen(port, onListening))
      this.#stops.push(() => {
        server.closeAllConnections()
        server.close()
      })
    }
  }

  async #readKubernetesVersion(): Promise<void> {
    const { kubernetesVersion } = this.#config
    if (kubernetesVersion !== undefined) {
      this.#kubernetesMinor = Number(kubernetesVersion.split('.')[1])
      return
    }
    const version = await this.#client.send({ method: 'GET', path: '/version' })
    const minor = isRecord(version) ? Number.parseInt(String(version['minor']), 10) : Number.NaN
    if (Number.isInteger(minor)) this.#kubernetesMinor = minor
  }

  /** Outside a cluster there may be no namespace for Bylaw's Lease and keys yet. */
  async #ensureNamespace(): Promise<void> {
    const address = { group: '', version: 'v1', resource: 'namespaces', name: this.#namespace }
    if ((await this.#cluster.find(address)) !== undefined) return
    try {
      await this.#cluster.create(address, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: this.#namespace } })
    } catch (error) {
      // Another replica has just made it.
      if (!(error instanceof OperationalError && error.code === 'KubeConflict')) throw error
    }
  }
}
