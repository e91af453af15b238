import { once } from 'node:events'
import { createServer } from 'node:net'

/** Below the range from which systems take ports for outgoing connections, so that a server can come back to its port. */
const FIRST = 20_000
const COUNT = 10_000
const ATTEMPTS = 100

/** A loopback port that was free a moment ago. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const port = FIRST + Math.floor(Math.random() * COUNT)
    if (await isFree(port)) return port
  }
  throw new Error(`no free port was found between ${FIRST} and ${FIRST + COUNT}`)
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1')
  try {
    await once(server, 'listening')
    return true
  } catch {
    return false
  } finally {
    server.close()
  }
}
