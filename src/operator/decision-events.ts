import type { AdmissionRequest, KubernetesObject } from '../api/index.ts'
import type { EventWriter } from '../controllers/index.ts'
import type { Decision, FailedOutcome, RuleOutcome } from '../decide/index.ts'

export interface DecisionEventsParts {
  readonly events: EventWriter
  /** A policy as it is stored. */
  readonly policyOf: (name: string) => KubernetesObject | undefined
}

/** Pairs of policy and namespace that are known to have had a violation. */
const MAX_KNOWN = 20_000

const isViolation = (outcome: RuleOutcome): outcome is Extract<FailedOutcome, { readonly result: 'fail' }> =>
  outcome.result === 'fail' && outcome.waivedBy === undefined

/** Tells people by Events of decisions that they would not see otherwise: at the policy of its first violation in a namespace, at a workload of what is wrong with what it makes. */
export class DecisionEvents {
  readonly #parts: DecisionEventsParts
  readonly #known = new Set<string>()

  constructor(parts: DecisionEventsParts) {
    this.#parts = parts
  }

  tell({ outcomes }: Decision, request: AdmissionRequest): void {
    for (const outcome of outcomes) {
      if (!isViolation(outcome)) continue
      this.#tellFirst(outcome, request)
      if (outcome.effect !== 'allow') this.#tellOwner(outcome, request)
    }
  }

  #tellFirst({ rule, violation }: Extract<FailedOutcome, { readonly result: 'fail' }>, { namespace, kind }: AdmissionRequest): void {
    const { name } = rule.policy
    const key = `${name}\n${namespace}`
    if (this.#known.has(key) || this.#known.size >= MAX_KNOWN) return
    this.#known.add(key)
    const regarding = this.#parts.policyOf(name)
    if (regarding === undefined) return
    const where = namespace === '' ? 'among cluster-scoped objects' : `in namespace \`${namespace}\``
    const note = `first violation ${where}: a ${kind.kind}: ${violation.findings[0]?.sentence ?? violation.message}`
    this.#parts.events.write({ regarding, type: 'Warning', reason: 'FirstViolation', action: 'Judge', note, about: namespace, isOnce: true })
  }

  /** What a controller makes nobody submits, and nobody reads the warning. */
  #tellOwner({ rule, effect, violation }: Extract<FailedOutcome, { readonly result: 'fail' }>, { object, operation, kind, namespace }: AdmissionRequest): void {
    const owner = operation === 'CREATE' ? object?.metadata.ownerReferences?.find(({ controller }) => controller === true) : undefined
    if (owner === undefined) return
    const regarding = {
      apiVersion: owner.apiVersion,
      kind: owner.kind,
      metadata: { name: owner.name, ...(owner.uid === undefined ? {} : { uid: owner.uid }), ...(namespace === '' ? {} : { namespace }) },
    }
    const { name, remediation } = rule.policy
    const done = effect === 'deny' ? 'refuses' : 'warns of'
    const note = `policy \`${name}\` ${done} each ${kind.kind} made here: ${violation.findings[0]?.sentence ?? violation.message}; ${remediation}`
    this.#parts.events.write({ regarding, type: 'Warning', reason: effect === 'deny' ? 'PolicyDenied' : 'PolicyWarned', action: 'Judge', note, about: name })
  }
}
