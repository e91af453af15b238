import { once } from 'node:events'
import { watch } from 'node:fs'
import { join } from 'node:path'
import { startControlPlane } from '../controlplane/control-plane.ts'
import { freePort } from '../controlplane/ports.ts'
import { installDefinitions, type Operator, startOperator } from '../support/operator.ts'

const SETTLE_MS = 300
const ROOT = join(import.meta.dirname, '../..')

/** Runs the operator on a control plane of its own and starts it again whenever its source or configuration changes. */
async function run(): Promise<void> {
  const plane = await startControlPlane({ controllerManager: true })
  await installDefinitions(plane)
  const admissionPort = await freePort()
  let operator: Operator | undefined
  const restart = async (): Promise<void> => {
    await operator?.stop()
    operator = undefined
    try {
      operator = await startOperator(plane, { admissionPort, config: join(ROOT, 'config/bylaw.yaml') })
      process.stdout.write(`operator ready, log ${operator.logFile}\n`)
    } catch (error) {
      process.stdout.write(`${error instanceof Error ? error.message : String(error)}\nwaiting for a change\n`)
    }
  }
  await restart()
  process.stdout.write(`\n  export KUBECONFIG=${plane.adminKubeconfig}\n  ${plane.kubectlPath} apply -f config/samples\n\nCtrl-C ends everything\n`)
  let timer: NodeJS.Timeout | undefined
  let chain = Promise.resolve()
  for (const folder of ['src', 'config']) {
    watch(join(ROOT, folder), { recursive: true }, () => {
      clearTimeout(timer)
      timer = setTimeout(() => {
        chain = chain.then(restart)
      }, SETTLE_MS)
    })
  }
  await Promise.race(['SIGINT', 'SIGTERM', 'SIGHUP'].map((signal) => once(process, signal)))
  await chain
  await operator?.stop()
  await plane.stop()
  process.exit(0)
}

await run()
