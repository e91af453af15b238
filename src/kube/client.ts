import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest, type RequestOptions } from 'node:https'
import { StringDecoder } from 'node:string_decoder'
import { isKubernetesObject, isRecord, type KubernetesObject, OperationalError, type OperationalErrorCode, parseJson } from '../api/index.ts'
import type { PooledKubeConfig } from './kube-config.ts'

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

export interface KubeRequest {
  readonly method: Method
  /** Path and query, such as `/api/v1/namespaces/default`. */
  readonly path: string
  readonly body?: unknown
  /** `application/json` unless said otherwise. */
  readonly contentType?: string
  readonly accept?: string
  /** Milliseconds until the request is given up; 10,000 unless said otherwise. */
  readonly timeoutMs?: number
  /** A longer answer is given up; no limit unless said otherwise. */
  readonly limitBytes?: number
  /** Told each warning of the API server. */
  readonly onWarning?: (text: string) => void
}

interface RawResponse {
  readonly status: number
  readonly text: string
}

const DEFAULT_TIMEOUT_MS = 10_000

function codeOf(status: number): { readonly code: OperationalErrorCode; readonly isRetryable: boolean } {
  if (status === 404 || status === 405) return { code: 'KubeNotFound', isRetryable: true }
  if (status === 410) return { code: 'KubeExpired', isRetryable: true }
  if (status === 409) return { code: 'KubeConflict', isRetryable: true }
  if (status === 401 || status === 403) return { code: 'KubeForbidden', isRetryable: true }
  if (status === 400 || status === 422) return { code: 'KubeInvalid', isRetryable: false }
  return { code: 'KubeUnavailable', isRetryable: true }
}

function messageOf(text: string): string {
  const json = parseJson(text)
  const message = json.ok && isRecord(json.value) ? json.value['message'] : undefined
  return typeof message === 'string' ? message : text.slice(0, 200)
}

/** An answer was longer than the request allowed. */
export class TooLong extends Error {}

/** The text of a `Warning` header, such as `299 - "text"`; its bytes are UTF-8. */
function warningIn(header: string): string {
  const quoted = /^[0-9]{3} \S+ "((?:[^"\\]|\\.)*)"/.exec(Buffer.from(header, 'latin1').toString('utf8'))?.[1]
  return quoted?.replace(/\\(.)/g, '$1') ?? header
}

/** Speaks JSON with the API server over kept connections; every failure is an OperationalError. */
export class KubeClient {
  readonly #config: PooledKubeConfig
  readonly #server: URL

  constructor(config: PooledKubeConfig) {
    this.#config = config
    this.#server = new URL(config.getCurrentCluster()?.server ?? 'https://localhost')
  }

  /** The answer's JSON. */
  async send(request: KubeRequest): Promise<unknown> {
    const { status, text } = await this.#exchange(request)
    if (status < 200 || status >= 300) {
      const { code, isRetryable } = codeOf(status)
      throw new OperationalError(code, `${request.method} ${request.path}: ${status} ${messageOf(text)}`, { isRetryable })
    }
    const json = parseJson(text)
    if (!json.ok) throw new OperationalError('KubeUnavailable', `${request.method} ${request.path}: ${json.error}`, { isRetryable: true })
    return json.value
  }

  /** The answer as an object. */
  async sendForObject(request: KubeRequest): Promise<KubernetesObject> {
    const value = await this.send(request)
    if (!isKubernetesObject(value))
      throw new OperationalError('KubeUnavailable', `${request.method} ${request.path}: not a Kubernetes object`, { isRetryable: true })
    return value
  }

  /** The object, or undefined where there is none. */
  async find(path: string, timeoutMs?: number): Promise<KubernetesObject | undefined> {
    try {
      return await this.sendForObject({ method: 'GET', path, ...(timeoutMs === undefined ? {} : { timeoutMs }) })
    } catch (error) {
      if (error instanceof OperationalError && error.code === 'KubeNotFound') return undefined
      throw error
    }
  }

  /** The lines of an answer that goes on, as that of a watch, until it ends, after an empty one when it begins; `idleMs` without a byte ends it. */
  async *lines({ path, idleMs, signal }: { readonly path: string; readonly idleMs: number; readonly signal: AbortSignal }): AsyncGenerator<string> {
    const options: RequestOptions = {}
    await this.#config.applyToHTTPSOptions(options)
    const response = await this.#open({ ...options, method: 'GET', headers: { ...options.headers, accept: 'application/json' }, signal }, path)
    response.setTimeout(idleMs, () => response.destroy(new Error(`nothing came for ${idleMs / 1000} s`)))
    const { statusCode = 0 } = response
    const decoder = new StringDecoder('utf8')
    let rest = ''
    if (statusCode === 200) yield ''
    try {
      for await (const chunk of response) {
        rest += typeof chunk === 'string' ? chunk : decoder.write(chunk)
        if (statusCode !== 200) continue
        const lines = rest.split('\n')
        rest = lines.pop() ?? ''
        yield* lines
      }
    } catch (cause) {
      const message = cause instanceof Error ? cause.message : String(cause)
      throw new OperationalError('KubeUnavailable', `GET ${path}: ${message}`, { isRetryable: true, cause })
    }
    if (statusCode !== 200) throw new OperationalError(codeOf(statusCode).code, `GET ${path}: ${statusCode} ${messageOf(rest)}`, codeOf(statusCode))
  }

  #open(options: RequestOptions, path: string): Promise<IncomingMessage> {
    const base = this.#server.pathname.replace(/\/$/, '')
    const send = this.#server.protocol === 'http:' ? httpRequest : httpsRequest
    const { hostname, port } = this.#server
    return new Promise((resolve, reject) => {
      const request = send({ ...options, hostname: hostname.replace(/^\[|\]$/g, ''), port, path: `${base}${path}` }, resolve)
      request.setTimeout(DEFAULT_TIMEOUT_MS, () => request.destroy(new Error('no answer in time')))
      request.on('error', (cause) => reject(new OperationalError('KubeUnavailable', `GET ${path}: ${cause.message}`, { isRetryable: true, cause })))
      request.end()
    })
  }

  async #exchange({
    method,
    path,
    body,
    contentType,
    accept,
    timeoutMs = DEFAULT_TIMEOUT_MS,
    limitBytes = Number.POSITIVE_INFINITY,
    onWarning = () => undefined,
  }: KubeRequest): Promise<RawResponse> {
    const options: RequestOptions = {}
    await this.#config.applyToHTTPSOptions(options)
    const text = body === undefined ? undefined : JSON.stringify(body)
    const headers = {
      ...options.headers,
      accept: accept ?? 'application/json',
      ...(text === undefined ? {} : { 'content-type': contentType ?? 'application/json', 'content-length': Buffer.byteLength(text) }),
    }
    const base = this.#server.pathname.replace(/\/$/, '')
    const send = this.#server.protocol === 'http:' ? httpRequest : httpsRequest
    return new Promise<RawResponse>((resolve, reject) => {
      const fail = (cause: unknown): void => {
        const message = cause instanceof Error ? cause.message : String(cause)
        const code = cause instanceof TooLong ? 'KubeTooLarge' : 'KubeUnavailable'
        reject(new OperationalError(code, `${method} ${path}: ${message}`, { isRetryable: true, cause }))
      }
      const { hostname, port } = this.#server
      const target = { ...options, headers, method, hostname: hostname.replace(/^\[|\]$/g, ''), port, path: `${base}${path}` }
      const request = send({ ...target, signal: AbortSignal.timeout(timeoutMs) }, (response) => {
        for (const header of response.headersDistinct['warning'] ?? []) onWarning(warningIn(header))
        const chunks: Buffer[] = []
        let bytes = 0
        response.on('data', (chunk: Buffer) => {
          bytes += chunk.length
          if (bytes > limitBytes) response.destroy(new TooLong(`the answer is longer than ${limitBytes} bytes`))
          else chunks.push(chunk)
        })
        response.on('error', fail)
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') }))
      })
      request.on('error', fail)
      request.end(text)
    })
  }
}

/** The path of a resource, or of one object of it. */
export function resourcePath(target: {
  readonly group: string
  readonly version: string
  readonly resource: string
  readonly namespace?: string | undefined
  readonly name?: string | undefined
  readonly subResource?: string
}): string {
  const { group, version, resource, namespace, name, subResource } = target
  const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`
  const scope = namespace === undefined || namespace === '' ? '' : `/namespaces/${encodeURIComponent(namespace)}`
  const own = name === undefined ? '' : `/${encodeURIComponent(name)}`
  return `${root}${scope}/${resource}${own}${subResource === undefined ? '' : `/${subResource}`}`
}
