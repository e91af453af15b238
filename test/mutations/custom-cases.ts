import type { Json } from '../api/resources.ts'
import type { MutationCase, MutationText } from './cases.ts'

const TEXT = { type: 'string' }
const NUMBER = { type: 'integer' }
const object = (properties: Json, more: Json = {}): Json => ({ type: 'object', properties, ...more })
const listOf = (items: Json, more: Json = {}): Json => ({ type: 'array', items, ...more })
const listMap = (keys: readonly string[], fields: Json, required: readonly string[] = keys): Json =>
  listOf(object(fields, required.length === 0 ? {} : { required }), { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': keys })

const ENDPOINT = { host: TEXT, port: NUMBER, weight: NUMBER, notes: listOf(TEXT), tags: listOf(TEXT, { 'x-kubernetes-list-type': 'set' }) }

/** A definition that declares each way in which a field may merge. */
export const GADGETS: Json = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'gadgets.example.com' },
  spec: {
    group: 'example.com',
    scope: 'Namespaced',
    names: { plural: 'gadgets', singular: 'gadget', kind: 'Gadget', listKind: 'GadgetList' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: object({
            spec: object({
              endpoints: listMap(['host', 'port'], ENDPOINT),
              ports: listMap(['port', 'protocol'], { port: NUMBER, protocol: { ...TEXT, default: 'TCP' }, name: TEXT }, ['port']),
              zones: listMap(['name'], { name: TEXT, racks: listMap(['id'], { id: NUMBER, height: NUMBER }) }),
              tags: listOf(TEXT, { 'x-kubernetes-list-type': 'set' }),
              numbers: listOf(NUMBER, { 'x-kubernetes-list-type': 'set' }),
              words: listOf(TEXT),
              steps: listOf(object({ name: TEXT }), { 'x-kubernetes-list-type': 'atomic' }),
              whole: object({ a: NUMBER, b: NUMBER }, { 'x-kubernetes-map-type': 'atomic' }),
              parts: object({ a: NUMBER, deep: object({ a: NUMBER, b: NUMBER }) }, { 'x-kubernetes-map-type': 'granular' }),
              labels: { type: 'object', additionalProperties: TEXT },
              lists: { type: 'object', additionalProperties: listOf(TEXT) },
              byName: { type: 'object', additionalProperties: object({ size: NUMBER, zones: listMap(['name'], { name: TEXT, size: NUMBER }) }) },
              free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
              either: { 'x-kubernetes-int-or-string': true },
              size: { ...NUMBER, minimum: 0, maximum: 10 },
              mode: { ...TEXT, enum: ['fast', 'safe'] },
            }),
          }),
        },
      },
    ],
  },
}

/** A definition that declares nothing of how its fields merge. */
export const WIDGETS: Json = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'widgets.example.com' },
  spec: {
    group: 'example.com',
    scope: 'Namespaced',
    names: { plural: 'widgets', singular: 'widget', kind: 'Widget', listKind: 'WidgetList' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: {
              spec: {
                type: 'object',
                properties: {
                  size: { type: 'integer' },
                  ratio: { type: 'number' },
                  big: { type: 'integer' },
                  copy: { type: 'integer' },
                  parts: { type: 'array', items: { type: 'object', properties: { name: { type: 'string' }, value: { type: 'integer' } } } },
                  tags: { type: 'array', items: { type: 'string' } },
                  nested: {
                    type: 'object',
                    properties: { deep: { type: 'object', properties: { a: { type: 'integer' }, b: { type: 'integer' } } } },
                  },
                  fresh: { type: 'object', additionalProperties: { type: 'string' } },
                },
              },
            },
          },
        },
      },
    ],
  },
}

const FULL: Json = {
  apiVersion: 'example.com/v1',
  kind: 'Gadget',
  metadata: { name: 'g', namespace: 'shop', labels: { app: 'gadget' } },
  spec: {
    endpoints: [
      { host: 'a', port: 1, weight: 1, tags: ['x'] },
      { host: 'a', port: 2, weight: 2 },
      { host: 'b', port: 1, notes: ['n'] },
    ],
    ports: [
      { port: 80, protocol: 'TCP', name: 'web' },
      { port: 53, protocol: 'UDP', name: 'dns' },
    ],
    zones: [{ name: 'north', racks: [{ id: 1, height: 2 }] }, { name: 'south' }],
    tags: ['x', 'y'],
    numbers: [1, 2],
    words: ['one'],
    steps: [{ name: 's' }],
    whole: { a: 1, b: 2 },
    parts: { a: 1, deep: { a: 1 } },
    labels: { a: '1' },
    lists: { one: ['a'] },
    byName: { first: { size: 1, zones: [{ name: 'z', size: 1 }] } },
    free: { a: { b: 1, list: [1] } },
    either: 1,
    size: 1,
    mode: 'safe',
  },
}
const EMPTY: Json = { apiVersion: 'example.com/v1', kind: 'Gadget', metadata: { name: 'g', namespace: 'shop' }, spec: {} }

const spec = (fields: string): MutationText => ({ patchType: 'ApplyConfiguration', expression: `Object{spec: Object.spec{${fields}}}` })
const patch = (steps: string): MutationText => ({ patchType: 'JSONPatch', expression: `[${steps}]` })
const endpoint = (fields: string): string => `Object.spec.endpoints{${fields}}`

const CONFIGURATIONS: readonly MutationText[] = [
  spec(`endpoints: [${endpoint("host: 'a', port: 2, weight: 20")}]`),
  spec(`endpoints: [${endpoint("host: 'c', port: 9, weight: 9")}]`),
  spec(`endpoints: [${endpoint("host: 'b', port: 1, weight: 7")}, ${endpoint("host: 'a', port: 1, weight: 8")}]`),
  spec(`endpoints: [${endpoint("host: 'c', port: 1")}, ${endpoint("host: 'a', port: 2, weight: 3")}, ${endpoint("host: 'd', port: 1")}]`),
  spec(`endpoints: [${endpoint("host: 'a', port: 1")}, ${endpoint("host: 'a', port: 1")}]`),
  spec(`endpoints: [${endpoint('weight: 5')}]`),
  spec(`endpoints: [${endpoint("host: 'a', port: 1, tags: ['y', 'x']")}]`),
  spec(`endpoints: [${endpoint("host: 'a', port: 1, notes: ['m']")}]`),
  spec('ports: [Object.spec.ports{port: 80, name: "changed"}]'),
  spec('ports: [Object.spec.ports{port: 80, protocol: "UDP", name: "other"}]'),
  spec('ports: [Object.spec.ports{port: 443}]'),
  spec('zones: [Object.spec.zones{name: "north", racks: [Object.spec.zones.racks{id: 1, height: 5}, Object.spec.zones.racks{id: 2, height: 1}]}]'),
  spec('zones: [Object.spec.zones{name: "south", racks: [Object.spec.zones.racks{id: 7}]}]'),
  spec("tags: ['z', 'x']"),
  spec("tags: ['y', 'x']"),
  spec("tags: ['z', 'z']"),
  spec('numbers: [2, 3]'),
  spec("words: ['two']"),
  spec('steps: [Object.spec.steps{name: "t"}]'),
  spec('whole: Object.spec.whole{a: 5}'),
  spec('parts: Object.spec.parts{a: 5, deep: Object.spec.parts.deep{b: 6}}'),
  spec('labels: Object.spec.labels{b: "2"}'),
  spec("lists: Object.spec.lists{one: ['b'], two: ['c']}"),
  spec('byName: Object.spec.byName{first: Object.spec.byName.first{size: 2}}'),
  spec('byName: Object.spec.byName{first: Object.spec.byName.first{zones: [Object.spec.byName.first.zones{name: "y", size: 2}]}}'),
  spec('free: Object.spec.free{a: Object.spec.free.a{c: 2, list: [2, 3]}}'),
  spec("either: '50%'"),
  spec('size: 5'),
  spec("mode: 'fast'"),
  spec("size: 'five'"),
  spec('nothing: 1'),
  { patchType: 'ApplyConfiguration', expression: "Object{metadata: Object.metadata{labels: Object.metadata.labels{team: 'a'}}}" },
]

const PATCHES: readonly MutationText[] = [
  patch("JSONPatch{op: 'add', path: '/spec/endpoints', value: [Object.spec.endpoints{host: 'z', port: 1}]}"),
  patch("JSONPatch{op: 'add', path: '/spec/size', value: 7}"),
]

/** Mutations after which the API server would refuse the object by its schema. */
export const REFUSED_BY_SCHEMA: readonly MutationText[] = [
  patch("JSONPatch{op: 'add', path: '/spec/size', value: 11}"),
  patch("JSONPatch{op: 'add', path: '/spec/size', value: 'big'}"),
  patch("JSONPatch{op: 'add', path: '/spec/mode', value: 'slow'}"),
  patch("JSONPatch{op: 'add', path: '/spec/words', value: 3}"),
  patch("JSONPatch{op: 'add', path: '/spec/tags', value: ['x', 'x']}"),
  patch("JSONPatch{op: 'add', path: '/spec/zones', value: [Object.spec.zones{racks: []}]}"),
  patch("JSONPatch{op: 'add', path: '/spec/endpoints', value: [Object.spec.endpoints{host: 'a', port: 1}, Object.spec.endpoints{host: 'a', port: 1}]}"),
]

const on = (kind: string, subject: Json) => (mutation: MutationText) => ({ name: `${mutation.expression} on ${kind}`, mutation, object: subject })

/** Every mutation on a custom resource whose schema says how it merges: one that has all fields, and one that has none. */
export const CUSTOM_CASES: readonly MutationCase[] = [
  ...[...CONFIGURATIONS, ...PATCHES, ...REFUSED_BY_SCHEMA].map(on('a full Gadget', FULL)),
  ...CONFIGURATIONS.map(on('an empty Gadget', EMPTY)),
]
