import { readFileSync } from 'node:fs'
import { type CelProgram, CostBudget, compileExpression, DYN } from '../../src/cel/index.ts'
import { askOracle, buildOracle } from '../oracle/oracle.ts'

const containers = 'object.spec.template.spec.containers'

/** Seven rules that most clusters have in one form or another. */
const RULES: Readonly<Record<string, string>> = {
  'runs as non-root': `${containers}.all(c, has(c.securityContext) && has(c.securityContext.runAsNonRoot) && c.securityContext.runAsNonRoot == true)`,
  'own registry': `${containers}.all(c, c.image.startsWith('registry.corp.example/') || c.image.startsWith('mirror.example/'))`,
  'no latest tag': `${containers}.all(c, c.image.contains(':') && !c.image.endsWith(':latest'))`,
  'label present': `has(object.metadata.labels) && 'app.kubernetes.io/name' in object.metadata.labels`,
  'replica range': 'object.spec.replicas >= 2 && object.spec.replicas <= 10',
  'limits set': `${containers}.all(c, has(c.resources) && has(c.resources.limits) && 'memory' in c.resources.limits && 'cpu' in c.resources.limits)`,
  'drops all capabilities': `${containers}.all(c, has(c.securityContext) && has(c.securityContext.capabilities) && c.securityContext.capabilities.drop.exists(d, d == 'ALL'))`,
}

function deployment(count: number): unknown {
  const container = (position: number): unknown => ({
    name: `c${position}`,
    image: `registry.corp.example/team/app${position}:v1.2.${position}`,
    ports: [{ containerPort: 8080 }],
    resources: { limits: { cpu: '100m', memory: '128Mi' }, requests: { cpu: '100m', memory: '128Mi' } },
    securityContext: { runAsNonRoot: true, allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
  })
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'prod', labels: { app: 'web', team: 'a', 'app.kubernetes.io/name': 'web' }, annotations: {} },
    spec: {
      replicas: 3,
      template: { metadata: { labels: { app: 'web' } }, spec: { containers: Array.from({ length: count }, (_, position) => container(position)) } },
    },
  }
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

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN

/** Times the rules with both engines in turn and prints the ratios. */
export async function benchCel(): Promise<void> {
  const rounds = Number(process.env['BENCH_ROUNDS'] ?? 5)
  const oracle = await buildOracle()
  const object = deployment(3)
  warmUp()
  const rows: { readonly rule: string; readonly maps: number; readonly struct: number; readonly ours: number; readonly first: number }[] = []
  for (const [rule, expression] of Object.entries(RULES)) {
    const program = compiled(expression)
    const times = { maps: [] as number[], struct: [] as number[], ours: [] as number[], first: [] as number[] }
    for (let round = 0; round < rounds; round++) {
      const ask = (typed: boolean): string => JSON.stringify({ mode: 'bench', iterations: 5_000, typed, expression, variables: { object } })
      const [maps = '', struct = ''] = await askOracle(oracle, [ask(false), ask(true)])
      times.maps.push(field(maps, 'nsPerOp'))
      times.struct.push(field(struct, 'nsPerOp'))
      nanosecondsEach(program, object, 20_000)
      times.ours.push(nanosecondsEach(program, object, 100_000))
      const start = process.hrtime.bigint()
      for (let again = 0; again < 20; again++) compiled(expression).evaluate({ object }, new CostBudget())
      times.first.push(Number(process.hrtime.bigint() - start) / 20)
    }
    rows.push({ rule, maps: median(times.maps), struct: median(times.struct), ours: median(times.ours), first: median(times.first) })
  }
  const total = (name: 'maps' | 'struct' | 'ours' | 'first'): number => rows.reduce((sum, row) => sum + row[name], 0)
  const all = [...rows, { rule: 'all seven', maps: total('maps'), struct: total('struct'), ours: total('ours'), first: total('first') }]
  const line = (cells: readonly (string | number)[]): string =>
    cells.map((cell, column) => (column === 0 ? String(cell).padEnd(24) : String(cell).padStart(16))).join('')
  process.stdout.write(`${line(['ns per evaluation', 'cel-go, maps', 'cel-go, struct', 'bylaw', 'ratio (maps)', 'ratio (struct)', 'first use'])}\n`)
  for (const { rule, maps, struct, ours, first } of all) {
    process.stdout.write(
      `${line([rule, Math.round(maps), Math.round(struct), Math.round(ours), (maps / ours).toFixed(1), (struct / ours).toFixed(1), Math.round(first)])}\n`,
    )
  }
}

if (import.meta.main) await benchCel()
