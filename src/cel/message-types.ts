import type { CelValue } from './values.ts'

const TYPE_NAMES = new WeakMap<object, string>()

/** Notes of which type a message was made. */
export function nameMessage(value: CelValue, typeName: string): CelValue {
  if (typeof value === 'object' && value !== null) TYPE_NAMES.set(value, typeName)
  return value
}

/** The type that a value was made as by a literal such as `Object.spec{…}`; undefined for any other value. */
export function messageTypeOf(value: unknown): string | undefined {
  return typeof value === 'object' && value !== null ? TYPE_NAMES.get(value) : undefined
}
