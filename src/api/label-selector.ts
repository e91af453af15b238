/** A label selector as Kubernetes has it: all of its requirements must hold; an empty one matches everything. */
export interface LabelSelectorLike {
  readonly matchLabels?: Readonly<Record<string, string>> | undefined
  readonly matchExpressions?: readonly LabelSelectorRequirementLike[] | undefined
}

export interface LabelSelectorRequirementLike {
  readonly key: string
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist'
  readonly values?: readonly string[] | undefined
}

type Labels = Readonly<Record<string, string>>

/** Whether the selector has no requirement, and so matches every object. */
export function isEmptySelector({ matchLabels = {}, matchExpressions = [] }: LabelSelectorLike): boolean {
  return Object.keys(matchLabels).length === 0 && matchExpressions.length === 0
}

function meets(labels: Labels, { key, operator, values = [] }: LabelSelectorRequirementLike): boolean {
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value)
    case 'NotIn':
      return value === undefined || !values.includes(value)
    case 'Exists':
      return value !== undefined
    case 'DoesNotExist':
      return value === undefined
  }
}

/** Writes a selector as the API server takes it in a query. */
export function printSelector({ matchLabels = {}, matchExpressions = [] }: LabelSelectorLike): string {
  const print = ({ key, operator, values = [] }: LabelSelectorRequirementLike): string => {
    switch (operator) {
      case 'In':
        return `${key} in (${values.join(',')})`
      case 'NotIn':
        return `${key} notin (${values.join(',')})`
      case 'Exists':
        return key
      case 'DoesNotExist':
        return `!${key}`
    }
  }
  return [...Object.entries(matchLabels).map(([key, value]) => `${key}=${value}`), ...matchExpressions.map(print)].join(',')
}

/** Makes a test of labels from a selector; as in Kubernetes, `NotIn` also matches an absent label. */
export function compileSelector(selector: LabelSelectorLike): (labels: Labels) => boolean {
  const exact = Object.entries(selector.matchLabels ?? {})
  const requirements = selector.matchExpressions ?? []
  return (labels) =>
    exact.every(([key, value]) => Object.hasOwn(labels, key) && labels[key] === value) && requirements.every((requirement) => meets(labels, requirement))
}
