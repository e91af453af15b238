import { type KubernetesObject, objectName, ok, type Policy, type Result } from '../api/index.ts'
import { isNamespaceObject } from '../rules/index.ts'
import type { ParamReference } from './decision.ts'
import type { EvaluationInput } from './input.ts'
import type { Unevaluable } from './subject.ts'

/** What `params` is, and how outcomes call it where a selector chose it. */
export interface Param {
  readonly object: KubernetesObject | null
  readonly param?: string
}

/** The parameters that a policy is judged with: none, the one that is named, or those that a selector matches. `onRead` is told of each. */
export function paramsOf(
  { spec: { paramKind, paramRef } }: Policy,
  { params, request }: EvaluationInput,
  onRead: (read: ParamReference) => void,
): Result<readonly Param[], Unevaluable | 'skip'> {
  if (paramKind === undefined || paramRef === undefined) return ok([{ object: null }])
  const wanted = paramRef.name === undefined ? `${paramKind.kind} that \`paramRef.selector\` matches` : `${paramKind.kind} \`${paramRef.name}\``
  const note = ({ metadata: { namespace = '', name = '', resourceVersion = '' } }: KubernetesObject): void => {
    onRead({ kind: paramKind.kind, namespace, name, resourceVersion })
  }
  const state = params(paramKind, paramRef, isNamespaceObject(request) ? '' : request.namespace)
  switch (state.kind) {
    case 'found':
      note(state.object)
      return ok([{ object: state.object }])
    case 'several':
      state.objects.forEach(note)
      return ok(state.objects.map((object) => ({ object, param: objectName(object) })))
    case 'missing':
      if (paramRef.parameterNotFoundAction === 'Allow') return { ok: false, error: 'skip' }
      return {
        ok: false,
        error: { code: 'ParamNotFound', message: paramRef.name === undefined ? `there is no ${wanted}` : `the parameter ${wanted} does not exist` },
      }
    case 'unknown':
      return { ok: false, error: { code: 'ParamUnknown', message: `the parameter ${wanted} could not be read: ${state.reason}` } }
  }
}
