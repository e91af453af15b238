import { Agent, request as httpsRequest } from 'node:https'
import { text } from 'node:stream/consumers'

/** Where decisions are asked for, and by whom. */
export interface DecisionQuestion {
  readonly port: number
  /** Authorities that the door is trusted by. */
  readonly ca: string
  /** A name that its certificate is for. */
  readonly serverName: string
  /** Absent for who shows no token. */
  readonly token?: string
}

/** Asks a running operator for one decision. */
export function askDecision(id: string, { port, ca, serverName, token }: DecisionQuestion): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const agent = new Agent({ ca, servername: serverName })
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
    const request = httpsRequest({ host: '127.0.0.1', port, path: `/decisions/${id}`, agent, headers }, (response) => {
      text(response).then((body) => resolve({ status: response.statusCode ?? 0, text: body }), reject)
    })
    request.on('error', reject)
    request.end()
  })
}
