import { isRecord } from '../../api/index.ts'
import type { ChainHead } from './chain-log.ts'

/** Key of the ConfigMap's data that has the public key of the signatures. */
export const HEADS_KEY_FIELD = 'public.key'

/** Entries that are kept for chains that have ended or were left open. */
const MAX_HEADS = 500

/** Reads the ends of chains out of a ConfigMap's data; what is none of ours is left out. */
export function readHeads(data: unknown): readonly ChainHead[] {
  if (!isRecord(data)) return []
  return Object.entries(data).flatMap(([chain, text]): ChainHead[] => {
    if (chain === HEADS_KEY_FIELD || typeof text !== 'string') return []
    let value: unknown
    try {
      value = JSON.parse(text)
    } catch {
      return []
    }
    if (!isRecord(value)) return []
    const { segment, seq, hash, time, isEnded } = value
    const isWhole = typeof segment === 'number' && typeof seq === 'number' && typeof hash === 'string' && typeof time === 'string'
    return isWhole ? [{ chain, segment, seq, hash, time, isEnded: isEnded === true }] : []
  })
}

/** The data with one end renewed. Of others the oldest go where there are too many: those first that have ended. */
export function withHead(data: Readonly<Record<string, string>>, { chain, ...head }: ChainHead, publicKey: string): Readonly<Record<string, string>> {
  const others = readHeads(data).filter((other) => other.chain !== chain)
  const byWorth = [...others].sort((a, b) => Number(a.isEnded) - Number(b.isEnded) || (a.time < b.time ? 1 : -1))
  const kept = new Set(byWorth.slice(0, MAX_HEADS - 1).map((other) => other.chain))
  const entries = Object.entries(data).filter(([key]) => kept.has(key))
  return { ...Object.fromEntries(entries), [HEADS_KEY_FIELD]: publicKey, [chain]: JSON.stringify(head) }
}

/** Whether writing a head again would tell nothing new. */
export const isSameHead = (a: ChainHead | undefined, b: ChainHead): boolean =>
  a !== undefined && a.seq === b.seq && a.hash === b.hash && a.isEnded === b.isEnded
