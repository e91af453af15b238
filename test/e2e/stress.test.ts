import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TLSSocket } from 'node:tls'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import type { Json } from '../api/resources.ts'
import { type CuttingProxy, proxyTo } from './cutting-proxy.ts'
import { Door, type FailureClass, headOf, type Reply, reviewOf, type Verdict } from './door.ts'
import { configMap, on, policyOf, SCENE_MS, Scene, sumOf, TEST_MS } from './scene.ts'

/** `BYLAW_STRESS=full` takes minutes; otherwise the same is done with less of it. */
const FULL = process.env['BYLAW_STRESS'] === 'full'
const CONNECTIONS = 1000
const REVIEWS_PER_CONNECTION = FULL ? 50 : 2
/** More than may be held at once. */
const LARGE_BODIES = FULL ? 64 : 24
/** Work that is given at once, in deadlines. */
const OVERLOAD = FULL ? 8 : 3
const GONE_MS = FULL ? 60_000 : 5000
const CUTS = FULL ? 200 : 12
/** One more than there may be under way at once. */
const OVERFLOW = 2049 + 32
/** Time that the API server waits; Bylaw answers or gives up a second earlier. */
const TIMEOUT_SECONDS = 8
const DEADLINE_MS = (TIMEOUT_SECONDS - 1) * 1000
const MAX_BODY_BYTES = 16 * 1024 * 1024
const MAX_RESIDENT_BYTES = 1024 * 1024 * 1024
const STRESS_MS = FULL ? 900_000 : 2 * TEST_MS

const NAMESPACE = 'stress'
/** Denies in prod, warns in staging. */
const NO_BAD = policyOf('no-bad', "!('bad' in object.?data.orValue({}))", on('', 'v1', ['configmaps'], ['CREATE']))
const CUBE = "object.data.all(a, object.data.all(b, object.data.all(c, a != '' || b != c)))"
const costly = (name: string, rules: number): Json =>
  policyOf(name, '', {
    matchConstraints: {
      objectSelector: { matchLabels: { cost: name } },
      resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'], operations: ['CREATE'] }],
    },
    validations: Array.from({ length: rules }, (_, index) => ({ name: `rule-${index}`, expression: CUBE })),
  })
/** Its eight rules stay just below what a policy may cost. */
const NEAR = costly('near', 8)
/** Its rule would cost more than it may. */
const OVER = costly('over', 1)

const labelled = (name: string, cost: string, keys: number, data: Json = {}): Json => ({
  ...configMap(NAMESPACE, name, { ...Object.fromEntries(Array.from({ length: keys }, (_, index) => [`key-${index}`, 'x'])), ...data }),
  metadata: { name, namespace: NAMESPACE, labels: { cost } },
})
const GOOD = configMap(NAMESPACE, 'good', { fine: 'yes' })
const BAD = configMap(NAMESPACE, 'bad', { bad: 'yes' })

let proxy: CuttingProxy
let scene: Scene
let door: Door

beforeAll(async () => {
  scene = await Scene.start({}, async (plane) => {
    const config = join(plane.dir, 'config.yaml')
    writeFileSync(config, `admission:\n  timeoutSeconds: ${TIMEOUT_SECONDS}\n`)
    const through = await proxyTo(plane)
    proxy = through.proxy
    return { config, kubeconfig: through.kubeconfig }
  })
  await scene.plane.createNamespace(NAMESPACE)
  await scene.plane.createNamespace(`${NAMESPACE}-staging`, { 'bylaw.dev/environment': 'staging' })
  await scene.enforce(NO_BAD, NEAR, OVER)
  door = await Door.of(scene)
}, SCENE_MS)

afterAll(async () => {
  proxy.close()
  await scene.stop()
})

/** Reviews that Bylaw has taken note of, decided or not. */
interface Ledger {
  readonly decided: number
  readonly shed: number
  readonly tooLarge: number
  readonly timedOut: number
  readonly costExceeded: number
  readonly deadlineExceeded: number
}

async function ledger(): Promise<Ledger> {
  const metrics = await scene.bylaw.metrics()
  const undecided = (reason: string): number => sumOf(metrics, 'bylaw_reviews_undecided_total', { reason })
  const errors = (code: string): number => sumOf(metrics, 'bylaw_rule_errors_total', { code })
  return {
    decided: sumOf(metrics, 'bylaw_decisions_total'),
    shed: undecided('shed'),
    tooLarge: undecided('tooLarge'),
    timedOut: undecided('timedOut'),
    costExceeded: errors('CostExceeded'),
    deadlineExceeded: errors('DeadlineExceeded'),
  }
}

const NOTHING: Ledger = { decided: 0, shed: 0, tooLarge: 0, timedOut: 0, costExceeded: 0, deadlineExceeded: 0 }

/** What was noted since. */
async function since(before: Ledger): Promise<Ledger> {
  const now = await ledger()
  return {
    decided: now.decided - before.decided,
    shed: now.shed - before.shed,
    tooLarge: now.tooLarge - before.tooLarge,
    timedOut: now.timedOut - before.timedOut,
    costExceeded: now.costExceeded - before.costExceeded,
    deadlineExceeded: now.deadlineExceeded - before.deadlineExceeded,
  }
}

/** How many replies there were of each verdict. */
function tally(replies: readonly Reply[]): Partial<Record<Verdict, number>> {
  const counts: Partial<Record<Verdict, number>> = {}
  for (const { verdict } of replies) counts[verdict] = (counts[verdict] ?? 0) + 1
  return counts
}

const repeat = <T>(count: number, make: (index: number) => Promise<T>): Promise<T[]> => Promise.all(Array.from({ length: count }, (_, index) => make(index)))

let peakBytes = 0
let watch: NodeJS.Timeout | undefined
beforeAll(() => {
  watch = setInterval(() => {
    const look = async (): Promise<void> => {
      peakBytes = Math.max(peakBytes, await scene.metric('bylaw_process_resident_memory_bytes'))
    }
    // While the process is paused it does not tell.
    look().catch(() => undefined)
  }, 250)
})
afterAll(() => clearInterval(watch))

// Whatever was done to it: it judges rightly, at once and by itself.
afterEach(async () => {
  const agent = door.agent({ maxSockets: 1 })
  const replies = [await door.post(agent, 'fail', reviewOf(GOOD)), await door.post(agent, 'fail', reviewOf(BAD))]
  agent.destroy()
  expect(replies.map(({ verdict }) => verdict)).toEqual(['allowed', 'denied'])
  expect(await scene.bylaw.readiness()).toBe(200)
})

describe('clients', () => {
  test(
    `${CONNECTIONS} connections at once all get the right answers`,
    async () => {
      const before = await ledger()
      const agents = await repeat(CONNECTIONS, async () => door.agent({ maxSockets: 1 }))
      const rounds = await repeat(CONNECTIONS, async (index) => {
        const agent = agents[index]
        const replies: boolean[] = []
        for (let round = 0; round < REVIEWS_PER_CONNECTION; round++) {
          const isBad = (index + round) % 2 === 0
          const { verdict } = await door.post(agent ?? door.agent(), index % 3 === 0 ? 'ignore' : 'fail', reviewOf(isBad ? BAD : GOOD))
          replies.push(verdict === (isBad ? 'denied' : 'allowed'))
        }
        return replies
      })
      for (const agent of agents) agent.destroy()
      expect(rounds.flat().filter((isRight) => !isRight)).toEqual([])
      expect(await since(before)).toEqual({ ...NOTHING, decided: CONNECTIONS * REVIEWS_PER_CONNECTION })
    },
    STRESS_MS,
  )

  test(
    'that write slowly, or never read, delay nobody; what they do not finish is cut off and counted',
    async () => {
      const before = await ledger()
      const body = reviewOf(BAD)
      const writers = await repeat(50, async () => door.connect())
      for (const writer of writers) writer.write(headOf('fail', Buffer.byteLength(body)) + body.slice(0, 10))
      const readers = await repeat(20, async () => door.connect())
      for (const reader of readers) reader.pause().write(`${headOf('fail', Buffer.byteLength(body))}${body}`.repeat(50))
      const trickle = setInterval(() => {
        for (const writer of writers) writer.write(' ')
      }, 500)
      const agent = door.agent({ maxSockets: 10 })
      const replies = await repeat(200, (index) => door.post(agent, 'fail', reviewOf(index % 2 === 0 ? BAD : GOOD)))
      expect(tally(replies)).toEqual({ denied: 100, allowed: 100 })
      expect(Math.max(...replies.map(({ elapsedMs }) => elapsedMs))).toBeLessThan(DEADLINE_MS)
      await scene.until('the slow writers to be cut off', () => writers.every((writer) => writer.closed), DEADLINE_MS + 10_000)
      clearInterval(trickle)
      for (const socket of [...writers, ...readers]) socket.destroy()
      agent.destroy()
      expect((await since(before)).timedOut).toBeGreaterThanOrEqual(writers.length)
    },
    STRESS_MS,
  )

  test(
    'with bodies of 16 MiB get the right answer, or are shed and counted; a larger one is refused',
    async () => {
      const before = await ledger()
      const filled = (bytes: number): Buffer => {
        const empty = reviewOf(configMap(NAMESPACE, 'large', { bad: 'yes', fill: '' }))
        return Buffer.from(reviewOf(configMap(NAMESPACE, 'large', { bad: 'yes', fill: 'x'.repeat(bytes - Buffer.byteLength(empty)) })))
      }
      const agent = door.agent({ maxSockets: LARGE_BODIES })
      const largest = filled(MAX_BODY_BYTES)
      expect(await door.post(agent, 'fail', largest)).toMatchObject({ verdict: 'denied' })
      const { denied = 0, notEvaluated = 0, error = 0, none = 0, ...others } = tally(await repeat(LARGE_BODIES, () => door.post(agent, 'fail', largest)))
      expect(error + none).toBeGreaterThan(0)
      expect({ sum: denied + notEvaluated + error + none, others }).toEqual({ sum: LARGE_BODIES, others: {} })
      expect(await door.post(agent, 'fail', filled(MAX_BODY_BYTES + 1))).toMatchObject({ verdict: 'error', status: 413 })
      agent.destroy()
      const noted = await since(before)
      expect({ ...noted, shed: noted.shed + noted.timedOut }).toMatchObject({
        decided: denied + notEvaluated + 1,
        deadlineExceeded: notEvaluated,
        shed: error + none,
        tooLarge: 1,
      })
    },
    STRESS_MS,
  )

  test(
    'of which there are too many are shed by the class of their entry, and counted',
    async () => {
      const body = reviewOf(BAD)
      const head = headOf('fail', Buffer.byteLength(body))
      const before = await ledger()
      const agent = door.agent({ maxSockets: 10 })
      const held: TLSSocket[] = []
      // On a busy machine the first are cut off for being slow before the last are there: they come again.
      const isFull = async (): Promise<boolean> => {
        const fresh = await repeat(OVERFLOW - held.filter(({ closed }) => !closed).length, () => door.connect())
        for (const socket of fresh) socket.write(head + body.slice(0, -1))
        held.push(...fresh)
        return (await door.post(agent, 'fail', body)).status === 503
      }
      await scene.until('the queue to be full', isFull, 10 * DEADLINE_MS)
      const classes: readonly FailureClass[] = ['fail', 'ignore']
      expect((await Promise.all(classes.map((failureClass) => door.post(agent, failureClass, body)))).map(({ verdict }) => verdict)).toEqual([
        'error',
        'notJudged',
      ])
      const { shed } = await since(before)
      expect(shed).toBeGreaterThanOrEqual(3)
      for (const socket of held) socket.destroy()
      await scene.until('the queue to be empty', async () => (await door.post(agent, 'fail', body)).verdict === 'denied')
      agent.destroy()
      await scene.until('what was left to be counted', async () => {
        const { timedOut } = await since(before)
        return timedOut >= OVERFLOW && timedOut <= held.length
      })
    },
    STRESS_MS,
  )
})

describe('policies', () => {
  test(
    'at their cost limit on each request, until the deadline passes: nothing wrong is said, and what took too long is counted',
    async () => {
      const agent = door.agent()
      const submit = (count: number, object: Json) => repeat(count, () => door.post(agent, 'fail', reviewOf(object), STRESS_MS))
      const nearLimit = labelled('near', 'near', 59)
      let aloneMs = DEADLINE_MS
      for (let warm = 0; warm < 20; warm++) aloneMs = Math.min(aloneMs, (await door.post(agent, 'fail', reviewOf(nearLimit))).elapsedMs)
      // So many at once that the last of them have to wait longer than they may.
      const count = Math.ceil((OVERLOAD * DEADLINE_MS) / aloneMs / 2)
      const before = await ledger()
      const [over, good, bad, cheap] = await Promise.all([
        submit(count, labelled('over', 'over', 100)),
        submit(count, nearLimit),
        submit(count, labelled('near-bad', 'near', 59, { bad: 'yes' })),
        submit(count, GOOD),
      ])
      agent.destroy()
      expect(tally(over)).toEqual({ notEvaluated: count })
      // A good object is allowed and a bad one denied, or it is said that there was no time to judge it, which denies too.
      const wrong = { good: [...good, ...cheap].filter(({ verdict }) => verdict !== 'allowed'), bad: bad.filter(({ verdict }) => verdict !== 'denied') }
      expect([...wrong.good, ...wrong.bad].filter(({ verdict }) => verdict !== 'notEvaluated')).toEqual([])
      const { decided, costExceeded, deadlineExceeded } = await since(before)
      expect(decided).toBe(4 * count)
      expect(costExceeded).toBeGreaterThan(0)
      expect(deadlineExceeded).toBeGreaterThan(0)
      expect(costExceeded + deadlineExceeded).toBeGreaterThanOrEqual(count + wrong.good.length + wrong.bad.length)
    },
    STRESS_MS,
  )
})

describe('the way to the API server', () => {
  test(
    'gone for a while: the last known good judges, and what changed meanwhile counts afterwards',
    async () => {
      const agent = door.agent({ maxSockets: 2 })
      await scene.plane.stopApiServer()
      const verdicts = new Set<string>()
      for (const endMs = Date.now() + GONE_MS; Date.now() < endMs; await sleep(100)) {
        for (const [name, object] of Object.entries({ good: GOOD, bad: BAD, elsewhere: configMap('nowhere', 'bad', { bad: 'yes' }) })) {
          verdicts.add(`${name} ${(await door.post(agent, 'fail', reviewOf(object))).verdict}`)
        }
        expect(await scene.bylaw.readiness()).toBe(200)
      }
      expect([...verdicts].sort()).toEqual(['bad denied', 'elsewhere denied', 'good allowed'])
      await scene.plane.startApiServer()
      const named = policyOf('named', "object.metadata.name != 'good'", on('', 'v1', ['configmaps'], ['CREATE']))
      await scene.apply(named)
      await scene.until('the new policy', async () => (await door.post(agent, 'fail', reviewOf(GOOD))).verdict === 'denied', TEST_MS)
      await scene.withdraw(named)
      agent.destroy()
    },
    STRESS_MS,
  )

  test(
    `cut at ${CUTS} points: every change counts in the end`,
    async () => {
      const agent = door.agent({ maxSockets: 1 })
      const restarts = await scene.metric('bylaw_watch_restarts_total')
      const toggled = (isStrict: boolean): Json =>
        policyOf('toggled', isStrict ? "object.metadata.name != 'toggled'" : 'true', on('', 'v1', ['configmaps'], ['CREATE']))
      for (let cut = 0; cut < CUTS; cut++) {
        const isStrict = cut % 2 === 0
        // From the first byte on, ever wider apart, into lists and within lines of a watch.
        proxy.cutAfter(Math.round((1.9 ** (cut % 16) - 1) * 2))
        await scene.apply(toggled(isStrict))
        await sleep(200)
        proxy.heal()
        const wanted = isStrict ? 'denied' : 'allowed'
        const submit = () => door.post(agent, 'fail', reviewOf(configMap(NAMESPACE, 'toggled')))
        await scene.until(`cut ${cut} to be mended`, async () => (await submit()).verdict === wanted)
      }
      expect(await scene.metric('bylaw_watch_restarts_total')).toBeGreaterThan(restarts)
      await scene.withdraw(toggled(false))
      agent.destroy()
    },
    STRESS_MS,
  )
})

describe('the process', () => {
  afterEach(() => {
    process.kill(scene.bylaw.pid, 'SIGCONT')
  })

  test(
    'paused: entries that deny refuse, those that warn let pass, and both judge again at once when it goes on',
    async () => {
      const submit = (namespace: string, data: Json) => scene.submit(configMap(namespace, 'paused', data), { isDryRun: true })
      process.kill(scene.bylaw.pid, 'SIGSTOP')
      const paused = await Promise.all([submit(NAMESPACE, {}), submit(`${NAMESPACE}-staging`, { bad: 'yes' })])
      expect(paused.map(({ status }) => status)).toEqual([500, 201])
      process.kill(scene.bylaw.pid, 'SIGCONT')
      const resumed = await Promise.all([submit(NAMESPACE, {}), submit(NAMESPACE, { bad: 'yes' }), submit(`${NAMESPACE}-staging`, { bad: 'yes' })])
      expect(resumed.map(({ status, warnings }) => ({ status, warnings: warnings.length }))).toEqual([
        { status: 201, warnings: 0 },
        { status: 403, warnings: 0 },
        { status: 201, warnings: 1 },
      ])
    },
    STRESS_MS,
  )
})

describe('after all this', () => {
  test('it is the same process, and its memory was bounded', async () => {
    expect(scene.bylaw.log()).not.toMatch(/"level":"error"/)
    expect(peakBytes).toBeGreaterThan(0)
    expect(peakBytes).toBeLessThan(MAX_RESIDENT_BYTES)
  })
})
