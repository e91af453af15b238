import type { UserInfo } from '../api/index.ts'
import { type Answer, errorAnswer } from './answer.ts'
import type { AccessQuestion } from './guards.ts'

/** What reading decisions needs from outside. */
export interface DecisionDependencies {
  /** Who a bearer token belongs to; undefined where it is nobody's. */
  readonly authenticate: (token: string) => Promise<UserInfo | undefined>
  readonly mayAccess: (user: UserInfo, question: AccessQuestion) => Promise<boolean>
  /** The record with its place as JSON, and the namespace that it is about; undefined where this process has none. Throws where it cannot be read. */
  readonly find: (id: string) => Promise<{ readonly json: string; readonly namespace: string } | undefined>
}

const PATH = /^\/decisions\/([A-Za-z0-9-]{1,64})$/
const MAX_AT_ONCE = 4
const MAX_A_SECOND = 10

/** The id that a path asks for; undefined where it is about something else. */
export const decisionIdOf = (path: string): string | undefined => PATH.exec(path)?.[1]

/** Answers who asks for one decision: to whom the API server lets read it, a few at a time. */
export class DecisionDesk {
  readonly #dependencies: DecisionDependencies
  readonly #elapsedMs: () => number
  #underWay = 0
  #second = 0
  #inSecond = 0

  constructor(dependencies: DecisionDependencies, elapsedMs: () => number) {
    this.#dependencies = dependencies
    this.#elapsedMs = elapsedMs
  }

  async answer(id: string, authorization: string | undefined): Promise<Answer> {
    const token = /^Bearer ([^\s]{1,16384})$/i.exec(authorization ?? '')?.[1]
    if (token === undefined) return errorAnswer(401, 'a bearer token of this cluster is needed')
    if (this.#underWay >= MAX_AT_ONCE || !this.#takeTurn()) return errorAnswer(429, 'too many questions at once, try again')
    this.#underWay += 1
    try {
      return await this.#read(id, token)
    } catch (error) {
      return errorAnswer(503, `the decision could not be read: ${error instanceof Error ? error.message : 'unknown reason'}`)
    } finally {
      this.#underWay -= 1
    }
  }

  #takeTurn(): boolean {
    const second = Math.floor(this.#elapsedMs() / 1000)
    if (second !== this.#second) this.#inSecond = 0
    this.#second = second
    this.#inSecond += 1
    return this.#inSecond <= MAX_A_SECOND
  }

  async #read(id: string, token: string): Promise<Answer> {
    const { authenticate, mayAccess, find } = this.#dependencies
    const user = await authenticate(token)
    if (user === undefined) return errorAnswer(401, 'the token is not valid in this cluster')
    const question = { group: 'bylaw.dev', resource: 'decisions', verb: 'get', name: id }
    const refusal = errorAnswer(403, `\`${user.username}\` may not \`get\` \`decisions.bylaw.dev\``)
    const mayReadAll = await mayAccess(user, question)
    const found = await find(id)
    if (found === undefined) return mayReadAll ? errorAnswer(404, `no decision \`${id}\` in the log of this replica`) : refusal
    // Whoever may read decisions of one namespace may read this one if it is about that.
    const mayRead = mayReadAll || (found.namespace !== '' && (await mayAccess(user, { ...question, namespace: found.namespace })))
    return mayRead ? { status: 200, contentType: 'application/json', body: `${found.json}\n` } : refusal
  }
}
