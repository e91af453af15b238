/** The sinks besides the chain. */
export type SinkName = 'Stdout' | 'Otlp'

/** Why a sink did not get a record: nobody took it in time, or it was refused. */
export type SinkDropReason = 'queueFull' | 'rejected'

/** Takes note of how sinks fare; must not throw. */
export interface SinkObserver {
  recordSinkWritten(sink: SinkName, count: number): void
  recordSinkDropped(sink: SinkName, reason: SinkDropReason, count: number): void
}
