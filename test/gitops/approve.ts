import { execFile } from 'node:child_process'
import { join } from 'node:path'
import type { Cluster } from '../controlplane/cluster.ts'

const ROOT = join(import.meta.dirname, '../..')

/** `bylaw approve`, as a process of its own, by somebody who may; gives what it says. */
export function approve(cluster: Cluster, name: string, namespace: string): Promise<string> {
  const args = ['--disable-warning=ExperimentalWarning', join(ROOT, 'src/main.ts'), 'approve', name, '-n', namespace]
  return new Promise((resolve, reject) => {
    execFile(join(ROOT, 'node_modules/.bin/node'), [...args, '--kubeconfig', cluster.kubeconfigFor('approver')], (error, stdout, stderr) =>
      error === null ? resolve(stdout) : reject(new Error(stderr)),
    )
  })
}
