import type { Policy } from '../api/index.ts'
import type { CompileIssue } from './issue.ts'
import { namesResource } from './match.ts'

interface SideDoor {
  /** What an expression has to read for the door to matter. */
  readonly reads: RegExp
  readonly group: string
  readonly resources: readonly string[]
  /** Subresources through which the same can be changed. */
  readonly doors: readonly string[]
  readonly what: string
}

const SIDE_DOORS: readonly SideDoor[] = [
  { reads: /\bobject\.\??metadata\.\??labels\b/, group: '', resources: ['pods'], doors: ['status', 'binding'], what: 'the labels of a Pod' },
  {
    reads: /\bobject\.\??spec\.\??replicas\b/,
    group: 'apps',
    resources: ['deployments', 'statefulsets', 'replicasets'],
    doors: ['scale'],
    what: 'the number of replicas',
  },
]

/** Tells the author of subresources through which what the policy reads can be changed without it: they are not judged unless it names them. */
export function sideDoorIssues({ metadata, spec }: Policy): CompileIssue[] {
  const expressions = [...spec.validations, ...spec.variables].map(({ expression }) => expression)
  const isNamed = (group: string, resource: string, subResource: string): boolean =>
    spec.matchConstraints.resourceRules.some(
      ({ apiGroups, resources }) =>
        (apiGroups.includes('*') || apiGroups.includes(group)) && resources.some((pattern) => namesResource(pattern, resource, subResource)),
    )
  return SIDE_DOORS.filter(({ reads }) => expressions.some((expression) => reads.test(expression))).flatMap(({ group, resources, doors, what }) => {
    const open = resources
      .filter((resource) => isNamed(group, resource, ''))
      .flatMap((resource) => doors.filter((door) => !isNamed(group, resource, door)).map((door) => `\`${resource}/${door}\``))
    if (open.length === 0) return []
    const message = `${what} can also be changed through ${open.join(' and ')}, which the policy does not name`
    return [{ code: 'SideDoor', severity: 'warning', policy: metadata.name, path: 'spec.matchConstraints.resourceRules', message }]
  })
}
