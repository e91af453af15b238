/** Something that another CEL has, and how it is written there. */
export interface Absence {
  readonly what: string
  readonly example: string
  readonly instead: string
}

/** What people know from other CELs and Kubernetes does not have; a test holds each example to be refused. */
export const ABSENT: readonly Absence[] = [
  { what: 'bindings', example: 'cel.bind(x, object.spec, x.replicas) == 1', instead: '`spec.variables`' },
  { what: 'the math library', example: 'math.greatest(1, 2) == 2', instead: '`[1, 2].max()`' },
  { what: 'base64', example: "base64.encode(b'a') == 'YQ=='", instead: '' },
  { what: 'reversed strings', example: "'abc'.reverse() == 'cba'", instead: "lists only: `['a', 'b'].reverse()`" },
  { what: 'the regex library of cel-go', example: "regex.extract('a1', '[0-9]') == optional.of('1')", instead: "`'a1'.find('[0-9]')`" },
  { what: 'protocol buffer messages', example: 'google.protobuf.Int64Value{value: 1} == 1', instead: '' },
  { what: 'look-around in regular expressions', example: "object.metadata.name.matches('(?=a)')", instead: 'RE2, which needs no more than linear time' },
]

/** A mistake that a checker without types lets through. */
export interface Refusal {
  readonly example: string
  readonly reason: string
  readonly instead: string
}

/** Validations that are refused, with what works; a test holds both. */
export const REFUSED: readonly Refusal[] = [
  {
    example: 'object.spec.paused',
    reason: 'a validation is of type `bool`, and a field of `object` is of no known type',
    instead: 'object.spec.paused == true',
  },
  {
    example: '[object.spec.replicas, 3].max() < 5',
    reason: 'a literal list has elements of one type, and `dyn` is one of its own',
    instead: '[object.spec.replicas, dyn(3)].exists(x, x > 5)',
  },
  { example: '1 == 1.0', reason: 'values whose types are known and differ are not compared; `<` and its kin do compare numbers', instead: 'dyn(1) == 1.0' },
  { example: "duration('1d') > duration('1h')", reason: 'literal arguments are read when the policy is made', instead: "duration('24h') > duration('1h')" },
  { example: "'%d'.format(['x']) == ''", reason: 'so are format strings', instead: "'%s'.format(['x']) == ''" },
  { example: "request.userinfo.username != ''", reason: '`request` and `namespaceObject` have declared fields', instead: "request.userInfo.username != ''" },
]
