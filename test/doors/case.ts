import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { z } from 'zod'
import {
  defaultEnforcementProfile,
  type EnforcementProfile,
  isKubernetesObject,
  isRecord,
  type KubernetesObject,
  parseEnforcementProfile,
  parsePolicy,
} from '../../src/api/index.ts'
import { assembleRuleSet, type CompiledPolicy, compilePolicy, compileUnreadable, type RuleSet } from '../../src/rules/index.ts'
import { compileStamped } from './exceptions.ts'

const CASES = join(import.meta.dirname, '../cases')

/** Ways in by which a case may be judged. */
export const DOOR_NAMES = ['decide', 'webhook', 'check'] as const
export type DoorName = (typeof DOOR_NAMES)[number]

const expectedOutcome = z.strictObject({
  /** `policy/rule`. */
  rule: z.string().regex(/^[^/]+\/[^/]+$/),
  /** The parameter that it is judged with, where a selector chooses them. */
  param: z.string().optional(),
  result: z.enum(['pass', 'skip', 'fail', 'error']),
  /** Left out where the rule passes or is skipped. */
  effect: z.enum(['allow', 'warn', 'deny']).default('allow'),
  level: z.enum(['Observe', 'Warn', 'Deny', 'Correct']).optional(),
  mitigation: z.enum(['protected', 'existing', 'descended']).optional(),
  message: z.string().optional(),
  paths: z.array(z.string()).optional(),
  /** Whole sentences of the findings, for cases that are about them. */
  findings: z.array(z.string()).optional(),
  /** The exception that waives it, and what would have been without it. */
  waivedBy: z.string().optional(),
  wouldHave: z.enum(['allow', 'warn', 'deny']).optional(),
  /** What is told of exceptions that do not count. */
  exceptionNotes: z.array(z.string()).optional(),
  code: z.string().optional(),
  condition: z.string().optional(),
})
export type ExpectedOutcome = z.output<typeof expectedOutcome>

/** Not `z.record`, which would lose a key called `__proto__`. */
const someObject = z.custom<Readonly<Record<string, unknown>>>(isRecord, 'expected an object')
const resource = z.string().regex(/^[a-z]+\.[a-z0-9]+(\.[a-z0-9.]+)?$/)

const caseRequest = z.strictObject({
  name: z.string().min(6),
  /** Left out: CREATE, UPDATE or DELETE, as the objects tell. */
  operation: z.enum(['CREATE', 'UPDATE', 'DELETE', 'CONNECT']).optional(),
  /** Such as `deployments.v1.apps`; left out: as the object's kind tells. */
  resource: resource.optional(),
  /** The resource that the client named, where the API server converted the object. */
  requestResource: resource.optional(),
  subResource: z.string().optional(),
  user: z.union([z.string(), z.strictObject({ name: z.string(), groups: z.array(z.string()).default([]) })]).default('alice'),
  /** A name, a name with labels, or `unreadable`; left out: the object's own, without labels. */
  namespace: z.union([z.string(), z.strictObject({ name: z.string(), labels: z.record(z.string(), z.string()) })]).optional(),
  dryRun: z.boolean().default(false),
  /** When it is asked for; left out: the time of all cases. */
  now: z.iso.datetime({ offset: true }).optional(),
  object: someObject.optional(),
  oldObject: someObject.optional(),
  /** Doors that cannot take the request, each with the reason. */
  notThrough: z.partialRecord(z.enum(DOOR_NAMES), z.string().min(10)).default({}),
  expect: z.strictObject({
    effect: z.enum(['allow', 'warn', 'deny']),
    environment: z.string().optional(),
    /** Paths that policies at level `Correct` changed before the object was judged; left out where there are none. */
    corrected: z.array(z.string()).optional(),
    outcomes: z.array(expectedOutcome),
  }),
})
export type CaseRequest = z.output<typeof caseRequest>

/** A folder of `test/cases`: policies, what is asked for, and what has to come of it. */
export interface Case {
  readonly name: string
  /** The documents of `policies.yaml`: policies, the profile, parameters, exceptions with the annotations of `exceptions.ts`. */
  readonly documents: readonly KubernetesObject[]
  readonly requests: readonly CaseRequest[]
  /** The documents of `context.yaml`: all objects that policies find as their context; undefined where nothing is known of any. */
  readonly context: readonly KubernetesObject[] | undefined
}

const shorten = (_key: unknown, value: unknown): unknown => (typeof value === 'bigint' && Number.isSafeInteger(Number(value)) ? Number(value) : value)

/** Reads YAML as the API server reads JSON: whole numbers keep all their digits. */
function readYaml(source: string): readonly unknown[] {
  return parseAllDocuments(source, { intAsBigInt: true }).flatMap((document) => {
    if (!('errors' in document)) return []
    const [mistake] = document.errors
    if (mistake !== undefined) throw mistake
    return [document.toJS({ reviver: shorten })]
  })
}

function readDocument(value: unknown): KubernetesObject[] {
  if (value === null) return []
  if (!isKubernetesObject(value)) throw new Error('a document is not a Kubernetes object')
  return [value]
}

function readCase(name: string): Case {
  const read = (file: string): readonly unknown[] => readYaml(readFileSync(join(CASES, name, file), 'utf8'))
  const parsed = z.tuple([z.array(caseRequest).min(1)]).safeParse(read('requests.yaml'))
  if (!parsed.success) throw new Error(`test/cases/${name}/requests.yaml: ${z.prettifyError(parsed.error)}`)
  const context = existsSync(join(CASES, name, 'context.yaml')) ? read('context.yaml').flatMap(readDocument) : undefined
  return { name, documents: read('policies.yaml').flatMap(readDocument), requests: parsed.data[0], context }
}

/** Reads every case. */
export function readCases(): readonly Case[] {
  return readdirSync(CASES).sort().map(readCase)
}

const isOfKind = (kind: string) => (object: KubernetesObject) => object.kind === kind && object.apiVersion === 'bylaw.dev/v1'

function compile(object: KubernetesObject): CompiledPolicy[] {
  const parsed = parsePolicy(object)
  const compiled = parsed.ok ? compilePolicy(parsed.value) : compileUnreadable(object, parsed.error).compiled
  return compiled === undefined ? [] : [compiled]
}

/** Compiles the policies of a case as the operator does, unreadable ones included. */
export function ruleSetOf({ documents }: Case): RuleSet {
  const [written] = documents.filter(isOfKind('EnforcementProfile'))
  return assembleRuleSet({
    policies: documents.filter(isOfKind('Policy')).flatMap(compile),
    profile: written === undefined ? defaultEnforcementProfile() : readProfile(written),
    exceptions: documents.filter(isOfKind('PolicyException')).map(compileStamped),
  })
}

function readProfile(object: KubernetesObject): EnforcementProfile {
  const parsed = parseEnforcementProfile(object)
  if (!parsed.ok) throw new Error(`policies.yaml: ${JSON.stringify(parsed.error)}`)
  return parsed.value
}
