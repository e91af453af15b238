/** What an answer says, so that two of them can be compared: the kind of verdict, and the value with its keys in order. */
export interface Verdict {
  readonly kind: 'value' | 'error' | 'compile error' | 'no answer'
  readonly value?: string
  readonly text?: string
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function ordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(ordered)
  if (!isRecord(value)) return value
  const entries = Object.keys(value)
    .sort()
    .map((key) => [key, ordered(value[key])] as const)
  const pairs = value['$map']
  if (Array.isArray(pairs) && entries.length === 1) return { $map: pairs.map((pair: unknown) => JSON.stringify(ordered(pair))).sort() }
  return entries
}

/** Reads an answer of the line protocol. */
export function verdictOf(line: string): Verdict {
  const answer: unknown = JSON.parse(line)
  if (!isRecord(answer)) return { kind: 'no answer' }
  if (typeof answer['oracleError'] === 'string') return { kind: 'no answer', text: answer['oracleError'] }
  if (typeof answer['compileError'] === 'string') return { kind: 'compile error', text: answer['compileError'] }
  if (typeof answer['error'] === 'string') return { kind: 'error', text: answer['error'] }
  return { kind: 'value', value: JSON.stringify(ordered(answer['value'])) }
}

/** Whether two answers give the same verdict; the texts of errors may differ. */
export function isSameVerdict(a: Verdict, b: Verdict): boolean {
  return a.kind === b.kind && a.value === b.value
}
