import type { KubernetesObject } from '../api/index.ts'
import { type Candidate, isNamespaceObject, toVirtualPod } from '../rules/index.ts'
import type { EvaluationErrorCode } from './decision.ts'
import type { EvaluationInput } from './input.ts'

/** Why something cannot be evaluated. */
export interface Unevaluable {
  readonly code: EvaluationErrorCode
  readonly message: string
}

/** The object and the old object as a policy sees them: as they are, or the Pods that they would make. */
export interface View {
  readonly object: KubernetesObject | null
  readonly oldObject: KubernetesObject | null
}

/** What a policy judges, and why it cannot be where it cannot. */
export interface Subject {
  readonly view: View
  readonly failure: Unevaluable | undefined
}

/** What a policy judges of a request that it names; undefined where it does not apply after all. */
export function subjectOf({ policy: { selectors }, match }: Candidate, input: EvaluationInput): Subject | undefined {
  const { version, resource } = input.request.resource
  const isOtherVersion = match.lane === 'equivalent' && version !== match.version
  if (input.lane !== 'offline' && (input.lane !== match.lane || isOtherVersion)) return undefined
  const isSelected = namespaceIsSelected(selectors, input)
  if (isSelected === false) return undefined
  const view = viewOf(match, input)
  if (view === undefined || !objectIsSelected(selectors, view)) return undefined
  if (isSelected === undefined) {
    const message = 'the labels of the namespace could not be read, so `namespaceSelector` cannot be judged'
    return { view, failure: { code: 'NamespaceUnknown', message } }
  }
  if (isOtherVersion) {
    return { view, failure: { code: 'WrongVersion', message: `the policy judges version \`${match.version}\` of \`${resource}\`, not \`${version}\`` } }
  }
  return { view, failure: undefined }
}

type Selectors = Candidate['policy']['selectors']

/** Undefined where that cannot be told. */
function namespaceIsSelected({ namespace: selects }: Selectors, { request, namespace }: EvaluationInput): boolean | undefined {
  if (selects === undefined) return true
  if (isNamespaceObject(request)) {
    const isChange = request.subResource === '' && request.operation !== 'DELETE'
    return selects((isChange ? request.object : (request.oldObject ?? request.object))?.metadata.labels ?? {})
  }
  if (namespace.kind === 'clusterScoped') return true
  return namespace.kind === 'found' ? selects(namespace.object.metadata.labels ?? {}) : undefined
}

/** Undefined where a workload has no pod template, and so makes no Pods. */
function viewOf({ template }: Candidate['match'], { request: { object, oldObject } }: EvaluationInput): View | undefined {
  if (template === undefined) return { object, oldObject }
  const projected = object === null ? null : toVirtualPod(object, template)
  if (projected === null) return undefined
  return { object: projected, oldObject: oldObject === null ? null : toVirtualPod(oldObject, template) }
}

function objectIsSelected({ object: selects }: Selectors, { object, oldObject }: View): boolean {
  return selects === undefined || [object, oldObject].some((seen) => seen !== null && selects(seen.metadata.labels ?? {}))
}
