import { isEqualJson, isRecord } from '../api/index.ts'
import { type Segment, toPointer } from './json-pointer.ts'

/** One step of a JSON patch (RFC 6902), as far as differences need them. */
export type PatchOperation =
  | { readonly op: 'add' | 'replace'; readonly path: string; readonly value: unknown }
  | { readonly op: 'remove'; readonly path: string }

/** What differs deeper down is told as one value, since a document may be nested as deep as its author likes. */
const MAX_DEPTH = 500

/** The smallest patch that makes the second document of the first: by keys in objects, and in lists between what both begin and end with. */
export function diffJson(before: unknown, after: unknown): readonly PatchOperation[] {
  const operations: PatchOperation[] = []
  compare(before, after, [], operations)
  return operations
}

function compare(before: unknown, after: unknown, path: readonly Segment[], operations: PatchOperation[]): void {
  if (before === after) return
  const isDeep = path.length > MAX_DEPTH
  if (!isDeep && isRecord(before) && isRecord(after)) compareRecords(before, after, path, operations)
  else if (!isDeep && Array.isArray(before) && Array.isArray(after)) compareLists(before, after, path, operations)
  else if (!isEqualJson(before, after)) operations.push({ op: 'replace', path: toPointer(path), value: after })
}

type Fields = Readonly<Record<string, unknown>>

function compareRecords(before: Fields, after: Fields, path: readonly Segment[], operations: PatchOperation[]): void {
  for (const key of Object.keys(before)) if (!Object.hasOwn(after, key)) operations.push({ op: 'remove', path: toPointer([...path, key]) })
  for (const [key, value] of Object.entries(after)) {
    if (Object.hasOwn(before, key)) compare(before[key], value, [...path, key], operations)
    else operations.push({ op: 'add', path: toPointer([...path, key]), value })
  }
}

function compareLists(before: readonly unknown[], after: readonly unknown[], path: readonly Segment[], operations: PatchOperation[]): void {
  let start = 0
  while (start < before.length && start < after.length && isEqualJson(before[start], after[start])) start++
  let end = 0
  while (end < before.length - start && end < after.length - start && isEqualJson(before[before.length - 1 - end], after[after.length - 1 - end])) end++
  const removed = before.length - start - end
  const added = after.length - start - end
  const shared = Math.min(removed, added)
  for (let index = start; index < start + shared; index++) compare(before[index], after[index], [...path, String(index)], operations)
  // From behind, so that no removal moves what is still to be removed.
  for (let index = start + removed - 1; index >= start + shared; index--) operations.push({ op: 'remove', path: toPointer([...path, String(index)]) })
  for (let index = start + shared; index < start + added; index++) {
    operations.push({ op: 'add', path: toPointer([...path, String(index)]), value: after[index] })
  }
}
