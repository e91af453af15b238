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

/** Number of letters to insert, delete, replace or swap to make one word of the other. */
function editDistance(a: string, b: string): number {
  let before: readonly number[] = []
  let last: readonly number[] = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = (last[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      row.push(Math.min(replaced, (last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, isSwap ? (before[j - 2] ?? 0) + 1 : Number.POSITIVE_INFINITY))
    }
    before = last
    last = row
  }
  return last[b.length] ?? 0
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
