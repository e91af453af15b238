import { type CelType, DYN, opaque, parameter } from './types.ts'

/** One way to call a function; the target of a member function is its first parameter. */
export interface Overload {
  readonly parameters: readonly CelType[]
  readonly result: CelType
  /** Names of its type parameters. */
  readonly generics: readonly string[]
  readonly library: string
  /** The minor release of Kubernetes that brought it; 0 if it was always there. */
  readonly since: number
  /** As the documentation shows it, such as `string.charAt(int) -> string`. */
  readonly signature: string
}

/** The overloads of a name: those called as `x.name()` and those called as `name(x)`. */
export interface FunctionDeclaration {
  readonly name: string
  readonly members: readonly Overload[]
  readonly globals: readonly Overload[]
}

/** A library as it is written down: signatures under the release that brought them. */
export interface LibraryTable {
  readonly library: string
  readonly since: number
  readonly globals?: readonly string[]
  readonly members?: readonly string[]
}

/** The types with functions of their own, by the short names used in signatures. */
export const OPAQUE_TYPES: Readonly<Record<string, CelType>> = {
  Quantity: opaque('kubernetes.Quantity'),
  URL: opaque('kubernetes.URL'),
  Semver: opaque('kubernetes.Semver'),
  NamedFormat: opaque('kubernetes.NamedFormat'),
  IP: opaque('net.IP'),
  CIDR: opaque('net.CIDR'),
  Authorizer: opaque('kubernetes.authorization.Authorizer'),
  PathCheck: opaque('kubernetes.authorization.PathCheck'),
  GroupCheck: opaque('kubernetes.authorization.GroupCheck'),
  ResourceCheck: opaque('kubernetes.authorization.ResourceCheck'),
  Decision: opaque('kubernetes.authorization.Decision'),
}

const SIMPLE = ['dyn', 'bool', 'int', 'uint', 'double', 'string', 'bytes', 'null', 'timestamp', 'duration'] as const
const SIMPLE_TYPES: ReadonlyMap<string, CelType> = new Map(SIMPLE.map((kind) => [kind, { kind }]))

/** Reads the signatures of libraries into declarations by name; later libraries add overloads to earlier names. */
export function declare(tables: readonly LibraryTable[]): ReadonlyMap<string, FunctionDeclaration> {
  const declared = new Map<string, { readonly name: string; readonly members: Overload[]; readonly globals: Overload[] }>()
  const add = (name: string, style: 'members' | 'globals', overload: Overload): void => {
    const known = declared.get(name) ?? { name, members: [], globals: [] }
    known[style].push(overload)
    declared.set(name, known)
  }
  for (const { library, since, globals = [], members = [] } of tables) {
    for (const signature of globals) {
      const reader = new SignatureReader(signature)
      add(reader.until('('), 'globals', { ...reader.rest([]), library, since, signature })
    }
    for (const signature of members) {
      const reader = new SignatureReader(signature)
      const target = reader.type()
      reader.until('.')
      add(reader.until('('), 'members', { ...reader.rest([target]), library, since, signature })
    }
  }
  return declared
}

/** Reads `name(type, type) -> type`; single capital letters are type parameters. */
class SignatureReader {
  readonly #text: string
  readonly #generics = new Set<string>()
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  until(mark: string): string {
    const end = this.#text.indexOf(mark, this.#at)
    const read = this.#text.slice(this.#at, end)
    this.#at = end + mark.length
    return read
  }

  rest(target: readonly CelType[]): Pick<Overload, 'parameters' | 'result' | 'generics'> {
    const parameters = [...target]
    while (this.#text.charAt(this.#at) !== ')') {
      parameters.push(this.type())
      this.#skip(', ')
    }
    this.until(' -> ')
    const result = this.type()
    return { parameters, result, generics: [...this.#generics] }
  }

  type(): CelType {
    const name = /[A-Za-z_]+/y
    name.lastIndex = this.#at
    const word = name.exec(this.#text)?.[0] ?? ''
    this.#at += word.length
    const parameters: CelType[] = []
    if (isContainer(word)) {
      this.#skip('(')
      while (this.#text.charAt(this.#at) !== ')') {
        parameters.push(this.type())
        this.#skip(', ')
      }
      this.#skip(')')
    }
    return this.#named(word, parameters)
  }

  #named(word: string, [first = DYN, second = DYN]: readonly CelType[]): CelType {
    if (word === 'list') return { kind: 'list', element: first }
    if (word === 'map') return { kind: 'map', key: first, value: second }
    if (word === 'optional_type') return { kind: 'optional', of: first }
    if (word === 'type') return { kind: 'type', of: first }
    const known = SIMPLE_TYPES.get(word) ?? OPAQUE_TYPES[word]
    if (known !== undefined) return known
    if (word.length !== 1) throw new Error(`unknown type in the signature \`${this.#text}\``)
    this.#generics.add(word)
    return parameter(word)
  }

  #skip(text: string): void {
    if (this.#text.startsWith(text, this.#at)) this.#at += text.length
  }
}

const isContainer = (word: string): boolean => word === 'list' || word === 'map' || word === 'optional_type' || word === 'type'
