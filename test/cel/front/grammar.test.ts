import { describe, expect, test } from '@jest/globals'
import type { Expr } from '../../../src/cel/ast.ts'
import { parseExpression } from '../../../src/cel/parse.ts'

/** Writes a tree as nested forms, so that a whole parse fits on a line. */
function shape(expr: Expr): string {
  switch (expr.kind) {
    case 'literal':
      return expr.value instanceof Uint8Array ? `bytes:${[...expr.value].join('.')}` : `${expr.type}:${String(expr.value)}`
    case 'ident':
      return `${expr.absolute ? '.' : ''}${expr.name}`
    case 'select':
      return `(${expr.optional ? '.?' : '.'} ${shape(expr.operand)} ${expr.field})`
    case 'index':
      return `(${expr.optional ? '[?]' : '[]'} ${shape(expr.operand)} ${shape(expr.index)})`
    case 'has':
      return `(has ${shape(expr.target)})`
    case 'unary':
      return `(${expr.operator} ${shape(expr.operand)})`
    case 'binary':
      return `(${expr.operator} ${shape(expr.left)} ${shape(expr.right)})`
    case 'logical':
      return `(${expr.operator} ${expr.operands.map(shape).join(' ')})`
    case 'conditional':
      return `(? ${shape(expr.condition)} ${shape(expr.then)} ${shape(expr.otherwise)})`
    case 'call':
      return `(call ${expr.target === undefined ? '' : `${shape(expr.target)}.`}${expr.name}${expr.args.map((argument) => ` ${shape(argument)}`).join('')})`
    case 'list':
      return `[${expr.elements.map(({ value, optional }) => `${optional ? '?' : ''}${shape(value)}`).join(' ')}]`
    case 'map':
      return `{${expr.entries.map(({ key, value, optional }) => `${optional ? '?' : ''}${shape(key)}=${shape(value)}`).join(' ')}}`
    case 'message':
      return `${expr.typeName}{${expr.fields.map(({ name, value, optional }) => `${optional ? '?' : ''}${name}=${shape(value)}`).join(' ')}}`
    case 'macro':
      return `(${expr.macro} ${shape(expr.range)} ${expr.variables.join(',')}${expr.filter === undefined ? '' : ` if ${shape(expr.filter)}`} ${shape(expr.body)})`
  }
}

function parsed(source: string): string {
  const result = parseExpression(source)
  return result.ok ? shape(result.value) : result.error.map(({ code, message }) => `${code}: ${message}`).join('; ')
}

describe('the grammar', () => {
  test.each([
    ['products bind tighter than sums', '1 + 2 * 3 - 4', '(- (+ int:1 (* int:2 int:3)) int:4)'],
    ['operators of one level group from the left', '8 / 4 * 2', '(* (/ int:8 int:4) int:2)'],
    ['relations bind looser than sums and group from the left', 'a + 1 == b < c', '(< (== (+ a int:1) b) c)'],
    ['`in` is a relation', 'a in b && !c', '(&& (in a b) (! c))'],
    ['a chain of one logical operator is one node', 'a && b && c || d || e', '(|| (&& a b c) d e)'],
    ['parentheses keep a chain apart', '(a && b) && c', '(&& (&& a b) c)'],
    ['a choice groups from the right', 'a ? b : c ? d : e', '(? a b (? c d e))'],
    ['a minus before a number belongs to it', '-1.foo() - -2', '(- (call int:-1.foo) int:-2)'],
    ['a minus before a name covers its fields', '-a.b', '(- (. a b))'],
    ['two signs are none', '!!a == --b', '(== a b)'],
    ['the smallest int', '-9223372036854775808', 'int:-9223372036854775808'],
    ['numbers', '[0x1F, 7u, 0xAu, 1.5, .5, 1e3, 2.5E-1]', '[int:31 uint:7 uint:10 double:1.5 double:0.5 double:1000 double:0.25]'],
    ['words', '[true, false, null]', '[bool:true bool:false null:null]'],
    ['fields, indices and optional ones', 'a.b.?c[0][?d]', '([?] ([] (.? (. a b) c) int:0) d)'],
    ['a field in backticks', 'a.`app.kubernetes.io/name`', '(. a app.kubernetes.io/name)'],
    ['reserved words as fields', 'a.namespace.if', '(. (. a namespace) if)'],
    ['a leading dot', '.a.b', '(. .a b)'],
    ['optional elements and a last comma', '[?a, b,]', '[?a b]'],
    ['a lone comma', '[[,], {,}]', '[[] {}]'],
    ['optional entries', "{?'a': b, 1: c}", '{?string:a=b int:1=c}'],
    ['a message', 'Object.spec{replicas: 1, ?`x-y`: a}', 'Object.spec{replicas=int:1 ?x-y=a}'],
    ['a call with arguments', 'f(1, a.g(b))', '(call f int:1 (call a.g b))'],
    ['has', 'has(a.b) && has((a.c))', '(&& (has (. a b)) (has (. a c)))'],
    ['macros of one variable', 'a.all(x, b).map(y, c).map(z, d, e)', '(map (map (all a x b) y c) z if d e)'],
    ['macros of two variables', 'a.exists_one(i, x, b).transformMap(k, v, c, d)', '(transformMap (exists_one a i,x b) k,v if c d)'],
    ['existsOne is a macro with two variables only', '[a.existsOne(i, x, b), a.existsOne(x, b)]', '[(exists_one a i,x b) (call a.existsOne x b)]'],
    ['a macro with another number of arguments is a call', 'a.all(x == 1)', '(call a.all (== x int:1))'],
    ['a macro name with a leading dot is a call', '.has(a.b)', '(call has (. a b))'],
    ['comments and white space', 'a // one\n\t== // two\r\n b', '(== a b)'],
  ])('%s', (_, source, expected) => {
    expect(parsed(source)).toBe(expected)
  })
})

describe('strings and bytes', () => {
  test.each([
    ['all simple escapes', "'\\a\\b\\f\\n\\r\\t\\v\\\\\\?\\\"\\'\\`'", 'string:\x07\b\f\n\r\t\v\\?"\'`'],
    ['numeric escapes', String.raw`'\x41\X42\u00e9\U0001F642\101'`, 'string:ABé🙂A'],
    ['a hexadecimal escape of a string is a code point', String.raw`'\xff'`, 'string:ÿ'],
    ['an escape of bytes is a byte', String.raw`b'\xff\377a'`, 'bytes:255.255.97'],
    ['bytes of text are UTF-8', "b'é'", 'bytes:195.169'],
    ['a raw string keeps backslashes', String.raw`r'\d+\'`, 'string:\\d+\\'],
    ['raw bytes', String.raw`bR"\x"`, 'bytes:92.120'],
    ['a triple-quoted string has lines and quotes', `'''a"b''c\r\nd'''`, "string:a\"b''c\nd"],
    ['an escaped quote in triple quotes', String.raw`"""a\""b"""`, 'string:a""b'],
  ])('%s', (_, source, expected) => {
    expect(parsed(source)).toBe(expected)
  })

  test.each([
    ['an unknown escape', String.raw`'\d'`, 'SyntaxError: invalid escape sequence `\\d`'],
    ['an octal escape above 377', String.raw`'\477'`, 'SyntaxError: invalid escape sequence in a string'],
    ['a surrogate', String.raw`'\ud800'`, 'InvalidLiteral: an escape of this string is no Unicode code point'],
    ['a code point above the last', String.raw`'\U00110000'`, 'InvalidLiteral: an escape of this string is no Unicode code point'],
    ['a Unicode escape in bytes', String.raw`b'\u0041'`, 'InvalidLiteral: a bytes literal knows `\\x` and octal escapes, not `\\u`'],
    ['a line break', "'a\nb'", "SyntaxError: this string is not closed by `'`"],
    ['no end', '"""a"', 'SyntaxError: this string is not closed by `"""`'],
    ['a prefix in the wrong order', 'rb"a"', 'SyntaxError: unexpected `"a"`, expected an operator or the end'],
  ])('%s is refused', (_, source, expected) => {
    expect(parsed(source)).toBe(expected)
  })
})

describe('what is no expression', () => {
  test.each([
    ['nothing', '', 'SyntaxError: expression ends where a value is expected'],
    ['a single equals sign', 'a = 1', 'SyntaxError: `=` is not an operator'],
    ['a word operator', 'a and b', 'SyntaxError: unexpected `and`, expected an operator or the end'],
    ['an open bracket', 'f(a, [1', 'SyntaxError: `[` is not closed'],
    ['the wrong bracket', 'f(a]', 'SyntaxError: unexpected `]`, expected `)` or `,`'],
    ['a comma after the last argument', 'f(a,)', 'SyntaxError: unexpected `)`, expected a value'],
    [
      'a number too large',
      '9223372036854775808 + 18446744073709551616u',
      'InvalidLiteral: this number is too large for an int (64 bits); InvalidLiteral: this number is too large for a uint (64 bits)',
    ],
    ['reserved words', 'if + for', 'ReservedName: `if` is a reserved word; ReservedName: `for` is a reserved word'],
    ['a field that is a keyword', 'a.in', 'SyntaxError: unexpected `in`, expected a field name'],
    ['typographic quotes', '“a”', 'SyntaxError: `“` does not quote a string'],
    ['a space that is none', 'a\u00a0', 'SyntaxError: unexpected character `U+00A0`'],
    [
      'has of no field',
      'has(a) && has(a[0]) && has(a.?b)',
      Array(3).fill('InvalidMacro: the argument of `has` must be a field selection, such as `has(object.spec.replicas)`').join('; '),
    ],
    ['a macro without a variable', 'a.map(b.c, 1)', 'InvalidMacro: argument 1 of `map` names a variable and must be a simple name'],
    ['a macro with one variable twice', 'a.all(x, x, true)', 'InvalidMacro: `all` needs two variables of different names, not `x` twice'],
    ['sorting of what is no list', "'a'.sortBy(x, x)", 'InvalidMacro: `sortBy` sorts a list'],
  ])('%s', (_, source, expected) => {
    expect(parsed(source)).toBe(expected)
  })
})

describe('limits', () => {
  const deep = 'TooDeep: expression nests too deeply, at most 250 levels are allowed, a chain of operators or fields included'
  const verdict = (source: string): string => (parsed(source).startsWith('TooDeep') ? 'refused' : 'accepted')

  test.each([
    ['a sum', 250, (count: number) => `1${'+1'.repeat(count)}`],
    ['a chain of fields', 250, (count: number) => `a${'.b'.repeat(count)}`],
    ['parentheses', 249, (count: number) => `${'('.repeat(count)}1${')'.repeat(count)}`],
    ['sums to the right', 124, (count: number) => `${'(1+'.repeat(count)}1${')'.repeat(count)}`],
    ['lists', 250, (count: number) => `${'['.repeat(count)}${']'.repeat(count)}`],
    ['choices', 249, (count: number) => `${'a?1:'.repeat(count)}1`],
    ['negated parentheses', 249, (count: number) => `${'!('.repeat(count)}a${')'.repeat(count)}`],
  ])('%s may nest %i deep', (_, most, make) => {
    expect([verdict(make(most)), verdict(make(most + 1)), verdict(make(20_000))]).toEqual(['accepted', 'refused', 'refused'])
  })

  test('long chains of `&&` and `!` do not nest', () => {
    expect([verdict(`a${'&&a'.repeat(5000)}`), verdict(`${'!'.repeat(5000)}a`)]).toEqual(['accepted', 'accepted'])
  })

  test('an expression nested too deeply says so', () => {
    expect(parsed(`1${'+1'.repeat(5000)}`)).toBe(deep)
  })

  test('length is counted in code points', () => {
    expect(parsed(`'${'🙂'.repeat(99_998)}'`)).toMatch(/^string:/)
    expect(parsed(`'${'🙂'.repeat(99_999)}'`)).toBe('TooLong: expression has 100001 code points, at most 100000 are allowed')
  })
})
