import { describe, expect, test } from '@jest/globals'
import { ShrinkGuard } from '../../src/controllers/index.ts'
import type { RuleSet } from '../../src/rules/index.ts'
import { policy, ruleSet } from '../doors/build.ts'

const [ONE] = ruleSet([policy('p')]).policies
const ofSize = (size: number): RuleSet => ({ ...ruleSet([]), policies: ONE === undefined ? [] : Array.from({ length: size }, () => ONE) })

/** A guard with a clock in seconds and confirmations. */
function watched() {
  const errors: string[] = []
  const log = { debug: () => {}, info: () => {}, warn: () => {}, error: (message: string) => void errors.push(message) }
  const state = { nowSeconds: 0, inForce: undefined as RuleSet | undefined, confirmations: 0 }
  const guard = new ShrinkGuard({
    now: () => state.nowSeconds * 1000,
    confirmation: async () => (state.confirmations === 0 ? '' : String(state.confirmations)),
    logger: log,
  })
  /** Offers a set of a size some seconds later; what may be taken comes into force. */
  const offer = async (size: number, afterSeconds = 1): Promise<boolean> => {
    state.nowSeconds += afterSeconds
    const isTaken = await guard.mayReplace(state.inForce, size)
    if (isTaken) state.inForce = ofSize(size)
    return isTaken
  }
  const confirm = (): void => {
    state.confirmations += 1
  }
  return { offer, errors, confirm }
}

async function offerAll(sizes: readonly (number | readonly [size: number, afterSeconds: number])[]): Promise<readonly boolean[]> {
  const { offer } = watched()
  const taken: boolean[] = []
  for (const step of sizes) taken.push(typeof step === 'number' ? await offer(step) : await offer(step[0], step[1]))
  return taken
}

describe('a rule set', () => {
  test.each<[string, Parameters<typeof offerAll>[0], readonly boolean[]]>([
    ['is taken when it is the first, whatever its size', [0], [true]],
    ['may grow', [3, 30, 300], [true, true, true]],
    ['may lose half', [20, 10], [true, true]],
    ['may not lose more than half', [20, 9], [true, false]],
    ['may not vanish', [10, 0], [true, false]],
    ['of fewer than ten policies may vanish', [9, 0], [true, true]],
    ['may not shrink in small steps within a minute either', [20, 15, 11, 9], [true, true, true, false]],
    ['may shrink in steps that take their time', [20, [11, 40], [9, 90]], [true, true, true]],
    ['stays held however long it takes', [20, 2, [2, 300], [2, 300]], [true, false, false, false]],
    ['is taken once the policies are back', [20, 2, 20, 12], [true, false, true, true]],
  ])('%s', async (_, sizes, taken) => {
    expect(await offerAll(sizes)).toEqual(taken)
  })

  test('is taken once it is confirmed, and the next one is watched anew', async () => {
    const { offer, confirm, errors } = watched()
    await offer(30)
    expect(await offer(10)).toBe(false)
    expect(await offer(10)).toBe(false)
    confirm()
    expect(await offer(10)).toBe(true)
    expect(await offer(4)).toBe(false)
    expect(errors.length).toBe(2)
  })

  test('is not let through by a confirmation that was given before it shrank', async () => {
    const { offer, confirm } = watched()
    await offer(30)
    confirm()
    expect(await offer(2)).toBe(false)
    expect(await offer(2)).toBe(false)
  })
})
