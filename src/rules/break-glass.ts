import { isRecord, type KubernetesObject } from '../api/index.ts'
import { seal, unseal } from './approval.ts'

/** The object by which every policy is turned down to warnings for a while. */
export const BREAK_GLASS = {
  /** Name of the ConfigMap, in Bylaw's own namespace. */
  name: 'bylaw-break-glass',
  /** Annotation with Bylaw's seal. */
  annotation: 'bylaw.dev/break-glass',
  longestMs: 4 * 60 * 60 * 1000,
} as const

/** Who turned the policies down, until when, and why. */
export interface BreakGlass {
  readonly account: string
  readonly reason: string
  readonly owner: string
  /** RFC 3339. */
  readonly until: string
}

type Wish = Omit<BreakGlass, 'account'>

const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/
const MAX_CHARACTERS = 256

/** Reads what the ConfigMap asks for; `mistakes` lists everything that is wrong with it, path first. */
export function readBreakGlass({ data }: KubernetesObject): { readonly wish: Wish | undefined; readonly mistakes: readonly string[] } {
  const mistakes: string[] = []
  const textOf = (field: string): string => {
    const value = isRecord(data) ? data[field] : undefined
    const text = typeof value === 'string' ? value.trim() : ''
    if (text === '') mistakes.push(`data.${field}: required`)
    else if ([...text].length > MAX_CHARACTERS) mistakes.push(`data.${field}: at most ${MAX_CHARACTERS} characters`)
    return text
  }
  const wish = { reason: textOf('reason'), owner: textOf('owner'), until: textOf('until') }
  if (wish.until !== '' && !(TIME.test(wish.until) && Number.isFinite(Date.parse(wish.until))))
    mistakes.push(`data.until: \`${wish.until.slice(0, 64)}\` is not a time such as 2027-01-31T12:00:00Z`)
  return mistakes.length === 0 ? { wish, mistakes } : { wish: undefined, mistakes }
}

/** Writes the seal for what an account asks for. */
export const sealBreakGlass = ({ account, reason, owner, until }: BreakGlass, key: string): string =>
  seal({ kind: 'BreakGlass', account, reason, owner, until }, key)

/** What the ConfigMap stands for: only what our key sealed counts, and only as it was sealed. */
export function verifyBreakGlass(object: KubernetesObject | undefined, key: string): BreakGlass | undefined {
  if (object === undefined) return undefined
  const { wish } = readBreakGlass(object)
  const sealed = unseal(object.metadata.annotations?.[BREAK_GLASS.annotation], key)
  if (wish === undefined || sealed === undefined || sealed['kind'] !== 'BreakGlass' || typeof sealed['account'] !== 'string') return undefined
  const isAsSealed = sealed['reason'] === wish.reason && sealed['owner'] === wish.owner && sealed['until'] === wish.until
  return isAsSealed ? { ...wish, account: sealed['account'] } : undefined
}

/** Whether it has not come to its end yet. */
export const isInForce = ({ until }: BreakGlass, now: Date): boolean => now.getTime() < Date.parse(until)
