import { describe, expect, test } from '@jest/globals'
import { checkExpression } from '../../../src/cel/check.ts'
import { declaredVariableType, jsonPatchType, mutationObjectType } from '../../../src/cel/environment-types.ts'
import { parseExpression } from '../../../src/cel/parse.ts'
import { BOOL, formatType, listOf, NULL, STRING } from '../../../src/cel/types.ts'
import { admission, issues, verdict } from './checks.ts'

describe('the type of an expression', () => {
  test.each([
    ['what is read from an object', 'object.spec.replicas', 'dyn'],
    ['a comparison', 'object.spec.replicas == 3', 'bool'],
    ['a sum with something unknown', 'object.spec.replicas + 1', 'int'],
    ['a chain of conditions on unknown values', 'object.a && object.b || !object.c', 'bool'],
    ['a field of the request', 'request.userInfo.groups', 'list(string)'],
    ['a value of a typed map', "request.userInfo.extra['scopes'][0]", 'string'],
    ['a time', 'namespaceObject.metadata.creationTimestamp', 'timestamp'],
    ['the difference of two times', 'namespaceObject.metadata.creationTimestamp - timestamp(0)', 'duration'],
    ['a variable of the policy', 'variables.replicas + 1', 'int'],
    ['whether a variable of the policy is set', 'has(variables.replicas)', 'bool'],
    ['a check of the authorizer', "authorizer.group('apps').resource('deployments').check('get').allowed()", 'bool'],
    ['a check of the requested resource', "authorizer.requestResource.check('delete')", 'kubernetes.authorization.Decision'],
    ['an empty list', '[]', 'list(dyn)'],
    ['an empty list beside numbers', '[[], [1]]', 'list(list(int))'],
    ['a map', "{'a': [1u]}", 'map(string, list(uint))'],
    ['an optional field', 'object.?spec.replicas', 'optional_type(dyn)'],
    ['an optional index', '[1, 2][?0]', 'optional_type(int)'],
    ['a default of something unknown', 'object.?spec.?replicas.orValue(1)', 'dyn'],
    ['a default', '[1][?0].orValue(2)', 'int'],
    ['a mapped optional', 'object.?spec.optMap(s, s.replicas > 1)', 'optional_type(bool)'],
    ['a mapped list', '[1, 2].map(x, string(x))', 'list(string)'],
    ['a filtered map gives its keys', "{'a': 1}.filter(k, k != 'b')", 'list(string)'],
    ['a transformed map', "{'a': 1}.transformMap(k, v, v > 2 ? k : '')", 'map(string, string)'],
    ['the index of a list as the first variable', "['a'].transformList(i, x, i)", 'list(int)'],
    ['entries of a map', "['a'].transformMapEntry(i, x, {x: i})", 'map(string, int)'],
    ['a sorted list', '[2, 1].sortBy(x, -x)', 'list(int)'],
    ['a type', 'type(1)', 'type(int)'],
    ['types compare whatever they are', 'type(1) == string', 'bool'],
    ['types with a dot', 'type(object.t) == google.protobuf.Timestamp && type(object.i) != net.IP', 'bool'],
    ['a quantity', "quantity('1Gi').add(1).compareTo(quantity('2Gi'))", 'int'],
    ['functions of two libraries with one name', "[ip('10.0.0.1').family(), cidr('10.0.0.0/8').ip().family()]", 'list(int)'],
    ['a namespaced function', "format.named('dns1123Label').value().validate(object.metadata.name).hasValue()", 'bool'],
    ['null beside a time', 'namespaceObject.metadata.creationTimestamp == null', 'bool'],
    ['order between kinds of numbers', '1 < 1.5 && 2u >= 1', 'bool'],
    ['a mix inside of format', "'%s %d %s'.format(['a', 1, [object.x, 2]])", 'string'],
    ['an optional element of unknown type', '[?object.l[?0], ?object.l[?1]]', 'list(dyn)'],
    ['a macro variable hides a variable', '[1].all(object, object > 0)', 'bool'],
    ['a leading dot sees past macro variables', '[1].map(object, .object.x)', 'list(dyn)'],
  ])('%s', (_, source, expected) => {
    expect(verdict(source)).toBe(expected)
  })
})

describe('what Kubernetes refuses', () => {
  test.each([
    ['a field the request does not have', "request.userinfo.username == 'x'", ['1:9 UndefinedField: `request` has no field `userinfo`']],
    ['the same inside of has', 'has(request.userInfo.name)', ['1:22 UndefinedField: `request.userInfo` has no field `name`']],
    ['a name', 'obj.spec.replicas > 1', ['1:1 UndeclaredReference: `obj` is not declared']],
    ['all variables at once', 'size(variables) > 1', ['1:6 UndeclaredReference: `variables` is read by its fields only, such as `variables.replicas`']],
    ['a variable of the policy', 'variables.replica > 1', ['1:11 UndefinedField: `variables` has no `replica`']],
    ['a function', "object.metadata.name.startWith('a')", ['1:22 UndeclaredReference: there is no function `startWith`']],
    ['a function of another dialect', 'math.greatest(1, 2) == 2', ['1:1 UndeclaredReference: Kubernetes has no function `math.greatest`']],
    ['a misspelt function of a namespace', 'sets.contain([1], [1])', ['1:6 UndeclaredReference: there is no function `sets.contain`']],
    ['a function as a method', "quantity('1').sign() == 1", ['1:15 NoMatchingOverload: there is no function `kubernetes.Quantity.sign()`']],
    ['a method on the wrong type', "[1].join(',')", ['1:5 NoMatchingOverload: there is no function `list(int).join(string)`']],
    ['text plus number', "request.name + 1 == 'x'", ['1:14 NoMatchingOverload: `+` does not apply to (string, int)']],
    ['equality of different numbers', '1u == 1', ['1:4 NoMatchingOverload: `==` does not apply to (uint, int)']],
    ['a remainder of doubles', '4.0 % 2.0', ['1:5 NoMatchingOverload: `%` does not apply to (double, double)']],
    ['a key of another type', "1.0 in {1: 'x'}", ['1:5 NoMatchingOverload: `in` does not apply to (double, map(int, string))']],
    ['a condition that is no bool', 'object.a && 1', ['1:13 TypeMismatch: `&&` needs operands of type bool, but this is int']],
    ['a choice by a number', '1 ? 2 : 3', ['1:1 TypeMismatch: the condition of `? :` must be bool, but this is int']],
    ['branches of two types', "object.a ? 1 : 'a'", ['1:10 NoMatchingOverload: the branches of `? :` must have one type, but these are (int, string)']],
    ['known and unknown elements', '[object.i, 1]', ['1:12 MixedElementTypes: elements of a list must have one type, but this is int beside dyn']],
    ['elements of two types', "[1, 'a', 2, 'b']", ['1:5 MixedElementTypes: elements of a list must have one type, but this is string beside int']],
    ['values of two types', "{'a': 1, 'b': object.i}", ['1:15 MixedElementTypes: values of a map must have one type, but this is dyn beside int']],
    ['keys of two types', "{'a': 1, object.s: 2}", ['1:10 MixedElementTypes: keys of a map must have one type, but this is dyn beside string']],
    ['an optional mark on a plain value', '[?1]', ['1:3 TypeMismatch: what follows `?` must be an optional, but this is int']],
    ['a field of a number', '1.5.floor', ['1:5 NotSelectable: a value of type double has no fields']],
    ['iteration of a number', '1.map(x, x)', ['1:1 NotIterable: a value of type int cannot be iterated, only a list or a map can']],
    ['a macro condition that is no bool', '[1].filter(x, x)', ['1:15 TypeMismatch: the condition of `filter` must be bool, but this is int']],
    ['a macro with too few arguments', "object.l.all(c.image == 'x')", ['1:10 InvalidMacro: `all` is written `list.all(x, condition)`']],
    [
      'entries that are none',
      '[1].transformMapEntry(i, x, x)',
      ['1:29 TypeMismatch: `transformMapEntry` makes entries of a map such as `{key: value}`, not of int'],
    ],
    ['optMap of a plain value', '[1].optMap(x, x)', ['1:1 TypeMismatch: `optMap` works on an optional, but this is list(int)']],
    ['optFlatMap to a plain value', 'optional.of(1).optFlatMap(x, x)', ['1:30 TypeMismatch: the value of `optFlatMap` must be an optional, but this is int']],
    ['sorting by lists', '[1].sortBy(x, [x])', ['1:15 TypeMismatch: `sortBy` cannot sort by list(int)']],
    [
      'a duration in days',
      "duration('1d') > duration('1h')",
      ["1:10 InvalidArgument: `duration` cannot convert this constant: type conversion error from 'string' to 'google.protobuf.Duration'"],
    ],
    [
      'a time in lower case',
      "false && timestamp('2020-01-01t00:00:00z') == object.t",
      ["1:20 InvalidArgument: `timestamp` cannot convert this constant: type conversion error from 'string' to 'google.protobuf.Timestamp'"],
    ],
    [
      'a constant that is no number',
      "int(string('x')) == 1",
      ["1:5 InvalidArgument: `int` cannot convert this constant: type conversion error from 'string' to 'int'"],
    ],
    [
      'a lookahead',
      "object.s.matches('(?=a)')",
      ['1:18 InvalidArgument: `matches` needs a regular expression of RE2: error parsing regexp: invalid or unsupported Perl syntax: `(?=`'],
    ],
    [
      'a broken pattern',
      "object.s.find('[')",
      ['1:15 InvalidArgument: `find` needs a regular expression of RE2: error parsing regexp: missing closing ]: `[`'],
    ],
    ['a constant that is no key', 'object.m[null]', ['1:10 InvalidArgument: a value of type null_type is no key of a map and no index of a list']],
    ['too few arguments of a format', "'%s %s'.format(['a'])", ['1:9 InvalidFormat: the format uses more arguments than the 1 that are given']],
    ['too many arguments of a format', "'%s'.format(['a', 'b'])", ['1:6 InvalidFormat: the format uses 1 arguments, but 2 are given']],
    ['a wrong argument of a format', "'%d'.format(['x'])", ['1:14 InvalidFormat: `%d` needs an integer, but this is string']],
    ['a clause that is none', "'%5d'.format([1])", ['1:7 InvalidFormat: `%5` is no clause of a format']],
    ['a type used as a message', 'int{}', ['1:1 TypeMismatch: `int` has no fields, so that it cannot be made with `{}`']],
    [
      'whether the authorizer has a field',
      'has(authorizer.requestResource)',
      ['1:16 NotSelectable: a value of type kubernetes.authorization.Authorizer has no fields'],
    ],
    ['a mutation outside of mutations', 'Object{}', ['1:1 UndeclaredReference: `Object` is known in mutations only']],
  ])('%s', (_, source, expected) => {
    expect(issues(source)).toEqual(expected)
  })
})

describe('one mistake is one issue', () => {
  test.each([
    [
      'what is computed from an undeclared name',
      "obj.a + 1 > 2 && obj2.map(x, x.y + obj.b).exists(z, z == 'a')",
      ['1:1 UndeclaredReference: `obj` is not declared', '1:18 UndeclaredReference: `obj2` is not declared'],
    ],
    [
      'what is done with the result of an unknown function',
      "object.a.foo().bar.size() + 1 == 'x'.size()",
      ['1:10 UndeclaredReference: there is no function `foo`'],
    ],
    ['a list with a mistake in it', '[nope.x, 1]', ['1:2 UndeclaredReference: `nope` is not declared']],
    [
      'independent mistakes are all reported, in order',
      "request.nam == 1 + 'a' && [1, 'b'].size() > 0",
      [
        '1:9 UndefinedField: `request` has no field `nam`',
        '1:18 NoMatchingOverload: `+` does not apply to (int, string)',
        '1:31 MixedElementTypes: elements of a list must have one type, but this is string beside int',
      ],
    ],
  ])('%s', (_, source, expected) => {
    expect(issues(source)).toEqual(expected)
  })

  test('the result of a mistake is no wrong result', () => {
    expect(issues('obj.spec.paused', { ...admission, resultTypes: [BOOL] })).toEqual(['1:1 UndeclaredReference: `obj` is not declared'])
  })
})

describe('the environment', () => {
  const old = { ...admission, kubernetesMinor: 30 }

  test.each([
    [
      'a function',
      "semver('1.0.0').major() == 1",
      ['1:1 NewerKubernetes: `semver` came with the libraries of Kubernetes 1.33, but this expression must do with those of 1.30'],
    ],
    [
      'one overload of a function',
      '[[1]].flatten().sum() == 1',
      ['1:7 NewerKubernetes: `flatten` came with the libraries of Kubernetes 1.34, but this expression must do with those of 1.30'],
    ],
    [
      'a macro of two variables',
      '[1].all(i, x, x > i)',
      ['1:5 NewerKubernetes: `all` with two variables came with the libraries of Kubernetes 1.32, but this expression must do with those of 1.30'],
    ],
    [
      'a sort',
      '[1].sortBy(x, x)[0] == 1',
      ['1:5 NewerKubernetes: `sortBy` came with the libraries of Kubernetes 1.34, but this expression must do with those of 1.30'],
    ],
    ['what is old enough', "ip('::1').isLoopback() && [1].all(x, x > 0)", []],
  ])('an older Kubernetes refuses %s', (_, source, expected) => {
    expect(issues(source, old)).toEqual(expected)
  })

  test.each([
    ['dyn is not bool', 'object.spec.paused', [BOOL], ['1:1 WrongResultType: must evaluate to bool but got dyn']],
    ['one of two', 'object.x == 1', [STRING, NULL], ['1:1 WrongResultType: must evaluate to string or null but got bool']],
    ['exactly', 'object.x == 1', [BOOL], []],
  ])('the result must fit: %s', (_, source, resultTypes, expected) => {
    expect(issues(source, { ...admission, resultTypes })).toEqual(expected)
  })

  test.each([
    ['an object', 'Object{spec: Object.spec{replicas: 1, ?x: object.?x}}', [mutationObjectType()], 'Object'],
    ['a patch', "[JSONPatch{op: 'add', path: '/a/' + jsonpatch.escapeKey('b/c'), value: 1}]", [listOf(jsonPatchType())], 'list(JSONPatch)'],
    ['a field of a made object', 'Object{spec: 1}.spec', [], 'dyn'],
  ])('a mutation makes %s', (_, source, resultTypes, expected) => {
    expect(verdict(source, { ...admission, isMutation: true, ...(resultTypes.length > 0 ? { resultTypes } : {}) })).toBe(expected)
  })

  test('a patch has four fields', () => {
    expect(issues("JSONPatch{op: 1, pth: 'a'}", { ...admission, isMutation: true })).toEqual([
      '1:15 TypeMismatch: field `op` is of type string, but this is int',
      '1:18 UndefinedField: `JSONPatch` has no field `pth`',
    ])
  })
})

describe('the variables of a policy', () => {
  test.each([
    ['plain values keep their types', "['a']", 'list(string)'],
    ['a time keeps its type', 'timestamp(0)', 'timestamp'],
    ['a quantity becomes dyn', "{'a': quantity('1')}", 'map(string, dyn)'],
    ['an optional becomes dyn', 'object.?a', 'dyn'],
    ['a part of the request becomes dyn', 'request.kind', 'dyn'],
  ])('%s', (_, source, expected) => {
    const parsed = parseExpression(source)
    const checked = parsed.ok ? checkExpression(source, parsed.value, admission) : parsed
    expect(checked.ok ? formatType(declaredVariableType(checked.value.type)) : checked.error).toBe(expected)
  })
})

describe('what the checker finds out', () => {
  test('the variables that are read, and what names stand for', () => {
    const source = 'variables.replicas > 1 && [params].all(p, p.x == object.x && type(p) == map)'
    const parsed = parseExpression(source)
    if (!parsed.ok) throw new Error('the expression parses')
    const checked = checkExpression(source, parsed.value, admission)
    if (!checked.ok) throw new Error('the expression is right')
    expect([...checked.value.variables]).toEqual(['variables.replicas', 'params', 'object'])
    const resolved = [...checked.value.resolved].map(([expr, resolution]) => `${source.slice(expr.start, expr.end)} is ${resolution.kind} ${resolution.name}`)
    expect(resolved).toEqual([
      'variables.replicas is variable variables.replicas',
      'params is variable params',
      'p is local p',
      'object is variable object',
      'p is local p',
      'type(p) is function type',
      'map is type map',
    ])
  })
})
