import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type AdmissionRequest, isRecord, parseAdmissionReview, parseJson } from '../../src/api/index.ts'
import { check } from '../../src/cli/index.ts'
import { correct, decide } from '../../src/decide/index.ts'
import { applyPatch } from '../../src/decide/json-patch.ts'
import { type DecisionRecord, toDecisionRecord } from '../../src/evidence/index.ts'
import type { Lane, RuleSet } from '../../src/rules/index.ts'
import { type Case, type CaseRequest, type DoorName, ruleSetOf } from './case.ts'
import { asInFile } from './exceptions.ts'
import { type OpenDoor, openDoor, post, readResponse } from './https-door.ts'
import { contextsOf, DIGEST_KEY, NOW, namespaceOf, paramsOf, toAdmissionReview, writeJson } from './world.ts'

/** A decision, and the paths that were corrected before it. */
export interface DoorRecord extends DecisionRecord {
  readonly corrected: readonly string[]
}

/** Judges all requests of a case that the door can take, in order. */
export type Door = (subject: Case) => Promise<readonly DoorRecord[]>

/** Every way in. Each has to give the same decisions; a new one is a line here. */
export const DOORS: Readonly<Record<DoorName, Door>> = { decide: throughDecide, webhook: throughWebhook, check: throughCheck }

/** The requests of a case that a door can take. */
export const requestsFor = ({ requests }: Case, door: DoorName): readonly CaseRequest[] => requests.filter(({ notThrough }) => notThrough[door] === undefined)

const timeOf = ({ now }: CaseRequest): Date => (now === undefined ? NOW : new Date(now))

function parseRequest(request: CaseRequest): AdmissionRequest {
  const json = parseJson(writeJson(toAdmissionReview(request, 'direct')))
  if (!json.ok) throw new Error(json.error)
  const parsed = parseAdmissionReview(json.value)
  if (!parsed.ok) throw new Error(parsed.error)
  return parsed.value
}

async function throughDecide(subject: Case): Promise<readonly DoorRecord[]> {
  const ruleSet = ruleSetOf(subject)
  const params = paramsOf(subject)
  const contexts = contextsOf(subject)
  return requestsFor(subject, 'decide').map((request) => {
    const namespace = namespaceOf(request)?.state ?? { kind: 'clusterScoped' }
    const input = { request: parseRequest(request), lane: 'offline', namespace, params, contexts, now: timeOf(request), digestKey: DIGEST_KEY } as const
    const { patch, object } = correct(ruleSet, input)
    const decision = decide(ruleSet, { ...input, request: { ...input.request, object } })
    return { ...toDecisionRecord(decision), corrected: patch.map(({ path }) => path) }
  })
}

const LANES: readonly Lane[] = ['equivalent', 'any', 'exact']

/** The lanes in which the API server would call for a request: one for each way in which policies want the object. */
function lanesOf(ruleSet: RuleSet, request: CaseRequest): readonly Lane[] {
  const { resource, subResource } = parseRequest(request)
  const candidates = ruleSet.candidates(resource.group, resource.resource, subResource)
  const wanted = new Set(candidates.flatMap(({ match }) => [match.lane, ...(match.otherwise === undefined ? [] : [match.otherwise.lane])]))
  return wanted.size === 0 ? ['equivalent'] : LANES.filter((lane) => wanted.has(lane))
}

const EFFECTS = ['allow', 'warn', 'deny']

/** Puts the decisions of a request's lanes together: each policy answers in one of them. */
function merge(ruleSet: RuleSet, records: readonly DecisionRecord[]): DecisionRecord {
  const [first] = records
  if (first === undefined) throw new Error('the door took no decision')
  const place = new Map(ruleSet.policies.map(({ identity }, index) => [identity.name, index]))
  const outcomes = records.flatMap((record) => record.outcomes).sort((a, b) => (place.get(a.policy) ?? 0) - (place.get(b.policy) ?? 0))
  const effect = EFFECTS.findLast((name) => records.some((record) => record.effect === name)) ?? first.effect
  return { ...first, effect, outcomes }
}

async function reviewAt(door: OpenDoor, lane: Lane, request: CaseRequest): Promise<DecisionRecord> {
  const uid = `${lane}-${door.decisions.length}`
  const response = readResponse(await post(door, `/validate/fail/${lane}`, writeJson(toAdmissionReview(request, uid))))
  const decision = door.decisions.at(-1)
  if (decision === undefined || response.uid !== uid) throw new Error('the answer is not for this request')
  // What the API server is told has to be what was decided.
  const told = response.allowed ? (response.warnings === undefined ? 'allow' : 'warn') : 'deny'
  const isSilent = decision.effect === 'warn' && told === 'allow' && decision.outcomes.every(({ effect, result }) => effect !== 'warn' || result === 'fail')
  if (told !== decision.effect && !isSilent) throw new Error(`decided ${decision.effect}, told ${told}`)
  return toDecisionRecord(decision)
}

/** What the API server does with the answers of the mutating call: one lane after the other, each patch applied at once. */
async function correctAt(
  door: OpenDoor,
  lanes: readonly Lane[],
  request: CaseRequest,
): Promise<{ readonly request: CaseRequest; readonly corrected: readonly string[] }> {
  let current = request
  const corrected: string[] = []
  for (const lane of lanes) {
    const { allowed, patch } = readResponse(await post(door, `/mutate/ignore/${lane}`, writeJson(toAdmissionReview(current, `correct-${lane}`))))
    if (!allowed) throw new Error('a correction refuses')
    if (patch === undefined) continue
    const steps: readonly { readonly op: string; readonly path: string; readonly value?: unknown }[] = JSON.parse(Buffer.from(patch, 'base64').toString('utf8'))
    const patched = applyPatch(
      current.object,
      steps.map((step) => ({ from: '', value: undefined, ...step })),
    )
    if (!patched.ok || patched.value.kind !== 'patched' || !isRecord(patched.value.document))
      throw new Error(`the patch does not apply: ${JSON.stringify(steps)}`)
    corrected.push(...steps.map(({ path }) => path))
    current = { ...current, object: patched.value.document }
  }
  return { request: current, corrected }
}

async function throughWebhook(subject: Case): Promise<readonly DoorRecord[]> {
  const ruleSet = ruleSetOf(subject)
  let current: CaseRequest | undefined
  const namespace = () => (current === undefined ? undefined : namespaceOf(current)?.state) ?? ({ kind: 'unknown', reason: 'not told' } as const)
  const clock = { now: () => (current === undefined ? NOW : timeOf(current)), elapsedMs: () => performance.now() }
  const door = await openDoor({ ruleSet: () => ruleSet, review: { namespaceOf: namespace, params: paramsOf(subject), contexts: contextsOf(subject), clock } })
  try {
    const records: DoorRecord[] = []
    for (const asked of requestsFor(subject, 'webhook')) {
      current = asked
      const lanes = lanesOf(ruleSet, asked)
      const { request, corrected } = await correctAt(door, lanes, asked)
      const reviews: DecisionRecord[] = []
      for (const lane of lanes) reviews.push(await reviewAt(door, lane, request))
      records.push({ ...merge(ruleSet, reviews), corrected })
    }
    return records
  } finally {
    await door.close()
  }
}

/** Runs `bylaw check` over files. Namespaces and parameters lie beside the policies: what `-r` names is judged. */
async function throughCheck(subject: Case): Promise<readonly DoorRecord[]> {
  const folder = mkdtempSync(join(tmpdir(), 'bylaw-case-'))
  try {
    return requestsFor(subject, 'check').map((request, index) => {
      const state = namespaceOf(request)?.state
      const namespace = state?.kind === 'found' ? [state.object] : []
      const policies = join(folder, `policies-${index}.json`)
      const context = join(folder, 'context.json')
      const resources = join(folder, `request-${index}.json`)
      writeFileSync(policies, writeJson({ apiVersion: 'v1', kind: 'List', items: [...subject.documents.map(asInFile), ...namespace] }))
      writeFileSync(context, writeJson({ apiVersion: 'v1', kind: 'List', items: subject.context ?? [] }))
      writeFileSync(resources, writeJson(toAdmissionReview(request, 'check')))
      const around = subject.context === undefined ? {} : { contextResources: [context] }
      const { stdout, stderr } = check({ policies: [policies], resources: [resources], ...around, now: timeOf(request), output: 'json' })
      const rows: readonly { readonly decision: DecisionRecord; readonly correction?: { readonly paths: readonly string[] } }[] =
        stdout === '' ? [] : JSON.parse(stdout)
      const [row] = rows
      if (row === undefined || rows.length !== 1) throw new Error(`check gave ${rows.length} decisions: ${stderr}`)
      return { ...row.decision, corrected: row.correction?.paths ?? [] }
    })
  } finally {
    rmSync(folder, { recursive: true })
  }
}
