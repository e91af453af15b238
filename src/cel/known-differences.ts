/**
 * One class of expressions on which Kubernetes and this engine differ, and in what: the verdict, the cost, the text of an error, or, of the expressions
 * of mutations, whether the mutation is applied.
 */
export interface KnownDifference {
  readonly id: string
  readonly aspect: 'verdict' | 'cost' | 'text' | 'mutation'
  readonly expressions: readonly string[]
  /** A part of Kubernetes' message that marks the class, where there is one. */
  readonly marker?: string
  readonly kubernetes: string
  readonly bylaw: string
  readonly reason: string
}

/** Everything in which this engine is known to differ from that of Kubernetes 1.37; tests hold the list to be exact. */
export const KNOWN_DIFFERENCES: readonly KnownDifference[] = [
  {
    id: 'optional-element-of-unknown-type',
    aspect: 'verdict',
    expressions: ['[?object.l[?0]]', '[?object.l[?0], ?object.l[?1]]', "{?'a': object.m[?'a']}"],
    marker: 'panic: runtime error: index out of range [0] with length 0',
    kubernetes: 'the checker panics (index out of range) and the request is answered with an internal error',
    bylaw: 'the element is there if the optional has a value',
    reason: 'a defect of cel-go 0.29.2; no policy a server has stored can contain such an expression',
  },
  {
    id: 'macro-variable-that-is-a-type',
    aspect: 'verdict',
    expressions: ['[type(1)].all(t, t == int)', '[1].map(x, type(x)).exists(t, t == string)'],
    marker: 'program instantiation failed: reference to undefined type',
    kubernetes: 'takes the name of a variable whose values are types for the name of a type, and refuses the expression',
    bylaw: 'the variable stands for the type',
    reason: 'a defect of cel-go 0.29.2; to accept the expression harms nobody, and nothing real compares types one by one',
  },
  {
    id: 'unhashable-in-constants',
    aspect: 'verdict',
    expressions: ["dyn(b'') in [1, 2, 3]", "dyn(b'a') in ['a', 'b']", "dyn(semver('1.2.3')) in [1, 2, 3]", "dyn(semver('1.2.3')) in {'a': 1}"],
    marker: 'hash of unhashable type',
    kubernetes: 'looks bytes and versions up in constant lists and in maps by their hash, which they do not have, and the evaluation panics',
    bylaw: 'they are in no list of other values, and no keys',
    reason: 'a defect of cel-go 0.29.2; objects hold neither',
  },
  {
    id: 'order-of-map-keys',
    aspect: 'verdict',
    expressions: ['lists.range(100).transformMap(i, v, v).map(k, k)'],
    kubernetes: 'walks the keys of a map in random order, another each time',
    bylaw: 'walks them in the order they are written in',
    reason: 'the same expression on the same object should have the same value',
  },
  {
    id: 'bounds-on-sizes',
    aspect: 'verdict',
    expressions: ["isQuantity('1e1001')", "isQuantity('0'.replace('0', '00000000000000000000000000000000').replace('0', '00000000000000000000000000000000'))"],
    kubernetes: 'reads quantities and versions of any length, with any exponent',
    bylaw: 'refuses quantities and versions of more than 1,000 characters and exponents above 1,000',
    reason: 'arithmetic on numbers of a million digits takes minutes at a cost of a few units',
  },
  {
    id: 'cost-of-rare-steps',
    aspect: 'cost',
    expressions: [
      'has(object.nope.x)',
      'object.s + object.s + object.s + object.s',
      'object.l.?x.hasValue()',
      "object.l[?'x'].hasValue()",
      "object.mixed.join(',')",
      'object.?s.optFlatMap(x, x)',
      'object.?s.optFlatMap(x, object.?i)',
      "object.?s.optMap(x, x + '!')",
      'object.l.slice(0, 3)',
      'object.l.slice(1, 0)',
      'lists.range(-1)',
      'object.nope.map(x, x).distinct()',
      '(1 in object.nope.map(x, 1).distinct()) || true',
      '(object.nope.map(x, 1).sort() == []) || true',
      '(object.nope.sort() == []) || true',
      'object.args.map(x, x)',
      'object.args.all(x, true)',
      'object.n.all(x, true)',
      'object.s.all(x, true)',
      "'%s'.format([object])",
      "'%s'.format([{'a': 1, 'b': [1.5, 'x', null]}])",
      'dyn(optional.none())[0]',
      "'x'.matches(object.nope) && false",
      'object.nope in {}',
      "object.nope in {'a': 1}",
    ],
    kubernetes: 'charges a function after it ran, by its result, and steps of an expression in error one by one',
    bylaw: 'charges before work is done; differs by a few units in expressions that fail, in optMap, and where real work is more than Kubernetes reckons with',
    reason: 'a limit that is looked at afterwards does not bound time; the limits themselves are the same',
  },
  {
    id: 'operands-named-in-errors',
    aspect: 'text',
    expressions: ["object.s + object.i == 'x'", 'object.l < object.l', 'object.m.startsWith(object.s)', "dyn(quantity('1')) == dyn(1)"],
    marker: 'no such overload',
    kubernetes: 'says `no such overload`, for some operators with their name',
    bylaw: 'also names the operator and the types of the operands',
    reason: 'the text reaches the person who was refused, and the types are what helps them',
  },
  {
    id: 'reasons-of-unreadable-addresses',
    aspect: 'text',
    expressions: ["ip('1.2.3.x')", "ip('12345::')", "cidr(':::/8')"],
    marker: 'ParseAddr',
    kubernetes: 'tells the character at which an address cannot be read',
    bylaw: 'says that the address cannot be read',
    reason: 'the address itself is in the text',
  },
  {
    id: 'mutations-that-break-a-schema',
    aspect: 'mutation',
    expressions: [
      'Object{spec: Object.spec{nothing: 1}}',
      "Object{spec: Object.spec{hostNetwork: 'yes'}}",
      "[JSONPatch{op: 'add', path: '/spec/nothing', value: 1}]",
      "[JSONPatch{op: 'replace', path: '/spec/hostNetwork', value: 'yes'}]",
    ],
    kubernetes: 'refuses what the schema of a built-in kind does not have while it applies the mutation, or drops the field',
    bylaw: 'applies it, and leaves the judgement to the API server, which knows the schema: the corrected object is refused there, or loses the field',
    reason: 'schemas are those of the server that stores the object, and not known at the offline door',
  },
]
