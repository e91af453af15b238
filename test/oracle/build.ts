import { buildOracle } from './oracle.ts'

// Builds Kubernetes' own evaluator once per machine, before tests that run side by side would each do so.
process.stdout.write('building Kubernetes’ own evaluator, if this machine has none yet: about two minutes\n')
process.stdout.write(`${await buildOracle()}\n`)
