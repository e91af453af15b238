import { describe, expect, test } from '@jest/globals'
import { isKubernetesObject } from '../../src/api/index.ts'
import { kindsOfDefinition, readOpenApi, schemaCatalogue } from '../../src/rules/index.ts'
import type { Json } from '../api/resources.ts'
import { correctingPolicy, correctWith } from '../mutations/ours.ts'
import { objectSchema, openApiDocument } from '../support/open-api.ts'

const TEXT = { type: 'string' }
const IMMUTABLE = { ...TEXT, 'x-kubernetes-validations': [{ rule: 'self == oldSelf', message: 'stays' }] }

const DEFINITION: Json = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'gadgets.example.com' },
  spec: {
    group: 'example.com',
    names: { kind: 'Gadget', plural: 'gadgets' },
    versions: [
      {
        name: 'v1',
        schema: {
          openAPIV3Schema: objectSchema({
            spec: {
              ...objectSchema({
                name: { ...TEXT, minLength: 2, maxLength: 4, pattern: '^[a-z]+$' },
                size: { type: 'integer', minimum: 0, maximum: 10 },
                share: { type: 'number', minimum: 0, exclusiveMinimum: true },
                mode: { ...TEXT, enum: ['fast', 'safe'] },
                isOn: { type: 'boolean' },
                list: { type: 'array', items: TEXT, maxItems: 2 },
                set: { type: 'array', items: TEXT, 'x-kubernetes-list-type': 'set' },
                map: { type: 'array', 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['id'], items: objectSchema({ id: TEXT }) },
                nested: { ...objectSchema({ a: TEXT, b: { ...TEXT, default: 'b' } }), required: ['a', 'b'] },
                words: { type: 'object', additionalProperties: TEXT, maxProperties: 1 },
                free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
                either: { 'x-kubernetes-int-or-string': true },
                none: { ...TEXT, nullable: true },
                fixed: IMMUTABLE,
              }),
            },
          }),
        },
      },
    ],
  },
}
const kinds = isKubernetesObject(DEFINITION) ? kindsOfDefinition(DEFINITION) : []
const schemas = (apiVersion: string, kind: string) => kinds.find((known) => `${known.group}/${known.version}` === apiVersion && known.kind === kind)

const gadget = (spec: Json): Json => ({ apiVersion: 'example.com/v1', kind: 'Gadget', metadata: { name: 'g', namespace: 'shop' }, spec })
const setting = (path: string, value: string): Json =>
  correctingPolicy('p', 'Gadget', [
    {
      name: 'm',
      operations: ['CREATE', 'UPDATE'],
      patchType: 'JSONPatch',
      jsonPatch: { expression: `[JSONPatch{op: 'add', path: '/spec/${path}', value: ${value}}]` },
    },
  ])

/** What becomes of an object when a field is set: `corrected`, or why not. */
function outcomeOf(path: string, value: string, spec: Json = {}, oldSpec?: Json): string | undefined {
  const attempt = { object: gadget(spec), ...(oldSpec === undefined ? {} : { oldObject: gadget(oldSpec) }), schemas }
  const [outcome] = correctWith([setting(path, value)], attempt).outcomes
  return outcome?.kind === 'notCorrected' ? outcome.reason.replace('the API server would refuse what comes of it: ', '') : outcome?.kind
}

describe('a correction that the API server would refuse by the schema is not made', () => {
  test.each<[string, string, string]>([
    ['size', "'five'", 'spec.size: must be a whole number'],
    ['size', '1.5', 'spec.size: must be a whole number'],
    ['size', '11', 'spec.size: is above 10'],
    ['size', '-1', 'spec.size: is below 0'],
    ['share', '0', 'spec.share: is below 0'],
    ['mode', "'slow'", 'spec.mode: is none of the values that the schema lists'],
    ['isOn', "'true'", 'spec.isOn: must be true or false'],
    ['name', '5', 'spec.name: must be a string'],
    ['name', "'a'", 'spec.name: has fewer than 2 characters'],
    ['name', "'abcde'", 'spec.name: has more than 4 characters'],
    ['name', "'A1'", 'spec.name: does not match the pattern of the schema'],
    ['name', 'null', 'spec.name: may not be null'],
    ['list', "'a'", 'spec.list: must be a list'],
    ['list', "[dyn('a'), dyn(1)]", 'spec.list[1]: must be a string'],
    ['list', "['a', 'b', 'c']", 'spec.list: has more than 2 elements'],
    ['set', "['a', 'b', 'a']", 'spec.set[2]: stands in the list twice'],
    ['map', "[Object.spec.map{id: 'a'}, Object.spec.map{id: 'a'}]", 'spec.map[1]: stands in the list twice'],
    ['nested', "{'b': '1'}", 'spec.nested.a: is required'],
    ['nested', "{'a': '1', 'c': '2'}", 'spec.nested.c: the kind has no such field'],
    ['nested', "['a']", 'spec.nested: must be an object'],
    ['words', "{'a': 1}", 'spec.words.a: must be a string'],
    ['words', "{'a': '1', 'b': '2'}", 'spec.words: has more than 1 fields'],
    ['unknown', '1', 'spec.unknown: the kind has no such field'],
  ])('%s: %s', (path, value, expected) => {
    expect(outcomeOf(path, value)).toBe(expected)
  })

  test.each([
    ['size', '10'],
    ['share', '0.1'],
    ['name', "'abc'"],
    ['nested', "{'a': '1'}"],
    ['free', "{'a': {'b': [1]}}"],
    ['either', '1'],
    ['either', "'50%'"],
    ['none', 'null'],
    ['fixed', "'first'"],
    ['words', "{'a': '1'}"],
  ])('%s: %s is made', (path, value) => {
    expect(outcomeOf(path, value)).toBe('corrected')
  })

  test('what was wrong in the object as it came is no reason to leave it as it is', () => {
    expect(outcomeOf('size', '3', { mode: 'slow', unknown: 1 })).toBe('corrected')
  })

  test('what the schema lets nobody change is not changed at an update', () => {
    const both = (value: string): string => `1}, JSONPatch{op: 'add', path: '/spec/fixed', value: '${value}'`
    expect(outcomeOf('size', both('second'), { size: 2, fixed: 'first' }, { size: 3, fixed: 'first' })).toBe('spec.fixed: cannot be changed')
    expect(outcomeOf('size', both('first'), { size: 2, fixed: 'first' }, { size: 3, fixed: 'first' })).toBe('corrected')
    expect(outcomeOf('size', both('first'), { size: 2, fixed: 'other' }, { size: 3, fixed: 'first' })).toBe('corrected')
  })
})

test('a null in a built-in kind is a field that is not there', () => {
  const document = openApiDocument('', 'v1', [
    { resource: 'configmaps', kind: 'ConfigMap', fields: { data: { type: 'object', additionalProperties: TEXT }, immutable: { type: 'boolean' } } },
  ])
  const read = readOpenApi(document)
  const catalogue = schemaCatalogue(read.ok ? read.value : [])
  const policy = (value: string): Json =>
    correctingPolicy('p', 'ConfigMap', [
      { name: 'm', patchType: 'JSONPatch', jsonPatch: { expression: `[JSONPatch{op: 'add', path: '/immutable', value: ${value}}]` } },
    ])
  const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', namespace: 'shop' }, data: {} }
  const told = (value: string) =>
    correctWith([policy(value)], { object, schemas: (_version, kind) => catalogue.ofKind('', 'v1', kind) }).outcomes.map(({ kind }) => kind)
  expect(told('null')).toEqual(['corrected'])
  expect(told("'yes'")).toEqual(['notCorrected'])
})

describe('a custom resource whose schema has not been read', () => {
  const applied = (expression: string) => {
    const policy = correctingPolicy('p', 'Gadget', [{ name: 'm', patchType: 'ApplyConfiguration', applyConfiguration: { expression } }])
    return correctWith([policy], { object: gadget({ list: ['a'] }), schemas: () => undefined })
  }

  test('is left as it is, since nobody knows how its fields merge, and that is told', () => {
    const { patch, outcomes } = applied("Object{spec: Object.spec{list: ['b']}}")
    expect(patch).toEqual([])
    expect(outcomes.map((outcome) => (outcome.kind === 'notCorrected' ? outcome.reason : outcome.kind))).toEqual([
      'mutation `m`: .spec: it is not known yet how this merges, since the schema of this kind has not been read',
    ])
  })

  test('has metadata that merge as those of every kind', () => {
    expect(applied("Object{metadata: Object.metadata{labels: Object.metadata.labels{a: 'b'}}}").patch).toEqual([
      { op: 'add', path: '/metadata/labels', value: { a: 'b' } },
    ])
  })
})
