import { type CelType, DYN, isSameType, type ParameterType } from './types.ts'

const isDyn = (type: CelType): boolean => type.kind === 'dyn'
const isWild = (type: CelType): boolean => type.kind === 'dyn' || type.kind === 'error'
const isParameter = (type: CelType): type is ParameterType => type.kind === 'parameter'

/** Kinds that accept null: messages, opaque types, times. */
const NULLABLE: ReadonlySet<CelType['kind']> = new Set(['null', 'optional', 'object', 'opaque', 'timestamp', 'duration'])

/** Finds out what type parameters stand for, by the rules of Kubernetes' checker. */
export class Unifier {
  readonly #bound = new Map<string, CelType>()
  readonly #trail: (readonly [name: string, previous: CelType | undefined])[] = []
  #count = 0

  /** A type yet to be found. */
  fresh(): CelType {
    this.#count += 1
    return { kind: 'parameter', name: `_${this.#count}` }
  }

  /** Whether a value of type `a` may stand where `b` is wanted; what this says about type parameters is kept only if so. */
  isAssignable(a: CelType, b: CelType): boolean {
    const mark = this.#trail.length
    return this.#assign(a, b) || this.#undo(mark)
  }

  /** The same for lists of types of the same length. */
  areAssignable(given: readonly CelType[], wanted: readonly CelType[]): boolean {
    const mark = this.#trail.length
    return this.#assignAll(given, wanted) || this.#undo(mark)
  }

  /** The type with all that is known about its parameters. */
  substitute(type: CelType): CelType {
    switch (type.kind) {
      case 'parameter': {
        const bound = this.#bound.get(type.name)
        return bound === undefined ? type : this.substitute(bound)
      }
      case 'list': {
        const element = this.substitute(type.element)
        return element === type.element ? type : { kind: 'list', element }
      }
      case 'map': {
        const key = this.substitute(type.key)
        const value = this.substitute(type.value)
        return key === type.key && value === type.value ? type : { kind: 'map', key, value }
      }
      case 'optional':
      case 'type': {
        const of = this.substitute(type.of)
        return of === type.of ? type : { kind: type.kind, of }
      }
      default:
        return type
    }
  }

  /** The final type: a parameter that nothing was found out about is `dyn`. */
  settle(type: CelType): CelType {
    return withoutParameters(this.substitute(type))
  }

  /** The more general of two types that fit together. */
  general(a: CelType, b: CelType): CelType {
    return isLessSpecific(a, b) ? a : b
  }

  #undo(mark: number): false {
    while (this.#trail.length > mark) {
      const [name, previous] = this.#trail.pop() ?? ['', undefined]
      if (previous === undefined) this.#bound.delete(name)
      else this.#bound.set(name, previous)
    }
    return false
  }

  #bind(parameter: ParameterType, type: CelType): void {
    this.#trail.push([parameter.name, this.#bound.get(parameter.name)])
    this.#bound.set(parameter.name, type)
  }

  #assignAll(given: readonly CelType[], wanted: readonly CelType[]): boolean {
    return given.length === wanted.length && given.every((type, index) => this.#assign(type, wanted[index] ?? DYN))
  }

  #assign(a: CelType, b: CelType): boolean {
    if (isParameter(b)) {
      const isBound = this.#bound.has(b.name)
      if (this.#stands(a, b)) return true
      if (isBound) return false
    }
    if (isParameter(a)) return this.#stands(b, a)
    if (isWild(a) || isWild(b)) return true
    if (a.kind === 'null') return NULLABLE.has(b.kind)
    if (b.kind === 'null') return NULLABLE.has(a.kind)
    switch (a.kind) {
      case 'list':
        return b.kind === 'list' && this.#assign(a.element, b.element)
      case 'map':
        return b.kind === 'map' && this.#assign(a.key, b.key) && this.#assign(a.value, b.value)
      case 'optional':
        return b.kind === 'optional' && this.#assign(a.of, b.of)
      case 'type':
        return b.kind === 'type'
      case 'object':
        return b.kind === 'object' && a.name === b.name
      case 'opaque':
        return b.kind === 'opaque' && a.name === b.name
      default:
        return a.kind === b.kind
    }
  }

  /** Whether a type may be what a parameter stands for. */
  #stands(type: CelType, parameter: ParameterType): boolean {
    if (isSameType(type, parameter)) return true
    const bound = this.#bound.get(parameter.name)
    if (bound === undefined) {
      if (this.#occurs(parameter, type)) return false
      this.#bind(parameter, type)
      return true
    }
    if (isSameType(type, bound)) return true
    if (!this.#assign(type, bound)) return false
    const wider = this.general(type, bound)
    if (!this.#occurs(parameter, wider)) this.#bind(parameter, wider)
    return true
  }

  #occurs(parameter: ParameterType, within: CelType): boolean {
    switch (within.kind) {
      case 'parameter': {
        if (within.name === parameter.name) return true
        const bound = this.#bound.get(within.name)
        return bound !== undefined && this.#occurs(parameter, bound)
      }
      case 'list':
        return this.#occurs(parameter, within.element)
      case 'map':
        return this.#occurs(parameter, within.key) || this.#occurs(parameter, within.value)
      case 'optional':
      case 'type':
        return this.#occurs(parameter, within.of)
      default:
        return false
    }
  }
}

function isLessSpecific(a: CelType, b: CelType): boolean {
  if (isDyn(a) || isParameter(a)) return true
  if (isDyn(b) || isParameter(b)) return false
  if (a.kind === 'list' && b.kind === 'list') return isLessSpecific(a.element, b.element)
  if (a.kind === 'map' && b.kind === 'map') return isLessSpecific(a.key, b.key) && isLessSpecific(a.value, b.value)
  if (a.kind === 'optional' && b.kind === 'optional') return isLessSpecific(a.of, b.of)
  if (a.kind === 'type' && b.kind === 'type') return true
  return isSameType(a, b)
}

function withoutParameters(type: CelType): CelType {
  switch (type.kind) {
    case 'parameter':
      return DYN
    case 'list': {
      const element = withoutParameters(type.element)
      return element === type.element ? type : { kind: 'list', element }
    }
    case 'map': {
      const key = withoutParameters(type.key)
      const value = withoutParameters(type.value)
      return key === type.key && value === type.value ? type : { kind: 'map', key, value }
    }
    case 'optional':
    case 'type': {
      const of = withoutParameters(type.of)
      return of === type.of ? type : { kind: type.kind, of }
    }
    default:
      return type
  }
}
