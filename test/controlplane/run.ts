import { once } from 'node:events'
import { basename } from 'node:path'
import { connectionFile } from './cluster.ts'
import { startControlPlane } from './control-plane.ts'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

async function run(args: readonly string[]): Promise<number> {
  const isManaged = args.includes('--controller-manager')
  if (args.some((arg) => arg !== '--controller-manager')) {
    process.stderr.write(`usage: node test/controlplane/${basename(import.meta.filename)} [--controller-manager]\n`)
    return 2
  }
  // Until the control plane is up a signal just ends this process, and what it has started ends with it.
  const plane = await startControlPlane({ controllerManager: isManaged })
  if (isManaged && !plane.hasControllerManager) process.stdout.write('no controller manager: its binary is not there, see test/controlplane/README.md\n')
  process.stdout.write(`${plane.url} is ready: users and groups in test/controlplane/users.ts, logs in ${plane.dir}

  export KUBECONFIG=${plane.adminKubeconfig}
  ${plane.kubectlPath} --kubeconfig ${plane.adminKubeconfig} --context alice auth whoami
  BYLAW_CONTROL_PLANE=${connectionFile(plane.dir)}   # lets tests use this one

Ctrl-C stops it and removes its data
`)
  // A pending promise alone does not keep Node alive.
  const alive = setInterval(() => undefined, 60_000)
  await Promise.race(SIGNALS.map((signal) => once(process, signal)))
  clearInterval(alive)
  await plane.stop()
  return 0
}

process.exitCode = await run(process.argv.slice(2))
