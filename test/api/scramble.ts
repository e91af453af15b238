import { fullException, fullPolicy, fullProfile, type Json } from './resources.ts'

/** A generator of numbers from 0 to 1, the same for the same seed. */
function random(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

/** Values that are wrong in many places and right in some. */
const VALUES: readonly unknown[] = [
  '',
  'a',
  'A',
  '*',
  'a/b',
  'a b',
  'rule-1',
  'v1',
  'Pod',
  'Secret',
  'prod',
  'dev',
  'Deny',
  'Correct',
  'CREATE',
  'Fail',
  'Include',
  '1h',
  '0s',
  '2027-01-31T00:00:00Z',
  '2027-13-31T00:00:00Z',
  'x'.repeat(63),
  'x'.repeat(64),
  'one\ntwo',
  'trailing\n',
  '🦉',
  null,
  true,
  false,
  0,
  1.5,
  {},
  { a: 'b' },
  [],
  ['*'],
  ['*', 'a'],
  ['a', 'a'],
  ['CREATE'],
]

type Step = string | number

function pathsOf(value: unknown, path: readonly Step[] = []): (readonly Step[])[] {
  if (typeof value !== 'object' || value === null) return [path]
  const below = Array.isArray(value) ? value.map((item, index): [Step, unknown] => [index, item]) : Object.entries(value)
  return [path, ...below.flatMap(([step, item]) => pathsOf(item, [...path, step]))]
}

function change(value: unknown, [step, ...rest]: readonly Step[], to: (before: unknown) => unknown): unknown {
  if (step === undefined) return to(value)
  if (Array.isArray(value)) return value.map((item: unknown, index) => (index === step ? change(item, rest, to) : item))
  const entries = Object.entries(Object(value)).map(([key, item]) => [key, key === step ? change(item, rest, to) : item])
  return Object.fromEntries(entries.filter(([, item]) => item !== undefined))
}

/** Resources of all kinds with one or two fields of their spec changed or taken away. */
export function* scramble(count: number, seed: number): Generator<Json> {
  const next = random(seed)
  const pick = <T>(items: readonly T[]): T | undefined => items[Math.floor(next() * items.length)]
  for (let made = 0; made < count; made += 1) {
    const base = (pick([fullPolicy, fullPolicy, fullException, fullProfile]) ?? fullPolicy)()
    let spec: unknown = base['spec']
    for (let changes = next() < 0.5 ? 1 : 2; changes > 0; changes -= 1) {
      const path = pick(pathsOf(spec).filter(({ length }) => length > 0)) ?? []
      const isRemoval = next() < 0.25 && typeof path.at(-1) === 'string'
      const value = isRemoval ? undefined : pick(VALUES)
      spec = change(spec, path, (before) => (Array.isArray(before) && next() < 0.5 ? [...before, before[0]] : value))
    }
    yield { ...base, spec }
  }
}
