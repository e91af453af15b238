import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Config } from '../api/index.ts'
import { CertificateSync, type CertificateSyncOptions, type KeyPair } from '../controllers/index.ts'

const FILE_CHECK_MS = 60_000

/** The serving certificate, made or read, behind one face. */
export interface ServingCertificate {
  /** The authorities that a client has to trust, PEM. */
  bundle(): string
  /** The key of digests of values, hexadecimal; empty before the start. */
  readonly digestKey: string
  /** The key that signs the decision log, PEM; undefined where nobody keeps one. */
  readonly evidenceKey: string | undefined
  /** Resolves with the pair to serve; later ones are handed to `onServing`. */
  start(onServing: (pair: KeyPair) => void): Promise<KeyPair>
  request(): void
  refresh(): Promise<void>
  stop(): Promise<void> | void
}

interface Files {
  readonly certFile: string
  readonly keyFile: string
  readonly caFile: string
}

/** When a certificate ends, in milliseconds. */
export const endOfCertificate = (cert: string): number => Date.parse(new X509Certificate(cert).validTo)

/** A certificate that others keep in files; looked at once a minute. The keys of Bylaw's own are in its Secret all the same: an approval must count on every instance, and after a restart. */
function certificateFromFiles({ certFile, keyFile, caFile }: Files, options: Omit<CertificateSyncOptions, 'onServing'>): ServingCertificate {
  const keys = new CertificateSync({ ...options, onServing: () => {}, onBundle: () => {} })
  const read = (): KeyPair => ({ cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') })
  let timer: NodeJS.Timeout | undefined
  return {
    bundle: () => readFileSync(caFile, 'utf8'),
    get digestKey() {
      return keys.digestKey
    },
    get evidenceKey() {
      return keys.evidenceKey
    },
    start: async (onServing) => {
      await keys.refresh()
      let served = read()
      timer = setInterval(() => {
        const next = read()
        if (next.cert === served.cert) return
        served = next
        onServing(next)
        options.onBundle()
      }, FILE_CHECK_MS)
      timer.unref()
      return served
    },
    request: () => {},
    refresh: async () => {},
    stop: () => clearInterval(timer),
  }
}

/** A certificate of Bylaw's own authority, kept in a Secret that all replicas share. */
function certificateFromSecret(options: Omit<CertificateSyncOptions, 'onServing'>): ServingCertificate {
  let replace: (pair: KeyPair) => void = () => {}
  const sync = new CertificateSync({ ...options, onServing: (pair) => replace(pair) })
  return {
    bundle: () => sync.bundle,
    get digestKey() {
      return sync.digestKey
    },
    get evidenceKey() {
      return sync.evidenceKey
    },
    start: async (onServing) => {
      const first = await sync.start()
      replace = onServing
      return first
    },
    request: () => sync.request(),
    refresh: () => sync.refresh(),
    stop: () => sync.stop(),
  }
}

/** The certificate that the configuration asks for. */
export function servingCertificate(
  { source, certFile, keyFile, caFile }: Config['certificates'],
  options: Omit<CertificateSyncOptions, 'onServing'>,
): ServingCertificate {
  if (source === 'Files' && certFile !== undefined && keyFile !== undefined && caFile !== undefined) {
    return certificateFromFiles({ certFile, keyFile, caFile }, options)
  }
  return certificateFromSecret(options)
}
