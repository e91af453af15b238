import { err, ok, type Result } from './result.ts'

/** A whole number that a double may not hold exactly: sixteen digits or more. */
const LONG_INTEGER = /[0-9]{16}/
const INTEGER = /^-?[0-9]+$/

function reviveLongInteger(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value)) return value
  const source = context?.source
  return source !== undefined && INTEGER.test(source) ? BigInt(source) : value
}

/** Parses JSON as Kubernetes does: whole numbers keep all their digits (as bigint beyond 2^53). The error is one line without the text itself. */
export function parseJson(text: string): Result<unknown, string> {
  try {
    return ok(LONG_INTEGER.test(text) ? JSON.parse(text, reviveLongInteger) : JSON.parse(text))
  } catch (error) {
    const position = error instanceof SyntaxError ? /position ([0-9]+)/.exec(error.message)?.[1] : undefined
    return err(error instanceof RangeError ? 'nested too deeply' : `not valid JSON${position === undefined ? '' : ` at position ${position}`}`)
  }
}

/** Writes JSON with keys sorted at every depth, for digests: equal values give equal texts. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => (item === undefined ? 'null' : canonicalJson(item))).join(',')}]`
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).filter(([, item]) => item !== undefined)
    entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonicalJson(item)}`).join(',')}}`
  }
  return typeof value === 'bigint' ? value.toString() : (JSON.stringify(value) ?? 'null')
}

const MAX_DEPTH = 1000

/** Whether two JSON values are equal, key order aside. Values nested deeper than 1,000 levels count as different. */
export function isEqualJson(a: unknown, b: unknown, depth = 0): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null || depth > MAX_DEPTH) return false
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((item, index) => isEqualJson(item, b[index], depth + 1))
  if (Array.isArray(b)) return false
  const left = Object.entries(a)
  const right = new Map<string, unknown>(Object.entries(b))
  return left.length === right.size && left.every(([key, item]) => right.has(key) && isEqualJson(item, right.get(key), depth + 1))
}
