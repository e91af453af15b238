import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { exportEvidence } from '../../src/cli/index.ts'
import { writeShop } from './log/judged.ts'

/** Tools that know the formats and not us. */
const PACKAGES = ['compliance-trestle==5.2.0', 'check-jsonschema==0.39.0']
const SARIF_SCHEMA = join(import.meta.dirname, 'schemas/sarif-schema-2.1.0.json')
const TOOLS = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'bylaw/formats-trestle-5.2.0-jsonschema-0.39.0')

const bin = (name: string): string => join(TOOLS, 'bin', name)

function installTools(): void {
  if (existsSync(join(TOOLS, 'ready'))) return
  execFileSync('python3', ['-m', 'venv', TOOLS], { stdio: 'inherit' })
  execFileSync(bin('pip'), ['install', '--quiet', '--disable-pip-version-check', ...PACKAGES], { stdio: 'inherit' })
  writeFileSync(join(TOOLS, 'ready'), '')
}

/** Whether a tool takes what it is given, and what it says. */
function run(command: string, args: readonly string[], cwd: string): { readonly isGood: boolean; readonly text: string } {
  try {
    return { isGood: true, text: execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }) }
  } catch (error) {
    const output = typeof error === 'object' && error !== null && 'stdout' in error && 'stderr' in error ? `${String(error.stdout)}${String(error.stderr)}` : ''
    return { isGood: false, text: output }
  }
}

async function exportTo(file: string, folder: string, format: 'oscal' | 'sarif'): Promise<void> {
  const parts: string[] = []
  const write = async (text: string): Promise<void> => {
    parts.push(text)
  }
  const { exitCode, stderr } = await exportEvidence({ folder, format, version: '0.1.0', now: new Date(), write })
  if (exitCode !== 0) throw new Error(stderr)
  writeFileSync(file, parts.join(''))
}

/** Whether trestle takes a document: what it imports it validates. */
function isOscal(file: string, work: string, name: string): boolean {
  const workspace = join(work, `workspace-${name}`)
  mkdirSync(workspace)
  const steps = [
    ['init', '--local'],
    ['import', '-f', file, '-o', name],
    ['validate', '-t', 'assessment-results', '-n', name],
  ]
  return steps.every((step) => run(bin('trestle'), step, workspace).isGood)
}

// What is asked of the schema alone: two of its patterns are no regular expressions in JavaScript.
const isSarif = (file: string, work: string): boolean =>
  run(bin('check-jsonschema'), ['--regex-variant', 'python', '--schemafile', SARIF_SCHEMA, file], work).isGood

/** Puts a mistake into a document, which has to be noticed. */
function spoil(file: string, from: string, to: string): string {
  const text = readFileSync(file, 'utf8')
  if (!text.includes(from)) throw new Error(`${file} has no ${from}`)
  const spoiled = file.replace('.json', '-spoiled.json')
  writeFileSync(spoiled, text.replace(from, to))
  return spoiled
}

installTools()
const work = mkdtempSync(join(tmpdir(), 'bylaw-formats-'))
try {
  const folder = join(work, 'log')
  mkdirSync(folder)
  await writeShop(folder)
  const [oscal, sarif] = [join(work, 'oscal.json'), join(work, 'sarif.json')]
  await exportTo(oscal, folder, 'oscal')
  await exportTo(sarif, folder, 'sarif')
  const verdicts = {
    'trestle takes the OSCAL assessment results': isOscal(oscal, work, 'good'),
    'trestle refuses them with a wrong field': !isOscal(spoil(oscal, '"target-id"', '"targetid"'), work, 'bad'),
    'the schema takes the SARIF log': isSarif(sarif, work),
    'the schema refuses it with a wrong level': !isSarif(spoil(sarif, '"level":"error"', '"level":"eror"'), work),
  }
  for (const [what, holds] of Object.entries(verdicts)) process.stdout.write(`${holds ? 'ok    ' : 'FAILED'} ${what}\n`)
  if (Object.values(verdicts).includes(false)) process.exitCode = 1
} finally {
  rmSync(work, { recursive: true, force: true })
}
