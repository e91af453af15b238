import { Lazy } from './lazy.ts'
import { type CelValue, isCelValue, isList, isRecord } from './values.ts'

/** Where a value stands: a variable and the path below it. */
export interface Place {
  readonly root: string
  readonly segments: readonly (string | number)[]
}

/** The place one step further. */
export function placeBelow(place: Place, segment: string | number): Place {
  return { root: place.root, segments: [...place.segments, segment] }
}

const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_]*$/

function printSegments(segments: readonly (string | number)[]): string {
  return segments.map((segment) => (typeof segment === 'string' && IDENTIFIER.test(segment) ? `.${segment}` : `[${JSON.stringify(segment)}]`)).join('')
}

/** Prints a place; `object` is left out where a field follows it. */
export function printPlace({ root, segments }: Place): string {
  const path = printSegments(segments)
  return root === 'object' && path.startsWith('.') ? path.slice(1) : root + path
}

/** What stands at a place, if anything. */
export function valueAt(bindings: Readonly<Record<string, unknown>>, place: Place): { readonly present: boolean; readonly value: CelValue } {
  let value = rootValue(bindings, place.root)
  for (const segment of place.segments) {
    value = value === undefined ? undefined : childOf(value, segment)
    if (value === undefined) return { present: false, value: null }
  }
  return value === undefined ? { present: false, value: null } : { present: true, value }
}

/** The value bound to a variable; a lazy one is computed. */
export function rootValue(bindings: Readonly<Record<string, unknown>>, name: string): CelValue | undefined {
  const bound = Object.hasOwn(bindings, name) ? bindings[name] : undefined
  const value = bound instanceof Lazy ? bound.read() : bound
  return isCelValue(value) ? value : undefined
}

function childOf(value: CelValue, segment: string | number): CelValue | undefined {
  if (typeof segment === 'number') return isList(value) ? value[segment] : undefined
  return isRecord(value) && Object.hasOwn(value, segment) ? value[segment] : undefined
}

// The keys by which Kubernetes merges lists, where they are not `name`.
const LIST_MAP_KEYS: ReadonlyMap<string, readonly (readonly string[])[]> = new Map([
  [
    'ports',
    [
      ['containerPort', 'protocol'],
      ['port', 'protocol'],
    ],
  ],
  ['volumeMounts', [['mountPath']]],
  ['volumeDevices', [['devicePath']]],
  ['hostAliases', [['ip']]],
  ['topologySpreadConstraints', [['topologyKey', 'whenUnsatisfiable']]],
  ['conditions', [['type']]],
  ['ownerReferences', [['uid']]],
])
const BY_NAME: readonly (readonly string[])[] = [['name']]

function elementKey(list: string | number | undefined, element: CelValue | undefined): string | undefined {
  if (element === undefined || !isRecord(element)) return undefined
  const candidates = typeof list === 'string' ? (LIST_MAP_KEYS.get(list) ?? BY_NAME) : BY_NAME
  for (const fields of candidates) {
    const parts: string[] = []
    for (const field of fields) {
      const value = Object.hasOwn(element, field) ? element[field] : undefined
      if (typeof value === 'string' || typeof value === 'number') parts.push(`${field}=${value}`)
    }
    const [first] = fields
    if (first !== undefined && parts[0]?.startsWith(`${first}=`)) return `[${parts.join(',')}]`
  }
  return undefined
}

/** Prints a place with list elements under their key, so that it names the same element in another version of the object. */
export function printKeyedPlace(bindings: Readonly<Record<string, unknown>>, { root, segments }: Place): string {
  let value = rootValue(bindings, root)
  let path = ''
  segments.forEach((segment, position) => {
    value = value === undefined ? undefined : childOf(value, segment)
    const key = typeof segment === 'number' ? elementKey(segments[position - 1], value) : undefined
    path += key ?? printSegments([segment])
  })
  return root === 'object' && path.startsWith('.') ? path.slice(1) : root + path
}
