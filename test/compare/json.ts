/** An object as JSON has it. */
export type Json = Readonly<Record<string, unknown>>
/** Keys from an object to a value in it. */
export type Path = readonly (string | number)[]

/** Stands for a field that is not there. */
export const ABSENT = Symbol('absent')

/** Whether a value is an object. */
export const isRecord = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)

/** The value with another one at a path; whatever stands in the way becomes an object. */
export function withValue(target: unknown, [key, ...rest]: Path, value: unknown): unknown {
  if (key === undefined) return value
  if (typeof key === 'number') {
    const items: readonly unknown[] = Array.isArray(target) ? target : []
    return items.map((item, index) => (index === key ? withValue(item, rest, value) : item))
  }
  const { [key]: held, ...others } = isRecord(target) ? target : {}
  const inner = rest.length === 0 ? value : withValue(held, rest, value)
  return inner === ABSENT ? others : { ...others, [key]: inner }
}
