import type { BinaryExpr, CallExpr, Expr, IndexExpr, MacroExpr, SelectExpr, SourceRange } from './ast.ts'
import { eitherShape, joinPath, type SchemaLookup, type SchemaNode, type Shape, shapeOf, UNKNOWN } from './schema-node.ts'
import { didYouMean } from './suggest.ts'

/** A field that an expression reads but the schema of the matched kind does not have. */
export interface FieldPathWarning extends SourceRange {
  /** Such as `spec.template.spec.containers[].imagee`. */
  readonly path: string
  /** One line, lower case. */
  readonly message: string
  readonly suggestion?: string
  /** Whether the expression asks for the field somewhere, by `has`, `in` or an optional: it does not rely on it. */
  readonly isTested: boolean
}

/** The schemas of variables by name, such as `object`, `oldObject` and `params`; `variables.x` may be among them. */
export type VariableSchemas = Readonly<Record<string, SchemaNode>>

/** Fields that every object has, whether or not the schema of its kind repeats them. */
const OBJECT_FIELDS: ReadonlySet<string> = new Set(['apiVersion', 'kind', 'metadata'])

/** Finds the fields an expression reads that cannot exist; a path is named once, at its first place. */
export function checkFieldPaths(
  expr: Expr,
  schemas: VariableSchemas,
  lookup: SchemaLookup = () => undefined,
  derived: VariableShapes = new Map(),
): readonly FieldPathWarning[] {
  const walk = new FieldWalk(schemas, lookup, derived)
  walk.shape(expr, undefined)
  return [...walk.warnings.values()]
}

/** What is known of the values of a policy's variables, by qualified name. */
export type VariableShapes = ReadonlyMap<string, Shape>

/** What is known of an expression's value, to be handed on as the shape of `variables.x`. */
export function shapeOfExpression(expr: Expr, schemas: VariableSchemas, lookup: SchemaLookup = () => undefined, derived: VariableShapes = new Map()): Shape {
  return new FieldWalk(schemas, lookup, derived).shape(expr, undefined)
}

interface ShapeScope {
  readonly name: string
  readonly shape: Shape
  readonly outer: ShapeScope | undefined
}

/** One step of a path. */
interface Step {
  readonly field: string
  readonly range: SourceRange
  /** Whether it starts at a whole object. */
  readonly isRoot: boolean
  readonly isTested: boolean
}

/** Methods whose result has the shape of their target. */
const KEEPING: ReadonlySet<string> = new Set(['value', 'distinct', 'reverse', 'sort', 'slice'])

class FieldWalk {
  readonly warnings = new Map<string, FieldPathWarning>()
  readonly #schemas: VariableSchemas
  readonly #lookup: SchemaLookup
  readonly #derived: VariableShapes

  constructor(schemas: VariableSchemas, lookup: SchemaLookup, derived: VariableShapes) {
    this.#schemas = schemas
    this.#lookup = lookup
    this.#derived = derived
  }

  /** Walks an expression; optionals have the shape of what they hold. */
  shape(expr: Expr, scope: ShapeScope | undefined): Shape {
    switch (expr.kind) {
      case 'literal':
      case 'message':
        if (expr.kind === 'message') for (const { value } of expr.fields) this.shape(value, scope)
        return UNKNOWN
      case 'ident':
        return this.#named(expr.name, expr.absolute ? undefined : scope)
      case 'select':
        return this.#select(expr, scope)
      case 'index':
        return this.#index(expr, scope)
      case 'has':
        this.#select(expr.target, scope, true)
        return UNKNOWN
      case 'unary':
        this.shape(expr.operand, scope)
        return UNKNOWN
      case 'binary':
        return this.#binary(expr, scope)
      case 'logical':
        for (const operand of expr.operands) this.shape(operand, scope)
        return UNKNOWN
      case 'conditional':
        this.shape(expr.condition, scope)
        return this.#either([expr.then, expr.otherwise], scope)
      case 'list': {
        const element = this.#either(
          expr.elements.map(({ value }) => value),
          scope,
        )
        return element.kind === 'unknown' ? UNKNOWN : { kind: 'list', path: '', element: () => element }
      }
      case 'map': {
        for (const { key } of expr.entries) this.shape(key, scope)
        const value = this.#either(
          expr.entries.map((entry) => entry.value),
          scope,
        )
        return value.kind === 'unknown' ? UNKNOWN : { kind: 'map', value: () => value }
      }
      case 'call':
        return this.#call(expr, scope)
      case 'macro':
        return this.#macro(expr, scope)
    }
  }

  #named(name: string, scope: ShapeScope | undefined): Shape {
    for (let local = scope; local !== undefined; local = local.outer) if (local.name === name) return local.shape
    const derived = this.#derived.get(name)
    if (derived !== undefined) return derived
    const schema = Object.hasOwn(this.#schemas, name) ? this.#schemas[name] : undefined
    return schema === undefined ? UNKNOWN : shapeOf(schema, name === 'object' ? '' : name, this.#lookup)
  }

  #select(expr: SelectExpr, scope: ShapeScope | undefined, isTested = isOptionalStep(expr)): Shape {
    const { operand, field, fieldRange } = expr
    if (operand.kind === 'ident' && !isLocal(operand.name, scope)) {
      const qualified = this.#named(`${operand.name}.${field}`, undefined)
      if (qualified.kind !== 'unknown') return qualified
    }
    return this.#field(this.shape(operand, scope), { field, range: fieldRange, isRoot: isObject(operand), isTested })
  }

  #index(expr: IndexExpr, scope: ShapeScope | undefined): Shape {
    const { operand, index } = expr
    const shape = this.shape(operand, scope)
    this.shape(index, scope)
    const isText = index.kind === 'literal' && typeof index.value === 'string'
    if (isText) return this.#field(shape, { field: String(index.value), range: index, isRoot: isObject(operand), isTested: isOptionalStep(expr) })
    if (shape.kind === 'list') return shape.element()
    return shape.kind === 'map' ? shape.value() : UNKNOWN
  }

  #field(shape: Shape, step: Step): Shape {
    const { field, isRoot } = step
    switch (shape.kind) {
      case 'unknown':
        return UNKNOWN
      case 'map':
        return shape.value()
      case 'scalar':
        return this.#warn(joinPath(shape.path, field), step, `${quoted(shape.path, 'this')} is of type ${shape.type} and has no field \`${field}\``)
      case 'list':
        return this.#warn(
          joinPath(shape.path, field),
          step,
          `${quoted(shape.path, 'this')} is a list and has no field \`${field}\``,
          'its elements are reached by an index or by a macro such as `all`',
        )
      case 'object': {
        const found = shape.fields.get(field)
        if (found !== undefined) return found()
        if (shape.isOpen || (isRoot && OBJECT_FIELDS.has(field))) return UNKNOWN
        const message = `${quoted(shape.path, 'the object')} has no field \`${field}\``
        return this.#warn(joinPath(shape.path, field), step, message, didYouMean(field, shape.fields.keys()))
      }
    }
  }

  #warn(path: string, { range, isTested }: Step, message: string, suggestion?: string): Shape {
    const first = this.warnings.get(path) ?? {
      path,
      message,
      start: range.start,
      end: range.end,
      ...(suggestion === undefined ? {} : { suggestion }),
      isTested,
    }
    this.warnings.set(path, { ...first, isTested: first.isTested || isTested })
    return UNKNOWN
  }

  /** The shape of one of several expressions; empty literals add nothing to it. */
  #either(exprs: readonly Expr[], scope: ShapeScope | undefined): Shape {
    const shapes = exprs.flatMap((expr) => {
      const shape = this.shape(expr, scope)
      return isEmptyLiteral(expr) ? [] : [shape]
    })
    return shapes.length === 0 ? UNKNOWN : shapes.reduce(eitherShape)
  }

  #binary({ operator, left, right }: BinaryExpr, scope: ShapeScope | undefined): Shape {
    if (operator === '+') {
      const sum = this.#either([left, right], scope)
      return sum.kind === 'list' ? sum : UNKNOWN
    }
    this.shape(left, scope)
    const container = this.shape(right, scope)
    const isName = operator === 'in' && left.kind === 'literal' && typeof left.value === 'string'
    if (isName && container.kind === 'object') this.#field(container, { field: String(left.value), range: left, isRoot: isObject(right), isTested: true })
    return UNKNOWN
  }

  #call({ name, target, args }: CallExpr, scope: ShapeScope | undefined): Shape {
    const held = target === undefined ? UNKNOWN : this.shape(target, scope)
    if (target === undefined || isOptionalNamespace(target)) {
      const shapes = args.map((argument) => this.shape(argument, scope))
      return (name === 'dyn' || name === 'of' || name === 'ofNonZeroValue') && shapes.length === 1 ? (shapes[0] ?? UNKNOWN) : UNKNOWN
    }
    if (name === 'orValue' || name === 'or') return this.#orElse(held, args, scope)
    for (const argument of args) this.shape(argument, scope)
    if (KEEPING.has(name)) return held
    if ((name === 'first' || name === 'last') && held.kind === 'list') return held.element()
    if (name === 'flatten' && args.length === 0 && held.kind === 'list') return held.element()
    return UNKNOWN
  }

  #orElse(held: Shape, args: readonly Expr[], scope: ShapeScope | undefined): Shape {
    const [argument] = args
    if (argument === undefined) return UNKNOWN
    const other = this.shape(argument, scope)
    return isEmptyLiteral(argument) ? held : eitherShape(held, other)
  }

  #macro({ macro, range: source, variables, filter, body }: MacroExpr, scope: ShapeScope | undefined): Shape {
    const range = this.shape(source, scope)
    let inner = scope
    const shapes = macro === 'optMap' || macro === 'optFlatMap' ? [range] : loopShapes(range, variables.length)
    for (const [index, name] of variables.entries()) inner = { name, shape: shapes[index] ?? UNKNOWN, outer: inner }
    if (filter !== undefined) this.shape(filter, inner)
    const made = this.shape(body, inner)
    switch (macro) {
      case 'filter':
        return range.kind === 'list' ? range : UNKNOWN
      case 'sortBy':
        return range
      case 'optMap':
      case 'optFlatMap':
        return made
      case 'map':
      case 'transformList':
        return made.kind === 'unknown' ? UNKNOWN : { kind: 'list', path: '', element: () => made }
      case 'transformMap':
        return made.kind === 'unknown' ? UNKNOWN : { kind: 'map', value: () => made }
      default:
        return UNKNOWN
    }
  }
}

function loopShapes(range: Shape, count: number): readonly Shape[] {
  if (range.kind === 'list') return count === 2 ? [UNKNOWN, range.element()] : [range.element()]
  return range.kind === 'map' ? [UNKNOWN, range.value()] : []
}

const isObject = (expr: Expr): boolean => expr.kind === 'ident' && (expr.name === 'object' || expr.name === 'oldObject' || expr.name === 'params')
const isOptionalNamespace = (expr: Expr): boolean => expr.kind === 'ident' && expr.name === 'optional'
const quoted = (path: string, otherwise: string): string => (path === '' ? otherwise : `\`${path}\``)

function isLocal(name: string, scope: ShapeScope | undefined): boolean {
  for (let local = scope; local !== undefined; local = local.outer) if (local.name === name) return true
  return false
}

/** Whether a step is optional, or follows one that is. */
function isOptionalStep(expr: Expr): boolean {
  for (let at = expr; at.kind === 'select' || at.kind === 'index'; at = at.operand) if (at.optional) return true
  return false
}

function isEmptyLiteral(expr: Expr): boolean {
  if (expr.kind === 'list') return expr.elements.length === 0
  if (expr.kind === 'map') return expr.entries.length === 0
  return expr.kind === 'call' && expr.name === 'none' && expr.target !== undefined && isOptionalNamespace(expr.target)
}
