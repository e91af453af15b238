import { randomUUID } from 'node:crypto'
import {
  type AdmissionRequest,
  err,
  isKubernetesObject,
  isRecord,
  type KubernetesObject,
  objectName,
  ok,
  parseAdmissionReview,
  parseApiVersion,
  type Result,
  standInRequest,
} from '../api/index.ts'
import { type Correction, correct, type Decision, decide, type EvaluationInput, idempotenceIssues, type SchemaReader } from '../decide/index.ts'
import { describeFailure, toCorrectionRecord, toCorrectionWarnings, toDecisionRecord, toLeafWarnings } from '../evidence/index.ts'
import {
  ANNOTATIONS,
  assembleRuleSet,
  type CompiledPolicy,
  type CompileIssue,
  compileException,
  compilePolicy,
  conflictIssues,
  describeIssue,
  fieldIssues,
  isNamespaceObject,
  profileIssues,
  type RuleSet,
  type SchemaCatalogue,
} from '../rules/index.ts'
import { asDecoded } from './as-decoded.ts'
import { readDocuments, type SourceDocument } from './files.ts'
import { readSchemas } from './schemas.ts'
import { DEFAULT_NAMESPACE, inNamespace, openWorkspace, type SourceException, type Workspace } from './workspace.ts'

export interface CheckOptions {
  readonly policies: readonly string[]
  readonly resources: readonly string[]
  /** Objects that policies find as their context; left out, nothing is known of any. */
  readonly contextResources?: readonly string[]
  readonly environment?: string
  readonly now: Date
  readonly output: 'text' | 'json'
  /** OpenAPI v3 documents of the cluster: fields that they do not have are told. */
  readonly openapi?: readonly string[]
}

/** What a command prints and how it ends. */
export interface CommandResult {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

/** How `bylaw check` ends. */
export const EXIT = { clean: 0, violations: 1, usage: 2, notEvaluated: 3 } as const

/** Offline there is no secret to key digests with, and results must not differ from run to run. */
const DIGEST_KEY = 'offline'
const OFFLINE_USER = 'bylaw-check'
const OWN_NAMESPACE = 'bylaw-system'

interface Subject {
  readonly file: string
  readonly request: AdmissionRequest
}

/** A manifest stands for the request that would create it; an AdmissionReview for itself. */
function toRequest(document: unknown, { resourceOf }: Workspace): Result<AdmissionRequest, string> {
  if (isRecord(document) && document['kind'] === 'AdmissionReview') return parseAdmissionReview(document)
  const value = asDecoded(document)
  if (!isKubernetesObject(value)) return err('not a Kubernetes object: expected apiVersion, kind and metadata')
  const type = resourceOf(value)
  const object: KubernetesObject = type.isNamespaced ? inNamespace(value, value.metadata.namespace ?? DEFAULT_NAMESPACE) : value
  return ok(
    standInRequest(object, { resource: type.resource, isNamespaced: type.isNamespaced, operation: 'CREATE', username: OFFLINE_USER, uid: randomUUID() }),
  )
}

/** The cluster's own schemas, and those of the definitions in the files. */
const schemaReader =
  (schemas: SchemaCatalogue, { definitions }: Workspace): SchemaReader =>
  (apiVersion, kind) => {
    const { group, version } = parseApiVersion(apiVersion)
    return schemas.ofKind(group, version, kind) ?? definitions.find((known) => known.group === group && known.version === version && known.kind === kind)
  }

/** Judges an object as the cluster would: corrected first, where a policy at level `Correct` corrects it. */
function judge(
  ruleSet: RuleSet,
  request: AdmissionRequest,
  workspace: Workspace,
  schemas: SchemaCatalogue,
  now: Date,
): { readonly decision: Decision; readonly correction: Correction } {
  const isNamespaced = request.namespace !== '' && !isNamespaceObject(request)
  const namespace = isNamespaced ? workspace.namespaceOf(request.namespace) : ({ kind: 'clusterScoped' } as const)
  const input: EvaluationInput = {
    request,
    lane: 'offline',
    namespace,
    params: workspace.params,
    contexts: workspace.contexts,
    schemas: schemaReader(schemas, workspace),
    now,
    digestKey: DIGEST_KEY,
  }
  const correction = correct(ruleSet, input)
  return { correction, decision: decide(ruleSet, { ...input, request: { ...request, object: correction.object } }) }
}

const isOwnDefinition = ({ value }: SourceDocument): boolean => isKubernetesObject(value) && parseApiVersion(value.apiVersion).group === 'bylaw.dev'

function subjectName({ kind, object, oldObject, operation, subResource }: AdmissionRequest): string {
  const seen = object ?? oldObject
  const name = seen === null ? '' : objectName(seen)
  return `${operation === 'CREATE' ? '' : `${operation} `}${kind.kind}${subResource === '' ? '' : `/${subResource}`} ${name}`
}

function describeDecision({ file, request }: Subject, decision: Decision, correction: Correction): string {
  const failed = decision.outcomes.filter((outcome) => outcome.result === 'fail' || outcome.result === 'error')
  const corrections = [...toCorrectionWarnings(correction), ...toLeafWarnings(decision)].map((line) => `  correct: ${line}`)
  if (failed.length === 0 && corrections.length === 0) return ''
  const blocks = failed.map((outcome) => {
    const [head = '', ...rest] = describeFailure(outcome)
    const effect = outcome.waivedBy === undefined ? outcome.effect : `waived by ${outcome.waivedBy}`
    return `  ${effect}: ${head}\n${rest.map((line) => `    ${line}`).join('\n')}`
  })
  return `${file}: ${subjectName(request)}\n${[...corrections, ...blocks].join('\n')}\n`
}

/** Judges resources in files by policies in files: the same engine and the same words as in a cluster, without one. */
export function check({ policies, resources, contextResources, environment, now, output, openapi = [] }: CheckOptions): CommandResult {
  const usage = (messages: readonly string[]): CommandResult => ({
    exitCode: EXIT.usage,
    stdout: '',
    stderr: `${messages.map((message) => `error: ${message}`).join('\n')}\n`,
  })
  const policyDocuments = readDocuments(policies)
  if (!policyDocuments.ok) return usage([policyDocuments.error])
  const resourceDocuments = readDocuments(resources)
  if (!resourceDocuments.ok) return usage([resourceDocuments.error])
  const context = contextResources === undefined ? undefined : readDocuments(contextResources)
  if (context?.ok === false) return usage([`--context-resources: ${context.error}`])
  const schemas = readSchemas(openapi)
  if (!schemas.ok) return usage([`--openapi: ${schemas.error}`])
  const workspace = openWorkspace([...policyDocuments.value, ...resourceDocuments.value], { environment, context: context?.value })
  if (!workspace.ok) return usage(workspace.error)
  if (workspace.value.policies.length === 0) return usage(['no Policy in the files given with -f'])
  const subjects: Subject[] = []
  const mistakes: string[] = []
  for (const { file, value } of resourceDocuments.value.filter((document) => !isOwnDefinition(document))) {
    const request = toRequest(value, workspace.value)
    if (request.ok) subjects.push({ file, request: request.value })
    else mistakes.push(`${file}: ${request.error}`)
  }
  if (mistakes.length > 0) return usage(mistakes)
  const compiled = workspace.value.policies.map((policy) => compilePolicy(policy))
  const exceptions = workspace.value.exceptions.map((source) => compileOffline(source, now))
  const ruleSet = assembleRuleSet({ policies: compiled, profile: workspace.value.profile, exceptions: exceptions.map((state) => state.compiled) })
  const decisions = subjects.map((subject) => ({ subject, ...judge(ruleSet, subject.request, workspace.value, schemas.value, now) }))
  const notes = [
    ...describeIssues(compiled, ruleSet, workspace.value, schemas.value),
    ...exceptions.flatMap(({ compiled: { id }, issues }) => issues.map((issue) => `${issue.severity}: PolicyException ${id}: ${describeIssue(issue)}`)),
  ]
  const stderr = notes.length === 0 ? '' : `${notes.join('\n')}\n`
  const exitCode = exitCodeFor(
    decisions.map(({ decision }) => decision),
    compiled,
  )
  if (output === 'json') {
    const rows = decisions.map(({ subject, decision, correction }) => ({
      file: subject.file,
      subject: subjectName(subject.request),
      ...(correction.outcomes.length === 0 ? {} : { correction: toCorrectionRecord(correction, subject.request.uid, subject.request.object) }),
      decision: toDecisionRecord(decision),
    }))
    return { exitCode, stdout: `${JSON.stringify(rows, null, 2)}\n`, stderr }
  }
  const told = decisions.map(({ subject, decision, correction }) => describeDecision(subject, decision, correction)).filter((text) => text !== '')
  const count = (effect: string): number => decisions.filter(({ decision }) => decision.effect === effect).length
  const summary = `${decisions.length} object${decisions.length === 1 ? '' : 's'} judged by ${compiled.length} polic${compiled.length === 1 ? 'y' : 'ies'}: ${count('deny')} denied, ${count('warn')} warned, ${count('allow')} allowed`
  return { exitCode, stdout: `${[...told, summary].join('\n')}\n`, stderr }
}

/** Offline there is no key to prove an approval by: the annotation that approves this very spec counts, as the review of the file has approved it. */
function compileOffline({ exception, object }: SourceException, now: Date) {
  const { compiled, issues } = compileException(exception, object, { approvalKey: '', ownNamespace: OWN_NAMESPACE })
  const { specDigest } = compiled
  const approved = object.metadata.annotations?.[ANNOTATIONS.approve]
  if (approved === undefined) return { compiled, issues }
  if (approved !== specDigest) {
    const approval = { kind: 'pending', reason: 'it was changed after it was approved' } as const
    return { compiled: { ...compiled, approval }, issues }
  }
  const { name, namespace = '' } = exception.metadata
  const stamp = { approver: OFFLINE_USER, approvedAt: now.toISOString(), specDigest, namespace, name, via: 'approve' } as const
  return { compiled: { ...compiled, approval: { kind: 'approved', stamp } as const }, issues }
}

function describeIssues(compiled: readonly CompiledPolicy[], ruleSet: RuleSet, { profile }: Workspace, schemas: SchemaCatalogue): string[] {
  return compiled.flatMap((policy) =>
    [
      ...policy.issues,
      ...profileIssues(policy, profile),
      ...conflictIssues(policy, ruleSet),
      ...idempotenceIssues(policy),
      ...fieldIssuesOf(policy, schemas),
    ].map((issue) => `${issue.severity}: Policy ${issue.policy}: ${describeIssue(issue)}`),
  )
}

function fieldIssuesOf({ policy }: CompiledPolicy, schemas: SchemaCatalogue): readonly CompileIssue[] {
  return fieldIssues(policy, schemas, (group, resource) => {
    const versions = schemas.versionsOf(group, resource)
    return versions.length === 0 ? undefined : versions
  })
}

/** 3 where anything could not be evaluated, else 1 where any rule was violated, at whatever level, else 0; what an exception waives counts as neither. */
export function exitCodeFor(decisions: readonly Decision[], compiled: readonly CompiledPolicy[]): number {
  const outcomes = decisions.flatMap((decision) => decision.outcomes)
  const isBroken = compiled.some(({ issues }) => issues.some(({ severity }) => severity === 'error'))
  if (isBroken || outcomes.some((outcome) => outcome.result === 'error' && outcome.waivedBy === undefined)) return EXIT.notEvaluated
  return outcomes.some((outcome) => outcome.result === 'fail' && outcome.waivedBy === undefined) ? EXIT.violations : EXIT.clean
}

/** Reads a point in time as `--now` takes it. */
export function parseTime(text: string): Result<Date, string> {
  const date = new Date(text)
  return Number.isNaN(date.getTime()) ? err(`--now: \`${text}\` is not a time such as 2027-01-31T00:00:00Z`) : ok(date)
}
