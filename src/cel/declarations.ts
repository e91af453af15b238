import { declare, type FunctionDeclaration, type LibraryTable, type Overload } from './signatures.ts'

const COMPARABLE = ['int', 'uint', 'double', 'bool', 'duration', 'timestamp', 'string', 'bytes']
const SUMMABLE = ['int', 'uint', 'double', 'duration']
const TIME_PARTS = ['FullYear', 'Month', 'DayOfYear', 'DayOfMonth', 'Date', 'DayOfWeek']
const CLOCK_PARTS = ['Hours', 'Minutes', 'Seconds', 'Milliseconds']
const FORMATS = [
  ...['dns1123Label', 'dns1123Subdomain', 'dns1035Label', 'qualifiedName', 'dns1123LabelPrefix', 'dns1123SubdomainPrefix', 'dns1035LabelPrefix'],
  ...['labelValue', 'uri', 'uuid', 'byte', 'date', 'datetime'],
]

/** Every function that Kubernetes declares in its admission expressions, in the order in which its checker tries the overloads. */
const LIBRARIES: readonly LibraryTable[] = [
  {
    library: 'standard',
    since: 0,
    globals: [
      'size(bytes) -> int',
      'size(list(A)) -> int',
      'size(map(A, B)) -> int',
      'size(string) -> int',
      'type(A) -> type(A)',
      'bool(bool) -> bool',
      'bool(string) -> bool',
      'bytes(bytes) -> bytes',
      'bytes(string) -> bytes',
      'double(double) -> double',
      'double(int) -> double',
      'double(string) -> double',
      'double(uint) -> double',
      'duration(duration) -> duration',
      'duration(string) -> duration',
      'dyn(A) -> dyn',
      'int(int) -> int',
      'int(double) -> int',
      'int(duration) -> int',
      'int(string) -> int',
      'int(timestamp) -> int',
      'int(uint) -> int',
      'string(string) -> string',
      'string(bool) -> string',
      'string(bytes) -> string',
      'string(double) -> string',
      'string(duration) -> string',
      'string(int) -> string',
      'string(timestamp) -> string',
      'string(uint) -> string',
      'timestamp(timestamp) -> timestamp',
      'timestamp(int) -> timestamp',
      'timestamp(string) -> timestamp',
      'uint(uint) -> uint',
      'uint(double) -> uint',
      'uint(int) -> uint',
      'uint(string) -> uint',
      'matches(string, string) -> bool',
    ],
    members: [
      'bytes.size() -> int',
      'list(A).size() -> int',
      'map(A, B).size() -> int',
      'string.size() -> int',
      'string.contains(string) -> bool',
      'string.endsWith(string) -> bool',
      'string.startsWith(string) -> bool',
      'string.matches(string) -> bool',
      ...[...TIME_PARTS, ...CLOCK_PARTS].flatMap((part) => [`timestamp.get${part}() -> int`, `timestamp.get${part}(string) -> int`]),
      ...CLOCK_PARTS.map((part) => `duration.get${part}() -> int`),
    ],
  },
  {
    library: 'url',
    since: 0,
    globals: ['url(string) -> URL', 'isURL(string) -> bool'],
    members: [
      'URL.getScheme() -> string',
      'URL.getHost() -> string',
      'URL.getHostname() -> string',
      'URL.getPort() -> string',
      'URL.getEscapedPath() -> string',
      'URL.getQuery() -> map(string, list(string))',
    ],
  },
  {
    library: 'regex',
    since: 0,
    members: ['string.find(string) -> string', 'string.findAll(string) -> list(string)', 'string.findAll(string, int) -> list(string)'],
  },
  {
    library: 'lists',
    since: 0,
    members: [
      ...COMPARABLE.map((type) => `list(${type}).isSorted() -> bool`),
      ...SUMMABLE.map((type) => `list(${type}).sum() -> ${type}`),
      ...COMPARABLE.map((type) => `list(${type}).max() -> ${type}`),
      ...COMPARABLE.map((type) => `list(${type}).min() -> ${type}`),
      'list(A).indexOf(A) -> int',
      'list(A).lastIndexOf(A) -> int',
    ],
  },
  { library: 'lists', since: 37, members: ['dyn.includes(dyn) -> bool'] },
  {
    library: 'authorizer',
    since: 27,
    members: [
      'Authorizer.path(string) -> PathCheck',
      'Authorizer.group(string) -> GroupCheck',
      'Authorizer.serviceAccount(string, string) -> Authorizer',
      'GroupCheck.resource(string) -> ResourceCheck',
      'ResourceCheck.subresource(string) -> ResourceCheck',
      'ResourceCheck.namespace(string) -> ResourceCheck',
      'ResourceCheck.name(string) -> ResourceCheck',
      'PathCheck.check(string) -> Decision',
      'ResourceCheck.check(string) -> Decision',
      'Decision.errored() -> bool',
      'Decision.error() -> string',
      'Decision.allowed() -> bool',
      'Decision.reason() -> string',
    ],
  },
  {
    library: 'authorizer',
    since: 31,
    members: ['ResourceCheck.fieldSelector(string) -> ResourceCheck', 'ResourceCheck.labelSelector(string) -> ResourceCheck'],
  },
  {
    library: 'optionals',
    since: 28,
    globals: ['optional.of(V) -> optional_type(V)', 'optional.ofNonZeroValue(V) -> optional_type(V)', 'optional.none() -> optional_type(V)'],
    members: [
      'optional_type(V).value() -> V',
      'optional_type(V).hasValue() -> bool',
      'optional_type(V).or(optional_type(V)) -> optional_type(V)',
      'optional_type(V).orValue(V) -> V',
    ],
  },
  {
    library: 'optionals',
    // Kubernetes has no gate for these: they came with a newer cel-go, which 1.34 has for certain.
    since: 34,
    globals: ['optional.unwrap(list(optional_type(V))) -> list(V)'],
    members: ['list(V).last() -> optional_type(V)', 'list(V).first() -> optional_type(V)', 'list(optional_type(V)).unwrapOpt() -> list(V)'],
  },
  {
    library: 'quantity',
    since: 28,
    globals: ['quantity(string) -> Quantity', 'isQuantity(string) -> bool', 'sign(Quantity) -> int'],
    members: [
      'Quantity.isGreaterThan(Quantity) -> bool',
      'Quantity.isLessThan(Quantity) -> bool',
      'Quantity.compareTo(Quantity) -> int',
      'Quantity.asApproximateFloat() -> double',
      'Quantity.asInteger() -> int',
      'Quantity.isInteger() -> bool',
      'Quantity.add(Quantity) -> Quantity',
      'Quantity.add(int) -> Quantity',
      'Quantity.sub(Quantity) -> Quantity',
      'Quantity.sub(int) -> Quantity',
    ],
  },
  {
    library: 'strings',
    since: 0,
    members: [
      'string.charAt(int) -> string',
      'string.indexOf(string) -> int',
      'string.indexOf(string, int) -> int',
      'string.lastIndexOf(string) -> int',
      'string.lastIndexOf(string, int) -> int',
      'string.lowerAscii() -> string',
      'string.replace(string, string) -> string',
      'string.replace(string, string, int) -> string',
      'string.split(string) -> list(string)',
      'string.split(string, int) -> list(string)',
      'string.substring(int) -> string',
      'string.substring(int, int) -> string',
      'string.trim() -> string',
      'string.upperAscii() -> string',
      'list(string).join() -> string',
      'list(string).join(string) -> string',
    ],
  },
  { library: 'strings', since: 29, globals: ['strings.quote(string) -> string'], members: ['string.format(list(dyn)) -> string'] },
  {
    library: 'sets',
    since: 29,
    globals: ['sets.contains(list(T), list(T)) -> bool', 'sets.equivalent(list(T), list(T)) -> bool', 'sets.intersects(list(T), list(T)) -> bool'],
  },
  {
    library: 'ip',
    since: 30,
    globals: ['ip(string) -> IP', 'ip.isCanonical(string) -> bool', 'isIP(string) -> bool', 'string(IP) -> string'],
    members: [
      'IP.family() -> int',
      'IP.isUnspecified() -> bool',
      'IP.isLoopback() -> bool',
      'IP.isLinkLocalMulticast() -> bool',
      'IP.isLinkLocalUnicast() -> bool',
      'IP.isGlobalUnicast() -> bool',
    ],
  },
  {
    library: 'cidr',
    since: 30,
    globals: ['cidr(string) -> CIDR', 'isCIDR(string) -> bool', 'string(CIDR) -> string'],
    members: [
      'CIDR.containsIP(string) -> bool',
      'CIDR.containsIP(IP) -> bool',
      'CIDR.containsCIDR(string) -> bool',
      'CIDR.containsCIDR(CIDR) -> bool',
      'CIDR.ip() -> IP',
      'CIDR.prefixLength() -> int',
      'CIDR.masked() -> CIDR',
    ],
  },
  {
    library: 'format',
    since: 31,
    globals: ['format.named(string) -> optional_type(NamedFormat)', ...FORMATS.map((name) => `format.${name}() -> NamedFormat`)],
    members: ['NamedFormat.validate(string) -> optional_type(list(string))'],
  },
  {
    library: 'semver',
    since: 33,
    globals: ['semver(string) -> Semver', 'semver(string, bool) -> Semver', 'isSemver(string) -> bool', 'isSemver(string, bool) -> bool'],
    members: [
      'Semver.isGreaterThan(Semver) -> bool',
      'Semver.isLessThan(Semver) -> bool',
      'Semver.compareTo(Semver) -> int',
      'Semver.major() -> int',
      'Semver.minor() -> int',
      'Semver.patch() -> int',
    ],
  },
  {
    library: 'lists',
    since: 34,
    globals: ['lists.range(int) -> list(int)'],
    members: [
      'list(T).slice(int, int) -> list(T)',
      'list(list(T)).flatten() -> list(T)',
      'list(dyn).flatten(int) -> list(dyn)',
      ...COMPARABLE.map((type) => `list(${type}).sort() -> list(${type})`),
      'list(T).reverse() -> list(T)',
      'list(T).distinct() -> list(T)',
    ],
  },
]

/** What only the expressions of a MutatingAdmissionPolicy have. */
const MUTATION_LIBRARY: LibraryTable = { library: 'jsonpatch', since: 32, globals: ['jsonpatch.escapeKey(string) -> string'] }

const DECLARATIONS = declare(LIBRARIES)
const MUTATION_DECLARATIONS = declare([MUTATION_LIBRARY])

/** Where a function is looked up; `isMutation` adds what only mutations have. */
export function findFunction(name: string, isMutation: boolean): FunctionDeclaration | undefined {
  return DECLARATIONS.get(name) ?? (isMutation ? MUTATION_DECLARATIONS.get(name) : undefined)
}

/** The names of all functions. */
export function functionNames(): readonly string[] {
  return [...DECLARATIONS.keys()]
}

/** A row of the documentation's function table. */
export interface FunctionRow {
  readonly name: string
  readonly signature: string
  readonly library: string
  /** The minor release of Kubernetes that brought it; 0 if it was always there. */
  readonly since: number
}

/** Every overload of every function, for the documentation. */
export function functionTable(): readonly FunctionRow[] {
  return [...DECLARATIONS.values(), ...MUTATION_DECLARATIONS.values()].flatMap(({ name, members, globals }) =>
    [...globals, ...members].map(({ signature, library, since }: Overload) => ({ name, signature, library, since })),
  )
}
