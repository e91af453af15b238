import { createPrivateKey, createPublicKey, generateKeyPairSync, hash, type KeyObject, sign, verify } from 'node:crypto'

/** Where a chain stands: the number and the digest of its last line. */
export interface ChainState {
  readonly seq: number
  /** SHA-256 of the last line's bytes without its end of line, hexadecimal. */
  readonly hash: string
}

/** A line and the state after it. */
export interface ChainLink {
  readonly line: string
  readonly state: ChainState
}

/** Before the first line. */
export const CHAIN_START: ChainState = { seq: 0, hash: '0'.repeat(64) }

/** Ed25519 by a private key, with the public one that proves it. */
export interface Signer {
  /** SubjectPublicKeyInfo, base64. */
  readonly publicKey: string
  sign(text: string): string
}

const SIGNATURE = /^(.*),"sig":"([A-Za-z0-9+/]+={0,2})"\}$/s

const digestOf = (line: string): string => hash('sha256', line, 'hex')

/** The digest of a line as the next one names it. */
export const hashOfLine = (line: Uint8Array): string => hash('sha256', line, 'hex')

const place = ({ seq, hash: prev }: ChainState, body: string): string => `{"seq":${seq + 1},"prev":"${prev}",${body.slice(1)}`

const link = (before: ChainState, line: string): ChainLink => ({ line, state: { seq: before.seq + 1, hash: digestOf(line) } })

/** Puts a body, a JSON object of one line that is not empty, at the end of a chain. */
export const extend = (before: ChainState, body: string): ChainLink => link(before, place(before, body))

/** The same for a body that is signed together with its place: with it everything before it is. */
export function extendSigned(before: ChainState, body: string, signer: Signer): ChainLink {
  const text = place(before, body).slice(0, -1)
  return link(before, `${text},"sig":"${signer.sign(text)}"}`)
}

/** Whether a line carries a signature, and whether that is of the key. */
export function checkSignature(line: string, publicKey: KeyObject): 'none' | 'good' | 'bad' {
  const match = SIGNATURE.exec(line)
  if (match === null) return 'none'
  const [, text = '', signature = ''] = match
  return verify(null, Buffer.from(text, 'utf8'), publicKey, Buffer.from(signature, 'base64')) ? 'good' : 'bad'
}

/** Makes a key for signatures, PEM. */
export function makeEvidenceKey(): string {
  return generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
}

/** Reads a private key, PEM; throws where it is no Ed25519 key. */
export function signerOf(pem: string): Signer {
  const key = createPrivateKey(pem)
  if (key.asymmetricKeyType !== 'ed25519') throw new Error('expected an Ed25519 key')
  const publicKey = createPublicKey(key).export({ type: 'spki', format: 'der' }).toString('base64')
  return { publicKey, sign: (text) => sign(null, Buffer.from(text, 'utf8'), key).toString('base64') }
}

/** Reads a public key: PEM, of the private key too, or the base64 text of a header; undefined where it is none. */
export function readPublicKey(text: string): KeyObject | undefined {
  try {
    const key = text.includes('-----BEGIN') ? createPublicKey(text) : createPublicKey({ key: Buffer.from(text.trim(), 'base64'), format: 'der', type: 'spki' })
    return key.asymmetricKeyType === 'ed25519' ? key : undefined
  } catch {
    return undefined
  }
}

/** The public key as headers carry it. */
export const printPublicKey = (key: KeyObject): string => key.export({ type: 'spki', format: 'der' }).toString('base64')

/** Sixteen digits by which people compare public keys. */
export const fingerprintOf = (publicKey: string): string => hash('sha256', Buffer.from(publicKey, 'base64'), 'hex').slice(0, 16)
