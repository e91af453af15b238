/** One step into a JSON document. */
export type Segment = string

/** Writes a path of keys as a JSON pointer (RFC 6901). */
export const toPointer = (segments: readonly Segment[]): string => segments.map((segment) => `/${segment.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')

/** Reads a JSON pointer; undefined where it is none. */
export function parsePointer(pointer: string): readonly Segment[] | undefined {
  if (pointer === '') return []
  if (!pointer.startsWith('/')) return undefined
  return pointer
    .slice(1)
    .split('/')
    .map((segment) => segment.replaceAll('~1', '/').replaceAll('~0', '~'))
}

/** Whether one path is the other, or leads into it or out of it: changing one changes what stands at the other. */
export function isRelated(a: readonly Segment[], b: readonly Segment[]): boolean {
  const length = Math.min(a.length, b.length)
  for (let index = 0; index < length; index++) if (a[index] !== b[index]) return false
  return true
}

/** Whether a path is the given one or lies below it. */
export const isWithin = (path: readonly Segment[], outer: readonly Segment[]): boolean => path.length >= outer.length && isRelated(path, outer)
