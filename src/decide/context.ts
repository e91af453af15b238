import { type ContextDeclaration, compileSelector, type KubernetesObject } from '../api/index.ts'
import { type CelValue, isCelValue, Lazy } from '../cel/index.ts'
import { isNamespaceObject } from '../rules/index.ts'
import type { ContextReference } from './decision.ts'
import type { ContextReader, ContextState, EvaluationInput } from './input.ts'

/** Word for the namespace of the request. */
const OF_REQUEST = 'Request'

/** Why nothing is found for a cluster-scoped request in its own namespace. */
export const NO_NAMESPACE = 'a cluster-scoped request has no namespace to look in'
/** Why nothing is found in a namespace of a kind that is not namespaced. */
export const IN_NO_NAMESPACE = 'objects of this kind lie in no namespace: leave out `namespace`'

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** The order in which policies see objects: by namespace and name. */
export const byNamespaceAndName = ({ metadata: a }: KubernetesObject, { metadata: b }: KubernetesObject): number =>
  compare(a.namespace ?? '', b.namespace ?? '') || compare(a.name ?? '', b.name ?? '')

/** Where a declaration looks: in one namespace, in all that there is (`undefined`), or nowhere since the request has no namespace (`''`). */
export const namespaceOfContext = ({ namespace }: ContextDeclaration, requestNamespace: string): string | undefined =>
  namespace === OF_REQUEST ? requestNamespace : namespace

/** Those of some objects of the declared kind that a declaration means, in their order; where they lie is left to the caller. */
export function narrowContext(objects: readonly KubernetesObject[], { selector, names }: ContextDeclaration): readonly KubernetesObject[] {
  if (selector === undefined && names === undefined) return objects
  const isSelected = compileSelector(selector ?? {})
  const wanted = names === undefined ? undefined : new Set(names)
  return objects.filter(({ metadata }) => isSelected(metadata.labels ?? {}) && wanted?.has(metadata.name ?? '') !== false)
}

/** Which objects there are, for doors that have them all as a list. */
export interface KnownObjects {
  readonly objects: readonly KubernetesObject[]
  /** Whether objects of the declared kind lie in namespaces. */
  readonly isNamespaced: boolean
}

/** What a policy's declaration gives, out of all objects that there are. */
export function selectContext({ objects, isNamespaced }: KnownObjects, declaration: ContextDeclaration, requestNamespace: string): ContextState {
  const { apiVersion, kind } = declaration
  const namespace = namespaceOfContext(declaration, requestNamespace)
  if (namespace !== undefined && !isNamespaced) return { kind: 'unknown', reason: IN_NO_NAMESPACE }
  if (namespace === '') return { kind: 'unknown', reason: NO_NAMESPACE }
  const here = objects.filter(
    (object) => object.apiVersion === apiVersion && object.kind === kind && (namespace === undefined || object.metadata.namespace === namespace),
  )
  return { kind: 'found', objects: narrowContext(here, declaration).toSorted(byNamespaceAndName), resourceVersion: '' }
}

const NO_CONTEXT: Readonly<Record<string, Lazy>> = {}

const nothing: ContextReader = () => ({ kind: 'unknown', reason: 'nothing is gathered here' })

/** What `context.<name>` stands for in one judgement, gathered when it is first read; `note` learns what was. */
export function contextBindings(
  declarations: readonly ContextDeclaration[],
  { contexts = nothing, request }: EvaluationInput,
  note: (reference: Omit<ContextReference, 'policy'>) => void,
): Readonly<Record<string, Lazy>> {
  if (declarations.length === 0) return NO_CONTEXT
  // A Namespace lies in none, yet whoever asks for its objects means those inside.
  const requestNamespace = isNamespaceObject(request) ? ((request.object ?? request.oldObject)?.metadata.name ?? '') : request.namespace
  const gather = (declaration: ContextDeclaration): Lazy =>
    new Lazy(() => {
      const { name, kind } = declaration
      const state = contexts(declaration, requestNamespace)
      if (state.kind === 'unknown') {
        return { ok: false, error: { code: 'Unavailable', message: `context \`${name}\` could not be gathered: ${state.reason}` } }
      }
      const { objects, resourceVersion } = state
      note({ name, kind, namespace: namespaceOfContext(declaration, requestNamespace) ?? '', count: objects.length, resourceVersion })
      return { ok: true, value: toValue(objects) }
    })
  return Object.fromEntries(declarations.map((declaration) => [`context.${declaration.name}`, gather(declaration)]))
}

/** Objects are CEL values as they stand, which their type does not tell. */
function toValue(objects: unknown): CelValue {
  return isCelValue(objects) ? objects : null
}
