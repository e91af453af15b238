import { connect as connectPlain } from 'node:net'
import { connect } from 'node:tls'
import type { OpenDoor } from '../doors/https-door.ts'

/** What a connection gave until the other side closed it. */
export interface RawAnswer {
  readonly text: string
  readonly afterMs: number
  /** Whether the other side ended the connection by itself, rather than us giving up. */
  readonly isClosed: boolean
}

export interface RawOptions {
  /** Without TLS, as a client that took the wrong port. */
  readonly isPlain?: boolean
  /** Time after which the client gives up. */
  readonly patienceMs?: number
  /** Ends the wait once the answer so far satisfies it. */
  readonly until?: (text: string) => boolean
}

/** Sends bytes as they are, in parts, and waits until the other side closes the connection. */
export function sendRaw(
  { port, ca }: OpenDoor,
  parts: readonly (string | Buffer)[],
  { isPlain = false, patienceMs = 10_000, until }: RawOptions = {},
): Promise<RawAnswer> {
  const startedMs = performance.now()
  return new Promise((resolve) => {
    let text = ''
    const onReady = (): void => {
      for (const part of parts) socket.write(part)
    }
    const socket = isPlain ? connectPlain(port, '127.0.0.1', onReady) : connect({ port, host: '127.0.0.1', ca, servername: 'localhost' }, onReady)
    const finish = (isClosed: boolean): void => {
      clearTimeout(timer)
      socket.destroy()
      resolve({ text, afterMs: performance.now() - startedMs, isClosed })
    }
    const timer = setTimeout(() => finish(false), patienceMs)
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
      if (until?.(text) === true) finish(false)
    })
    socket.on('error', () => {})
    socket.on('close', () => finish(true))
  })
}

/** The head of a POST. */
export const head = (path: string, headers: Readonly<Record<string, string | number>>): string =>
  [
    `POST ${path} HTTP/1.1`,
    'Host: localhost',
    'Content-Type: application/json',
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    '',
    '',
  ].join('\r\n')
