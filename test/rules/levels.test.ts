import { describe, expect, test } from '@jest/globals'
import { defaultEnforcementProfile } from '../../src/api/index.ts'
import { isDenying, levelsOf, stricterLevel } from '../../src/rules/index.ts'
import { policy, profile } from '../doors/build.ts'

const levels = (severity: string, environments: readonly object[] = [], mutations: readonly object[] = []) => {
  const { byEnvironment, strictest } = levelsOf(policy('p', { severity, enforcement: { environments }, mutations }), defaultEnforcementProfile())
  return { ...Object.fromEntries([...byEnvironment].map(([name, { level, source }]) => [name, `${level} (${source})`])), strictest }
}
const MUTATION = { patchType: 'JSONPatch', jsonPatch: { expression: '[]' } }

describe('the built-in profile', () => {
  test.each<[string, string, string, string, string]>([
    ['critical', 'Warn', 'Deny', 'Deny', 'Deny'],
    ['high', 'Observe', 'Warn', 'Deny', 'Deny'],
    ['medium', 'Observe', 'Warn', 'Warn', 'Warn'],
    ['low', 'Observe', 'Observe', 'Warn', 'Warn'],
  ])('severity %s', (severity, dev, staging, prod, strictest) => {
    expect(levels(severity)).toEqual({ dev: `${dev} (Profile)`, staging: `${staging} (Profile)`, prod: `${prod} (Profile)`, strictest })
  })
})

describe('a policy of its own mind', () => {
  test('counts where it says so, up or down', () => {
    expect(levels('critical', [{ name: 'prod', level: 'Observe' }])).toEqual({
      dev: 'Warn (Profile)',
      staging: 'Deny (Profile)',
      prod: 'Observe (Policy)',
      strictest: 'Deny',
    })
    expect(levels('low', [{ name: 'dev', level: 'Deny' }])).toEqual({
      dev: 'Deny (Policy)',
      staging: 'Observe (Profile)',
      prod: 'Warn (Profile)',
      strictest: 'Deny',
    })
  })

  test('may name an environment that the profile lacks, without effect', () => {
    expect(levels('low', [{ name: 'moon', level: 'Deny' }]).strictest).toBe('Warn')
  })

  test('corrects only where it has a mutation', () => {
    expect(levels('high', [{ name: 'prod', level: 'Correct' }], [MUTATION])).toMatchObject({ prod: 'Correct (Policy)', strictest: 'Correct' })
  })

  test('denies where the profile corrects and it has no mutation', () => {
    const environments = [{ name: 'prod', levels: { critical: 'Correct', high: 'Correct', medium: 'Correct', low: 'Correct' } }]
    expect(levelsOf(policy('p'), profile({ environments })).byEnvironment.get('prod')).toEqual({ level: 'Deny', source: 'Profile' })
    expect(levelsOf(policy('p', { mutations: [MUTATION] }), profile({ environments })).byEnvironment.get('prod')).toEqual({
      level: 'Correct',
      source: 'Profile',
    })
  })
})

test('levels are ordered, and the upper two refuse', () => {
  const ladder = ['Observe', 'Warn', 'Deny', 'Correct'] as const
  expect(ladder.map(isDenying)).toEqual([false, false, true, true])
  for (const [low, a] of ladder.entries()) for (const [high, b] of ladder.entries()) expect(stricterLevel(a, b)).toBe(ladder[Math.max(low, high)])
})
