import { expect, test } from '@jest/globals'
import { restMs } from '../../src/controllers/scan/pacer.ts'

test.each([
  ['is the rest of the interval after quick work', { tookMs: 10, intervalMs: 200, reviewsPerSecond: 0 }, 190],
  ['is twice as long as the work where that took long', { tookMs: 150, intervalMs: 200, reviewsPerSecond: 0 }, 300],
  ['doubles at 25 reviews a second', { tookMs: 150, intervalMs: 200, reviewsPerSecond: 25 }, 600],
  ['is five times as long at 100 reviews a second', { tookMs: 10, intervalMs: 200, reviewsPerSecond: 100 }, 950],
  ['is two seconds at most, however busy admission is', { tookMs: 10, intervalMs: 200, reviewsPerSecond: 10_000 }, 2000],
  ['is two seconds at most after work that took very long', { tookMs: 30_000, intervalMs: 200, reviewsPerSecond: 0 }, 2000],
  ['keeps an interval that is longer than that', { tookMs: 10, intervalMs: 5000, reviewsPerSecond: 0 }, 4990],
])('a rest %s', (_, { tookMs, intervalMs, reviewsPerSecond }, expected) => {
  expect(restMs(tookMs, intervalMs, reviewsPerSecond)).toBeCloseTo(expected)
})
