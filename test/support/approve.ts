import { execFile } from 'node:child_process'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '../..')

/** `bylaw approve`, as a process of its own with somebody's kubeconfig. */
export function runApprove(kubeconfig: string, args: readonly string[]): Promise<{ readonly code: number; readonly text: string }> {
  const command = ['--disable-warning=ExperimentalWarning', join(ROOT, 'src/main.ts'), 'approve', '--kubeconfig', kubeconfig, ...args]
  return new Promise((resolve) => {
    execFile(join(ROOT, 'node_modules/.bin/node'), command, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, text: `${stdout}${stderr}` })
    })
  })
}
