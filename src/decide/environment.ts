import type { AdmissionRequest, EnforcementLevel } from '../api/index.ts'
import { isDenying, isNamespaceObject, type NamespaceState, type PolicyLevels, type RuleSet } from '../rules/index.ts'

/** The environment that a request belongs to; where it is not known the strictest level of each policy counts. */
export type RequestEnvironment =
  | { readonly kind: 'known'; readonly name: string }
  | { readonly kind: 'unknown'; readonly reason: 'NamespaceUnknown' }
  | { readonly kind: 'unknown'; readonly reason: 'LabelUnknown'; readonly label: string }

type Labels = Readonly<Record<string, string>>

function fromLabels({ profile }: RuleSet, labels: Labels): RequestEnvironment {
  const { namespaceLabel, defaultEnvironment, environments } = profile.spec
  const label = Object.hasOwn(labels, namespaceLabel) ? labels[namespaceLabel] : undefined
  if (label === undefined) return { kind: 'known', name: defaultEnvironment }
  return environments.some(({ name }) => name === label) ? { kind: 'known', name: label } : { kind: 'unknown', reason: 'LabelUnknown', label }
}

/** Finds the environment: by the label of the Namespace, of the stored one where a Namespace itself is changed or deleted; without a label, and for cluster-scoped objects, the default. */
export function environmentOf(ruleSet: RuleSet, request: AdmissionRequest, namespace: NamespaceState): RequestEnvironment {
  if (isNamespaceObject(request)) return fromLabels(ruleSet, (request.oldObject ?? request.object)?.metadata.labels ?? {})
  switch (namespace.kind) {
    case 'clusterScoped':
      return fromLabels(ruleSet, {})
    case 'found':
      return fromLabels(ruleSet, namespace.object.metadata.labels ?? {})
    case 'unknown':
      return { kind: 'unknown', reason: 'NamespaceUnknown' }
  }
}

/** The level of a policy in an environment; a missing cell and an unknown environment give the strictest. With `isTurnedDown` it is at most `Warn`. */
export function levelIn(environment: RequestEnvironment, levels: PolicyLevels, isTurnedDown = false): EnforcementLevel {
  const level = (environment.kind === 'known' ? levels.byEnvironment.get(environment.name)?.level : undefined) ?? levels.strictest
  return isTurnedDown && isDenying(level) ? 'Warn' : level
}
