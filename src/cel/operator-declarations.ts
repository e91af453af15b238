import { declare, type FunctionDeclaration, type Overload } from './signatures.ts'

// The order in which sortBy tries them decides the type of an empty list.
const SORTABLE = ['int', 'uint', 'double', 'bool', 'duration', 'timestamp', 'string', 'bytes']
// The order in which orderings are tried decides the type of what nothing else is known of; numbers of two types came later.
const ORDERED: readonly (readonly [since: number, ...operands: readonly string[]])[] = [
  [0, 'bool, bool', 'int, int'],
  [28, 'int, double', 'int, uint'],
  [0, 'uint, uint'],
  [28, 'uint, double', 'uint, int'],
  [0, 'double, double'],
  [28, 'double, int', 'double, uint'],
  [0, 'string, string', 'bytes, bytes', 'timestamp, timestamp', 'duration, duration'],
]
const ORDERS = ['<', '<=', '>', '>=']

const DECLARATIONS: ReadonlyMap<string, FunctionDeclaration> = declare([
  {
    library: 'standard',
    since: 0,
    globals: [
      '?:(bool, A, A) -> A',
      '!(bool) -> bool',
      '==(A, A) -> bool',
      '!=(A, A) -> bool',
      '+(bytes, bytes) -> bytes',
      '+(double, double) -> double',
      '+(duration, duration) -> duration',
      '+(duration, timestamp) -> timestamp',
      '+(timestamp, duration) -> timestamp',
      '+(int, int) -> int',
      '+(list(A), list(A)) -> list(A)',
      '+(string, string) -> string',
      '+(uint, uint) -> uint',
      '/(double, double) -> double',
      '/(int, int) -> int',
      '/(uint, uint) -> uint',
      '%(int, int) -> int',
      '%(uint, uint) -> uint',
      '*(double, double) -> double',
      '*(int, int) -> int',
      '*(uint, uint) -> uint',
      'negate(double) -> double',
      'negate(int) -> int',
      '-(double, double) -> double',
      '-(duration, duration) -> duration',
      '-(int, int) -> int',
      '-(timestamp, duration) -> timestamp',
      '-(timestamp, timestamp) -> duration',
      '-(uint, uint) -> uint',
      'in(A, list(A)) -> bool',
      'in(A, map(A, B)) -> bool',
      '[](list(A), int) -> A',
      '[](map(A, B), A) -> B',
    ],
  },
  ...ORDERED.map(([since, ...operands]) => ({
    library: 'standard',
    since,
    globals: ORDERS.flatMap((operator) => operands.map((types) => `${operator}(${types}) -> bool`)),
  })),
  {
    library: 'optionals',
    since: 28,
    globals: [
      '[](optional_type(list(V)), int) -> optional_type(V)',
      '[](optional_type(map(K, V)), K) -> optional_type(V)',
      '[?](list(V), int) -> optional_type(V)',
      '[?](optional_type(list(V)), int) -> optional_type(V)',
      '[?](map(K, V), K) -> optional_type(V)',
      '[?](optional_type(map(K, V)), K) -> optional_type(V)',
    ],
  },
  // What macros are made of.
  { library: 'comprehensions', since: 0, globals: ['insert(map(K, V), K, V) -> map(K, V)', 'insertEntry(map(K, V), map(K, V)) -> map(K, V)'] },
  { library: 'lists', since: 34, globals: SORTABLE.map((type) => `sortBy(list(T), list(${type})) -> list(T)`) },
])

/** The overloads of an operator, or of a step of a macro. */
export function operatorOverloads(operator: string): readonly Overload[] {
  return DECLARATIONS.get(operator)?.globals ?? []
}
