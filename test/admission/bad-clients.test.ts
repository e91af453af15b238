import { Agent, request as httpsRequest } from 'node:https'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { configMap, policy, reviewOf, ruleSet } from '../doors/build.ts'
import { type OpenDoor, openDoor, post, readResponse } from '../doors/https-door.ts'
import { head, type RawAnswer, sendRaw } from './raw-client.ts'

const FAIL = '/validate/fail/equivalent'
const IGNORE = '/validate/ignore/equivalent'
const MAX_BODY_BYTES = 256 * 1024
const DEADLINE_MS = 1000
/** How much later than the deadline a connection may end. */
const GRACE_MS = 2000

const RULES = ruleSet([policy('config-maps', { validations: [{ name: 'a', expression: "'a' in object.data", message: 'data.a is missing' }] })])
const GOOD = JSON.stringify(reviewOf(configMap({ a: 'b' })))

let door: OpenDoor

beforeAll(async () => {
  door = await openDoor({ ruleSet: () => RULES, maxBodyBytes: MAX_BODY_BYTES, maxHeldBytes: 2 * MAX_BODY_BYTES, review: { deadlineMs: DEADLINE_MS } })
})
afterAll(() => door.close())
// Whatever a client did, the next one is served.
afterEach(async () => {
  expect(readResponse(await post(door, FAIL, GOOD)).allowed).toBe(true)
})

const statusOf = ({ text }: RawAnswer): string => text.split('\r\n')[0] ?? ''
const sized = (bytes: number): string => {
  const empty = JSON.stringify(reviewOf(configMap({ a: '' })))
  return JSON.stringify(reviewOf(configMap({ a: 'x'.repeat(bytes - empty.length) })))
}
const chunk = (text: string): string => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`

describe('HTTP', () => {
  test.each<[string, string, Readonly<Record<string, string>>, number, string]>([
    ['another content type', FAIL, { 'content-type': 'text/plain' }, 415, 'content-type: expected `application/json`'],
    ['a content type that only begins alike', FAIL, { 'content-type': 'application/json-patch+json' }, 415, 'content-type: expected `application/json`'],
    ['no content type', FAIL, { 'content-type': '' }, 415, 'content-type: expected `application/json`'],
    ['a path that is none', '/validate', {}, 404, 'no such path'],
    ['a failure class that is none', '/validate/maybe/equivalent', {}, 404, 'no such path'],
    ['a lane that is none', '/validate/fail/near', {}, 404, 'no such path'],
    ['a path below a known one', `${FAIL}/more`, {}, 404, 'no such path'],
    ['a path that climbs', '/validate/fail/../../guard/definitions', {}, 404, 'no such path'],
  ])('%s', async (_, path, headers, status, text) => {
    expect(await post(door, path, GOOD, headers)).toEqual({ status, text: `${text}\n` })
  })

  test.each(['GET', 'PUT', 'DELETE', 'OPTIONS'])('method %s', async (method) => {
    const answer = await sendRaw(door, [`${method} ${FAIL} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`])
    expect(statusOf(answer)).toBe('HTTP/1.1 405 Method Not Allowed')
    expect(answer.isClosed).toBe(true)
  })

  test('a content type with parameters, and what the API server adds to the path, are fine', async () => {
    expect(readResponse(await post(door, `${FAIL}?timeout=5s`, GOOD, { 'content-type': 'Application/JSON; charset=utf-8' })).allowed).toBe(true)
  })

  test('a connection goes on after an error', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1, ca: door.ca })
    const sockets = new Set<number | undefined>()
    const send = (path: string, body: string): Promise<number> =>
      new Promise((resolve, reject) => {
        const request = httpsRequest(
          { host: '127.0.0.1', port: door.port, path, agent, method: 'POST', headers: { 'content-type': 'application/json' } },
          (response) => {
            response.resume()
            response.on('end', () => resolve(response.statusCode ?? 0))
          },
        )
        request.on('socket', (socket) => sockets.add(socket.localPort))
        request.on('error', reject)
        request.end(body)
      })
    const statuses: number[] = []
    for (const body of ['{', GOOD, '', GOOD]) statuses.push(await send(FAIL, body))
    agent.destroy()
    expect(statuses).toEqual([400, 200, 400, 200])
    expect(sockets.size).toBe(1)
  })

  test('two requests in one go are answered in order', async () => {
    const other = JSON.stringify(reviewOf(configMap(), { uid: 'uid-2' }))
    const { text } = await sendRaw(door, [
      head(FAIL, { 'Content-Length': Buffer.byteLength(GOOD) }) + GOOD,
      head(FAIL, { 'Content-Length': Buffer.byteLength(other), Connection: 'close' }) + other,
    ])
    expect([...text.matchAll(/"uid":"(uid-\d)","allowed":(true|false)/g)].map(([, uid, allowed]) => [uid, allowed])).toEqual([
      ['uid-1', 'true'],
      ['uid-2', 'false'],
    ])
  })
})

describe('bodies that are too large', () => {
  test('a body at the limit is judged', async () => {
    expect(readResponse(await post(door, FAIL, sized(MAX_BODY_BYTES))).allowed).toBe(true)
  })

  test('one byte more is refused at its announcement, and the connection closed', async () => {
    const answer = await sendRaw(door, [head(FAIL, { 'Content-Length': MAX_BODY_BYTES + 1 })])
    expect(statusOf(answer)).toBe('HTTP/1.1 413 Payload Too Large')
    expect(answer.text).toMatch(/the body is larger than 262144 bytes\n$/)
    expect(answer.isClosed).toBe(true)
    expect(answer.afterMs).toBeLessThan(DEADLINE_MS)
  })

  test('one that does not say how long it is is refused when it gets too long', async () => {
    const part = chunk('x'.repeat(64 * 1024))
    const answer = await sendRaw(door, [head(FAIL, { 'Transfer-Encoding': 'chunked' }), part, part, part, part, part, part])
    expect(statusOf(answer)).toBe('HTTP/1.1 413 Payload Too Large')
    expect(answer.isClosed).toBe(true)
    expect(answer.afterMs).toBeLessThan(DEADLINE_MS)
  })

  test('the same through a client that sends it all', async () => {
    expect((await post(door, IGNORE, sized(MAX_BODY_BYTES + 1))).status).toBe(413)
  })
})

describe('too much at once', () => {
  /** Holds part of a body open until it is told to finish. */
  function hold(bytes: number): { readonly answer: Promise<number>; readonly finish: () => void } {
    const body = sized(bytes)
    let finish = (): void => {}
    const answer = new Promise<number>((resolve, reject) => {
      const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
      const request = httpsRequest({ host: '127.0.0.1', port: door.port, path: FAIL, ca: door.ca, agent: false, method: 'POST', headers }, (response) => {
        response.resume()
        response.on('end', () => resolve(response.statusCode ?? 0))
      })
      request.on('error', reject)
      request.write(body.slice(0, -10))
      finish = () => request.end(body.slice(-10))
    })
    return { answer, finish: () => finish() }
  }

  test('large bodies beyond what may be held are shed, and the room is given back', async () => {
    const before = door.undecided.length
    const held = [hold(200 * 1024), hold(200 * 1024)]
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(await post(door, FAIL, sized(200 * 1024))).toEqual({ status: 503, text: 'too many large requests at once\n' })
    expect(readResponse(await post(door, FAIL, GOOD)).allowed).toBe(true)
    for (const { finish } of held) finish()
    expect(await Promise.all(held.map(({ answer }) => answer))).toEqual([200, 200])
    expect(door.undecided.slice(before)).toEqual(['shed'])
    for (let round = 0; round < 4; round++) expect((await post(door, FAIL, sized(200 * 1024))).status).toBe(200)
  })

  test('clients that leave in the middle give their room back', async () => {
    for (let round = 0; round < 6; round++) {
      await sendRaw(door, [head(FAIL, { 'Content-Length': 200 * 1024 }), 'x'.repeat(190 * 1024)], { patienceMs: 60 })
    }
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect((await post(door, FAIL, sized(200 * 1024))).status).toBe(200)
  })

  test('reviews beyond those that may be under way are shed by class', async () => {
    const small = await openDoor({ ruleSet: () => RULES, maxReviews: 0 })
    expect(await post(small, FAIL, GOOD)).toEqual({ status: 503, text: 'too many requests at once\n' })
    expect(readResponse(await post(small, IGNORE, GOOD))).toEqual({
      uid: 'uid-1',
      allowed: true,
      warnings: ['bylaw did not judge this request: too many requests at once'],
      auditAnnotations: { decision: 'none', effect: 'shed' },
    })
    await small.close()
  })
})

describe('clients that stall', () => {
  const STALLS: Readonly<Record<string, readonly string[]>> = {
    'before the first byte': [],
    'in the head': ['POST /validate/fail/equivalent HTTP/1.1\r\nHost: loc'],
    'before the body': [head(FAIL, { 'Content-Length': GOOD.length })],
    'in the body': [head(FAIL, { 'Content-Length': GOOD.length }), GOOD.slice(0, 100)],
    'in a chunk': [head(FAIL, { 'Transfer-Encoding': 'chunked' }), '64\r\n{"apiVersion"'],
  }
  const answers = new Map<string, RawAnswer>()

  // All at once: each waits for the deadline.
  beforeAll(async () => {
    const shaken = sendRaw(door, [Buffer.from([0x16, 0x03, 0x01])], { isPlain: true })
    await Promise.all(Object.entries(STALLS).map(async ([name, parts]) => answers.set(name, await sendRaw(door, parts))))
    answers.set('in the TLS handshake', await shaken)
  }, 20_000)

  test.each([...Object.keys(STALLS), 'in the TLS handshake'])('%s', (name) => {
    const { isClosed, afterMs, ...answer } = answers.get(name) ?? { isClosed: false, afterMs: 0, text: 'never' }
    expect(isClosed).toBe(true)
    expect(['', 'HTTP/1.1 400 Bad Request', 'HTTP/1.1 408 Request Timeout']).toContain(answer.text.split('\r\n')[0])
    expect(afterMs).toBeGreaterThan(DEADLINE_MS / 2)
    expect(afterMs).toBeLessThan(DEADLINE_MS + GRACE_MS)
  })

  test('drop by drop', async () => {
    const startedMs = performance.now()
    const status = await new Promise<number | string>((resolve) => {
      const headers = { 'content-type': 'application/json', 'content-length': GOOD.length }
      const request = httpsRequest({ host: '127.0.0.1', port: door.port, path: FAIL, ca: door.ca, agent: false, method: 'POST', headers }, (response) => {
        response.resume()
        resolve(response.statusCode ?? 0)
      })
      const timer = setInterval(() => request.write('x'), 100)
      request.on('error', () => resolve('closed'))
      request.on('close', () => {
        clearInterval(timer)
        resolve('closed')
      })
    })
    expect([400, 408, 'closed']).toContain(status)
    expect(performance.now() - startedMs).toBeLessThan(DEADLINE_MS + GRACE_MS)
  })
})

describe('what is not HTTP over TLS', () => {
  test.each<[string, readonly (string | Buffer)[], boolean]>([
    ['plain HTTP on the TLS port', [head(FAIL, { 'Content-Length': GOOD.length }) + GOOD], true],
    ['noise instead of a handshake', [Buffer.from(Array.from({ length: 512 }, (_, index) => (index * 37) % 256))], true],
    ['noise inside of TLS', [Buffer.from(Array.from({ length: 512 }, (_, index) => (index * 91) % 256))], false],
    ['a head that never ends', [`POST ${FAIL} HTTP/1.1\r\nHost: localhost\r\nX-Long: ${'x'.repeat(64 * 1024)}`], false],
    ['two lengths', [head(FAIL, { 'Content-Length': GOOD.length, 'Transfer-Encoding': 'chunked' }) + GOOD], false],
    ['a length that is none', [head(FAIL, { 'Content-Length': 'many' }) + GOOD], false],
    ['a chunk of a length that is none', [head(FAIL, { 'Transfer-Encoding': 'chunked' }), 'zz\r\n{}\r\n'], false],
  ])('%s', async (_, parts, isPlain) => {
    const answer = await sendRaw(door, parts, { isPlain })
    expect(answer.isClosed).toBe(true)
    expect(answer.text).not.toContain('200 OK')
    expect(answer.afterMs).toBeLessThan(DEADLINE_MS)
  })
})
