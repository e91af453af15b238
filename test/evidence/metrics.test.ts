import { describe, expect, test } from '@jest/globals'
import { Metrics } from '../../src/evidence/index.ts'
import { assembleRuleSet, compilePolicy } from '../../src/rules/index.ts'
import { configMap, judge, namespaceObject, policy, profile, requestOf, ruleSet } from '../doors/build.ts'

const HAS_A = policy('has-a', {
  controls: [{ framework: 'NIST-800-53', id: 'CM-7' }],
  validations: [
    { name: 'a', expression: "'a' in object.data", message: 'data.a is missing' },
    { name: 'number', expression: "!('n' in object.data) || int(object.data.n) > 0" },
  ],
})
const ELSEWHERE = policy('elsewhere', { matchConditions: [{ name: 'never', expression: 'false' }] })
const BROKEN = policy('broken', {
  controls: [{ framework: 'NIST-800-53', id: 'AC-6' }],
  validations: [{ name: 'a', expression: 'object.' }],
})
const RULES = ruleSet([HAS_A, ELSEWHERE])
const DAY_MS = 86_400_000
const staging = { kind: 'found', object: namespaceObject('shop', { 'bylaw.dev/environment': 'staging' }) } as const
const unreadable = { kind: 'unknown', reason: 'no answer' } as const
const REQUEST = requestOf(configMap())
const DRY = { ...REQUEST, dryRun: true }
const DENIED = judge(RULES, REQUEST)
const WARNED = judge(RULES, REQUEST, { namespace: staging })
const ALLOWED = judge(RULES, requestOf(configMap({ a: 'x' })))
const ERROR = judge(RULES, requestOf(configMap({ a: 'x', n: 'y' })), { namespace: unreadable })

async function lines(metrics: Metrics, name: string): Promise<readonly string[]> {
  const { text } = await metrics.expose()
  return text
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
    .sort()
}

const counted = async (metrics: Metrics, name: string) => (await lines(metrics, name)).filter((line) => !line.endsWith(' 0'))

describe('series', () => {
  test('of decisions are there from the start, at zero', async () => {
    const metrics = new Metrics()
    metrics.recordRuleSet(RULES)
    expect(await lines(metrics, 'bylaw_decisions_total')).toEqual(
      ['allow', 'deny', 'warn'].flatMap((effect) => ['false', 'true'].map((dryRun) => `bylaw_decisions_total{effect="${effect}",dry_run="${dryRun}"} 0`)),
    )
    expect((await lines(metrics, 'bylaw_reviews_undecided_total')).length).toBe(12)
    expect((await lines(metrics, 'bylaw_review_duration_seconds_count')).length).toBe(16)
  })

  test('of a policy are those that its level can come to in each environment', async () => {
    const metrics = new Metrics()
    metrics.recordRuleSet(RULES)
    const of = (name: string) => [
      `bylaw_policy_decisions_total{policy="${name}",environment="dev",level="Observe",effect="allow"} 0`,
      ...['allow', 'deny', 'warn'].map((effect) => `bylaw_policy_decisions_total{policy="${name}",environment="prod",level="Deny",effect="${effect}"} 0`),
      ...['allow', 'warn'].map((effect) => `bylaw_policy_decisions_total{policy="${name}",environment="staging",level="Warn",effect="${effect}"} 0`),
      ...['allow', 'deny', 'warn'].map((effect) => `bylaw_policy_decisions_total{policy="${name}",environment="unknown",level="Deny",effect="${effect}"} 0`),
    ]
    expect(await lines(metrics, 'bylaw_policy_decisions_total')).toEqual([...of('elsewhere'), ...of('has-a')])
    expect((await lines(metrics, 'bylaw_rule_errors_total')).filter((line) => line.includes('"has-a"'))).toEqual(
      ['CostExceeded', 'DeadlineExceeded', 'EvaluationFailed', 'NamespaceUnknown'].map((code) => `bylaw_rule_errors_total{policy="has-a",code="${code}"} 0`),
    )
  })

  test('of a policy vanish with it, and its counts stay through any other change', async () => {
    const metrics = new Metrics()
    metrics.recordRuleSet(RULES)
    metrics.recordDecision(DENIED, REQUEST)
    const before = await counted(metrics, 'bylaw_policy_decisions_total')
    expect(before).toEqual(['bylaw_policy_decisions_total{policy="has-a",environment="prod",level="Deny",effect="deny"} 1'])
    metrics.recordRuleSet(ruleSet([HAS_A]))
    expect((await metrics.expose()).text).not.toContain('elsewhere')
    metrics.recordRuleSet(
      ruleSet([HAS_A], profile({ environments: [{ name: 'prod', levels: { critical: 'Warn', high: 'Warn', medium: 'Warn', low: 'Warn' } }] })),
    )
    expect(await counted(metrics, 'bylaw_policy_decisions_total')).toEqual(before)
    expect((await lines(metrics, 'bylaw_policy_decisions_total')).filter((line) => line.includes('"Deny"'))).toEqual(before)
    metrics.recordDecision(DENIED, REQUEST)
    expect(await counted(metrics, 'bylaw_policy_decisions_total')).toEqual([before[0]?.replace(/1$/, '2')])
    metrics.recordRuleSet(ruleSet([]))
    expect(await lines(metrics, 'bylaw_policy_decisions_total')).toEqual([])
  })

  test('show names as they are, whatever stands in them', async () => {
    const metrics = new Metrics()
    metrics.recordRuleSet(ruleSet([policy('odd', { controls: [{ framework: 'a "b" \\ c', id: '1' }] })]))
    expect(await lines(metrics, 'bylaw_control_policies')).toEqual(['bylaw_control_policies{framework="a \\"b\\" \\\\ c",control="1"} 1'])
  })
})

describe('a decision', () => {
  test('counts once for each policy that judged, dry runs apart', async () => {
    const metrics = new Metrics()
    for (const decision of [DENIED, WARNED, ALLOWED, ERROR]) metrics.recordDecision(decision, REQUEST)
    metrics.recordDecision(DENIED, DRY)
    expect(await counted(metrics, 'bylaw_decisions_total')).toEqual([
      'bylaw_decisions_total{effect="allow",dry_run="false"} 1',
      'bylaw_decisions_total{effect="deny",dry_run="false"} 2',
      'bylaw_decisions_total{effect="deny",dry_run="true"} 1',
      'bylaw_decisions_total{effect="warn",dry_run="false"} 1',
    ])
    expect(await counted(metrics, 'bylaw_policy_decisions_total')).toEqual([
      'bylaw_policy_decisions_total{policy="has-a",environment="prod",level="Deny",effect="allow"} 1',
      'bylaw_policy_decisions_total{policy="has-a",environment="prod",level="Deny",effect="deny"} 1',
      'bylaw_policy_decisions_total{policy="has-a",environment="staging",level="Warn",effect="warn"} 1',
      'bylaw_policy_decisions_total{policy="has-a",environment="unknown",level="Deny",effect="deny"} 1',
    ])
    expect(await counted(metrics, 'bylaw_rule_errors_total')).toEqual(['bylaw_rule_errors_total{policy="has-a",code="EvaluationFailed"} 1'])
    expect(await counted(metrics, 'bylaw_environment_unknown_total')).toEqual(['bylaw_environment_unknown_total{reason="NamespaceUnknown"} 1'])
  })

  test('counts by the strongest effect of each of several policies', async () => {
    const metrics = new Metrics()
    const both = ruleSet([HAS_A, policy('low', { severity: 'low' }), policy('zero', { validations: [{ expression: 'true' }] })])
    metrics.recordDecision(judge(both, REQUEST), REQUEST)
    expect(await counted(metrics, 'bylaw_policy_decisions_total')).toEqual([
      'bylaw_policy_decisions_total{policy="has-a",environment="prod",level="Deny",effect="deny"} 1',
      'bylaw_policy_decisions_total{policy="low",environment="prod",level="Warn",effect="warn"} 1',
      'bylaw_policy_decisions_total{policy="zero",environment="prod",level="Deny",effect="allow"} 1',
    ])
  })

  test('counts what it cost to evaluate each policy, in dry runs too', async () => {
    const metrics = new Metrics()
    metrics.recordDecision(ALLOWED, REQUEST)
    metrics.recordDecision(ALLOWED, DRY)
    expect(await counted(metrics, 'bylaw_policy_evaluations_total')).toContain('bylaw_policy_evaluations_total{policy="has-a"} 2')
    const { cost = 0 } = ALLOWED.evaluations.find(({ policy: name }) => name === 'has-a') ?? {}
    expect(cost).toBeGreaterThan(0)
    expect(await counted(metrics, 'bylaw_policy_cost_total')).toContain(`bylaw_policy_cost_total{policy="has-a"} ${2 * cost}`)
  })

  test('takes its time, by operation and effect', async () => {
    const metrics = new Metrics()
    for (const seconds of [0.00005, 0.0001, 0.003, 20]) metrics.admission.recordDuration(seconds, 'CREATE', 'deny')
    const of = 'operation="CREATE",effect="deny"'
    const shown = (await lines(metrics, 'bylaw_review_duration_seconds_bucket')).filter((line) => line.includes(of))
    expect(shown.filter((line) => /le="(?:0\.0001|0\.002|0\.005|10|\+Inf)"/.test(line))).toEqual([
      `bylaw_review_duration_seconds_bucket{${of},le="+Inf"} 4`,
      `bylaw_review_duration_seconds_bucket{${of},le="0.0001"} 2`,
      `bylaw_review_duration_seconds_bucket{${of},le="0.002"} 2`,
      `bylaw_review_duration_seconds_bucket{${of},le="0.005"} 3`,
      `bylaw_review_duration_seconds_bucket{${of},le="10"} 3`,
    ])
    expect(await lines(metrics, 'bylaw_review_duration_seconds_sum')).toContain(`bylaw_review_duration_seconds_sum{${of}} 20.00315`)
  })
})

describe('what is in force', () => {
  test('is the last revision alone, and since when', async () => {
    let nowMs = 1000
    const metrics = new Metrics(() => nowMs)
    metrics.recordRuleSet(RULES)
    nowMs = 2000
    metrics.recordRuleSet(RULES)
    expect(await lines(metrics, 'bylaw_rule_set_loaded_timestamp_seconds')).toEqual(['bylaw_rule_set_loaded_timestamp_seconds 1'])
    const next = ruleSet([HAS_A, BROKEN])
    metrics.recordRuleSet(next)
    expect(await lines(metrics, 'bylaw_rule_set_info')).toEqual([`bylaw_rule_set_info{revision="${next.revision}"} 1`])
    expect(await lines(metrics, 'bylaw_rule_set_loaded_timestamp_seconds')).toEqual(['bylaw_rule_set_loaded_timestamp_seconds 2'])
    expect(await lines(metrics, 'bylaw_policies')).toEqual(['bylaw_policies{state="compiled"} 1', 'bylaw_policies{state="invalid"} 1'])
  })

  test('serves controls by the policies that can be evaluated', async () => {
    const metrics = new Metrics()
    metrics.recordRuleSet(ruleSet([HAS_A, BROKEN]))
    expect(await lines(metrics, 'bylaw_control_policies')).toEqual([
      'bylaw_control_policies{framework="NIST-800-53",control="AC-6"} 0',
      'bylaw_control_policies{framework="NIST-800-53",control="CM-7"} 1',
    ])
  })

  test('is waived by exceptions that end by the clock', async () => {
    let nowMs = 0
    const metrics = new Metrics(() => nowMs)
    metrics.ruleSet.recordExceptions([
      { state: 'approved', endMs: 10 * DAY_MS },
      { state: 'approved', endMs: DAY_MS },
      { state: 'pending', endMs: DAY_MS },
      { state: 'invalid', endMs: 0 },
    ])
    const shown = async () =>
      [...(await lines(metrics, 'bylaw_exceptions')), ...(await lines(metrics, 'bylaw_exceptions_expiring'))].map((line) => line.slice(-1))
    expect(await lines(metrics, 'bylaw_exceptions')).toEqual(
      [2, 0, 1, 1].map((count, index) => `bylaw_exceptions{state="${['active', 'expired', 'invalid', 'pending'][index]}"} ${count}`),
    )
    expect(await shown()).toEqual(['2', '0', '1', '1', '1'])
    nowMs = 2 * DAY_MS
    expect(await shown()).toEqual(['1', '2', '1', '0', '0'])
    nowMs = 4 * DAY_MS
    expect(await shown()).toEqual(['1', '2', '1', '0', '1'])
  })
})

describe('coverage', () => {
  const SERVED = [
    { group: '', resource: 'configmaps' },
    { group: '', resource: 'secrets' },
    { group: 'authentication.k8s.io', resource: 'tokenreviews', isListable: false },
    { group: 'apps', resource: 'deployments', isListable: true },
  ]

  test('tells which kinds nobody judges', async () => {
    const metrics = new Metrics()
    await metrics.coverage.count(SERVED, RULES)
    expect(await lines(metrics, 'bylaw_resources')).toEqual(['bylaw_resources{judged="false"} 2', 'bylaw_resources{judged="true"} 1'])
    expect(await lines(metrics, 'bylaw_resource_unjudged')).toEqual([
      'bylaw_resource_unjudged{group="",resource="secrets"} 1',
      'bylaw_resource_unjudged{group="apps",resource="deployments"} 1',
    ])
    await metrics.coverage.count(SERVED, assembleRuleSet({ policies: [compilePolicy(policy('all', { matchConstraints: EVERYTHING }))], profile: profile({}) }))
    expect(await lines(metrics, 'bylaw_resource_unjudged')).toEqual([])
  })

  test('tells the share of requests that some policy judged, without a series for a name that is made up', async () => {
    const metrics = new Metrics()
    await metrics.coverage.count(SERVED, RULES)
    metrics.recordDecision(DENIED, REQUEST)
    metrics.recordDecision(DENIED, DRY)
    const nothing = ruleSet([ELSEWHERE])
    metrics.recordDecision(judge(nothing, REQUEST), REQUEST)
    for (const resource of ['made-up', 'another'])
      metrics.recordDecision(judge(nothing, REQUEST), { ...REQUEST, resource: { group: 'x', version: 'v1', resource } })
    expect(await lines(metrics, 'bylaw_coverage_requests_total')).toEqual([
      'bylaw_coverage_requests_total{group="",resource="configmaps",judged="false"} 1',
      'bylaw_coverage_requests_total{group="",resource="configmaps",judged="true"} 1',
      'bylaw_coverage_requests_total{group="other",resource="other",judged="false"} 2',
      'bylaw_coverage_requests_total{group="other",resource="other",judged="true"} 0',
    ])
  })

  test('is counted by whoever asked last', async () => {
    const metrics = new Metrics()
    const many = Array.from({ length: 3000 }, (_, index) => ({ group: 'x', resource: `r${index}` }))
    await Promise.all([metrics.coverage.count(many, RULES), metrics.coverage.count(SERVED, RULES)])
    expect(await lines(metrics, 'bylaw_resources')).toEqual(['bylaw_resources{judged="false"} 2', 'bylaw_resources{judged="true"} 1'])
    await metrics.coverage.count(many, RULES)
    expect(await lines(metrics, 'bylaw_resources')).toEqual(['bylaw_resources{judged="false"} 3000', 'bylaw_resources{judged="true"} 0'])
    expect((await lines(metrics, 'bylaw_resource_unjudged')).length).toBe(500)
  })
})

const EVERYTHING = { resourceRules: [{ apiGroups: ['*'], apiVersions: ['*'], resources: ['*'], operations: ['*'] }] }

test('what 500 policies show stays bounded', async () => {
  const metrics = new Metrics()
  metrics.recordRuleSet(ruleSet(Array.from({ length: 500 }, (_, index) => policy(`policy-with-quite-a-long-name-${index}`))))
  const { text } = await metrics.expose()
  expect(text.split('\n').length).toBeLessThan(11_000)
  expect(text.length).toBeLessThan(1_250_000)
})
