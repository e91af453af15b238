import type { Config } from '../api/index.ts'
import type { OperatorFlags } from '../cli/index.ts'
import type { ScanState } from '../evidence/index.ts'

/** What the thread of the scan is started with. */
export interface ScanThreadData {
  readonly config: Config
  readonly flags: Pick<OperatorFlags, 'kubeconfig' | 'context'>
  readonly namespace: string
  /** Name of the instance: its reports are called by it. */
  readonly name: string
  readonly approvalKey: string
  readonly digestKey: string
}

/** What it is told while it runs. */
export interface ToScan {
  /** Number of policies in force at admission: a shrink that is held back there is held back here. */
  readonly policiesInForce: number
  /** How busy admission is. */
  readonly reviewsPerSecond: number
}

/** What it tells. */
export type FromScan =
  | { readonly kind: 'state'; readonly state: ScanState; readonly isNews: boolean }
  | {
      readonly kind: 'log'
      readonly severity: 'debug' | 'info' | 'warn' | 'error'
      readonly message: string
      readonly fields: Readonly<Record<string, unknown>>
    }
