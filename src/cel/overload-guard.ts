import { noOverload } from './failure.ts'
import type { Implementation } from './library-entry.ts'
import type { CelType } from './types.ts'
import { isList, kindOf } from './values.ts'

const BY_ELEMENT: ReadonlySet<string> = new Set(['isSorted', 'sum', 'min', 'max'])
const BY_KIND: ReadonlySet<string> = new Set(['bool', 'bytes', 'double', 'int', 'string', 'uint', 'timestamp', 'duration', 'indexOf', 'lastIndexOf'])
const SIMPLE: ReadonlySet<string> = new Set(['int', 'uint', 'double', 'bool', 'string', 'bytes', 'timestamp', 'duration'])

/**
 * Where the checker settled on one overload of a function with many, Kubernetes refuses values of other types when the function runs. A value
 * can be of another type than the checker found: type parameters bound through optionals and lists of unknown elements are guesses.
 */
export function guarded(name: string, type: CelType, run: Implementation): Implementation {
  if (BY_ELEMENT.has(name) && type.kind === 'list' && SIMPLE.has(type.element.kind)) return firstElementGuard(name, type.element.kind, run)
  return BY_KIND.has(name) && (SIMPLE.has(type.kind) || type.kind === 'list') ? kindGuard(name, type.kind, run) : run
}

function firstElementGuard(name: string, kind: string, run: Implementation): Implementation {
  return (budget, list, b, c, d) => {
    const first = isList(list) ? list[0] : undefined
    return first === undefined || kindOf(first) === kind ? run(budget, list, b, c, d) : noOverload(name, list)
  }
}

function kindGuard(name: string, kind: string, run: Implementation): Implementation {
  return (budget, value, b, c, d) => (kindOf(value) === kind ? run(budget, value, b, c, d) : noOverload(name, value))
}
