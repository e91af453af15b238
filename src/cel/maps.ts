import { CelError } from './failure.ts'
import { CelMap, type CelRecord, type CelValue, Double, isRecord, Uint } from './values.ts'

/** The form under which equal keys meet: an int, a uint and a whole double of the same value are one key. `undefined` is no key a lookup can find. */
function normalKey(key: CelValue): unknown {
  switch (typeof key) {
    case 'string':
    case 'boolean':
      return key
    case 'number':
      return Number.isSafeInteger(key) ? key : undefined
    case 'bigint':
      return key
    default:
      if (key instanceof Double) return key.$value
      if (!(key instanceof Uint)) return undefined
      return key.$value <= 9007199254740991n ? Number(key.$value) : key.$value
  }
}

/** The value under a key, or `undefined`. */
export function mapGet(map: CelValue, key: CelValue): CelValue | undefined {
  if (map instanceof CelMap) {
    const exact = map.$entries.get(exactKey(key))
    if (exact !== undefined) return exact[1]
    const normal = normalKey(key)
    if (typeof normal !== 'number' && typeof normal !== 'bigint') return undefined
    for (const candidate of numericForms(normal)) {
      const entry = map.$entries.get(candidate)
      if (entry !== undefined) return entry[1]
    }
    return undefined
  }
  return typeof key === 'string' && isRecord(map) && Object.hasOwn(map, key) ? map[key] : undefined
}

// Entries are kept under their exact type, since `{dyn(1): …, dyn(1u): …}` has two entries.
function exactKey(key: CelValue): unknown {
  if (key instanceof Uint) return `u${key.$value}`
  if (key instanceof Double) return `d${key.$value}`
  if (typeof key === 'number' && !Number.isSafeInteger(key)) return `d${key}`
  return typeof key === 'string' ? `s${key}` : key
}

const numericForms = (normal: number | bigint): readonly unknown[] => [normal, `u${normal}`, `d${normal}`]

/** The keys of a map, as they were written. */
export function mapKeys(map: CelValue): readonly CelValue[] {
  if (map instanceof CelMap) return Array.from(map.$entries.values(), ([key]) => key)
  return isRecord(map) ? Object.keys(map) : []
}

/** The entries of a map, with the keys as they were written. */
export function mapEntries(map: CelValue): readonly (readonly [key: CelValue, value: CelValue])[] {
  if (map instanceof CelMap) return Array.from(map.$entries.values())
  return isRecord(map) ? Object.keys(map).map((key) => [key, map[key] ?? null] as const) : []
}

/** The number of entries of a map; 0 for anything else. */
export function mapSize(map: CelValue): number {
  if (map instanceof CelMap) return map.$entries.size
  return isRecord(map) ? Object.keys(map).length : 0
}

/** Collects entries into a map; the last of equal keys wins. */
export class MapBuilder {
  readonly #keys: CelValue[] = []
  readonly #values: CelValue[] = []
  readonly #seen = new Set<unknown>()
  #error: CelError | undefined

  /** Whether a key equal in type and value was set before. */
  has(key: CelValue): boolean {
    return this.#seen.has(exactKey(key))
  }

  set(key: CelValue, value: CelValue): void {
    if (this.#error !== undefined) return
    if (key instanceof CelError) this.#error = key
    else if (value instanceof CelError) this.#error = value
    this.#seen.add(exactKey(key))
    this.#keys.push(key)
    this.#values.push(value)
  }

  finish(): CelValue {
    if (this.#error !== undefined) return this.#error
    return this.#keys.every((key) => typeof key === 'string') ? this.#record() : this.#map()
  }

  #record(): CelRecord {
    // Without a prototype, so that a key named `__proto__` is a key like any other.
    const record: Record<string, CelValue> = Object.create(null)
    this.#keys.forEach((key, index) => {
      if (typeof key === 'string') record[key] = this.#values[index] ?? null
    })
    return record
  }

  #map(): CelMap {
    const entries = new Map<unknown, readonly [CelValue, CelValue]>()
    this.#keys.forEach((key, index) => {
      const exact = exactKey(key)
      // A list or map as a key is itself alone: no lookup finds it.
      entries.set(typeof exact === 'object' && exact !== null ? Symbol('key') : exact, [key, this.#values[index] ?? null])
    })
    return new CelMap(entries)
  }
}
