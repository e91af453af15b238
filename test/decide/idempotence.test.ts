import { describe, expect, test } from '@jest/globals'
import { parsePolicy } from '../../src/api/index.ts'
import { idempotenceIssues } from '../../src/decide/index.ts'
import { compilePolicy, describeIssue } from '../../src/rules/index.ts'
import type { Json } from '../api/resources.ts'
import { correctingPolicy } from '../mutations/ours.ts'

const patch = (expression: string): Json => ({ name: 'm', patchType: 'JSONPatch', jsonPatch: { expression } })
const apply = (expression: string): Json => ({ name: 'm', patchType: 'ApplyConfiguration', applyConfiguration: { expression } })

function issuesOf(kind: string, mutation: Json, spec: Json = {}): readonly string[] {
  const parsed = parsePolicy(correctingPolicy('p', kind, [mutation], spec))
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.error))
  return idempotenceIssues(compilePolicy(parsed.value)).map((issue) => `${issue.severity} ${issue.code} ${describeIssue(issue)}`)
}
const told = (kind: string, path: string): string =>
  `warning NotIdempotent spec.mutations: the mutations change again what they made of a sample ${kind}, at \`${path}\`: applied twice they should do what they do once`

const SIDECAR = "[JSONPatch{op: 'add', path: '/spec/containers/-', value: Object.spec.containers{name: 'proxy', image: 'proxy:1'}}]"
const onceOnly = { matchConditions: [{ name: 'without-proxy', expression: "!object.spec.containers.exists(c, c.name == 'proxy')" }] }

describe('a mutation that changes again what it made is told to its author', () => {
  test.each<[string, readonly string[], readonly string[]]>([
    ['one that appends to a list each time', issuesOf('Pod', patch(SIDECAR)), [told('Pod', '/spec/containers/3')]],
    [
      'one that puts something before a name each time',
      issuesOf('Pod', patch("[JSONPatch{op: 'replace', path: '/spec/containers/0/image', value: 'mirror/' + object.spec.containers[0].image}]")),
      [told('Pod', '/spec/containers/0/image')],
    ],
    [
      'one that lengthens a text',
      issuesOf('ConfigMap', patch("[JSONPatch{op: 'replace', path: '/data/x', value: object.data.x + '!'}]")),
      [told('ConfigMap', '/data/x')],
    ],
    [
      'one that counts',
      issuesOf('Deployment', apply('Object{spec: Object.spec{replicas: object.spec.?replicas.orValue(0) + 1}}')),
      [told('Deployment', '/spec/replicas')],
    ],
    [
      'one that shows only on what its selector asks for',
      issuesOf('ConfigMap', patch("[JSONPatch{op: 'replace', path: '/data/x', value: object.data.x + '!'}]"), {
        matchConstraints: {
          objectSelector: { matchLabels: { mutate: 'yes' } },
          resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'], operations: ['CREATE'] }],
        },
      }),
      [told('ConfigMap', '/data/x')],
    ],
  ])('%s', (_name, issues, expected) => {
    expect(issues).toEqual(expected)
  })

  test.each<[string, readonly string[]]>([
    ['one that appends only what is not there', issuesOf('Pod', patch(SIDECAR), onceOnly)],
    ['one that sets a field', issuesOf('Pod', apply('Object{spec: Object.spec{hostNetwork: false}}'))],
    [
      'one that sets elements by their keys',
      issuesOf('Pod', apply("Object{spec: Object.spec{containers: [Object.spec.containers{name: 'app', image: 'a'}]}}")),
    ],
    ['one that no sample can show', issuesOf('Pod', patch('[JSONPatch{op: "add", path: "/spec/x", value: object.metadata.annotations["no-such"] + "!"}]'))],
    ['one of a custom resource', issuesOf('Widget', patch("[JSONPatch{op: 'add', path: '/spec/tags/-', value: 'x'}]"))],
  ])('but not %s', (_name, issues) => {
    expect(issues).toEqual([])
  })
})
