import { isKubernetesObject, type KubernetesObject, type Operation } from '../api/index.ts'
import { type CelValue, CostBudget, toExactJson } from '../cel/index.ts'
import { deducedSchema, mutate } from '../decide/index.ts'
import { type Answer, NativeEvaluation, POLICY_COST } from './eval-evaluation.ts'
import { type CompiledNative, compileNative, type NativePolicy, readPolicyOf } from './eval-native.ts'
import { readSubject } from './eval-subject.ts'

const ANY_OPERATION: ReadonlySet<Operation> = new Set<Operation>()

/** Answers a line of mode `mutate`: what a native MutatingAdmissionPolicy, or the mutations of a Policy, make of the object of a request, in one pass. */
export function answerMutation(line: Readonly<Record<string, CelValue | undefined>>): Answer {
  const policy = readPolicyOf(line, 'mutating')
  if (typeof policy === 'string') return { oracleError: policy }
  const subject = readSubject(line)
  if (typeof subject === 'string') return { oracleError: subject }
  const given = toExactJson(line['object'] ?? null)
  if (!given.ok) return { oracleError: `unreadable line: object: ${given.error}` }
  if (given.value === null) return { oracleError: 'no object to mutate' }
  if (!isKubernetesObject(given.value)) return { oracleError: 'unreadable line: object is no Kubernetes object' }
  const compiled = compileNative(policy)
  const evaluation = new NativeEvaluation(policy, compiled, subject)
  const { creationErrors } = compiled
  const matched = evaluation.matched()
  return {
    ...(creationErrors.length === 0 ? {} : { creationErrors }),
    ...matched.rows,
    matches: matched.kind === 'yes',
    ...(matched.kind === 'yes' ? mutated(policy, compiled, evaluation, given.value) : { object: given.value }),
    ...(matched.kind === 'error' ? { error: matched.error } : {}),
  }
}

/** A failed mutation changes nothing, and the next one is still tried. */
function mutated({ mutations }: NativePolicy, compiled: CompiledNative, evaluation: NativeEvaluation, given: KubernetesObject): Answer {
  const errors: string[] = []
  let object = given
  for (const [index, { patchType }] of mutations.entries()) {
    const text = compiled.mutations[index]
    if (text === undefined) {
      errors.push('patchType names no patch that is there')
      continue
    }
    const rule = { name: `${index}`, patchType, operations: ANY_OPERATION, templates: 'Virtual', expression: text.program } as const
    const budget = new CostBudget({ total: POLICY_COST })
    const next = mutate(rule, object, evaluation.bindings(budget, { object }), budget, deducedSchema(object))
    if (next.ok) object = next.value
    errors.push(next.ok ? '' : next.error)
  }
  return { object, ...(errors.length === 0 ? {} : { errors }) }
}
