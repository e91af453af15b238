import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { canonicalJson, isRecord } from '../api/index.ts'
import { evaluateLine, parseExactJson, toJson } from '../cel/index.ts'
import { answerMutation } from './eval-mutate.ts'
import { answerPolicy } from './eval-policy.ts'
import { EvalSession } from './eval-session.ts'

const WELCOME = 'CEL as Kubernetes has it; :help tells what there is, :quit ends\n'
const PROMPT = 'cel> '

/**
 * Answers one line of the evaluation protocol: an expression with its variables, or in the modes `policy` and `mutate` a whole policy with a request.
 * Every line gets an answer, and no line throws.
 */
export function answerLine(line: string): string {
  // Most lines are expressions: only those that may be policies are read here.
  if (!line.includes('"policy"') && !line.includes('"mutate"')) return evaluateLine(line)
  const parsed = parseExactJson(line)
  const mode = parsed.ok && isRecord(parsed.value) && 'mode' in parsed.value ? parsed.value['mode'] : undefined
  const answer = MODES.get(mode)
  if (answer === undefined || !parsed.ok || !isRecord(parsed.value)) return evaluateLine(line)
  const { id = null } = parsed.value
  try {
    const fields = Object.entries({ id: toJson(id), ...answer(parsed.value) }).filter(([, value]) => value !== undefined)
    // Whole numbers of an object keep all their digits.
    return `{${fields.map(([name, value]) => `${JSON.stringify(name)}:${canonicalJson(value)}`).join(',')}}`
  } catch (error) {
    return JSON.stringify({ id: null, oracleError: error instanceof Error ? error.message : String(error) })
  }
}

const MODES: ReadonlyMap<unknown, typeof answerPolicy> = new Map([
  ['policy', answerPolicy],
  ['mutate', answerMutation],
])

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
