import { mkdirSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { startTied } from './tied-process.ts'
import { KUBERNETES_VERSION, MODULE_FOLDER, OutOfReach, type Report } from './versions.ts'

const PROGRESS_MS = 5_000
const LAST_LINES = 15
const GO_CANDIDATES = ['go', '/usr/local/go/bin/go', '/usr/lib/go/bin/go', '/opt/homebrew/bin/go']
const BINARY = 'controlplane'
const NAMES = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl']

/** Builds the one binary from the Go module beside this file into a folder, with a link to it for each of its names. */
export async function buildWithGo(folder: string, report: Report, candidates = GO_CANDIDATES): Promise<void> {
  const go = await findGo(candidates)
  if (go === undefined) throw new OutOfReach('Go was not found (looked for `go` in PATH and in the usual places)')
  const [, major = '', minor = ''] = /^v(\d+)\.(\d+)/.exec(KUBERNETES_VERSION) ?? []
  const variables = {
    'k8s.io/component-base/version.gitVersion': KUBERNETES_VERSION,
    'k8s.io/component-base/version.gitMajor': major,
    'k8s.io/component-base/version.gitMinor': minor,
    'k8s.io/client-go/pkg/version.gitVersion': KUBERNETES_VERSION,
  }
  const linker = ['-s', '-w', ...Object.entries(variables).flatMap(([name, value]) => ['-X', `${name}=${value}`])].join(' ')
  report(`building ${NAMES.join(', ')} ${KUBERNETES_VERSION} with Go: once per machine, 1 GB of modules, about 6 minutes on 2 cores`)
  await buildModule(go, { module: MODULE_FOLDER, linker, binary: join(folder, BINARY), env: {}, report })
  for (const name of NAMES) symlinkSync(BINARY, join(folder, name))
}

/** The first of these commands that is a Go that runs. */
export async function findGo(candidates: readonly string[] = GO_CANDIDATES): Promise<string | undefined> {
  for (const candidate of candidates) {
    const process = await startTied(candidate, ['version'])
    // Nothing else may be there to wait for, and then this process would end before its answer.
    process.child.ref()
    if ((await process.end) === 'ended with code 0') return candidate
  }
  return undefined
}

/** What `buildModule` builds. */
export interface ModuleBuild {
  /** The folder of the Go module, whose go.mod and go.sum are taken as they are. */
  readonly module: string
  /** Flags of the linker. */
  readonly linker: string
  /** Where the binary is to be; beside it a folder is made for the time of the build. */
  readonly binary: string
  /** Further variables of Go's environment. */
  readonly env: NodeJS.ProcessEnv
  readonly report: Report
}

/** Builds the main package of a Go module and tells how far it is; throws `OutOfReach` with the end of what Go said where that fails. */
export async function buildModule(go: string, { module, linker, binary, env, report }: ModuleBuild): Promise<void> {
  const work = `${binary}.work`
  mkdirSync(work)
  const args = ['build', '-v', '-mod=readonly', '-trimpath', '-ldflags', linker, '-o', binary, '.']
  await runGo(go, args, { cwd: module, env: { ...process.env, GOTMPDIR: work, GOWORK: 'off', GOFLAGS: '', ...env } }, report)
  rmSync(work, { recursive: true })
}

async function runGo(go: string, args: readonly string[], place: { readonly cwd: string; readonly env: NodeJS.ProcessEnv }, report: Report): Promise<void> {
  const startMs = Date.now()
  const { child, end } = await startTied(go, args, place)
  const lastLines: string[] = []
  let modules = 0
  let packages = 0
  for (const stream of [child.stdout, child.stderr]) {
    if (stream === null) continue
    createInterface({ input: stream }).on('line', (line) => {
      if (line.startsWith('go: downloading ')) modules += 1
      else packages += 1
      lastLines.push(line)
      if (lastLines.length > LAST_LINES) lastLines.shift()
    })
  }
  const timer = setInterval(() => {
    const what = lastLines.at(-1) ?? 'reading the build cache'
    report(`${seconds(startMs)}: ${modules} modules downloaded, ${packages} packages compiled, now ${what.replace('go: ', '')}`)
  }, PROGRESS_MS)
  const outcome = await end
  clearInterval(timer)
  if (outcome !== 'ended with code 0') throw new OutOfReach(`\`${go} build\` ${outcome}:\n${lastLines.map((line) => `    ${line}`).join('\n')}`)
  report(`${seconds(startMs)}: built`)
}

function seconds(startMs: number): string {
  return `${Math.round((Date.now() - startMs) / 1000)} s`
}
