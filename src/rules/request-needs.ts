import { type CelProgram, childrenOf, type Expr, parseExpression } from '../cel/index.ts'
import type { CompiledPolicy, NamedExpression } from './rule-set.ts'

/** What of `request` is known of an object that nobody asks for. */
const KNOWN_FIELDS: ReadonlySet<string> = new Set([
  'kind',
  'resource',
  'subResource',
  'requestKind',
  'requestResource',
  'requestSubResource',
  'name',
  'namespace',
  'operation',
  'dryRun',
  'object',
])

/** Which parts of a policy can only be judged where there is a request, and what each of them reads. */
export interface RequestNeeds {
  /** Set where nothing of the policy can be judged without one. */
  readonly policy: string | undefined
  readonly rules: ReadonlyMap<string, string>
}

/** What of a request an expression reads beyond what every object has; undefined where that is nothing. */
function readsOfRequest(expr: Expr): string | undefined {
  const waiting: Expr[] = [expr]
  while (waiting.length > 0) {
    const node = waiting.pop()
    if (node === undefined) break
    if (node.kind === 'select' && node.operand.kind === 'ident' && node.operand.name === 'request') {
      if (!KNOWN_FIELDS.has(node.field)) return `request.${node.field}`
      continue
    }
    if (node.kind === 'ident' && node.name === 'request') return 'request'
    waiting.push(...(node.kind === 'has' ? [node.target] : childrenOf(node)))
  }
  return undefined
}

function needOf(program: CelProgram, variables: ReadonlyMap<string, string>): string | undefined {
  if (program.variables.has('oldObject')) return 'oldObject'
  for (const read of program.variables) {
    const need = variables.get(read)
    if (need !== undefined) return need
  }
  if (!program.variables.has('request')) return undefined
  const parsed = parseExpression(program.source)
  return parsed.ok ? readsOfRequest(parsed.value) : 'request'
}

/** Finds what of a policy cannot be judged for objects that exist already: nobody knows who made them, or what they were before. */
export function requestNeeds({ matchConditions, variables, rules }: CompiledPolicy): RequestNeeds {
  const ofVariables = new Map<string, string>()
  const need = ({ expression }: Pick<NamedExpression, 'expression'>): string | undefined => (expression.ok ? needOf(expression.value, ofVariables) : undefined)
  for (const { name, expression } of variables) {
    const own = need({ expression })
    if (own !== undefined) ofVariables.set(`variables.${name}`, own)
  }
  const condition = matchConditions.flatMap((item) => need(item) ?? [])[0]
  const ofRules = new Map<string, string>()
  for (const { name, expression } of rules) {
    const own = need({ expression })
    if (own !== undefined) ofRules.set(name, own)
  }
  const isWhole = rules.length > 0 && ofRules.size === rules.length
  return { policy: condition ?? (isWhole ? [...ofRules.values()][0] : undefined), rules: ofRules }
}
