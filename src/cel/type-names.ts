import { jsonPatchType, mutationObjectType } from './environment-types.ts'
import { BOOL, BYTES, type CelType, DOUBLE, DURATION, DYN, INT, listOf, mapOf, NULL, opaque, optionalOf, STRING, TIMESTAMP, typeOf, UINT } from './types.ts'

const TYPES: ReadonlyMap<string, CelType> = new Map([
  ['bool', BOOL],
  ['bytes', BYTES],
  ['double', DOUBLE],
  ['int', INT],
  ['list', listOf(DYN)],
  ['map', mapOf(DYN, DYN)],
  ['null_type', NULL],
  ['optional_type', optionalOf(DYN)],
  ['string', STRING],
  ['type', typeOf(DYN)],
  ['uint', UINT],
  ['google.protobuf.Duration', DURATION],
  ['google.protobuf.Timestamp', TIMESTAMP],
  ['net.IP', opaque('net.IP')],
  ['net.CIDR', opaque('net.CIDR')],
])

/** The names of types that an expression may use as values. */
export const TYPE_NAMES: readonly string[] = [...TYPES.keys()]

/** The type of a name, or undefined; mutations also know `Object`, `Object.spec` and so on, and `JSONPatch`. */
export function namedType(name: string, isMutation: boolean): CelType | undefined {
  const type = TYPES.get(name)
  if (type !== undefined || !isMutation) return type
  if (name === 'JSONPatch') return jsonPatchType()
  return name === 'Object' || name.startsWith('Object.') ? mutationObjectType(name) : undefined
}
