import type { CelEnvironment } from './check.ts'
import { CostBudget } from './cost.ts'
import { parseExactJson } from './exact-json.ts'
import { renderIssue } from './issue.ts'
import { toJson } from './json.ts'
import { outputType } from './output-type.ts'
import { type CelProgram, compileExpression } from './program.ts'
import { taggedValue } from './tagged-value.ts'
import { type CelType, DYN } from './types.ts'
import { type CelValue, isRecord } from './values.ts'

/** What a line asks: an expression over variables of type `dyn`. */
interface Question {
  readonly expression: string
  readonly variables: Readonly<Record<string, CelValue | undefined>>
  readonly kubernetesMinor: number | undefined
}

/**
 * Answers one line of the oracle's protocol: a JSON object with `expression` and `variables` in, a JSON object with `value`, `error` or
 * `compileError`, the `type` and the `cost` out; `id` comes back. A line that cannot be judged gets `oracleError`; no line throws.
 */
export function evaluateLine(line: string): string {
  const parsed = parseExactJson(line)
  if (!parsed.ok) return answer(null, { oracleError: `unreadable line: ${parsed.error}` })
  const envelope = parsed.value
  if (!isRecord(envelope)) return answer(null, { oracleError: 'unreadable line: not an object' })
  const id = envelope['id'] ?? null
  const mode = envelope['mode'] ?? ''
  if (mode !== '' && mode !== 'eval') return answer(id, { oracleError: `unknown mode ${JSON.stringify(toJson(mode))}` })
  const question = readQuestion(envelope)
  return answer(id, typeof question === 'string' ? { oracleError: question } : judge(question))
}

function answer(id: CelValue, fields: Readonly<Record<string, unknown>>): string {
  try {
    return JSON.stringify({ id: toJson(id), ...fields })
  } catch {
    return '{"id":null,"oracleError":"unwritable answer"}'
  }
}

function readQuestion(envelope: Readonly<Record<string, CelValue | undefined>>): Question | string {
  const expression = envelope['expression'] ?? ''
  const variables = envelope['variables'] ?? {}
  const version = envelope['kubernetesVersion'] ?? ''
  if (typeof expression !== 'string') return 'unreadable line: expression is no string'
  if (!isRecord(variables)) return 'unreadable line: variables are no object'
  if (typeof version !== 'string') return 'unreadable line: kubernetesVersion is no string'
  if (version === '') return { expression, variables, kubernetesMinor: undefined }
  const minor = /^1\.([0-9]{1,3})$/.exec(version)?.[1]
  return minor === undefined ? `unreadable line: ${JSON.stringify(version)} is no version` : { expression, variables, kubernetesMinor: Number(minor) }
}

const RECENT = 64
const recent = new Map<string, ReturnType<typeof compileExpression>>()

function compileQuestion({ expression, variables, kubernetesMinor }: Question): ReturnType<typeof compileExpression> {
  const names = Object.keys(variables).sort()
  const key = JSON.stringify([expression, kubernetesMinor ?? null, names])
  const known = recent.get(key)
  if (known !== undefined) return known
  const types = new Map<string, CelType>(names.map((name) => [name, DYN]))
  const environment: CelEnvironment = kubernetesMinor === undefined ? { variables: types } : { variables: types, kubernetesMinor }
  const compiled = compileExpression(expression, environment)
  const oldest = recent.keys().next()
  if (recent.size >= RECENT && oldest.done !== true) recent.delete(oldest.value)
  recent.set(key, compiled)
  return compiled
}

function judge(question: Question): Readonly<Record<string, unknown>> {
  const compiled = compileQuestion(question)
  if (!compiled.ok) {
    const texts = compiled.error.map((issue) => `ERROR: <input>:${issue.line}:${issue.column}: ${renderIssue(question.expression, issue)}`)
    return { compileError: texts.join('\n') }
  }
  return evaluated(compiled.value, question)
}

function evaluated(program: CelProgram, { variables }: Question): Readonly<Record<string, unknown>> {
  const budget = new CostBudget()
  const result = program.evaluate(variables, budget)
  const shared = { type: outputType(program.type), cost: budget.spent }
  return result.ok ? { value: taggedValue(result.value), ...shared } : { error: result.error.message, ...shared }
}
