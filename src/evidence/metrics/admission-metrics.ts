import type { AdmissionRequest, Operation } from '../../api/index.ts'
import type { Decision, Effect } from '../../decide/index.ts'
import type { Cell, Distribution, Families, SeriesFamily } from './series.ts'

/** Why a review ended without a decision. */
export type UndecidedReason = 'notReady' | 'shed' | 'badRequest' | 'internalError' | 'tooLarge' | 'timedOut'

/** What an answered review was: a decision by its effect, or a call for a correction. */
export type ReviewEffect = Effect | 'correct'

/** What waits at the door at one moment. */
export interface DoorLoad {
  readonly waiting: number
  readonly inFlight: number
  readonly heldBytes: number
}

const EFFECTS: readonly Effect[] = ['allow', 'warn', 'deny']
const REVIEW_EFFECTS: readonly ReviewEffect[] = [...EFFECTS, 'correct']
const OPERATIONS: readonly Operation[] = ['CREATE', 'UPDATE', 'DELETE', 'CONNECT']
const UNDECIDED: readonly UndecidedReason[] = ['notReady', 'shed', 'badRequest', 'internalError', 'tooLarge', 'timedOut']
const DURATION_BOUNDS = [0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** What became of requests at the door, and how long it took. */
export class AdmissionMetrics {
  readonly #decided: ReadonlyMap<Effect, Cell>
  readonly #decidedDry: ReadonlyMap<Effect, Cell>
  readonly #undecided: SeriesFamily
  readonly #durations: ReadonlyMap<Operation, ReadonlyMap<ReviewEffect, Distribution>>
  readonly #environmentUnknown: ReadonlyMap<string, Cell>
  #load: () => DoorLoad = () => ({ waiting: 0, inFlight: 0, heldBytes: 0 })

  constructor(families: Families) {
    const decisions = families.counter('bylaw_decisions_total', 'Decisions by effect', ['effect', 'dry_run'])
    this.#decidedDry = new Map(EFFECTS.map((effect) => [effect, decisions.cell(effect, 'true')]))
    this.#decided = new Map(EFFECTS.map((effect) => [effect, decisions.cell(effect, 'false')]))
    this.#undecided = families.counter(
      'bylaw_reviews_undecided_total',
      'Reviews answered without a decision, by reason and failure class of the registration',
      ['reason', 'failure_class'],
    )
    const duration = families.histogram(
      'bylaw_review_duration_seconds',
      'Time from the arrival of a request to its answer, for those that were decided or corrected',
      ['operation', 'effect'],
      DURATION_BOUNDS,
    )
    this.#durations = new Map(
      OPERATIONS.map((operation) => [operation, new Map(REVIEW_EFFECTS.map((effect) => [effect, duration.distribution(operation, effect)]))]),
    )
    const unknown = families.counter('bylaw_environment_unknown_total', 'Decisions at the strictest level because the environment was not known', ['reason'])
    this.#environmentUnknown = new Map(['NamespaceUnknown', 'LabelUnknown'].map((reason) => [reason, unknown.cell(reason)]))
    families.figure('bylaw_reviews_in_flight', 'Reviews that have arrived and are not answered', () => this.#load().inFlight)
    families.figure('bylaw_reviews_waiting', 'Reviews that have been read and wait for their turn to be judged', () => this.#load().waiting)
    families.figure('bylaw_reviews_held_bytes', 'Bodies of reviews that are held in memory', () => this.#load().heldBytes)
    for (const reason of UNDECIDED) for (const failureClass of ['fail', 'ignore']) this.#undecided.cell(reason, failureClass)
  }

  /** Says where to look how much waits at the door. */
  observeDoor(load: () => DoorLoad): void {
    this.#load = load
  }

  recordDecision({ effect, environment }: Decision, { dryRun }: Pick<AdmissionRequest, 'dryRun'>): void {
    const cell = (dryRun ? this.#decidedDry : this.#decided).get(effect)
    if (cell !== undefined) cell.value += 1
    if (environment.kind === 'known') return
    const unknown = this.#environmentUnknown.get(environment.reason)
    if (unknown !== undefined) unknown.value += 1
  }

  recordUndecided(reason: UndecidedReason, failureClass: 'fail' | 'ignore'): void {
    this.#undecided.cell(reason, failureClass).value += 1
  }

  recordDuration(seconds: number, operation: Operation, effect: ReviewEffect): void {
    this.#durations.get(operation)?.get(effect)?.observe(seconds)
  }
}
