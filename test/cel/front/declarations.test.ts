import { describe, expect, test } from '@jest/globals'
import { functionTable } from '../../../src/cel/declarations.ts'
import { verdict } from './checks.ts'

const rows = functionTable()

test('each overload is declared once', () => {
  const signatures = rows.map(({ signature }) => signature)
  expect(signatures.filter((signature, index) => signatures.indexOf(signature) !== index)).toEqual([])
})

test.each([
  [{ name: 'charAt', signature: 'string.charAt(int) -> string', library: 'strings', since: 0 }],
  [{ name: 'format.named', signature: 'format.named(string) -> optional_type(NamedFormat)', library: 'format', since: 31 }],
  [{ name: 'semver', signature: 'semver(string, bool) -> Semver', library: 'semver', since: 33 }],
  [{ name: 'includes', signature: 'dyn.includes(dyn) -> bool', library: 'lists', since: 37 }],
  [{ name: 'jsonpatch.escapeKey', signature: 'jsonpatch.escapeKey(string) -> string', library: 'jsonpatch', since: 32 }],
])('the table has $signature', (row) => {
  expect(rows).toContainEqual(row)
})

test('libraries and the releases that brought them', () => {
  const libraries = new Set(rows.map(({ library, since }) => `${library} ${since}`))
  expect([...libraries].toSorted()).toEqual([
    'authorizer 27',
    'authorizer 31',
    'cidr 30',
    'format 31',
    'ip 30',
    'jsonpatch 32',
    'lists 0',
    'lists 34',
    'lists 37',
    'optionals 28',
    'optionals 34',
    'quantity 28',
    'regex 0',
    'semver 33',
    'sets 29',
    'standard 0',
    'strings 0',
    'strings 29',
    'url 0',
  ])
})

describe('a signature is what the checker goes by', () => {
  test.each([
    ["'a'.charAt(0)", 'string'],
    ['sets.intersects([1], [2])', 'bool'],
    ['lists.range(3).sum()', 'int'],
    ["url('https://a').getQuery()", 'map(string, list(string))'],
    ["'a'.findAll('a', 1)", 'list(string)'],
    ['[optional.of(1)].unwrapOpt().first()', 'optional_type(int)'],
    ["[duration('1s')].max()", 'duration'],
    ["timestamp(0).getHours('UTC') + duration('1h').getHours()", 'int'],
    ["cidr('10.0.0.0/8').containsIP(ip('10.0.0.1'))", 'bool'],
    ["string(ip('::1')) + string(cidr('::/0'))", 'string'],
  ])('%s is %s', (source, type) => {
    expect(verdict(source)).toBe(type)
  })
})
