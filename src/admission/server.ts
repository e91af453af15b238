import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import { type AdmissionRequest, type AdmissionResponse, parseAdmissionReview, parseJson } from '../api/index.ts'
import type { DoorLoad, UndecidedReason } from '../evidence/index.ts'
import { type Answer, denial, errorAnswer, reviewAnswer } from './answer.ts'
import { type ApprovalDependencies, stampException } from './approval.ts'
import { stampBreakGlass } from './break-glass.ts'
import { type DecisionDependencies, DecisionDesk, decisionIdOf } from './decisions.ts'
import { type GuardDependencies, guardDefinitions, guardEnvironment, guardResources } from './guards.ts'
import { type FailureClass, type ReviewDependencies, type Route, review, undecided } from './review.ts'

/** A certificate and its key, PEM. */
export interface ServingCertificate {
  readonly cert: string
  readonly key: string
}

export interface AdmissionServerOptions {
  readonly certificate: ServingCertificate
  readonly review: ReviewDependencies
  readonly guards: GuardDependencies
  readonly approval: ApprovalDependencies
  /** Absent where no decision can be read here. */
  readonly decisions?: DecisionDependencies
  readonly maxBodyBytes: number
  /** Reviews that may be under way at once; more are shed. */
  readonly maxReviews: number
  /** Bytes of bodies that may be held at once over all reviews. */
  readonly maxHeldBytes: number
}

type Guard = (request: AdmissionRequest) => AdmissionResponse | Promise<AdmissionResponse>

/** How long a client that is answered early may go on writing. */
const LINGER_MS = 500
/** The API server keeps idle connections for 90 s; closing one first would race with its next request. */
const KEEP_ALIVE_MS = 120_000
/** Before the door closes, connections that are in use are given up by their next answer for so long: one that is cut may carry a request. */
const DRAIN_MS = 3000
const DRAIN_CHECK_MS = 50
/** How often it is looked for requests that do not arrive in time; the library's half minute would let them pile up. */
const CHECK_TIMEOUTS_MS = 1000
/** Judging pauses after this time to read what has arrived meanwhile, so that what waits is known, timed and bounded. */
const SLICE_MS = 5
const UID_IN_BODY = /"uid"\s*:\s*"([A-Za-z0-9-]{1,64})"/

const routeOf = (path: string): Route | undefined => {
  const match = /^\/(validate|mutate)\/(fail|ignore)\/(equivalent|any|exact)$/.exec(path)
  if (match === null) return undefined
  const [, act, kind, lane] = match
  const failureClass: FailureClass = kind === 'fail' ? 'fail' : 'ignore'
  return { act: act === 'mutate' ? 'mutate' : 'validate', failureClass, lane: lane === 'any' ? 'any' : lane === 'exact' ? 'exact' : 'equivalent' }
}

/** The HTTPS door. One request never delays another but by the time that its decision takes. */
export class AdmissionServer {
  readonly #options: AdmissionServerOptions
  readonly #server: Server
  readonly #guards: ReadonlyMap<string, Guard>
  readonly #desk: DecisionDesk | undefined
  readonly #waiting: (() => void)[] = []
  /** Answers that wait until what they say is on record. */
  #held: ((isKept: boolean) => void)[] = []
  #isJudging = false
  #reviews = 0
  #heldBytes = 0
  #isDraining = false

  constructor(options: AdmissionServerOptions) {
    this.#options = options
    this.#guards = new Map<string, Guard>([
      ['/guard/definitions', guardDefinitions],
      ['/guard/resources', (request) => guardResources(request, options.guards)],
      ['/stamp/exceptions', (request) => stampException(request, options.approval)],
      ['/stamp/break-glass', (request) => stampBreakGlass(request, options.approval)],
      ['/guard/environment', (request) => guardEnvironment(request, options.guards)],
    ])
    const { deadlineMs, clock } = options.review
    this.#desk = options.decisions === undefined ? undefined : new DecisionDesk(options.decisions, clock.elapsedMs)
    this.#server = createServer(
      { ...options.certificate, minVersion: 'TLSv1.2', connectionsCheckingInterval: CHECK_TIMEOUTS_MS, handshakeTimeout: deadlineMs },
      (request, response) => this.#serve(request, response),
    )
    this.#server.keepAliveTimeout = KEEP_ALIVE_MS
    this.#server.headersTimeout = options.review.deadlineMs
    this.#server.requestTimeout = options.review.deadlineMs
    this.#server.on('clientError', (_error, socket) => {
      if (socket.writable) socket.write('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n')
      // A client that never ends its side, nor reads ours, must not keep the connection and what it has sent.
      socket.destroy()
    })
    // A failed handshake concerns nobody but that client.
    this.#server.on('tlsClientError', (_error, socket) => socket.destroy())
  }

  /** Starts to listen; resolves with the port in use. */
  listen(port: number, host?: string): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(port, host, () => {
        this.#server.off('error', reject)
        const address = this.#server.address()
        resolve(typeof address === 'object' && address !== null ? address.port : port)
      })
    })
  }

  /** Serves new connections with another certificate; those that stand keep theirs. */
  replaceCertificate(certificate: ServingCertificate): void {
    this.#server.setSecureContext({ ...certificate, minVersion: 'TLSv1.2' })
  }

  /** What waits here now. */
  load(): DoorLoad {
    return { waiting: this.#waiting.length, inFlight: this.#reviews, heldBytes: this.#heldBytes }
  }

  /** Lets go of connections one answer after the other, then stops to accept new ones, lets what is under way finish, and closes. */
  async close(): Promise<void> {
    this.#isDraining = true
    for (const untilMs = Date.now() + DRAIN_MS; Date.now() < untilMs && (await this.#connections()) > 0; ) {
      await new Promise((resolve) => setTimeout(resolve, DRAIN_CHECK_MS))
    }
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    this.#server.closeIdleConnections()
    await closed
  }

  #connections(): Promise<number> {
    return new Promise((resolve) => this.#server.getConnections((_error, count = 0) => resolve(count)))
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const arrivedMs = this.#options.review.clock.elapsedMs()
    if (this.#isDraining) response.setHeader('connection', 'close')
    const path = (request.url ?? '').split('?')[0] ?? ''
    const asked = request.method === 'GET' ? decisionIdOf(path) : undefined
    if (asked !== undefined && this.#desk !== undefined) {
      request.resume()
      void this.#desk.answer(asked, request.headers.authorization).then((answer) => respond(request, response, answer))
      return
    }
    const route = routeOf(path)
    const guard = this.#guards.get(path)
    const refused = this.#refuseEarly(request, route, guard)
    if (refused !== undefined) {
      respond(request, response, refused)
      return
    }
    this.#readBody(request, response, route, arrivedMs, (body) => {
      if (route !== undefined) return this.#answerReview(body, route, arrivedMs)
      return guard === undefined ? errorAnswer(404, 'no such path') : answerGuard(body, guard)
    })
  }

  #refuseEarly(request: IncomingMessage, route: Route | undefined, guard: Guard | undefined): Answer | undefined {
    if (route === undefined && guard === undefined) return errorAnswer(404, 'no such path')
    if (request.method !== 'POST') return errorAnswer(405, 'expected POST')
    const contentType = request.headers['content-type'] ?? ''
    if (!/^application\/json\s*(?:;|$)/i.test(contentType)) return errorAnswer(415, 'content-type: expected `application/json`')
    const announced = Number(request.headers['content-length'] ?? 0)
    return announced > this.#options.maxBodyBytes ? this.#tooLarge(route) : undefined
  }

  #tooLarge(route: Route | undefined): Answer {
    this.#count('tooLarge', route)
    return errorAnswer(413, `the body is larger than ${this.#options.maxBodyBytes} bytes`)
  }

  #count(reason: UndecidedReason, route: Route | undefined): void {
    if (route !== undefined) this.#options.review.recorder.recordUndecided(reason, route.failureClass)
  }

  /** Takes up a review as soon as those before it are done. */
  #enqueue(judge: () => void): void {
    this.#waiting.push(judge)
    if (this.#isJudging) return
    this.#isJudging = true
    setImmediate(() => this.#judgeWaiting())
  }

  #judgeWaiting(): void {
    const { clock } = this.#options.review
    const endMs = clock.elapsedMs() + SLICE_MS
    do this.#waiting.shift()?.()
    while (this.#waiting.length > 0 && clock.elapsedMs() < endMs)
    this.#release()
    this.#isJudging = this.#waiting.length > 0
    if (this.#isJudging) setImmediate(() => this.#judgeWaiting())
  }

  /** Lets answers go when what was recorded for them is kept; all of one slice at once. */
  #release(): void {
    const held = this.#held
    if (held.length === 0) return
    this.#held = []
    const tell = (isKept: boolean): void => {
      for (const send of held) send(isKept)
    }
    const kept = this.#options.review.recorder.commit?.() ?? true
    if (typeof kept === 'boolean') tell(kept)
    else kept.then(tell, () => tell(false))
  }

  #answerReview(body: string, route: Route, arrivedMs: number): Answer | Promise<Answer> {
    return review(body, route, arrivedMs, this.#options.review)
  }

  #readBody(
    request: IncomingMessage,
    response: ServerResponse,
    route: Route | undefined,
    arrivedMs: number,
    answer: (body: string) => Answer | Promise<Answer>,
  ): void {
    const { recorder, clock } = this.#options.review
    const chunks: Buffer[] = []
    let size = 0
    let isRead = false
    let isDone = false
    this.#reviews += 1
    const finish = (made: Answer): void => {
      release()
      respond(request, response, made)
      const { decided } = made
      if (decided !== undefined) recorder.recordDuration((clock.elapsedMs() - arrivedMs) / 1000, decided.operation, decided.effect)
    }
    const hold = (made: Answer): void => {
      this.#held.push((isKept) => finish(isKept ? made : (made.ifUnrecorded ?? made)))
    }
    const release = (): void => {
      if (isDone) return
      isDone = true
      chunks.length = 0
      this.#reviews -= 1
      this.#heldBytes -= size
    }
    // Not a rule that failed, but a defect of ours: it must not end the process.
    const fail = (): void => {
      this.#count('internalError', route)
      finish(errorAnswer(500, 'internal error'))
    }
    // Who asked has given up, or was cut off for taking too long.
    const abandon = (): void => {
      if (isDone) return
      this.#count('timedOut', route)
      release()
    }
    request.on('data', (chunk: Buffer) => {
      if (isDone) return
      size += chunk.length
      this.#heldBytes += chunk.length
      if (size > this.#options.maxBodyBytes) finish(this.#tooLarge(route))
      else if (this.#heldBytes > this.#options.maxHeldBytes) {
        this.#count('shed', route)
        finish(errorAnswer(503, 'too many large requests at once'))
      } else chunks.push(chunk)
    })
    request.on('error', abandon)
    request.on('close', () => {
      if (!isRead) abandon()
    })
    request.on('end', () => {
      if (isDone) return
      isRead = true
      if (route !== undefined && this.#reviews > this.#options.maxReviews) {
        const uid = UID_IN_BODY.exec(Buffer.concat(chunks).toString('utf8'))?.[1] ?? ''
        finish(undecided({ uid }, route, 'shed', 'too many requests at once', this.#options.review))
        return
      }
      this.#enqueue(() => {
        if (isDone) return
        if (!request.socket.writable) {
          abandon()
          return
        }
        try {
          const made = answer(Buffer.concat(chunks).toString('utf8'))
          if (made instanceof Promise) {
            made.then((later) => {
              hold(later)
              this.#release()
            }, fail)
          } else hold(made)
        } catch {
          fail()
        }
      })
    })
  }
}

function respond(request: IncomingMessage, response: ServerResponse, { status, contentType, body }: Answer): void {
  if (response.headersSent || response.destroyed) return
  // What is left of an unread body would be taken for the next request.
  const isCut = !request.complete
  response.writeHead(status, { 'content-type': contentType, 'content-length': Buffer.byteLength(body), ...(isCut ? { connection: 'close' } : {}) })
  if (!isCut) {
    response.end(body)
    return
  }
  // Closing while the client still writes would take the answer from it: what it sends is let run out for a moment, unread.
  response.write(body)
  const close = (): void => {
    clearTimeout(timer)
    response.end(() => request.destroy())
  }
  const timer = setTimeout(close, LINGER_MS)
  request.once('end', close)
  request.once('close', close)
  request.resume()
}

async function answerGuard(body: string, guard: Guard): Promise<Answer> {
  const json = parseJson(body)
  if (!json.ok) return errorAnswer(400, json.error)
  const parsed = parseAdmissionReview(json.value)
  if (!parsed.ok) return errorAnswer(400, parsed.error)
  try {
    return reviewAnswer(await guard(parsed.value))
  } catch (error) {
    const name = error instanceof Error ? error.name : 'unknown'
    return reviewAnswer(denial(parsed.value.uid, `bylaw could not judge this change: internal error (${name})`))
  }
}
