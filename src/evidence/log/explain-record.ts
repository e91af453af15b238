import { isRecord } from '../../api/index.ts'
import type { FoundRecord } from './find-record.ts'

type Body = Readonly<Record<string, unknown>>

const recordsOf = (value: unknown): readonly Body[] => (Array.isArray(value) ? value.filter(isRecord) : [])
const bodyOf = (value: unknown): Body => (isRecord(value) ? value : {})

/** Names come from whoever made the request: nothing of them may steer a terminal. */
const shown = (value: unknown): string => (typeof value === 'string' || typeof value === 'number' ? String(value).replace(/\p{Cc}+/gu, ' ') : '')
const listed = (value: unknown): string => (Array.isArray(value) ? value.map(shown).join(', ') : '')

const ms = (value: unknown): string => (typeof value === 'number' ? `${value.toFixed(2)} ms` : 'an unknown time')

function subjectOf(request: Body): string {
  const { operation, group, version, resource, subResource, namespace, name, generateName, dryRun } = request
  const api = shown(group) === '' ? shown(version) : `${shown(group)}/${shown(version)}`
  const called = shown(name) === '' ? `${shown(generateName)}*` : shown(name)
  const object = shown(namespace) === '' ? called : `${shown(namespace)}/${called}`
  return `${shown(operation)} ${api} ${shown(resource)}${subResource === undefined ? '' : `/${shown(subResource)}`} ${object}${dryRun === true ? ' (dry run)' : ''}`
}

function userOf(request: Body): string {
  const { name, groups, groupsOmitted } = bodyOf(request['user'])
  const more = groupsOmitted === undefined ? '' : ` and ${shown(groupsOmitted)} more`
  return `${shown(name)}${Array.isArray(groups) && groups.length > 0 ? ` (${listed(groups)}${more})` : ''}`
}

function outcomeLines(outcome: Body): string[] {
  const { rule, param, result, effect, mitigation, message, findings, code, condition, waivedBy, wouldHave, exceptionNotes, suggestion } = outcome
  const called = `${shown(rule)}${param === undefined ? '' : ` with ${shown(param)}`}`
  if (result === 'skip') return [`    skip   ${called}: match condition \`${shown(condition)}\` does not hold`]
  const { patch, failed } = bodyOf(suggestion)
  return [
    `    ${shown(result).padEnd(6)} ${called}: ${code === undefined ? '' : `${shown(code)}: `}${shown(message)}`,
    `           asks for ${shown(effect)}${mitigation === undefined ? '' : `, since it is ${shown(mitigation)}`}`,
    ...recordsOf(findings).map(({ sentence }) => `           - ${shown(sentence)}`),
    ...(waivedBy === undefined ? [] : [`           waived by exception \`${shown(waivedBy)}\`; would have been ${shown(wouldHave)}`]),
    ...(Array.isArray(exceptionNotes) ? exceptionNotes.map((note) => `           ${shown(note)}`) : []),
    ...(patch === undefined ? [] : [`           suggested fix: ${JSON.stringify(patch)}`]),
    ...(failed === undefined ? [] : [`           could not be corrected: ${shown(failed)}`]),
  ]
}

function policyLines(policy: Body, described: ReadonlyMap<string, Body>): string[] {
  const { policy: name, revision, level, severity, cost, durationMs, passed, outcomes } = policy
  const { title, owner, controls } = described.get(shown(name)) ?? {}
  const controlIds = recordsOf(controls).map(({ framework, id }) => `${shown(framework)} ${shown(id)}`)
  const about = [shown(title), owner === undefined ? '' : `owner ${shown(owner)}`, controlIds.join(', ')].filter((text) => text !== '')
  return [
    `  ${shown(name)} (${shown(severity)}) at level ${shown(level)}, revision ${shown(revision)}, cost ${shown(cost)}${durationMs === undefined ? '' : `, ${ms(durationMs)}`}`,
    ...(about.length === 0 ? [] : [`    ${about.join('; ')}`]),
    ...(Array.isArray(passed) ? passed.map((rule) => `    pass   ${shown(rule)}`) : []),
    ...recordsOf(outcomes).flatMap(outcomeLines),
  ]
}

function dependencyLines({ record, ruleSet }: FoundRecord): string[] {
  const { ruleSet: revision, namespaceResourceVersion, params, contexts, exceptions } = bodyOf(record['dependsOn'])
  return [
    `  rule set ${shown(revision)}${shown(ruleSet?.['cel']) === '' ? '' : `, expressions of Kubernetes ${shown(ruleSet?.['cel'])}`}`,
    ...(namespaceResourceVersion === undefined ? [] : [`  namespace at resourceVersion ${shown(namespaceResourceVersion)}`]),
    ...recordsOf(params).map(
      ({ kind, namespace, name, resourceVersion }) =>
        `  parameter ${shown(kind)} ${shown(namespace) === '' ? '' : `${shown(namespace)}/`}${shown(name)} at resourceVersion ${shown(resourceVersion)}`,
    ),
    ...recordsOf(contexts).map(
      ({ policy, name, kind, namespace, count, resourceVersion }) =>
        `  \`${shown(name)}\` of ${shown(policy)}: ${shown(count)} ${shown(kind)} ${shown(namespace) === '' ? 'anywhere' : `in ${shown(namespace)}`} at resourceVersion ${shown(resourceVersion)}`,
    ),
    ...recordsOf(exceptions).map(({ exception, digest, approval }) => `  exception ${shown(exception)}, ${shown(approval)}, digest ${shown(digest)}`),
    `  clock ${shown(record['time'])}`,
  ]
}

function headline({ kind, id, effect, reason }: Body): string {
  if (kind === 'correction') return `correction ${shown(id)}`
  if (kind === 'undecided') return `review ${shown(id)} without a decision: ${shown(reason)}`
  return `decision ${shown(id)}: ${shown(effect)}`
}

/** One record in full, for a person. */
export function explainRecord(found: FoundRecord): string {
  const { record, ruleSet, file, seq } = found
  const request = bodyOf(record['request'])
  const { environment, environmentUnknown, failureClass, lane, waitedMs, durationMs, breakGlass, policies, outcomes, leafCorrections } = record
  const described = new Map(
    ruleSet?.['ruleSet'] === bodyOf(record['dependsOn'])['ruleSet'] ? recordsOf(ruleSet?.['policies']).map((policy) => [shown(policy['policy']), policy]) : [],
  )
  const where =
    environment === undefined ? `an unknown environment (${shown(environmentUnknown)}): the strictest level counts` : `environment ${shown(environment)}`
  const glass = bodyOf(breakGlass)
  const judged = recordsOf(policies)
  return [
    headline(record),
    `  when   ${shown(record['time'])}; took ${ms(durationMs)}, after ${ms(waitedMs)} of waiting`,
    `  who    ${userOf(request)}`,
    `  what   ${subjectOf(request)}`,
    `  where  ${where}; an entry of class ${shown(failureClass)}, ${shown(lane)} versions`,
    `  uid    ${shown(request['uid'])}`,
    `  stands ${file}, number ${seq}`,
    ...(breakGlass === undefined ? [] : [`  break-glass by ${shown(glass['account'])} until ${shown(glass['until'])}: ${shown(glass['reason'])}`]),
    '',
    ...(record['kind'] === 'correction'
      ? [
          'corrections',
          ...recordsOf(outcomes).map(({ kind, policy, paths, detail }) => `  ${shown(kind)} ${shown(policy)} ${listed(paths)} ${shown(detail)}`.trimEnd()),
        ]
      : ['policies', ...(judged.length === 0 ? ['  none judges this'] : judged.flatMap((policy) => policyLines(policy, described)))]),
    ...recordsOf(leafCorrections).map(({ policy }) => `  the pod template was judged as \`${shown(policy)}\` will correct its Pods`),
    '',
    'it depended on',
    ...dependencyLines(found),
    '',
  ].join('\n')
}
