import { describe, expect, test } from '@jest/globals'
import type { Effect, RuleOutcome } from '../../src/decide/index.ts'
import { assembleRuleSet, type CompiledException, type CompiledPolicy, compilePolicy, type RuleSet } from '../../src/rules/index.ts'
import { configMap, judge, namespaceObject, policy, profile, requestOf } from '../doors/build.ts'
import {
  type Cell,
  changesOf,
  DATA,
  type Expected,
  expected,
  LADDER,
  OVERRIDES,
  PLACES,
  RESULTS,
  rulesOfCell,
  SEVERITIES,
  SITUATIONS,
} from './decision-table.ts'
import { EXCEPTION_STATES, exceptionIn } from './exceptions.ts'

type PolicyCell = Pick<Cell, 'severity' | 'override' | 'failurePolicy' | 'existingViolations'>

const compiledPolicies = new Map<string, CompiledPolicy>()

function compiledFor({ severity, override, failurePolicy, existingViolations }: PolicyCell, isDelete: boolean): CompiledPolicy {
  const key = [severity, override, failurePolicy, existingViolations, isDelete].join('|')
  const seen = isDelete ? 'oldObject' : 'object'
  const compiled =
    compiledPolicies.get(key) ??
    compilePolicy(
      policy('p', {
        severity,
        failurePolicy,
        matchConstraints: {
          resourceRules: [
            { apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'], operations: ['*'] },
            { apiGroups: ['batch'], apiVersions: ['v1'], resources: ['jobs'], operations: ['CREATE'] },
          ],
        },
        ...rulesOfCell({ override, existingViolations }, seen),
      }),
    )
  compiledPolicies.set(key, compiled)
  return compiled
}

const ruleSetOf = (cell: PolicyCell, exceptions: readonly CompiledException[], isDelete: boolean): RuleSet =>
  assembleRuleSet({ policies: [compiledFor(cell, isDelete)], profile: profile({}), exceptions })

const REQUESTS = RESULTS.flatMap((result) =>
  SITUATIONS.map((situation) => {
    const { object, changes } = changesOf(DATA[result], situation)
    return { result, situation, request: requestOf(object, changes) }
  }),
)

function seen(outcome: RuleOutcome | undefined): Expected | undefined {
  if (outcome === undefined) return undefined
  const { result, level, effect } = outcome
  if (outcome.result === 'pass' || outcome.result === 'skip') return { result, level, effect }
  const { mitigation, waivedBy, wouldHave, exceptionNotes } = outcome
  const [note] = exceptionNotes
  return {
    result,
    level,
    effect,
    wouldHave,
    ...(mitigation === undefined ? {} : { mitigation }),
    ...(waivedBy === undefined ? {} : { waivedBy }),
    ...(note === undefined ? {} : { note: note.replace('exception `shop/e` does not count: ', '') }),
  }
}

const combinations = function* (): Generator<Pick<Cell, 'severity' | 'override' | 'failurePolicy' | 'existingViolations' | 'exception'>> {
  for (const severity of SEVERITIES)
    for (const override of Object.keys(OVERRIDES))
      for (const failurePolicy of ['Fail', 'Ignore'] as const)
        for (const existingViolations of ['Allow', 'Enforce'] as const)
          for (const exception of Object.keys(EXCEPTION_STATES)) yield { severity, override, failurePolicy, existingViolations, exception }
}

const NAMESPACES = Object.entries(PLACES).map(([place, { labels }]) => {
  const namespace =
    labels === undefined ? ({ kind: 'unknown', reason: 'no answer' } as const) : ({ kind: 'found', object: namespaceObject('shop', labels) } as const)
  return { place, namespace }
})

describe('every cell of the matrix', () => {
  test('is as the table of decisions says', () => {
    const wrong: unknown[] = []
    let cells = 0
    const effects = new Set<string>()
    for (const half of combinations()) {
      const exceptions = exceptionIn(half.exception)
      const base: Cell = { ...half, place: 'prod', result: 'pass', situation: 'CREATE' }
      const [sets, deletions] = [ruleSetOf(base, exceptions, false), ruleSetOf(base, exceptions, true)]
      for (const { result, situation, request } of REQUESTS) {
        for (const { place, namespace } of NAMESPACES) {
          const cell: Cell = { ...half, place, result, situation }
          const wanted = expected(cell)
          const decision = judge(request.operation === 'DELETE' ? deletions : sets, request, { namespace })
          const got = seen(decision.outcomes[0])
          cells += 1
          effects.add(`${wanted.effect}/${wanted.mitigation ?? ''}`)
          if (!isSame(got, wanted) || decision.effect !== wanted.effect) wrong.push({ cell, wanted, got })
        }
      }
    }
    expect(wrong.slice(0, 3)).toEqual([])
    expect([...effects].sort()).toEqual(['allow/', 'allow/descended', 'allow/existing', 'deny/', 'warn/', 'warn/descended', 'warn/existing', 'warn/protected'])
    expect(cells).toBe(4 * 7 * 2 * 2 * Object.keys(EXCEPTION_STATES).length * RESULTS.length * SITUATIONS.length * Object.keys(PLACES).length)
  }, 120_000)
})

const FIELDS = ['result', 'level', 'effect', 'mitigation', 'waivedBy', 'wouldHave', 'note'] as const
const isSame = (got: Expected | undefined, wanted: Expected): boolean => FIELDS.every((field) => got?.[field] === wanted[field])

const EFFECTS: readonly Effect[] = ['allow', 'warn', 'deny']

describe('raising a level', () => {
  test('never hides a finding, and never makes an effect milder', () => {
    for (const { result, situation, request } of REQUESTS) {
      let before: { readonly effect: number; readonly finding: unknown } | undefined
      for (const level of LADDER) {
        const cell: Cell = {
          ...{ severity: 'low', override: `${level} everywhere`, failurePolicy: 'Ignore', existingViolations: 'Allow' },
          ...{ exception: 'none', place: 'dev', result, situation },
        }
        const { effect, outcomes } = judge(ruleSetOf(cell, [], request.operation === 'DELETE'), request)
        const finding = outcomes.map((outcome) => [outcome.result, outcome.result === 'fail' ? outcome.violation : undefined])
        const now = { effect: EFFECTS.indexOf(effect), finding }
        expect(now.finding).toEqual(before?.finding ?? now.finding)
        expect(now.effect).toBeGreaterThanOrEqual(before?.effect ?? 0)
        before = now
      }
    }
  })
})

describe('what cannot be read', () => {
  test('never lowers a level: neither a namespace nor its label', () => {
    for (const override of Object.keys(OVERRIDES)) {
      for (const severity of SEVERITIES) {
        const cell: Cell = {
          ...{ severity, override, failurePolicy: 'Fail', existingViolations: 'Allow' },
          ...{ exception: 'none', place: 'dev', result: 'fail', situation: 'CREATE' },
        }
        const rules = ruleSetOf(cell, [], false)
        const rankIn = (namespace: (typeof NAMESPACES)[number]['namespace']): number => {
          const [outcome] = judge(rules, requestOf(configMap({ verdict: 'bad' })), { namespace }).outcomes
          return LADDER.indexOf(outcome?.level ?? 'Observe')
        }
        const known = NAMESPACES.filter(({ place }) => PLACES[place]?.environment !== undefined).map(({ namespace }) => rankIn(namespace))
        const unknown = NAMESPACES.filter(({ place }) => PLACES[place]?.environment === undefined).map(({ namespace }) => rankIn(namespace))
        for (const rank of unknown) expect(rank).toBe(Math.max(...known))
      }
    }
  })
})
