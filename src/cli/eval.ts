import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { isRecord } from '../api/index.ts'
import { evaluateLine, parseExactJson, toJson } from '../cel/index.ts'
import { answerPolicy } from './eval-policy.ts'
import { EvalSession } from './eval-session.ts'

const WELCOME = 'CEL as Kubernetes has it; :help tells what there is, :quit ends\n'
const PROMPT = 'cel> '

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

/** Where the lines come from and the answers go. */
export interface EvalStreams {
  readonly input: NodeJS.ReadableStream
  readonly output: NodeJS.WritableStream
  /** Whether a person types the lines: then they are answered in words, and variables stay. */
  readonly isTerminal: boolean
}

/** Answers lines, in order, until they end. */
export async function runEval({ input, output, isTerminal }: EvalStreams): Promise<number> {
  return isTerminal ? converse(input, output) : answerLines(input, output)
}

async function answerLines(input: NodeJS.ReadableStream, output: NodeJS.WritableStream): Promise<number> {
  for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
    if (line.trim() !== '') output.write(`${answerLine(line)}\n`)
  }
  return 0
}

async function converse(input: NodeJS.ReadableStream, output: NodeJS.WritableStream): Promise<number> {
  const session = new EvalSession((path) => readFileSync(path, 'utf8'))
  const terminal = createInterface({ input, output, prompt: PROMPT })
  let isOpen = true
  terminal.once('close', () => {
    isOpen = false
  })
  output.write(WELCOME)
  terminal.prompt()
  for await (const line of terminal) {
    const { text, isEnd } = session.answer(line)
    if (text !== '') output.write(`${text}\n`)
    if (isEnd) break
    // Lines may still be waiting when the input has ended.
    if (isOpen) terminal.prompt()
  }
  terminal.close()
  return 0
}
