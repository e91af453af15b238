import { Boxed, type CelValue, type Kind, typeName } from './values.ts'

/** Why an evaluation gave an error; explanations treat `NoSuchKey` as an absent field, and `Unavailable` is a variable that whoever binds it could not get. */
export type FailureCode =
  | 'NoSuchKey'
  | 'NoSuchOverload'
  | 'OutOfRange'
  | 'Overflow'
  | 'DivisionByZero'
  | 'Conversion'
  | 'InvalidArgument'
  | 'Unbound'
  | 'Unavailable'

/** An error as a value: `&&`, `||`, `all` and `exists` may absorb it, everything else passes it on. */
export class CelError extends Boxed {
  readonly $code: FailureCode
  readonly $message: string
  constructor(code: FailureCode, message: string) {
    super()
    this.$code = code
    this.$message = message
  }
  get $kind(): Kind {
    return 'error'
  }
}

/** Makes an error value. */
export function fail(code: FailureCode, message: string): CelError {
  return new CelError(code, message)
}

/** The first error among the operands, or the error that no overload takes them. */
export function noOverload(operation: string, ...operands: readonly CelValue[]): CelError {
  for (const operand of operands) if (operand instanceof CelError) return operand
  return new CelError('NoSuchOverload', `no such overload: ${operation}(${operands.map(typeName).join(', ')})`)
}

/** Thrown inside an evaluation, so that nothing in an expression can absorb it; never leaves the room. */
export class EvaluationStopped extends Error {
  readonly code: 'EvaluationFailed' | 'CostExceeded' | 'DeadlineExceeded'
  constructor(code: 'EvaluationFailed' | 'CostExceeded' | 'DeadlineExceeded', message: string) {
    super(message)
    this.code = code
  }
}
