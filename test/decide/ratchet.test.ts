import { describe, expect, test } from '@jest/globals'
import type { Decision } from '../../src/decide/index.ts'
import { judge, on, policy, requestOf, ruleSet } from '../doors/build.ts'
import { chooser } from '../doors/random.ts'

type Json = Readonly<Record<string, unknown>>

interface Container {
  readonly name: string
  readonly image: string
  readonly privileged?: boolean
}

interface Pod {
  readonly containers: readonly Container[]
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly hostNetwork: boolean
}

const IMAGES: readonly [string, ...string[]] = ['good/app:1', 'good/app:2', 'bad/app:1', 'bad/app:2']
const NAMES: readonly [string, ...string[]] = ['a', 'b', 'c', 'd', 'e']

const RULES = ruleSet([
  policy('p', {
    matchConstraints: on('pods', { operations: ['*'] }),
    podTemplates: 'Ignore',
    validations: [
      { name: 'images', expression: "object.spec.containers.all(c, c.image.startsWith('good/'))" },
      { name: 'privileged', expression: 'object.spec.containers.all(c, c.?securityContext.?privileged.orValue(false) != true)' },
      { name: 'network', expression: 'object.spec.?hostNetwork.orValue(false) != true' },
      { name: 'team', expression: "'team' in object.metadata.?labels.orValue({})" },
    ],
  }),
])

const toObject = ({ containers, labels, annotations, hostNetwork }: Pod, metadata: Json = {}): Json => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', namespace: 'shop', labels, annotations, ...metadata },
  spec: {
    hostNetwork,
    containers: containers.map(({ name, image, privileged }) => ({ name, image, ...(privileged === undefined ? {} : { securityContext: { privileged } }) })),
  },
})

const PODS = { resource: { group: '', version: 'v1', resource: 'pods' } }
const update = (before: Pod, after: Pod, metadata: Json = {}): Decision =>
  judge(RULES, requestOf(toObject(after, metadata), { operation: 'UPDATE', oldObject: toObject(before, metadata), ...PODS }))

/** What is wrong with a Pod, counted by hand: each with its place, by names, and its value. */
function wrongs({ containers, labels, hostNetwork }: Pod): ReadonlySet<string> {
  return new Set([
    ...containers.flatMap(({ name, image, privileged }) => [
      ...(image.startsWith('good/') ? [] : [`images ${name} ${image}`]),
      ...(privileged === true ? [`privileged ${name}`] : []),
    ]),
    ...(hostNetwork ? ['network'] : []),
    ...('team' in labels ? [] : ['team']),
  ])
}

const random = (seed: number) => {
  const { one, some, chance } = chooser(seed)
  const container = (name: string): Container => ({ name, image: one(IMAGES), ...(chance(0.5) ? { privileged: chance(0.4) } : {}) })
  const pod = (): Pod => ({
    containers: some(NAMES, 4).map(container),
    labels: chance(0.5) ? { team: 'x' } : {},
    annotations: {},
    hostNetwork: chance(0.3),
  })
  const shuffle = <T>(items: readonly T[]): T[] =>
    items
      .map((item) => ({ item, at: one(IMAGES) + chance(0.5) + chance(0.5) }))
      .sort((a, b) => (a.at < b.at ? -1 : 1))
      .map(({ item }) => item)
  const edit = (before: Pod): Pod => {
    const [first, ...rest] = before.containers
    const spare = NAMES.find((name) => before.containers.every((item) => item.name !== name))
    const edits: readonly [() => Pod, ...(() => Pod)[]] = [
      () => ({ ...before, containers: shuffle(before.containers) }),
      () => ({ ...before, annotations: { note: one(IMAGES) } }),
      () => ({ ...before, labels: { ...before.labels, app: one(IMAGES) } }),
      () => ({ ...before, labels: {} }),
      () => ({ ...before, labels: { team: 'x' } }),
      () => ({ ...before, hostNetwork: !before.hostNetwork }),
      () => (spare === undefined ? before : { ...before, containers: [container(spare), ...before.containers] }),
      () => (first === undefined || rest.length === 0 ? before : { ...before, containers: rest }),
      () => (first === undefined ? before : { ...before, containers: [...rest, { ...first, image: one(IMAGES) }] }),
      () => (first === undefined || spare === undefined ? before : { ...before, containers: [{ ...first, name: spare }, ...rest] }),
      () => (first === undefined ? before : { ...before, containers: [{ ...first, privileged: chance(0.5) }, ...rest] }),
    ]
    return one(edits)()
  }
  return { pod, edit, chance, shuffle }
}

describe('the ratchet', () => {
  const runs = Array.from({ length: 1500 }, (_, seed) => seed + 1)

  test('lets an update pass exactly if nothing is wrong that was not wrong before, rule by rule', () => {
    let refused = 0
    let kept = 0
    for (const seed of runs) {
      const { pod, edit, chance } = random(seed)
      const before = pod()
      const after = chance(0.3) ? edit(edit(before)) : edit(before)
      const [old, now] = [wrongs(before), wrongs(after)]
      const isWorse = [...now].some((wrong) => !old.has(wrong))
      const { effect } = update(before, after, { resourceVersion: '1' })
      expect({ seed, effect }).toEqual({ seed, effect: isWorse ? 'deny' : now.size > 0 ? 'warn' : 'allow' })
      if (isWorse) refused += 1
      else if (now.size > 0) kept += 1
    }
    // Both ways have been seen, and often.
    expect(Math.min(refused, kept)).toBeGreaterThan(300)
  })

  test('only lets the old violations of an object get fewer, whatever is tried one after the other', () => {
    for (const seed of runs.slice(0, 150)) {
      const { pod, edit } = random(seed)
      let stored = pod()
      const grandfathered = wrongs(stored)
      let count = grandfathered.size
      for (let step = 0; step < 20; step++) {
        const wanted = edit(stored)
        if (update(stored, wanted).effect === 'deny') continue
        stored = wanted
        const now = wrongs(stored)
        expect([...now].filter((wrong) => !grandfathered.has(wrong))).toEqual([])
        expect(now.size).toBeLessThanOrEqual(count)
        count = now.size
      }
    }
  })

  test('treats what is made anew as new, even after it was there', () => {
    for (const seed of runs.slice(0, 200)) {
      const stored = random(seed).pod()
      const { effect } = judge(RULES, requestOf(toObject(stored), PODS))
      expect(effect).toBe(wrongs(stored).size > 0 ? 'deny' : 'allow')
    }
  })

  test('never refuses what must never be refused', () => {
    for (const seed of runs.slice(0, 300)) {
      const { pod, edit } = random(seed)
      const before = pod()
      expect(update(before, edit(edit(edit(before))), { deletionTimestamp: '2026-01-01T00:00:00Z' }).effect).not.toBe('deny')
      const owned = toObject(before, { ownerReferences: [{ apiVersion: 'v1', kind: 'X', name: 'x' }] })
      expect(judge(RULES, requestOf(toObject(before), { operation: 'UPDATE', oldObject: owned, ...PODS })).effect).not.toBe('deny')
    }
  })
})

const base: Pod = {
  containers: [
    { name: 'a', image: 'bad/app:1' },
    { name: 'b', image: 'good/app:1' },
  ],
  labels: { team: 'x' },
  annotations: {},
  hostNetwork: false,
}
const [a, b] = base.containers

describe('an object that violated a policy before', () => {
  test.each<[string, Pod, 'warn' | 'deny' | 'allow']>([
    ['may get a label', { ...base, labels: { team: 'x', app: 'y' } }, 'warn'],
    ['may have its containers in another order', { ...base, containers: [...base.containers].reverse() }, 'warn'],
    ['may get a good container in front', { ...base, containers: [{ name: 'c', image: 'good/app:1' }, ...base.containers] }, 'warn'],
    ['may lose a good container', { ...base, containers: base.containers.slice(0, 1) }, 'warn'],
    ['may become right', { ...base, containers: base.containers.slice(1) }, 'allow'],
    ['must not get another bad container', { ...base, containers: [...base.containers, { name: 'c', image: 'bad/app:1' }] }, 'deny'],
    ['must not get another bad value', { ...base, containers: base.containers.map((item) => (item === a ? { ...item, image: 'bad/app:2' } : item)) }, 'deny'],
    [
      'must not have the bad container under another name',
      { ...base, containers: base.containers.map((item) => (item === a ? { ...item, name: 'c' } : item)) },
      'deny',
    ],
    [
      'must not have the bad value moved to another container',
      { ...base, containers: base.containers.map((item) => ({ ...item, image: item === b ? 'bad/app:1' : 'good/app:1' })) },
      'deny',
    ],
    ['must not violate another rule', { ...base, hostNetwork: true }, 'deny'],
  ])('%s', (_name, after, effect) => {
    expect(update(base, after).effect).toBe(effect)
  })

  test('may do less where the violation is of a computed value: only what leaves it alone', () => {
    const rules = ruleSet([
      policy('p', {
        matchConstraints: on('pods', { operations: ['*'] }),
        podTemplates: 'Ignore',
        validations: [{ name: 'few', expression: 'object.spec.containers.map(c, c.name).size() < 2' }],
      }),
    ])
    const effectOf = (after: Pod, metadata: Json = {}): string =>
      judge(rules, requestOf(toObject(after, metadata), { operation: 'UPDATE', oldObject: toObject(base), ...PODS })).effect
    expect(effectOf(base, { resourceVersion: '2', finalizers: ['a'] })).toBe('warn')
    expect(effectOf({ ...base, containers: [...base.containers, { name: 'c', image: 'good/app:1' }] })).toBe('deny')
  })
})
