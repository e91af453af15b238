import type { KeyObject } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { isRecord, parseYamlDocuments } from '../api/index.ts'
import {
  type ChainHead,
  type ChainReport,
  fingerprintOf,
  HEADS_KEY_FIELD,
  type LogFinding,
  printPublicKey,
  readHeads,
  readPublicKey,
  readSegments,
  type SegmentSource,
  verifyLog,
} from '../evidence/index.ts'
import { type CommandResult, EXIT } from './check.ts'

export interface VerifyEvidenceOptions {
  readonly folder: string
  /** File with the public or the private key, PEM. */
  readonly key?: string
  /** File with the ConfigMap of the ends, YAML or JSON. */
  readonly headsFile?: string
  /** The data of that ConfigMap, read from the cluster. */
  readonly headsData?: Readonly<Record<string, unknown>>
  /** Only chains of this instance are looked for among the ends. */
  readonly instance?: string
  /** Whether what nobody has to have done fails too. */
  readonly isStrict: boolean
  readonly output: 'text' | 'json'
}

const usage = (message: string): CommandResult => ({ exitCode: EXIT.usage, stdout: '', stderr: `error: ${message}\n` })
const reasonOf = (error: unknown): string => (isRecord(error) && typeof error['message'] === 'string' ? error['message'] : String(error))
const plural = (count: number, word: string): string => `${count.toLocaleString('en')} ${word}${count === 1 ? '' : 's'}`

/** The anchored ends, and the public key that stands with them. */
interface Anchors {
  readonly heads: readonly ChainHead[]
  readonly key: KeyObject | undefined
}

function readAnchors({ headsFile, headsData, instance }: VerifyEvidenceOptions): Anchors {
  if (headsFile === undefined && headsData === undefined) return { heads: [], key: undefined }
  let data: unknown = headsData
  if (headsFile !== undefined) {
    const parsed = parseYamlDocuments(readFileSync(headsFile, 'utf8'))
    if (!parsed.ok) throw new Error(parsed.error)
    data = isRecord(parsed.value[0]) ? parsed.value[0]['data'] : undefined
  }
  if (!isRecord(data)) throw new Error('expected a ConfigMap with `data`')
  const key = data[HEADS_KEY_FIELD]
  const heads = readHeads(data).filter(({ chain }) => instance === undefined || chain.startsWith(`${instance}-`))
  return { heads, key: typeof key === 'string' ? readPublicKey(key) : undefined }
}

function describeChain({ chain, segments, decisions, corrections, undecided, firstTime = '', lastTime = '' }: ChainReport): string {
  const counts = [plural(decisions, 'decision'), plural(corrections, 'correction'), `${undecided} undecided`].join(', ')
  return `chain ${chain}: ${plural(segments.length, 'segment')}, ${counts}, from ${firstTime} to ${lastTime}`
}

const describeFinding = ({ severity, code, chain, file, seq, message }: LogFinding): string =>
  `${severity}: ${code}: ${file ?? chain}${seq === undefined ? '' : `, number ${seq}`}: ${message}`

/** Checks the log in a folder; exit code 0 where it is as it was written, 1 where it is not. */
export async function verifyEvidence(options: VerifyEvidenceOptions): Promise<CommandResult> {
  const { folder, key: keyFile, isStrict, output } = options
  let segments: readonly SegmentSource[]
  let anchors: Anchors
  let trusted: KeyObject | undefined
  try {
    segments = await readSegments(folder)
  } catch (error) {
    return usage(`${folder}: ${reasonOf(error)}`)
  }
  try {
    anchors = readAnchors(options)
  } catch (error) {
    return usage(`--heads: ${reasonOf(error)}`)
  }
  if (keyFile === undefined) trusted = anchors.key
  else {
    try {
      trusted = readPublicKey(readFileSync(keyFile, 'utf8'))
    } catch (error) {
      return usage(`--key: ${reasonOf(error)}`)
    }
    if (trusted === undefined) return usage(`--key: \`${keyFile}\` has no Ed25519 key`)
  }
  if (segments.length === 0 && anchors.heads.length === 0)
    return { exitCode: 1, stdout: '', stderr: `error: ${folder}: there are no segments of a decision log\n` }
  const report = await verifyLog({ segments, heads: anchors.heads, ...(trusted === undefined ? {} : { trusted }) })
  const notes = Object.values(report.counts).reduce((sum, count) => sum + count, 0) - report.problems
  const isGood = report.problems === 0 && (!isStrict || notes === 0)
  const keyUsed = trusted === undefined ? report.chains.find(({ publicKey }) => publicKey !== undefined)?.publicKey : printPublicKey(trusted)
  const keySource = keyFile !== undefined ? 'file' : trusted !== undefined ? 'heads' : 'log'
  const fingerprint = keyUsed === undefined ? '' : fingerprintOf(keyUsed)
  if (output === 'json') {
    const { chains, findings, counts, problems } = report
    const document = { isGood, problems, notes, key: { fingerprint, source: keySource }, hasHeads: anchors.heads.length > 0, chains, findings, counts }
    return { exitCode: isGood ? 0 : 1, stdout: `${JSON.stringify(document, undefined, 2)}\n`, stderr: '' }
  }
  const caveats = [
    ...(keySource === 'log' ? ['the key is the one that the log names itself: give --key, or --heads, to know whose log it is'] : []),
    ...(anchors.heads.length === 0 ? ['without --heads or --kubeconfig nobody can tell whether the end was cut off'] : []),
  ]
  const total = report.chains.reduce((sum, { decisions }) => sum + decisions, 0)
  const verdict = isGood ? 'verified' : 'not verified'
  const lines = [
    ...report.chains.map(describeChain),
    ...report.findings.map(describeFinding),
    `${verdict}: ${plural(report.chains.length, 'chain')}, ${plural(total, 'decision')}, ${plural(report.problems, 'problem')}, ${plural(notes, 'note')}; key ${fingerprint}`,
    ...caveats.map((caveat) => `note: ${caveat}`),
  ]
  return { exitCode: isGood ? 0 : 1, stdout: `${lines.join('\n')}\n`, stderr: '' }
}
