import { noOverload } from './failure.ts'
import { costlyGlobal, global, type LibraryEntry, member, traversal } from './library-entry.ts'
import { escapedPath, hostName, parseUrl, portOf, queryPairs, Url, type UrlParts, urlFault } from './url.ts'
import type { CelValue } from './values.ts'

function part(name: string, read: (parts: UrlParts) => CelValue): LibraryEntry {
  return member(name, 1, (_budget, url) => (url instanceof Url ? read(url.$parts) : noOverload(name, url)))
}

function queryMap(query: string): CelValue {
  const map: Record<string, string[]> = Object.create(null)
  for (const [name, value] of queryPairs(query)) {
    const values = map[name] ?? []
    values.push(value)
    map[name] = values
  }
  return map
}

/** Kubernetes' URL library. */
export const urls: readonly LibraryEntry[] = [
  costlyGlobal('url', 1, (budget, text) => {
    if (typeof text !== 'string') return noOverload('url', text)
    budget.charge(traversal(text))
    return parseUrl(text)
  }),
  global('isURL', 1, (budget, text) => {
    if (typeof text !== 'string') return noOverload('isURL', text)
    budget.charge(Math.floor(text.length / 100))
    return urlFault(text) === undefined
  }),
  part('getScheme', ({ scheme }) => scheme),
  part('getHost', ({ host }) => host),
  part('getHostname', ({ host }) => hostName(host)),
  part('getPort', ({ host }) => portOf(host)),
  part('getEscapedPath', ({ path }) => escapedPath(path)),
  part('getQuery', ({ query }) => queryMap(query)),
]
