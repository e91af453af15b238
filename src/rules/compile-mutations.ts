import { err, type Mutation, type Operation, type Policy } from '../api/index.ts'
import { type CelType, issueAt, jsonPatchType, listOf, mutationObjectType, parseExpression, renderIssue } from '../cel/index.ts'
import type { CompileIssue } from './issue.ts'
import { namesResource } from './match.ts'
import { type MutationPath, mutationPaths } from './mutation-paths.ts'
import { objectionTo, resourcesWithImmutableFields } from './protected-paths.ts'
import type { CompiledExpression, MutationRule } from './rule-set.ts'

/** Compiles one expression at a path, reporting what is wrong with it. */
type CompileMutation = (source: string, path: string, resultTypes: readonly CelType[]) => CompiledExpression

const PATCH: readonly CelType[] = [listOf(jsonPatchType())]
const CONFIGURATION: readonly CelType[] = [mutationObjectType()]

const isWildcard = (pattern: string): boolean => pattern.startsWith('*')

/** The resources with immutable fields that a policy surely names, spelt out. */
function namedResources({ spec }: Policy, operation: Operation): readonly (readonly [group: string, resource: string])[] {
  const rules = spec.matchConstraints.resourceRules.filter(({ operations }) => operations.includes('*') || operations.includes(operation))
  return resourcesWithImmutableFields.filter(([group, resource]) =>
    rules.some(
      ({ apiGroups, resources }) =>
        (apiGroups.includes(group) || apiGroups.includes('*')) && resources.some((pattern) => !isWildcard(pattern) && namesResource(pattern, resource, '')),
    ),
  )
}

/** Why a path may not be corrected by a mutation of the policy at any of its operations. */
function objectionOf(policy: Policy, { operations }: Mutation, { pointer, isWhole }: MutationPath): string | undefined {
  for (const operation of operations) {
    const known = isWhole ? 'text' : 'start'
    const general = objectionTo(pointer, '', '', operation, known)
    if (general !== undefined) return general
    for (const [group, resource] of namedResources(policy, operation)) {
      const objection = objectionTo(pointer, group, resource, operation, known)
      if (objection !== undefined) return objection
    }
  }
  return undefined
}

/** Compiles the mutations of a policy; one that would write what no correction may write is not evaluable, and an issue. */
export function compileMutations(
  policy: Policy,
  compile: CompileMutation,
): { readonly mutations: readonly MutationRule[]; readonly issues: readonly CompileIssue[] } {
  const issues: CompileIssue[] = []
  const mutations = policy.spec.mutations.map((mutation, index): MutationRule => {
    const { name, operations, templates, patchType, jsonPatch, applyConfiguration } = mutation
    const isPatch = patchType === 'JSONPatch'
    const source = (isPatch ? jsonPatch : applyConfiguration)?.expression ?? ''
    const path = `spec.mutations[${index}].${isPatch ? 'jsonPatch' : 'applyConfiguration'}.expression`
    const compiled = compile(source, path, isPatch ? PATCH : CONFIGURATION)
    const refused = compiled.ok ? forbidden(mutation, source, path) : []
    issues.push(...refused)
    const expression: CompiledExpression = refused.length === 0 ? compiled : err(`${path}: ${refused[0]?.message ?? 'not allowed'}`)
    return { name, patchType, operations: new Set<Operation>(operations), templates, expression }
  })
  return { mutations, issues }

  function forbidden(mutation: Mutation, source: string, path: string): CompileIssue[] {
    const parsed = parseExpression(source)
    if (!parsed.ok) return []
    return mutationPaths(parsed.value, mutation.patchType).flatMap((place): CompileIssue[] => {
      const message = objectionOf(policy, mutation, place)
      if (message === undefined) return []
      const [head = message, ...rest] = renderIssue(source, issueAt(source, 'InvalidArgument', place, message)).split('\n')
      const detail = rest.length === 0 ? {} : { detail: rest.join('\n') }
      return [{ code: 'ForbiddenCorrection', severity: 'error', policy: policy.metadata.name, path, message: head, ...detail }]
    })
  }
}
