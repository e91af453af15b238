import { setFlagsFromString } from 'node:v8'
import type { OperatorFlags } from '../cli/index.ts'
import { loadConfig } from './load-config.ts'
import { BylawOperator } from './operator.ts'

const STOP_GRACE_MS = 10_000

/** Runs the operator until it is asked to stop; resolves with the exit code. */
export async function runOperator(flags: OperatorFlags): Promise<number> {
  // A long-lived process of small garbage: let the heap grow slowly instead of doubling before it is swept.
  setFlagsFromString('--heap-growing-percent=25')
  const operator = new BylawOperator(loadConfig(flags), flags)
  const isAskedToStop = new Promise<void>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve())
  })
  await operator.start()
  await isAskedToStop
  setTimeout(() => process.exit(0), STOP_GRACE_MS).unref()
  await operator.stop()
  return 0
}
