import { type FieldIssue, isRecord, type KubernetesObject, parsePolicy } from '../api/index.ts'
import { compilePolicy } from './compile-policy.ts'
import type { CompileIssue } from './issue.ts'
import type { CompiledPolicy } from './rule-set.ts'

const STAND_IN = {
  title: 'A policy that could not be read',
  owner: { team: 'unknown', contact: 'unknown' },
  severity: 'critical',
  remediation: 'ask the owner of the policy to correct it',
} as const

/**
 * Compiles a policy that is not valid as a whole: an unreadable rule is not a missing rule, so it stays in force as one that
 * cannot be evaluated, for the objects that it names. Undefined where not even those can be read.
 */
export function compileUnreadable(
  object: KubernetesObject,
  mistakes: readonly FieldIssue[],
): { readonly compiled: CompiledPolicy | undefined; readonly issues: readonly CompileIssue[] } {
  const policy = object.metadata.name ?? ''
  const issues = mistakes.map(({ path, message }): CompileIssue => ({ code: 'InvalidField', severity: 'error', policy, path, message }))
  const spec = isRecord(object['spec']) ? object['spec'] : {}
  const read = (part: Readonly<Record<string, unknown>>) =>
    parsePolicy({
      ...object,
      status: undefined,
      spec: { ...STAND_IN, matchConstraints: spec['matchConstraints'], validations: [{ name: 'unreadable', expression: 'false' }], ...part },
    })
  const attempts = [{ failurePolicy: spec['failurePolicy'], enforcement: spec['enforcement'], severity: spec['severity'], owner: spec['owner'] }, {}]
  for (const attempt of attempts) {
    const parsed = read(attempt)
    if (!parsed.ok) continue
    const compiled = compilePolicy(parsed.value)
    const message = `the policy could not be read: ${issues.map((issue) => `${issue.path}: ${issue.message}`).join('; ')}`
    const rules = compiled.rules.map((rule) => ({ ...rule, expression: { ok: false, error: message } as const }))
    return { compiled: { ...compiled, rules, issues }, issues }
  }
  return { compiled: undefined, issues }
}
