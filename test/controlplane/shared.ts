import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { type Cluster, connect, connectionFile, readConnection } from './cluster.ts'
import { type ControlPlane, startControlPlane } from './control-plane.ts'

/** Names the control plane that test files share: the URL of an offer, or the `connection.json` of one that runs. */
const VARIABLE = 'BYLAW_CONTROL_PLANE'

/** A time limit for a hook that calls `sharedControlPlane`: the first one may have to wait for a build. */
export const CONTROL_PLANE_MS = 900_000

let own: Promise<ControlPlane> | undefined

/**
 * The control plane that all test files of this run share, with a controller manager where there is one. It is started when the first
 * test file asks. Outside a jest run that offers one, this process gets one of its own.
 */
export async function sharedControlPlane(): Promise<Cluster> {
  const where = process.env[VARIABLE]
  if (where === undefined || where === '') {
    own ??= startControlPlane({ controllerManager: true })
    return own
  }
  return connect(readConnection(where.startsWith('http:') ? await ask('GET', where) : where))
}

/** Offers a control plane to this process and its children: started when the first of them asks for it. */
export async function offerControlPlane(): Promise<void> {
  // One that was started by hand is used as it is.
  if (process.env[VARIABLE]) return
  let offered: Promise<ControlPlane> | undefined
  const serve = async ({ method }: IncomingMessage): Promise<string> => {
    if (method === 'GET') {
      offered ??= startControlPlane({ controllerManager: true })
      return connectionFile((await offered).dir)
    }
    await (await offered)?.stop()
    return 'stopped'
  }
  const server = createServer((message: IncomingMessage, response: ServerResponse) => {
    // An idle connection would keep jest alive.
    response.setHeader('connection', 'close')
    serve(message).then(
      (answer) => response.end(answer),
      (error: unknown) => response.writeHead(500).end(error instanceof Error ? error.message : String(error)),
    )
  })
  server.unref()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the offer of a control plane has no port')
  process.env[VARIABLE] = `http://127.0.0.1:${address.port}/`
}

/** Stops the control plane that was offered, if anyone has asked for it. */
export async function withdrawControlPlane(): Promise<void> {
  const where = process.env[VARIABLE]
  if (where?.startsWith('http:')) await ask('DELETE', where)
}

/** Unlike `fetch`, waits for an answer as long as it takes. */
function ask(method: string, url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const message = request(url, { method }, (response) => {
      text(response).then((answer) => (response.statusCode === 200 ? resolve(answer) : reject(new Error(answer))), reject)
    })
    message.on('error', reject)
    message.end()
  })
}
