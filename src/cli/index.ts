export type { ExceptionClient } from './approve.ts'
export { type CheckOptions, type CommandResult, check, EXIT, exitCodeFor } from './check.ts'
export type { EvidenceClient } from './evidence-client.ts'
export { type ClusterFlags, type OperatorFlags, type ProgramOptions, runProgram } from './program.ts'
