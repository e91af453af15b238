import { type CelType, formatType } from './types.ts'

/** Writes the type of an expression as cel-go's own `String` does, which has longer names for some than its messages. */
export function outputType(type: CelType): string {
  switch (type.kind) {
    case 'null':
      return 'null_type'
    case 'timestamp':
      return 'google.protobuf.Timestamp'
    case 'duration':
      return 'google.protobuf.Duration'
    case 'list':
      return `list(${outputType(type.element)})`
    case 'map':
      return `map(${outputType(type.key)}, ${outputType(type.value)})`
    case 'optional':
      return `optional_type(${outputType(type.of)})`
    case 'type':
      return `type(${outputType(type.of)})`
    default:
      return formatType(type)
  }
}
