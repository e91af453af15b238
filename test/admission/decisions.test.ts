import { afterEach, describe, expect, jest, test } from '@jest/globals'
import type { AccessQuestion, DecisionDependencies } from '../../src/admission/index.ts'
import type { UserInfo } from '../../src/api/index.ts'
import { type OpenDoor, openDoor } from '../doors/https-door.ts'
import { askDecision } from '../support/decisions.ts'

// Handshakes take their time on a busy machine.
jest.setTimeout(60_000)

const USERS: Readonly<Record<string, UserInfo>> = {
  't-auditor': { username: 'auditor', groups: [] },
  't-shop': { username: 'shop', groups: [] },
  't-nobody': { username: 'nobody', groups: [] },
}

let door: OpenDoor | undefined
let asked: AccessQuestion[] = []

afterEach(async () => {
  await door?.close()
  asked = []
})

async function ask(id: string, token: string | undefined, changes: Partial<DecisionDependencies> = {}): Promise<string> {
  door ??= await openDoor({ ruleSet: () => undefined, desk: { authenticate, mayAccess, find, ...changes } })
  const { status, text } = await askDecision(id, { port: door.port, ca: door.ca, serverName: 'localhost', ...(token === undefined ? {} : { token }) })
  return `${status} ${text.trim()}`
}

const authenticate = async (token: string): Promise<UserInfo | undefined> => USERS[token]
const mayAccess = async ({ username }: UserInfo, question: AccessQuestion): Promise<boolean> => {
  asked.push(question)
  return username === 'auditor' || (username === 'shop' && question.namespace === 'shop')
}
const find = async (id: string) =>
  id === 'aa-1' ? { json: '{"record":{}}', namespace: 'shop' } : id === 'aa-2' ? { json: '{"record":{}}', namespace: '' } : undefined

describe('a decision is shown', () => {
  test.each<[string, string, string | undefined, string]>([
    ['to who may read all', 'aa-1', 't-auditor', '200 {"record":{}}'],
    ['to who may read those of its namespace', 'aa-1', 't-shop', '200 {"record":{}}'],
    ['not to who may read those of another', 'aa-2', 't-shop', '403 `shop` may not `get` `decisions.bylaw.dev`'],
    ['not to others', 'aa-1', 't-nobody', '403 `nobody` may not `get` `decisions.bylaw.dev`'],
    ['to nobody who has no token', 'aa-1', undefined, '401 a bearer token of this cluster is needed'],
    ['to nobody whose token is not valid', 'aa-1', 'forged', '401 the token is not valid in this cluster'],
    ['only where there is one', 'aa-9', 't-auditor', '404 no decision `aa-9` in the log of this replica'],
    ['only where there is one, of which others hear nothing', 'aa-9', 't-nobody', '403 `nobody` may not `get` `decisions.bylaw.dev`'],
    ['by an id and nothing else', '..%2f..%2fetc', 't-auditor', '404 no such path'],
  ])('%s', async (_, id, token, expected) => {
    door = undefined
    expect(await ask(id, token)).toBe(expected)
  })

  test('by its own name, of the group of our resources', async () => {
    door = undefined
    await ask('aa-1', 't-shop')
    expect(asked).toEqual([
      { group: 'bylaw.dev', resource: 'decisions', verb: 'get', name: 'aa-1' },
      { group: 'bylaw.dev', resource: 'decisions', verb: 'get', name: 'aa-1', namespace: 'shop' },
    ])
  })

  test('to a few at a time', async () => {
    door = undefined
    const answers = [await ask('aa-1', 't-auditor'), ...(await Promise.all(Array.from({ length: 30 }, () => ask('aa-1', 't-auditor'))))]
    expect(new Set(answers)).toEqual(new Set(['200 {"record":{}}', '429 too many questions at once, try again']))
  })

  test('with the reason where it cannot be read', async () => {
    door = undefined
    const broken = async () => {
      throw new Error('the disk is gone')
    }
    expect(await ask('aa-1', 't-auditor', { find: broken })).toBe('503 the decision could not be read: the disk is gone')
  })
})
