import { isRecord, type KubernetesObject, parseApiVersion } from '../api/index.ts'
import type { Bindings, CostBudget } from '../cel/index.ts'
import { type CompiledException, type EnforcedPolicy, effectiveExpiryMs } from '../rules/index.ts'
import type { EvaluationInput } from './input.ts'

/** What the exceptions say of one violation. */
export interface WaiverVerdict {
  /** The exception that waives it. */
  readonly waivedBy: string | undefined
  /** For each exception that names the rule and does not waive it, why not, in words for whoever is refused. */
  readonly notes: readonly string[]
}

/** Something that an object can be called by: its own kind and name, or those of the workload that it descends from. */
interface Identity {
  readonly kind: string
  readonly name: string
}

const NOTHING: WaiverVerdict = { waivedBy: undefined, notes: [] }
const MAX_NOTES = 3

/** The name of what made a ReplicaSet or a Job, read from names alone: never by a look-up, since the maker may be gone. */
function grandparentOf({ kind, name }: Identity, object: KubernetesObject): Identity | undefined {
  if (kind === 'ReplicaSet') {
    const hash = object.metadata.labels?.['pod-template-hash']
    return hash !== undefined && name.endsWith(`-${hash}`) ? { kind: 'Deployment', name: name.slice(0, -hash.length - 1) } : undefined
  }
  const cron = kind === 'Job' ? /^(.+)-[0-9]+$/.exec(name)?.[1] : undefined
  return cron === undefined ? undefined : { kind: 'CronJob', name: cron }
}

function identitiesOf({ request }: EvaluationInput, isDescended: boolean): readonly Identity[] {
  const object = request.object ?? request.oldObject
  // Before the name is made of it, all that is known of a name is what it begins with.
  const known = object?.metadata.name ?? object?.metadata.generateName ?? ''
  const own = { kind: request.kind.kind, name: request.name === '' ? known : request.name }
  const owner = isDescended ? object?.metadata.ownerReferences?.find(({ controller }) => controller === true) : undefined
  if (object === null || owner === undefined) return [own]
  const parent = { kind: owner.kind, name: owner.name }
  const grandparent = parseApiVersion(owner.apiVersion).group === 'apps' || owner.kind === 'Job' ? grandparentOf(parent, object) : undefined
  return [own, parent, ...(grandparent === undefined ? [] : [grandparent])]
}

function imagesOf(pod: KubernetesObject | null): readonly string[] {
  const spec = isRecord(pod?.['spec']) ? pod['spec'] : {}
  return ['containers', 'initContainers', 'ephemeralContainers'].flatMap((field) => {
    const list: unknown = spec[field]
    return Array.isArray(list) ? list.flatMap((item: unknown) => (isRecord(item) && typeof item['image'] === 'string' ? item['image'] : [])) : []
  })
}

/** Why an exception is not for this object, or undefined where it may be. */
function misfit(exception: CompiledException, view: KubernetesObject | null, identities: readonly Identity[]): string | undefined {
  const isNamed = exception.resources.some(({ kinds, names }) => identities.some(({ kind, name }) => kinds.has(kind) && names.some((fits) => fits(name))))
  if (!isNamed) return 'it is for other kinds or names'
  if (exception.selects !== undefined && !exception.selects(view?.metadata.labels ?? {})) return 'it is for objects with other labels'
  if (exception.images.length > 0) {
    const images = imagesOf(view)
    if (images.length === 0 || !images.every((image) => exception.images.some((fits) => fits(image)))) return 'it is for other images'
  }
  return undefined
}

/** Which condition keeps an exception from counting, or undefined where none does. */
function unmetCondition(exception: CompiledException, bindings: Bindings, budget: CostBudget): string | undefined {
  for (const { name, expression } of exception.conditions) {
    if (!expression.ok) return `its condition \`${name}\` does not compile`
    const value = expression.value.evaluate(bindings, budget)
    if (!value.ok) return `its condition \`${name}\` could not be evaluated`
    if (value.value !== true) return `its condition \`${name}\` is false`
  }
  return undefined
}

const at = (ms: number): string => new Date(ms).toISOString().replace('.000Z', 'Z')

/** Looks for an exception that waives a violation. It counts by the clock of the decision, only where it is approved, and for each policy no longer than that policy allows. */
export function waiverFor(
  exceptions: readonly CompiledException[],
  policy: EnforcedPolicy,
  rule: string,
  view: KubernetesObject | null,
  context: { readonly input: EvaluationInput; readonly isDescended: () => boolean; readonly bindings: () => Bindings; readonly budget: CostBudget },
): WaiverVerdict {
  const { input } = context
  const namespace = input.namespace.kind === 'clusterScoped' ? '' : input.request.namespace
  const named = exceptions.filter((exception) => exception.reaches(namespace) && exception.names(policy.identity.name, rule))
  if (named.length === 0) return NOTHING
  const { allowed } = policy.policy.spec.exceptions
  const identities = identitiesOf(input, context.isDescended())
  const fitting: string[] = []
  const others: string[] = []
  for (const exception of named) {
    const unfit = misfit(exception, view, identities)
    const reason = unfit ?? reasonAgainst(exception)
    if (reason === undefined) return { waivedBy: exception.id, notes: [] }
    const notes = unfit === undefined ? fitting : others
    notes.push(`exception \`${exception.id}\` does not count: ${reason}`)
  }
  // Those first that are for the object: they are what its owner is waiting for.
  return { waivedBy: undefined, notes: [...fitting, ...others].slice(0, MAX_NOTES) }

  function reasonAgainst(exception: CompiledException): string | undefined {
    if (!allowed) return 'the policy allows no exceptions'
    const endMs = effectiveExpiryMs(exception, policy)
    if (endMs <= input.now.getTime()) return `it expired at ${at(endMs)}`
    // Conditions last: what nobody has approved must not cost anything.
    return exception.approval.kind === 'approved'
      ? unmetCondition(exception, context.bindings(), context.budget)
      : `it is pending, ${exception.approval.reason}`
  }
}
