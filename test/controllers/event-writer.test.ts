import { describe, expect, test } from '@jest/globals'
import { type KubernetesObject, OperationalError } from '../../src/api/index.ts'
import { type Cluster, type EventDraft, type EventFate, EventWriter } from '../../src/controllers/index.ts'
import { makeLogger } from '../../src/evidence/index.ts'

const POD = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web', namespace: 'shop', uid: 'u1' } }
const DRAFT: EventDraft = { regarding: POD, type: 'Warning', reason: 'PolicyWarned', action: 'Judge', note: 'too large' }
const MINUTE_MS = 60_000

const nothing = (): never => {
  throw new Error('not asked for here')
}

/** A writer with a clock, and what it wrote; `error` is what the API server answers. */
function watched(error?: OperationalError) {
  const state = { nowMs: 0 }
  const written: KubernetesObject[] = []
  const fates: EventFate[] = []
  const cluster: Cluster = {
    create: async (_address, object) => {
      if (error !== undefined) throw error
      written.push(object)
      return object
    },
    ...{ follow: nothing, find: nothing, replace: nothing, applyStatus: nothing, discover: nothing, mayAccess: nothing },
  }
  const logger = { ...makeLogger('error'), warn: () => {} }
  const events = new EventWriter({ cluster, instance: 'a', now: () => new Date(state.nowMs), logger, onFate: (fate) => fates.push(fate) })
  const write = async (draft: Partial<EventDraft> = {}, afterMs = 0): Promise<void> => {
    state.nowMs += afterMs
    events.write({ ...DRAFT, ...draft })
    await new Promise((resolve) => setImmediate(resolve))
  }
  return { write, written, fates, notes: () => written.map((event) => event['note']) }
}

describe('an Event', () => {
  test('is told once in ten minutes, then with how often it came', async () => {
    const { write, notes, fates } = watched()
    await write()
    await write({}, MINUTE_MS)
    await write({}, 8 * MINUTE_MS)
    await write({}, MINUTE_MS)
    expect(notes()).toEqual(['too large', 'too large (and 2 times more since 1970-01-01T00:00:00.000Z)'])
    expect(fates).toEqual(['written', 'repeated', 'repeated', 'written'])
  })

  test.each<[string, Partial<EventDraft>, boolean]>([
    ['of another note', { note: 'too small' }, true],
    ['of another note about the same', { note: 'too small', about: 'size' }, false],
    ['of another reason', { reason: 'PolicyDenied', about: 'size' }, true],
    ['of another object', { about: 'size', regarding: { ...POD, metadata: { ...POD.metadata, name: 'api' } } }, true],
    ['of an object that was made anew', { about: 'size', regarding: { ...POD, metadata: { ...POD.metadata, uid: 'u2' } } }, true],
  ])('%s is another one: see', async (_, draft, isAnother) => {
    const { write, written } = watched()
    await write({ about: 'size' })
    await write(draft)
    expect(written.length).toBe(isAnother ? 2 : 1)
  })

  test('that is told once has one name for all instances, and is not told again', async () => {
    const first = watched()
    const second = watched()
    await first.write({ isOnce: true, about: 'shop' })
    await first.write({ isOnce: true, about: 'shop' }, 100 * MINUTE_MS)
    await second.write({ isOnce: true, about: 'shop', note: 'another' }, MINUTE_MS)
    expect(first.written.map(({ metadata }) => metadata.name)).toEqual(second.written.map(({ metadata }) => metadata.name))
    const late = watched(new OperationalError('KubeConflict', 'already exists', { isRetryable: false }))
    await late.write({ isOnce: true })
    expect(late.fates).toEqual(['written'])
  })

  test('that the API server does not take is counted and left', async () => {
    const { write, fates } = watched(new OperationalError('KubeForbidden', 'no', { isRetryable: false }))
    await write()
    expect(fates).toEqual(['failed'])
  })

  test('of a flood is dropped, and counted', async () => {
    const { write, written, fates } = watched()
    for (let index = 0; index < 100; index += 1) await write({ note: `note ${index}` })
    expect(written.length).toBe(30)
    expect(fates.filter((fate) => fate === 'dropped').length).toBe(70)
    await write({ note: 'later' }, 1000)
    expect(written.length).toBe(31)
  })
})
