import { isRecord } from '../api/index.ts'
import { evaluateLine, parseExactJson, toJson } from '../cel/index.ts'
import { answerPolicy } from './eval-policy.ts'

/**
 * Answers one line of the evaluation protocol: an expression with its variables, or in mode `policy` a whole policy with a request.
 * Every line gets an answer, and no line throws.
 */
export function answerLine(line: string): string {
  // Most lines are expressions: only those that may be policies are read here.
  if (!line.includes('"policy"')) return evaluateLine(line)
  const parsed = parseExactJson(line)
  if (!parsed.ok || !isRecord(parsed.value) || !('mode' in parsed.value) || parsed.value['mode'] !== 'policy') return evaluateLine(line)
  const { id = null } = parsed.value
  try {
    return JSON.stringify({ id: toJson(id), ...answerPolicy(parsed.value) })
  } catch (error) {
    return JSON.stringify({ id: null, oracleError: error instanceof Error ? error.message : String(error) })
  }
}
