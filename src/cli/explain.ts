import { readFileSync } from 'node:fs'
import { request as httpsRequest } from 'node:https'
import { checkServerIdentity, type PeerCertificate } from 'node:tls'
import { isRecord, parseJson } from '../api/index.ts'
import { explainRecord, type FoundRecord, findRecordIn } from '../evidence/index.ts'
import { type CommandResult, EXIT } from './check.ts'
import type { EvidenceClient } from './evidence-client.ts'

export interface ExplainOptions {
  readonly id: string
  readonly output: 'text' | 'json'
  /** Folder of the log. */
  readonly folder?: string
  /** Address of a running operator; that of the registration without it. */
  readonly operator?: string
  readonly tokenFile?: string
  readonly caFile?: string
  readonly namespace: string
  /** Name of the registration. */
  readonly registration: string
}

const TIMEOUT_MS = 60_000
const MAX_ANSWER_BYTES = 64 * 1024 * 1024

const failure = (message: string, exitCode: number = EXIT.violations): CommandResult => ({ exitCode, stdout: '', stderr: `error: ${message}\n` })
const messageOf = (error: unknown): string => (isRecord(error) && typeof error['message'] === 'string' ? error['message'] : String(error))

interface HttpsAnswer {
  readonly status: number
  readonly text: string
}

/** A forwarded port has another name than the certificate: that of the Service counts too. */
const identityFor =
  (serviceName: string) =>
  (host: string, certificate: PeerCertificate): Error | undefined =>
    checkServerIdentity(host, certificate) === undefined ? undefined : checkServerIdentity(serviceName, certificate)

function get(url: URL, token: string, ca: string | undefined, serviceName: string): Promise<HttpsAnswer> {
  return new Promise((resolve, reject) => {
    const options = {
      headers: { authorization: `Bearer ${token}`, accept: 'application/json' },
      signal: AbortSignal.timeout(TIMEOUT_MS),
      checkServerIdentity: identityFor(serviceName),
      ...(ca === undefined ? {} : { ca }),
    }
    const request = httpsRequest(url, options, (response) => {
      const chunks: Buffer[] = []
      let bytes = 0
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length
        if (bytes > MAX_ANSWER_BYTES) response.destroy(new Error('the answer is too long'))
        else chunks.push(chunk)
      })
      response.on('error', reject)
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') }))
    })
    request.on('error', reject)
    request.end()
  })
}

function readFound(text: string): FoundRecord | undefined {
  const json = parseJson(text)
  if (!json.ok || !isRecord(json.value)) return undefined
  const { record, ruleSet, file, seq } = json.value
  if (!isRecord(record) || typeof file !== 'string' || typeof seq !== 'number') return undefined
  return { record, file, seq, ...(isRecord(ruleSet) ? { ruleSet } : {}) }
}

async function ask(options: ExplainOptions, client: () => EvidenceClient): Promise<FoundRecord | string> {
  const { id, operator, tokenFile, caFile, namespace, registration } = options
  const door = operator !== undefined && caFile !== undefined ? { url: operator, ca: readFileSync(caFile, 'utf8') } : await client().door(registration)
  const address = operator ?? door.url
  if (address === undefined) {
    return `the operator is reached through its Service: run \`kubectl -n ${namespace} port-forward service/${registration} 9443:443\` and give --operator https://localhost:9443`
  }
  const token = tokenFile === undefined ? await client().token() : readFileSync(tokenFile, 'utf8').trim()
  if (token === undefined) return 'the kubeconfig has no bearer token: give one by --token-file, as `kubectl create token` makes it'
  const ca = caFile === undefined ? door.ca : readFileSync(caFile, 'utf8')
  const { status, text } = await get(
    new URL(`/decisions/${encodeURIComponent(id)}`, address),
    token,
    ca === '' ? undefined : ca,
    `${registration}.${namespace}.svc`,
  )
  return status === 200 ? (readFound(text) ?? 'the operator answered something else than a record') : `the operator answers ${status}: ${text.trim()}`
}

/** Shows one decision in full, from files or from a running operator. */
export async function explain(options: ExplainOptions, client: () => EvidenceClient): Promise<CommandResult> {
  const { id, folder, output } = options
  if (!/^[A-Za-z0-9-]{1,64}$/.test(id)) return failure(`\`${id}\` is not the id of a decision`, EXIT.usage)
  let found: FoundRecord | string | undefined
  try {
    found = folder === undefined ? await ask(options, client) : await findRecordIn(folder, id, { maxBytes: Number.POSITIVE_INFINITY })
  } catch (error) {
    return failure(messageOf(error))
  }
  if (typeof found === 'string') return failure(found)
  if (found === undefined) return failure(`no decision \`${id}\` in \`${folder ?? ''}\``)
  return { exitCode: EXIT.clean, stdout: output === 'json' ? `${JSON.stringify(found, undefined, 2)}\n` : explainRecord(found), stderr: '' }
}
