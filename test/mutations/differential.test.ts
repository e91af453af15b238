import { beforeAll, describe, expect, test } from '@jest/globals'
import { isRecord } from '../../src/api/index.ts'
import type { Json } from '../api/resources.ts'
import { askOracle, buildOracle } from '../oracle/oracle.ts'
import { MUTATION_CASES, type MutationCase } from './cases.ts'
import { correctingPolicy, correctWith, resourceOf, toMutation } from './ours.ts'

interface Verdict {
  readonly isRefused: boolean
  readonly object: unknown
  readonly text: string
}

/** What the API server refuses by its schemas, which Bylaw leaves to it: there the corrected object is refused or loses the field. */
const BY_SCHEMA: readonly RegExp[] = [/unknown field/, /field not declared in schema/, /cannot unmarshal/, /expected (?:numeric|string|boolean|map|list)/]

/** Kinds whose lists the oracle deduces for want of their OpenAPI: it replaces them, where a cluster that has a schema refuses to. */
const DEDUCED: readonly string[] = ['NetworkPolicy', 'Widget']
const ATOMIC = /may not mutate atomic/

let pairs: readonly { readonly subject: MutationCase; readonly kubernetes: Verdict; readonly ours: Verdict }[] = []

function question(object: Json, mutations: readonly Json[]): string {
  const [group, version, resource] = resourceOf(object['kind'])
  const { name, namespace } = isRecord(object['metadata']) ? object['metadata'] : {}
  return JSON.stringify({
    mode: 'mutate',
    policy: { metadata: { name: 'm' }, spec: { mutations } },
    request: { operation: 'CREATE', kind: { group, version, kind: object['kind'] }, resource: { group, version, resource }, name, namespace },
    object,
  })
}

function read(line: string | undefined): Json {
  const answer: unknown = JSON.parse(line ?? '{}')
  return isRecord(answer) ? answer : {}
}

/** Objects as the API server would send them: through its own types and back. */
async function settle(binary: string, objects: readonly Json[]): Promise<readonly Json[]> {
  const answers = await askOracle(
    binary,
    objects.map((object) => question(object, [])),
  )
  return answers.map((line) => {
    const { object } = read(line)
    return isRecord(object) ? object : read(line)
  })
}

beforeAll(async () => {
  const binary = await buildOracle()
  const inputs = await settle(
    binary,
    MUTATION_CASES.map(({ object }) => object),
  )
  const answers = await askOracle(
    binary,
    MUTATION_CASES.map(({ mutation }, index) => question(inputs[index] ?? {}, [toMutation(mutation)])),
  )
  const corrections = MUTATION_CASES.map(({ mutation }, index) => {
    const object = inputs[index] ?? {}
    return correctWith([correctingPolicy('m', object['kind'], [toMutation(mutation)])], { object })
  })
  const corrected = await settle(
    binary,
    corrections.map(({ object }) => ({ ...object })),
  )
  pairs = MUTATION_CASES.map((subject, index) => {
    const { object, errors, oracleError } = read(answers[index])
    const text = Array.isArray(errors) ? errors.join('\n') : ''
    const failure = corrections[index]?.outcomes.find(({ kind }) => kind === 'notCorrected')
    return {
      subject,
      kubernetes: { isRefused: text !== '', object, text: text === '' ? String(oracleError ?? '') : text },
      ours: { isRefused: failure !== undefined, object: corrected[index], text: failure?.kind === 'notCorrected' ? failure.reason : '' },
    }
  })
}, 600_000)

describe('Kubernetes and Bylaw make the same of', () => {
  test(`${MUTATION_CASES.length} mutations of objects`, () => {
    const different = pairs.filter(({ subject, kubernetes, ours }) => {
      if (kubernetes.isRefused && BY_SCHEMA.some((pattern) => pattern.test(kubernetes.text))) return false
      if (DEDUCED.includes(String(subject.object['kind'])) && ATOMIC.test(ours.text)) return false
      return kubernetes.isRefused !== ours.isRefused || JSON.stringify(sorted(kubernetes.object)) !== JSON.stringify(sorted(ours.object))
    })
    const shown = different.map(({ subject, kubernetes, ours }) => ({ name: subject.name, kubernetes: summary(kubernetes), ours: summary(ours) }))
    expect(shown).toEqual([])
  })

  test('enough of both kinds: what is applied and what is refused', () => {
    expect(pairs.length).toBeGreaterThan(200)
    expect(pairs.filter(({ kubernetes }) => kubernetes.isRefused).length).toBeGreaterThan(30)
    expect(
      pairs.filter(({ kubernetes, subject }) => !kubernetes.isRefused && JSON.stringify(kubernetes.object) !== JSON.stringify(subject.object)).length,
    ).toBeGreaterThan(100)
  })
})

const summary = ({ isRefused, object, text }: Verdict): string => (isRefused || text !== '' ? `refused: ${text}` : JSON.stringify(sorted(object)))

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (!isRecord(value)) return value
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((key) => [key, sorted(value[key])]),
  )
}
