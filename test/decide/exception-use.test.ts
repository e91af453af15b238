import { expect, test } from '@jest/globals'
import { decide, wouldPassNow } from '../../src/decide/index.ts'
import { assembleRuleSet, compilePolicy } from '../../src/rules/index.ts'
import { policy, profile } from '../doors/build.ts'
import { inputFor } from '../mutations/ours.ts'

const ruleSet = assembleRuleSet({
  policies: [
    compilePolicy(
      policy('p', {
        matchConstraints: { resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'], operations: ['CREATE'] }] },
        matchConditions: [{ name: 'judged', expression: "object.data.a != 'skipped'" }],
        validations: [{ name: 'r', expression: "object.data.a == 'broken' ? object.data.none == '' : object.data.a == 'good'", message: 'bad' }],
      }),
    ),
  ],
  profile: profile({}),
})
const outcomesOf = (...data: readonly string[]) =>
  data.flatMap(
    (a) => decide(ruleSet, inputFor({ object: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: a, namespace: 'shop' }, data: { a } } })).outcomes,
  )

test.each<[string, readonly string[], boolean | undefined]>([
  ['where all pass', ['good', 'good'], true],
  ['where some are not judged', ['good', 'skipped'], true],
  ['but not where one fails', ['good', 'bad'], false],
  ['but not where one fails and another cannot be judged', ['bad', 'broken'], false],
  ['unless one cannot be judged', ['good', 'broken'], undefined],
  ['unless there is none', [], undefined],
  ['unless none is judged', ['skipped'], undefined],
])('the objects of an exception would pass now %s', (_name, data, expected) => {
  expect(wouldPassNow(outcomesOf(...data))).toBe(expected)
})
