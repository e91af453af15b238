import { isRecord } from '../api/index.ts'
import type { PatchOperation } from './json-diff.ts'
import { parsePointer } from './json-pointer.ts'
import { showValue, type ValueRules } from './values.ts'

/** What the mutations of a policy would make of an object that it objects to. */
export type Suggestion =
  /** The patch as it may be shown, whole and as a short text. */
  { readonly kind: 'patch'; readonly patch: readonly PatchOperation[]; readonly text: string } | { readonly kind: 'failed'; readonly reason: string }

const MAX_TEXT_CHARACTERS = 200

/** Whether the author of the policy wrote this very text between quotes: it came from there, and is no secret. */
const isAuthored = (text: string, authored: string): boolean => authored.includes(`'${text}'`) || authored.includes(`"${text}"`)

/** A value in which texts that may not be shown are told as digests. */
function shown(value: unknown, segments: readonly (string | number)[], rules: ValueRules): unknown {
  if (Array.isArray(value)) return value.map((item) => shown(item, segments, rules))
  if (isRecord(value)) return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, shown(item, [...segments, key], rules)]))
  if (typeof value === 'bigint') return value.toString()
  if (typeof value !== 'string') return rules.isSensitive && value !== null ? showValue(value, segments, rules) : value
  if (!rules.isSensitive && isAuthored(value, rules.authored())) return value
  const told = showValue(value, segments, rules)
  return told.startsWith('"') ? value : told
}

const describe = (operation: PatchOperation): string =>
  operation.op === 'remove' ? `remove ${operation.path}` : `${operation.op} ${operation.path} ${JSON.stringify(operation.value)}`

function shorten(parts: readonly string[]): string {
  const whole = parts.join('; ')
  const characters = [...whole]
  return characters.length <= MAX_TEXT_CHARACTERS ? whole : `${characters.slice(0, MAX_TEXT_CHARACTERS - 1).join('')}…`
}

/** A patch as whoever made the request may see it. */
export function toSuggestion(patch: readonly PatchOperation[], rules: ValueRules): Suggestion {
  const told = patch.map((operation): PatchOperation => {
    if (operation.op === 'remove') return operation
    return { ...operation, value: shown(operation.value, parsePointer(operation.path) ?? [], rules) }
  })
  return { kind: 'patch', patch: told, text: shorten(told.map(describe)) }
}
