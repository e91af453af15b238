import { connect, createServer, type Socket } from 'node:net'

/** Spreads connections over ports of this machine, as a Service does: what stands keeps its end, whatever is chosen for new ones. */
export class Balancer {
  readonly #server = createServer((client) => this.#join(client))
  readonly #sockets = new Set<Socket>()
  #ports: readonly number[] = []
  #turn = 0

  /** Starts to listen; resolves with the port. */
  listen(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(0, '127.0.0.1', () => {
        const address = this.#server.address()
        if (address === null || typeof address === 'string') reject(new Error('the balancer has no port'))
        else resolve(address.port)
      })
    })
  }

  /** The ports that new connections go to, in turn. */
  use(...ports: readonly number[]): void {
    this.#ports = ports
  }

  close(): void {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
  }

  #join(client: Socket): void {
    this.#turn += 1
    const port = this.#ports[this.#turn % this.#ports.length]
    if (port === undefined) {
      client.destroy()
      return
    }
    const server = connect({ host: '127.0.0.1', port, noDelay: true })
    client.setNoDelay(true)
    client.pipe(server).pipe(client)
    for (const [socket, other] of [[client, server] as const, [server, client] as const]) {
      this.#sockets.add(socket)
      socket.on('error', () => other.destroy())
      socket.on('close', () => {
        this.#sockets.delete(socket)
        other.destroy()
      })
    }
  }
}
