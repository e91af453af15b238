import type { CallExpr, Expr } from './ast.ts'
import type { ExplainedProgram, TracedScope } from './explain-context.ts'
import { originOf } from './explain-origin.ts'
import { operandsOf, operandWords, subjectOf } from './explain-subject.ts'
import { addRequirement, explain, explainLoosely } from './explain-walk.ts'
import { comparisonWords, MUST_NOT_BE_SET, NOT_SET } from './explain-words.ts'
import { NamedFormat } from './named-formats.ts'
import { Optional } from './values.ts'

const TEXT_TESTS: ReadonlyMap<string, string> = new Map([
  ['startsWith', 'start with'],
  ['endsWith', 'end with'],
  ['contains', 'contain'],
  ['matches', 'match'],
  ['includes', 'contain'],
])
const CONTAINMENTS: ReadonlySet<string> = new Set(['containsIP', 'containsCIDR'])
const KINDS: ReadonlyMap<string, string> = new Map([
  ['isIP', 'an IP address'],
  ['isCIDR', 'an address range'],
  ['isURL', 'a URL'],
  ['isQuantity', 'a quantity'],
  ['isSemver', 'a semantic version'],
  ['isInteger', 'an integer'],
  ['isSorted', 'sorted'],
  ['isUnspecified', 'the unspecified address'],
  ['isLoopback', 'a loopback address'],
  ['isGlobalUnicast', 'a global unicast address'],
  ['isLinkLocalUnicast', 'a link-local unicast address'],
  ['isLinkLocalMulticast', 'a link-local multicast address'],
])

/** A function that gave the wrong verdict. */
export function explainCall(program: ExplainedProgram, expr: CallExpr, wanted: boolean, scope: TracedScope | undefined): void {
  const { name, operands } = operandsOf(program, expr)
  const requirement = requirementOf(program, name, operands, wanted, scope)
  const subject = requirement === undefined ? undefined : subjectOf(program, requirement.subject, scope)
  if (requirement !== undefined && subject !== undefined && !subject.isSize) {
    addRequirement(program, subject.place, requirement.words)
    return
  }
  const [first, second] = operands
  if (name === 'hasValue' && first !== undefined) {
    explainPresence(program, first, wanted, scope)
    return
  }
  if (name === 'orValue' && first !== undefined && second !== undefined) {
    explainAlternative(program, first, second, wanted, scope)
    return
  }
  if ((name === 'value' || name === 'dyn') && first !== undefined) {
    explainValue(program, expr, wanted, scope)
    return
  }
  explainLoosely(program, expr, wanted, scope)
}

interface Requirement {
  readonly subject: Expr
  readonly words: string
}

function requirementOf(
  program: ExplainedProgram,
  name: string,
  operands: readonly Expr[],
  wanted: boolean,
  scope: TracedScope | undefined,
): Requirement | undefined {
  const [first, second] = operands
  const must = wanted ? 'must' : 'must not'
  if (first === undefined) return undefined
  const kind = KINDS.get(name)
  if (kind !== undefined) return { subject: first, words: `${must} be ${kind}` }
  if (second === undefined) return undefined
  const test = TEXT_TESTS.get(name)
  if (test !== undefined) {
    const isTurned = program.constantOf(first, scope) !== undefined
    if (isTurned) return { subject: second, words: `${must} be one of ${operandWords(program, first, scope).text}` }
    return { subject: first, words: `${must} ${test} ${operandWords(program, second, scope).text}` }
  }
  if (CONTAINMENTS.has(name)) return { subject: second, words: `${must} be in ${operandWords(program, first, scope).text}` }
  if (name === 'isGreaterThan' || name === 'isLessThan') {
    const operator = name === 'isGreaterThan' ? (wanted ? '>' : '<=') : wanted ? '<' : '>='
    return { subject: first, words: comparisonWords(operator, operandWords(program, second, scope).text, false) }
  }
  return undefined
}

// `x.hasValue()`: of an optional field, or of what a named format says is wrong with a text.
function explainPresence(program: ExplainedProgram, optional: Expr, wanted: boolean, scope: TracedScope | undefined): void {
  if (optional.kind === 'call') {
    const { name, operands } = operandsOf(program, optional)
    const [format, text] = operands
    const held = format === undefined ? null : program.evaluate(format, scope)
    const subject = text === undefined ? undefined : subjectOf(program, text, scope)
    if (name === 'validate' && held instanceof NamedFormat && subject !== undefined) {
      addRequirement(program, subject.place, `must ${wanted ? 'not ' : ''}be a valid ${held.$name}`)
      return
    }
  }
  const { place, isDerived } = originOf(program, optional, scope)
  if (place === undefined || isDerived) {
    explainLoosely(program, optional, wanted, scope)
    return
  }
  program.findings.add(place, wanted ? NOT_SET : MUST_NOT_BE_SET)
}

// `optional.orValue(verdict)`: the optional's own value, or a default because it is not there.
function explainAlternative(program: ExplainedProgram, optional: Expr, other: Expr, wanted: boolean, scope: TracedScope | undefined): void {
  const held = program.evaluate(optional, scope)
  const isThere = held instanceof Optional && held.$value !== undefined
  if (isThere && optional.kind === 'macro' && (optional.macro === 'optMap' || optional.macro === 'optFlatMap')) {
    const origin = originOf(program, optional.range, scope)
    const [slot = 0] = program.compiler.macroSlots(optional)
    const [name = ''] = optional.variables
    explain(program, optional.body, wanted, { name, slot, origin, outer: scope })
    return
  }
  if (!isThere && program.constantOf(other, scope) === undefined) {
    explain(program, other, wanted, scope)
    return
  }
  const { place, isDerived } = originOf(program, optional, scope)
  if (place === undefined || isDerived) {
    explainLoosely(program, optional, wanted, scope)
    return
  }
  addRequirement(program, place, wanted ? 'must be true' : 'must not be true')
}

function explainValue(program: ExplainedProgram, expr: CallExpr, wanted: boolean, scope: TracedScope | undefined): void {
  const { place, isDerived } = originOf(program, expr, scope)
  if (place === undefined || isDerived) {
    explainLoosely(program, expr, wanted, scope)
    return
  }
  addRequirement(program, place, wanted ? 'must be true' : 'must not be true')
}
