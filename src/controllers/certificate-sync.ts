import { randomBytes } from 'node:crypto'
import { isRecord, type KubernetesObject, OperationalError } from '../api/index.ts'
import { type Logger, makeEvidenceKey } from '../evidence/index.ts'
import { type KeyPair, makeAuthority, makeServingCertificate, remainingMs } from './certificates.ts'
import type { Cluster, ObjectAddress, ObjectCache } from './cluster.ts'
import { Loop } from './loop.ts'

const DAY_MS = 24 * 60 * 60 * 1000
/** The next authority is made this long before the end of the present one. */
const NEXT_AUTHORITY_DAYS = 60
const SWITCH_AUTHORITY_DAYS = 30
const RENEW_SERVING_DAYS = 30
/** Time between the reading back of a registration and the moment at which every API server surely knows it. */
const TRUST_MS = 10_000
/** An authority stays trusted this long after the last certificate of it should have been replaced, in every replica. */
const PREVIOUS_MS = 60 * 60 * 1000
const MAX_PREVIOUS = 4
const CHECK_MS = 60 * 60 * 1000
const PENDING_MS = 1000
const ATTEMPTS = 5
/** A person asks for a rotation by this annotation; it is taken away when the next authority has taken over. */
const ROTATE = 'bylaw.dev/rotate'
const ROTATED_AT = 'bylaw.dev/rotated-at'

/** What Bylaw keeps secret: its authority, the one that follows, and the key of the digests that stand for hidden values. */
interface Secrets {
  readonly authority: KeyPair
  /** Trusted, but signs nothing yet. */
  readonly next: KeyPair | undefined
  /** Certificates of authorities that sign nothing any more but are still trusted, the latest first. */
  readonly previous: readonly string[]
  /** When the authority was last replaced. */
  readonly rotatedAt: Date | undefined
  /** Whether a person has asked for a rotation. */
  readonly isRotationAsked: boolean
  readonly digestKey: string
  /** Signs the decision log; a Secret of an earlier version has none yet. */
  readonly evidenceKey: string | undefined
}

export interface CertificateSyncOptions {
  readonly cluster: Cluster
  readonly namespace: string
  /** Name of the Secret. */
  readonly name: string
  /** DNS names and addresses under which the API server calls. */
  readonly hosts: readonly string[]
  readonly now: () => Date
  readonly logger: Logger
  /** For how long the API server has been read back to trust an authority; undefined where it does not. */
  readonly trustedForMs: (authority: string) => number | undefined
  readonly onServing: (pair: KeyPair) => void
  /** Called when the bundle that the API server has to trust has changed. */
  readonly onBundle: () => void
}

const FIELDS = {
  cert: 'ca.crt',
  key: 'ca.key',
  nextCert: 'next-ca.crt',
  nextKey: 'next-ca.key',
  previous: 'previous-ca.crt',
  digestKey: 'digest.key',
  evidenceKey: 'evidence.key',
} as const
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

const encode = (text: string): string => Buffer.from(text, 'utf8').toString('base64')

function isCertificate(text: string): boolean {
  try {
    return Number.isFinite(remainingMs(text, new Date(0)))
  } catch {
    return false
  }
}

/** What the Secret holds; undefined where it is no use, so that it is made anew. */
function readSecrets(object: KubernetesObject): Secrets | undefined {
  const data = isRecord(object['data']) ? object['data'] : {}
  const read = (field: string): string | undefined => {
    const value = data[field]
    return typeof value === 'string' ? Buffer.from(value, 'base64').toString('utf8') : undefined
  }
  const readPair = (certField: string, keyField: string): KeyPair | undefined => {
    const cert = read(certField)
    const key = read(keyField)
    return cert === undefined || key === undefined || !isCertificate(cert) ? undefined : { cert, key }
  }
  const authority = readPair(FIELDS.cert, FIELDS.key)
  const digestKey = read(FIELDS.digestKey)
  if (authority === undefined || digestKey === undefined) return undefined
  const { [ROTATED_AT]: rotatedAt, [ROTATE]: asked } = object.metadata.annotations ?? {}
  return {
    authority,
    next: readPair(FIELDS.nextCert, FIELDS.nextKey),
    previous: (read(FIELDS.previous) ?? '').match(CERTIFICATE) ?? [],
    rotatedAt: rotatedAt === undefined || Number.isNaN(Date.parse(rotatedAt)) ? undefined : new Date(rotatedAt),
    isRotationAsked: asked !== undefined,
    digestKey,
    evidenceKey: read(FIELDS.evidenceKey),
  }
}

const toData = ({ authority, next, previous, digestKey, evidenceKey }: Secrets): Readonly<Record<string, string>> => ({
  [FIELDS.cert]: encode(authority.cert),
  [FIELDS.key]: encode(authority.key),
  [FIELDS.digestKey]: encode(digestKey),
  ...(evidenceKey === undefined ? {} : { [FIELDS.evidenceKey]: encode(evidenceKey) }),
  ...(next === undefined ? {} : { [FIELDS.nextCert]: encode(next.cert), [FIELDS.nextKey]: encode(next.key) }),
  ...(previous.length === 0 ? {} : { [FIELDS.previous]: encode(previous.join('\n')) }),
})

function toAnnotations({ rotatedAt, isRotationAsked }: Secrets, before: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
  const { [ROTATE]: asked, ...others } = before
  return {
    ...others,
    ...(asked === undefined || !isRotationAsked ? {} : { [ROTATE]: asked }),
    ...(rotatedAt === undefined ? {} : { [ROTATED_AT]: rotatedAt.toISOString() }),
  }
}

/**
 * Keeps an authority of its own in a Secret and a serving certificate in memory. A rotation has three steps, each of them stored before
 * the next one: the next authority is trusted; it signs, once the registration was read back to trust it; the old one is not trusted any
 * more, an hour later. Replicas share the Secret, and each may take any step.
 */
export class CertificateSync {
  readonly #options: CertificateSyncOptions
  readonly #address: ObjectAddress
  readonly #loop: Loop
  #cache: ObjectCache | undefined
  #secrets: Secrets | undefined
  #serving: { readonly pair: KeyPair; readonly authority: string } | undefined
  #pendingTimer: NodeJS.Timeout | undefined

  constructor(options: CertificateSyncOptions) {
    this.#options = options
    this.#address = { group: '', version: 'v1', resource: 'secrets', namespace: options.namespace, name: options.name }
    this.#loop = new Loop('certificates', () => this.#run(), options.logger)
  }

  /** Loads or makes everything; resolves when there is a certificate to serve. */
  async start(): Promise<KeyPair> {
    await this.#run()
    this.#cache = this.#options.cluster.follow(this.#address, () => this.#loop.request())
    this.#loop.every(CHECK_MS)
    if (this.#serving === undefined) throw new OperationalError('KubeUnavailable', 'no serving certificate', { isRetryable: true })
    return this.#serving.pair
  }

  stop(): void {
    clearTimeout(this.#pendingTimer)
    this.#cache?.stop()
    this.#loop.stop()
  }

  /** Asks for a run: what the API server trusts has changed. */
  request(): void {
    this.#loop.request()
  }

  /** Reads the Secret again, so that what another replica has stored is in the bundle. */
  async refresh(): Promise<void> {
    await this.#update(async (current) => current)
  }

  /** The certificates that the API server has to trust, PEM. */
  get bundle(): string {
    const { authority, next, previous = [] } = this.#secrets ?? {}
    return [authority?.cert ?? [], next?.cert ?? [], previous]
      .flat()
      .map((cert) => cert.trim())
      .join('\n')
  }

  get digestKey(): string {
    return this.#secrets?.digestKey ?? ''
  }

  /** Signs the decision log, PEM; undefined before the start. */
  get evidenceKey(): string | undefined {
    return this.#secrets?.evidenceKey
  }

  async #run(): Promise<void> {
    await this.#update((current) => this.#advance(current.evidenceKey === undefined ? { ...current, evidenceKey: makeEvidenceKey() } : current))
    const isServed = await this.#serve()
    clearTimeout(this.#pendingTimer)
    if (isServed && !this.#isRotationDue(this.#secrets)) return
    this.#pendingTimer = setTimeout(() => this.#loop.request(), PENDING_MS)
    this.#pendingTimer.unref()
  }

  #isRotationDue(secrets: Secrets | undefined): boolean {
    if (secrets === undefined) return false
    return secrets.isRotationAsked || remainingMs(secrets.authority.cert, this.#options.now()) < SWITCH_AUTHORITY_DAYS * DAY_MS
  }

  /** The next step that is due, or the secrets as they are. */
  async #advance(current: Secrets): Promise<Secrets> {
    const { now, trustedForMs, logger } = this.#options
    const { authority, next, previous, rotatedAt } = current
    const isDue = this.#isRotationDue(current)
    if (next === undefined) {
      const isNear = remainingMs(authority.cert, now()) < NEXT_AUTHORITY_DAYS * DAY_MS
      if (isDue || isNear) return { ...current, next: await makeAuthority(now()) }
    } else if (isDue && (trustedForMs(next.cert) ?? 0) >= TRUST_MS) {
      logger.info('authority replaced', { isAskedFor: current.isRotationAsked })
      return {
        ...current,
        authority: next,
        next: undefined,
        previous: [authority.cert, ...previous].slice(0, MAX_PREVIOUS),
        rotatedAt: now(),
        isRotationAsked: false,
      }
    }
    const isOver = rotatedAt !== undefined && now().getTime() - rotatedAt.getTime() > PREVIOUS_MS
    return isOver && previous.length > 0 ? { ...current, previous: [] } : current
  }

  /** Serves a certificate of the present authority; false where the API server does not trust that one yet. */
  async #serve(): Promise<boolean> {
    if (this.#secrets === undefined) return true
    const { hosts, now, onServing, trustedForMs } = this.#options
    const { authority } = this.#secrets
    const isOther = this.#serving?.authority !== authority.cert
    if (this.#serving !== undefined) {
      if (!isOther && remainingMs(this.#serving.pair.cert, now()) >= RENEW_SERVING_DAYS * DAY_MS) return true
      // INVARIANT: what is served has been trusted before. Only at the start there is nothing else to serve.
      if (isOther && trustedForMs(authority.cert) === undefined) return false
    }
    const pair = await makeServingCertificate(authority, hosts, now())
    this.#serving = { pair, authority: authority.cert }
    onServing(pair)
    return true
  }

  /** Reads the Secret, or makes it, and writes back what the change makes of it; another replica's write in between is taken up. */
  async #update(change: (current: Secrets) => Promise<Secrets>): Promise<void> {
    const { cluster } = this.#options
    for (let attempt = 0; ; attempt++) {
      try {
        const object = await cluster.find(this.#address)
        const stored = object === undefined ? undefined : readSecrets(object)
        // Where the Secret was lost, what is in use is stored again: a new authority would not be trusted yet.
        const wanted = await change(stored ?? this.#secrets ?? (await this.#make()))
        if (object === undefined) await cluster.create(this.#address, this.#toObject(wanted))
        else if (wanted !== stored) {
          const metadata = { ...object.metadata, annotations: toAnnotations(wanted, object.metadata.annotations) }
          await cluster.replace(this.#address, { ...object, metadata, data: toData(wanted) })
        }
        this.#adopt(wanted)
        return
      } catch (error) {
        if (attempt === ATTEMPTS || !(error instanceof OperationalError && error.code === 'KubeConflict')) throw error
      }
    }
  }

  async #make(): Promise<Secrets> {
    const authority = await makeAuthority(this.#options.now())
    return {
      authority,
      next: undefined,
      previous: [],
      rotatedAt: undefined,
      isRotationAsked: false,
      digestKey: randomBytes(32).toString('hex'),
      evidenceKey: makeEvidenceKey(),
    }
  }

  #adopt(secrets: Secrets): void {
    const before = this.bundle
    this.#secrets = secrets
    if (before !== this.bundle) this.#options.onBundle()
  }

  #toObject(secrets: Secrets): KubernetesObject {
    const { namespace, name } = this.#options
    const metadata = { name, namespace, labels: { 'app.kubernetes.io/managed-by': 'bylaw' }, annotations: toAnnotations(secrets) }
    return { apiVersion: 'v1', kind: 'Secret', metadata, type: 'Opaque', data: toData(secrets) }
  }
}
