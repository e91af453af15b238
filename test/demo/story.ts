import type { ControlPlane } from '../controlplane/control-plane.ts'
import { runApprove } from '../support/approve.ts'

/** One step of the story: what is said, who types what, and what has to be in the answer. */
export interface Step {
  readonly says: string
  /** The administrator unless said otherwise. */
  readonly who?: 'requester' | 'approver'
  readonly kubectl?: readonly string[]
  /** `bylaw approve` with these arguments, instead of kubectl. */
  readonly approve?: readonly string[]
  readonly input?: string | (() => string)
  /** Whether the answer is no. */
  readonly isRefused?: boolean
  /** Texts that the answer must have. */
  readonly shows?: readonly string[]
  /** Texts that it must not have. */
  readonly hides?: readonly string[]
}

const deployment = (name: string, namespace: string, image: string, securityContext: string): string => `apiVersion: apps/v1
kind: Deployment
metadata: { name: ${name}, namespace: ${namespace}, labels: { team: shop } }
spec:
  selector: { matchLabels: { app: ${name} } }
  template:
    metadata: { labels: { app: ${name}, team: shop } }
    spec:
      containers:
        - name: app
          image: ${image}${securityContext}
`

const GOOD = '\n          securityContext: { runAsNonRoot: true }'

const INVALID = `apiVersion: bylaw.dev/v1
kind: Policy
metadata: { name: limit-replicas }
spec:
  title: At most ten replicas
  owner: { team: platform, contact: "#platform" }
  severity: low
  remediation: ask for more
  matchConstraints:
    resourceRules: [ { apiGroups: [apps], apiVersions: [v1], resources: [deployments], operations: [CREATE, UPDATE] } ]
  validations:
    - { name: replicas, expression: "objct.spec.replicas <= 10" }
    - { name: image, expression: "object.spec.template.spec.containers.all(c, c.image.startWith('registry/'))" }
`

const CORRECTING = `apiVersion: bylaw.dev/v1
kind: Policy
metadata: { name: no-service-account-token }
spec:
  title: Pods do not mount a token
  owner: { team: platform, contact: "#platform" }
  severity: medium
  remediation: set automountServiceAccountToken to false
  matchConstraints:
    resourceRules: [ { apiGroups: [""], apiVersions: [v1], resources: [pods], operations: [CREATE, UPDATE] } ]
  enforcement: { environments: [ { name: prod, level: Correct } ] }
  validations:
    - { name: no-token, expression: "object.spec.?automountServiceAccountToken.orValue(true) == false" }
  mutations:
    - name: unmount-token
      patchType: ApplyConfiguration
      applyConfiguration: { expression: "Object{spec: Object.spec{automountServiceAccountToken: false}}" }
`

const POD = `apiVersion: v1
kind: Pod
metadata: { name: batch, namespace: shop, labels: { team: shop } }
spec:
  containers: [ { name: app, image: "registry.example/batch:1.0.0", securityContext: { runAsNonRoot: true } } ]
`

/** Long enough to be asked for, approved and used, and short enough to be seen to end. */
const EXCEPTION_MS = 11_000

const exception = (): string => `apiVersion: bylaw.dev/v1
kind: PolicyException
metadata: { name: importer, namespace: shop }
spec:
  policies: [ { name: require-run-as-non-root, rules: ["*"] } ]
  match: { resources: [ { kinds: [Deployment], names: ["importer*"] } ] }
  reason: vendor image needs root until 4.2
  owner: { team: shop, contact: "#shop" }
  ticket: SHOP-1234
  expiresAt: ${JSON.stringify(new Date(Date.now() + EXCEPTION_MS).toISOString())}
`

/** The story of a first day. */
export const STORY: readonly Step[] = [
  {
    says: 'Three namespaces: one is for development, one for staging, and one without a label, which counts as production.',
    kubectl: ['apply', '-f', '-'],
    input: `apiVersion: v1
kind: Namespace
metadata: { name: shop-dev, labels: { bylaw.dev/environment: dev } }
---
apiVersion: v1
kind: Namespace
metadata: { name: shop-staging, labels: { bylaw.dev/environment: staging } }
---
apiVersion: v1
kind: Namespace
metadata: { name: shop }
`,
    shows: ['namespace/shop created'],
  },
  {
    says: 'A policy repository is synced: five policies, each with an owner, a severity and a remedy.',
    kubectl: ['apply', '-f', 'config/samples'],
    shows: ['policy.bylaw.dev/require-run-as-non-root created'],
  },
  {
    says: 'Bylaw has compiled them and registered with the API server. Their levels follow from severity and environment.',
    kubectl: ['get', 'policies.bylaw.dev'],
    shows: ['dev=Observe staging=Warn prod=Deny', 'True'],
  },
  {
    says: 'In production a good Deployment is admitted without a word.',
    kubectl: ['apply', '-f', '-'],
    input: deployment('web', 'shop', 'registry.example/web:1.4.2', GOOD),
    shows: ['deployment.apps/web created'],
    hides: ['Warning'],
  },
  {
    says: 'In development a bad one is admitted too: it is only recorded.',
    kubectl: ['apply', '-f', '-'],
    input: deployment('importer', 'shop-dev', 'registry.example/importer:2.0.1', ''),
    shows: ['deployment.apps/importer created'],
    hides: ['Warning'],
  },
  {
    says: 'In staging it is admitted with a warning.',
    kubectl: ['apply', '-f', '-'],
    input: deployment('importer', 'shop-staging', 'registry.example/importer:2.0.1', ''),
    shows: ['deployment.apps/importer created', 'Warning: require-run-as-non-root/'],
  },
  {
    says: 'In production it is refused, and told why: every reason, the place in the object, the remedy and whom to ask.',
    kubectl: ['apply', '-f', '-'],
    input: deployment('importer', 'shop', 'registry.example/importer:latest', ''),
    isRefused: true,
    shows: ['denied the request: 1 rule refuses this request (decision ', 'require-run-as-non-root/', 'spec.template.spec.containers[0]', 'fix:', 'owner:'],
  },
  {
    says: 'The team cannot change that today, and asks for an exception: for these objects, for a reason, and until an end - seconds from now, so that we see it.',
    who: 'requester',
    kubectl: ['apply', '-f', '-'],
    input: exception,
    shows: ['policyexception.bylaw.dev/importer created', 'Warning: the exception is pending'],
  },
  {
    says: 'To ask is not to be given: the Deployment is refused as before, and whoever reads it learns what is missing.',
    who: 'requester',
    kubectl: ['apply', '-f', '-'],
    input: deployment('importer', 'shop', 'registry.example/importer:2.0.1', ''),
    isRefused: true,
    shows: ['exception `shop/importer` does not count: it is pending, nobody has approved it'],
  },
  {
    says: 'Somebody who may except from this policy approves the exception as it stands. No right within the namespace can do that.',
    who: 'approver',
    approve: ['importer', '-n', 'shop'],
    shows: ['shop/importer: approved: require-run-as-non-root (*) until '],
  },
  {
    says: 'Now the Deployment is admitted. It is judged all the same, and the record names the exception.',
    who: 'requester',
    kubectl: ['apply', '-f', '-'],
    input: deployment('importer', 'shop', 'registry.example/importer:2.0.1', ''),
    shows: ['deployment.apps/importer created'],
    hides: ['Warning'],
  },
  {
    says: 'While its clock runs: a policy with mistakes is refused when it is applied, all of them at once and with their places.',
    kubectl: ['apply', '-f', '-'],
    input: INVALID,
    isRefused: true,
    shows: ['the policy has 2 mistakes', 'did you mean `object`?', 'did you mean `startsWith`?', '^'],
  },
  {
    says: 'A policy may also mend what it objects to: this one corrects Pods in production.',
    kubectl: ['apply', '-f', '-'],
    input: CORRECTING,
    shows: ['policy.bylaw.dev/no-service-account-token created'],
  },
  {
    says: 'As soon as the API server knows of it, it is in force.',
    kubectl: ['wait', '--for=condition=Enforced', '--timeout=60s', 'policies.bylaw.dev/no-service-account-token'],
    shows: ['condition met'],
  },
  {
    says: 'A Pod that would mount a token is corrected and admitted, and whoever made it is told.',
    kubectl: ['apply', '-f', '-'],
    input: POD,
    shows: ['pod/batch created', 'Warning: no-service-account-token: corrected /spec/automountServiceAccountToken'],
  },
  {
    says: 'This is what was stored.',
    kubectl: ['get', 'pod', 'batch', '-n', 'shop', '-o', 'jsonpath={.spec.automountServiceAccountToken}{"\\n"}'],
    shows: ['false'],
  },
  {
    says: 'Meanwhile the exception comes to its end, by the clock alone.',
    kubectl: ['wait', '--for=jsonpath={.status.phase}=Expired', '--timeout=60s', 'policyexceptions.bylaw.dev/importer', '-n', 'shop'],
    shows: ['condition met'],
  },
  {
    says: 'From that millisecond on the next Deployment is refused, and told why the exception does not help any more.',
    who: 'requester',
    kubectl: ['apply', '-f', '-'],
    input: deployment('importer-eu', 'shop', 'registry.example/importer:2.0.1', ''),
    isRefused: true,
    shows: ['exception `shop/importer` does not count: it expired at '],
  },
  {
    says: 'What it waived stays on record with it: the Deployment, and what was made of it.',
    kubectl: ['get', 'policyexceptions.bylaw.dev', 'importer', '-n', 'shop', '-o', 'jsonpath={.status.summary.state}; waived {.status.waived.count}{"\\n"}'],
    shows: ['ended at ', 'waived '],
  },
  {
    says: 'What was decided is counted on the policy itself.',
    kubectl: ['get', 'policies.bylaw.dev', 'require-run-as-non-root', '-o', 'jsonpath={.status.conditions[*].type}{"\\n"}{.status.environments}{"\\n"}'],
    shows: ['Compiled Enforced', '"level":"Deny"'],
  },
]

const DIM = '\u001b[2m'
const BOLD = '\u001b[1m'
const RESET = '\u001b[0m'
const style = (code: string, text: string): string => (process.stdout.isTTY ? `${code}${text}${RESET}` : text)

function typed({ who, kubectl = [], approve }: Step, input: string | undefined): string {
  const words = approve === undefined ? ['kubectl', ...kubectl] : ['bylaw', 'approve', ...approve]
  const command = `${who ?? ''}$ ${words.map((word) => (/[\s{}*"]/.test(word) ? `'${word}'` : word)).join(' ')}`
  return input === undefined ? command : `${command} <<EOF\n${input}EOF`
}

async function answerTo(
  plane: ControlPlane,
  { who, kubectl = [], approve }: Step,
  input: string | undefined,
): Promise<{ readonly code: number; readonly text: string }> {
  if (approve !== undefined) return runApprove(plane.kubeconfigFor(who ?? 'admin'), approve)
  const { code, stdout, stderr } = await plane.kubectl(kubectl, { ...(input === undefined ? {} : { input }), ...(who === undefined ? {} : { as: who }) })
  return { code, text: `${stdout}${stderr}` }
}

/** Plays one step; tells what was not as told, or nothing. */
async function play(plane: ControlPlane, step: Step): Promise<readonly string[]> {
  const { says, isRefused = false, shows = [], hides = [] } = step
  const input = typeof step.input === 'function' ? step.input() : step.input
  process.stdout.write(`\n${style(BOLD, says)}\n${style(DIM, typed(step, input))}\n`)
  const { code, text: answer } = await answerTo(plane, step, input)
  process.stdout.write(answer)
  return [
    ...((code !== 0) === isRefused ? [] : [`it ended with code ${code}`]),
    ...shows.filter((text) => !answer.includes(text)).map((text) => `the answer does not have: ${text}`),
    ...hides.filter((text) => answer.includes(text)).map((text) => `the answer has: ${text}`),
  ]
}

/** Plays the story; resolves with whether everything happened as told. `settle` is awaited after the policies were applied. */
export async function tell(plane: ControlPlane, settle: () => Promise<void>): Promise<boolean> {
  let isAsTold = true
  for (const step of STORY) {
    for (const complaint of await play(plane, step)) {
      isAsTold = false
      process.stdout.write(`NOT AS TOLD: ${complaint}\n`)
    }
    if (step.kubectl?.includes('config/samples') === true) await settle()
  }
  return isAsTold
}
