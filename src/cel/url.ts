import { CelError, fail, noOverload } from './failure.ts'
import { parseIp } from './network.ts'
import { goQuote } from './text.ts'
import { Opaque } from './values.ts'

/** What Go's `net/url` finds in a URL. The path is kept as it was written; WHATWG's rewriting of hosts and ports does not apply. */
export interface UrlParts {
  readonly source: string
  readonly scheme: string
  readonly user: string
  readonly host: string
  readonly path: string
  readonly query: string
  /** Whether there is a `?`, even with nothing behind it. */
  readonly hasQuery: boolean
  readonly fragment: string
  /** What follows the scheme where that is no path, as in `mailto:x`. */
  readonly opaque: string
  /** Whether `//` stood before the host, be that empty. */
  readonly hasAuthority: boolean
}

/** A URL that is absolute, or an absolute path. */
export class Url extends Opaque {
  readonly $parts: UrlParts
  constructor(parts: UrlParts) {
    super()
    this.$parts = parts
  }
  get $type(): string {
    return 'kubernetes.URL'
  }
  $equals(other: Opaque): boolean | CelError {
    return other instanceof Url ? other.$text() === this.$text() : noOverload('_==_', this, other)
  }
  $text(): string {
    const { scheme, opaque, query, hasQuery, fragment } = this.$parts
    const rest = opaque === '' ? hierarchyText(this.$parts) : opaque
    return `${scheme === '' ? '' : `${scheme}:`}${rest}${hasQuery ? `?${query}` : ''}${fragment === '' ? '' : `#${escapedFragment(fragment)}`}`
  }
}

function hierarchyText({ scheme, user, host, path, hasAuthority }: UrlParts): string {
  const hasSlashes = hasAuthority && (scheme !== '' || host !== '' || user !== '') && (host !== '' || path !== '' || user !== '')
  return `${hasSlashes ? '//' : ''}${user === '' ? '' : `${user}@`}${escapedHost(host)}${escapedPath(path)}`
}

const MAX_LENGTH = 100_000
const encoder = new TextEncoder()
const decoder = new TextDecoder()

function cut(text: string, separator: string): readonly [before: string, after: string] {
  const at = text.indexOf(separator)
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + separator.length)]
}

/** Decodes `%XX`; `undefined` where an escape is malformed. */
function decodePercent(text: string): string | undefined {
  if (!text.includes('%')) return text
  if (/%(?![0-9a-fA-F]{2})/.test(text)) return undefined
  const bytes: number[] = []
  for (const part of text.split(/(%[0-9a-fA-F]{2})/)) {
    if (/^%[0-9a-fA-F]{2}$/.test(part)) bytes.push(Number.parseInt(part.slice(1), 16))
    else bytes.push(...encoder.encode(part))
  }
  return decoder.decode(Uint8Array.from(bytes))
}

/** Reads a URL as Go's `ParseRequestURI` does, or says why it is none. */
export function parseUrl(source: string): Url | CelError {
  const parts = source.length > MAX_LENGTH ? 'URL is too long' : readParts(source)
  const read = typeof parts === 'string' ? parts : withAuthority(parts)
  return typeof read === 'string' ? fail('Conversion', `URL parse error during conversion from string: ${requestUriError(source, read)}`) : new Url(read)
}

// A text that starts with two slashes passes as an absolute path, but when it is read again the first part of the path is a host.
function withAuthority(parts: UrlParts): UrlParts | string {
  const { scheme, path, fragment } = parts
  if (decodePercent(fragment) === undefined) return escapeFault(fragment)
  if (scheme !== '' || !path.startsWith('//') || path.startsWith('///')) return parts
  const authority = cut(path.slice(2), '/')[0]
  const fault = authorityFault(scheme, authority)
  if (fault !== undefined) return fault
  const at = authority.lastIndexOf('@')
  const host = decodePercent(authority.slice(at + 1)) ?? ''
  return { ...parts, user: at < 0 ? '' : authority.slice(0, at), host, path: path.slice(2 + authority.length), hasAuthority: true }
}

/** The text of Go's error for a URL that cannot be read. */
function requestUriError(source: string, reason: string): string {
  return `parse ${goQuote(source)}: ${reason}`
}

/** Why the text is no URL, in Go's words, or `undefined`. */
export function urlFault(source: string): string | undefined {
  const parts = source.length > MAX_LENGTH ? 'URL is too long' : readParts(source)
  return typeof parts === 'string' ? requestUriError(source, parts) : undefined
}

function isControl(text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index)
    if (unit < 0x20 || unit === 0x7f) return true
  }
  return false
}

// The request form knows no fragment: `#` belongs to the path or query there. The value is then read again with a fragment cut off.
function readParts(source: string): UrlParts | string {
  if (isControl(source)) return 'net/url: invalid control character in URL'
  if (source === '') return 'empty url'
  const plain = { source, scheme: '', user: '', host: '', query: '', hasQuery: false, fragment: '', opaque: '', hasAuthority: false }
  if (source === '*') return { ...plain, path: '*' }
  if (source.startsWith(':')) return 'missing protocol scheme'
  const scheme = /^([a-zA-Z][a-zA-Z0-9+.-]*):/.exec(source)?.[1] ?? ''
  const afterScheme = scheme === '' ? source : source.slice(scheme.length + 1)
  const [wholeRest] = cut(afterScheme, '?')
  const [withoutFragment, fragment] = cut(afterScheme, '#')
  const [rest, query] = cut(withoutFragment, '?')
  const lowered = scheme.toLowerCase()
  const common = { ...plain, scheme: lowered, query, hasQuery: withoutFragment.includes('?'), fragment }
  if (!wholeRest.startsWith('/')) return scheme === '' ? 'invalid URI for request' : { ...common, path: '', opaque: rest }
  if (decodePercent(wholeRest) === undefined) return escapeFault(wholeRest)
  const isAuthority = rest.startsWith('//') && scheme !== ''
  if (!isAuthority) return { ...common, path: rest }
  const afterSlashes = wholeRest.slice(2)
  const fault = authorityFault(lowered, cut(afterSlashes, '/')[0])
  if (fault !== undefined) return fault
  const authority = cut(rest.slice(2), '/')[0]
  const at = authority.lastIndexOf('@')
  const host = decodePercent(authority.slice(at + 1)) ?? ''
  return { ...common, user: at < 0 ? '' : authority.slice(0, at), host, path: rest.slice(2 + authority.length), hasAuthority: true }
}

function escapeFault(text: string): string {
  const at = text.search(/%(?![0-9a-fA-F]{2})/)
  return `invalid URL escape ${goQuote(text.slice(at, at + 3))}`
}

function authorityFault(scheme: string, authority: string): string | undefined {
  const at = authority.lastIndexOf('@')
  const host = authority.slice(at + 1)
  const hostProblem = hostFault(scheme, host)
  if (hostProblem !== undefined || at < 0) return hostProblem
  const user = authority.slice(0, at)
  if (!/^[A-Za-z0-9\-._:~!$&'()*+,;=%@]*$/.test(user)) return 'net/url: invalid userinfo'
  return decodePercent(user) === undefined ? escapeFault(user) : undefined
}

function hostFault(scheme: string, host: string): string | undefined {
  const bracket = host.lastIndexOf('[')
  if (bracket > 0) return 'invalid IP-literal'
  if (bracket === 0) return literalFault(host)
  const first = host.indexOf(':')
  const isStrict = scheme === 'http' || scheme === 'https'
  const colon = isStrict ? first : host.lastIndexOf(':')
  if (colon >= 0 && !isPort(host.slice(colon))) return `invalid port ${goQuote(host.slice(colon))} after host`
  return hostCharacterFault(host)
}

const isPort = (text: string): boolean => /^(?::[0-9]*)?$/.test(text)

function literalFault(host: string): string | undefined {
  const close = host.lastIndexOf(']')
  if (close < 0) return "missing ']' in host"
  const port = host.slice(close + 1)
  if (!isPort(port)) return `invalid port ${goQuote(port)} after host`
  const name = host.slice(1, close)
  const [address, zone] = cut(name, '%25')
  const fault = hostCharacterFault(address)
  if (fault !== undefined) return fault
  const parsed = parseIp(address)
  const isMapped = parsed instanceof CelError && parsed.$message.startsWith('IPv4-mapped')
  if (parsed instanceof CelError && !isMapped) return `invalid host: ParseAddr(${goQuote(name)}): unable to parse IP`
  if (!(parsed instanceof CelError) && parsed.$family === 4) return 'invalid IP-literal'
  return name.includes('%25') && zone === '' ? `invalid host: ParseAddr(${goQuote(name)}): zone must be a non-empty string` : undefined
}

// In a host only bytes beyond ASCII may be escaped, and these ASCII characters may not stand at all.
function hostCharacterFault(host: string): string | undefined {
  for (const [code] of host.matchAll(/%.{0,2}/gs)) {
    if (!/^%[0-9a-fA-F]{2}$/.test(code) || (/^%[0-7]/.test(code) && code !== '%25')) return `invalid URL escape ${goQuote(code)}`
  }
  const bad = /[ #/\\?@^`{|}]/.exec(host)
  return bad === null ? undefined : `invalid character ${goQuote(bad[0])} in host name`
}

/** The host without port and brackets. */
export function hostName(host: string): string {
  const colon = host.lastIndexOf(':')
  const name = colon >= 0 && isPort(host.slice(colon)) ? host.slice(0, colon) : host
  return name.startsWith('[') && name.endsWith(']') ? name.slice(1, -1) : name
}

/** The port as it was written, or an empty string. */
export function portOf(host: string): string {
  const colon = host.lastIndexOf(':')
  return colon >= 0 && isPort(host.slice(colon)) ? host.slice(colon + 1) : ''
}

function escapedFragment(fragment: string): string {
  if (/^[A-Za-z0-9\-._~!$&'()*+,;=:@/?[\]%]*$/.test(fragment)) return fragment
  return (decodePercent(fragment) ?? fragment).replace(/[^A-Za-z0-9\-._~!$&()*+,/:;=?@]/gu, percentEncoded)
}

function percentEncoded(char: string): string {
  return Array.from(encoder.encode(char), (byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('')
}

// Go writes a host with the escapes that a host may not be read with.
function escapedHost(host: string): string {
  return host.replace(/[^A-Za-z0-9\-._~!$&'()*+,;=:[\]<>"]/gu, percentEncoded)
}

/** The path with everything escaped that has to be. */
export function escapedPath(path: string): string {
  if (/^[A-Za-z0-9\-._~!$&'()*+,;=:@/[\]%]*$/.test(path)) return path
  const decoded = decodePercent(path) ?? path
  return decoded.replace(/[^A-Za-z0-9\-._~$&+,/:;=@]/gu, percentEncoded)
}

/** The query's names and values in order; parts Go refuses are left out. */
export function queryPairs(query: string): readonly (readonly [name: string, value: string])[] {
  const pairs: (readonly [string, string])[] = []
  for (const part of query.split('&')) {
    if (part === '' || part.includes(';')) continue
    const [rawName, rawValue] = cut(part, '=')
    const name = decodePercent(rawName.replaceAll('+', ' '))
    const value = decodePercent(rawValue.replaceAll('+', ' '))
    if (name !== undefined && value !== undefined) pairs.push([name, value])
  }
  return pairs
}
