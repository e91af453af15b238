import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Json } from '../api/resources.ts'
import { TENANT_NAMESPACE } from '../controlplane/users.ts'
import { exception, inMs } from './attacks.ts'
import { at, everywhere, listAt, on, pod, policyOf, SCENE_MS, Scene, TEST_MS } from './scene.ts'

const POLICY = policyOf('no-root', 'object.spec.?securityContext.?runAsNonRoot.orValue(false) == true')

let scene: Scene

beforeAll(async () => {
  scene = await Scene.start()
  await scene.enforce(POLICY)
}, SCENE_MS)

afterAll(() => scene.stop())

/** What `kubectl apply` says of an object. */
async function apply(object: Json): Promise<{ readonly code: number; readonly text: string }> {
  const { code, stdout, stderr } = await scene.plane.kubectl(['apply', '-f', '-'], { input: JSON.stringify(object) })
  return { code, text: `${stdout}${stderr}` }
}

const lax = { critical: 'Observe', high: 'Observe', medium: 'Observe', low: 'Observe' }
const strict = { critical: 'Deny', high: 'Deny', medium: 'Deny', low: 'Deny' }
const profile = (spec: Json): Json => ({
  apiVersion: 'bylaw.dev/v1',
  kind: 'EnforcementProfile',
  metadata: { name: 'default' },
  spec: { namespaceLabel: 'bylaw.dev/environment', defaultEnvironment: 'prod', ...spec },
})
const environments = (...list: readonly Json[]): Json => profile({ environments: list })
const mutation = (expression: string, more: Json = {}): Json =>
  policyOf('mutates', 'true', {
    mutations: [{ name: 'm', patchType: 'JSONPatch', jsonPatch: { expression }, ...more }],
    ...more,
  })
const step = (path: string, value = "'x'"): string => `[JSONPatch{op: 'add', path: '${path}', value: ${value}}]`
const onUpdate = (resource: string, group: string, path: string): Json =>
  policyOf('mutates', 'true', {
    ...on(group, 'v1', [resource], ['CREATE', 'UPDATE']),
    mutations: [{ name: 'm', operations: ['UPDATE'], patchType: 'JSONPatch', jsonPatch: { expression: step(path) } }],
  })
const AT = 'spec.mutations[0].jsonPatch.expression'

describe('`kubectl apply` refuses, with field and reason,', () => {
  test.each<readonly [string, Json, readonly string[]]>([
    [
      'an exception with a scope outside its namespace',
      exception('outside', { match: { resources: [{ kinds: ['Pod'], names: ['a-*'] }], namespaces: ['other'] } }),
      ['spec.match.namespaces: allowed in `bylaw-system` only'],
    ],
    [
      'an exception without rules',
      exception('none', { policies: [{ name: 'no-root', rules: [] }] }),
      ['spec.policies[0].rules', 'should have at least 1 items'],
    ],
    ['an exception whose rules are missing', exception('missing', { policies: [{ name: 'no-root' }] }), ['spec.policies[0].rules: Required value']],
    [
      'an exception for every name',
      exception('all', { match: { resources: [{ kinds: ['Pod'], names: ['*'] }] } }),
      ['spec.match.resources: ', 'name `*` needs an `objectSelector` or `conditions` beside it'],
    ],
    [
      'an exception with a rule beside `*`',
      exception('beside', { policies: [{ name: 'no-root', rules: ['rule', '*'] }] }),
      ['spec.policies[0].rules: ', '`*` must be the only rule'],
    ],
    [
      'a profile that is laxer by default',
      environments({ name: 'dev', levels: strict }, { name: 'prod', levels: lax }),
      ['spec.environments: ', 'at least as strict as every other for severity `critical`'],
    ],
    [
      'a profile with a level that there is not',
      environments({ name: 'prod', levels: { ...strict, low: 'Block' } }),
      ['spec.environments[0].levels.low', 'Unsupported value: "Block"'],
    ],
    [
      'a profile with one environment twice',
      environments({ name: 'prod', levels: strict }, { name: 'prod', levels: strict }),
      ['spec.environments[1]', 'Duplicate value'],
    ],
    [
      'a profile whose default environment is none',
      profile({ defaultEnvironment: 'none', environments: [{ name: 'prod', levels: strict }] }),
      ['spec.defaultEnvironment'],
    ],
    ['a mutation that writes the name', mutation(step('/metadata/name')), [`${AT}: \`/metadata/name\` may not be corrected`]],
    ['a mutation that writes the namespace', mutation(step('/metadata/namespace')), [`${AT}: \`/metadata/namespace\` may not be corrected`]],
    ['a mutation that writes an owner', mutation(step('/metadata/ownerReferences', '[]')), [`${AT}: \`/metadata/ownerReferences\` may not be corrected`]],
    ['a mutation that writes the status', mutation(step('/status/phase')), [`${AT}: \`/status/phase\` may not be corrected`]],
    [
      'a mutation of the spec of a Pod on UPDATE',
      onUpdate('pods', '', '/spec/hostname'),
      [`${AT}: \`/spec/hostname\` of \`pods\` cannot be changed on UPDATE`],
    ],
    [
      'a mutation of the selector of a Deployment on UPDATE',
      onUpdate('deployments', 'apps', '/spec/selector'),
      [`${AT}: \`/spec/selector\` of \`deployments\` cannot be changed on UPDATE`],
    ],
    [
      'a mutation of the address of a Service on UPDATE',
      onUpdate('services', '', '/spec/clusterIP'),
      [`${AT}: \`/spec/clusterIP\` of \`services\` cannot be changed on UPDATE`],
    ],
  ])(
    '%s',
    async (_name, object, says) => {
      const { code, text } = await apply(object)
      expect(code).toBe(1)
      for (const part of says) expect(text).toContain(part)
    },
    TEST_MS,
  )
})

describe('`kubectl apply` admits, and warns of,', () => {
  test(
    'an exception that is over already: it is `Expired`, and waives nothing',
    async () => {
      const over = exception('over', { expiresAt: inMs(-60_000) })
      const { code, text } = await apply(over)
      expect({ code, text }).toEqual({ code: 0, text: expect.stringContaining('Warning: the exception has expired at ') })
      await scene.until('phase Expired', async () => at(await scene.read(over), 'status', 'phase') === 'Expired')
      expect((await scene.submit(pod(TENANT_NAMESPACE, 'over-1'), { isDryRun: true })).message).toContain('does not count: it expired at ')
    },
    TEST_MS,
  )

  test(
    'an exception that would last too long: the warning names its end',
    async () => {
      const { code, text } = await apply(exception('far', { expiresAt: '2126-01-01T00:00:00Z' }))
      expect(code).toBe(0)
      expect(text).toMatch(/Warning: for policy `no-root` the exception, approved now, ends at 20\d\d-\d\d-\d\dT[^ ]+Z, after 720h/)
    },
    TEST_MS,
  )

  test(
    'a mutation that writes what the kind does not have, and one that goes on and on',
    async () => {
      const misspelt = await apply(mutation(step('/spec/hostNetwrk', 'false')))
      expect({ code: misspelt.code, text: misspelt.text }).toEqual({
        code: 0,
        text: expect.stringContaining('`spec` has no field `hostNetwrk` in Pod (did you mean `hostNetwork`?)'),
      })
      const growing = await apply(
        mutation("[JSONPatch{op: 'add', path: '/spec/containers/-', value: Object.spec.containers{name: 'proxy', image: 'proxy:1'}}]"),
      )
      expect({ code: growing.code, text: growing.text }).toEqual({
        code: 0,
        text: expect.stringContaining('Warning: spec.mutations: the mutations change again what they made of a sample Pod'),
      })
      await scene.withdraw(mutation(step('/spec/hostNetwrk')))
    },
    TEST_MS,
  )
})

describe('what is there already, since it was written while Bylaw was away, is without effect and can be seen:', () => {
  const outside = exception('outside', { match: { resources: [{ kinds: ['Pod'], names: ['outside-*'] }], namespaces: ['other'] } })
  const renaming = policyOf('renaming', "object.metadata.?labels[?'a'].orValue('') != 'bad'", {
    ...on('', 'v1', ['configmaps'], ['CREATE']),
    enforcement: everywhere('Correct'),
    mutations: [{ name: 'm', patchType: 'JSONPatch', jsonPatch: { expression: step('/metadata/name') } }],
  })

  beforeAll(async () => {
    await scene.killBylaw()
    for (const object of [outside, renaming]) await scene.put(object)
    await scene.startBylaw()
  }, SCENE_MS)

  test(
    'an exception with a scope outside its namespace is `Invalid`',
    async () => {
      await scene.until('phase Invalid', async () => at(await scene.read(outside), 'status', 'phase') === 'Invalid')
      const [condition] = listAt(await scene.read(outside), 'status', 'conditions')
      expect(at(condition, 'message')).toContain('spec.match.namespaces: allowed in `bylaw-system` only')
      expect((await scene.submit(pod(TENANT_NAMESPACE, 'outside-1'), { isDryRun: true })).status).toBe(403)
    },
    TEST_MS,
  )

  test(
    'a mutation that writes the name is never applied, and its policy says why',
    async () => {
      const { message } = await scene.waitForCondition(renaming, 'Compiled', 'False')
      expect(message).toContain('`/metadata/name` may not be corrected')
      const made: Json = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'kept', namespace: TENANT_NAMESPACE } }
      await scene.until('it to be told', async () => {
        const { status, warnings } = await scene.submit(made, { isDryRun: true })
        return status === 201 && warnings.some((warning) => warning.includes('could not correct this object'))
      })
      await scene.put(made)
      expect(at(await scene.read(made), 'metadata', 'name')).toBe('kept')
    },
    TEST_MS,
  )
})

describe('a correction that the API server would refuse is not made, and nobody reads an error that Bylaw made:', () => {
  const broken = (value: string): Json =>
    policyOf('deadline', 'true', {
      enforcement: everywhere('Correct'),
      mutations: [
        { name: 'm', patchType: 'JSONPatch', jsonPatch: { expression: `[JSONPatch{op: 'add', path: '/spec/activeDeadlineSeconds', value: ${value}}]` } },
      ],
    })
  const good = pod(TENANT_NAMESPACE, 'timed', { securityContext: { runAsNonRoot: true } })

  test(
    'a text where a number belongs',
    async () => {
      await scene.enforce(broken("'soon'"))
      await scene.until('the schema to be known', async () => {
        const { status, warnings } = await scene.submit(good, { isDryRun: true })
        return status === 201 && warnings.some((warning) => warning.includes('spec.activeDeadlineSeconds: must be a whole number'))
      })
      await scene.withdraw(broken(''))
    },
    TEST_MS,
  )
})
