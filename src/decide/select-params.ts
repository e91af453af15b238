import { compileSelector, type KubernetesObject, type ParamRef } from '../api/index.ts'
import type { ParamState } from './input.ts'

/** The parameters among some objects of the kind that a selector matches: of one namespace, or cluster-scoped where that is undefined. */
export function selectParams(objects: readonly KubernetesObject[], { selector = {} }: ParamRef, namespace: string | undefined): ParamState {
  const isSelected = compileSelector(selector)
  const keyOf = ({ metadata }: KubernetesObject): string => metadata.name ?? ''
  const found = objects
    .filter(({ metadata }) => metadata.namespace === namespace && isSelected(metadata.labels ?? {}))
    .sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
  return found.length === 0 ? { kind: 'missing' } : { kind: 'several', objects: found }
}
