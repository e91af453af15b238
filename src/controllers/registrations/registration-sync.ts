import { isEqualJson, isRecord, type KubernetesObject, OperationalError } from '../../api/index.ts'
import type { Logger } from '../../evidence/index.ts'
import type { EnforcedPolicy, RuleSet } from '../../rules/index.ts'
import type { Cluster, ObjectAddress, ObjectCache } from '../cluster.ts'
import { levelStateOf } from '../level-state.ts'
import { Loop } from '../loop.ts'
import type { Webhook } from './compute.ts'

export interface RegistrationSyncOptions {
  readonly cluster: Cluster
  readonly type: 'Validating' | 'Mutating'
  /** Name of the webhook configuration. */
  readonly name: string
  /** The entries that a rule set needs. */
  readonly webhooks: (ruleSet: RuleSet) => readonly Webhook[]
  /** The operator's ClusterRole, if it has one: with it the registration goes away. */
  readonly ownerName: string
  /** Whether this replica is the one that writes; the others only look. */
  readonly isLeader: () => boolean
  /** Takes up what other replicas have stored, before anything is written over. */
  readonly refresh: () => Promise<void>
  readonly now: () => Date
  readonly logger: Logger
  readonly onDrift: () => void
  /** Called when the trusted certificates were seen to be others than before. */
  readonly onTrust: () => void
  /** Called when the registration has been looked at for the first time, and whenever it has been read back as it has to be. */
  readonly onRegistered: () => void
}

const SETTLE_MS = 20

/** The bundle of certificates that all entries have, PEM; empty where they differ or there are none. */
function commonBundle(webhooks: unknown): string {
  const bundles = (Array.isArray(webhooks) ? webhooks : []).map((webhook) => {
    const clientConfig = isRecord(webhook) ? webhook['clientConfig'] : undefined
    return isRecord(clientConfig) && typeof clientConfig['caBundle'] === 'string' ? clientConfig['caBundle'] : ''
  })
  const [first = ''] = bundles
  return bundles.every((bundle) => bundle === first) ? Buffer.from(first, 'base64').toString('utf8') : ''
}

/** Keeps a webhook configuration as the rule set needs it, whoever changes it. */
export class RegistrationSync {
  readonly #options: RegistrationSyncOptions
  readonly #address: ObjectAddress
  readonly #loop: Loop
  readonly #cache: ObjectCache
  #ruleSet: RuleSet | undefined
  #written: readonly Webhook[] | undefined
  #registeredRevision: string | undefined
  #hasLooked = false
  /** What each policy was when a registration for it was read back. */
  #registered: ReadonlyMap<string, string> = new Map()
  /** The certificates that all entries were last seen to trust, and since when. */
  #trust: { readonly bundle: string; readonly sinceMs: number } = { bundle: '', sinceMs: 0 }

  constructor(options: RegistrationSyncOptions) {
    const { cluster, name, logger, type } = options
    const resource = type === 'Validating' ? 'validatingwebhookconfigurations' : 'mutatingwebhookconfigurations'
    this.#options = options
    this.#address = { group: 'admissionregistration.k8s.io', version: 'v1', resource, name }
    this.#loop = new Loop('registrations', () => this.#run(), logger, SETTLE_MS)
    this.#cache = cluster.follow({ group: 'admissionregistration.k8s.io', version: 'v1', resource, name }, () => this.#loop.request())
  }

  /** Whether the API server has been read back to call for this policy at the levels that it has now. */
  isRegistered(policy: EnforcedPolicy): boolean {
    return this.#registered.get(policy.identity.name) === levelStateOf(policy)
  }

  /** Whether the registration has been looked at for a rule set, and brought up to it where that is ours to do and could be done. */
  get hasLooked(): boolean {
    return this.#hasLooked
  }

  /** For how long the API server has been seen to trust a certificate in every entry; undefined where it does not. */
  trustedForMs(certificate: string): number | undefined {
    return this.#trust.bundle.includes(certificate.trim()) ? this.#options.now().getTime() - this.#trust.sinceMs : undefined
  }

  /** Takes up a new rule set. */
  update(ruleSet: RuleSet): void {
    this.#ruleSet = ruleSet
    this.#loop.request()
  }

  /** Asks for a run, as what is registered depends on more than the rule set: the trusted certificates, the cluster's resources. */
  request(): void {
    this.#loop.request()
  }

  stop(): void {
    this.#loop.stop()
    this.#cache.stop()
  }

  async #run(): Promise<void> {
    if (this.#ruleSet === undefined) return
    try {
      await this.#bringUpTo(this.#ruleSet)
    } finally {
      if (!this.#hasLooked) {
        this.#hasLooked = true
        this.#options.onRegistered()
      }
    }
  }

  async #bringUpTo(ruleSet: RuleSet): Promise<void> {
    const { cluster, webhooks, refresh, isLeader, logger } = this.#options
    const stored = await cluster.find(this.#address)
    this.#observe(stored)
    if (!isEqualJson(stored?.['webhooks'], webhooks(ruleSet))) {
      if (!isLeader()) return
      await refresh()
    }
    const wanted = webhooks(ruleSet)
    if (!isEqualJson(stored?.['webhooks'], wanted)) {
      if (stored === undefined ? this.#written !== undefined : isEqualJson(this.#written, wanted)) {
        logger.warn('registration was changed by someone else and is repaired', { name: this.#address.name })
        this.#options.onDrift()
      }
      this.#keepCommon(ruleSet)
      await this.#write(stored, wanted)
      const readBack = await cluster.find(this.#address)
      this.#observe(readBack)
      if (!isEqualJson(readBack?.['webhooks'], wanted)) throw new Error('the registration was not read back as it was written')
      logger.info('registration written', { name: this.#address.name, entries: wanted.length, revision: ruleSet.revision })
    }
    this.#written = wanted
    this.#confirm(ruleSet)
  }

  #observe(registration: KubernetesObject | undefined): void {
    const bundle = commonBundle(registration?.['webhooks'])
    if (bundle === this.#trust.bundle) return
    this.#trust = { bundle, sinceMs: this.#options.now().getTime() }
    this.#options.onTrust()
  }

  /** Forgets what was registered and is about to be written over: should the write not be confirmed, and the policy become again what it was, nobody knows which of both is there. */
  #keepCommon({ policies }: RuleSet): void {
    const next = new Map(policies.map((policy) => [policy.identity.name, levelStateOf(policy)]))
    const kept = [...this.#registered].filter(([name, state]) => next.get(name) === state)
    if (kept.length < this.#registered.size) this.#registeredRevision = undefined
    this.#registered = new Map(kept)
  }

  #confirm({ revision, policies }: RuleSet): void {
    if (this.#registeredRevision === revision) return
    this.#registeredRevision = revision
    this.#registered = new Map(policies.map((policy) => [policy.identity.name, levelStateOf(policy)]))
    this.#options.onRegistered()
  }

  async #write(stored: KubernetesObject | undefined, webhooks: readonly Webhook[]): Promise<void> {
    const { cluster, type } = this.#options
    const owner = await this.#owner()
    const labels = { 'app.kubernetes.io/managed-by': 'bylaw' }
    if (stored === undefined) {
      const metadata = { name: this.#address.name, labels, ...(owner === undefined ? {} : { ownerReferences: [owner] }) }
      await cluster.create(this.#address, { apiVersion: 'admissionregistration.k8s.io/v1', kind: `${type}WebhookConfiguration`, metadata, webhooks })
      return
    }
    const metadata = { ...stored.metadata, labels: { ...stored.metadata.labels, ...labels }, ...(owner === undefined ? {} : { ownerReferences: [owner] }) }
    await cluster.replace(this.#address, { ...stored, metadata, webhooks })
  }

  async #owner() {
    const role = await this.#findOwner()
    if (role?.metadata.uid === undefined) return undefined
    return { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', name: this.#options.ownerName, uid: role.metadata.uid }
  }

  /** To enforce without an owner is better than not to: outside a cluster the role may be none of our business. */
  async #findOwner(): Promise<KubernetesObject | undefined> {
    const { cluster, ownerName } = this.#options
    try {
      return await cluster.find({ group: 'rbac.authorization.k8s.io', version: 'v1', resource: 'clusterroles', name: ownerName })
    } catch (error) {
      if (error instanceof OperationalError && error.code === 'KubeForbidden') return undefined
      throw error
    }
  }
}
