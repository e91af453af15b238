export { type CheckOptions, type CommandResult, check, EXIT, exitCodeFor } from './check.ts'
export { type OperatorFlags, type ProgramOptions, runProgram } from './program.ts'
