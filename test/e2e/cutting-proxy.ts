import { connect, createServer, type Socket } from 'node:net'

/** A TCP proxy whose connections can be cut at any byte. */
export class CuttingProxy {
  readonly #targetPort: number
  readonly #server = createServer({ allowHalfOpen: false }, (client) => this.#join(client))
  readonly #left = new Map<Socket, number>()
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
    server.on('close', () => client.destroy())
    // What breaks on one side is seen on the other as a connection that closes.
    for (const socket of [client, server]) socket.on('error', () => undefined)
  }
}
