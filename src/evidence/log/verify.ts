import type { KeyObject } from 'node:crypto'
import type { ChainHead } from './chain-log.ts'
import { Findings, type LogFinding } from './findings.ts'
import type { SegmentSource } from './read-lines.ts'
import { segmentFile } from './segment-name.ts'
import { type ChainReport, ChainVerifier } from './verify-chain.ts'

export interface VerifyOptions {
  /** Segments by chain and number. */
  readonly segments: readonly SegmentSource[]
  /** The public key that is trusted; without it that of each chain's first header, which proves no more than that one key signed all of it. */
  readonly trusted?: KeyObject
  /** Where the chains ended when that was last anchored elsewhere. */
  readonly heads?: readonly ChainHead[]
}

/** All that verification found. */
export interface VerifyReport {
  readonly chains: readonly ChainReport[]
  readonly findings: readonly LogFinding[]
  /** How many of each kind, those that are not listed included. */
  readonly counts: Readonly<Record<string, number>>
  readonly problems: number
}

/** Checks every chain of a log from its first line to its last. Reads each segment once; memory does not grow with it. */
export async function verifyLog({ segments, trusted, heads = [] }: VerifyOptions): Promise<VerifyReport> {
  const findings = new Findings()
  const pruned = new Map<string, number>()
  const onPruned = (chain: string, segment: number): void => {
    pruned.set(chain, Math.max(segment, pruned.get(chain) ?? 0))
  }
  const chains: ChainReport[] = []
  for (const [chain, own] of Map.groupBy(segments, (segment) => segment.chain)) {
    const head = heads.find((anchored) => anchored.chain === chain)
    const anchors = new Map(head === undefined ? [] : [[head.seq, head.hash]])
    const verifier = new ChainVerifier({ chain, findings, trusted, anchors, onPruned })
    for (const segment of own) await verifier.read(segment)
    const report = verifier.finish()
    chains.push(report)
    if (head !== undefined && report.lastSeq < head.seq) {
      const message = `the tail is cut off: the chain ends at ${report.lastSeq}, and ended at ${head.seq} at ${head.time}`
      findings.add({ severity: 'problem', code: 'CutTail', chain, seq: report.lastSeq, message })
    }
  }
  // Only now all is known that retention says it removed.
  for (const { chain, segments: numbers } of chains) {
    const removed = pruned.get(chain) ?? 0
    for (let segment = removed + 1; segment < (numbers[0] ?? 1); segment++) {
      const message = `\`${segmentFile(chain, segment)}\` is missing, and retention did not remove it`
      findings.add({ severity: 'problem', code: 'MissingSegment', chain, message })
    }
  }
  const present = new Set(chains.map(({ chain }) => chain))
  for (const { chain, segment, seq, time } of heads) {
    if (present.has(chain) || (pruned.get(chain) ?? 0) >= segment) continue
    findings.add({ severity: 'problem', code: 'MissingChain', chain, message: `the chain is missing; it ended at ${seq} at ${time}` })
  }
  return { chains, findings: findings.list, counts: findings.counts, problems: findings.problems }
}
