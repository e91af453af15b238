import { editDistance } from './text.ts'

/** What can be wrong with a field of a resource or of the configuration. */
export const FIELD_ISSUE_CODES = [
  'Required',
  'WrongType',
  'UnknownField',
  'NotAllowed',
  'BadFormat',
  'TooLong',
  'TooShort',
  'TooMany',
  'TooFew',
  'Duplicate',
  'RuleBroken',
] as const
export type FieldIssueCode = (typeof FIELD_ISSUE_CODES)[number]

/** A mistake in a field, for the person who wrote it. All mistakes of a resource are told at once. */
export interface FieldIssue {
  /** Path of the field as people write it, such as `spec.validations[0].expression`; empty for the resource as a whole. */
  readonly path: string
  readonly message: string
  readonly code: FieldIssueCode
}

/** An issue in one line, path first. */
export function describeFieldIssue({ path, message }: FieldIssue): string {
  return path === '' ? message : `${path}: ${message}`
}

const IDENTIFIER = /^[A-Za-z_$][A-Za-z0-9_$]*$/

/** Writes a path as people do: `spec.validations[0].expression`, `metadata.labels[example.com/team]`. */
export function formatPath(path: readonly PropertyKey[]): string {
  const written = path.map((part) => {
    if (typeof part === 'number') return `[${part}]`
    const name = String(part)
    return IDENTIFIER.test(name) ? `.${name}` : `[${name}]`
  })
  return written.join('').replace(/^\./, '')
}

const LONGEST_WORD = 64

/** The word of a list that somebody most likely meant, if one is near enough. */
export function suggest(word: string, known: readonly string[]): string | undefined {
  if (word.length > LONGEST_WORD) return undefined
  const lower = word.toLowerCase()
  const limit = Math.max(1, Math.floor(word.length / 3))
  let best: { readonly word: string; readonly distance: number } | undefined
  for (const candidate of known) {
    const distance = editDistance(lower, candidate.toLowerCase())
    if (distance <= limit && (best === undefined || distance < best.distance)) best = { word: candidate, distance }
  }
  return best?.word
}
