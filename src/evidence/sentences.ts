import { SEVERITIES } from '../api/index.ts'
import {
  blocks,
  type Correction,
  type CorrectionOutcome,
  type Decision,
  type FailedOutcome,
  type LeafCorrection,
  oneLine,
  type RuleOutcome,
} from '../decide/index.ts'
import type { BreakGlass } from '../rules/index.ts'

const MAX_MESSAGE_BYTES = 8 * 1024
const MAX_WARNINGS = 12
const MAX_WARNING_CHARACTERS = 240
const MAX_LINE_CHARACTERS = 512
const FINDINGS_IN_MESSAGE = 5

const encoder = new TextEncoder()
const byteLength = (text: string): number => encoder.encode(text).length

const clip = (text: string, limit: number): string => {
  const characters = [...text]
  return characters.length <= limit ? text : `${characters.slice(0, limit - 1).join('')}…`
}

const line = (text: string): string => clip(oneLine(text), MAX_LINE_CHARACTERS)

const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? '' : 's'}`

const ownerOf = ({ rule }: RuleOutcome): string => `${rule.policy.owner.team} (${rule.policy.owner.contact})`

const paramOf = ({ param }: RuleOutcome): string => (param === undefined ? '' : `, parameter ${param}`)

const isFailed = (outcome: RuleOutcome): outcome is FailedOutcome => outcome.result === 'fail' || outcome.result === 'error'

/** Failures of a policy as a whole are told once: an error that every rule of a policy shares is kept for the first of them. */
function withoutRepeatedErrors(outcomes: readonly FailedOutcome[]): readonly FailedOutcome[] {
  const told = new Set<string>()
  return outcomes.filter((outcome) => {
    if (outcome.result !== 'error') return true
    const key = `${outcome.rule.policy.name}\n${outcome.param ?? ''}\n${outcome.code}\n${outcome.message}`
    if (told.has(key)) return false
    told.add(key)
    return true
  })
}

/** What the policy's mutations would make of the object. */
function suggestionOf(outcome: FailedOutcome): readonly string[] {
  if (outcome.result === 'error' || outcome.suggestion === undefined) return []
  return [outcome.suggestion.kind === 'patch' ? `suggested patch: ${outcome.suggestion.text}` : `could not be corrected: ${outcome.suggestion.reason}`]
}

/** The lines that tell a refused requester about one rule. */
export function describeFailure(outcome: FailedOutcome): readonly string[] {
  const { policy, name } = outcome.rule
  const head = `${policy.name}/${name} (${policy.severity}${paramOf(outcome)}): ${policy.title}`
  const end = [...outcome.exceptionNotes, `fix: ${policy.remediation}`, ...suggestionOf(outcome), `owner: ${ownerOf(outcome)}`]
  if (outcome.result === 'error') return [head, `could not be evaluated (${outcome.code}): ${outcome.message}`, ...end].map(line)
  const { message, findings, findingsOmitted } = outcome.violation
  const shown = findings.slice(0, FINDINGS_IN_MESSAGE).map(({ sentence }) => `- ${sentence}`)
  const omitted = findingsOmitted + findings.length - shown.length
  const more = omitted > 0 ? [`- and ${count(omitted, 'more place')}`] : []
  return [head, message, ...shown, ...more, ...end].map(line)
}

/** The text of a denial: how many rules refuse and the decision's id, then a block for each of them; at most 8 kB. */
export function toDenialMessage(decision: Decision, decisionId: string): string {
  const outcomes = withoutRepeatedErrors(decision.outcomes.filter(blocks))
  let text = `${count(outcomes.length, 'rule')} ${outcomes.length === 1 ? 'refuses' : 'refuse'} this request (decision ${decisionId})`
  for (const [index, outcome] of outcomes.entries()) {
    const [head = '', ...rest] = describeFailure(outcome)
    const block = `\n\n${head}\n${rest.map((item) => `  ${item}`).join('\n')}`
    const left = outcomes.length - index
    const omission = `\n\nand ${count(left, 'more rule')}: the text would be longer than an answer may be`
    if (byteLength(text) + byteLength(block) + byteLength(omission) > MAX_MESSAGE_BYTES) return text + omission
    text += block
  }
  return text
}

const MITIGATIONS = {
  protected: 'not refused: this kind of request is never denied',
  existing: 'not refused: the violation was there before and did not get worse',
  descended: 'not refused: judged at its owner',
} as const

function toWarning(outcome: FailedOutcome): string {
  const { policy, name } = outcome.rule
  const head = `${policy.name}/${name} (${policy.severity}${paramOf(outcome)}): `
  const note = outcome.mitigation === undefined ? '' : ` [${MITIGATIONS[outcome.mitigation]}]`
  const tail = `${note}; owner ${ownerOf(outcome)}`
  const finding = outcome.result === 'fail' ? outcome.violation.findings[0]?.sentence : undefined
  const more = outcome.result === 'fail' ? outcome.violation.findings.length + outcome.violation.findingsOmitted - 1 : 0
  const body =
    outcome.result === 'error'
      ? `could not be evaluated (${outcome.code}): ${outcome.message}`
      : `${outcome.violation.message}${finding === undefined ? '' : `: ${finding}`}${more > 0 ? ` (and ${more} more)` : ''}`
  const room = Math.max(40, MAX_WARNING_CHARACTERS - [...head, ...tail].length)
  return clip(oneLine(`${head}${clip(body, room)}${tail}`), MAX_WARNING_CHARACTERS)
}

const describeBreakGlass = ({ account, until, reason, owner }: BreakGlass): string =>
  clip(oneLine(`break-glass by ${account} until ${until}, nothing is refused: ${reason}; owner ${owner}`), MAX_WARNING_CHARACTERS)

const bySeverity = (a: FailedOutcome, b: FailedOutcome): number => SEVERITIES.indexOf(b.rule.policy.severity) - SEVERITIES.indexOf(a.rule.policy.severity)

/** The warnings of a decision: most severe first, at most twelve of 240 characters, the last one says how many more. What is judged at its owner is told there. */
export function toWarnings(decision: Decision): readonly string[] {
  const warned = withoutRepeatedErrors(decision.outcomes.filter(isFailed).filter(({ effect }) => effect === 'warn'))
  const failed = warned.filter(({ mitigation }) => mitigation !== 'descended').sort(bySeverity)
  const told = [...failed.map(toWarning), ...toLeafWarnings(decision)]
  const first = decision.breakGlass === undefined || failed.length === 0 ? [] : [describeBreakGlass(decision.breakGlass)]
  return [...first, ...limited(told, MAX_WARNINGS - first.length)]
}

function limited(told: readonly string[], room = MAX_WARNINGS): readonly string[] {
  if (told.length <= room) return told
  const shown = told.slice(0, room - 1)
  return [...shown, `and ${count(told.length - shown.length, 'more warning')} of other rules`]
}

function toLeafWarning({ policy, suggestion }: LeafCorrection): string {
  const patch = suggestion.kind === 'patch' ? `; suggested patch: ${suggestion.text}` : ''
  return clip(oneLine(`${policy.name}: corrects the Pods when they are made, not this template${patch}`), MAX_WARNING_CHARACTERS)
}

/** Which policies will correct the Pods of a template, and how. */
export const toLeafWarnings = ({ leafCorrections }: Decision): readonly string[] => leafCorrections.map(toLeafWarning)

const PATHS_IN_WARNING = 3

function toCorrectionWarning(outcome: CorrectionOutcome): string {
  const { name } = outcome.policy
  switch (outcome.kind) {
    case 'corrected': {
      const more = outcome.paths.length - PATHS_IN_WARNING
      const paths = `${outcome.paths.slice(0, PATHS_IN_WARNING).join(', ')}${more > 0 ? ` and ${count(more, 'more place')}` : ''}`
      return `${name}: corrected ${paths}${outcome.diverges ? '; its mutations would change that again' : ''}`
    }
    case 'notCorrected':
      return `${name}: could not correct this object: ${outcome.reason}`
    case 'conflict':
      return `${outcome.policy.name} and ${outcome.by.name} disagree about ${outcome.path}: ${outcome.by.name} has the last word`
  }
}

/** What whoever made a request is told of its correction: by which policy what was corrected, and what could not be. */
export function toCorrectionWarnings({ outcomes }: Correction): readonly string[] {
  return limited(outcomes.map((outcome) => clip(oneLine(toCorrectionWarning(outcome)), MAX_WARNING_CHARACTERS)))
}
