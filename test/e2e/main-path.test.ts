import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { type Json, policy, profile } from '../api/resources.ts'
import { at, configMap, deployment, ENFORCED_MS, isRecord, listAt, on, pathOf, pod, policyOf, SCENE_MS, Scene, TEST_MS } from './scene.ts'

const NON_ROOT = policy({
  validations: [
    {
      name: 'run-as-non-root',
      expression: 'object.spec.containers.all(c, c.?securityContext.?runAsNonRoot.orValue(false))',
      message: 'containers must not run as root',
    },
  ],
})

const DECISION =
  /^admission webhook "bylaw-prod-fail\.validate\.bylaw\.dev" denied the request: 1 rule refuses this request \(decision ([0-9a-f]+-[0-9a-z]+)\)$/m

const BUILT_IN = profile({
  environments: [
    { name: 'dev', levels: { critical: 'Warn', high: 'Observe', medium: 'Observe', low: 'Observe' } },
    { name: 'staging', levels: { critical: 'Deny', high: 'Warn', medium: 'Warn', low: 'Observe' } },
    { name: 'prod', levels: { critical: 'Deny', high: 'Deny', medium: 'Warn', low: 'Warn' } },
  ],
})

let scene: Scene

beforeAll(async () => {
  scene = await Scene.start()
  await scene.plane.createNamespace('shop')
  await scene.plane.createNamespace('shop-staging', { 'bylaw.dev/environment': 'staging' })
  await scene.plane.createNamespace('shop-dev', { 'bylaw.dev/environment': 'dev' })
  await scene.enforce(NON_ROOT)
}, SCENE_MS)

afterAll(() => scene.stop())

const kubectl = (...args: readonly string[]) => scene.plane.kubectl(args)
const kubectlApply = (resource: Json) => scene.plane.kubectl(['apply', '-f', '-'], { input: JSON.stringify(resource) })

describe('a policy', () => {
  test(
    'is enforced within ten seconds of `kubectl apply`',
    async () => {
      const fresh = policyOf('fresh', "object.metadata.name != 'refused'", on('', 'v1', ['configmaps'], ['CREATE']))
      const started = Date.now()
      expect(await kubectlApply(fresh)).toEqual({ code: 0, stdout: 'policy.bylaw.dev/fresh created\n', stderr: '' })
      const { reason, message } = await scene.waitForCondition(fresh, 'Enforced', 'True')
      expect(Date.now() - started).toBeLessThan(ENFORCED_MS)
      expect({ reason, message }).toEqual({ reason: 'Enforced', message: 'in force: dev=Observe staging=Warn prod=Deny' })
      expect((await scene.submit(configMap('shop', 'refused'))).status).toBe(403)
      await scene.withdraw(fresh)
    },
    TEST_MS,
  )

  test(
    'refuses in prod, and says what, why and what to do',
    async () => {
      const { code, stdout, stderr } = await kubectlApply(deployment('shop', 'web'))
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
      expect(stderr.replace(/decision [0-9a-z-]+/, 'decision ID')).toBe(
        [
          'Error from server (Forbidden): error when creating "STDIN": admission webhook "bylaw-prod-fail.validate.bylaw.dev" denied the request: 1 rule refuses this request (decision ID)',
          '',
          'run-as-non-root/run-as-non-root (high): Containers run as a non-root user',
          '  containers must not run as root',
          '  - spec.template.spec.containers[0].securityContext.runAsNonRoot is not set',
          '  fix: set `runAsNonRoot: true`',
          '  owner: platform-security (#sec-platform)',
          '',
        ].join('\n'),
      )
    },
    TEST_MS,
  )

  test(
    'warns in staging and lets pass',
    async () => {
      expect(await kubectlApply(deployment('shop-staging', 'web'))).toEqual({
        code: 0,
        stdout: 'deployment.apps/web created\n',
        stderr:
          'Warning: run-as-non-root/run-as-non-root (high): containers must not run as root: spec.template.spec.containers[0].securityContext.runAsNonRoot is not set; owner platform-security (#sec-platform)\n',
      })
    },
    TEST_MS,
  )

  test(
    'is silent in dev, where it only observes',
    async () => {
      const before = await scene.metric('bylaw_policy_decisions_total', { policy: 'run-as-non-root', environment: 'dev' })
      expect(await kubectlApply(deployment('shop-dev', 'web'))).toEqual({ code: 0, stdout: 'deployment.apps/web created\n', stderr: '' })
      expect(await scene.metric('bylaw_policy_decisions_total', { policy: 'run-as-non-root', environment: 'dev' })).toBe(before + 1)
    },
    TEST_MS,
  )

  test(
    'lets pass what keeps it',
    async () => {
      const safe = { containers: [{ name: 'app', image: 'registry.example/app:1', securityContext: { runAsNonRoot: true } }] }
      expect(await scene.submit(deployment('shop', 'safe', safe))).toEqual({ status: 201, message: '', warnings: [] })
    },
    TEST_MS,
  )

  test(
    'shows its levels in `kubectl get bypol`',
    async () => {
      const { stdout } = await kubectl('get', 'bypol', 'run-as-non-root')
      expect(stdout.trimEnd().split('\n')).toEqual([
        expect.stringMatching(/^NAME +SEVERITY +LEVELS +VIOLATIONS +ENFORCED +AGE$/),
        expect.stringMatching(/^run-as-non-root +high +dev=Observe staging=Warn prod=Deny +\d* *True +\d+s$/),
      ])
    },
    TEST_MS,
  )

  test(
    'tells in its status and in Events that it is in force',
    async () => {
      const stored = await scene.read(NON_ROOT)
      expect(at(stored, 'status')).toMatchObject({
        observedGeneration: 1,
        revision: expect.stringMatching(/^[0-9a-f]{16,}$/),
        environments: [
          { name: 'dev', level: 'Observe', source: 'Profile' },
          { name: 'staging', level: 'Warn', source: 'Profile' },
          { name: 'prod', level: 'Deny', source: 'Profile' },
        ],
        replicas: { ready: 1, atRevision: 1 },
      })
      const { body } = await scene.plane.request('GET', '/apis/events.k8s.io/v1/namespaces/default/events?fieldSelector=reportingController=bylaw.dev/operator')
      const notes = listAt(body, 'items')
        .filter((event) => at(event, 'regarding', 'name') === 'run-as-non-root')
        .map((event) => `${String(at(event, 'type'))} ${String(at(event, 'note'))}`)
      expect(notes.sort()).toEqual([
        'Normal Compiled is True: all expressions compile',
        'Normal Enforced is True: in force: dev=Observe staging=Warn prod=Deny',
        ...['shop-dev', 'shop-staging', 'shop'].map(
          (name) => `Warning first violation in namespace \`${name}\`: a Deployment: spec.template.spec.containers[0].securityContext.runAsNonRoot is not set`,
        ),
      ])
    },
    TEST_MS,
  )

  test(
    'is joined to the audit log of the API server by the id of its denial',
    async () => {
      const [, id] = DECISION.exec((await scene.submit(pod('shop', 'audited'))).message) ?? []
      const key = 'bylaw-prod-fail.validate.bylaw.dev'
      const event = await scene.plane.waitForAuditEvent(({ annotations }) => annotations?.[`${key}/decision`] === id)
      expect(event).toMatchObject({ verb: 'create', objectRef: { resource: 'pods', namespace: 'shop' }, responseStatus: { code: 403 } })
      expect(event.annotations?.[`${key}/effect`]).toBe('deny')
      expect(await scene.metric('bylaw_rule_set_info', { revision: event.annotations?.[`${key}/ruleSet`] ?? '' })).toBe(1)
    },
    TEST_MS,
  )

  test(
    'judges a dry run and does not count it',
    async () => {
      const counted = () => scene.metric('bylaw_policy_decisions_total', { policy: 'run-as-non-root' })
      const dry = () => scene.metric('bylaw_decisions_total', { effect: 'deny', dry_run: 'true' })
      const before = { counted: await counted(), dry: await dry() }
      expect((await scene.submit(pod('shop', 'dry'), { isDryRun: true })).status).toBe(403)
      expect({ counted: await counted(), dry: await dry() }).toEqual({ counted: before.counted, dry: before.dry + 1 })
      expect((await scene.submit(pod('shop', 'wet'))).status).toBe(403)
      expect({ counted: await counted(), dry: await dry() }).toEqual({ counted: before.counted + 1, dry: before.dry + 1 })
    },
    TEST_MS,
  )
})

describe('an invalid policy', () => {
  test(
    'is refused with every mistake and its place',
    async () => {
      const broken = policyOf('broken', 'objct.spec.containers.all(c, c.?image.orVale(false))')
      const { code, stderr } = await kubectlApply(broken)
      expect(code).toBe(1)
      expect(stderr).toBe(
        [
          'Error from server (Forbidden): error when creating "STDIN": admission webhook "bylaw-guard-resources.validate.bylaw.dev" denied the request: the policy has 2 mistakes',
          '',
          'spec.validations[0].expression: `objct` is not declared (did you mean `object`?)',
          ' | objct.spec.containers.all(c, c.?image.orVale(false))',
          ' | ^',
          '',
          'spec.validations[0].expression: there is no function `orVale` (did you mean `orValue`?)',
          ' | objct.spec.containers.all(c, c.?image.orVale(false))',
          ' | ......................................^',
          '',
        ].join('\n'),
      )
    },
    TEST_MS,
  )

  test(
    'that slipped in while Bylaw was away is told in its status and judged by its failurePolicy',
    async () => {
      const rules = on('', 'v1', ['configmaps'], ['CREATE'])
      const closed = policyOf('slipped-closed', 'objct.data.size() > 0', {
        ...rules,
        matchConditions: [{ name: 'closed', expression: "object.metadata.name == 'closed'" }],
      })
      const open = policyOf('slipped-open', 'objct.data.size() > 0', {
        ...rules,
        failurePolicy: 'Ignore',
        matchConditions: [{ name: 'open', expression: "object.metadata.name == 'open'" }],
      })
      await scene.bylaw.stop()
      await scene.put(closed)
      await scene.put(open)
      await scene.startBylaw()
      for (const slipped of [closed, open]) {
        const { reason, message } = await scene.waitForCondition(slipped, 'Compiled', 'False')
        expect({ reason, first: message.split('\n')[0] }).toEqual({
          reason: 'InvalidExpression',
          first: 'spec.validations[0].expression: `objct` is not declared (did you mean `object`?)',
        })
        expect(await scene.waitForCondition(slipped, 'Enforced', 'False')).toMatchObject({ reason: 'NotEvaluable' })
      }
      await scene.until('the policy that fails closed', async () => (await scene.submit(configMap('shop', 'closed'))).status === 403)
      expect((await scene.submit(configMap('shop', 'closed'))).message).toContain('could not be evaluated (NotCompiled): ')
      expect(await scene.submit(configMap('shop', 'open'))).toEqual({
        status: 201,
        message: '',
        warnings: [expect.stringMatching(/^slipped-open\/rule \(high\): could not be evaluated \(NotCompiled\): /)],
      })
      await scene.withdraw(closed, open)
    },
    TEST_MS,
  )
})

describe('what a policy depends on', () => {
  test(
    'a parameter that is changed counts at once',
    async () => {
      const limited = policyOf('limited', 'object.data.size() <= int(params.data.max)', {
        matchConstraints: {
          namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'shop' } },
          resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'], operations: ['CREATE'] }],
        },
        paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
        paramRef: { name: 'limits', namespace: 'default', parameterNotFoundAction: 'Deny' },
      })
      const two = configMap('shop', 'limited', { a: '1', b: '2' })
      await scene.enforce(limited)
      expect(await scene.submit(two)).toMatchObject({
        status: 403,
        message: expect.stringContaining('could not be evaluated (ParamNotFound): the parameter ConfigMap `limits` does not exist'),
      })
      await scene.put(configMap('default', 'limits', { max: '1' }))
      await scene.until('the limit of one', async () => (await scene.submit(two, { isDryRun: true })).message.includes('limited says no'))
      await scene.apply(configMap('default', 'limits', { max: '2' }))
      await scene.until('the limit of two', async () => (await scene.submit(two)).status === 201)
      await scene.withdraw(limited)
    },
    TEST_MS,
  )

  test(
    'a profile that is changed counts, and the registration follows',
    async () => {
      const failing = () =>
        scene.entries().then((entries) => entries.filter((entry) => at(entry, 'failurePolicy') === 'Fail').map((entry) => at(entry, 'name')))
      expect(await failing()).toContain('bylaw-prod-fail.validate.bylaw.dev')
      const milder = profile({
        environments: listAt(BUILT_IN, 'spec', 'environments').map((entry) =>
          isRecord(entry) ? { ...entry, levels: { critical: 'Warn', high: 'Warn', medium: 'Warn', low: 'Warn' } } : entry,
        ),
      })
      await scene.apply(milder)
      await scene.until('the profile to count', async () => (await scene.submit(pod('shop', 'milder'), { isDryRun: true })).status === 201)
      await scene.until('the registration to narrow', async () => !(await failing()).includes('bylaw-prod-fail.validate.bylaw.dev'))
      await scene.apply(BUILT_IN)
      await scene.until('the registration to widen', async () => (await failing()).includes('bylaw-prod-fail.validate.bylaw.dev'))
      await scene.until('the built-in levels', async () => (await scene.submit(pod('shop', 'strict'), { isDryRun: true })).status === 403)
    },
    TEST_MS,
  )
})

describe('the registration', () => {
  const REGISTRATION = { apiVersion: 'admissionregistration.k8s.io/v1', kind: 'ValidatingWebhookConfiguration', metadata: { name: 'bylaw' } }

  test.each([
    ['deleted', () => scene.submit(REGISTRATION, { method: 'DELETE' })],
    [
      'made lax',
      async () => {
        const stored = await scene.read(REGISTRATION)
        const webhooks = listAt(stored, 'webhooks').map((entry) => (isRecord(entry) ? { ...entry, failurePolicy: 'Ignore' } : entry))
        return scene.submit({ ...(isRecord(stored) ? stored : {}), webhooks }, { method: 'PUT' })
      },
    ],
  ] as const)(
    'is repaired when it was %s, and the drift is counted',
    async (_, harm) => {
      await scene.until('the registration to be there', async () => (await scene.entries()).length > 3)
      const wanted = await scene.entries()
      const before = await scene.metric('bylaw_registration_drift_total')
      expect((await harm()).status).toBe(200)
      await scene.until('the repair', async () => JSON.stringify(await scene.entries()) === JSON.stringify(wanted))
      expect(await scene.metric('bylaw_registration_drift_total')).toBe(before + 1)
      await scene.until('the API server to call again', async () => (await scene.submit(pod('shop', 'drift'), { isDryRun: true })).status === 403)
    },
    TEST_MS,
  )
})

describe('a native ValidatingAdmissionPolicy', () => {
  test(
    'keeps its meaning when its spec is pasted',
    async () => {
      const native = {
        failurePolicy: 'Fail',
        matchConstraints: {
          matchPolicy: 'Equivalent',
          namespaceSelector: {},
          objectSelector: {},
          resourceRules: [{ apiGroups: ['apps'], apiVersions: ['v1'], operations: ['CREATE', 'UPDATE'], resources: ['deployments'], scope: '*' }],
        },
        matchConditions: [{ name: 'not-by-nodes', expression: "!('system:nodes' in request.userInfo.groups)" }],
        variables: [{ name: 'replicas', expression: 'object.spec.replicas' }],
        validations: [
          { expression: 'variables.replicas <= 5', messageExpression: "'at most 5 replicas, not ' + string(variables.replicas)", reason: 'Invalid' },
        ],
        auditAnnotations: [{ key: 'replicas', valueExpression: 'string(variables.replicas)' }],
      }
      const named = { ...native, validations: native.validations.map((validation) => ({ name: 'few', ...validation })) }
      const pasted = {
        ...policyOf('pasted', ''),
        spec: { title: 'Few replicas', owner: { team: 'a', contact: 'b' }, severity: 'high', remediation: 'fewer', ...named },
      }
      expect(
        (
          await scene.submit(
            { apiVersion: 'admissionregistration.k8s.io/v1', kind: 'ValidatingAdmissionPolicy', metadata: { name: 'pasted' }, spec: native },
            { isDryRun: true },
          )
        ).status,
      ).toBe(201)
      await scene.enforce(pasted)
      const many = { ...deployment('shop', 'many') }
      const spec = at(many, 'spec')
      const answer = await scene.submit({ ...many, spec: { ...(isRecord(spec) ? spec : {}), replicas: 6 } })
      expect(answer).toMatchObject({
        status: 403,
        message: expect.stringContaining('pasted/few (high): Few replicas\n  at most 5 replicas, not 6\n'),
      })
      await scene.withdraw(pasted)
    },
    TEST_MS,
  )
})

describe('a policy that is deleted', () => {
  test(
    'is no longer enforced, and leaves no entry behind',
    async () => {
      await scene.withdraw(NON_ROOT)
      await scene.until('the policy to be gone', async () => (await scene.submit(pod('shop', 'root'))).status === 201)
      await scene.until('its entries to be gone', async () => (await scene.entries()).every((entry) => String(at(entry, 'name')).startsWith('bylaw-guard-')))
      expect((await scene.plane.request('GET', pathOf(NON_ROOT))).status).toBe(404)
    },
    TEST_MS,
  )
})
