import { findArgo, findFlux } from './parts.ts'

// Builds the parts of others before the tests start, so that their time limits are about themselves.
try {
  for (const find of [findArgo, findFlux]) process.stdout.write(`${await find()}\n`)
} catch (error) {
  process.stderr.write(`gitops: a part cannot be had, so nothing is tested: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
