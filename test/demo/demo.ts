import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Cluster } from '../controlplane/cluster.ts'
import { startControlPlane } from '../controlplane/control-plane.ts'
import { installDefinitions, startOperator } from '../support/operator.ts'
import { tell } from './story.ts'

const SETTLE_MS = 15_000

/** Waits until every policy is enforced, and a moment more, since the API server takes up a registration with a short delay. */
async function untilEnforced(cluster: Cluster): Promise<void> {
  for (const until = Date.now() + SETTLE_MS; Date.now() < until; await sleep(200)) {
    const path = '{range .items[*]}{.metadata.name}={.status.conditions[?(@.type=="Enforced")].status}{"\\n"}{end}'
    const { stdout } = await cluster.kubectl(['get', 'policies.bylaw.dev', '-o', `jsonpath=${path}`])
    const lines = stdout.trim().split('\n')
    if (lines.every((line) => line.endsWith('=True'))) break
  }
  await sleep(500)
}

async function run(): Promise<number> {
  const isOnce = process.env['ONCE'] === '1'
  process.stdout.write('starting etcd, kube-apiserver and the operator ...\n')
  const plane = await startControlPlane({ controllerManager: true })
  try {
    await installDefinitions(plane)
    const operator = await startOperator(plane)
    const isAsTold = await tell(plane, () => untilEnforced(plane))
    process.stdout.write(isAsTold ? '\nEverything happened as told.\n' : '\nNot everything happened as told.\n')
    if (!isOnce) {
      process.stdout.write(`
The cluster stays up. To go on by hand:

  export KUBECONFIG=${plane.adminKubeconfig}
  ${plane.kubectlPath} get policies.bylaw.dev
  ${plane.kubectlPath} explain policies.bylaw.dev.spec.enforcement

The operator's log is ${operator.logFile}; Ctrl-C ends everything.
`)
      const alive = setInterval(() => undefined, 60_000)
      await Promise.race(['SIGINT', 'SIGTERM', 'SIGHUP'].map((signal) => once(process, signal)))
      clearInterval(alive)
    }
    await operator.stop()
    return isAsTold ? 0 : 1
  } finally {
    await plane.stop()
  }
}

process.exitCode = await run()
