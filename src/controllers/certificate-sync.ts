import { randomBytes } from 'node:crypto'
import { isRecord, type KubernetesObject, OperationalError } from '../api/index.ts'
import type { Logger } from '../evidence/index.ts'
import { type KeyPair, makeAuthority, makeServingCertificate, remainingMs } from './certificates.ts'
import type { Cluster, ObjectAddress } from './cluster.ts'
import { Loop } from './loop.ts'

const DAY_MS = 24 * 60 * 60 * 1000
/** The next authority is trusted this long before the first certificate that it signs is served. */
const NEXT_AUTHORITY_DAYS = 60
const SWITCH_AUTHORITY_DAYS = 30
const RENEW_SERVING_DAYS = 30
const CHECK_MS = 60 * 60 * 1000
const ATTEMPTS = 5

/** What Bylaw keeps secret: its authority, the one that follows, and the key of the digests that stand for hidden values. */
interface Secrets {
  readonly authority: KeyPair
  readonly next: KeyPair | undefined
  readonly digestKey: string
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
  readonly onServing: (pair: KeyPair) => void
  /** Called when the bundle that the API server has to trust has changed. */
  readonly onBundle: () => void
}

const FIELDS = { cert: 'ca.crt', key: 'ca.key', nextCert: 'next-ca.crt', nextKey: 'next-ca.key', digestKey: 'digest.key' } as const

const encode = (text: string): string => Buffer.from(text, 'utf8').toString('base64')

function decode(data: unknown, field: string): string | undefined {
  const value = isRecord(data) ? data[field] : undefined
  return typeof value === 'string' ? Buffer.from(value, 'base64').toString('utf8') : undefined
}

function readSecrets(object: KubernetesObject): Secrets | undefined {
  const data = object['data']
  const [cert, key, nextCert, nextKey, digestKey] = [FIELDS.cert, FIELDS.key, FIELDS.nextCert, FIELDS.nextKey, FIELDS.digestKey].map((field) =>
    decode(data, field),
  )
  if (cert === undefined || key === undefined || digestKey === undefined) return undefined
  return { authority: { cert, key }, next: nextCert === undefined || nextKey === undefined ? undefined : { cert: nextCert, key: nextKey }, digestKey }
}

const toData = ({ authority, next, digestKey }: Secrets): Readonly<Record<string, string>> => ({
  [FIELDS.cert]: encode(authority.cert),
  [FIELDS.key]: encode(authority.key),
  [FIELDS.digestKey]: encode(digestKey),
  ...(next === undefined ? {} : { [FIELDS.nextCert]: encode(next.cert), [FIELDS.nextKey]: encode(next.key) }),
})

/**
 * Keeps an authority of its own in a Secret and a serving certificate in memory. The next authority is trusted a month before
 * it signs, so that a rotation never meets an API server that does not know it.
 */
export class CertificateSync {
  readonly #options: CertificateSyncOptions
  readonly #address: ObjectAddress
  readonly #loop: Loop
  #secrets: Secrets | undefined
  #serving: KeyPair | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(options: CertificateSyncOptions) {
    this.#options = options
    this.#address = { group: '', version: 'v1', resource: 'secrets', namespace: options.namespace, name: options.name }
    this.#loop = new Loop('certificates', () => this.#run(), options.logger)
  }

  /** Loads or makes everything; resolves when there is a certificate to serve. */
  async start(): Promise<KeyPair> {
    await this.#run()
    this.#timer = setInterval(() => this.#loop.request(), CHECK_MS)
    this.#timer.unref()
    if (this.#serving === undefined) throw new OperationalError('KubeUnavailable', 'no serving certificate', { isRetryable: true })
    return this.#serving
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#loop.stop()
  }

  /** The certificates that the API server has to trust, PEM. */
  get bundle(): string {
    const { authority, next } = this.#secrets ?? {}
    return [authority, next].flatMap((pair) => pair?.cert ?? []).join('\n')
  }

  get digestKey(): string {
    return this.#secrets?.digestKey ?? ''
  }

  /** Replaces the authority now: the next one, which is trusted already, takes over, and another follows it. */
  async rotate(): Promise<void> {
    const { now } = this.#options
    await this.#update(async (current) => ({ ...current, authority: current.next ?? (await makeAuthority(now())), next: await makeAuthority(now()) }))
    await this.#serve()
  }

  async #run(): Promise<void> {
    const { now } = this.#options
    await this.#update(async (current) => {
      const left = remainingMs(current.authority.cert, now())
      if (left < SWITCH_AUTHORITY_DAYS * DAY_MS && current.next !== undefined) return { ...current, authority: current.next, next: undefined }
      if (left < NEXT_AUTHORITY_DAYS * DAY_MS && current.next === undefined) return { ...current, next: await makeAuthority(now()) }
      return current
    })
    if (this.#serving === undefined || remainingMs(this.#serving.cert, now()) < RENEW_SERVING_DAYS * DAY_MS) await this.#serve()
  }

  async #serve(): Promise<void> {
    if (this.#secrets === undefined) return
    const { hosts, now, onServing } = this.#options
    this.#serving = await makeServingCertificate(this.#secrets.authority, hosts, now())
    onServing(this.#serving)
  }

  /** Reads the Secret, or makes it, and writes back what the change makes of it; another instance's write in between is taken up. */
  async #update(change: (current: Secrets) => Promise<Secrets>): Promise<void> {
    const { cluster } = this.#options
    for (let attempt = 0; ; attempt++) {
      try {
        const object = await cluster.find(this.#address)
        const stored = object === undefined ? undefined : readSecrets(object)
        const current = stored ?? { authority: await makeAuthority(this.#options.now()), next: undefined, digestKey: randomBytes(32).toString('hex') }
        const wanted = await change(current)
        if (object === undefined) await cluster.create(this.#address, this.#toObject(wanted))
        else if (wanted !== stored) await cluster.replace(this.#address, { ...object, data: toData(wanted) })
        this.#adopt(wanted)
        return
      } catch (error) {
        if (attempt === ATTEMPTS || !(error instanceof OperationalError && error.code === 'KubeConflict')) throw error
      }
    }
  }

  #adopt(secrets: Secrets): void {
    const before = this.bundle
    this.#secrets = secrets
    if (before !== this.bundle) this.#options.onBundle()
  }

  #toObject(secrets: Secrets): KubernetesObject {
    const { namespace, name } = this.#options
    const metadata = { name, namespace, labels: { 'app.kubernetes.io/managed-by': 'bylaw' } }
    return { apiVersion: 'v1', kind: 'Secret', metadata, type: 'Opaque', data: toData(secrets) }
  }
}
