import { isRecord } from '../../api/index.ts'
import type { FoundRecord } from '../log/find-record.ts'

type Body = Readonly<Record<string, unknown>>

const bodyOf = (value: unknown): Body => (isRecord(value) ? value : {})
const recordsOf = (value: unknown): readonly Body[] => (Array.isArray(value) ? value.filter(isRecord) : [])
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')

/** A requirement of a control framework. */
export interface ControlId {
  readonly framework: string
  readonly id: string
}

/** What a rule set says of one of its policies. */
export interface PolicyDescription {
  readonly policy: string
  readonly title: string
  readonly severity: string
  readonly owner: string
  readonly controls: readonly ControlId[]
}

/** An outcome that is not a pass. */
export interface ExportedOutcome {
  readonly rule: string
  readonly result: string
  readonly effect: string
  readonly message: string
  readonly findings: readonly { readonly path: string; readonly sentence: string }[]
  readonly waivedBy: string
}

/** What one policy said of one request. */
export interface ExportedPolicy {
  readonly policy: string
  readonly revision: string
  readonly level: string
  readonly severity: string
  readonly passed: number
  readonly outcomes: readonly ExportedOutcome[]
}

/** One decision as exports read it. */
export interface ExportedDecision {
  readonly id: string
  readonly time: string
  readonly effect: string
  readonly environment: string
  readonly operation: string
  readonly group: string
  readonly version: string
  readonly resource: string
  readonly subResource: string
  readonly kind: string
  readonly namespace: string
  readonly name: string
  readonly user: string
  readonly isDryRun: boolean
  readonly policies: readonly ExportedPolicy[]
  readonly descriptions: ReadonlyMap<string, PolicyDescription>
  readonly file: string
  readonly seq: number
}

const toOutcome = (outcome: Body): ExportedOutcome => ({
  rule: textOf(outcome['rule']),
  result: textOf(outcome['result']),
  effect: textOf(outcome['effect']),
  message: textOf(outcome['message']),
  findings: recordsOf(outcome['findings']).map(({ path, sentence }) => ({ path: textOf(path), sentence: textOf(sentence) })),
  waivedBy: textOf(outcome['waivedBy']),
})

const described = new WeakMap<Body, ReadonlyMap<string, PolicyDescription>>()

/** What a rule set's line says of its policies. */
export function readDescriptions(ruleSet: Body): ReadonlyMap<string, PolicyDescription> {
  const known = described.get(ruleSet)
  if (known !== undefined) return known
  const read = new Map(
    recordsOf(ruleSet['policies']).map((policy): [string, PolicyDescription] => [
      textOf(policy['policy']),
      {
        policy: textOf(policy['policy']),
        title: textOf(policy['title']),
        severity: textOf(policy['severity']),
        owner: textOf(policy['owner']),
        controls: recordsOf(policy['controls']).map(({ framework, id }) => ({ framework: textOf(framework), id: textOf(id) })),
      },
    ]),
  )
  described.set(ruleSet, read)
  return read
}

/** Reads a decision; undefined where the record is another. */
export function readDecision({ record, ruleSet, file, seq }: FoundRecord): ExportedDecision | undefined {
  if (record['kind'] !== 'decision') return undefined
  const request = bodyOf(record['request'])
  return {
    id: textOf(record['id']),
    time: textOf(record['time']),
    effect: textOf(record['effect']),
    environment: textOf(record['environment']),
    operation: textOf(request['operation']),
    group: textOf(request['group']),
    version: textOf(request['version']),
    resource: textOf(request['resource']),
    subResource: textOf(request['subResource']),
    kind: textOf(request['kind']),
    namespace: textOf(request['namespace']),
    name: request['name'] === undefined && request['generateName'] !== undefined ? `${textOf(request['generateName'])}*` : textOf(request['name']),
    user: textOf(bodyOf(request['user'])['name']),
    isDryRun: request['dryRun'] === true,
    policies: recordsOf(record['policies']).map((policy) => ({
      policy: textOf(policy['policy']),
      revision: textOf(policy['revision']),
      level: textOf(policy['level']),
      severity: textOf(policy['severity']),
      passed: Array.isArray(policy['passed']) ? policy['passed'].length : 0,
      outcomes: recordsOf(policy['outcomes']).map(toOutcome),
    })),
    descriptions: ruleSet === undefined ? new Map() : readDescriptions(ruleSet),
    file,
    seq,
  }
}
