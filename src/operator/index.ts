export { UsageError } from './load-config.ts'
export { runOperator } from './run.ts'
export { VERSION } from './version.ts'
