import { clip, err, isRecord, ok, parseYamlDocuments, type Result } from '../api/index.ts'
import {
  type Bindings,
  type CelProgram,
  type CelValue,
  CostBudget,
  compileExpression,
  DYN,
  describeAtom,
  formatType,
  parseExactJson,
  renderIssue,
  toJson,
} from '../cel/index.ts'

const HELP = `an expression prints its value, its type, its cost and, where it is not true, why
name = VALUE       sets a variable: JSON, or an expression
:load name FILE    sets a variable to the first document of a file, YAML or JSON
:unset name        forgets it
:vars              lists the variables
:quit              ends, as the end of input does`

const ASSIGNMENT = /^([A-Za-z_][A-Za-z0-9_]*)\s*=(?!=)\s*(.+)$/s
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/
const LONGEST_SHOWN = 2000
const LONGEST_LISTED = 80

/** What a person sees of a line; `isEnd` ends the session. */
export interface SessionAnswer {
  readonly text: string
  readonly isEnd: boolean
}

/** A conversation about expressions: variables that stay, and answers for people. */
export class EvalSession {
  readonly #variables = new Map<string, CelValue>()
  readonly #readFile: (path: string) => string

  constructor(readFile: (path: string) => string) {
    this.#readFile = readFile
  }

  /** Answers a line; none throws. */
  answer(line: string): SessionAnswer {
    const text = line.trim()
    if (text === ':quit' || text === ':q') return { text: '', isEnd: true }
    return { text: this.#respond(text), isEnd: false }
  }

  #respond(text: string): string {
    if (text === '') return ''
    if (text.startsWith(':')) return this.#command(text)
    const assignment = ASSIGNMENT.exec(text)
    if (assignment === null) return this.#evaluate(text)
    const [, name = '', source = ''] = assignment
    const json = parseExactJson(source)
    const value = json.ok ? json : this.#valueOf(source)
    return value.ok ? this.#set(name, value.value) : value.error
  }

  #command(text: string): string {
    const [command, name = '', ...rest] = text.split(/\s+/)
    switch (command) {
      case ':help':
        return HELP
      case ':vars':
        return [...this.#variables].map(([known, value]) => `${known} = ${shown(value, LONGEST_LISTED)}`).join('\n') || 'no variables: `name = VALUE` sets one'
      case ':unset':
        return this.#variables.delete(name) ? '' : `error: there is no variable \`${name}\``
      case ':load':
        return NAME.test(name) && rest.length > 0 ? this.#load(name, rest.join(' ')) : 'error: expected `:load name FILE`'
      default:
        return `error: there is no command \`${command ?? ''}\`, only :help, :load, :unset, :vars and :quit`
    }
  }

  #load(name: string, path: string): string {
    let content: string
    try {
      content = this.#readFile(path)
    } catch (error) {
      return `error: ${path}: ${error instanceof Error ? error.message : String(error)}`
    }
    const json = parseExactJson(content)
    if (json.ok) return this.#set(name, json.value)
    const yaml = parseYamlDocuments(content)
    if (!yaml.ok) return `error: ${path}: ${yaml.error}`
    // Values of a YAML document are those of JSON: what they print as reads as the same.
    const value = parseExactJson(JSON.stringify(yaml.value[0] ?? null, (_key, inner: unknown) => (typeof inner === 'bigint' ? Number(inner) : inner)))
    return value.ok ? this.#set(name, value.value) : `error: ${path}: ${value.error}`
  }

  #set(name: string, value: CelValue): string {
    this.#variables.set(name, value)
    return `${name} = ${shown(value, LONGEST_LISTED)}`
  }

  #compile(source: string): Result<CelProgram, string> {
    const compiled = compileExpression(source, { variables: new Map([...this.#variables.keys()].map((name) => [name, DYN])) })
    return compiled.ok ? compiled : err(compiled.error.map((issue) => `error: ${renderIssue(source, issue)}`).join('\n'))
  }

  #bindings(): Bindings {
    return Object.fromEntries(this.#variables)
  }

  #valueOf(source: string): Result<CelValue, string> {
    const program = this.#compile(source)
    if (!program.ok) return program
    const value = program.value.evaluate(this.#bindings(), new CostBudget())
    return value.ok ? ok(value.value) : err(`error: ${value.error.message}`)
  }

  #evaluate(source: string): string {
    const program = this.#compile(source)
    if (!program.ok) return program.error
    const budget = new CostBudget()
    const result = program.value.evaluate(this.#bindings(), budget)
    const lines = [
      result.ok ? `value  ${shown(result.value, LONGEST_SHOWN)}` : `error  ${result.error.message}`,
      `type   ${formatType(program.value.type)}`,
      `cost   ${budget.spent}`,
    ]
    const isVerdict = result.ok ? result.value === false : program.value.type.kind === 'bool'
    return [...lines, ...(isVerdict ? this.#reasons(program.value) : [])].join('\n')
  }

  #reasons(program: CelProgram): readonly string[] {
    const { atoms, complete } = program.explain(this.#bindings(), new CostBudget())
    const reasons = atoms.map((atom) => describeAtom(atom, (value) => clip(JSON.stringify(value) ?? 'null', LONGEST_LISTED)))
    return [...new Set(reasons), ...(complete || reasons.length === 0 ? [] : ['…'])].map((reason, index) => `${index === 0 ? 'why  ' : '     '}  ${reason}`)
  }
}

/** A value as JSON has it; what JSON cannot write is told by its text. */
function shown(value: CelValue, limit: number): string {
  const json = toJson(value)
  return clip(
    JSON.stringify(json, (_key, inner: unknown) => (typeof inner === 'bigint' ? String(inner) : isRecord(inner) ? { ...inner } : inner)) ?? String(json),
    limit,
  )
}
