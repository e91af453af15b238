import { OperationalError } from './api/index.ts'
import { type ClusterFlags, type EvidenceClient, type ExceptionClient, runProgram } from './cli/index.ts'
import { KubeClient, KubeEvidence, KubeExceptions, loadKubeConfig, type PooledKubeConfig } from './kube/index.ts'
import { runOperator, UsageError, VERSION } from './operator/index.ts'

const kubeConfigOf = ({ kubeconfig: file, context }: ClusterFlags): PooledKubeConfig => loadKubeConfig({ file, context })

const exceptionClient = (flags: ClusterFlags): ExceptionClient => new KubeExceptions(new KubeClient(kubeConfigOf(flags)))

function evidenceClient(flags: ClusterFlags): EvidenceClient {
  const config = kubeConfigOf(flags)
  return new KubeEvidence(new KubeClient(config), config)
}

async function run(argv: readonly string[]): Promise<number> {
  try {
    return await runProgram(argv, { version: VERSION, runOperator, exceptionClient, evidenceClient })
  } catch (error) {
    if (error instanceof UsageError || error instanceof OperationalError) {
      process.stderr.write(`error: ${error.message}\n`)
      return error instanceof UsageError ? 2 : 1
    }
    throw error
  }
}

const exitCode = await run(process.argv.slice(2))
// Whatever still holds the event loop must not keep a finished command alive; output that is on its way is let out first.
process.exitCode = exitCode
setTimeout(() => process.exit(exitCode), 500).unref()
