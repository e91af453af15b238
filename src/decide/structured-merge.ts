import { canonicalJson, err, isRecord, ok, type Result } from '../api/index.ts'
import type { ListKey, ListShape, MergeShape } from './merge-shapes.ts'

class MergeFailure extends Error {}

function refuse(message: string): never {
  throw new MergeFailure(message)
}

type Fields = Readonly<Record<string, unknown>>

/**
 * Merges an apply configuration into an object as Kubernetes does: objects field by field at every depth, and lists whose elements have keys
 * (`containers` by name, `ports` by number and protocol) element by element. Any other list, and objects that are one value (`nodeSelector`, `selector`),
 * cannot be set this way, since what is not named would be lost: that is an error, in Kubernetes too. So is what nothing is known of, and whatever
 * would make of it a guess. Whether a field exists is not checked here.
 */
export function mergeConfiguration(object: Fields, configuration: Fields, shape: MergeShape): Result<Fields, string> {
  try {
    for (const field of ['apiVersion', 'kind']) {
      const given = configuration[field]
      if (given !== undefined && given !== object[field]) refuse(`\`${field}\` cannot be changed`)
    }
    const atomics: string[] = []
    findAtomics(configuration, shape, '', atomics)
    if (atomics.length > 0) refuse(`may not mutate atomic arrays, maps or structs: ${atomics.join(', ')}`)
    return ok(mergeFields(object, configuration, shape, ''))
  } catch (cause) {
    if (cause instanceof MergeFailure) return err(cause.message)
    throw cause
  }
}

/** As in Kubernetes, what lies below a key of a map is not looked at. */
function findAtomics(value: unknown, shape: MergeShape, path: string, found: string[]): void {
  if (!shape.isKnown) refuse(`${path}: it is not known yet how this merges, since the schema of this kind has not been read`)
  if (Array.isArray(value)) {
    if (shape.list.kind === 'atomic') found.push(path)
    for (const [index, item] of value.entries()) findAtomics(item, shape.element(), `${path}[${index}]`, found)
  } else if (isRecord(value)) {
    if (shape.isAtomic) found.push(path)
    for (const [key, item] of Object.entries(value)) {
      const field = shape.field(key)
      if (field.isDeclared) findAtomics(item, field.shape, `${path}.${key}`, found)
    }
  }
}

function mergeFields(left: Fields, right: Fields, shape: MergeShape, path: string): Fields {
  const merged: Record<string, unknown> = Object.assign(Object.create(null), left)
  for (const [key, value] of Object.entries(right)) merged[key] = mergeValue(left[key], value, shape.field(key).shape, `${path}.${key}`)
  return merged
}

/** A null says nothing of a list or object that is there. */
function mergeValue(left: unknown, right: unknown, shape: MergeShape, path: string): unknown {
  if (isRecord(left)) {
    if (right === null) return left
    if (!isRecord(right)) return refuse(`${path}: expected an object`)
    return shape.isAtomic ? right : mergeFields(left, right, shape, path)
  }
  if (Array.isArray(left)) {
    if (right === null) return left
    if (!Array.isArray(right)) return refuse(`${path}: expected a list`)
    return right.length === 0 && left.length > 0 && shape.list.kind !== 'atomic' ? left : mergeLists(left, right, shape, path)
  }
  if (Array.isArray(right) && shape.list.kind === 'map') return mergeLists([], right, shape, path)
  if (isRecord(right)) return mergeFields({}, right, shape, path)
  return right
}

function keyOfElement(item: unknown, list: Exclude<ListShape, { readonly kind: 'atomic' }>, path: string): string {
  if (list.kind === 'map') return elementKey(item, list.keys, path)
  return typeof item === 'object' ? refuse(`${path}: an element of a set is not a scalar`) : canonicalJson(item)
}

function mergeLists(left: readonly unknown[], right: readonly unknown[], { list, element }: MergeShape, path: string): readonly unknown[] {
  if (list.kind === 'atomic') return right
  const leftKeys = left.map((item) => keyOfElement(item, list, path))
  const rightKeys = right.map((item) => keyOfElement(item, list, path))
  const twice = rightKeys.find((key, index) => rightKeys.indexOf(key) !== index)
  if (twice !== undefined) refuse(`${path}: two elements have the key ${twice}`)
  // A key that stands twice in the object says nothing of which element is meant: both give way to the new one.
  const unique = (key: string): unknown => (leftKeys.indexOf(key) === leftKeys.lastIndexOf(key) ? left[leftKeys.indexOf(key)] : undefined)
  const mergeItem = (index: number): unknown => {
    const item = right[index]
    if (list.kind === 'set') return item
    const old = unique(rightKeys[index] ?? '')
    return mergeValue(isRecord(old) ? old : {}, item, element(), `${path}[${index}]`)
  }
  return zip(left, leftKeys, rightKeys, mergeItem)
}

/** Puts the elements of both lists into one order: that of the new ones, with the others where they stood among them. */
function zip(left: readonly unknown[], leftKeys: readonly string[], rightKeys: readonly string[], mergeItem: (index: number) => unknown): readonly unknown[] {
  const inLeft = new Set(leftKeys)
  const inRight = new Set(rightKeys)
  const shared = rightKeys.filter((key) => inLeft.has(key))
  const taken = new Set<string>()
  const merged: unknown[] = []
  let l = 0
  let r = 0
  while (l < leftKeys.length || r < rightKeys.length) {
    const leftKey = leftKeys[l]
    const rightKey = rightKeys[r]
    if (leftKey !== undefined && rightKey !== undefined) {
      if (leftKey === rightKey) {
        taken.add(rightKey)
        merged.push(mergeItem(r))
        l++
        r++
        shared.shift()
        continue
      }
      if (inRight.has(leftKey) && shared[0] !== undefined && shared[0] !== leftKey) {
        l++
        continue
      }
    }
    if (leftKey !== undefined) {
      if (!inRight.has(leftKey)) {
        merged.push(left[l])
        l++
        continue
      }
      if (taken.has(leftKey)) l++
    }
    if (rightKey !== undefined) {
      taken.add(rightKey)
      merged.push(mergeItem(r))
      r++
      if (shared[0] === rightKey) shared.shift()
    }
  }
  return merged
}

/** As in Kubernetes, an element may lack some of its keys, but not all. */
function elementKey(item: unknown, keys: readonly ListKey[], path: string): string {
  if (!isRecord(item)) return refuse(`${path}: an element is not an object`)
  const values = keys.map(({ name, fallback }) => (Object.hasOwn(item, name) ? item[name] : fallback))
  if (keys.length > 0 && values.every((value) => value === undefined)) {
    refuse(`${path}: an element lacks ${keys.map(({ name }) => `\`${name}\``).join(', ')}, by which elements are told apart`)
  }
  return canonicalJson(values.map((value) => (value === undefined ? [] : [value])))
}
