import type { EnforcementLevel } from '../../api/index.ts'
import type { Finding, Judgement } from '../../evidence/index.ts'
import type { ScanTarget } from './plan.ts'

/** What is remembered of every object with the same outcome. */
export interface Signature {
  readonly environment: string
  readonly passes: ReadonlyMap<string, number>
  readonly passCount: number
  readonly isJudged: boolean
}

/** What is remembered of one object: never the object. */
export interface Entry {
  readonly target: ScanTarget
  readonly uid: string
  readonly name: string
  readonly namespace: string
  /** Of the controller that made it; empty where none did. */
  readonly ownerUid: string
  readonly resourceVersion: string
  /** The state of the rules that it was judged by. */
  readonly epoch: number
  readonly signature: Signature
  readonly findings: readonly Finding[]
  /** The last walk that met it. */
  seen: number
}

const NO_FINDINGS: readonly Finding[] = []
const MOST_INTERNED = 50_000
/** Beyond it violations are counted without their texts: neither our memory nor etcd is there for more. */
export const MOST_DETAILED = 100_000

/** The text of a violation that is counted only. */
export const COUNTED_ONLY = ''

const findingKey = (finding: Finding): string => Object.values(finding).join('\n')

/** Remembers what came of each object, equal outcomes once. */
export class ScanStore {
  readonly #byTarget = new Map<string, Map<string, Entry>>()
  #signatures = new Map<string, Signature>()
  #findings = new Map<string, Finding>()
  #dirty = new Set<string>()
  #detailed = 0
  size = 0

  /** The entry of an object. */
  get(target: string, uid: string): Entry | undefined {
    return this.#byTarget.get(target)?.get(uid)
  }

  /** The entries of an object, in whatever versions it was judged. */
  findAll(uid: string): readonly Entry[] {
    const found: Entry[] = []
    for (const entries of this.#byTarget.values()) {
      const entry = entries.get(uid)
      if (entry !== undefined) found.push(entry)
    }
    return found
  }

  put(facts: Omit<Entry, 'signature' | 'findings'>, judgement: Judgement): void {
    const before = this.get(facts.target.key, facts.uid)
    const signature = this.#signature(judgement)
    this.#detailed -= before?.findings.length ?? 0
    const isDetailed = this.#detailed + judgement.findings.length <= MOST_DETAILED
    const findings = judgement.findings.length === 0 ? NO_FINDINGS : judgement.findings.map((finding) => this.#finding(finding, isDetailed))
    const entry: Entry = { ...facts, signature, findings }
    this.#detailed += findings.length
    if (before === undefined) this.size += 1
    let entries = this.#byTarget.get(facts.target.key)
    if (entries === undefined) {
      entries = new Map()
      this.#byTarget.set(facts.target.key, entries)
    }
    entries.set(facts.uid, entry)
    const isSame =
      before?.signature === signature && before.findings.length === findings.length && before.findings.every((known, index) => known === findings[index])
    if (!isSame || before.ownerUid !== entry.ownerUid) this.#dirty.add(entry.namespace)
  }

  remove(target: string, uid: string): void {
    const entries = this.#byTarget.get(target)
    const entry = entries?.get(uid)
    if (entries === undefined || entry === undefined) return
    entries.delete(uid)
    this.#forget(entry)
  }

  /** Forgets the objects that a walk did not meet: those of one namespace, or of all. */
  sweep(target: string, walk: number, namespace: string | undefined): void {
    for (const entry of this.#byTarget.get(target)?.values() ?? []) {
      if (entry.seen !== walk && (namespace === undefined || entry.namespace === namespace)) this.remove(target, entry.uid)
    }
  }

  /** Forgets a resource that is not scanned any more. */
  drop(target: string): void {
    for (const entry of this.#byTarget.get(target)?.values() ?? []) this.#forget(entry)
    this.#byTarget.delete(target)
  }

  *entries(): IterableIterator<Entry> {
    for (const entries of this.#byTarget.values()) yield* entries.values()
  }

  get hasChanges(): boolean {
    return this.#dirty.size > 0
  }

  /** The namespaces of which something has changed since the last call; the empty one stands for cluster-scoped objects. */
  takeChanges(): ReadonlySet<string> {
    const taken = this.#dirty
    this.#dirty = new Set()
    return taken
  }

  /** Has namespaces told again. */
  markChanged(namespaces: Iterable<string>): void {
    for (const namespace of namespaces) this.#dirty.add(namespace)
  }

  #forget(entry: Entry): void {
    this.size -= 1
    this.#detailed -= entry.findings.length
    this.#dirty.add(entry.namespace)
  }

  #signature({ environment, passes, isJudged }: Judgement): Signature {
    let passCount = 0
    let key = `${environment}\n${isJudged}`
    for (const [policy, count] of passes) {
      key += `\n${policy} ${count}`
      passCount += count
    }
    const known = this.#signatures.get(key)
    if (known !== undefined) return known
    if (this.#signatures.size > MOST_INTERNED) this.#signatures = new Map()
    const made = { environment, passes, passCount, isJudged }
    this.#signatures.set(key, made)
    return made
  }

  #finding(finding: Finding, isDetailed: boolean): Finding {
    const own = isDetailed ? finding : { ...finding, message: COUNTED_ONLY, path: '' }
    const key = findingKey(own)
    const known = this.#findings.get(key)
    if (known !== undefined) return known
    if (this.#findings.size > MOST_INTERNED) this.#findings = new Map()
    this.#findings.set(key, own)
    return own
  }
}

const DEEPEST_OWNER = 4

/** Whether an owner of the object, near or far, has a finding of the same rule: then it is told there. */
function isToldAtOwner(store: ScanStore, entry: Entry, { policy, rule, param }: Finding): boolean {
  let { ownerUid } = entry
  for (let depth = 0; depth < DEEPEST_OWNER && ownerUid !== ''; depth++) {
    const owners = store.findAll(ownerUid)
    if (owners.some(({ findings }) => findings.some((other) => other.policy === policy && other.rule === rule && other.param === param))) return true
    ownerUid = owners.find((owner) => owner.ownerUid !== '')?.ownerUid ?? ''
  }
  return false
}

/** The findings of an object that are told at it: those that a person would mend there. */
export function toldFindings(store: ScanStore, entry: Entry): readonly Finding[] {
  if (entry.ownerUid === '' || entry.findings.length === 0) return entry.findings
  return entry.findings.filter((finding) => !isToldAtOwner(store, entry, finding))
}

/** Violations of one policy. */
export interface PolicyTally {
  /** Objects that violate it, what exceptions waive aside. */
  readonly objects: number
  readonly byNamespace: ReadonlyMap<string, number>
  /** Objects that it could not be evaluated for. */
  readonly errors: number
  /** Violations by environment and level. */
  readonly byLevel: readonly { readonly environment: string; readonly level: EnforcementLevel; readonly count: number }[]
}

export interface Tally {
  readonly policies: ReadonlyMap<string, PolicyTally>
  /** Objects that each exception waives something of. */
  readonly waived: ReadonlyMap<string, number>
  /** Objects by kind, with how many of them some policy judged. */
  readonly kinds: ReadonlyMap<string, { readonly objects: number; readonly judged: number }>
}

interface Growing {
  objects: number
  errors: number
  readonly byNamespace: Map<string, number>
  readonly byLevel: Map<string, { readonly environment: string; readonly level: EnforcementLevel; count: number }>
}

const increase = (counts: Map<string, number>, key: string): void => void counts.set(key, (counts.get(key) ?? 0) + 1)

/** Counts what is told, by policy, exception and kind. A policy judges an object in one version, so that it counts once for each. */
export function tally(store: ScanStore): Tally {
  const policies = new Map<string, Growing>()
  const waived = new Map<string, number>()
  const kinds = new Map<string, { objects: number; judged: number }>()
  for (const entry of store.entries()) {
    const { kind, group } = entry.target
    const name = group === '' ? kind : `${kind}.${group}`
    const own = kinds.get(name) ?? { objects: 0, judged: 0 }
    kinds.set(name, own)
    own.objects += 1
    if (entry.signature.isJudged) own.judged += 1
    const told = toldFindings(store, entry)
    if (told.length > 0) count(entry, told, policies, waived)
  }
  return {
    policies: new Map([...policies].map(([name, { byLevel, ...rest }]) => [name, { ...rest, byLevel: [...byLevel.values()] }])),
    waived,
    kinds,
  }
}

function count(entry: Entry, told: readonly Finding[], policies: Map<string, Growing>, waived: Map<string, number>): void {
  for (const exception of new Set(told.flatMap(({ waivedBy }) => (waivedBy === '' ? [] : waivedBy)))) increase(waived, exception)
  for (const [policy, own] of Map.groupBy(told, (finding) => finding.policy)) {
    let counts = policies.get(policy)
    if (counts === undefined) {
      counts = { objects: 0, errors: 0, byNamespace: new Map(), byLevel: new Map() }
      policies.set(policy, counts)
    }
    if (own.some(({ outcome }) => outcome === 'error')) counts.errors += 1
    const failed = own.find(({ outcome }) => outcome === 'fail')
    if (failed === undefined) continue
    counts.objects += 1
    increase(counts.byNamespace, entry.namespace)
    const key = `${failed.environment}\n${failed.level}`
    const level = counts.byLevel.get(key) ?? { environment: failed.environment, level: failed.level, count: 0 }
    level.count += 1
    counts.byLevel.set(key, level)
  }
}
