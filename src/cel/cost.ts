import { EvaluationStopped } from './failure.ts'

/** Limits of the evaluations that share one budget; `deadline` brings its own clock. */
export interface CostLimits {
  readonly perExpression?: number
  readonly total?: number
  readonly deadline?: { readonly now: () => number; readonly atMs: number }
}

/** What one expression may cost unless said otherwise, in Kubernetes' units. */
const COST_PER_EXPRESSION = 1_000_000
/** What all expressions of a policy may cost together unless said otherwise. */
const COST_TOTAL = 10_000_000

// Units between two looks at the clock.
const CLOCK_INTERVAL = 5_000
// More than any budget; a whole number, since infinity would turn the counters into floating point.
const NEVER = 2 ** 30
const NO_LIMITS: CostLimits = {}

/** The allowance of one policy evaluation: every expression draws on it before it works or allocates. */
export class CostBudget {
  readonly #perExpression: number
  readonly #total: number
  readonly #deadline: CostLimits['deadline']
  #spent = 0
  // Where the next look at the limits is due: the nearest of them, or of the looks at the clock.
  #checkAt = 0
  #clockAt: number
  #expressionStart = 0

  constructor(limits: CostLimits = NO_LIMITS) {
    this.#perExpression = limits.perExpression ?? COST_PER_EXPRESSION
    this.#total = limits.total ?? COST_TOTAL
    this.#deadline = limits.deadline
    this.#clockAt = limits.deadline === undefined ? NEVER : 0
  }

  /** Units spent so far by all expressions. */
  get spent(): number {
    return this.#spent
  }

  /** Takes `units`, or throws `EvaluationStopped` where they are not there. */
  charge(units: number): void {
    this.#spent += units
    if (this.#spent > this.#checkAt) this.#check()
  }

  /** Starts an expression with its own allowance inside the total; returns what `leave` needs. */
  enter(): number {
    const outer = this.#expressionStart
    this.#expressionStart = this.#spent
    this.#plan()
    return outer
  }

  /** Ends the expression that `enter` started. */
  leave(outer: number): void {
    // What an inner expression spent counts for the total, not for the expression that read it.
    this.#expressionStart = outer + (this.#spent - this.#expressionStart)
    this.#plan()
  }

  #plan(): void {
    const end = this.#expressionStart + this.#perExpression
    const nearest = end < this.#total ? end : this.#total
    this.#checkAt = nearest < this.#clockAt ? nearest : this.#clockAt
  }

  #check(): void {
    const spent = this.#spent
    if (spent - this.#expressionStart > this.#perExpression) throw new EvaluationStopped('CostExceeded', 'operation cancelled: actual cost limit exceeded')
    if (spent > this.#total) {
      throw new EvaluationStopped('CostExceeded', 'validation failed due to running out of cost budget, no further validation rules will be run')
    }
    if (this.#deadline !== undefined) {
      if (this.#deadline.now() >= this.#deadline.atMs) throw new EvaluationStopped('DeadlineExceeded', 'operation cancelled: evaluation deadline exceeded')
      this.#clockAt = spent + CLOCK_INTERVAL
    } else this.#clockAt = Math.max(NEVER, spent + NEVER)
    this.#plan()
  }
}
