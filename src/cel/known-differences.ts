/** One class of expressions on which Kubernetes and this engine differ, and in what: the verdict, the cost, or the text of an error. */
export interface KnownDifference {
  readonly id: string
  readonly aspect: 'verdict' | 'cost' | 'text'
  readonly expressions: readonly string[]
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
    kubernetes: 'the checker panics (index out of range) and the request is answered with an internal error',
    bylaw: 'the element is there if the optional has a value',
    reason: 'a defect of cel-go 0.29.2; no policy a server has stored can contain such an expression',
  },
  {
    id: 'cost-of-rare-steps',
    aspect: 'cost',
    expressions: [
      'has(object.nope.x)',
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
      'dyn(optional.none())[0]',
      "'x'.matches(object.nope) && false",
      'object.nope in {}',
      "object.nope in {'a': 1}",
    ],
    kubernetes: 'charges a function after it ran, by its result, and steps of an expression in error one by one',
    bylaw: 'charges before work is done; differs by a few units in expressions that fail, in optMap, and where real work is more than Kubernetes reckons with',
    reason: 'a limit that is looked at afterwards does not bound time; the limits themselves are the same',
  },
]
