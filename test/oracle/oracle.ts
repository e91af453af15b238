import { execFile, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const SOURCES = new URL('.', import.meta.url).pathname

function cacheDirectory(env: NodeJS.ProcessEnv): string {
  return env['BYLAW_CACHE'] || join(env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'bylaw')
}

function digestOfSources(): string {
  const hash = createHash('sha256')
  const files = readdirSync(SOURCES).filter((file) => file.endsWith('.go') || file.startsWith('go.'))
  for (const file of files.sort()) hash.update(file).update(readFileSync(join(SOURCES, file)))
  return hash.digest('hex').slice(0, 16)
}

/** Builds the oracle, once for each state of its sources, outside the checkout; says what is missing where it cannot. */
export async function buildOracle(env: NodeJS.ProcessEnv = process.env): Promise<string> {
  const directory = join(cacheDirectory(env), 'oracle', digestOfSources())
  const binary = join(directory, 'oracle')
  if (existsSync(binary)) return binary
  mkdirSync(directory, { recursive: true })
  const fresh = `${binary}.${process.pid}`
  try {
    await run('go', ['build', '-trimpath', '-o', fresh, '.'], { cwd: SOURCES, env, maxBuffer: 1 << 24 })
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new Error(`the oracle needs Go 1.26 and Kubernetes' modules, and could not be built: ${reason}`, { cause })
  }
  renameSync(fresh, binary)
  return binary
}

/** Asks the oracle all lines at once; the answers come in the same order. */
export function askOracle(binary: string, lines: readonly string[]): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    const child = spawn(binary, [], { stdio: ['pipe', 'pipe', 'inherit'] })
    const chunks: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
    child.on('error', reject)
    child.on('close', (code) => {
      const answers = Buffer.concat(chunks).toString('utf8').trimEnd().split('\n')
      if (answers.length === lines.length) resolve(answers)
      else reject(new Error(`the oracle answered ${answers.length} of ${lines.length} lines and ended with ${code}`))
    })
    child.stdin.on('error', reject)
    child.stdin.end(`${lines.join('\n')}\n`)
  })
}
