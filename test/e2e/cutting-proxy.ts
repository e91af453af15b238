import { readFileSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import type { ControlPlane } from '../controlplane/control-plane.ts'

/** A TCP proxy whose connections can be cut at any byte. */
export class CuttingProxy {
  readonly #targetPort: number
  readonly #server = createServer({ allowHalfOpen: false }, (client) => this.#join(client))
  readonly #left = new Map<Socket, number>()
  readonly #servers = new Set<Socket>()
  #limit = Number.POSITIVE_INFINITY

  constructor(targetPort: number) {
    this.#targetPort = targetPort
  }

  /** Starts to listen on a free port of loopback; resolves with it. */
  listen(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(0, '127.0.0.1', () => {
        const address = this.#server.address()
        if (address === null || typeof address === 'string') reject(new Error('the proxy has no port'))
        else resolve(address.port)
      })
    })
  }

  /** From now on each connection, old or new, is cut after so many more bytes from the server. */
  cutAfter(bytes: number): void {
    this.#limit = bytes
    for (const client of this.#left.keys()) {
      this.#left.set(client, bytes)
      if (bytes === 0) client.destroy()
    }
  }

  /** Keeps back what the server sends on the connections that there are; new ones are served. */
  hold(): void {
    for (const server of this.#servers) server.pause()
  }

  /** Lets go of what was kept back. */
  release(): void {
    for (const server of this.#servers) server.resume()
  }

  /** Lets everything pass again. */
  heal(): void {
    this.cutAfter(Number.POSITIVE_INFINITY)
  }

  close(): void {
    this.#server.close()
    this.cutAfter(0)
  }

  #join(client: Socket): void {
    const server = connect(this.#targetPort, '127.0.0.1')
    this.#left.set(client, this.#limit)
    this.#servers.add(server)
    client.on('data', (chunk) => server.write(chunk))
    server.on('data', (chunk: Buffer) => {
      const left = (this.#left.get(client) ?? 0) - chunk.length
      this.#left.set(client, left)
      client.write(left < 0 ? chunk.subarray(0, chunk.length + left) : chunk)
      if (left <= 0) client.end(() => client.destroy())
    })
    client.on('close', () => {
      this.#left.delete(client)
      server.destroy()
    })
    server.on('close', () => {
      this.#servers.delete(server)
      client.destroy()
    })
    // What breaks on one side is seen on the other as a connection that closes.
    for (const socket of [client, server]) socket.on('error', () => undefined)
  }
}

/** A proxy before the API server of a control plane, and an administrator's kubeconfig that goes through it. */
export async function proxyTo({ url, dir, adminKubeconfig }: ControlPlane): Promise<{ readonly proxy: CuttingProxy; readonly kubeconfig: string }> {
  const proxy = new CuttingProxy(Number(new URL(url).port))
  const through = `https://127.0.0.1:${await proxy.listen()}`
  const kubeconfig = join(dir, 'through-proxy.kubeconfig')
  writeFileSync(kubeconfig, readFileSync(adminKubeconfig, 'utf8').replaceAll(url, through), { mode: 0o600 })
  return { proxy, kubeconfig }
}
