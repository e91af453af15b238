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

const pod = 'object.spec.template.spec'

/** Twenty more, as they stand in policies of real clusters. */
const MORE: Readonly<Record<string, string>> = {
  'no host namespaces': `!${pod}.?hostNetwork.orValue(false) && !${pod}.?hostPID.orValue(false) && !${pod}.?hostIPC.orValue(false)`,
  'no privilege escalation': `${containers}.all(c, !c.?securityContext.?allowPrivilegeEscalation.orValue(true))`,
  'no privileged container': `(${containers} + ${pod}.?initContainers.orValue([])).all(c, !c.?securityContext.?privileged.orValue(false))`,
  'no host path': `${pod}.?volumes.orValue([]).all(v, !has(v.hostPath))`,
  'no host port': `${containers}.all(c, c.?ports.orValue([]).all(p, p.?hostPort.orValue(0) == 0))`,
  'volume types': `${pod}.?volumes.orValue([]).all(v, ['configMap', 'secret', 'emptyDir', 'projected'].exists(t, t in v))`,
  'memory limit': `${containers}.all(c, quantity(c.resources.limits.memory).isLessThan(quantity('1Gi')))`,
  'requests meet limits': `${containers}.all(c, quantity(c.resources.requests.memory).compareTo(quantity(c.resources.limits.memory)) <= 0)`,
  'image by pattern': `${containers}.all(c, c.image.matches('^registry[.]corp[.]example/[a-z0-9/-]+:v[0-9]+[.][0-9]+[.][0-9]+$'))`,
  'team label': `object.metadata.?labels.?team.orValue('').matches('^[a-z][a-z0-9-]{0,30}$')`,
  'several labels': `['app', 'team', 'app.kubernetes.io/name'].all(key, key in object.metadata.labels)`,
  'no default namespace': `object.metadata.?namespace.orValue('default') != 'default'`,
  'name ends well': `!object.metadata.name.endsWith('-tmp') && object.metadata.name.size() <= 40`,
  'labels agree': `object.spec.template.metadata.labels.all(key, key in object.metadata.labels)`,
  'ports in range': `${containers}.all(c, c.?ports.orValue([]).all(p, p.containerPort >= 1024 && p.containerPort <= 65535))`,
  'unique names': `${containers}.all(c, ${containers}.exists_one(d, d.name == c.name))`,
  'image of the team': `${containers}.all(c, c.image.split('/')[1] == 'team')`,
  'images counted': `${containers}.filter(c, c.image.startsWith('registry.')).size() == ${containers}.size()`,
  'all capabilities dropped': `${containers}.map(c, c.securityContext.capabilities.drop).all(list, list.exists(d, d == 'ALL'))`,
  'owner or annotation': `object.metadata.?ownerReferences.orValue([]).size() > 0 || !('exempt' in object.metadata.?annotations.orValue({}))`,
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

/** Times the rules with both engines in turn, in one run, and prints Markdown with the ratios. */
export async function benchCel(): Promise<void> {
  const rounds = Number(process.env['BENCH_ROUNDS'] ?? 5)
  const oracle = await buildOracle()
  const object = deployment(3)
  warmUp()
  const expressions = { ...RULES, ...MORE }
  const rows: (Timing & { readonly rule: string })[] = []
  for (const [rule, expression] of Object.entries(expressions)) {
    const program = compiled(expression)
    const times = { maps: [] as number[], struct: [] as number[], ours: [] as number[], goFirst: [] as number[], first: [] as number[] }
    for (let round = 0; round < rounds; round++) {
      const ask = (typed: boolean): string => JSON.stringify({ mode: 'bench', iterations: 5_000, typed, expression, variables: { object } })
      const [maps = '', struct = ''] = await askOracle(oracle, [ask(false), ask(true)])
      times.maps.push(field(maps, 'nsPerOp'))
      times.struct.push(field(struct, 'nsPerOp'))
      times.goFirst.push(field(maps, 'firstNs'))
      nanosecondsEach(program, object, 20_000)
      times.ours.push(nanosecondsEach(program, object, 100_000))
      const start = process.hrtime.bigint()
      for (let again = 0; again < 20; again++) compiled(expression).evaluate({ object }, new CostBudget())
      times.first.push(Number(process.hrtime.bigint() - start) / 20)
    }
    const { maps, struct, ours, goFirst, first } = times
    rows.push({ rule, maps: median(maps), struct: median(struct), ours: median(ours), goFirst: median(goFirst), first: median(first) })
  }
  process.stdout.write('Nanoseconds; cel-go in the set-up of Kubernetes, on maps as custom resources are and on structs as built-in kinds are; medians.\n\n')
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
  const heap = globalThis.gc === undefined ? 'not measured: node --expose-gc does' : `${(heapOf(Object.values(expressions)) / 1024).toFixed(1)} KiB`
  process.stdout.write(`\nHeap of a compiled program: ${heap}\n`)
}

if (import.meta.main) await benchCel()
