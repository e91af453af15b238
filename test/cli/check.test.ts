import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { parsePolicyException } from '../../src/api/index.ts'
import { check, EXIT } from '../../src/cli/index.ts'
import { specDigestOf } from '../../src/rules/index.ts'
import { configMap, on, policy, reviewOf } from '../doors/build.ts'
import { NOW } from '../doors/world.ts'
import { type Folder, makeFolder } from './files.ts'

type Json = Readonly<Record<string, unknown>>

let folder: Folder
beforeEach(() => {
  folder = makeFolder()
})
afterEach(() => folder.remove())

const POLICY = policy('settings', {
  title: 'Settings are complete',
  remediation: 'set `data.a`',
  validations: [{ name: 'has-a', expression: "'a' in object.data", message: 'data.a is missing' }],
})
const LOW = policy('low', { severity: 'low', validations: [{ name: 'has-b', expression: "'b' in object.data", message: 'data.b is missing' }] })
const FAILING = policy('failing', { validations: [{ name: 'number', expression: 'int(object.data.a) > 0' }] })
const BROKEN = { ...POLICY, metadata: { name: 'broken' }, spec: { ...POLICY.spec, validations: [{ name: 'a', expression: 'object.data.' }] } }

interface Input {
  readonly policies: readonly unknown[]
  readonly resources: readonly unknown[]
  /** What there is around them; left out, nothing is known of that. */
  readonly around?: readonly unknown[]
  readonly environment?: string
  readonly output?: 'text' | 'json'
}

/** Runs the command over files with the given documents; the folder's name is taken out of what it prints. */
function run({ policies, resources, around, output = 'text', ...more }: Input) {
  const files = (name: string, documents: readonly unknown[]): string[] => [
    folder.write(name, typeof documents[0] === 'string' ? documents[0] : { kind: 'List', items: documents }),
  ]
  const context = around === undefined ? {} : { contextResources: files('around.yaml', around) }
  const result = check({ ...context, policies: files('policies.yaml', policies), resources: files('resources.yaml', resources), now: NOW, output, ...more })
  const strip = (text: string): string => text.replaceAll(`${folder.path}/`, '')
  return { ...result, stdout: strip(result.stdout), stderr: strip(result.stderr) }
}

describe('the exit code', () => {
  test.each<[string, number, Input]>([
    ['clean', EXIT.clean, { policies: [POLICY], resources: [configMap({ a: 'x' })] }],
    ['clean where no policy looks', EXIT.clean, { policies: [POLICY], resources: [{ apiVersion: 'v1', kind: 'Service', metadata: { name: 's' } }] }],
    ['clean without any resource', EXIT.clean, { policies: [POLICY], resources: ['# nothing\n'] }],
    ['violations', EXIT.violations, { policies: [POLICY], resources: [configMap()] }],
    ['violations that only warn', EXIT.violations, { policies: [LOW], resources: [configMap()] }],
    ['violations that are only observed', EXIT.violations, { policies: [LOW], resources: [configMap()], environment: 'dev' }],
    ['a rule that could not be evaluated', EXIT.notEvaluated, { policies: [FAILING], resources: [configMap({ a: 'x' })] }],
    ['a rule that could not be evaluated beside violations', EXIT.notEvaluated, { policies: [POLICY, FAILING], resources: [configMap({ b: 'x' })] }],
    [
      'an expression that does not compile, whatever it judges',
      EXIT.notEvaluated,
      { policies: [BROKEN], resources: [{ apiVersion: 'v1', kind: 'Service', metadata: { name: 's' } }] },
    ],
  ])('tells of %s', (_, exitCode, input) => {
    expect(run(input).exitCode).toBe(exitCode)
  })
})

describe('a mistake in what was asked', () => {
  test.each<[string, Input, string | RegExp]>([
    [
      'no policy',
      { policies: [{ apiVersion: 'v1', kind: 'Service', metadata: { name: 's' } }], resources: [configMap()] },
      'no Policy in the files given with -f',
    ],
    [
      'a policy that is wrong, with all that is wrong',
      { policies: [{ ...POLICY, spec: { ...POLICY.spec, severity: 'huge', title: undefined } }], resources: [] },
      'policies.yaml: Policy settings: spec.title: required\nerror: policies.yaml: Policy settings: spec.severity: must be `low`, `medium`, `high` or `critical`, is `huge`',
    ],
    ['two policies of one name', { policies: [POLICY, POLICY], resources: [] }, 'policies.yaml: Policy settings stands more than once'],
    [
      'a kind that is none of ours',
      { policies: [POLICY, { apiVersion: 'bylaw.dev/v1', kind: 'Polcy', metadata: { name: 'p' } }], resources: [] },
      'policies.yaml: kind: `Polcy` is not a kind of bylaw.dev',
    ],
    [
      'an environment that there is not',
      { policies: [POLICY], resources: [], environment: 'moon' },
      '--environment: the profile has no environment `moon`, only `dev`, `staging`, `prod`',
    ],
    [
      'something that is no object',
      { policies: [POLICY], resources: ['just text\n'] },
      'resources.yaml: not a Kubernetes object: expected apiVersion, kind and metadata',
    ],
    [
      'a review that is none',
      { policies: [POLICY], resources: [{ ...reviewOf(configMap()), apiVersion: 'admission.k8s.io/v1beta1' }] },
      'resources.yaml: apiVersion: expected `admission.k8s.io/v1`',
    ],
    [
      'context that is no object',
      { policies: [POLICY], resources: [], around: ['just text\n'] },
      '--context-resources: around.yaml: not a Kubernetes object: expected apiVersion, kind and metadata',
    ],
    ['context that is no YAML', { policies: [POLICY], resources: [], around: ['a: [1\nb: 2\n'] }, '--context-resources: around.yaml: line 2, column 1: '],
    ['YAML that is none', { policies: [POLICY], resources: ['a: [1\nb: 2\n'] }, 'resources.yaml: line 2, column 1: '],
    ['a key that stands twice', { policies: [POLICY], resources: ['a: 1\na: 2\n'] }, 'resources.yaml: line 2, column 1: Map keys must be unique'],
    ['a text that would grow without end', { policies: [POLICY], resources: [bomb()] }, 'resources.yaml: Excessive alias count'],
    ['lists nested without end', { policies: [POLICY], resources: ['['.repeat(100_000)] }, /^error: resources.yaml: line 1, column \d+: nested too deeply\n$/],
    [
      'objects nested without end',
      { policies: [POLICY], resources: [`${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`] },
      /^error: resources.yaml: line 1, column \d+: nested too deeply\n$/,
    ],
  ])('%s', (_, input, message) => {
    const { exitCode, stdout, stderr } = run(input)
    expect([exitCode, stdout]).toEqual([EXIT.usage, ''])
    if (message instanceof RegExp) expect(stderr).toMatch(message)
    else expect(stderr.slice(0, `error: ${message}`.length)).toBe(`error: ${message}`)
  })

  test('a file that is not there', () => {
    const { exitCode, stderr } = check({ policies: ['/no/such/file.yaml'], resources: [], now: NOW, output: 'text' })
    expect([exitCode, stderr]).toEqual([EXIT.usage, 'error: /no/such/file.yaml: no such file\n'])
  })
})

/** A few lines that stand for a billion words. */
function bomb(): string {
  const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x]']
  for (let index = 1; index < 9; index++) lines.push(`a${index}: &a${index} [${Array.from({ length: 9 }, () => `*a${index - 1}`).join(', ')}]`)
  return `${lines.join('\n')}\n`
}

describe('what is printed', () => {
  test('is a block for each object that fails, and a summary', () => {
    const deployment = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web' } }
    const { stdout, stderr } = run({
      policies: [POLICY, LOW, FAILING],
      resources: [configMap({ a: '7', b: 'x' }, { name: 'good' }), configMap({ a: 'x' }), deployment],
    })
    expect(stdout).toBe(
      [
        'resources.yaml: ConfigMap shop/settings',
        '  deny: failing/number (high): Title of failing',
        "    could not be evaluated (EvaluationFailed): type conversion error from 'string' to 'int'",
        '    fix: do it right',
        '    owner: platform (#platform)',
        '  warn: low/has-b (low): Title of low',
        '    data.b is missing',
        '    - data.b is not set',
        '    fix: do it right',
        '    owner: platform (#platform)',
        '',
        '3 objects judged by 3 policies: 1 denied, 0 warned, 2 allowed',
        '',
      ].join('\n'),
    )
    expect(stderr).toBe('')
  })

  test('as JSON is one row for each object', () => {
    const { stdout } = run({ policies: [POLICY], resources: [configMap({ a: 'x' }, { name: 'good' }), configMap()], output: 'json' })
    const rows: readonly { readonly file: string; readonly subject: string; readonly decision: Json }[] = JSON.parse(stdout)
    expect(rows.map(({ file, subject, decision }) => [file.replace(`${folder.path}/`, ''), subject, decision['effect'], decision['environment']])).toEqual([
      ['resources.yaml', 'ConfigMap shop/good', 'allow', 'prod'],
      ['resources.yaml', 'ConfigMap shop/settings', 'deny', 'prod'],
    ])
  })

  test('names what kind of request an AdmissionReview is', () => {
    const { stdout } = run({
      policies: [
        policy('p', { matchConstraints: on('pods/exec', { operations: ['CONNECT'] }) }),
        policy('q', { matchConstraints: on('configmaps', { operations: ['DELETE'] }) }),
      ],
      resources: [
        reviewOf(null, { operation: 'DELETE', oldObject: configMap() }),
        reviewOf(
          { apiVersion: 'v1', kind: 'PodExecOptions' },
          {
            operation: 'CONNECT',
            subResource: 'exec',
            resource: { group: '', version: 'v1', resource: 'pods' },
            kind: { group: '', version: 'v1', kind: 'PodExecOptions' },
          },
        ),
      ],
    })
    expect(stdout.match(/^resources.yaml: .*/gm)).toEqual(['resources.yaml: DELETE ConfigMap shop/settings', 'resources.yaml: CONNECT PodExecOptions/exec '])
  })

  test('tells of mistakes in policies, and goes on', () => {
    const { stderr, stdout } = run({
      policies: [BROKEN, { ...LOW, spec: { ...LOW.spec, enforcement: { environments: [{ name: 'moon', level: 'Deny' }] } } }],
      resources: [configMap()],
    })
    expect(stderr).toBe(
      [
        'error: Policy broken: spec.validations[0].expression: expression ends where a field name is expected',
        ' | object.data.',
        ' | ............^',
        'warning: Policy low: spec.enforcement.environments[0].name: the profile has no environment `moon`',
        '',
      ].join('\n'),
    )
    expect(stdout).toContain('1 object judged by 2 policies: 1 denied, 0 warned, 0 allowed')
  })
})

describe('context', () => {
  const SINGLE = policy('single', {
    context: [{ name: 'maps', apiVersion: 'v1', kind: 'ConfigMap', namespace: 'Request' }],
    validations: [
      { name: 'single', expression: 'size(context.maps) == 0', messageExpression: "'there are ' + context.maps.map(m, m.metadata.name).join(' ')" },
    ],
  })
  const judged = (around?: readonly unknown[], resource: Json = configMap()) =>
    run({ policies: [SINGLE], resources: [resource], ...(around === undefined ? {} : { around }) })

  test('is not known without files that have it, not even from what is judged', () => {
    const { exitCode, stdout } = judged()
    expect(exitCode).toBe(EXIT.notEvaluated)
    expect(stdout).toContain('(ContextUnknown): context `maps` could not be gathered: nothing was given; name the files that have them by --context-resources')
  })

  test('is all that the files have, which may be nothing', () => {
    expect(judged([]).exitCode).toBe(EXIT.clean)
    expect(judged([configMap({}, { namespace: 'other' })]).exitCode).toBe(EXIT.clean)
    const { exitCode, stdout } = judged([configMap({}, { name: 'b' }), configMap({}, { name: 'a' })])
    expect(exitCode).toBe(EXIT.violations)
    expect(stdout).toContain('there are a b')
  })

  test('lies in the default namespace where it does not say otherwise', () => {
    const homeless = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'homeless' } }
    expect(judged([homeless], homeless).stdout).toContain('there are homeless')
  })
})

describe('what files may hold', () => {
  const effects = (input: Input): readonly unknown[] => {
    const { stdout, stderr } = run({ ...input, output: 'json' })
    if (stdout === '') throw new Error(stderr)
    const rows: readonly { readonly subject: string; readonly decision: Json }[] = JSON.parse(stdout)
    return rows.map(({ subject, decision }) => `${subject}: ${String(decision['effect'])} ${String(decision['environment'])}`)
  }
  const namespace = (environment: string): Json => ({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'shop', labels: { 'bylaw.dev/environment': environment } },
  })

  test('a Namespace with its environment', () => {
    expect(effects({ policies: [POLICY], resources: [configMap(), namespace('dev')] })).toEqual([
      'ConfigMap shop/settings: allow dev',
      'Namespace shop: allow dev',
    ])
  })

  test('a profile beside the policies', () => {
    const levels = { critical: 'Deny', high: 'Warn', medium: 'Warn', low: 'Warn' }
    const own = {
      apiVersion: 'bylaw.dev/v1',
      kind: 'EnforcementProfile',
      metadata: { name: 'default' },
      spec: { defaultEnvironment: 'only', environments: [{ name: 'only', levels }] },
    }
    expect(effects({ policies: [POLICY, own], resources: [configMap()] })).toEqual(['ConfigMap shop/settings: warn only'])
  })

  test('an environment that counts for everything', () => {
    const role = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name: 'r' } }
    expect(effects({ policies: [policy('p', { matchConstraints: on('*', { group: '*' }) })], resources: [configMap(), role], environment: 'staging' })).toEqual(
      ['ConfigMap shop/settings: warn staging', 'ClusterRole r: warn staging'],
    )
  })

  test('a manifest without a namespace, which kubectl would put into the default one', () => {
    const named = policy('p', { validations: [{ name: 'a', expression: "object.metadata.namespace == 'default' && request.namespace == 'default'" }] })
    expect(effects({ policies: [named], resources: [configMap({}, { namespace: undefined })] })).toEqual(['ConfigMap default/settings: allow prod'])
  })

  test('a custom resource, by its definition or by a guess of its plural', () => {
    const index = policy('p', { matchConstraints: on('indices', { group: 'example.com' }) })
    const object = { apiVersion: 'example.com/v1', kind: 'Index', metadata: { name: 'i', namespace: 'shop' } }
    const definition = {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: 'indices.example.com' },
      spec: { group: 'example.com', names: { kind: 'Index', plural: 'indices' }, scope: 'Namespaced', versions: [{ name: 'v1', served: true }] },
    }
    expect(effects({ policies: [index], resources: [object] })).toEqual(['Index shop/i: allow prod'])
    expect(effects({ policies: [index], resources: [object, definition] })).toEqual([
      'Index shop/i: deny prod',
      'CustomResourceDefinition indices.example.com: allow prod',
    ])
  })

  test('several documents, lists and empty ones', () => {
    const text = `---\n---\n${JSON.stringify(configMap())}\n---\nkind: ConfigMapList\napiVersion: v1\nitems:\n- ${JSON.stringify(configMap({ a: 'x' }))}\n`
    expect(effects({ policies: [POLICY], resources: [text] })).toEqual(['ConfigMap shop/settings: deny prod', 'ConfigMap shop/settings: allow prod'])
  })

  test('folders, file by file in the order of their names', () => {
    folder.write('all/b/two.yml', configMap({ a: 'x' }, { name: 'two' }))
    folder.write('all/a.json', configMap({ a: 'x' }, { name: 'one' }))
    folder.write('all/notes.txt', 'no: manifest: at all')
    const policies = [folder.write('policy.yaml', { ...POLICY })]
    const { stdout } = check({ policies, resources: [`${folder.path}/all`], now: NOW, output: 'json' })
    const rows: readonly { readonly subject: string }[] = JSON.parse(stdout)
    expect(rows.map(({ subject }) => subject)).toEqual(['ConfigMap shop/one', 'ConfigMap shop/two'])
  })

  test('exceptions, which count where their file approves the spec as it stands', () => {
    const exception = {
      apiVersion: 'bylaw.dev/v1',
      kind: 'PolicyException',
      metadata: { name: 'e', namespace: 'shop' },
      spec: {
        policies: [{ name: 'settings', rules: ['*'] }],
        match: { resources: [{ kinds: ['ConfigMap'], names: ['settings'] }] },
        reason: 'r',
        owner: { team: 't', contact: 'c' },
        expiresAt: '2027-01-01T00:00:00Z',
      },
    }
    const pending = run({ policies: [POLICY, exception], resources: [configMap()] })
    expect([pending.exitCode, pending.stdout.includes('exception `shop/e` does not count: it is pending, nobody has approved it')]).toEqual([
      EXIT.violations,
      true,
    ])
    const parsed = parsePolicyException(exception)
    if (!parsed.ok) throw new Error('the exception is not one')
    const annotations = { 'bylaw.dev/approve': specDigestOf(parsed.value) }
    const approved = { ...exception, metadata: { ...exception.metadata, annotations } }
    const waived = run({ policies: [POLICY, approved], resources: [configMap()] })
    expect([waived.exitCode, waived.stdout.includes('waived by shop/e')]).toEqual([EXIT.clean, true])
  })
})
