import { z } from 'zod'

/** A validation rule of a CRD in both of its forms: CEL for the API server, and a predicate that means the same here. */
export interface SchemaRule<T> {
  /** CEL over `self`, the value as it is written. */
  readonly rule: string
  readonly message: string
  /** Field below the value that the message is about, where it is not the value itself. */
  readonly at?: string
  /** Holds for the value as it is written: fields of its own that were left out are still absent. */
  readonly holds: (self: T) => boolean
}

/** Keys under which a schema carries what only Bylaw's own generators read. */
export const META = { defaults: 'x-bylaw-defaults', rules: 'x-kubernetes-validations' } as const

type Shape = Readonly<Record<string, z.ZodType>>
type Written<S extends Shape> = z.output<z.ZodObject<S, z.core.$strict>>
type Complete<T, K extends keyof T> = { readonly [P in K]-?: Exclude<T[P], undefined> }
type Filled<T, K extends keyof T> = Complete<T, K> & T

const isHarmless = ({ code, continue: goesOn }: z.core.$ZodRawIssue): boolean => code === 'unrecognized_keys' || goesOn === true

/** A rule is asked whenever the types are right, so that one mistake does not hide the next. */
export const toCheck = <T>({ holds, message, at }: SchemaRule<T>): z.core.$ZodCheck<T> =>
  z.refine<T>((self) => holds(self), {
    error: message,
    ...(at === undefined ? {} : { path: at.split('.') }),
    params: { code: 'RuleBroken' },
    when: ({ issues }) => issues.every(isHarmless),
  })

const toCrdRule = <T>({ rule, message, at }: SchemaRule<T>): Readonly<Record<string, string>> => ({
  rule,
  message,
  ...(at === undefined ? {} : { fieldPath: `.${at}` }),
})

const rulesMeta = <T>(rules: readonly SchemaRule<T>[]) => (rules.length === 0 ? {} : { [META.rules]: rules.map((rule) => toCrdRule(rule)) })

/** An object whose fields are all known. */
export function object<S extends Shape>(
  description: string,
  shape: S,
  rules: readonly SchemaRule<Written<S>>[] = [],
  extra: Readonly<Record<string, unknown>> = {},
) {
  const checks = rules.map((rule) => toCheck<Written<S>>(rule))
  return z
    .strictObject(shape)
    .check(...checks)
    .meta({ description, ...rulesMeta(rules), ...extra })
}

/** An object with defaults for fields that may be left out; they are filled in after the rules have seen what was written. */
export function objectWithDefaults<S extends Shape, K extends keyof Written<S>>(
  description: string,
  shape: S,
  defaults: Complete<Written<S>, K>,
  rules: readonly SchemaRule<Written<S>>[] = [],
) {
  const fill = (written: Written<S>): Filled<Written<S>, K> => ({ ...defaults, ...written })
  return object(description, shape, rules)
    .transform(fill)
    .meta({ description, ...rulesMeta(rules), [META.defaults]: defaults })
}

/** Bounds of a text. Lengths are counted in characters, as the API server counts them. */
export interface TextBounds {
  readonly max: number
  /** 1 unless told. */
  readonly min?: number
  readonly pattern?: Pattern
  /** For a status only: with a format the API server takes a list of texts for a text. */
  readonly format?: 'date-time'
}

/** A regular expression that Go and JavaScript read alike, with the words that tell what it asks for. */
export interface Pattern {
  readonly expression: string
  readonly asks: string
}

const lengthOf = (value: string): number => (/[\ud800-\udbff]/.test(value) ? [...value].length : value.length)

function fitBounds({ max, min = 1, pattern }: TextBounds): z.core.$ZodCheck<string> {
  const compiled = pattern === undefined ? undefined : new RegExp(pattern.expression, 'u')
  return z.superRefine<string>((value, context) => {
    const length = lengthOf(value)
    const report = (code: string, message: string): void => context.addIssue({ code: 'custom', message, params: { code } })
    if (length > max) report('TooLong', `must be at most ${max} characters, has ${length}`)
    else if (length < min) report('TooShort', min === 1 ? 'must not be empty' : `must be at least ${min} characters, has ${length}`)
    else if (pattern !== undefined && compiled?.test(value) === false) report('BadFormat', `must be ${pattern.asks}`)
  })
}

const boundsMeta = ({ max, min = 1, pattern, format }: TextBounds) => ({
  ...(min === 0 ? {} : { minLength: min }),
  maxLength: max,
  ...(pattern === undefined ? {} : { pattern: pattern.expression }),
  ...(format === undefined ? {} : { format }),
})

/** A text within bounds. */
export function text(description: string, bounds: TextBounds, rules: readonly SchemaRule<string>[] = []) {
  const checks = rules.map((rule) => toCheck<string>(rule))
  return z
    .string()
    .check(fitBounds(bounds), ...checks)
    .meta({ description, ...boundsMeta(bounds), ...rulesMeta(rules) })
}

/** A text of one line; white space around it is dropped, since YAML's block texts end in a newline. */
export function line(description: string, bounds: TextBounds) {
  const rule: SchemaRule<string> = {
    rule: "!self.trim().matches('[[:cntrl:]]')",
    message: 'must be one line without control characters',
    holds: (self) => !/\p{Cc}/u.test(self.trim()),
  }
  return z
    .string()
    .check(fitBounds(bounds), toCheck<string>(rule))
    .trim()
    .meta({ description, ...boundsMeta(bounds), ...rulesMeta([rule]) })
}

/** One of a few words. */
export const oneOf = <const T extends readonly string[]>(description: string, words: T) => z.enum(words).meta({ description })

/** True or false. */
export const flag = (description: string) => z.boolean().meta({ description })

/** A whole number. */
export const integer = (description: string, bounds: { readonly min?: number } = {}) =>
  (bounds.min === undefined ? z.int() : z.int().min(bounds.min)).meta({ description, format: 'int64' })

/** A map of texts, as labels are. */
export const textMap = <T extends z.ZodType<string, string>>(description: string, value: T, maxProperties: number) =>
  z
    .record(z.string(), value)
    .check(
      z.superRefine<Record<string, string>>((map, context) => {
        const size = Object.keys(map).length
        if (size > maxProperties)
          context.addIssue({ code: 'custom', message: `must have at most ${maxProperties} entries, has ${size}`, params: { code: 'TooMany' } })
      }),
    )
    .meta({ description, maxProperties })

interface ListBounds {
  readonly max: number
  readonly min?: number
}

const sized = <T extends z.ZodType>(item: T, { min = 0, max }: ListBounds) => (min === 0 ? z.array(item).max(max) : z.array(item).min(min).max(max))

/** A list whose order counts. */
export function list<T extends z.ZodType>(description: string, item: T, bounds: ListBounds, rules: readonly SchemaRule<z.output<T>[]>[] = []) {
  const checks = rules.map((rule) => toCheck<z.output<T>[]>(rule))
  return sized(item, bounds)
    .check(...checks)
    .meta({ description, 'x-kubernetes-list-type': 'atomic', ...rulesMeta(rules) })
}

function reportRepeats(keys: readonly string[], report: (index: number, key: string) => void): void {
  const seen = new Set<string>()
  for (const [index, key] of keys.entries()) {
    if (seen.has(key)) report(index, key)
    seen.add(key)
  }
}

/** A list of texts in which none may stand twice. */
export function set<T extends z.ZodType<string, string>>(description: string, item: T, bounds: ListBounds, rules: readonly SchemaRule<z.output<T>[]>[] = []) {
  const checks = rules.map((rule) => toCheck<z.output<T>[]>(rule))
  const distinct = z.superRefine<z.output<T>[]>((values, context) => {
    reportRepeats(values, (index, key) =>
      context.addIssue({ code: 'custom', path: [index], message: `\`${key}\` stands more than once`, params: { code: 'Duplicate' } }),
    )
  })
  return sized(item, bounds)
    .check(distinct, ...checks)
    .meta({ description, 'x-kubernetes-list-type': 'set', ...rulesMeta(rules) })
}

/** A list of things that are told apart by one or two of their fields. */
export function keyedList<T extends z.ZodType, K extends keyof z.output<T> & string>(description: string, item: T, keys: readonly K[], bounds: ListBounds) {
  const distinct = z.superRefine<z.output<T>[]>((values, context) => {
    const keyOf = (value: z.output<T>): string => keys.map((key) => String(value[key])).join(', ')
    reportRepeats(values.map(keyOf), (index, key) =>
      context.addIssue({ code: 'custom', path: [index], message: `${keys.join(' and ')} \`${key}\` stands more than once`, params: { code: 'Duplicate' } }),
    )
  })
  return sized(item, bounds).check(distinct).meta({ description, 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': keys })
}

/** Makes a field one that may be left out. */
export const optional = <T extends z.ZodType>(schema: T) => schema.exactOptional()
