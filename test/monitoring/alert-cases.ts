/** Series by name and labels, with their values a minute apart as promtool writes them. */
export type Samples = Readonly<Record<string, string>>

/** When an alert fires and when not. */
export interface AlertCase {
  readonly alert: string
  /** Minutes after the start at which it is looked. */
  readonly atMinutes: number
  readonly fires: Samples
  /** Its labels besides `severity`. */
  readonly labels: Readonly<Record<string, string>>
  /** Texts of annotations that depend on what happened. */
  readonly texts?: { readonly summary?: string; readonly description?: string }
  readonly isQuiet: Samples
}

const JOB = { job: 'bylaw' }
const FAILING = 'apiserver_admission_webhook_rejection_count{name="bylaw-prod-fail.validate.bylaw.dev",error_type="calling_webhook_error"}'
const OPENED = 'apiserver_admission_webhook_fail_open_count{name="bylaw-prod-ignore.validate.bylaw.dev"}'
const fast = {
  'bylaw_review_duration_seconds_bucket{job="bylaw",le="0.1"}': '0+100x60',
  'bylaw_review_duration_seconds_bucket{job="bylaw",le="+Inf"}': '0+100x60',
}
const reviewed = (values: string): Samples => ({
  'bylaw_review_duration_seconds_count{job="bylaw",effect="allow"}': values,
  'bylaw_policies{job="bylaw",state="compiled"}': '3x120',
})
const covered = (judged: string, unjudged: string): Samples => ({
  'bylaw_policies{job="bylaw",state="compiled"}': '3x120',
  'bylaw_coverage_requests_total{job="bylaw",resource="pods",judged="true"}': judged,
  'bylaw_coverage_requests_total{job="bylaw",resource="pods",judged="false"}': unjudged,
})
const undecided = (failureClass: string, values: string): Samples => ({
  [`bylaw_reviews_undecided_total{job="bylaw",reason="shed",failure_class="${failureClass}"}`]: values,
})

/** Each alert that is shipped, once as it fires and once as it does not. */
export const ALERT_CASES: readonly AlertCase[] = [
  { alert: 'BylawAbsent', atMinutes: 6, labels: {}, fires: { 'up{job="other"}': '1x10' }, isQuiet: { 'bylaw_build_info{job="bylaw",version="1"}': '1x10' } },
  {
    alert: 'BylawNotReady',
    atMinutes: 6,
    labels: JOB,
    fires: { 'bylaw_ready{job="bylaw",instance="a"}': '0x10', 'bylaw_ready{job="bylaw",instance="b"}': '1 0x9' },
    isQuiet: { 'bylaw_ready{job="bylaw",instance="a"}': '0x10', 'bylaw_ready{job="bylaw",instance="b"}': '1x10' },
  },
  { alert: 'BylawNothingReviewed', atMinutes: 100, labels: JOB, fires: reviewed('5x120'), isQuiet: reviewed('5x80 6x40') },
  {
    alert: 'BylawNothingEvaluated',
    atMinutes: 100,
    labels: JOB,
    fires: covered('7x120', '0+1x120'),
    isQuiet: covered('7x90 8x30', '0+1x120'),
  },
  {
    alert: 'BylawWebhookFailing',
    atMinutes: 8,
    labels: { name: 'bylaw-prod-fail.validate.bylaw.dev' },
    texts: { summary: 'the API server could not call bylaw-prod-fail.validate.bylaw.dev and refused requests' },
    fires: { [FAILING]: '_x7 1x5' },
    isQuiet: { [FAILING]: '4x12', 'apiserver_admission_webhook_rejection_count{name="other.example.com",error_type="calling_webhook_error"}': '0+1x12' },
  },
  {
    alert: 'BylawFailedOpen',
    atMinutes: 8,
    labels: { name: 'bylaw-prod-ignore.validate.bylaw.dev' },
    texts: { summary: 'the API server could not call bylaw-prod-ignore.validate.bylaw.dev and let requests pass' },
    fires: { [OPENED]: '_x7 1x5' },
    isQuiet: { [OPENED]: '4x12' },
  },
  {
    alert: 'BylawPassedUnjudged',
    atMinutes: 10,
    labels: { ...JOB, reason: 'shed' },
    texts: {
      summary: 'requests passed unjudged: shed',
      description: 'Bylaw answered requests of entries that fail open without a decision, about 10 in ten minutes.',
    },
    fires: undecided('ignore', '0+1x20'),
    isQuiet: { ...undecided('ignore', '4x20'), ...undecided('fail', '0+1x20') },
  },
  {
    alert: 'BylawRefusedUnjudged',
    atMinutes: 10,
    labels: { ...JOB, reason: 'shed' },
    texts: {
      summary: 'requests were refused unjudged: shed',
      description: 'Bylaw answered requests of entries that fail closed by an error, about 10 in ten minutes.',
    },
    fires: undecided('fail', '0+1x20'),
    isQuiet: { ...undecided('fail', '4x20'), ...undecided('ignore', '0+1x20') },
  },
  {
    alert: 'BylawRuleErrors',
    atMinutes: 10,
    labels: { ...JOB, policy: 'limits', code: 'ParamNotFound' },
    texts: {
      summary: 'policy limits could not be evaluated: ParamNotFound',
      description: 'About 20 rules in ten minutes ended in an error, and were judged by the failure policy of limits.',
    },
    fires: { 'bylaw_rule_errors_total{job="bylaw",policy="limits",code="ParamNotFound"}': '0+2x20' },
    isQuiet: { 'bylaw_rule_errors_total{job="bylaw",policy="limits",code="ParamNotFound"}': '9x20' },
  },
  {
    alert: 'BylawPolicyInvalid',
    atMinutes: 12,
    labels: JOB,
    texts: { summary: '2 policies have rules that cannot be evaluated' },
    fires: { 'bylaw_policies{job="bylaw",state="invalid"}': '2x20' },
    isQuiet: { 'bylaw_policies{job="bylaw",state="invalid"}': '2x8 0x10', 'bylaw_policies{job="bylaw",state="compiled"}': '2x20' },
  },
  {
    alert: 'BylawEnvironmentUnknown',
    atMinutes: 10,
    labels: { ...JOB, reason: 'LabelUnknown' },
    texts: { summary: 'environments of requests are not known: LabelUnknown' },
    fires: { 'bylaw_environment_unknown_total{job="bylaw",reason="LabelUnknown"}': '0x5 1x10' },
    isQuiet: { 'bylaw_environment_unknown_total{job="bylaw",reason="LabelUnknown"}': '1x20' },
  },
  {
    alert: 'BylawSlow',
    atMinutes: 30,
    labels: JOB,
    texts: { description: 'One in a hundred reviews took longer than 491.1ms; the budget is 100 ms.' },
    fires: {
      'bylaw_review_duration_seconds_bucket{job="bylaw",le="0.1"}': '0+50x60',
      'bylaw_review_duration_seconds_bucket{job="bylaw",le="0.5"}': '0+91x60',
      'bylaw_review_duration_seconds_bucket{job="bylaw",le="+Inf"}': '0+91x60',
    },
    isQuiet: fast,
  },
  {
    alert: 'BylawEvidenceFailing',
    atMinutes: 4,
    labels: { ...JOB, instance: 'a' },
    texts: { summary: 'the decision log of a cannot be written' },
    fires: { 'bylaw_evidence_failing{job="bylaw",instance="a"}': '0 1x9', 'bylaw_evidence_failing{job="bylaw",instance="b"}': '0x9' },
    isQuiet: { 'bylaw_evidence_failing{job="bylaw",instance="a"}': '0 1 0x9' },
  },
  {
    alert: 'BylawEvidenceDropped',
    atMinutes: 10,
    labels: { ...JOB, reason: 'diskFull' },
    texts: {
      summary: 'records are missing in the decision log: diskFull',
      description: 'About 10 records were dropped in ten minutes. The chain says how many are missing, and where.',
    },
    fires: { 'bylaw_evidence_records_dropped_total{job="bylaw",reason="diskFull"}': '0+1x20' },
    isQuiet: { 'bylaw_evidence_records_dropped_total{job="bylaw",reason="diskFull"}': '5x20' },
  },
  {
    alert: 'BylawEvidenceSinkDropped',
    atMinutes: 10,
    labels: { ...JOB, sink: 'Otlp', reason: 'rejected' },
    texts: {
      summary: 'Otlp does not get all records: rejected',
      description: 'About 10 records of ten minutes did not reach Otlp; where there are files, they have them.',
    },
    fires: { 'bylaw_evidence_sink_records_dropped_total{job="bylaw",sink="Otlp",reason="rejected"}': '0+1x20' },
    isQuiet: { 'bylaw_evidence_sink_records_dropped_total{job="bylaw",sink="Otlp",reason="rejected"}': '5x20' },
  },
  {
    alert: 'BylawScanIncomplete',
    atMinutes: 90,
    labels: JOB,
    fires: {
      'bylaw_scan_complete{job="bylaw",instance="a"}': '0x120',
      'bylaw_scan_complete{job="bylaw",instance="b"}': '0x120',
      'bylaw_scan_running{job="bylaw",instance="b"}': '1x120',
    },
    isQuiet: {
      'bylaw_scan_complete{job="bylaw",instance="a"}': '0x120',
      'bylaw_scan_complete{job="bylaw",instance="b"}': '1x120',
      'bylaw_scan_running{job="bylaw",instance="b"}': '1x120',
    },
  },
  {
    alert: 'BylawScanTooOld',
    atMinutes: 400,
    labels: JOB,
    texts: { summary: 'existing objects were last known 6h 38m 20s ago' },
    fires: { 'bylaw_scan_last_complete_timestamp_seconds{job="bylaw"}': '100x420' },
    isQuiet: {
      'bylaw_scan_last_complete_timestamp_seconds{job="bylaw",instance="a"}': '0x420',
      'bylaw_scan_last_complete_timestamp_seconds{job="bylaw",instance="b"}': '3000x420',
    },
  },
  {
    alert: 'BylawNoLeader',
    atMinutes: 6,
    labels: JOB,
    fires: { 'bylaw_leader{job="bylaw",instance="a"}': '1 0x9', 'bylaw_leader{job="bylaw",instance="b"}': '0x10' },
    isQuiet: { 'bylaw_leader{job="bylaw",instance="a"}': '1 1 1 0x9', 'bylaw_leader{job="bylaw",instance="b"}': '0 0 0 0 1x9' },
  },
  {
    alert: 'BylawInstancesDisagree',
    atMinutes: 8,
    labels: JOB,
    texts: {
      description: 'For five minutes 2 revisions were in force at once. An instance may have lost its watch, or hold back a shrink that nobody confirmed.',
    },
    fires: { 'bylaw_rule_set_info{job="bylaw",instance="a",revision="1"}': '1x10', 'bylaw_rule_set_info{job="bylaw",instance="b",revision="2"}': '1x10' },
    isQuiet: {
      'bylaw_rule_set_info{job="bylaw",instance="a",revision="1"}': '1x10',
      'bylaw_rule_set_info{job="bylaw",instance="b",revision="1"}': '1x10',
      'bylaw_rule_set_info{job="critical",instance="c",revision="2"}': '1x10',
    },
  },
  {
    alert: 'BylawRegistrationDrift',
    atMinutes: 10,
    labels: JOB,
    fires: { 'bylaw_registration_drift_total{job="bylaw"}': '0x5 1x10' },
    isQuiet: { 'bylaw_registration_drift_total{job="bylaw"}': '1x20' },
  },
  {
    alert: 'BylawBreakGlassActive',
    atMinutes: 2,
    labels: JOB,
    fires: { 'bylaw_break_glass_active{job="bylaw"}': '0 1x5' },
    isQuiet: { 'bylaw_break_glass_active{job="bylaw"}': '1 0x5' },
  },
  {
    alert: 'BylawExceptionsExpiring',
    atMinutes: 20,
    labels: JOB,
    texts: { summary: '3 exceptions end within seven days' },
    fires: { 'bylaw_exceptions_expiring{job="bylaw",instance="a"}': '3x30', 'bylaw_exceptions_expiring{job="bylaw",instance="b"}': '3x30' },
    isQuiet: { 'bylaw_exceptions_expiring{job="bylaw"}': '0x30', 'bylaw_exceptions{job="bylaw",state="active"}': '3x30' },
  },
  {
    alert: 'BylawCertificateExpiring',
    atMinutes: 20,
    labels: JOB,
    texts: { summary: 'the serving certificate ends in 11d 13h 26m 40s' },
    fires: { 'bylaw_certificate_expiry_timestamp_seconds{job="bylaw"}': '1000000x30' },
    isQuiet: {
      'bylaw_certificate_expiry_timestamp_seconds{job="bylaw",instance="a"}': '3000000x30',
      'bylaw_certificate_expiry_timestamp_seconds{job="bylaw",instance="b"}': '0x30',
    },
  },
]
