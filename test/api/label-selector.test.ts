import { describe, expect, test } from '@jest/globals'
import { type LabelSelectorLike, printSelector } from '../../src/api/index.ts'

describe('a selector as a query', () => {
  test.each<[string, LabelSelectorLike]>([
    ['', {}],
    ['a=b,c=', { matchLabels: { a: 'b', c: '' } }],
    [
      'a=b,x in (y,z),v notin (w),e,!n',
      {
        matchLabels: { a: 'b' },
        matchExpressions: [
          { key: 'x', operator: 'In', values: ['y', 'z'] },
          { key: 'v', operator: 'NotIn', values: ['w'] },
          { key: 'e', operator: 'Exists' },
          { key: 'n', operator: 'DoesNotExist' },
        ],
      },
    ],
  ])('is `%s`', (text, selector) => {
    expect(printSelector(selector)).toBe(text)
  })
})
