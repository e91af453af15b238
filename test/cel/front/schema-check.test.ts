import { describe, expect, test } from '@jest/globals'
import type { Expr } from '../../../src/cel/ast.ts'
import { parseExpression } from '../../../src/cel/parse.ts'
import { checkFieldPaths, shapeOfExpression } from '../../../src/cel/schema-check.ts'
import type { SchemaNode } from '../../../src/cel/schema-node.ts'

const text: SchemaNode = { type: 'string' }
const labels: SchemaNode = { type: 'object', additionalProperties: text }
const container: SchemaNode = {
  type: 'object',
  properties: {
    name: text,
    image: text,
    args: { type: 'array', items: text },
    ports: { type: 'array', items: { type: 'object', properties: { containerPort: { type: 'integer' } } } },
    resources: { type: 'object', properties: { limits: { type: 'object', additionalProperties: { oneOf: [text, { type: 'number' }] } } } },
    securityContext: { type: 'object', properties: { runAsNonRoot: { type: 'boolean' }, privileged: { type: 'boolean' } } },
  },
}

const definitions: Readonly<Record<string, SchemaNode>> = {
  '#/components/schemas/ObjectMeta': { type: 'object', properties: { name: text, namespace: text, labels, annotations: labels } },
  '#/components/schemas/Container': container,
  '#/components/schemas/Recursive': { type: 'object', properties: { child: { $ref: '#/components/schemas/Recursive' } } },
  '#/components/schemas/Endless': { $ref: '#/components/schemas/Endless' },
}

const containers: SchemaNode = { type: 'array', items: { allOf: [{ $ref: '#/components/schemas/Container' }] } }
const deployment: SchemaNode = {
  type: 'object',
  properties: {
    metadata: { allOf: [{ $ref: '#/components/schemas/ObjectMeta' }] },
    spec: {
      type: 'object',
      properties: {
        replicas: { type: 'integer' },
        paused: { type: 'boolean' },
        maxSurge: { 'x-kubernetes-int-or-string': true, anyOf: [{ type: 'integer' }, text] },
        template: {
          type: 'object',
          properties: {
            spec: { type: 'object', properties: { containers, initContainers: containers, nodeSelector: labels, hostNetwork: { type: 'boolean' } } },
          },
        },
        free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true, properties: { known: { type: 'object', properties: { a: text } } } },
        empty: { type: 'object' },
        missing: { $ref: '#/components/schemas/Nowhere' },
        endless: { $ref: '#/components/schemas/Endless' },
        tree: { $ref: '#/components/schemas/Recursive' },
        choice: { type: 'object', properties: { a: text, b: text }, oneOf: [{ properties: { a: {} } }, { properties: { b: {} } }] },
      },
    },
  },
}

const lookup = (reference: string): SchemaNode | undefined => definitions[reference]

function parse(source: string): Expr {
  const parsed = parseExpression(source)
  if (!parsed.ok) throw new Error(`\`${source}\` does not parse`)
  return parsed.value
}

function warnings(source: string): readonly string[] {
  const found = checkFieldPaths(parse(source), { object: deployment, oldObject: deployment }, lookup)
  return found.map(
    ({ path, message, suggestion, start, end }) => `${source.slice(start, end)} -> ${path}: ${message}${suggestion === undefined ? '' : ` (${suggestion})`}`,
  )
}

describe('a misspelt field is found', () => {
  const SPEC = 'spec.template.spec'

  test.each([
    ['in a plain path', 'object.spec.replica > 1', ['replica -> spec.replica: `spec` has no field `replica` (did you mean `replicas`?)']],
    ['at the root', 'object.spce.replicas > 1', ['spce -> spce: the object has no field `spce` (did you mean `spec`?)']],
    ['behind a reference', "object.metadata.nmae == 'a'", ['nmae -> metadata.nmae: `metadata` has no field `nmae` (did you mean `name`?)']],
    [
      'in has',
      'has(object.spec.template.spec.hostNetwrk)',
      [`hostNetwrk -> ${SPEC}.hostNetwrk: \`${SPEC}\` has no field \`hostNetwrk\` (did you mean \`hostNetwork\`?)`],
    ],
    [
      'behind a question mark',
      'object.?spec.?templte.orValue({}) == {}',
      ['templte -> spec.templte: `spec` has no field `templte` (did you mean `template`?)'],
    ],
    [
      'in the variable of a macro',
      "object.spec.template.spec.containers.all(c, c.imge != '')",
      [`imge -> ${SPEC}.containers[].imge: \`${SPEC}.containers[]\` has no field \`imge\` (did you mean \`image\`?)`],
    ],
    [
      'in has in a macro',
      'object.spec.template.spec.containers.all(c, has(c.securityContex) && c.securityContex.privileged)',
      [`securityContex -> ${SPEC}.containers[].securityContex: \`${SPEC}.containers[]\` has no field \`securityContex\` (did you mean \`securityContext\`?)`],
    ],
    [
      'behind an index',
      "object.spec.template.spec.containers[0].nam == 'a'",
      [`nam -> ${SPEC}.containers[].nam: \`${SPEC}.containers[]\` has no field \`nam\` (did you mean \`name\`?)`],
    ],
    ['as a text index', "object['spec']['replcas'] == 1", ["'replcas' -> spec.replcas: `spec` has no field `replcas` (did you mean `replicas`?)"]],
    [
      'in a chain of filter and map',
      "object.spec.template.spec.containers.filter(c, c.image == '').map(c, c.prts)",
      [`prts -> ${SPEC}.containers[].prts: \`${SPEC}.containers[]\` has no field \`prts\` (did you mean \`ports\`?)`],
    ],
    [
      'in what map made',
      'object.spec.template.spec.containers.map(c, c.ports).flatten().exists(p, p.port == 80)',
      [`port -> ${SPEC}.containers[].ports[].port: \`${SPEC}.containers[].ports[]\` has no field \`port\``],
    ],
    [
      'in a sum of lists',
      "(object.spec.template.spec.containers + object.spec.template.spec.initContainers).all(c, c.img != '')",
      [`img -> ${SPEC}.containers[] or ${SPEC}.initContainers[].img: \`${SPEC}.containers[] or ${SPEC}.initContainers[]\` has no field \`img\``],
    ],
    [
      'in a choice',
      'object.spec.template.spec.containers.map(c, has(c.securityContext) ? c.securityContext : c.securityContext).all(s, s.runAsRoot)',
      [
        `runAsRoot -> ${SPEC}.containers[].securityContext.runAsRoot: \`${SPEC}.containers[].securityContext\` has no field \`runAsRoot\` (did you mean \`runAsNonRoot\`?)`,
      ],
    ],
    [
      'in a default',
      'object.spec.?template.?spec.?containers.orValue([]).all(c, c.imag != "")',
      [`imag -> ${SPEC}.containers[].imag: \`${SPEC}.containers[]\` has no field \`imag\` (did you mean \`image\`?)`],
    ],
    ['in optMap', 'object.?spec.optMap(s, s.replcas).hasValue()', ['replcas -> spec.replcas: `spec` has no field `replcas` (did you mean `replicas`?)']],
    [
      'as the name in `in`',
      "'imag' in object.spec.template.spec.containers[0]",
      [`'imag' -> ${SPEC}.containers[].imag: \`${SPEC}.containers[]\` has no field \`imag\` (did you mean \`image\`?)`],
    ],
    [
      'in the old object',
      'oldObject.spec.replica == 1',
      ['replica -> oldObject.spec.replica: `oldObject.spec` has no field `replica` (did you mean `replicas`?)'],
    ],
    ['a field of a number', 'object.spec.replicas.max == 1', ['max -> spec.replicas.max: `spec.replicas` is of type integer and has no field `max`']],
    [
      'a field of a list',
      "object.spec.template.spec.containers.image == 'a'",
      [
        `image -> ${SPEC}.containers.image: \`${SPEC}.containers\` is a list and has no field \`image\` (its elements are reached by an index or by a macro such as \`all\`)`,
      ],
    ],
    ['with a name that is no identifier', "object.spec['a-b'] == 1", ['\'a-b\' -> spec["a-b"]: `spec` has no field `a-b`']],
    ['once for a path', 'has(object.spec.nope) && object.spec.nope == 1', ['nope -> spec.nope: `spec` has no field `nope`']],
  ])('%s', (_, source, expected) => {
    expect(warnings(source)).toEqual(expected)
  })
})

describe('what is right, or cannot be known, is not doubted', () => {
  test.each([
    ["object.metadata.labels['app'] == object.metadata.labels.team"],
    ["has(object.metadata.annotations.anything) && 'x' in object.metadata.labels"],
    ["object.spec.template.spec.containers.all(c, c.resources.limits['memory'] == '1Gi' && has(c.resources.limits.cpu))"],
    ['object.spec.maxSurge.whatever == 1'],
    ["object.spec.free.anything.below == 1 && object.spec.free.known.a == ''"],
    ['object.spec.empty.anything == 1'],
    ['object.spec.missing.anything == 1 && object.spec.endless.a.b == 1'],
    ['object.spec.tree.child.child.child.child == null'],
    ['object.spec.choice.a == object.spec.choice.b'],
    ["object.apiVersion == 'apps/v1' && object.kind == 'Deployment'"],
    ['params.anything == 1 && variables.x.y == 1 && request.foo == 1'],
    ['object.spec.template.spec.containers.all(object, object.name == "")'],
    ['object.spec.template.spec.containers.all(i, c, c.name == "" && i > 0)'],
    ['object.spec.template.spec.nodeSelector.all(k, v, k.size() > v.size())'],
    ['object[params.field].x == 1 && object.spec.template.spec.containers[params.i].name == ""'],
    ['object.spec.?template.?spec.orValue(params.other).anything == 1'],
    ['[object.spec, object.metadata].all(x, has(x.replicas) || x.name == "")'],
    ['dyn(object).spec.replicas == 1 && optional.of(object).value().spec.paused'],
    ['object.spec.template.spec.containers.sortBy(c, c.name)[0].image == "" && object.spec.template.spec.containers.first().value().name == ""'],
  ])('%s', (source) => {
    expect(warnings(source)).toEqual([])
  })
})

test('what a variable of the policy holds is followed', () => {
  const containersOf = shapeOfExpression(parse('object.spec.template.spec.containers'), { object: deployment }, lookup)
  const source = "variables.containers.all(c, c.imag != '')"
  const found = checkFieldPaths(parse(source), { object: deployment }, lookup, new Map([['variables.containers', containersOf]]))
  expect(found).toEqual([
    {
      path: 'spec.template.spec.containers[].imag',
      message: '`spec.template.spec.containers[]` has no field `imag`',
      suggestion: 'did you mean `image`?',
      start: 30,
      end: 34,
      isTested: false,
    },
  ])
})

describe('a field that is asked for is told from one that is relied on', () => {
  test.each<[string, boolean]>([
    ['object.spec.nope == 1', false],
    ["object['nope'] == 1", false],
    ['has(object.spec.nope)', true],
    ['object.spec.?nope.hasValue()', true],
    ['object.?spec.nope.hasValue()', true],
    ["object.spec[?'nope'].hasValue()", true],
    ["'nope' in object.spec", true],
    ['object.spec.nope == 1 || has(object.spec.nope)', true],
    ['has(object.spec.nope.below)', false],
  ])('%s', (source, isTested) => {
    expect(checkFieldPaths(parse(source), { object: deployment }, lookup).map((warning) => warning.isTested)).toEqual([isTested])
  })
})
