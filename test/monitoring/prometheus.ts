import { execFile } from 'node:child_process'
import { accessSync, constants, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { exclusively } from '../controlplane/exclusively.ts'

const run = promisify(execFile)

/** Where Prometheus is. */
export interface Prometheus {
  readonly prometheus: string
  readonly promtool: string
}

const isExecutable = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

const inFolder = (folder: string): Prometheus | undefined => {
  const [prometheus, promtool] = ['prometheus', 'promtool'].map((name) => join(folder, name))
  return prometheus !== undefined && promtool !== undefined && isExecutable(prometheus) && isExecutable(promtool) ? { prometheus, promtool } : undefined
}

/** Takes the package of the distribution apart, without installing anything; nothing is started by it. */
async function fetchPackage(folder: string): Promise<void> {
  mkdirSync(dirname(folder), { recursive: true })
  const work = mkdtempSync(`${folder}-`)
  try {
    const download = () => run('apt-get', ['download', 'prometheus'], { cwd: work })
    // A machine that has never asked does not know where the package is.
    await download().catch(async () => {
      await run('apt-get', ['update'])
      await download()
    })
    const [name = ''] = readdirSync(work)
    await run('dpkg-deb', ['-x', name, 'tree'], { cwd: work })
    renameSync(join(work, 'tree/usr/bin'), folder)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/** Finds Prometheus and promtool on the path or in the cache, or takes them out of the Debian package; throws where none of it is to be had. */
export async function findPrometheus(env: NodeJS.ProcessEnv = process.env): Promise<Prometheus> {
  for (const folder of (env['PATH'] ?? '').split(delimiter)) {
    const found = inFolder(folder)
    if (found !== undefined) return found
  }
  const cache = env['BYLAW_CACHE'] || join(env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'bylaw')
  const folder = join(cache, 'prometheus')
  mkdirSync(cache, { recursive: true })
  return exclusively(
    `${folder}.lock`,
    () => {},
    async () => {
      if (!existsSync(folder)) {
        await fetchPackage(folder).catch((error: unknown) => {
          throw new Error('these tests need `prometheus` and `promtool` on the path, and `apt-get download prometheus` did not bring them', { cause: error })
        })
      }
      const found = inFolder(folder)
      if (found === undefined) throw new Error(`${folder}: no \`prometheus\` and \`promtool\` in it`)
      return found
    },
  )
}

/** What promtool said, and whether it was content. */
export async function promtool(args: readonly string[], input?: string): Promise<{ readonly isOk: boolean; readonly text: string }> {
  const { promtool: program } = await findPrometheus()
  return new Promise((resolve, reject) => {
    const child = execFile(program, [...args], { maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      if (error !== null && typeof error.code === 'string') reject(error)
      else resolve({ isOk: error === null, text: stdout + stderr })
    })
    child.stdin?.end(input ?? '')
  })
}
