/** Why the world outside failed us. */
export type OperationalErrorCode =
  | 'KubeConflict'
  | 'KubeForbidden'
  | 'KubeNotFound'
  | 'KubeInvalid'
  | 'KubeUnavailable'
  /** What was asked for is longer than it may be. */
  | 'KubeTooLarge'
  /** The place in a list or watch is too old: it has to be started again. */
  | 'KubeExpired'
  | 'ConfigUnreadable'
  | 'PortUnavailable'

/** The world broke: thrown only by rooms that do I/O, caught only where work can be retried or refused. */
export class OperationalError extends Error {
  override readonly name = 'OperationalError'
  readonly code: OperationalErrorCode
  readonly isRetryable: boolean

  constructor(code: OperationalErrorCode, message: string, options: { readonly isRetryable: boolean; readonly cause?: unknown }) {
    super(message, { cause: options.cause })
    this.code = code
    this.isRetryable = options.isRetryable
  }
}
