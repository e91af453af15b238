import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseYamlDocuments } from '../../src/api/index.ts'
import { readNativePolicies } from '../compare/native-policies.ts'
import { generatePairs } from '../oracle/generator.ts'
import { Random } from '../oracle/random.ts'

type Json = Readonly<Record<string, unknown>>

const isRecord = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)

const NAMESPACE = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop', labels: { team: 'web', env: 'prod' } }, status: { phase: 'Active' } }
const PARAMS = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'limits' }, data: { maxReplicas: '3', max: '5', registry: 'registry.example.com/' } }

function documentsIn(folder: string): readonly Json[] {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.yaml'))
  return files.toSorted().flatMap((file) => {
    const documents = parseYamlDocuments(readFileSync(join(folder, file), 'utf8'))
    return documents.ok ? documents.value.flat().filter(isRecord) : []
  })
}

/** A line that asks what a policy says of an object; custom kinds and built-in ones are both maps, as they are here. */
function question(id: unknown, policy: Json, object: Json, more: Json = {}): string {
  const metadata = isRecord(object['metadata']) ? object['metadata'] : {}
  const [version = 'v1', group = ''] = String(object['apiVersion'] ?? 'v1')
    .split('/')
    .toReversed()
  const kind = String(object['kind'] ?? 'Thing')
  const request = {
    operation: 'CREATE',
    kind: { group, version, kind },
    resource: { group, version, resource: `${kind.toLowerCase()}s` },
    name: metadata['name'] ?? '',
    namespace: metadata['namespace'] ?? '',
    userInfo: { username: 'ann', groups: ['developers', 'system:authenticated'] },
  }
  const line = { id, mode: 'policy', unstructured: true, policy, request, object, oldObject: null, namespaceObject: NAMESPACE, params: PARAMS, ...more }
  return JSON.stringify(line, (_key, value: unknown) => (typeof value === 'bigint' ? Number(value) : value))
}

/** Real policies, native ones and Bylaw's own, each asked of several real objects. */
export function realQuestions(seed: number, objectsEach: number): readonly string[] {
  const random = new Random(seed)
  const own: readonly Json[] = ['config/policies', 'config/samples'].flatMap(documentsIn).filter(({ kind }) => kind === 'Policy')
  const native: readonly Json[] = readNativePolicies().map(({ name, spec, paramKind }) => ({
    metadata: { name },
    spec: { ...spec, ...(paramKind === undefined ? {} : { paramKind }) },
  }))
  const objects = documentsIn('test/cases')
    .map(({ object }) => object)
    .filter(isRecord)
    .filter(({ metadata }) => isRecord(metadata))
  return [...own, ...native].flatMap((policy) =>
    Array.from({ length: objectsEach }, (_, index) => {
      const object = random.pick(objects)
      const metadata = isRecord(policy['metadata']) ? policy['metadata'] : {}
      // An update may have an old object, and a deletion nothing else.
      const more = index % 3 === 1 ? { oldObject: random.pick(objects) } : {}
      return question(`${String(metadata['name'])} ${index}`, policy, object, more)
    }),
  )
}

/** Generated policies with variables, conditions, messages and annotations, on generated objects. */
export function randomQuestions(seed: number, count: number): readonly string[] {
  const random = new Random(seed)
  return Array.from({ length: count }, (_, index) => {
    const pairs = generatePairs(random, 8)
    const expression = (position: number): string => pairs[position]?.expression ?? 'true'
    const custom = { apiVersion: 'test.dev/v1', kind: 'Thing', metadata: { name: 'thing', namespace: 'shop' } }
    const object: unknown = JSON.parse(pairs[0]?.object ?? '{}')
    const policy = {
      metadata: { name: `random-${index}` },
      spec: {
        failurePolicy: random.pick(['Fail', 'Ignore']),
        variables: [
          { name: 'a', expression: expression(0) },
          { name: 'b', expression: random.pick([expression(1), 'variables.a', '[variables.a]', "{'a': variables.a}"]) },
        ],
        matchConditions: random.chance(0.3) ? [{ name: 'condition', expression: expression(2) }] : [],
        validations: [
          { expression: expression(3) },
          {
            expression: expression(4),
            message: 'no',
            messageExpression: random.pick(["'because ' + string(object.metadata.name)", expression(5), 'string(variables.b)']),
          },
          {
            expression: random.pick(['variables.a == variables.b', 'has(variables.a)', 'dyn(variables.b) != null', 'variables.?a.hasValue()']),
            reason: 'Forbidden',
          },
        ],
        auditAnnotations: random.chance(0.3) ? [{ key: 'note', valueExpression: random.pick([expression(6), "'seen'", 'string(variables.a)', 'null']) }] : [],
      },
    }
    return question(index, policy, { ...(isRecord(object) ? object : {}), ...custom })
  })
}

const AUTHORIZER_EXPRESSIONS = [
  "authorizer.group('apps').resource('deployments').namespace('prod').check('get').allowed()",
  "authorizer.group('apps').resource('deployments').namespace('test').check('get').allowed()",
  "authorizer.group('apps').resource('deployments').check('get').reason() == 'denied by the oracle\\'s input'",
  "authorizer.path('/healthz').check('get').allowed()",
  "authorizer.path('/metrics').check('get').allowed()",
  "authorizer.path('').check('get').allowed()",
  "authorizer.requestResource.check('update').allowed()",
  "authorizer.requestResource.check('delete').allowed()",
  "authorizer.requestResource.name('z').check('get').error() == ''",
  "authorizer.requestResource.namespace('z').subresource('status').check('get').errored()",
  "authorizer.serviceAccount('shop', 'web').group('').resource('pods').check('list').allowed()",
  "authorizer.serviceAccount('shop', 'db').group('').resource('pods').check('list').allowed()",
  "authorizer.serviceAccount('Shop', 'web').group('').resource('pods').check('list').allowed()",
  "authorizer.serviceAccount('shop', 'Web').group('').resource('pods').check('list').allowed()",
  "authorizer.group('').resource('pods').fieldSelector('a=b').labelSelector('x in (a)').check('get').allowed()",
  'authorizer == authorizer',
  'authorizer.requestResource == authorizer.requestResource',
  "authorizer.group('') == authorizer.group('')",
  'has(authorizer.requestResource)',
  'type(authorizer) == type(authorizer)',
]

/** Questions to the authorizer. The oracle reads the fields of `allow` with a capital letter only. */
export function authorizerQuestions(): readonly string[] {
  const allow = [
    { User: 'ann', Verb: 'get', Group: 'apps', Resource: 'deployments', Namespace: 'prod' },
    { Path: '/healthz' },
    { Resource: 'things', Verb: 'update' },
    { User: 'system:serviceaccount:shop:web' },
  ]
  const object = { apiVersion: 'test.dev/v1', kind: 'Thing', metadata: { name: 'thing', namespace: 'shop' } }
  return AUTHORIZER_EXPRESSIONS.map((expression) => question(expression, { spec: { validations: [{ expression }] } }, object, { allow }))
}
