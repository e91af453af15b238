import { joinPath, type SchemaLookup, type SchemaNode, type Shape, shapeOf } from './schema-node.ts'
import { didYouMean } from './suggest.ts'

/** A step of a JSON pointer that leads to no field of the kind. */
export interface PointerWarning {
  readonly path: string
  readonly message: string
  readonly suggestion?: string
}

const INDEX = /^(?:-|-?[0-9]+)$/

/** What is wrong with a place that is to be written, by keys from the root of an object; undefined where it is there, or where that is not known. */
export function checkPointer(schema: SchemaNode, lookup: SchemaLookup, keys: readonly string[]): PointerWarning | undefined {
  return missingIn(shapeOf(schema, '', lookup), keys)
}

function missingIn(shape: Shape, keys: readonly string[]): PointerWarning | undefined {
  const [key, ...rest] = keys
  if (key === undefined) return undefined
  switch (shape.kind) {
    case 'list':
      // An apply configuration names the fields of elements without their places.
      return missingIn(shape.element(), INDEX.test(key) ? rest : keys)
    case 'map':
      return missingIn(shape.value(), rest)
    case 'scalar':
      return { path: joinPath(shape.path, key), message: `\`${shape.path}\` is of type ${shape.type} and has no field \`${key}\`` }
    case 'object': {
      const field = shape.fields.get(key)
      if (field !== undefined) return missingIn(field(), rest)
      if (shape.isOpen) return undefined
      const suggestion = didYouMean(key, shape.fields.keys())
      const message = `${shape.path === '' ? 'the object' : `\`${shape.path}\``} has no field \`${key}\``
      return { path: joinPath(shape.path, key), message, ...(suggestion === undefined ? {} : { suggestion }) }
    }
    case 'unknown':
      return undefined
  }
}
