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
  const work = join(folder, 'work')
  mkdirSync(work)
  await runGo(go, ['build', '-v', '-mod=readonly', '-trimpath', '-ldflags', linker, '-o', join(folder, BINARY), '.'], work, report)
  rmSync(work, { recursive: true })
  for (const name of NAMES) symlinkSync(BINARY, join(folder, name))
}

async function findGo(candidates: readonly string[]): Promise<string | undefined> {
  for (const candidate of candidates) {
    const process = await startTied(candidate, ['version'])
    if ((await process.end) === 'ended with code 0') return candidate
  }
  return undefined
}

async function runGo(go: string, args: readonly string[], work: string, report: Report): Promise<void> {
  const startMs = Date.now()
  const { child, end } = await startTied(go, args, { cwd: MODULE_FOLDER, env: { ...process.env, GOTMPDIR: work, GOWORK: 'off', GOFLAGS: '' } })
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
