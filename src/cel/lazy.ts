import { err, type Result } from '../api/index.ts'
import { CelError, EvaluationStopped, fail } from './failure.ts'
import type { Bindings, CelProgram, EvaluationError } from './program.ts'
import type { CelValue } from './values.ts'

/** A binding computed at most once, when an expression first reads it; its error becomes an error value at the place that reads it. */
export class Lazy {
  /** The program that computes it and what it is bound to, if the maker told: explanations follow it. */
  readonly source: { readonly program: CelProgram; readonly bindings: Bindings } | undefined
  readonly #compute: () => Result<CelValue, EvaluationError>
  #value: CelValue | undefined
  #stopped: EvaluationStopped | undefined
  #isComputing = false

  constructor(compute: () => Result<CelValue, EvaluationError>, source?: { readonly program: CelProgram; readonly bindings: Bindings }) {
    this.#compute = compute
    this.source = source
  }

  /** The value, an error value, or `EvaluationStopped` where computing it ran out of budget. */
  read(): CelValue {
    if (this.#stopped !== undefined) throw this.#stopped
    if (this.#value !== undefined) return this.#value
    // A variable that reads itself, over however many others, would never end.
    if (this.#isComputing) return fail('InvalidArgument', 'a variable depends on itself')
    this.#isComputing = true
    const result = this.#computed()
    this.#isComputing = false
    if (!result.ok && (result.error.code === 'CostExceeded' || result.error.code === 'DeadlineExceeded')) {
      this.#stopped = new EvaluationStopped(result.error.code, result.error.message)
      throw this.#stopped
    }
    this.#value = result.ok ? result.value : new CelError(result.error.code === 'Unavailable' ? 'Unavailable' : 'InvalidArgument', result.error.message)
    return this.#value
  }

  #computed(): Result<CelValue, EvaluationError> {
    try {
      return this.#compute()
    } catch (cause) {
      if (cause instanceof EvaluationStopped) throw cause
      return err({ code: 'EvaluationFailed', message: cause instanceof Error ? cause.message : String(cause) })
    }
  }
}
