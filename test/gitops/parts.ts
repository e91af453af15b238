import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { cacheRoot, removeUnfinished } from '../controlplane/assets.ts'
import { buildModule, findGo } from '../controlplane/build.ts'
import { exclusively } from '../controlplane/exclusively.ts'
import type { Report } from '../controlplane/versions.ts'
import { askOracle } from '../oracle/oracle.ts'

/** A program of others that the tests build with Go, once per machine. */
interface Part {
  readonly name: string
  readonly version: string
  /** What a person reads before the build. */
  readonly effort: string
  /** The names that the binary is called by. */
  readonly commands: readonly string[]
  /** Files of Go modules that it needs beside it: name of the module and path in it. */
  readonly files: readonly { readonly module: string; readonly path: string; readonly mode: number }[]
}

const ARGO: Part = {
  name: 'argo',
  version: 'v3.5.7',
  effort: '0.5 GB of modules, about 3 minutes on 2 cores',
  commands: ['argocd-application-controller', 'argocd-repo-server', 'argocd-git-ask-pass', 'argo-judge'],
  files: [
    { module: 'github.com/argoproj/argo-cd/v3', path: 'hack/git-verify-wrapper.sh', mode: 0o755 },
    { module: 'github.com/argoproj/argo-cd/v3', path: 'manifests/crds/application-crd.yaml', mode: 0o644 },
    { module: 'github.com/argoproj/argo-cd/v3', path: 'manifests/crds/appproject-crd.yaml', mode: 0o644 },
  ],
}

const FLUX: Part = { name: 'flux', version: 'v0.110.3', effort: 'about a minute on 2 cores', commands: ['flux-judge'], files: [] }

const run = promisify(execFile)
const PARTS = join(import.meta.dirname, 'parts')
const SOURCES = ['go.mod', 'go.sum', 'main.go']
const ENVIRONMENT = { CGO_ENABLED: '0', GOTOOLCHAIN: 'local', GOFLAGS: '-buildvcs=false' }

const toStderr: Report = (line) => process.stderr.write(`gitops: ${line}\n`)

/** The folder with Argo CD's controller, its repository server, `argo-judge`, and the definitions of its resources. */
export const findArgo = (report: Report = toStderr): Promise<string> => findPart(ARGO, report)

/** The folder with `flux-judge`. */
export const findFlux = (report: Report = toStderr): Promise<string> => findPart(FLUX, report)

/** Takes a part from the cache, or builds it; says so, and rejects with what is missing where that cannot be done. */
async function findPart(part: Part, report: Report): Promise<string> {
  const folder = join(cacheRoot(), 'parts', `${part.name}-${part.version}-${digestOf(part)}-${process.platform}-${process.arch}`)
  if (existsSync(folder)) return folder
  mkdirSync(dirname(folder), { recursive: true })
  const onWait = (): void => report(`another process is making ${folder}: waiting for it`)
  return exclusively(`${folder}.lock`, onWait, async () => {
    if (existsSync(folder)) return folder
    removeUnfinished(folder)
    const unfinished = `${folder}.unfinished-${process.pid}`
    mkdirSync(unfinished)
    try {
      await fill(unfinished, part, report)
      renameSync(unfinished, folder)
      return folder
    } finally {
      rmSync(unfinished, { recursive: true, force: true })
    }
  })
}

/** Whatever a part is made from: another recipe gives another folder. */
function digestOf(part: Part): string {
  const hash = createHash('sha256').update(JSON.stringify([part, ENVIRONMENT]))
  for (const name of SOURCES) hash.update(`${name}\n`).update(readFileSync(join(PARTS, part.name, name)))
  return hash.digest('hex').slice(0, 12)
}

async function fill(folder: string, { name, version, effort, commands, files }: Part, report: Report): Promise<void> {
  const go = await findGo()
  if (go === undefined) throw new Error(`\`${name}\` ${version} is built with Go 1.26 or newer, which was not found`)
  const module = join(PARTS, name)
  report(`building ${commands.join(', ')} ${version} with Go: once per machine, ${effort}`)
  await buildModule(go, { module, linker: '-s -w', binary: join(folder, name), env: ENVIRONMENT, report })
  for (const command of commands) symlinkSync(name, join(folder, command))
  for (const file of files) {
    const { stdout } = await run(go, ['list', '-mod=readonly', '-m', '-f', '{{.Dir}}', file.module], {
      cwd: module,
      env: { ...process.env, GOWORK: 'off', ...ENVIRONMENT },
    })
    const target = join(folder, file.path.slice(file.path.lastIndexOf('/') + 1))
    copyFileSync(join(stdout.trim(), file.path), target)
    chmodSync(target, file.mode)
  }
}

/** Asks a judge, a program that answers each line of JSON with one. */
export async function askJudge(command: string, questions: readonly unknown[]): Promise<readonly unknown[]> {
  const lines = questions.map((question) => JSON.stringify(question))
  return (await askOracle(command, lines)).map((line): unknown => JSON.parse(line))
}
