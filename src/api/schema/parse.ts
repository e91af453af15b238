import { z } from 'zod'
import { FIELD_ISSUE_CODES, type FieldIssue, type FieldIssueCode, formatPath, suggest } from '../issue.ts'
import { isRecord } from '../kubernetes.ts'
import { err, ok, type Result } from '../result.ts'

/** Deeper than any schema of ours, and shallow enough for any stack. */
const NULL_DEPTH = 16

/** The API server drops fields that are null before it validates, and so does the parser. */
function withoutNulls(value: unknown, depth = NULL_DEPTH): unknown {
  if (depth === 0) return value
  if (Array.isArray(value)) return value.map((item: unknown) => withoutNulls(item, depth - 1))
  if (!isRecord(value)) return value
  const kept = Object.entries(value).filter(([, item]) => item !== null)
  return Object.fromEntries(kept.map(([key, item]) => [key, withoutNulls(item, depth - 1)]))
}

const LONGEST_INPUT = 64

function show(value: unknown): string {
  if (typeof value === 'string') return value.length > LONGEST_INPUT ? `\`${value.slice(0, LONGEST_INPUT)}…\`` : `\`${value}\``
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint') return `\`${value}\``
  return nameOfType(value)
}

function nameOfType(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'a list'
  const names: Readonly<Record<string, string>> = { string: 'a text', number: 'a number', bigint: 'a number', boolean: 'true or false', object: 'an object' }
  return names[typeof value] ?? typeof value
}

const EXPECTED: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'an object',
  record: 'an object',
  array: 'a list',
}

const listed = (values: readonly unknown[]): string => {
  const shown = values.map((value) => `\`${value}\``)
  const last = shown.pop() ?? ''
  return shown.length === 0 ? last : `${shown.join(', ')} or ${last}`
}

const isCode = (value: unknown): value is FieldIssueCode => FIELD_ISSUE_CODES.some((code) => code === value)

function unknownFields(issue: z.core.$ZodIssueUnrecognizedKeys): FieldIssue[] {
  // INVARIANT: for this code `message` holds the known fields, since `knownFields` wrote it.
  const known = issue.message.split(' ')
  return issue.keys.map((key) => {
    const meant = suggest(key, known)
    return {
      path: formatPath([...issue.path, key]),
      message: meant === undefined ? 'unknown field' : `unknown field, did you mean \`${meant}\`?`,
      code: 'UnknownField',
    }
  })
}

function toFieldIssues(issue: z.core.$ZodIssue): FieldIssue[] {
  const path = formatPath(issue.path)
  const { input } = issue
  switch (issue.code) {
    case 'unrecognized_keys':
      return unknownFields(issue)
    case 'invalid_type': {
      if (input === undefined) return [{ path, message: 'required', code: 'Required' }]
      return [{ path, message: `must be ${EXPECTED[issue.expected] ?? issue.expected}, is ${nameOfType(input)}`, code: 'WrongType' }]
    }
    case 'invalid_value': {
      if (input === undefined) return [{ path, message: 'required', code: 'Required' }]
      return [{ path, message: `must be ${listed(issue.values)}, is ${show(input)}`, code: 'NotAllowed' }]
    }
    case 'too_big':
      return issue.origin === 'array'
        ? [{ path, message: `must have at most ${issue.maximum} items, has ${Array.isArray(input) ? input.length : 'more'}`, code: 'TooMany' }]
        : [{ path, message: `must be at most ${issue.maximum}, is ${show(input)}`, code: 'NotAllowed' }]
    case 'too_small':
      return issue.origin === 'array'
        ? [{ path, message: `must have at least ${issue.minimum} item${issue.minimum === 1 ? '' : 's'}`, code: 'TooFew' }]
        : [{ path, message: `must be at least ${issue.minimum}, is ${show(input)}`, code: 'NotAllowed' }]
    case 'custom': {
      const code: unknown = issue.params?.['code']
      return [{ path, message: issue.message, code: isCode(code) ? code : 'RuleBroken' }]
    }
    default:
      return [{ path, message: issue.message, code: 'RuleBroken' }]
  }
}

const knownFields: z.core.$ZodErrorMap = ({ code, inst }) =>
  code === 'unrecognized_keys' && inst instanceof z.ZodObject ? Object.keys(inst.shape).join(' ') : undefined

function withoutStatus(value: unknown): unknown {
  if (!isRecord(value)) return value
  const { status: _, ...rest } = value
  return rest
}

/** Reads a value by its schema: the value with its defaults, or all that is wrong with it. */
export function parseValue<S extends z.ZodType>(schema: S, value: unknown): Result<z.output<S>, readonly FieldIssue[]> {
  const parsed = schema.safeParse(withoutNulls(value), { reportInput: true, error: knownFields })
  return parsed.success ? ok(parsed.data) : err(parsed.error.issues.flatMap(toFieldIssues))
}

/** Reads a resource by its schema, as `parseValue` does. Its status is dropped unread. */
export function parseResource<S extends z.ZodType>(schema: S, value: unknown): Result<z.output<S>, readonly FieldIssue[]> {
  return parseValue(schema, withoutStatus(value))
}
