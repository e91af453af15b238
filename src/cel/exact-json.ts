import { err, ok, type Result } from '../api/index.ts'
import { type CelValue, Double, isCelValue } from './values.ts'

// A number that JSON.parse would not keep as Kubernetes reads it: with a fraction or exponent, or of sixteen digits and more.
const INEXACT = /[0-9](?:\.[0-9]|[eE][-+0-9])|[0-9]{16}/

const MAX_INT = 9223372036854775807n
const MIN_INT = -9223372036854775808n

/** Reads a number as Kubernetes does: an integer literal that fits is an int, anything else a double. */
function exactNumber(literal: string): CelValue {
  const value = Number(literal)
  if (!/^-?[0-9]+$/.test(literal)) return Number.isSafeInteger(value) ? new Double(value) : value
  if (Number.isSafeInteger(value)) return value + 0
  const integer = literal.length > 20 ? MAX_INT + 1n : BigInt(literal)
  return integer <= MAX_INT && integer >= MIN_INT ? integer : value
}

/** Reads JSON into values: numbers exactly, so that `1.0` stays a double and 2^53 + 1 itself. */
export function parseExactJson(text: string): Result<CelValue, string> {
  try {
    const value: unknown = INEXACT.test(text) ? JSON.parse(text, reviveNumber) : JSON.parse(text)
    return isCelValue(value) ? ok(value) : err('not JSON')
  } catch (cause) {
    return err(cause instanceof Error ? cause.message : String(cause))
  }
}

function reviveNumber(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  return typeof value === 'number' && context?.source !== undefined ? exactNumber(context.source) : value
}
