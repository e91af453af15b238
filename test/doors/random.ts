/** A source of numbers from 0 to 1; equal seeds give equal numbers. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

/** Choices by such a source. */
export function chooser(seed: number) {
  const next = seeded(seed)
  const one = <T>(items: readonly [T, ...T[]]): T => items[Math.floor(next() * items.length)] ?? items[0]
  const some = <T>(items: readonly [T, ...T[]], most = 2): T[] => [...new Set(Array.from({ length: 1 + Math.floor(next() * most) }, () => one(items)))]
  const chance = (share: number): boolean => next() < share
  return { one, some, chance }
}

/** What a rule of a policy or of a webhook asks for. */
export interface WantedRule {
  readonly apiGroups: readonly string[]
  readonly apiVersions: readonly string[]
  readonly operations: readonly string[]
  readonly resources: readonly string[]
  readonly scope?: string | undefined
  readonly resourceNames?: readonly string[] | undefined
}

export interface AskedResource {
  readonly group: string
  readonly version: string
  readonly resource: string
  readonly subResource: string
  readonly namespace: string
  readonly name: string
  readonly operation: string
}

/** Whether a rule fits, as Kubernetes documents it: every part does, a Namespace is cluster-scoped, no names means all. */
export function fitsAsDocumented(wanted: WantedRule, asked: AskedResource): boolean {
  const listed = (list: readonly string[], value: string): boolean => list.some((item) => item === '*' || item === value)
  const isNamespace = asked.group === '' && asked.resource === 'namespaces'
  const isNamespaced = asked.namespace !== '' && !isNamespace
  const full = asked.subResource === '' ? asked.resource : `${asked.resource}/${asked.subResource}`
  const forms = new Set([full, `${asked.resource}/*`, asked.subResource === '' ? '*' : `*/${asked.subResource}`, '*/*'])
  const { scope = '*', resourceNames = [] } = wanted
  return (
    listed(wanted.apiGroups, asked.group) &&
    listed(wanted.apiVersions, asked.version) &&
    listed(wanted.operations, asked.operation) &&
    wanted.resources.some((pattern) => forms.has(pattern)) &&
    (scope === '*' || (scope === 'Namespaced') === isNamespaced) &&
    (resourceNames.length === 0 || resourceNames.includes(asked.name))
  )
}
