import { beforeAll, describe, expect, test } from '@jest/globals'
import { isEqualJson, isRecord } from '../../src/api/index.ts'
import { KNOWN_DIFFERENCES } from '../../src/cel/index.ts'
import { answerLine } from '../../src/cli/eval.ts'
import type { Json } from '../api/resources.ts'
import { MUTATION_CASES } from '../mutations/cases.ts'
import { correctingPolicy, resourceOf, toMutation } from '../mutations/ours.ts'
import { askOracle, buildOracle } from '../oracle/oracle.ts'

/** What the API server refuses by its schemas of built-in kinds, which we leave to it. */
const BY_SCHEMA = /unknown field|field not declared in schema|cannot unmarshal|expected (?:numeric|string|boolean|map|list)/
/** Kinds whose lists the oracle deduces for want of their OpenAPI: it replaces them, where a cluster that has a schema refuses to. */
const DEDUCED: readonly unknown[] = ['NetworkPolicy', 'Widget']
const ATOMIC = /may not mutate atomic/

let oracle = ''
/** The objects of the cases as the API server would send them: through its own types and back. */
let objects: readonly Json[] = []

function requestFor(object: Json): Json {
  const [group, version, resource] = resourceOf(object['kind'])
  const { name, namespace } = isRecord(object['metadata']) ? object['metadata'] : {}
  return { operation: 'CREATE', kind: { group, version, kind: object['kind'] }, resource: { group, version, resource }, name, namespace }
}

const question = (id: unknown, object: Json, spec: Json): string =>
  JSON.stringify({ id, mode: 'mutate', policy: { metadata: { name: 'm' }, spec }, request: requestFor(object), object })

function read(line: string | undefined): Json {
  const answer: unknown = JSON.parse(line ?? '{}')
  if (!isRecord(answer)) throw new Error(line)
  return answer
}

const objectIn = (line: string | undefined): Json => {
  const { object } = read(line)
  return isRecord(object) ? object : {}
}

const settle = async (list: readonly Json[]): Promise<readonly Json[]> =>
  (
    await askOracle(
      oracle,
      list.map((object) => question(0, object, { mutations: [] })),
    )
  ).map(objectIn)

beforeAll(async () => {
  oracle = await buildOracle()
  objects = await settle(MUTATION_CASES.map(({ object }) => object))
}, 600_000)

const textsIn = ({ errors }: Json): readonly string[] => (Array.isArray(errors) ? errors.map(String) : [])

interface Compared {
  readonly kubernetes: Json
  readonly ours: Json
  readonly line: string
}

/** Both answers without the words of errors, and without what is left to the API server's schemas. */
async function compare(lines: readonly string[]): Promise<readonly Compared[]> {
  const answers = await askOracle(oracle, lines)
  const mine = lines.map(answerLine)
  const settled = await settle(mine.map((answer) => ({ ...objectIn(answer) })).map((object) => (object['kind'] === undefined ? { ...objects[0] } : object)))
  return lines.flatMap((line, index): readonly Compared[] => {
    const [kubernetes, ours] = [read(answers[index]), read(mine[index])]
    const object = objectIn(line)
    if (textsIn(kubernetes).some((text) => BY_SCHEMA.test(text))) return []
    if (DEDUCED.includes(object['kind']) && textsIn(ours).some((text) => ATOMIC.test(text))) return []
    const told = ours['object'] === undefined ? {} : { object: settled[index] }
    return [{ line, kubernetes: judged(kubernetes), ours: judged({ ...ours, ...told }) }]
  })
}

function judged(answer: Json): Json {
  const { id, oracleError, matches, matchConditions, object, error, creationErrors } = answer
  const rows = (list: unknown): readonly Json[] => (Array.isArray(list) ? list.filter(isRecord) : [])
  return {
    id,
    oracleError,
    matches,
    object,
    creationErrors: rows(creationErrors).map(({ path }) => path),
    matchConditions: rows(matchConditions).map(({ name, result }) => ({ name, result })),
    applied: textsIn(answer).map((text) => text === ''),
    isInError: error !== undefined,
  }
}

const differing = (pairs: readonly Compared[]): readonly Compared[] => pairs.filter(({ kubernetes, ours }) => !isEqualJson(kubernetes, ours))

describe('in mode `mutate` Kubernetes and we say the same, line by line', () => {
  test(`of ${MUTATION_CASES.length} mutations of objects`, async () => {
    const pairs = await compare(MUTATION_CASES.map(({ mutation }, index) => question(index, objects[index] ?? {}, { mutations: [toMutation(mutation)] })))
    expect(differing(pairs)).toEqual([])
    expect(pairs.length).toBeGreaterThan(200)
    expect(pairs.filter(({ kubernetes }) => JSON.stringify(kubernetes['applied']) === '[false]').length).toBeGreaterThan(20)
  }, 600_000)

  test('of policies with several mutations, each tried on what the ones before made', async () => {
    const lines = MUTATION_CASES.flatMap(({ mutation, object: { kind } }, index) => {
      const others = MUTATION_CASES.filter(({ object }) => object['kind'] === kind)
      const [second, third] = [others[(index * 7 + 3) % others.length], others[(index * 13 + 5) % others.length]]
      const mutations = [mutation, second?.mutation, third?.mutation].flatMap((each) => (each === undefined ? [] : [toMutation(each)]))
      return [question(index, objects[index] ?? {}, { mutations })]
    })
    expect(differing(await compare(lines))).toEqual([])
  }, 600_000)

  test('of conditions, variables, parameters, mistakes and what is left out', async () => {
    const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', namespace: 'b', labels: { app: 'x' } }, data: { k: 'v' } }
    const label = (value: string): Json =>
      toMutation({ patchType: 'ApplyConfiguration', expression: `Object{metadata: Object.metadata{labels: {'team': ${value}}}}` })
    const specs: readonly Json[] = [
      { mutations: [label("'a'")], matchConditions: [{ name: 'yes', expression: 'true' }] },
      { mutations: [label("'a'")], matchConditions: [{ name: 'no', expression: "object.metadata.name == 'z'" }] },
      { mutations: [label("'a'")], matchConditions: [{ name: 'broken', expression: 'object.metadata.nothing == 1' }] },
      { mutations: [label("'a'")], failurePolicy: 'Ignore', matchConditions: [{ name: 'broken', expression: 'object.metadata.nothing == 1' }] },
      { mutations: [label('variables.team')], variables: [{ name: 'team', expression: "object.metadata.labels.app + '-team'" }] },
      {
        mutations: [label('variables.team'), label("variables.team + '!'")],
        variables: [{ name: 'team', expression: "object.metadata.labels.?team.orValue('none')" }],
      },
      { mutations: [label('variables.team')], variables: [{ name: 'team', expression: 'object.metadata.labels.nothing' }] },
      { mutations: [label('params.data.team')], paramKind: { apiVersion: 'v1', kind: 'ConfigMap' } },
      { mutations: [label('params.data.team')] },
      { mutations: [label('request.operation'), label('string(object.data.size())'), label('namespaceObject.metadata.name')] },
      { mutations: [label('1')] },
      { mutations: [label("'a' +")] },
      { mutations: [toMutation({ patchType: 'JSONPatch', expression: 'true' })] },
      { mutations: [{ patchType: 'JSONPatch', applyConfiguration: { expression: 'Object{}' } }] },
      { mutations: [{ patchType: 'Other', jsonPatch: { expression: '[]' } }, label("'still'")] },
      { mutations: [{}] },
      { mutations: [label("string(authorizer.group('').resource('pods').check('get').allowed())")] },
      { mutations: [] },
      {},
    ]
    const more = {
      params: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'p' }, data: { team: 'of-params' } },
      namespaceObject: { metadata: { name: 'b' } },
    }
    const lines = specs.map((spec, id) => JSON.stringify({ ...read(question(id, object, spec)), ...more }))
    expect(differing(await compare(lines))).toEqual([])
  }, 600_000)
})

describe('what is listed as different is different', () => {
  const listed = KNOWN_DIFFERENCES.filter(({ aspect }) => aspect === 'mutation').flatMap(({ expressions }) => expressions)
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a' }, spec: { containers: [], hostNetwork: true } }

  test.each(listed)('%s', async (expression) => {
    const mutation = toMutation({ patchType: expression.startsWith('[') ? 'JSONPatch' : 'ApplyConfiguration', expression })
    const line = question(0, pod, { mutations: [mutation] })
    const [answer] = await askOracle(oracle, [line])
    const ours = read(answerLine(line))
    expect(ours['errors']).toEqual([''])
    expect(ours['object']).not.toEqual(objectIn(answer))
    // Refused with a word about the schema, or applied without the field.
    for (const text of textsIn(read(answer))) expect(text).toMatch(text === '' ? /^$/ : BY_SCHEMA)
  })
})

describe('a policy of Bylaw', () => {
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web', namespace: 'shop' }, spec: { containers: [{ name: 'a', image: 'a:1' }] } }
  const patch = toMutation({ patchType: 'JSONPatch', expression: "[JSONPatch{op: 'add', path: '/spec/hostNetwork', value: false}]" })
  const ask = (policy: Json, object: unknown = pod): Json =>
    read(answerLine(JSON.stringify({ id: 'a', mode: 'mutate', policy, request: requestFor(pod), object })))

  test('is answered like a native one', () => {
    const policy = correctingPolicy('m', 'Pod', [{ ...patch, name: 'no-host-network' }])
    expect(ask(policy)).toEqual({ id: 'a', matches: true, object: { ...pod, spec: { ...pod.spec, hostNetwork: false } }, errors: [''] })
  })

  test('with mistakes has no answer but these', () => {
    expect(ask({ ...correctingPolicy('m', 'Pod', [patch]), spec: {} })['oracleError']).toContain('spec.')
  })

  test('keeps all digits of whole numbers', () => {
    const line = JSON.stringify({ mode: 'mutate', policy: { spec: {} }, object: { ...pod, spec: { size: 0 } } }).replace('"size":0', '"size":9007199254740993')
    expect(answerLine(line)).toContain('"size":9007199254740993')
  })
})

describe('a line that cannot be judged is answered all the same', () => {
  test.each<[string, string, string]>([
    ['without a policy', '{"id":1,"mode":"mutate"}', 'no policy'],
    ['without an object', '{"id":1,"mode":"mutate","policy":{}}', 'no object to mutate'],
    ['with a list that is none', '{"id":1,"mode":"mutate","policy":{"spec":{"mutations":3}}}', 'unreadable line: spec.mutations is no list of objects'],
    ['with an object that is none', '{"id":1,"mode":"mutate","policy":{},"object":3}', 'unreadable line: object is no object'],
    ['with an object of no kind', '{"id":1,"mode":"mutate","policy":{},"object":{}}', 'unreadable line: object is no Kubernetes object'],
    ['of a mode that there is not', '{"id":1,"mode":"change","policy":{}}', 'unknown mode "change"'],
  ])('%s', async (_name, line, oracleError) => {
    expect(read(answerLine(line))).toEqual({ id: 1, oracleError })
    const [theirs] = await askOracle(oracle, [line])
    expect(read(theirs)['oracleError']).toEqual(expect.any(String))
  })
})
