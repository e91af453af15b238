import { type AdmissionRequest, err, isEqualJson, type KubernetesObject, ok, type Result } from '../api/index.ts'
import type { Bindings, CostBudget } from '../cel/index.ts'
import { type MutationRule, objectionTo, type PodTemplate } from '../rules/index.ts'
import type { SchemaReader } from './input.ts'
import { diffJson, type PatchOperation } from './json-diff.ts'
import { isRelated, parsePointer } from './json-pointer.ts'
import { mutate } from './mutate.ts'
import { objectionBySchema } from './object-check.ts'

/** Binds an object for the expressions of a policy. */
export type Bind = (object: KubernetesObject) => Bindings

/** What mutations are applied with. */
export interface MutationContext {
  readonly bind: Bind
  readonly budget: CostBudget
  readonly schemas: SchemaReader
  readonly oldObject: KubernetesObject | null
}

/**
 * Applies mutations one after the other, each to what the one before made: all of them, or none and the reason. What the API server would refuse for
 * their sake, by the schema of the kind where that is known, is not applied.
 */
export function applyMutations(mutations: readonly MutationRule[], object: KubernetesObject, context: MutationContext): Result<KubernetesObject, string> {
  const { bind, budget, schemas, oldObject } = context
  const schema = schemas(object.apiVersion, object.kind)
  let current = object
  for (const mutation of mutations) {
    const next = mutate(mutation, current, bind(current), budget, schema)
    if (!next.ok) return err(`mutation \`${mutation.name}\`: ${next.error}`)
    current = next.value
  }
  const objection = schema === undefined || current === object ? undefined : objectionBySchema(schema, current, object, oldObject)
  return objection === undefined ? ok(current) : err(`the API server would refuse what comes of it: ${objection}`)
}

/** A workload whose pod template is another Pod; the namespace of a virtual Pod is its owner's and stays there. */
export function withTemplate(owner: KubernetesObject, template: PodTemplate, pod: KubernetesObject): KubernetesObject {
  const { namespace: _namespace, ...metadata } = pod.metadata
  const place = (value: unknown, [key, ...rest]: readonly string[]): unknown => {
    if (key === undefined) {
      const own: Record<string, unknown> = { ...(typeof value === 'object' ? value : {}) }
      if (Object.keys(metadata).length > 0 || own['metadata'] !== undefined) own['metadata'] = metadata
      if (pod['spec'] !== undefined) own['spec'] = pod['spec']
      return own
    }
    const fields: Readonly<Record<string, unknown>> = typeof value === 'object' && value !== null ? { ...value } : {}
    return { ...fields, [key]: place(fields[key], rest) }
  }
  const [first = '', ...rest] = template.path
  return { ...owner, [first]: place(owner[first], rest) }
}

/** Why a patch may not be applied to the object of a request; undefined where it may. */
export function objectionToPatch(patch: readonly PatchOperation[], { resource, operation }: AdmissionRequest): string | undefined {
  for (const { path } of patch) {
    const objection = objectionTo(path, resource.group, resource.resource, operation)
    if (objection !== undefined) return objection
  }
  return undefined
}

/** Whether an update changed something that the patch is about. What nobody touched is not corrected behind the back of whoever labels an object. */
export function touchesChange(patch: readonly PatchOperation[], object: KubernetesObject, oldObject: KubernetesObject): boolean {
  const changed = diffJson(oldObject, object).map(({ path }) => parsePointer(path) ?? [])
  return patch.some(({ path }) => {
    const own = parsePointer(path) ?? []
    return changed.some((other) => isRelated(own, other))
  })
}

/** Whether mutations leave alone what they made themselves. */
export function isIdempotent(mutations: readonly MutationRule[], corrected: KubernetesObject, context: MutationContext): boolean {
  const again = applyMutations(mutations, corrected, context)
  return again.ok && isEqualJson(again.value, corrected)
}
