import { createHash } from 'node:crypto'
import type { ControlId, ExportedDecision, ExportedPolicy, PolicyDescription } from './exported-record.ts'

const NAMESPACE = 'https://bylaw.dev/ns/oscal'
const MAX_POINTERS = 25
/** Of what passed a few records are enough to show that something was judged. */
const MAX_PASSES = 3

interface Pointer {
  readonly id: string
  readonly file: string
  readonly seq: number
  readonly time: string
  readonly text: string
}

interface Tally {
  readonly description: PolicyDescription
  readonly counts: { judged: number; passed: number; denied: number; warned: number; observed: number; waived: number; notEvaluated: number }
  readonly violations: Pointer[]
  readonly passes: Pointer[]
  first: string
  last: string
}

/** An identifier that is always the same for the same things. */
function uuidOf(...parts: readonly string[]): string {
  const digits = createHash('sha256').update(parts.join('\0')).digest('hex')
  return `${digits.slice(0, 8)}-${digits.slice(8, 12)}-5${digits.slice(13, 16)}-a${digits.slice(17, 20)}-${digits.slice(20, 32)}`
}

/** OSCAL's catalogues write NIST's `AC-6(1)` as `ac-6.1`; identifiers of other frameworks get their name before them. */
export function toControlToken({ framework, id }: ControlId): string {
  if (/^NIST[-_ ]?(SP[-_ ]?)?800[-_ ]?53/i.test(framework))
    return id
      .toLowerCase()
      .replace(/\((\d+)\)/g, '.$1')
      .replace(/[^a-z0-9.\-_]/g, '')
  return `${framework}_${id}`.replace(/[^\p{L}\p{N}.\-_]+/gu, '-').replace(/^[^\p{L}_]+/u, '_')
}

const prop = (name: string, value: string | number) => ({ name, value: String(value), ns: NAMESPACE })

/** Gathers decisions of a period and writes them as OSCAL 1.1 assessment results, by control. Memory grows with policies, not with decisions. */
export class OscalWriter {
  readonly #version: string
  readonly #tallies = new Map<string, Tally>()
  #start: string | undefined
  #end: string | undefined
  #decisions = 0

  constructor(version: string) {
    this.#version = version
  }

  /** Policies in force that nobody asked count too: they are said to have judged nothing. */
  addDescriptions(descriptions: ReadonlyMap<string, PolicyDescription>): void {
    for (const description of descriptions.values()) this.#tallyOf(description)
  }

  /** Counts a decision; rehearsals are not counted. */
  add(decision: ExportedDecision): void {
    if (decision.isDryRun) return
    this.#decisions += 1
    this.#start ??= decision.time
    this.#end = decision.time
    for (const policy of decision.policies) {
      const description = decision.descriptions.get(policy.policy) ?? {
        policy: policy.policy,
        title: policy.policy,
        severity: policy.severity,
        owner: '',
        controls: [],
      }
      this.#count(this.#tallyOf(description), policy, decision)
    }
  }

  /** The whole document. */
  end(period: { readonly since?: string; readonly until?: string }, now: Date): string {
    const start = period.since ?? this.#start ?? now.toISOString()
    const end = period.until ?? this.#end ?? now.toISOString()
    const tallies = [...this.#tallies.values()]
      .filter(({ description }) => description.controls.length > 0)
      .sort((a, b) => (a.description.policy < b.description.policy ? -1 : 1))
    const controls = new Map<string, Tally[]>()
    for (const tally of tallies)
      for (const control of tally.description.controls) controls.set(toControlToken(control), [...(controls.get(toControlToken(control)) ?? []), tally])
    const plan = uuidOf('plan', start, end)
    const observations = tallies.map((tally) => this.#observation(tally, start, end))
    const byName = [...controls].sort(([a], [b]) => (a < b ? -1 : 1))
    const findings = byName.flatMap(([control, of]) => toFinding(control, of, start, end))
    const result = {
      uuid: uuidOf('result', start, end),
      title: 'Admission decisions',
      description: `What Bylaw decided of ${this.#decisions} requests, by the controls that its policies name`,
      start,
      end,
      'reviewed-controls': {
        'control-selections': [controls.size === 0 ? { 'include-all': {} } : { 'include-controls': byName.map(([id]) => ({ 'control-id': id })) }],
      },
      ...(observations.length === 0 ? {} : { observations }),
      ...(findings.length === 0 ? {} : { findings }),
    }
    const document = {
      'assessment-results': {
        uuid: uuidOf('document', start, end, now.toISOString()),
        metadata: { title: 'Bylaw: assessment results', 'last-modified': now.toISOString(), version: this.#version, 'oscal-version': '1.1.2' },
        'import-ap': { href: `#${plan}` },
        results: [result],
        'back-matter': {
          resources: [{ uuid: plan, title: 'Continuous assessment at admission', description: 'Every request for a resource that a policy names is judged' }],
        },
      },
    }
    return `${JSON.stringify(document, undefined, 2)}\n`
  }

  #tallyOf(description: PolicyDescription): Tally {
    const known = this.#tallies.get(description.policy)
    if (known !== undefined) return known
    const counts = { judged: 0, passed: 0, denied: 0, warned: 0, observed: 0, waived: 0, notEvaluated: 0 }
    const made: Tally = { description, counts, violations: [], passes: [], first: '', last: '' }
    this.#tallies.set(description.policy, made)
    return made
  }

  #count(tally: Tally, { outcomes, passed }: ExportedPolicy, { id, file, seq, time, namespace, kind, name, operation }: ExportedDecision): void {
    const bad = outcomes.filter(({ result }) => result === 'fail' || result === 'error')
    if (bad.length === 0 && passed === 0) return
    const { counts, violations, passes } = tally
    counts.judged += 1
    if (tally.first === '') tally.first = time
    tally.last = time
    const object = [namespace, kind, name].filter((part) => part !== '').join('/')
    const pointer = (text: string): Pointer => ({ id, file, seq, time, text: `${operation} ${object}: ${text}` })
    if (bad.length === 0) {
      counts.passed += 1
      if (passes.length < MAX_PASSES) passes.push(pointer('passed'))
      return
    }
    const effects = bad.map(({ effect }) => effect)
    if (bad.some(({ result }) => result === 'error')) counts.notEvaluated += 1
    if (effects.includes('deny')) counts.denied += 1
    else if (bad.every(({ waivedBy }) => waivedBy !== '')) counts.waived += 1
    else if (effects.includes('warn')) counts.warned += 1
    else counts.observed += 1
    if (violations.length < MAX_POINTERS) violations.push(pointer(bad.map(({ rule, effect, message }) => `${rule} (${effect}) ${message}`).join('; ')))
  }

  #observation({ description, counts, violations, passes, first, last }: Tally, start: string, end: string): Readonly<Record<string, unknown>> {
    const pointers = [...violations, ...passes]
    return {
      uuid: observationOf(description.policy, start, end),
      title: description.title === '' ? description.policy : description.title,
      description: `Policy ${description.policy} judged ${counts.judged} requests: ${counts.passed} passed, ${counts.denied} were refused, ${counts.warned} warned, ${counts.observed} observed, ${counts.waived} waived`,
      props: [
        prop('policy', description.policy),
        prop('severity', description.severity || 'unknown'),
        ...Object.entries(counts).map(([name, value]) => prop(name, value)),
      ],
      methods: ['TEST'],
      types: ['control-objective'],
      ...(pointers.length === 0
        ? {}
        : {
            'relevant-evidence': pointers.map(({ id, file, seq, time, text }) => ({
              href: `${encodeURI(file)}#${seq}`,
              description: text,
              props: [prop('decision', id), prop('segment', file), prop('seq', seq), prop('time', time)],
            })),
          }),
      collected: last || first || end,
    }
  }
}

const observationOf = (policy: string, start: string, end: string): string => uuidOf('observation', policy, start, end)

/** A control is met where nothing that violates its policies came through: each violation was refused, or waived by an approved exception. */
function toFinding(control: string, tallies: readonly Tally[], start: string, end: string): readonly Readonly<Record<string, unknown>>[] {
  const sum = (pick: (counts: Tally['counts']) => number): number => tallies.reduce((total, { counts }) => total + pick(counts), 0)
  const judged = sum((counts) => counts.judged)
  // What nobody asked for is not shown to be met.
  if (judged === 0) return []
  const cameThrough = sum(({ warned, observed }) => warned + observed)
  const description = `${judged} requests were judged by ${tallies.length} policies; ${cameThrough} violations came through`
  return [
    {
      uuid: uuidOf('finding', control, start, end),
      title: control,
      description,
      target: { type: 'objective-id', 'target-id': control, status: { state: cameThrough === 0 ? 'satisfied' : 'not-satisfied' } },
      'related-observations': tallies.map(({ description: { policy } }) => ({ 'observation-uuid': observationOf(policy, start, end) })),
    },
  ]
}
