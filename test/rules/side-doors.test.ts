import { describe, expect, test } from '@jest/globals'
import { compilePolicy } from '../../src/rules/index.ts'
import { policy } from '../doors/build.ts'

/** What the author of a policy on these resources is warned of. */
function warnings(expression: string, group: string, resources: readonly string[]): readonly string[] {
  const matchConstraints = { resourceRules: [{ apiGroups: [group], apiVersions: ['v1'], resources, operations: ['CREATE', 'UPDATE'] }] }
  const { issues } = compilePolicy(policy('p', { matchConstraints, validations: [{ name: 'rule', expression }] }))
  return issues.filter(({ code }) => code === 'SideDoor').map(({ message }) => message)
}

const LABELS = "'team' in object.metadata.?labels.orValue({})"
const REPLICAS = 'object.spec.replicas <= 10'

describe('a policy is told of the ways past it', () => {
  test.each<[string, string, string, readonly string[], readonly string[]]>([
    [
      'that reads labels of Pods',
      LABELS,
      '',
      ['pods'],
      ['the labels of a Pod can also be changed through `pods/status` and `pods/binding`, which the policy does not name'],
    ],
    [
      'that names one of the two',
      LABELS,
      '',
      ['pods', 'pods/status'],
      ['the labels of a Pod can also be changed through `pods/binding`, which the policy does not name'],
    ],
    ['that names all subresources', LABELS, '', ['pods', 'pods/*'], []],
    ['that reads labels of something else', LABELS, '', ['configmaps'], []],
    ['that reads no labels', "object.metadata.name != ''", '', ['pods'], []],
    [
      'that reads replicas',
      REPLICAS,
      'apps',
      ['deployments', 'statefulsets'],
      ['the number of replicas can also be changed through `deployments/scale` and `statefulsets/scale`, which the policy does not name'],
    ],
    ['that names the scale of everything', REPLICAS, 'apps', ['deployments', '*/scale'], []],
  ])('%s', (_, expression, group, resources, expected) => {
    expect(warnings(expression, group, resources)).toEqual(expected)
  })
})
