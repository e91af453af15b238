import { isKubernetesObject, objectName } from '../api/index.ts'
import { type Atom, type Bindings, type CelProgram, type CostBudget, describeAtom, Lazy } from '../cel/index.ts'
import type { PodTemplate, Rule } from '../rules/index.ts'
import type { Finding, Violation } from './decision.ts'
import { withoutComputedKey } from './redaction.ts'
import { showValue, type ValueRules } from './values.ts'

const MAX_FINDINGS = 20
const MAX_MESSAGE_CHARACTERS = 1024

/** Characters that would break a line or, in a warning, make the API server drop it whole. */
const CONTROL = /\p{Cc}+/gu

/** One line without control characters. */
export const oneLine = (text: string): string => text.replace(CONTROL, ' ').trim()

const NAMESPACE_OF_OWNER = 'metadata.namespace'

function inOwner(path: string, template: PodTemplate | undefined): string {
  return template === undefined || path === NAMESPACE_OF_OWNER ? path : `${template.path.join('.')}${path.startsWith('[') ? '' : '.'}${path}`
}

const OLD = 'oldObject.'
const CONTEXT = 'context.'

/** Where an object of a list stands says nothing: it is told by its name. */
function namedInContext(atom: Atom, bindings: Bindings): Atom {
  const [position] = atom.segments
  const prefix = `${atom.root}[${position}]`
  if (typeof position !== 'number' || !atom.root.startsWith(CONTEXT) || !atom.path.startsWith(prefix)) return atom
  const bound = bindings[atom.root]
  const objects = bound instanceof Lazy ? bound.read() : bound
  const object: unknown = Array.isArray(objects) ? objects[position] : undefined
  return isKubernetesObject(object) ? { ...atom, path: `${atom.root}["${objectName(object)}"]${atom.path.slice(prefix.length)}` } : atom
}

function placeInOwner(atom: Atom, template: PodTemplate | undefined): Atom {
  if (atom.root === 'object') return { ...atom, path: inOwner(atom.path, template) }
  return atom.path.startsWith(OLD) ? { ...atom, path: `${OLD}${inOwner(atom.path.slice(OLD.length), template)}` } : atom
}

function toFinding(atom: Atom, template: PodTemplate | undefined, rules: ValueRules): Finding {
  const placed = placeInOwner(atom, template)
  return { path: oneLine(placed.path), sentence: oneLine(describeAtom(placed, (value, { segments }) => showValue(value, segments, rules))) }
}

function messageOf(rule: Rule, bindings: Bindings, budget: CostBudget, { isSensitive }: ValueRules): string {
  const { messageExpression, message, source } = rule
  const composed = messageExpression?.ok && !isSensitive ? messageExpression.value.evaluate(bindings, budget) : undefined
  if (composed?.ok && typeof composed.value === 'string') {
    const text = composed.value.trim()
    if (text !== '' && text.length <= MAX_MESSAGE_CHARACTERS) return oneLine(text)
  }
  return oneLine(message ?? `failed expression: ${source.trim()}`)
}

/** Says what a failed rule found: the author's message, and each place in the object that decided it. */
export function explainViolation(
  rule: Rule,
  program: CelProgram,
  bindings: Bindings,
  budget: CostBudget,
  template: PodTemplate | undefined,
  rules: ValueRules,
): Violation {
  const message = messageOf(rule, bindings, budget, rules)
  const { atoms } = program.explain(bindings, budget)
  const findings = new Map<string, Finding>()
  const hasContext = Object.keys(bindings).some((name) => name.startsWith(CONTEXT))
  for (const atom of atoms) {
    const told = withoutComputedKey(namedInContext(atom, bindings), [bindings['object'], bindings['oldObject']], rules, hasContext)
    const finding = toFinding(told, template, rules)
    findings.set(finding.sentence, finding)
  }
  const all = [...findings.values()]
  return { message, findings: all.slice(0, MAX_FINDINGS), findingsOmitted: Math.max(0, all.length - MAX_FINDINGS) }
}
