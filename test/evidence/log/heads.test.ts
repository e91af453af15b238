import { describe, expect, test } from '@jest/globals'
import { type ChainHead, HEADS_KEY_FIELD, readHeads, withHead } from '../../../src/evidence/index.ts'

const head = (chain: string, more: Partial<ChainHead> = {}): ChainHead => ({
  chain,
  segment: 1,
  seq: 7,
  hash: 'ab',
  time: '2026-06-01T12:00:00.000Z',
  isEnded: false,
  ...more,
})

describe('the ends of the logs', () => {
  test('are read as they were written, with the key beside them', () => {
    const data = withHead(withHead({}, head('a'), 'KEY'), head('b', { seq: 9, isEnded: true }), 'KEY')
    expect(readHeads(data)).toEqual([head('a'), head('b', { seq: 9, isEnded: true })])
    expect(data[HEADS_KEY_FIELD]).toBe('KEY')
  })

  test('are renewed for one chain alone', () => {
    const data = withHead(withHead(withHead({}, head('a'), 'KEY'), head('b'), 'KEY'), head('a', { seq: 8 }), 'KEY')
    expect(new Map(readHeads(data).map(({ chain, seq }) => [chain, seq]))).toEqual(
      new Map([
        ['a', 8],
        ['b', 7],
      ]),
    )
  })

  test('are kept for five hundred chains: those that ended go first, then the oldest', () => {
    let data: Readonly<Record<string, string>> = {}
    for (let index = 0; index < 505; index++) {
      const time = new Date(Date.parse('2026-01-01T00:00:00Z') + index * 1000).toISOString()
      data = withHead(data, head(`chain-${index}`, { time, isEnded: index >= 300 && index < 303 }), 'KEY')
    }
    const left = new Set(readHeads(data).map(({ chain }) => chain))
    expect(left.size).toBe(500)
    const gone = Array.from({ length: 505 }, (_, index) => `chain-${index}`).filter((chain) => !left.has(chain))
    expect(gone).toEqual(['chain-0', 'chain-1', 'chain-300', 'chain-301', 'chain-302'])
  })

  test('that others wrote are left out', () => {
    expect(readHeads({ a: 'no json', b: '7', c: '{"seq":1}', [HEADS_KEY_FIELD]: 'KEY' })).toEqual([])
    expect(readHeads(undefined)).toEqual([])
  })
})
