import type { EnforcementLevel } from '../../api/index.ts'

/** Whether the objects of a policy have been judged, as its condition `Scanned` says it. */
export interface ScannedState {
  readonly status: 'True' | 'False' | 'Unknown'
  readonly reason:
    | 'Scanned'
    | 'Scanning'
    | 'NotScanned'
    | 'NothingToScan'
    | 'NeedsRequest'
    | 'NotEvaluable'
    | 'NotServed'
    | 'Forbidden'
    | 'ListFailed'
    | 'ScanStopped'
  readonly message: string
}

/** Violations of one policy among the objects that exist. */
export interface PolicyScan {
  readonly scanned: ScannedState
  /** Undefined where nothing of the policy has been judged. */
  readonly violations:
    | {
        readonly current: number
        readonly complete: boolean
        readonly asOf: string
        readonly byNamespace: readonly { readonly namespace: string; readonly count: number }[]
      }
    | undefined
  readonly errors: number
  readonly byLevel: readonly { readonly environment: string; readonly level: EnforcementLevel; readonly count: number }[]
}

/** What the scan knows, as plain data: it crosses from one thread to another. */
export interface ScanState {
  readonly revision: string
  readonly policies: Readonly<Record<string, PolicyScan>>
  /** Objects that each exception waives something of now, by `namespace/name`. */
  readonly waived: Readonly<Record<string, number>>
  readonly figures: ScanFigures
}

/** Figures of the scan itself. */
export interface ScanFigures {
  /** Whether every resource that policies judge has been read and is followed. */
  readonly isComplete: boolean
  readonly objects: number
  /** Objects by kind, and how many of them some policy judged. */
  readonly kinds: readonly { readonly kind: string; readonly objects: number; readonly judged: number }[]
  readonly kindsWithoutPolicy: number
  /** Since the thread began. */
  readonly judgedTotal: number
  readonly pairsTotal: number
  readonly judgingSeconds: number
  readonly reportsWritten: number
  readonly reportsFailed: number
  readonly reports: number
  /** Of the last time that all lists were complete; 0 for never. */
  readonly lastCompleteMs: number
  /** How long the first complete scan took; 0 while there is none. */
  readonly firstScanSeconds: number
}
