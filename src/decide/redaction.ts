import type { Atom } from '../cel/index.ts'
import type { EnforcedPolicy } from '../rules/index.ts'
import { digestOf, type ValueRules } from './values.ts'

/** Parts of an error that may hold a value: a pattern, what stands in quotes, a key that was looked for. */
const TELLING = /(?<=error parsing regexp: [^`]*)`.*|"(?:[^"\\]|\\.)*(?:"|$)|`[^`]*(?:`|$)|(?<=no such key: ).+$/gs

/** What is read of an error; a value in it may be as large as an object. */
const MAX_ERROR_CHARACTERS = 2048

/** All that the author of a policy wrote and everyone may read. */
export function authoredText({ policy }: EnforcedPolicy): string {
  const { matchConditions, variables, validations, mutations } = policy.spec
  const written = mutations.flatMap(({ name, jsonPatch, applyConfiguration }) => [name, (jsonPatch ?? applyConfiguration)?.expression ?? ''])
  return [...[...matchConditions, ...variables, ...validations].flatMap(({ name, expression }) => [name, expression]), ...written].join('\n')
}

/** An error as it may be told: a part that the policy did not bring itself came from the object, and is told as a digest. */
export function showError(message: string, { digestKey, isSensitive, showsAll, authored }: ValueRules): string {
  if (isSensitive) return 'the reason is not shown for this kind of object'
  if (showsAll) return message
  return message.slice(0, MAX_ERROR_CHARACTERS).replace(TELLING, (part) => {
    const inner = part.replace(/^["`]|["`]$/g, '')
    return authored().includes(inner) ? part : digestOf(inner, digestKey)
  })
}

/** Whether a text is the value of any field below. Walks without recursion: the object may be nested as deep as it likes. */
function holdsValue(root: unknown, text: string): boolean {
  const waiting: unknown[] = [root]
  while (waiting.length > 0) {
    const item = waiting.pop()
    if (item === text) return true
    if (typeof item === 'object' && item !== null) for (const inner of Object.values(item)) waiting.push(inner)
  }
  return false
}

const HIDDEN_KEY = '…'

/** A key that an object lacks may have been computed from a value of the object, or of context, which is too much to search: then it is left out of the place. */
export function withoutComputedKey(atom: Atom, objects: readonly unknown[], { isSensitive, showsAll, authored }: ValueRules, hasContext: boolean): Atom {
  const key = atom.segments.at(-1)
  if (atom.present || typeof key !== 'string' || authored().includes(key)) return atom
  if (!isSensitive && (showsAll || !(hasContext || objects.some((object) => holdsValue(object, key))))) return atom
  const parent = [`[${JSON.stringify(key)}]`, `.${key}`].reduce((path, suffix) => (path.endsWith(suffix) ? path.slice(0, -suffix.length) : path), atom.path)
  return { ...atom, segments: [...atom.segments.slice(0, -1), HIDDEN_KEY], path: `${parent}[${JSON.stringify(HIDDEN_KEY)}]` }
}
