export { REPORT_DEFINITIONS } from './definitions.ts'
export { type Finding, type Judgement, toJudgement, UNKNOWN_ENVIRONMENT } from './finding.ts'
export { partition, REPORT_LIMITS, stableHash } from './partition.ts'
export {
  type DraftReport,
  digestOf,
  REPORT_ANNOTATIONS,
  REPORT_API,
  type ReportContent,
  type ReportDigest,
  type ReportNaming,
  type ReportResult,
  type ReportSubject,
  resultOf,
  toReports,
  withTimes,
} from './policy-report.ts'
export type { PolicyScan, ScanFigures, ScannedState, ScanState } from './scan-state.ts'
