import { compileSelector, durationMs, type KubernetesObject, type PolicyException } from '../api/index.ts'
import { type CelType, compileExpression, namespaceType, renderIssue, requestType } from '../cel/index.ts'
import { type ApprovalStamp, specDigestOf, verifyStamp } from './approval.ts'
import type { CompileIssue } from './issue.ts'
import type { CompiledPolicy, NamedExpression } from './rule-set.ts'

/** Whether an exception is approved, as far as its stamp proves that. */
export type Approval = { readonly kind: 'approved'; readonly stamp: ApprovalStamp } | { readonly kind: 'pending'; readonly reason: string }

/** One exception, ready to be tried against a violation. */
export interface CompiledException {
  /** `namespace/name`. */
  readonly id: string
  readonly exception: PolicyException
  readonly specDigest: string
  readonly approval: Approval
  readonly expiresAtMs: number
  /** Whether it reaches into a namespace; cluster-scoped objects have none, and only exceptions in Bylaw's own namespace reach them. */
  readonly reaches: (namespace: string) => boolean
  /** Whether it names the rule of the policy. */
  readonly names: (policy: string, rule: string) => boolean
  readonly resources: readonly { readonly kinds: ReadonlySet<string>; readonly names: readonly Glob[] }[]
  readonly selects: ((labels: Readonly<Record<string, string>>) => boolean) | undefined
  readonly images: readonly Glob[]
  readonly conditions: readonly NamedExpression[]
}

/** Tests a text against a pattern in which `*` stands for any text. */
export type Glob = (text: string) => boolean

const DYN: CelType = { kind: 'dyn' }

/** Compiles a pattern. Its parts are looked for one after the other, so that no pattern takes more than linear time. */
export function compileGlob(pattern: string): Glob {
  const [first = '', ...rest] = pattern.split('*')
  const last = rest.pop()
  if (last === undefined) return (text) => text === pattern
  return (text) => {
    if (!text.startsWith(first)) return false
    let from = first.length
    for (const part of rest) {
      const at = text.indexOf(part, from)
      if (at < 0) return false
      from = at + part.length
    }
    return text.length - last.length >= from && text.endsWith(last)
  }
}

export interface ExceptionOptions {
  /** Key of the stamps; without it nothing is approved. */
  readonly approvalKey: string
  /** Bylaw's own namespace, whose exceptions reach into others. */
  readonly ownNamespace: string
}

const PENDING = {
  none: 'nobody has approved it',
  forged: 'its approval is not from Bylaw, or not for it',
  outdated: 'it was changed after it was approved',
} as const

/** What is wrong with an exception for the place where it stands; undefined where nothing is. */
export function misplaced({ metadata, spec }: PolicyException, ownNamespace: string): string | undefined {
  const isOwn = metadata.namespace === ownNamespace
  if (isOwn && spec.match.namespaces === undefined) return `spec.match.namespaces: required in \`${ownNamespace}\``
  if (!isOwn && spec.match.namespaces !== undefined)
    return `spec.match.namespaces: allowed in \`${ownNamespace}\` only; elsewhere an exception is for its own namespace`
  return undefined
}

function reachOf({ metadata, spec }: PolicyException, ownNamespace: string): (namespace: string) => boolean {
  const own = metadata.namespace ?? ''
  if (own !== ownNamespace) return (namespace) => namespace === own && own !== ''
  const namespaces = new Set(spec.match.namespaces ?? [])
  return (namespace) => namespaces.has('*') || namespaces.has(namespace)
}

/** Compiles one exception; conditions that do not compile are issues, and make it waive nothing. */
export function compileException(
  exception: PolicyException,
  object: KubernetesObject,
  { approvalKey, ownNamespace }: ExceptionOptions,
): { readonly compiled: CompiledException; readonly issues: readonly CompileIssue[] } {
  const { metadata, spec } = exception
  const issues: CompileIssue[] = []
  const variables = new Map<string, CelType>([
    ['object', DYN],
    ['oldObject', DYN],
    ['request', requestType()],
    ['namespaceObject', namespaceType()],
  ])
  const conditions = spec.match.conditions.map(({ name, expression }, index): NamedExpression => {
    const path = `spec.match.conditions[${index}].expression`
    const program = compileExpression(expression, { variables, resultTypes: [{ kind: 'bool' }] })
    if (program.ok) return { name, expression: program }
    for (const issue of program.error) {
      const [head = issue.message, ...rest] = renderIssue(expression, issue).split('\n')
      issues.push({
        code: 'InvalidExpression',
        severity: 'error',
        policy: metadata.name,
        path,
        message: head,
        ...(rest.length === 0 ? {} : { detail: rest.join('\n') }),
      })
    }
    return { name, expression: { ok: false, error: `${path} does not compile` } }
  })
  const wrongPlace = misplaced(exception, ownNamespace)
  if (wrongPlace !== undefined) {
    const [path = '', ...message] = wrongPlace.split(': ')
    issues.push({ code: 'InvalidField', severity: 'error', policy: metadata.name, path, message: message.join(': ') })
  }
  const verdict = verifyStamp(exception, object.metadata.annotations ?? {}, approvalKey, object.metadata.uid)
  const rulesOf = new Map(spec.policies.map(({ name, rules }) => [name, new Set(rules)]))
  const compiled: CompiledException = {
    id: `${metadata.namespace ?? ''}/${metadata.name}`,
    exception,
    specDigest: specDigestOf(exception),
    approval: verdict.kind === 'valid' ? { kind: 'approved', stamp: verdict.stamp } : { kind: 'pending', reason: PENDING[verdict.kind] },
    expiresAtMs: Date.parse(spec.expiresAt),
    reaches: wrongPlace === undefined ? reachOf(exception, ownNamespace) : () => false,
    names: (policy, rule) => {
      const rules = rulesOf.get(policy)
      return rules !== undefined && (rules.has('*') || rules.has(rule))
    },
    resources: spec.match.resources.map(({ kinds, names }) => ({ kinds: new Set(kinds), names: names.map(compileGlob) })),
    selects: spec.match.objectSelector === undefined ? undefined : compileSelector(spec.match.objectSelector),
    images: spec.match.images.map(compileGlob),
    conditions,
  }
  return { compiled, issues }
}

/** When an exception ends for a policy, in milliseconds since 1970: its own end, or the longest time that the policy allows after the approval. A policy that is not there bounds nothing. */
export function effectiveExpiryMs({ approval, expiresAtMs }: CompiledException, named: Pick<CompiledPolicy, 'policy'> | undefined): number {
  if (approval.kind !== 'approved' || named === undefined) return expiresAtMs
  return Math.min(expiresAtMs, Date.parse(approval.stamp.approvedAt) + durationMs(named.policy.spec.exceptions.maxDuration))
}
