import { getConformanceSuite, type IncrementalTest, type IncrementalTestSuite } from '@bufbuild/cel-spec/testdata/tests.js'

/** A case of the CEL specification's own suite. */
export interface ConformanceCase {
  /** `file/section/name`. */
  readonly name: string
  readonly expression: string
  /** The variables as JSON, or undefined where JSON has no notation for one. */
  readonly variables: string | undefined
  /** The value as `comparable` writes it, or `error`. */
  readonly expected: string
}

type Value = NonNullable<IncrementalTest['original']['resultMatcher']['value']>

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

function field(value: unknown, name: string): unknown {
  return isRecord(value) ? value[name] : undefined
}

function elements(value: unknown, name: string): readonly unknown[] {
  const list = field(value, name)
  return Array.isArray(list) ? list : []
}

const number = (value: unknown): string => (typeof value === 'number' && Number.isInteger(value) ? `${value}.0` : String(value))

/** A protobuf value as JSON, or undefined. */
function jsonOf(value: unknown): string | undefined {
  const kind = field(value, 'kind')
  const held = field(kind, 'value')
  switch (field(kind, 'case')) {
    case 'nullValue':
      return 'null'
    case 'boolValue':
    case 'int64Value':
      return String(held)
    case 'doubleValue':
      return typeof held === 'number' && Number.isFinite(held) ? number(held) : undefined
    case 'stringValue':
      return JSON.stringify(held)
    case 'listValue': {
      const list = elements(held, 'values').map(jsonOf)
      return list.includes(undefined) ? undefined : `[${list.join(',')}]`
    }
    case 'mapValue': {
      const entries = elements(held, 'entries').map((entry) => [textKey(field(entry, 'key')), jsonOf(field(entry, 'value'))] as const)
      return entries.some(([key, json]) => key === undefined || json === undefined) ? undefined : `{${entries.map((entry) => entry.join(':')).join(',')}}`
    }
    default:
      return undefined
  }
}

function textKey(key: unknown): string | undefined {
  const kind = field(key, 'kind')
  return field(kind, 'case') === 'stringValue' ? JSON.stringify(field(kind, 'value')) : undefined
}

/** A protobuf value as the line protocol tags it, or undefined for messages. */
function taggedOf(value: unknown): unknown {
  const kind = field(value, 'kind')
  const held = field(kind, 'value')
  switch (field(kind, 'case')) {
    case 'nullValue':
      return null
    case 'boolValue':
    case 'stringValue':
      return held
    case 'int64Value':
      return { $int: String(held) }
    case 'uint64Value':
      return { $uint: String(held) }
    case 'doubleValue':
      return { $double: String(held) }
    case 'bytesValue':
      return { $bytes: held instanceof Uint8Array ? Buffer.from(held).toString('base64') : '' }
    case 'typeValue':
      return { $type: held }
    case 'listValue':
      return elements(held, 'values').map(taggedOf)
    case 'mapValue':
      return { $map: elements(held, 'entries').map((entry) => [taggedOf(field(entry, 'key')), taggedOf(field(entry, 'value'))]) }
    case 'objectValue':
      return wellKnown(held)
    default:
      return undefined
  }
}

// Timestamps and durations come packed; they are compared by nothing but their type here, other messages not at all.
function wellKnown(message: unknown): unknown {
  const url = field(message, 'typeUrl')
  if (url === 'type.googleapis.com/google.protobuf.Timestamp') return { $timestamp: true }
  return url === 'type.googleapis.com/google.protobuf.Duration' ? { $duration: true } : undefined
}

/** A tagged value in a form in which equal values are equal texts. */
export function comparable(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(comparable).join(',')}]`
  if (!isRecord(value)) return JSON.stringify(value)
  if ('$double' in value) return `double ${Number(String(value['$double']).replace('Inf', 'Infinity').replace('Infinityinity', 'Infinity'))}`
  if ('$timestamp' in value) return 'timestamp'
  if ('$duration' in value) return 'duration'
  const pairs = Array.isArray(value['$map']) ? value['$map'].map((pair: unknown) => (Array.isArray(pair) ? pair : [])) : undefined
  if (pairs !== undefined)
    return `{${pairs
      .map(([key, held]) => `${comparable(key)}:${comparable(held)}`)
      .sort()
      .join(',')}}`
  const [tag] = Object.keys(value)
  if (tag?.startsWith('$') === true) return `${tag.slice(1)} ${JSON.stringify(value[tag])}`
  return `{${Object.entries(value)
    .map(([key, held]) => `${JSON.stringify(key)}:${comparable(held)}`)
    .sort()
    .join(',')}}`
}

function expectedOf(test: IncrementalTest): string | undefined {
  const { resultMatcher } = test.original
  if (resultMatcher.case === 'evalError') return 'error'
  const value: Value | undefined =
    resultMatcher.case === 'value' ? resultMatcher.value : resultMatcher.case === 'typedResult' ? resultMatcher.value.result : undefined
  const tagged = value === undefined ? undefined : taggedOf(value)
  return tagged === undefined ? (resultMatcher.case === undefined ? 'true' : undefined) : comparable(tagged)
}

function variablesOf(test: IncrementalTest): string | undefined {
  const entries = Object.entries(test.original.bindings).map(([name, bound]) => {
    const kind = field(bound, 'kind')
    const json = field(kind, 'case') === 'value' ? jsonOf(field(kind, 'value')) : undefined
    return json === undefined ? undefined : `${JSON.stringify(name)}:${json}`
  })
  return entries.includes(undefined) ? undefined : `{${entries.join(',')}}`
}

function walk(suite: IncrementalTestSuite, path: readonly string[], found: { readonly name: string; readonly test: IncrementalTest }[]): void {
  for (const test of suite.tests) found.push({ name: [...path, test.name].join('/'), test })
  for (const inner of suite.suites) walk(inner, [...path, inner.name], found)
}

/** All cases with a result; `undefined` as the expected value is left out by the caller. */
export function conformanceCases(): readonly (Omit<ConformanceCase, 'expected'> & {
  readonly expected: string | undefined
  readonly isCheckOnly: boolean
  readonly container: string
})[] {
  const found: { readonly name: string; readonly test: IncrementalTest }[] = []
  walk(getConformanceSuite(), [], found)
  return found.map(({ name, test }) => ({
    name,
    expression: test.original.expr,
    variables: variablesOf(test),
    expected: expectedOf(test),
    isCheckOnly: test.original.checkOnly || test.original.disableCheck || test.original.disableMacros,
    container: test.original.container,
  }))
}
