import { isEmptySelector, type Policy } from '../api/index.ts'
import { type Expr, type MessageExpr, parseExpression } from '../cel/index.ts'
import type { CompileIssue } from './issue.ts'
import { namesResource } from './match.ts'
import type { CompiledPolicy, EnforcedPolicy, RuleSet } from './rule-set.ts'

/** What a policy sets whatever the object is: literal values by JSON pointer. */
type Settings = ReadonlyMap<string, string>

const literalOf = (expr: Expr | undefined): string | undefined =>
  expr?.kind === 'literal' ? (typeof expr.value === 'bigint' ? expr.value.toString() : JSON.stringify(expr.value)) : undefined

const fieldOf = ({ fields }: MessageExpr, name: string): Expr | undefined => fields.find((field) => field.name === name)?.value

/** The place of an element of a list says nothing: lists differ. */
const isInList = (pointer: string): boolean => /\/(?:-|-?[0-9]+)(?:\/|$)/.test(pointer)

function patchSettings(expr: Expr): (readonly [string, string])[] {
  if (expr.kind !== 'list') return []
  return expr.elements.flatMap(({ value }) => {
    if (value.kind !== 'message') return []
    const op = literalOf(fieldOf(value, 'op'))
    const path = fieldOf(value, 'path')
    const set = literalOf(fieldOf(value, 'value'))
    if ((op !== '"add"' && op !== '"replace"') || path?.kind !== 'literal' || typeof path.value !== 'string' || set === undefined) return []
    return isInList(path.value) ? [] : [[path.value, set] as const]
  })
}

function configurationSettings(expr: Expr, pointer: string): (readonly [string, string])[] {
  if (expr.kind === 'message') return expr.fields.flatMap(({ name, value }) => configurationSettings(value, `${pointer}/${name}`))
  const set = literalOf(expr)
  return set === undefined ? [] : [[pointer, set]]
}

/** Policies do not change; each is asked about every other. */
const known = new WeakMap<Policy, Settings>()

function settingsOf({ policy }: CompiledPolicy): Settings {
  const settings = known.get(policy) ?? readSettings(policy)
  known.set(policy, settings)
  return settings
}

function readSettings(policy: Policy): Settings {
  return new Map(
    policy.spec.mutations.flatMap(({ patchType, jsonPatch, applyConfiguration }) => {
      const parsed = parseExpression((jsonPatch ?? applyConfiguration)?.expression ?? '')
      if (!parsed.ok) return []
      return patchType === 'JSONPatch' ? patchSettings(parsed.value) : configurationSettings(parsed.value, '')
    }),
  )
}

/** Whether the policy corrects every object of its resources, as far as its constraints tell. */
function isUnconditional({ policy }: CompiledPolicy): boolean {
  const { matchConditions, matchConstraints, paramKind } = policy.spec
  const { namespaceSelector, objectSelector, excludeResourceRules } = matchConstraints
  if (matchConditions.length > 0 || paramKind !== undefined || excludeResourceRules.length > 0) return false
  return isEmptySelector(namespaceSelector) && isEmptySelector(objectSelector)
}

const sharesResource = (a: CompiledPolicy, b: CompiledPolicy): boolean =>
  a.policy.spec.matchConstraints.resourceRules.some((left) =>
    b.policy.spec.matchConstraints.resourceRules.some(
      (right) =>
        left.apiGroups.some((group) => right.apiGroups.includes(group)) &&
        left.resources.some((resource) =>
          right.resources.some((pattern) => namesResource(pattern, resource.split('/')[0] ?? '', resource.split('/')[1] ?? '')),
        ),
    ),
  )

const correctsSomewhereWith = (a: EnforcedPolicy, b: EnforcedPolicy): boolean =>
  [...a.levels.byEnvironment].some(([name, { level }]) => level === 'Correct' && b.levels.byEnvironment.get(name)?.level === 'Correct')

/** What a policy's author should know of other policies in force: that one sets the same place of the same objects to another value, as far as both texts prove it. */
export function conflictIssues(compiled: CompiledPolicy, { policies }: RuleSet): readonly CompileIssue[] {
  const own = policies.find(({ identity }) => identity.name === compiled.identity.name)
  if (own === undefined || own.mutations.length === 0 || !isUnconditional(own)) return []
  const settings = settingsOf(own)
  return policies.flatMap((other) => {
    if (other === own || other.mutations.length === 0) return []
    if (!isUnconditional(other) || !correctsSomewhereWith(own, other) || !sharesResource(own, other)) return []
    const [conflict] = [...settingsOf(other)].filter(([pointer, value]) => settings.has(pointer) && settings.get(pointer) !== value)
    if (conflict === undefined) return []
    const last = own.identity.name > other.identity.name ? own.identity.name : other.identity.name
    const message = `policy \`${other.identity.name}\` sets \`${conflict[0]}\` to another value; \`${last}\` has the last word`
    return [{ code: 'ConflictingCorrection', severity: 'warning', policy: own.identity.name, path: 'spec.mutations', message }]
  })
}
