import { EvaluationStopped } from './failure.ts'

/** Limits of the evaluations that share one budget; `deadline` brings its own clock. */
export interface CostLimits {
  readonly perExpression?: number
  readonly total?: number
  readonly deadline?: { readonly now: () => number; readonly atMs: number }
}

/** What one expression may cost unless said otherwise, in Kubernetes' units. */
export const COST_PER_EXPRESSION = 1_000_000
/** What all expressions of a policy may cost together unless said otherwise. */
export const COST_TOTAL = 10_000_000

// Units handed out between two looks at the clock.
const SLICE = 5_000

/** The allowance of one policy evaluation: every expression draws on it before it works or allocates. */
export class CostBudget {
  readonly #perExpression: number
  readonly #total: number
  readonly #deadline: CostLimits['deadline']
  #slice = 0
  #left = 0
  #spentBefore = 0
  #expressionStart = 0

  constructor(limits: CostLimits = {}) {
    this.#perExpression = limits.perExpression ?? COST_PER_EXPRESSION
    this.#total = limits.total ?? COST_TOTAL
    this.#deadline = limits.deadline
  }

  /** Units spent so far by all expressions. */
  get spent(): number {
    return this.#spentBefore + this.#slice - this.#left
  }

  /** Takes `units`, or throws `EvaluationStopped` where they are not there. */
  charge(units: number): void {
    this.#left -= units
    if (this.#left < 0) this.#refill()
  }

  /** Starts an expression with its own allowance inside the total; returns what `leave` needs. */
  enter(): number {
    const outer = this.#expressionStart
    this.#settle()
    this.#expressionStart = this.#spentBefore
    return outer
  }

  /** Ends the expression that `enter` started. */
  leave(outer: number): void {
    // What an inner expression spent counts for the total, not for the expression that read it.
    this.#settle()
    this.#expressionStart = outer + (this.#spentBefore - this.#expressionStart)
  }

  #settle(): void {
    this.#spentBefore = this.spent
    this.#slice = 0
    this.#left = 0
  }

  #refill(): void {
    this.#settle()
    const spent = this.#spentBefore
    if (spent - this.#expressionStart > this.#perExpression) throw new EvaluationStopped('CostExceeded', 'operation cancelled: actual cost limit exceeded')
    if (spent > this.#total)
      throw new EvaluationStopped('CostExceeded', 'validation failed due to running out of cost budget, no further validation rules will be run')
    if (this.#deadline !== undefined && this.#deadline.now() >= this.#deadline.atMs) {
      throw new EvaluationStopped('DeadlineExceeded', 'operation cancelled: evaluation deadline exceeded')
    }
    this.#slice = Math.max(0, Math.min(SLICE, this.#perExpression - (spent - this.#expressionStart), this.#total - spent))
    this.#left = this.#slice
  }
}
