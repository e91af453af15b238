import { err, isKubernetesObject, isRecord, type KubernetesObject, ok, type Result } from '../api/index.ts'
import { type Bindings, type CelValue, type CostBudget, messageTypeOf, toExactJson } from '../cel/index.ts'
import type { KindSchema, MutationRule } from '../rules/index.ts'
import { applyPatch, type PatchStep } from './json-patch.ts'
import { shapeOfKind } from './merge-shapes.ts'
import { SHAPE_OF_ANY_KIND, shapeOfSchema } from './schema-shapes.ts'
import { mergeConfiguration } from './structured-merge.ts'

const text = (value: unknown): string => (typeof value === 'string' ? value : '')

/** Where a message of one type stands in a field that calls for another; undefined where all fit. As Kubernetes does, lists and maps on the way are looked through. */
function misplacedType(value: unknown, expected: string | undefined): string | undefined {
  const own = messageTypeOf(value)
  const name = expected ?? own
  if (own !== undefined && name !== undefined && own !== name) return `unexpected type name \`${own}\`, expected \`${name}\``
  if (Array.isArray(value)) {
    for (const item of value) {
      const wrong = misplacedType(item, name)
      if (wrong !== undefined) return wrong
    }
    return undefined
  }
  if (!isRecord(value) || name === undefined) return undefined
  for (const [key, item] of Object.entries(value)) {
    const wrong = misplacedType(item, own === undefined ? name : `${name}.${key}`)
    if (wrong !== undefined) return wrong
  }
  return undefined
}

function toSteps(value: CelValue): Result<readonly PatchStep[], string> {
  if (!Array.isArray(value)) return err('the expression gives no list')
  const plain = toExactJson(value)
  if (!plain.ok) return plain
  const steps: PatchStep[] = []
  for (const [index, item] of value.entries()) {
    if (!isRecord(item)) return err('an element of the list is no `JSONPatch`')
    if (messageTypeOf(item['value']) !== undefined) {
      const wrong = misplacedType(item['value'], undefined)
      if (wrong !== undefined) return err(wrong)
    }
    const json: unknown = Array.isArray(plain.value) ? plain.value[index] : undefined
    if (!isRecord(json)) return err('an element of the list is no `JSONPatch`')
    steps.push({ op: text(json['op']), path: text(json['path']), from: text(json['from']), value: json['value'] })
  }
  return ok(steps)
}

function patched(value: CelValue, object: KubernetesObject): Result<unknown, string> {
  const steps = toSteps(value)
  if (!steps.ok) return steps
  const result = applyPatch(object, steps.value)
  if (!result.ok) return err(`JSON patch: ${result.error}`)
  return ok(result.value.kind === 'testFailed' ? object : result.value.document)
}

function merged(value: CelValue, object: KubernetesObject, schema: KindSchema | undefined): Result<unknown, string> {
  const wrong = misplacedType(value, 'Object')
  if (wrong !== undefined) return err(wrong)
  const configuration = toExactJson(value)
  if (!configuration.ok) return configuration
  if (!isRecord(configuration.value)) return err('the expression gives no `Object`')
  const shape = schema === undefined ? (shapeOfKind(object.apiVersion, object.kind) ?? SHAPE_OF_ANY_KIND) : shapeOfSchema(schema)
  return mergeConfiguration(object, configuration.value, shape)
}

/** Metadata as Kubernetes reads it: a null is a field that is not there. */
function withoutNullMetadata(value: unknown): unknown {
  if (!isRecord(value) || !isRecord(value['metadata'])) return value
  const fields = Object.entries(value['metadata'])
  return fields.some(([, field]) => field === null) ? { ...value, metadata: Object.fromEntries(fields.filter(([, field]) => field !== null)) } : value
}

/** Applies one mutation to an object, or says why that is not possible; the given object stays as it is. The schema is that of its kind, where it is known. */
export function mutate(
  { expression, patchType }: MutationRule,
  object: KubernetesObject,
  bindings: Bindings,
  budget: CostBudget,
  schema: KindSchema | undefined,
): Result<KubernetesObject, string> {
  if (!expression.ok) return expression
  const value = expression.value.evaluate(bindings, budget)
  if (!value.ok) return err(value.error.message)
  const result = patchType === 'JSONPatch' ? patched(value.value, object) : merged(value.value, object, schema)
  if (!result.ok) return result
  const made = withoutNullMetadata(result.value)
  return isKubernetesObject(made) ? ok(made) : err('what comes of it is not a Kubernetes object')
}
