import { err, isEqualJson, isRecord, ok, type Result } from '../api/index.ts'
import { parsePointer, type Segment } from './json-pointer.ts'

/** A step of a JSON patch as an expression gives it: nothing of it is known to be right. */
export interface PatchStep {
  readonly op: string
  readonly path: string
  readonly from: string
  /** Undefined where there is none, which counts as null. */
  readonly value: unknown
}

/** What a patch made: a new document, or nothing since one of its tests failed. */
export type Patched = { readonly kind: 'patched'; readonly document: unknown } | { readonly kind: 'testFailed' }

class PatchFailure extends Error {}

const ARRAY_INDEX = /^(?:0|[1-9][0-9]{0,8})$/

function refuse(message: string): never {
  throw new PatchFailure(message)
}

/** Steps of one patch; more would let an object decide how long a review takes. */
const MAX_STEPS = 4096
/** Values that all copies of one patch may make: a copy of copies doubles with every step. */
const MAX_COPIED_VALUES = 100_000
const MAX_COPIED_DEPTH = 1000

/** Applies a JSON patch (RFC 6902) as Kubernetes does: a failed test leaves the document alone, anything else that does not work is an error. */
export function applyPatch(document: unknown, steps: readonly PatchStep[]): Result<Patched, string> {
  if (steps.length > MAX_STEPS) return err(`the patch has ${steps.length} steps, of which there may be ${MAX_STEPS}`)
  const draft = new Draft(document)
  try {
    for (const step of steps) if (!draft.take(step)) return ok({ kind: 'testFailed' })
    return ok({ kind: 'patched', document: draft.document })
  } catch (cause) {
    if (cause instanceof PatchFailure) return err(cause.message)
    throw cause
  }
}

type Mutable = Record<string, unknown>

/** A document that is being changed: containers are copied when they are first written to, so that the original stays as it was. */
class Draft {
  /** The containers that this draft made, by themselves. */
  readonly #own = new WeakMap<object, unknown[] | Mutable>()
  #copied = 0
  document: unknown

  constructor(document: unknown) {
    this.document = document
  }

  /** Whether the patch goes on: a test that fails ends it. */
  take({ op, path, from, value }: PatchStep): boolean {
    const target = pointerOf(path)
    switch (op) {
      case 'add':
        this.#add(target, value ?? null)
        return true
      case 'remove':
        this.#remove(target)
        return true
      case 'replace':
        this.#replace(target, value ?? null)
        return true
      case 'move': {
        const source = pointerOf(from)
        const moved = read(this.document, source)
        this.#remove(source)
        this.#add(target, moved)
        return true
      }
      case 'copy':
        this.#add(target, this.#copy(readOrNull(this.document, pointerOf(from))))
        return true
      case 'test':
        return passesTest(this.document, target, value)
      default:
        return refuse(`\`${op}\` is no operation of a JSON patch`)
    }
  }

  /** The container at a place that may be written to, and the last key. */
  #parent(path: readonly Segment[]): { readonly parent: unknown[] | Mutable; readonly last: Segment } {
    const last = path.at(-1)
    if (last === undefined) return refuse('the document as a whole cannot be changed')
    let parent = this.#writable(this.document, last)
    this.document = parent
    for (const segment of path.slice(0, -1)) {
      const inner = this.#writable(child(parent, segment), last)
      if (Array.isArray(parent)) parent[indexOf(parent, segment, false)] = inner
      else parent[segment] = inner
      parent = inner
    }
    return { parent, last }
  }

  #writable(value: unknown, last: Segment): unknown[] | Mutable {
    if (!Array.isArray(value) && !isRecord(value)) return refuse(`nothing can be at \`${last}\` of what is neither object nor list`)
    const own = this.#own.get(value)
    if (own !== undefined) return own
    // Without a prototype, so that a key named `__proto__` is a key like any other.
    const copy: unknown[] | Mutable = Array.isArray(value) ? [...value] : Object.assign(Object.create(null), value)
    this.#own.set(copy, copy)
    return copy
  }

  #add(path: readonly Segment[], value: unknown): void {
    const { parent, last } = this.#parent(path)
    if (Array.isArray(parent)) parent.splice(indexOf(parent, last, true), 0, value)
    else parent[last] = value
  }

  #remove(path: readonly Segment[]): void {
    const { parent, last } = this.#parent(path)
    if (Array.isArray(parent)) parent.splice(indexOf(parent, last, false), 1)
    else if (Object.hasOwn(parent, last)) delete parent[last]
    else refuse(`there is no \`${last}\` to remove`)
  }

  /** Kubernetes sets a key that is not there, although the standard calls that an error. */
  #replace(path: readonly Segment[], value: unknown): void {
    const { parent, last } = this.#parent(path)
    if (Array.isArray(parent)) parent[indexOf(parent, last, false)] = value
    else parent[last] = value
  }

  #copy(value: unknown, depth = 0): unknown {
    this.#copied += 1
    if (this.#copied > MAX_COPIED_VALUES || depth > MAX_COPIED_DEPTH) return refuse('the patch copies too much')
    if (Array.isArray(value)) return value.map((item) => this.#copy(item, depth + 1))
    if (!isRecord(value)) return value
    const copy: Mutable = Object.create(null)
    for (const [key, item] of Object.entries(value)) copy[key] = this.#copy(item, depth + 1)
    return copy
  }
}

function pointerOf(pointer: string): readonly Segment[] {
  return parsePointer(pointer) ?? refuse(`\`${pointer}\` is no JSON pointer`)
}

function indexOf(list: readonly unknown[], segment: Segment, isInsertion: boolean): number {
  if (isInsertion && segment === '-') return list.length
  const limit = isInsertion ? list.length : list.length - 1
  const negative = /^-([1-9][0-9]{0,8})$/.exec(segment)?.[1]
  const index = negative === undefined ? (ARRAY_INDEX.test(segment) ? Number(segment) : Number.NaN) : limit + 1 - Number(negative)
  return index >= 0 && index <= limit ? index : refuse(`index \`${segment}\` is not in a list of ${list.length}`)
}

function child(value: unknown, segment: Segment): unknown {
  if (Array.isArray(value)) return value[indexOf(value, segment, false)]
  if (isRecord(value) && Object.hasOwn(value, segment)) return value[segment]
  return refuse(`there is no \`${segment}\` on the way to the path`)
}

const read = (document: unknown, path: readonly Segment[]): unknown => path.reduce(child, document)

/** Where a key of an object is read alone, a missing one counts as null. */
function readOrNull(document: unknown, path: readonly Segment[]): unknown {
  const last = path.at(-1)
  if (last === undefined) return document
  const parent = read(document, path.slice(0, -1))
  return isRecord(parent) && !Object.hasOwn(parent, last) ? null : child(parent, last)
}

/** What is not there passes a test without a value only, not one for null. */
function passesTest(document: unknown, path: readonly Segment[], value: unknown): boolean {
  const last = path.at(-1)
  const parent = last === undefined ? undefined : read(document, path.slice(0, -1))
  if (last !== undefined && isRecord(parent) && !Object.hasOwn(parent, last)) return value === undefined
  return isEqualJson(readOrNull(document, path), value ?? null)
}
