import type { KubernetesObject } from '../../api/index.ts'
import type { ContextReader, ParamReader } from '../../decide/index.ts'
import type { Logger, PolicyScan, ScanFigures, ScanState } from '../../evidence/index.ts'
import type { EnforcedPolicy, NamespaceState, RuleSet } from '../../rules/index.ts'
import type { DiscoveredResource } from '../cluster.ts'
import { joinReach, nextExpiryMs, type PolicyPrint, printOf, type Reach, reachOfChange } from './fingerprint.ts'
import { isHistory, judgeObject } from './judge.ts'
import { Pacer } from './pacer.ts'
import { planScan, type ScanPlan, type ScanTarget } from './plan.ts'
import type { ObjectSource } from './ports.ts'
import { reportContent } from './report-content.ts'
import type { ReportWriter } from './report-writer.ts'
import { type Entry, ScanStore, type Tally, tally } from './store.ts'
import { settled, summarize } from './summary.ts'
import { TargetScan } from './target-scan.ts'

export interface ScannerOptions {
  readonly source: ObjectSource
  readonly resources: () => readonly DiscoveredResource[]
  readonly namespaceOf: (name: string) => NamespaceState | Promise<NamespaceState>
  readonly params: ParamReader
  readonly contexts: ContextReader
  /** Stands for the parameters and the context of a policy as they are now. */
  readonly surroundingsOf: (policy: EnforcedPolicy) => string
  readonly reports: ReportWriter
  readonly digestKey: string
  readonly pageSize: number
  /** Pages a second, at most. */
  readonly qps: number
  /** How busy admission is: the scan gives way. */
  readonly reviewsPerSecond: () => number
  readonly intervalMs: number
  readonly logger: Logger
  /** Told what is known; without news it is the figures of the scan alone that have changed. */
  readonly onState: (state: ScanState, isNews: boolean) => void
}

const TICK_MS = 500
const CONTEXT_EVERY_MS = 60_000
const NEWS_EVERY_MS = 2_000
const FIGURES_EVERY_MS = 5_000
/** Reports are written that seldom. */
const ROWS_EVERY_MS = 1_000
/** Reports are written before everything has been judged again only if that takes longer. */
const LONGEST_HOLD_MS = 15_000
/** How often the stored reports are compared with ours, since others may change them. */
const REREAD_MS = 600_000
const FIRST_RETRY_MS = 1_000
const LONGEST_RETRY_MS = 30_000
const LONGEST_TIMER_MS = 2 ** 31 - 1

/** Judges what exists already, follows it, and keeps the reports and the figures of it true. It remembers outcomes, not objects. */
export class Scanner {
  readonly #options: ScannerOptions
  readonly #store = new ScanStore()
  readonly #pacer: Pacer
  readonly #scans = new Map<string, TargetScan>()
  readonly #startedMs = Date.now()
  #ruleSet: RuleSet | undefined
  #policies: ReadonlyMap<string, EnforcedPolicy> = new Map()
  #prints: ReadonlyMap<string, PolicyPrint> = new Map()
  #plan: ScanPlan = { targets: new Map(), gaps: new Map(), kindsWithoutPolicy: 0 }
  #timers: NodeJS.Timeout[] = []
  #expiry: NodeJS.Timeout | undefined
  #isFlushing = false
  #isStopped = false
  #flushedMs = 0
  #readMs = 0
  #retryMs = 0
  #retryAtMs = 0
  #toldGaps = ''
  #news = ''
  #owesFigures = false
  #toldMs = 0
  #policiesTold: Record<string, PolicyScan> = {}
  /** What has been told and not been written yet. */
  #told: Record<string, PolicyScan> | undefined
  #isStale = true
  #judged = 0
  #pairs = 0
  #judgingMs = 0
  #lastCompleteMs = 0
  #firstScanSeconds = 0

  readonly #policyOf = (name: string): EnforcedPolicy | undefined => this.#policies.get(name)

  constructor(options: ScannerOptions) {
    this.#options = options
    this.#pacer = new Pacer(options.qps, options.reviewsPerSecond)
  }

  start(): void {
    const listAgain = (): void => {
      for (const scan of this.#scans.values()) scan.listAgain()
    }
    const lookAround = (): void => {
      const ruleSet = this.#ruleSet
      if (ruleSet?.policies.some(({ policy }) => policy.spec.context.length > 0)) this.update(ruleSet)
    }
    this.#timers = [
      setInterval(() => void this.#tick(), TICK_MS),
      setInterval(listAgain, this.#options.intervalMs),
      // Context may change with every Pod; nobody waits for what that means for old objects.
      setInterval(lookAround, CONTEXT_EVERY_MS),
    ]
  }

  stop(): void {
    this.#isStopped = true
    for (const timer of this.#timers) clearInterval(timer)
    clearTimeout(this.#expiry)
    for (const scan of this.#scans.values()) scan.stop()
  }

  /** Takes a rule set into force; only what it can judge otherwise is judged again. Also called where parameters, or what the cluster serves, may have changed. */
  update(ruleSet: RuleSet): void {
    const now = new Date()
    const prints = new Map(ruleSet.policies.map((policy) => [policy.identity.name, printOf(ruleSet, policy, this.#options.surroundingsOf(policy), now)]))
    const before = this.#prints
    this.#ruleSet = ruleSet
    this.#policies = new Map(ruleSet.policies.map((policy) => [policy.identity.name, policy]))
    this.#prints = prints
    const plan = planScan(ruleSet, this.#options.resources())
    this.#plan = plan
    for (const [key, scan] of this.#scans) {
      if (plan.targets.has(key)) continue
      scan.stop()
      this.#scans.delete(key)
      this.#store.drop(key)
    }
    for (const target of plan.targets.values()) {
      const scan = this.#scans.get(target.key)
      if (scan === undefined) this.#begin(target)
      else this.#renew(scan, target, before, prints)
    }
    clearTimeout(this.#expiry)
    const untilMs = nextExpiryMs(ruleSet, now) - now.getTime()
    if (untilMs <= LONGEST_TIMER_MS) this.#expiry = setTimeout(() => this.update(this.#ruleSet ?? ruleSet), untilMs + 1)
    this.#isStale = true
  }

  /** Has the objects of some namespaces judged again: their labels have changed. */
  namespacesChanged(namespaces: ReadonlySet<string>): void {
    for (const scan of this.#scans.values()) if (scan.target.isNamespaced) scan.judgeAgain(scan.target, namespaces)
  }

  #begin(target: ScanTarget): void {
    const { source, pageSize, logger } = this.#options
    const scan = new TargetScan(target, {
      source,
      store: this.#store,
      pacer: this.#pacer,
      pageSize,
      logger,
      judge: (own, object, epoch, walk) => this.#judge(own, object, epoch, walk),
      onProgress: () => {
        this.#isStale = true
      },
    })
    this.#scans.set(target.key, scan)
    scan.start()
  }

  #renew(scan: TargetScan, target: ScanTarget, before: ReadonlyMap<string, PolicyPrint>, after: ReadonlyMap<string, PolicyPrint>): void {
    let reach: Reach = new Set()
    for (const name of new Set([...scan.target.policies, ...target.policies])) {
      const isAdded = target.policies.has(name) !== scan.target.policies.has(name)
      reach = joinReach(reach, isAdded ? undefined : reachOfChange(before.get(name), after.get(name)))
    }
    if (reach === undefined) scan.judgeAgain(target, undefined)
    else if (reach.size > 0) scan.judgeAgain(target, reach)
    else scan.replaceTarget(target)
  }

  async #judge(target: ScanTarget, object: KubernetesObject, epoch: number, walk: number): Promise<void> {
    const { uid = '', name = '', namespace = '', resourceVersion = '', ownerReferences } = object.metadata
    if (isHistory(target, object)) {
      this.#store.remove(target.key, uid)
      return
    }
    const state: NamespaceState = target.isNamespaced ? await this.#options.namespaceOf(namespace) : { kind: 'clusterScoped' }
    const startMs = performance.now()
    const { params, contexts, digestKey } = this.#options
    const judgement = judgeObject(target, object, state, { policyOf: this.#policyOf, params, contexts, digestKey, now: new Date() })
    this.#judgingMs += performance.now() - startMs
    this.#judged += 1
    this.#pairs += target.policies.size
    const ownerUid = ownerReferences?.find(({ controller }) => controller === true)?.uid ?? ''
    this.#store.put({ target, uid, name, namespace, ownerUid, resourceVersion, epoch, seen: walk }, judgement)
    this.#isStale = true
  }

  async #tick(): Promise<void> {
    const ruleSet = this.#ruleSet
    if (ruleSet === undefined || this.#isFlushing || this.#isStopped) return
    this.#isFlushing = true
    try {
      const isReread = this.#readMs > 0 && Date.now() - this.#readMs > REREAD_MS
      const isOwed = this.#owesFigures && Date.now() - this.#toldMs > FIGURES_EVERY_MS
      if (this.#isStale || isReread || isOwed || this.#isFailing()) this.#told = this.#tell(ruleSet)
      if (this.#told !== undefined && this.#mayWrite()) await this.#flush(ruleSet, this.#told)
    } finally {
      this.#isFlushing = false
    }
  }

  /** A failure becomes known by the clock. */
  #isFailing(): boolean {
    return this.#store.hasChanges || [...this.#scans.values()].some((scan) => !scan.isUpToDate)
  }

  #tell(ruleSet: RuleSet): Record<string, PolicyScan> {
    this.#isStale = false
    const counts = tally(this.#store)
    const policies = settled(summarize(ruleSet, this.#plan, this.#scans, counts.policies), this.#policiesTold)
    const states = [...this.#scans.values()].map((scan) => scan.state())
    const isComplete = states.every(({ kind }) => kind === 'known')
    if (isComplete) {
      this.#lastCompleteMs = Date.now()
      if (this.#firstScanSeconds === 0) {
        this.#firstScanSeconds = (Date.now() - this.#startedMs) / 1000
        this.#options.logger.info('existing objects have been judged', { objects: this.#store.size, seconds: this.#firstScanSeconds })
      }
    }
    const waived = Object.fromEntries(counts.waived)
    const news = JSON.stringify([policies, waived])
    const isNews = news !== this.#news
    const sinceMs = Date.now() - this.#toldMs
    // Whoever hears of it works through every policy, beside admission.
    if (isNews ? isComplete || sinceMs > NEWS_EVERY_MS : sinceMs > FIGURES_EVERY_MS) {
      this.#news = news
      this.#owesFigures = false
      this.#toldMs = Date.now()
      this.#options.onState({ revision: ruleSet.revision, policies, waived, figures: this.#figures(isComplete, counts) }, isNews)
    } else if (isNews) this.#isStale = true
    else this.#owesFigures = true
    this.#policiesTold = policies
    return policies
  }

  #figures(isComplete: boolean, { kinds }: Tally): ScanFigures {
    const { reports } = this.#options
    return {
      isComplete,
      objects: this.#store.size,
      kinds: [...kinds].map(([kind, figures]) => ({ kind, ...figures })),
      kindsWithoutPolicy: this.#plan.kindsWithoutPolicy,
      judgedTotal: this.#judged,
      pairsTotal: this.#pairs,
      judgingSeconds: this.#judgingMs / 1000,
      reportsWritten: reports.written,
      reportsFailed: reports.failed,
      reports: reports.count,
      lastCompleteMs: this.#lastCompleteMs,
      firstScanSeconds: this.#firstScanSeconds,
    }
  }

  /** A report is written when everything has been judged once, and again: half of the truth would come and go. */
  #mayWrite(): boolean {
    if (Date.now() < this.#retryAtMs) return false
    const scans = [...this.#scans.values()]
    if (!scans.every(({ hasSettled }) => hasSettled)) return false
    const isQuiet = !this.#pacer.isBusy && scans.every((scan) => scan.isUpToDate || scan.state().kind === 'failing')
    return isQuiet ? Date.now() - this.#flushedMs > ROWS_EVERY_MS : Date.now() - this.#flushedMs > LONGEST_HOLD_MS
  }

  async #flush(ruleSet: RuleSet, policies: Record<string, PolicyScan>): Promise<void> {
    const { reports, logger } = this.#options
    this.#told = undefined
    const left: string[] = []
    let failure: unknown
    try {
      if (Date.now() - this.#readMs > REREAD_MS) await this.#readReports()
      const incomplete = this.#incomplete(policies)
      const gaps = JSON.stringify([...incomplete].map(([name, { scanned }]) => [name, scanned]))
      if (gaps !== this.#toldGaps) this.#store.markChanged(['', ...this.#namespaces()])
      this.#toldGaps = gaps
      const changed = this.#store.takeChanges()
      const entries = this.#entriesOf(changed)
      for (const namespace of changed) {
        if (this.#isStopped) return
        try {
          const content = reportContent(namespace, entries.get(namespace) ?? [], { ruleSet, store: this.#store, policies, incomplete })
          if (!(await reports.write(content, namespace))) left.push(namespace)
        } catch (error) {
          // Others are written all the same: one namespace that is going away must not keep them.
          failure = error
          left.push(namespace)
        }
      }
      // How much was written is told as well.
      if (changed.size > 0) this.#isStale = true
    } catch (error) {
      failure = error
    }
    this.#flushedMs = Date.now()
    this.#store.markChanged(left)
    this.#retryMs = failure === undefined ? 0 : Math.min(Math.max(FIRST_RETRY_MS, this.#retryMs * 2), LONGEST_RETRY_MS)
    if (failure === undefined && left.length === 0) return
    this.#told = policies
    this.#retryAtMs = Date.now() + this.#retryMs
    if (failure !== undefined) {
      const error = failure instanceof Error ? failure.message : String(failure)
      logger.warn('reports could not be written', { retryMs: this.#retryMs, namespaces: left.length, error })
    }
  }

  async #readReports(): Promise<void> {
    const { reports } = this.#options
    const isFirst = this.#readMs === 0
    const changed = await reports.load()
    this.#readMs = Date.now()
    this.#store.markChanged(isFirst ? [...reports.namespaces(), ...this.#namespaces()] : changed)
  }

  #namespaces(): ReadonlySet<string> {
    const found = new Set<string>()
    for (const { namespace } of this.#store.entries()) found.add(namespace)
    return found
  }

  #entriesOf(namespaces: ReadonlySet<string>): ReadonlyMap<string, readonly Entry[]> {
    const found = new Map<string, Entry[]>()
    for (const entry of this.#store.entries()) {
      if (!namespaces.has(entry.namespace)) continue
      const own = found.get(entry.namespace)
      if (own === undefined) found.set(entry.namespace, [entry])
      else own.push(entry)
    }
    return found
  }

  /** Policies of which not everything has been judged, each with the kinds of scope that this is about. */
  #incomplete(policies: Record<string, PolicyScan>): ReadonlyMap<string, PolicyScan> {
    return new Map(
      Object.entries(policies).filter(([, { scanned }]) => scanned.status !== 'True' && scanned.reason !== 'Scanning' && scanned.reason !== 'NotScanned'),
    )
  }
}
