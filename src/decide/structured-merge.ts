import { err, isRecord, ok, type Result } from '../api/index.ts'
import { type FieldShape, fieldOfShape, type ListKey, shapeOfKind } from './merge-shapes.ts'

class MergeFailure extends Error {}

function refuse(message: string): never {
  throw new MergeFailure(message)
}

type Fields = Readonly<Record<string, unknown>>

/**
 * Merges an apply configuration into an object as Kubernetes does: objects field by field at every depth, and the lists of
 * built-in kinds whose elements have keys (`containers` by name, `ports` by number and protocol) element by element. Any other
 * list, and objects that are one value (`nodeSelector`, `selector`), cannot be set this way, since what is not named would be
 * lost: that is an error, in Kubernetes too. Of kinds that the table does not have, such as custom resources, all lists are
 * such; the list keys that their definitions may declare are not read. Whether a field exists is not checked.
 */
export function mergeConfiguration(object: Fields, configuration: Fields): Result<Fields, string> {
  const shape = shapeOfKind(String(object['apiVersion']), String(object['kind']))
  try {
    for (const field of ['apiVersion', 'kind']) {
      const given = configuration[field]
      if (given !== undefined && given !== object[field]) refuse(`\`${field}\` cannot be changed`)
    }
    const atomics: string[] = []
    findAtomics(configuration, { kind: 'struct', shape: shape ?? '' }, '', atomics)
    if (atomics.length > 0) refuse(`may not mutate atomic arrays, maps or structs: ${atomics.join(', ')}`)
    return ok(mergeFields(object, configuration, shape, ''))
  } catch (cause) {
    if (cause instanceof MergeFailure) return err(cause.message)
    throw cause
  }
}

function findAtomics(value: unknown, shape: FieldShape | undefined, path: string, found: string[]): void {
  if (Array.isArray(value)) {
    if (shape?.kind !== 'listMap' && shape?.kind !== 'set') found.push(path)
    const element: FieldShape | undefined = shape?.kind === 'listMap' ? { kind: 'struct', shape: shape.shape ?? '' } : undefined
    for (const [index, item] of value.entries()) findAtomics(item, element, `${path}[${index}]`, found)
  } else if (isRecord(value)) {
    if (shape?.kind === 'atomic') found.push(path)
    const inner = shape?.kind === 'struct' ? shape.shape : undefined
    for (const [key, item] of Object.entries(value)) findAtomics(item, fieldOfShape(inner, key), `${path}.${key}`, found)
  }
}

const shapeName = (shape: FieldShape | undefined): string | undefined => (shape?.kind === 'struct' ? shape.shape : undefined)

function mergeFields(left: Fields, right: Fields, shape: string | undefined, path: string): Fields {
  const merged: Record<string, unknown> = Object.assign(Object.create(null), left)
  for (const [key, value] of Object.entries(right)) merged[key] = mergeValue(left[key], value, fieldOfShape(shape, key), `${path}.${key}`)
  return merged
}

/** A null says nothing of a list or object that is there. */
function mergeValue(left: unknown, right: unknown, shape: FieldShape | undefined, path: string): unknown {
  if (isRecord(left)) {
    if (right === null) return left
    return isRecord(right) ? mergeFields(left, right, shapeName(shape), path) : refuse(`${path}: expected an object`)
  }
  if (Array.isArray(left)) {
    if (right === null) return left
    if (!Array.isArray(right)) return refuse(`${path}: expected a list`)
    return right.length === 0 && left.length > 0 ? left : mergeLists(left, right, shape, path)
  }
  if (Array.isArray(right) && shape?.kind === 'listMap') return mergeLists([], right, shape, path)
  if (isRecord(right)) return mergeFields({}, right, shapeName(shape), path)
  return right
}

function mergeLists(left: readonly unknown[], right: readonly unknown[], shape: FieldShape | undefined, path: string): readonly unknown[] {
  if (shape?.kind !== 'listMap' && shape?.kind !== 'set') return right
  const keyOf = (item: unknown): string => (shape.kind === 'set' ? JSON.stringify(item) : elementKey(item, shape.keys, path))
  const leftKeys = left.map(keyOf)
  const rightKeys = right.map(keyOf)
  const twice = rightKeys.find((key, index) => rightKeys.indexOf(key) !== index)
  if (twice !== undefined) refuse(`${path}: two elements have the key ${twice}`)
  // A key that stands twice in the object says nothing of which element is meant: both give way to the new one.
  const unique = (key: string): unknown => (leftKeys.indexOf(key) === leftKeys.lastIndexOf(key) ? left[leftKeys.indexOf(key)] : undefined)
  const mergeItem = (index: number): unknown => {
    const item = right[index]
    if (shape.kind === 'set') return item
    const old = unique(rightKeys[index] ?? '')
    return mergeValue(isRecord(old) ? old : {}, item, { kind: 'struct', shape: shape.shape ?? '' }, `${path}[${index}]`)
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

function elementKey(item: unknown, keys: readonly ListKey[], path: string): string {
  if (!isRecord(item)) return refuse(`${path}: an element is not an object`)
  return JSON.stringify(
    keys.map(({ name, fallback }) => {
      const value = item[name] ?? fallback
      if (value === undefined) return refuse(`${path}: an element lacks \`${name}\`, by which elements are told apart`)
      return typeof value === 'bigint' ? value.toString() : value
    }),
  )
}
