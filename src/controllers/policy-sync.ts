import {
  compileSelector,
  defaultEnforcementProfile,
  type EnforcementProfile,
  type FieldIssue,
  type KubernetesObject,
  type LabelSelectorLike,
  type Policy,
  parseEnforcementProfile,
  parsePolicy,
  parsePolicyException,
} from '../api/index.ts'
import type { Logger } from '../evidence/index.ts'
import {
  assembleRuleSet,
  BREAK_GLASS,
  type CompiledException,
  type CompiledPolicy,
  type CompileIssue,
  compileException,
  compilePolicy,
  compileUnreadable,
  type RuleSet,
  type RuleSetStore,
  type ServedVersions,
  verifyBreakGlass,
  type WorkloadController,
  withBreakGlass,
} from '../rules/index.ts'
import type { Cluster, ObjectCache } from './cluster.ts'
import type { ContextSync } from './context-sync.ts'
import { Loop } from './loop.ts'
import type { ParamSync } from './param-sync.ts'
import type { ShrinkGuard } from './shrink-guard.ts'

/** What has become of one Policy object. */
export interface PolicyState {
  readonly object: KubernetesObject
  /** Undefined where not even the objects that it is about could be read. */
  readonly compiled: CompiledPolicy | undefined
  readonly issues: readonly CompileIssue[]
}

/** What has become of one PolicyException object. */
export interface ExceptionState {
  readonly object: KubernetesObject
  /** Undefined where it could not be read; such an exception waives nothing. */
  readonly compiled: CompiledException | undefined
  readonly issues: readonly CompileIssue[]
}

export interface PolicySyncOptions {
  readonly cluster: Cluster
  readonly store: RuleSetStore
  readonly params: ParamSync
  readonly contexts: ContextSync
  readonly shrinkGuard: Pick<ShrinkGuard, 'mayReplace'>
  readonly servedVersions: ServedVersions
  readonly policySelector: LabelSelectorLike | undefined
  readonly workloadControllers: readonly WorkloadController[]
  readonly approvalKey: () => string
  readonly ownNamespace: string
  readonly logger: Logger
  /** Called after each run, with the set that is now in force. */
  readonly onRuleSet: (ruleSet: RuleSet) => void
}

const GROUP = 'bylaw.dev'
const VERSION = 'v1'
const SETTLE_MS = 50
/** How often a held shrink is looked at again: its confirmation is no event of anything that is watched here. */
const HELD_MS = 2000
/** How long the first set waits for exceptions that cannot be read, and how often it is looked. */
const PATIENCE_MS = 3000
const UNREADY_MS = 250

interface Remembered {
  readonly key: string
  readonly state: PolicyState
}

/** Keeps the rule set in force equal to the policies and the profile in the cluster. */
export class PolicySync {
  readonly #options: PolicySyncOptions
  readonly #loop: Loop
  readonly #policies: ObjectCache
  readonly #profiles: ObjectCache
  readonly #exceptions: ObjectCache
  readonly #breakGlass: ObjectCache
  readonly #remembered = new Map<string, Remembered>()
  readonly #startedMs = Date.now()
  #profile: EnforcementProfile = defaultEnforcementProfile()
  #profileMistakes: readonly FieldIssue[] = []
  #states: readonly PolicyState[] = []
  #exceptionStates: readonly ExceptionState[] = []
  #isHeld = false
  #heldTimer: NodeJS.Timeout | undefined

  constructor(options: PolicySyncOptions) {
    this.#options = options
    this.#loop = new Loop('policies', () => this.#run(), options.logger, SETTLE_MS)
    const follow = (resource: string): ObjectCache => options.cluster.follow({ group: GROUP, version: VERSION, resource }, () => this.request())
    this.#policies = follow('policies')
    this.#profiles = follow('enforcementprofiles')
    this.#exceptions = follow('policyexceptions')
    const glass = { group: '', version: 'v1', resource: 'configmaps', namespace: options.ownNamespace, name: BREAK_GLASS.name }
    this.#breakGlass = options.cluster.follow(glass, () => this.request())
  }

  /** Asks for a run: something that the rule set depends on has changed. */
  request(): void {
    this.#loop.request()
  }

  stop(): void {
    this.#loop.stop()
    clearTimeout(this.#heldTimer)
    for (const cache of [this.#policies, this.#profiles, this.#exceptions, this.#breakGlass]) cache.stop()
  }

  /** The policies of this instance, as they were at the last run. */
  states(): readonly PolicyState[] {
    return this.#states
  }

  /** The profile objects with what is wrong with the one that counts. */
  profileState(): { readonly objects: readonly KubernetesObject[]; readonly inForce: EnforcementProfile; readonly mistakes: readonly FieldIssue[] } {
    return { objects: this.#profiles.list(), inForce: this.#profile, mistakes: this.#profileMistakes }
  }

  /** The exceptions, as they were at the last run. */
  exceptions(): readonly ExceptionState[] {
    return this.#exceptionStates
  }

  /** The exception object as the watch has it now, status included. */
  currentException(name: string, namespace: string): KubernetesObject | undefined {
    return this.#exceptions.get(name, namespace)
  }

  /** The policy object as the watch has it now, status included. */
  current(name: string): KubernetesObject | undefined {
    return this.#policies.get(name)
  }

  /** Whether a suspicious shrink keeps an older rule set in force. */
  get isHeld(): boolean {
    return this.#isHeld
  }

  /** Whether the exceptions, and what turns policies down, have been read, or have had their time: a first set without them would refuse what is waived. */
  #hasExceptions(): boolean {
    return (this.#exceptions.hasSynced && this.#breakGlass.hasSynced) || Date.now() - this.#startedMs > PATIENCE_MS
  }

  async #run(): Promise<void> {
    if (!this.#policies.hasSynced || !this.#profiles.hasSynced) return
    this.#readProfile()
    this.#states = this.#readPolicies()
    this.#exceptionStates = this.#exceptions.list().map((object) => this.#readException(object))
    const compiled = this.#states.flatMap((state) => state.compiled ?? [])
    const { params, contexts, store, shrinkGuard, servedVersions, workloadControllers, logger, onRuleSet, approvalKey, ownNamespace } = this.#options
    const previous = store.snapshot()
    const wanted = compiled.map(({ policy }) => policy)
    // The set in force may stay there, and reads what it declares until another one is.
    this.#follow([...wanted, ...(previous?.policies ?? []).map(({ policy }) => policy)])
    if (previous === undefined && !(params.isReady() && contexts.isReady() && this.#hasExceptions())) {
      // What is waited for may never come, and nothing else need happen.
      clearTimeout(this.#heldTimer)
      this.#heldTimer = setTimeout(() => this.request(), UNREADY_MS)
      return
    }
    const breakGlass = verifyBreakGlass(this.#breakGlass.get(BREAK_GLASS.name, ownNamespace), approvalKey())
    this.#isHeld = !(await shrinkGuard.mayReplace(previous, compiled.length))
    clearTimeout(this.#heldTimer)
    if (this.#isHeld && previous !== undefined) {
      this.#heldTimer = setTimeout(() => this.request(), HELD_MS)
      const kept = withBreakGlass(previous, breakGlass)
      store.replace(kept)
      onRuleSet(kept)
      return
    }
    const next = assembleRuleSet({
      policies: compiled,
      profile: this.#profile,
      exceptions: this.#exceptionStates.flatMap((state) => state.compiled ?? []),
      workloadControllers,
      servedVersions,
      breakGlass,
    })
    // The look-ups depend on what the cluster serves, which the revision does not tell: a new set is taken in any case.
    store.replace(next)
    this.#follow(wanted)
    if (next.revision !== previous?.revision) logger.info('rule set replaced', { revision: next.revision, policies: compiled.length })
    onRuleSet(next)
  }

  #follow(policies: readonly Policy[]): void {
    this.#options.params.follow(policies)
    this.#options.contexts.follow(policies)
  }

  #readProfile(): void {
    const object = this.#profiles.get('default')
    if (object === undefined) {
      const isLost = this.#profile.metadata.uid !== undefined
      this.#profileMistakes = isLost ? [{ path: '', message: 'the profile was deleted; the last one stays in force until restart', code: 'Required' }] : []
      return
    }
    const parsed = parseEnforcementProfile(object)
    this.#profileMistakes = parsed.ok ? [] : parsed.error
    if (parsed.ok) this.#profile = parsed.value
  }

  #readPolicies(): readonly PolicyState[] {
    const { policySelector } = this.#options
    const isOurs = policySelector === undefined ? () => true : compileSelector(policySelector)
    const objects = this.#policies.list().filter(({ metadata }) => isOurs(metadata.labels ?? {}))
    const names = new Set(objects.map(({ metadata }) => metadata.name ?? ''))
    for (const name of this.#remembered.keys()) if (!names.has(name)) this.#remembered.delete(name)
    return objects.map((object) => this.#readPolicy(object))
  }

  #readException(object: KubernetesObject): ExceptionState {
    const parsed = parsePolicyException(object)
    if (!parsed.ok) {
      const policy = object.metadata.name ?? ''
      return {
        object,
        compiled: undefined,
        issues: parsed.error.map(({ path, message }) => ({ code: 'InvalidField', severity: 'error', policy, path, message })),
      }
    }
    const { approvalKey, ownNamespace } = this.#options
    return { object, ...compileException(parsed.value, object, { approvalKey: approvalKey(), ownNamespace }) }
  }

  #readPolicy(object: KubernetesObject): PolicyState {
    const { name = '', uid = '', generation = 0 } = object.metadata
    const key = `${uid}/${generation}`
    const known = this.#remembered.get(name)
    if (known?.key === key && generation > 0) return { ...known.state, object }
    const parsed = parsePolicy(object)
    const state: PolicyState = parsed.ok ? compiledState(object, compilePolicy(parsed.value)) : { object, ...compileUnreadable(object, parsed.error) }
    this.#remembered.set(name, { key, state })
    return state
  }
}

const compiledState = (object: KubernetesObject, compiled: CompiledPolicy): PolicyState => ({ object, compiled, issues: compiled.issues })
