export { type CorrectionRecord, toCorrectionRecord } from './correction-record.ts'
export {
  addIncreases,
  type CountedSeries,
  type CountedSum,
  type CounterReport,
  isEmptyReport,
  readJsonText,
  readReport,
  toReportJson,
} from './counter-report.ts'
export {
  DecisionCounter,
  type DecisionCounts,
  type DecisionSubject,
  fromVector,
  type PolicyCounters,
  type RecentViolation,
  readViolation,
  toVector,
  type WaiverCount,
} from './decision-counts.ts'
export { type DecisionRecord, type OutcomeRecord, toDecisionRecord } from './decision-record.ts'
export { csvHeader, toCell, toCsv } from './export/csv.ts'
export { type ControlId, type ExportedDecision, type PolicyDescription, readDecision, readDescriptions } from './export/exported-record.ts'
export { OscalWriter, toControlToken } from './export/oscal.ts'
export { SarifWriter } from './export/sarif.ts'
export { fingerprintOf, makeEvidenceKey, printPublicKey, readPublicKey, type Signer, signerOf } from './log/chain.ts'
export { type ChainHead, ChainLog, type ChainLogOptions, type DropReason, type Durability, type EntryKind, type LogObserver } from './log/chain-log.ts'
export { DecisionLog, type DecisionLogOptions, type RecordSink, type SunkRecord } from './log/decision-log.ts'
export { explainRecord } from './log/explain-record.ts'
export { type FoundRecord, findRecord, findRecordIn, recordsOf, SearchTooLong } from './log/find-record.ts'
export type { FindingCode, LogFinding } from './log/findings.ts'
export { HEADS_KEY_FIELD, isSameHead, readHeads, withHead } from './log/heads.ts'
export type { LogFile } from './log/log-file.ts'
export { type RawLine, readLines, readSegments, type SegmentSource } from './log/read-lines.ts'
export type { ReviewContext, UndecidedReview } from './log/record.ts'
export { applyRetention, type PrunedChains, type RetentionLimits, type StoredSegment, segmentsToRemove } from './log/retention.ts'
export { OtlpSink } from './log/sinks/otlp-sink.ts'
export { StreamSink } from './log/sinks/stdout-sink.ts'
export { type VerifyOptions, type VerifyReport, verifyLog } from './log/verify.ts'
export type { ChainReport } from './log/verify-chain.ts'
export { type LogFields, type Logger, makeLogger } from './logger.ts'
export type { DoorLoad, ReviewEffect, UndecidedReason } from './metrics/admission-metrics.ts'
export { LogMetrics } from './metrics/log-metrics.ts'
export { Metrics } from './metrics/metrics.ts'
export { EXPIRING_SOON_MS, type ExceptionLifetime } from './metrics/rule-set-metrics.ts'
export {
  type DraftReport,
  digestOf,
  type Finding,
  type Judgement,
  type PolicyScan,
  partition,
  REPORT_ANNOTATIONS,
  REPORT_API,
  REPORT_DEFINITIONS,
  REPORT_LIMITS,
  type ReportContent,
  type ReportDigest,
  type ReportNaming,
  type ReportResult,
  type ReportSubject,
  resultOf,
  type ScanFigures,
  type ScannedState,
  type ScanState,
  stableHash,
  toJudgement,
  toReports,
  UNKNOWN_ENVIRONMENT,
  withTimes,
} from './reports/index.ts'
export { describeFailure, toCorrectionWarnings, toDenialMessage, toLeafWarnings, toWarnings } from './sentences.ts'
