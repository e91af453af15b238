import { readFileSync } from 'node:fs'
import { type CelProgram, CostBudget, compileExpression, DYN } from '../../src/cel/index.ts'
import { askOracle, buildOracle } from '../oracle/oracle.ts'
import { RULE_GROUPS } from './cel-rules.ts'

/** A Deployment as it comes with a request: read from JSON. */
function deployment(count: number): unknown {
  const container = (position: number): unknown => ({
    name: `c${position}`,
    image: `registry.corp.example/team/app${position}:v1.2.${position}`,
    ports: [{ containerPort: 8080 }],
    resources: { limits: { cpu: '100m', memory: '128Mi' }, requests: { cpu: '100m', memory: '128Mi' } },
    securityContext: { runAsNonRoot: true, allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
  })
  const made = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'prod', labels: { app: 'web', team: 'a', 'app.kubernetes.io/name': 'web' }, annotations: {} },
    spec: {
      replicas: 3,
      template: { metadata: { labels: { app: 'web' } }, spec: { containers: Array.from({ length: count }, (_, position) => container(position)) } },
    },
  }
  return JSON.parse(JSON.stringify(made))
}

function compiled(expression: string): CelProgram {
  const program = compileExpression(expression, { variables: new Map([['object', DYN]]) })
  if (!program.ok) throw new Error(`${expression}: ${program.error.map((issue) => issue.message).join('; ')}`)
  return program.value
}

/** Runs other expressions first, so that property reads are as polymorphic as in a process with many policies. */
function warmUp(): void {
  const facts = readFileSync(new URL('../cel/facts.jsonl', import.meta.url), 'utf8')
    .trim()
    .split('\n')
  for (const line of facts) {
    const expression = /"expression":("(?:[^"\\]|\\.)*")/.exec(line)?.[1]
    if (expression === undefined) continue
    const text: unknown = JSON.parse(expression)
    const program = typeof text === 'string' ? compileExpression(text, { variables: new Map([['object', DYN]]) }) : undefined
    if (program?.ok !== true) continue
    for (let round = 0; round < 20; round++)
      program.value.evaluate({ object: { i: round, s: 'abc', l: [1, 2], m: { a: 1 }, labels: { app: 'x' } } }, new CostBudget())
  }
}

function nanosecondsEach(program: CelProgram, object: unknown, iterations: number): number {
  const bindings = { object }
  const start = process.hrtime.bigint()
  for (let done = 0; done < iterations; done++) program.evaluate(bindings, new CostBudget())
  return Number(process.hrtime.bigint() - start) / iterations
}

function field(line: string, name: string): number {
  const answer: unknown = JSON.parse(line)
  const value: unknown = typeof answer === 'object' && answer !== null ? Reflect.get(answer, name) : undefined
  if (typeof value !== 'number') throw new Error(`no ${name} in ${line}`)
  return value
}

const geometricMean = (values: readonly number[]): number => Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length)

/** Heap that a compiled program keeps, in bytes: many of it are made and held. */
function heapOf(expressions: readonly string[]): number {
  const collect = (): number => {
    globalThis.gc?.()
    return process.memoryUsage().heapUsed
  }
  const before = collect()
  const held = Array.from({ length: 40 }, () => expressions.map(compiled)).flat()
  const after = collect()
  return (after - before) / held.length
}

interface Timing {
  readonly maps: number
  readonly struct: number
  readonly ours: number
  readonly goFirst: number
  readonly first: number
}

const printRow = (cells: readonly (string | number)[]): void => {
  process.stdout.write(`| ${cells.join(' | ')} |\n`)
}

interface Row extends Timing {
  readonly rule: string
}

async function timed(oracle: string, expression: string, rounds: number): Promise<Timing> {
  const object = deployment(3)
  const program = compiled(expression)
  const timings: Timing[] = []
  for (let round = 0; round < rounds; round++) {
    const ask = (typed: boolean): string => JSON.stringify({ mode: 'bench', iterations: 5_000, typed, expression, variables: { object } })
    const [maps = '', struct = ''] = await askOracle(oracle, [ask(false), ask(true)])
    nanosecondsEach(program, object, 20_000)
    const ours = nanosecondsEach(program, object, 100_000)
    const start = process.hrtime.bigint()
    for (let again = 0; again < 20; again++) compiled(expression).evaluate({ object }, new CostBudget())
    const first = Number(process.hrtime.bigint() - start) / 20
    timings.push({ maps: field(maps, 'nsPerOp'), struct: field(struct, 'nsPerOp'), ours, goFirst: field(maps, 'firstNs'), first })
  }
  const fastest = (time: (timing: Timing) => number): number => Math.min(...timings.map(time))
  return {
    maps: fastest(({ maps }) => maps),
    struct: fastest(({ struct }) => struct),
    ours: fastest(({ ours }) => ours),
    goFirst: fastest(({ goFirst }) => goFirst),
    first: fastest(({ first }) => first),
  }
}

function printTable(rows: readonly Row[]): void {
  printRow(['rule', 'cel-go, maps', 'cel-go, structs', 'Bylaw', 'times faster (maps)', '(structs)', 'first use: cel-go', 'Bylaw', 'times faster'])
  printRow(Array.from({ length: 9 }, () => '---'))
  for (const { rule, maps, struct, ours, goFirst, first } of rows) {
    const numbers = [maps, struct, ours].map(Math.round)
    printRow([rule, ...numbers, (maps / ours).toFixed(1), (struct / ours).toFixed(1), Math.round(goFirst), Math.round(first), (goFirst / first).toFixed(1)])
  }
  const mean = (ratio: (row: Timing) => number): string => geometricMean(rows.map(ratio)).toFixed(1)
  const [toMaps, toStructs, toFirst] = [
    mean(({ maps, ours }) => maps / ours),
    mean(({ struct, ours }) => struct / ours),
    mean(({ goFirst, first }) => goFirst / first),
  ]
  printRow(['geometric mean', '', '', '', toMaps, toStructs, '', '', toFirst])
}

/** Times the rules with both engines in turn, in one run, and prints Markdown with the ratios. */
export async function benchCel(): Promise<void> {
  const rounds = Number(process.env['BENCH_ROUNDS'] ?? 5)
  const oracle = await buildOracle()
  warmUp()
  process.stdout.write(
    `Nanoseconds; cel-go in the set-up of Kubernetes, on maps as custom resources are and on structs as built-in kinds are; the fastest of ${rounds} rounds, since what disturbs one only makes it slower.\n`,
  )
  for (const [title, rules] of Object.entries(RULE_GROUPS)) {
    process.stdout.write(`\n### ${title}\n\n`)
    const rows: Row[] = []
    for (const [rule, expression] of Object.entries(rules)) rows.push({ rule, ...(await timed(oracle, expression, rounds)) })
    printTable(rows)
  }
  const expressions = Object.values(RULE_GROUPS).flatMap((rules) => Object.values(rules))
  const heap = globalThis.gc === undefined ? 'not measured: node --expose-gc does' : `${(heapOf(expressions) / 1024).toFixed(1)} KiB`
  process.stdout.write(`\nHeap of a compiled program: ${heap}\n`)
}

if (import.meta.main) await benchCel()
