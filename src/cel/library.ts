import { authorizers } from './lib-authorizer.ts'
import { conversions } from './lib-conversions.ts'
import { formats } from './lib-format.ts'
import { lists } from './lib-lists.ts'
import { namedFormats } from './lib-named-formats.ts'
import { networks } from './lib-network.ts'
import { optionals } from './lib-optionals.ts'
import { quantities } from './lib-quantity.ts'
import { regexes } from './lib-regex.ts'
import { semvers } from './lib-semver.ts'
import { strings } from './lib-strings.ts'
import { times } from './lib-time.ts'
import { urls } from './lib-url.ts'
import type { LibraryEntry } from './library-entry.ts'

const key = (name: string, member: boolean, arity: number): string => `${member ? '.' : ''}${name}/${arity}`

const ENTRIES: ReadonlyMap<string, LibraryEntry> = new Map(
  [conversions, strings, regexes, formats, times, optionals, lists, quantities, semvers, networks, urls, namedFormats, authorizers]
    .flat()
    .map((entry) => [key(entry.name, entry.member, entry.arity), entry]),
)

/** The function of that name and number of arguments, the target of a member function included. */
export function findFunction(name: string, isMember: boolean, arity: number): LibraryEntry | undefined {
  return ENTRIES.get(key(name, isMember, arity))
}
