import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { fetchArchive } from './archive.ts'
import { buildWithGo } from './build.ts'
import { exclusively } from './exclusively.ts'
import { KUBERNETES_VERSION, moduleDigest, OutOfReach, type Report } from './versions.ts'

/** Where the binaries of a control plane are. */
export interface Assets {
  readonly etcd: string
  readonly kubeApiserver: string
  readonly kubectl: string
  /** Not in the official archive: present only where it was built, or given. */
  readonly kubeControllerManager: string | undefined
}

/** A way to the binaries: fills a folder or throws `OutOfReach`. */
export type Source = (folder: string, report: Report) => Promise<void>

/** What `findAssets` works with, for tests. */
export interface AssetsOptions {
  readonly env?: NodeJS.ProcessEnv
  readonly report?: Report
  /** Tried in order. */
  readonly sources?: readonly Source[]
}

/**
 * Finds the binaries or makes them: those that the environment names, else those in the cache, else the official archive, else built
 * with Go. `BYLAW_CONTROL_PLANE_SOURCE=build` goes past the archive, which has no controller manager.
 */
export async function findAssets({ env = process.env, report = toStderr, sources }: AssetsOptions = {}): Promise<Assets> {
  const given = givenAssets(env)
  if (given !== undefined) return given
  const isBuilt = env['BYLAW_CONTROL_PLANE_SOURCE'] === 'build'
  const folder = cacheFolder(env)
  const cached = (): Assets | undefined => {
    const assets = assetsIn(folder)
    return assets !== undefined && (!isBuilt || assets.kubeControllerManager !== undefined) ? assets : undefined
  }
  const ready = cached()
  if (ready !== undefined) return ready
  mkdirSync(dirname(folder), { recursive: true })
  return exclusively(
    `${folder}.lock`,
    () => report(`another process is making ${folder}: waiting for it`),
    async () => cached() ?? (await make(folder, sources ?? (isBuilt ? [buildWithGo] : [fetchArchive, buildWithGo]), report)),
  )
}

/** Where everything is kept that is made once per machine. */
export function cacheRoot(env: NodeJS.ProcessEnv = process.env): string {
  return env['BYLAW_CACHE'] || join(env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'bylaw')
}

/** The folder in the cache that belongs to this version, module and platform. */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  return join(cacheRoot(env), 'controlplane', `${KUBERNETES_VERSION}-${moduleDigest()}-${process.platform}-${process.arch}`)
}

function givenAssets(env: NodeJS.ProcessEnv): Assets | undefined {
  const folder = env['KUBEBUILDER_ASSETS']
  const fromFolder = (name: string): string => (folder ? join(folder, name) : '')
  const etcd = env['TEST_ASSET_ETCD'] || fromFolder('etcd')
  const kubeApiserver = env['TEST_ASSET_KUBE_APISERVER'] || fromFolder('kube-apiserver')
  const kubectl = env['TEST_ASSET_KUBECTL'] || fromFolder('kubectl')
  if (!etcd && !kubeApiserver && !kubectl) return undefined
  const missing = Object.entries({ etcd, 'kube-apiserver': kubeApiserver, kubectl }).filter(([, path]) => !isFile(path))
  if (missing.length > 0) {
    const list = missing.map(([name, path]) => (path === '' ? `no \`${name}\`` : `no file \`${path}\``)).join(', ')
    throw new Error(`KUBEBUILDER_ASSETS and TEST_ASSET_ETCD, TEST_ASSET_KUBE_APISERVER, TEST_ASSET_KUBECTL name ${list}`)
  }
  const controllerManager = env['TEST_ASSET_KUBE_CONTROLLER_MANAGER'] || fromFolder('kube-controller-manager')
  return { etcd, kubeApiserver, kubectl, kubeControllerManager: isFile(controllerManager) ? controllerManager : undefined }
}

function assetsIn(folder: string): Assets | undefined {
  const path = (name: string): string => join(folder, name)
  const needed = { etcd: path('etcd'), kubeApiserver: path('kube-apiserver'), kubectl: path('kubectl') }
  if (!Object.values(needed).every(isFile)) return undefined
  const controllerManager = path('kube-controller-manager')
  return { ...needed, kubeControllerManager: isFile(controllerManager) ? controllerManager : undefined }
}

function isFile(path: string): boolean {
  return path !== '' && (statSync(path, { throwIfNoEntry: false })?.isFile() ?? false)
}

async function make(folder: string, sources: readonly Source[], report: Report): Promise<Assets> {
  const refusals: string[] = []
  for (const source of sources) {
    removeUnfinished(folder)
    const unfinished = `${folder}.unfinished-${process.pid}`
    mkdirSync(unfinished)
    try {
      await source(unfinished, report)
      rmSync(folder, { recursive: true, force: true })
      renameSync(unfinished, folder)
      const assets = assetsIn(folder)
      if (assets !== undefined) return assets
      refusals.push(`${folder} is not complete`)
    } catch (error) {
      if (!(error instanceof OutOfReach)) throw error
      report(error.message)
      refusals.push(error.message)
    } finally {
      rmSync(unfinished, { recursive: true, force: true })
    }
  }
  const advice = 'install Go 1.26 or newer, or let KUBEBUILDER_ASSETS name a folder with `etcd`, `kube-apiserver` and `kubectl`'
  throw new Error(`no control plane can be had: ${advice}\n${refusals.map((refusal) => `  - ${refusal}`).join('\n')}`)
}

/** Whoever holds the lock is the only one at work, so what others left is left over from a crash. */
export function removeUnfinished(folder: string): void {
  const parent = dirname(folder)
  if (!existsSync(parent)) return
  for (const name of readdirSync(parent)) {
    if (name.startsWith(`${basename(folder)}.unfinished-`)) rmSync(join(parent, name), { recursive: true, force: true })
  }
}

function toStderr(line: string): void {
  process.stderr.write(`control plane: ${line}\n`)
}

if (import.meta.main) {
  try {
    const { etcd } = await findAssets()
    process.stdout.write(`${dirname(etcd)}\n`)
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = 1
  }
}
