import { Agent, request as httpsRequest } from 'node:https'
import {
  AdmissionServer,
  type ApprovalDependencies,
  type DecisionDependencies,
  type GuardDependencies,
  type ReviewDependencies,
} from '../../src/admission/index.ts'
import { type AdmissionResponse, defaultEnforcementProfile } from '../../src/api/index.ts'
import { makeAuthority, makeServingCertificate } from '../../src/controllers/index.ts'
import type { Decision } from '../../src/decide/index.ts'
import type { UndecidedReason } from '../../src/evidence/index.ts'
import type { RuleSet } from '../../src/rules/index.ts'
import { DIGEST_KEY, NOW } from './world.ts'

/** The real HTTPS door, open on a loopback port. */
export interface OpenDoor {
  readonly port: number
  readonly ca: string
  /** Keeps its connections, as the API server does. */
  readonly agent: Agent
  /** What it reported of its work so far. */
  readonly decisions: readonly Decision[]
  readonly undecided: readonly UndecidedReason[]
  close(): Promise<void>
}

export interface DoorOptions {
  readonly ruleSet: () => RuleSet | undefined
  readonly review?: Partial<ReviewDependencies>
  readonly guards?: Partial<GuardDependencies>
  readonly approval?: Partial<ApprovalDependencies>
  readonly desk?: DecisionDependencies
  readonly maxBodyBytes?: number
  readonly maxReviews?: number
  readonly maxHeldBytes?: number
}

/** Opens the door with a certificate that is thrown away afterwards. */
export async function openDoor({
  ruleSet,
  review = {},
  guards = {},
  approval = {},
  desk,
  maxBodyBytes,
  maxReviews,
  maxHeldBytes,
}: DoorOptions): Promise<OpenDoor> {
  const madeAt = new Date()
  const authority = await makeAuthority(madeAt)
  const certificate = await makeServingCertificate(authority, ['127.0.0.1', 'localhost'], madeAt)
  const decisions: Decision[] = []
  const undecided: UndecidedReason[] = []
  const server = new AdmissionServer({
    certificate,
    review: {
      ruleSets: { snapshot: ruleSet },
      namespaceOf: (name) => ({ kind: 'found', object: { apiVersion: 'v1', kind: 'Namespace', metadata: { name } } }),
      params: () => ({ kind: 'missing' }),
      contexts: () => ({ kind: 'unknown', reason: 'nothing was read' }),
      clock: { now: () => NOW, elapsedMs: () => performance.now() },
      nextDecisionId: () => `test-${decisions.length + 1}`,
      recorder: {
        recordDecision: (decision) => decisions.push(decision),
        recordCorrection: () => {},
        recordUndecided: (reason) => undecided.push(reason),
        recordDuration: () => {},
      },
      digestKey: DIGEST_KEY,
      deadlineMs: 4000,
      ...review,
    },
    guards: {
      mayAccess: async () => false,
      profile: defaultEnforcementProfile,
      compileOptions: () => ({}),
      fieldIssues: () => [],
      findResource: () => undefined,
      ownNamespace: 'bylaw-system',
      ...guards,
    },
    approval: {
      mayAccess: async () => false,
      approvalKey: () => 'approval-key',
      now: () => NOW,
      isAutomatic: () => false,
      isFourEyes: false,
      ruleSet,
      onForged: () => {},
      ...approval,
    },
    ...(desk === undefined ? {} : { decisions: desk }),
    maxBodyBytes: maxBodyBytes ?? 16 * 1024 * 1024,
    maxReviews: maxReviews ?? 2048,
    maxHeldBytes: maxHeldBytes ?? 256 * 1024 * 1024,
  })
  const port = await server.listen(0, '127.0.0.1')
  const agent = new Agent({ keepAlive: true, ca: authority.cert })
  const close = async (): Promise<void> => {
    agent.destroy()
    await server.close()
  }
  return { port, ca: authority.cert, agent, decisions, undecided, close }
}

export interface HttpAnswer {
  readonly status: number
  readonly text: string
}

/** Sends one POST. */
export function post({ port, agent }: OpenDoor, path: string, body: string | Buffer, headers: Readonly<Record<string, string>> = {}): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const request = httpsRequest(
      { host: '127.0.0.1', port, path, agent, method: 'POST', headers: { 'content-type': 'application/json', ...headers } },
      (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') }))
        response.on('error', reject)
      },
    )
    request.on('error', reject)
    request.end(body)
  })
}

/** Reads the response out of the AdmissionReview that the door sent. */
export function readResponse({ status, text }: HttpAnswer): AdmissionResponse {
  if (status !== 200) throw new Error(`the door answered ${status}: ${text}`)
  const { response }: { readonly response: AdmissionResponse } = JSON.parse(text)
  return response
}
