import { randomUUID } from 'node:crypto'
import { Agent, type AgentOptions, request as httpsRequest } from 'node:https'
import { text } from 'node:stream/consumers'
import { type TLSSocket, connect as tlsConnect } from 'node:tls'
import type { Json } from '../api/resources.ts'
import { at, type Scene } from './scene.ts'

/** How a door answered: refused for what the object is, refused or let pass without a judgement, or not at all. */
export type Verdict = 'allowed' | 'denied' | 'notEvaluated' | 'notJudged' | 'error' | 'none'

/** The two classes of registration entries. */
export type FailureClass = 'fail' | 'ignore'

export interface Reply {
  readonly verdict: Verdict
  /** 0 where there was no answer. */
  readonly status: number
  readonly elapsedMs: number
}

/** A review of the creation of a ConfigMap, as the API server would send it. */
export function reviewOf(object: Json, uid = randomUUID()): string {
  const resource = { group: '', version: 'v1', resource: 'configmaps' }
  const kind = { group: '', version: 'v1', kind: 'ConfigMap' }
  const request = {
    ...{
      uid,
      kind,
      resource,
      requestKind: kind,
      requestResource: resource,
      operation: 'CREATE',
      userInfo: { username: 'stress', groups: ['system:authenticated'] },
    },
    ...{ name: at(object, 'metadata', 'name'), namespace: at(object, 'metadata', 'namespace'), object, oldObject: null, dryRun: false, options: null },
  }
  return JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', request })
}

function verdictOf(status: number, body: string, uid: string | undefined): Verdict {
  if (status !== 200) return 'error'
  const answer: unknown = JSON.parse(body)
  if (uid !== undefined && at(answer, 'response', 'uid') !== uid) throw new Error(`an answer to another request: ${body}`)
  if (at(answer, 'response', 'allowed') === true) return body.includes('bylaw did not judge this request') ? 'notJudged' : 'allowed'
  return body.includes('could not be evaluated') ? 'notEvaluated' : 'denied'
}

/** The operator's HTTPS door, called as the API server calls it. */
export class Door {
  readonly #port: number
  readonly #ca: string

  private constructor(port: number, ca: string) {
    this.#port = port
    this.#ca = ca
  }

  /** The door of a scene, trusted by what the registration says. */
  static async of(scene: Scene): Promise<Door> {
    const [entry] = await scene.entries()
    return new Door(scene.bylaw.admissionPort, Buffer.from(String(at(entry, 'clientConfig', 'caBundle')), 'base64').toString('utf8'))
  }

  /** Connections of their own. */
  agent(options: AgentOptions = {}): Agent {
    return new Agent({ keepAlive: true, ca: this.#ca, servername: 'localhost', ...options })
  }

  /** Sends one review. */
  post(agent: Agent, failureClass: FailureClass, body: string | Buffer, timeoutMs = 60_000): Promise<Reply> {
    const startMs = performance.now()
    const uid = typeof body === 'string' ? /"uid":"([^"]+)"/.exec(body)?.[1] : undefined
    return new Promise((resolve, reject) => {
      const none = (): void => resolve({ verdict: 'none', status: 0, elapsedMs: performance.now() - startMs })
      const options = {
        agent,
        host: '127.0.0.1',
        port: this.#port,
        method: 'POST',
        path: `/validate/${failureClass}/equivalent`,
        signal: AbortSignal.timeout(timeoutMs),
      }
      const request = httpsRequest({ ...options, headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) } }, (response) => {
        text(response).then((answer) => {
          try {
            const status = response.statusCode ?? 0
            resolve({ verdict: verdictOf(status, answer, uid), status, elapsedMs: performance.now() - startMs })
          } catch (error) {
            reject(error)
          }
        }, none)
      })
      request.on('error', none)
      request.end(body)
    })
  }

  /** A bare connection. */
  connect(): Promise<TLSSocket> {
    return new Promise((resolve, reject) => {
      const socket = tlsConnect({ port: this.#port, host: '127.0.0.1', servername: 'localhost', ca: this.#ca }, () => {
        socket.off('error', reject)
        socket.on('error', () => undefined)
        resolve(socket)
      })
      socket.once('error', reject)
    })
  }
}

/** The head of a request whose body is to follow. */
export const headOf = (failureClass: FailureClass, bytes: number): string =>
  `POST /validate/${failureClass}/equivalent HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${bytes}\r\n\r\n`
