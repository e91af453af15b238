import { beforeAll, describe, expect, test } from '@jest/globals'
import { isEqualJson, isRecord } from '../../src/api/index.ts'
import { answerLine } from '../../src/cli/eval.ts'
import { askOracle, buildOracle } from '../oracle/oracle.ts'
import { authorizerQuestions, randomQuestions, realQuestions } from './policy-questions.ts'

type Json = Readonly<Record<string, unknown>>

const SEED = 20_261_125
const RANDOM = 400
const OBJECTS_EACH = 4

let oracle = ''
beforeAll(async () => {
  oracle = await buildOracle()
}, 600_000)

const recordsOf = (value: unknown): readonly Json[] => (Array.isArray(value) ? value.filter(isRecord) : [])

/** An answer without the words of errors, which are better here, and without the costs. */
function judged(line: string): Json {
  const answer = read(line)
  const { id, oracleError, action, validations, matchConditions, auditAnnotations, creationErrors, error } = answer
  return {
    ...{ id, oracleError, action },
    creationErrors: recordsOf(creationErrors).map(({ path }) => path),
    matchConditions: recordsOf(matchConditions).map(({ name, result }) => ({ name, result })),
    validations: recordsOf(validations).map(({ result, action, message, reason }) => ({ result, action, reason, message: result === 'error' ? '' : message })),
    auditAnnotations: recordsOf(auditAnnotations).map(({ key, action, value }) => ({ key, action, value })),
    hasError: error !== undefined,
  }
}

function read(line: string): Json {
  const answer: unknown = JSON.parse(line)
  if (!isRecord(answer)) throw new Error(line)
  return answer
}

/** What the verdicts cost. Of a message only its text is told, not that it failed, so that its cost says little. */
function costOf(line: string): number {
  const { cost } = read(line)
  const { matchConditions, validations, auditAnnotations } = isRecord(cost) ? cost : {}
  return Number(matchConditions) + Number(validations) + Number(auditAnnotations)
}

const hasError = (line: string): boolean => line.includes('"error') || line.includes('creationErrors')

interface Comparison {
  readonly differences: readonly { readonly line: string; readonly kubernetes: unknown; readonly ours: unknown }[]
  readonly compared: number
  /** By how much the costs of answers without an error differ. */
  readonly costs: readonly number[]
}

async function compare(lines: readonly string[]): Promise<Comparison> {
  const answers = await askOracle(oracle, lines)
  const pairs = lines.map((line, index) => ({ line, kubernetes: answers[index] ?? '{}', ours: answerLine(line) }))
  // Kubernetes' own checker panics at some expressions.
  const judgedByBoth = pairs.filter(({ kubernetes }) => !kubernetes.includes('"oracleError":"panic'))
  return {
    compared: judgedByBoth.length,
    differences: judgedByBoth
      .map(({ line, kubernetes, ours }) => ({ line, kubernetes: judged(kubernetes), ours: judged(ours) }))
      .filter(({ kubernetes, ours }) => !isEqualJson(kubernetes, ours)),
    costs: judgedByBoth.filter(({ kubernetes }) => !hasError(kubernetes)).map(({ kubernetes, ours }) => Math.abs(costOf(kubernetes) - costOf(ours))),
  }
}

describe('in mode `policy` Kubernetes and we say the same', () => {
  test('of real policies and objects, at the same cost', async () => {
    const { differences, compared, costs } = await compare(realQuestions(SEED, OBJECTS_EACH))
    expect(differences).toEqual([])
    expect(compared).toBeGreaterThan(200)
    // Errors that an `&&` or `||` forgives cost a few units more here, since they are charged for before they are found.
    expect(Math.max(...costs)).toBeLessThan(20)
    expect(costs.filter((cost) => cost === 0).length / costs.length).toBeGreaterThan(0.9)
  }, 600_000)

  test('of what an authorizer answers, at the same cost', async () => {
    const { differences, costs } = await compare(authorizerQuestions())
    expect(differences).toEqual([])
    expect(Math.max(...costs)).toBe(0)
  }, 600_000)

  test('of random policies and objects', async () => {
    const { differences, compared } = await compare(randomQuestions(SEED, RANDOM))
    expect(differences).toEqual([])
    expect(compared).toBeGreaterThan(RANDOM * 0.9)
  }, 600_000)
})

describe('a policy of Bylaw', () => {
  const policy = {
    apiVersion: 'bylaw.dev/v1',
    kind: 'Policy',
    metadata: { name: 'small' },
    spec: {
      title: 'Small',
      owner: { team: 'a', contact: 'b' },
      severity: 'low',
      remediation: 'make it smaller',
      matchConstraints: { resourceRules: [{ apiGroups: ['apps'], apiVersions: ['v1'], resources: ['deployments'], operations: ['CREATE'] }] },
      variables: [{ name: 'replicas', expression: 'object.spec.?replicas.orValue(1)' }],
      validations: [{ expression: 'variables.replicas < 5', messageExpression: "string(variables.replicas) + ' replicas are too many'" }],
    },
  }
  const ask = (more: Json): Json => read(answerLine(JSON.stringify({ id: 'a', mode: 'policy', policy, ...more })))

  test('is answered like a native one', () => {
    expect(ask({ request: { operation: 'CREATE' }, object: { apiVersion: 'apps/v1', kind: 'Deployment', spec: { replicas: 9 } } })).toEqual({
      id: 'a',
      validations: [{ result: false, action: 'deny', message: '9 replicas are too many', reason: 'Invalid' }],
      cost: { matchConditions: 0, validations: 6, messageExpressions: 9, auditAnnotations: 0 },
    })
  })

  test('with mistakes has no answer but these', () => {
    const broken = { ...policy, spec: { ...policy.spec, severity: 'terrible' } }
    expect(ask({ policy: broken })['oracleError']).toContain('spec.severity')
  })
})

describe('a line that cannot be judged is answered all the same', () => {
  test.each<[string, string, string]>([
    ['without a policy', '{"id":1,"mode":"policy"}', 'no policy'],
    ['with a policy that is none', '{"id":1,"mode":"policy","policy":[]}', 'no policy'],
    ['with a list that is none', '{"id":1,"mode":"policy","policy":{"spec":{"validations":3}}}', 'unreadable line: spec.validations is no list of objects'],
    ['with an object that is none', '{"id":1,"mode":"policy","policy":{},"object":3}', 'unreadable line: object is no object'],
    ['of a mode that there is not', '{"id":1,"mode":"change","policy":{}}', 'unknown mode "change"'],
  ])('%s', (_name, line, oracleError) => {
    expect(read(answerLine(line))).toEqual({ id: 1, oracleError })
  })
})
