import { closeSync, openSync, readSync } from 'node:fs'
import { z } from 'zod'

/** Every request once, when it is over, without bodies; annotations are always part of an event. */
export const AUDIT_POLICY = { apiVersion: 'audit.k8s.io/v1', kind: 'Policy', omitStages: ['RequestReceived'], rules: [{ level: 'Metadata' }] } as const

const User = z.object({ username: z.string(), groups: z.array(z.string()).optional() })
const Event = z.object({
  auditID: z.string(),
  stage: z.string(),
  verb: z.string(),
  requestURI: z.string(),
  user: User,
  impersonatedUser: User.optional(),
  userAgent: z.string().optional(),
  objectRef: z
    .object({
      apiGroup: z.string().optional(),
      apiVersion: z.string().optional(),
      resource: z.string().optional(),
      subresource: z.string().optional(),
      namespace: z.string().optional(),
      name: z.string().optional(),
    })
    .optional(),
  responseStatus: z
    .object({ code: z.number().optional(), status: z.string().optional(), reason: z.string().optional(), message: z.string().optional() })
    .optional(),
  requestReceivedTimestamp: z.string(),
  annotations: z.record(z.string(), z.string()).optional(),
})

/** What kube-apiserver wrote about one request: its own account of who did what, and how it answered. */
export type AuditEvent = z.infer<typeof Event>

const CHUNK_BYTES = 1 << 20

/** Reads a growing audit log: each call gives all events so far and reads only what is new; a line still being written is left. */
export function auditLogReader(file: string): () => readonly AuditEvent[] {
  const events: AuditEvent[] = []
  const chunk = new Uint8Array(CHUNK_BYTES)
  let offset = 0
  let rest = Buffer.alloc(0)
  return () => {
    const descriptor = openSync(file, 'r')
    try {
      for (let length = readSync(descriptor, chunk, 0, CHUNK_BYTES, offset); length > 0; length = readSync(descriptor, chunk, 0, CHUNK_BYTES, offset)) {
        offset += length
        rest = Buffer.concat([rest, chunk.subarray(0, length)])
        const end = rest.lastIndexOf(0x0a)
        const lines = rest.toString('utf8', 0, end + 1).split('\n')
        for (const line of lines) if (line !== '') events.push(Event.parse(JSON.parse(line)))
        rest = rest.subarray(end + 1)
      }
    } finally {
      closeSync(descriptor)
    }
    return [...events]
  }
}
